"""A classifier and data in, numbers out; never trains."""

from egoshift.evaluation.answers import Answers, Question, answers_of
from egoshift.evaluation.assemble import build_result
from egoshift.evaluation.assemble_modalities import build_modality_result
from egoshift.evaluation.bootstrap import bootstrap_interval
from egoshift.evaluation.episode_lists import read_episodes, write_episodes
from egoshift.evaluation.episodes import Episodes, draw_episodes
from egoshift.evaluation.few_shot import FewShotRow, episode_accuracies, few_shot_rows, mean_interval
from egoshift.evaluation.metrics import (
    harmonic_mean,
    macro_accuracy,
    macro_f1,
    per_class_accuracy,
    target_ranks,
    top_k_accuracy,
)
from egoshift.evaluation.modalities import ModalityScores, score_modalities
from egoshift.evaluation.modality_episodes import FewShotSettings
from egoshift.evaluation.modality_result import ANY_MODALITY, Example, LeftOut, ModalityResult, SubsetRow, SweepRow
from egoshift.evaluation.modality_rows import many_shot_rows, missing_rate_rows
from egoshift.evaluation.predict import predict, predict_answers, predict_logits
from egoshift.evaluation.protocol import count_subsets, evaluate_scores, harmonic_row, outcomes_of, rows_of
from egoshift.evaluation.result import (
    ClassRow,
    ConfusedPair,
    Confusion,
    Counts,
    EpochRow,
    Metric,
    MetricRow,
    Outcomes,
    Provenance,
    Result,
    Selection,
    Subset,
)
from egoshift.evaluation.versions import library_versions

__all__ = [
    "ANY_MODALITY",
    "Answers",
    "ClassRow",
    "ConfusedPair",
    "Confusion",
    "Counts",
    "Episodes",
    "EpochRow",
    "Example",
    "FewShotRow",
    "FewShotSettings",
    "LeftOut",
    "Metric",
    "MetricRow",
    "ModalityResult",
    "ModalityScores",
    "Outcomes",
    "Provenance",
    "Question",
    "Result",
    "Selection",
    "Subset",
    "SubsetRow",
    "SweepRow",
    "answers_of",
    "bootstrap_interval",
    "build_modality_result",
    "build_result",
    "count_subsets",
    "draw_episodes",
    "episode_accuracies",
    "evaluate_scores",
    "few_shot_rows",
    "harmonic_mean",
    "harmonic_row",
    "library_versions",
    "macro_accuracy",
    "macro_f1",
    "many_shot_rows",
    "mean_interval",
    "missing_rate_rows",
    "outcomes_of",
    "per_class_accuracy",
    "predict",
    "predict_answers",
    "predict_logits",
    "read_episodes",
    "rows_of",
    "score_modalities",
    "target_ranks",
    "top_k_accuracy",
    "write_episodes",
]

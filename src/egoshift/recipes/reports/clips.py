"""Clips to look at: some that a model gets right and some that it gets wrong, and what it says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from egoshift.errors import MediaError, ResultError
from egoshift.evaluation import Outcomes, Result
from egoshift.evaluation.predict import predict_logits
from egoshift.features import AbstractFeatureSource
from egoshift.recipes.models import class_texts
from egoshift.recipes.reports.found import Found
from egoshift.recipes.reports.moments import Moment, moments_of
from egoshift.recipes.run import Run
from egoshift.recipes.scoring import check_features, open_models
from egoshift.recipes.stores import Opened
from egoshift.records import Label

MOST_GUESSES = 3

_SAME = 1e-3
"""Logits that differ by less may change places where another batch of clips is scored."""

Guesses = tuple[tuple[str, float], ...]
"""Classes with their probabilities, the best first."""


@dataclass(frozen=True)
class Clip:
    """A clip, what it is, and what was said.

    Attributes:
        video: Its video.
        start_s: Where it begins.
        stop_s: Where it ends.
        target: The right class.
        predicted: The class that the result holds.
        guesses: The likeliest classes by softmax of the logits.
        others: By the title of another result of the same clips, the class that it answered.
        moments: Frames of it.
        missing: Why there are no frames; empty where there are.
    """

    video: str
    start_s: float
    stop_s: float
    target: str
    predicted: str
    guesses: Guesses
    others: tuple[tuple[str, str], ...] = ()
    moments: tuple[Moment, ...] = ()
    missing: str = ""

    @property
    def right(self) -> bool:
        """Whether it was recognised."""
        return self.predicted == self.target


def drawn(outcomes: Outcomes, number: int, seed: int) -> Int64[np.ndarray, " chosen"]:
    """Which clips to show: half of them answered rightly, then half wrongly, each drawn without replacement.

    Where there are too few of one kind, more of the other are drawn.

    Args:
        outcomes: Among all classes.
        number: How many, if there are as many.
        seed: Of the draw; the same clips for the same seed.

    Returns:
        Places in the outcomes.
    """
    right = np.asarray(outcomes.predicted) == np.asarray(outcomes.targets)
    generator = np.random.default_rng(seed)
    yes, no = (generator.permutation(np.flatnonzero(kind)) for kind in (right, ~right))
    most_right = min(len(yes), max(number - number // 2, number - len(no)))
    chosen: Int64[np.ndarray, " chosen"] = np.concatenate([yes[:most_right], no[: number - most_right]]).astype(
        np.int64
    )
    return chosen


def answers_of(result: Result, label: Label) -> Outcomes | None:
    """What was answered among all classes; None where the result does not hold it."""
    return next((one for one in result.outcomes if (one.label, one.space) == (label, "all")), None)


def clips_of(
    found: Found[Result], label: Label, others: Sequence[tuple[str, Result]] = (), *, number: int, seed: int = 0
) -> list[Clip]:
    """Clips of a result, scored again by its trained model.

    Args:
        found: The result, with the folder of its run.
        label: The kind of label.
        others: Further results by title; those of the same clips say what they answered.
        number: How many clips.
        seed: Of the draw (``drawn``).

    Raises:
        EgoshiftError: The model, the features or the data card are not there, or not those of the result.
    """
    outcomes = answers_of(found.result, label)
    if found.folder is None or found.card is None or outcomes is None:
        raise ResultError(f"{found.path}: {_lacking(found, outcomes)}")
    run, source, checkpoints = open_models(found.folder, "auto")
    labels = next(labels for labels in checkpoints if label in labels)
    same = found.card.resolve() == run.train.resolve()
    target = source if same else Opened.of(run, found.card)
    check_features(run, checkpoints[labels].config, target)
    features = target.features(run, target.evaluation_clips(trained_on=same), labels)
    order = _order(features, label)
    if features.targets[label][order].tolist() != list(outcomes.targets):
        raise ResultError(f"{found.path}: the clips of {target.dataset.name} are not those that it is of")
    chosen = drawn(outcomes, number, seed)
    rows = order[torch.from_numpy(chosen)]
    text = class_texts(run, target, (label,))
    classifier = checkpoints[labels].classifier
    logits = predict_logits(classifier, features, text, rows, num_frames=run.fit.num_frames)[label]
    said = logits[torch.arange(len(logits)), torch.tensor(outcomes.predicted)[chosen]]
    if bool((said < logits.amax(1) - _SAME).any()):
        raise ResultError(f"{found.path}: the model in {found.folder} answers otherwise by now; evaluate it again")
    guesses = [_best(shares, text[label].names) for shares in logits.float().softmax(1).numpy()]
    return _clips(
        run, target, features, rows.tolist(), _said(outcomes, chosen, text[label].names, guesses, label, others)
    )


_Said = tuple[str, str, Guesses, tuple[tuple[str, str], ...]]
"""The right class, the predicted one, the likeliest ones, and what others said."""


def _said(
    outcomes: Outcomes,
    chosen: Int64[np.ndarray, " chosen"],
    names: Sequence[str],
    guesses: Sequence[Guesses],
    label: Label,
    others: Sequence[tuple[str, Result]],
) -> list[_Said]:
    theirs = [(title, _same_clips(outcomes, answers_of(result, label))) for title, result in others]
    return [
        (
            names[outcomes.targets[index]],
            names[outcomes.predicted[index]],
            guess,
            tuple((title, names[answers.predicted[index]]) for title, answers in theirs if answers is not None),
        )
        for index, guess in zip(chosen.tolist(), guesses, strict=True)
    ]


def _same_clips(ours: Outcomes, theirs: Outcomes | None) -> Outcomes | None:
    if theirs is None or (theirs.videos, theirs.clips, theirs.targets) != (ours.videos, ours.clips, ours.targets):
        return None
    return theirs


def _clips(
    run: Run, opened: Opened, features: AbstractFeatureSource, rows: Sequence[int], said: Sequence[_Said]
) -> list[Clip]:
    assert features.spans is not None, "data sets have times"
    clips = []
    for row, (target, predicted, guesses, others) in zip(rows, said, strict=True):
        video, (start_s, stop_s) = features.groups[row], features.spans[row].tolist()
        moments: tuple[Moment, ...] = ()
        try:
            moments = moments_of(run, opened, video, start_s, stop_s)
            missing = "" if moments else "its video is not there"
        except MediaError as error:
            missing = str(error)
        clips.append(Clip(video, start_s, stop_s, target, predicted, guesses, others, moments, missing))
    return clips


def _order(features: AbstractFeatureSource, label: Label) -> Int64[Tensor, " labelled"]:
    """The labelled clips in the order of a result's outcomes: by video, as videos first occur among them."""
    kept = (features.targets[label] >= 0).nonzero()[:, 0]
    videos = [features.groups[row] for row in kept.tolist()]
    ranks = {video: rank for rank, video in enumerate(dict.fromkeys(videos))}
    return kept[torch.tensor([ranks[video] for video in videos], dtype=torch.int64).argsort(stable=True)]


def _best(probabilities: Float[np.ndarray, " classes"], names: Sequence[str]) -> Guesses:
    order = np.argsort(-probabilities, kind="stable")[:MOST_GUESSES]
    return tuple((names[index], float(probabilities[index])) for index in order.tolist())


def _lacking(found: Found[Result], outcomes: Outcomes | None) -> str:
    if found.run is None:
        return "holds no run that this version reads"
    if outcomes is None:
        return "does not hold what was answered for each clip"
    return "its trained model does not lie beside it" if found.folder is None else "its data card is not there any more"

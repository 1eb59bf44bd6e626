"""The whole result of a model of several modalities, and its file."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from egoshift.errors import ConfigError, ResultError
from egoshift.evaluation import (
    FewShotSettings,
    ModalityResult,
    Provenance,
    SubsetRow,
    build_modality_result,
    many_shot_rows,
    missing_rate_rows,
    score_modalities,
    write_episodes,
)
from egoshift.evaluation.modality_episodes import few_shot_labels, few_shot_subset_rows, make_episodes
from egoshift.evaluation.modality_rows import Splits
from tests.unit.evaluation.modal import ALL, CLIPS, IDS, SUBSETS, clips, fusion, scored, texts

SPLITS: Splits = {"noun": ((0, 2, 5), (1, 3, 4))}
FEW_SHOT = FewShotSettings(label="noun", classes=(1, 2, 4, 5), ways=3, shots=2, queries=3, num_episodes=7)
NAMED = {"method": "fusion", "train": "a", "test": "b"}


def build(**options: object) -> ModalityResult:
    given = {**NAMED, "splits": SPLITS, "few_shot": FEW_SHOT, "ids": IDS, "num_resamples": 40}
    return build_modality_result(scored(), **{**given, **options})  # type: ignore[arg-type]


def test_it_holds_the_rows_of_every_protocol() -> None:
    result, scores = build(), scored()
    many = many_shot_rows(scores, splits=SPLITS, num_resamples=40)
    few = few_shot_subset_rows(scores, make_episodes(scores, FEW_SHOT, IDS), FEW_SHOT)
    assert result.rows == (*many, *few)
    assert len(many) == 7 * (5 + 1)
    assert len(few) == 49
    assert result.sweep == missing_rate_rows(scores, num_resamples=40)
    assert result.episodes == {"ways": 3, "shots": 2, "queries": 3, "episodes": 7, "seed": 0}
    assert len(result.examples) == 3 * 10
    assert {example.query for example in result.examples} <= set(IDS)


def test_the_sweep_has_rates_and_draws_of_its_own() -> None:
    sweep = build(rates=(0.5,), sweep_seed=3).sweep
    assert sweep == missing_rate_rows(scored(), rates=(0.5,), seed=3, num_resamples=40)
    assert sweep != build(rates=(0.5,)).sweep


def test_it_counts_what_was_left_out_and_why() -> None:
    result, scores = build(dropped={"no-video": 3}, faults={"bad-row": 1}), scored()
    whole = scores.has(ALL)
    for label in ("noun", "verb"):
        labelled = scores.targets[label] >= 0
        assert result.counts.evaluated[label] == int((labelled & whole).sum()) < int(labelled.sum())
        assert result.counts.unlabelled[label] == int((~labelled).sum())
        assert result.counts.videos[label] == 8
        rows = {(row.query, row.clips): row.n for row in result.rows if (row.label, row.task) == (label, "many-shot")}
        assert {clips_: n for (query, clips_), n in rows.items() if query == ALL} == result.counts.subsets[label]
        left_out = {part.query: part.n for part in result.left_out if (part.label, part.task) == (label, "many-shot")}
        assert {part.reason for part in result.left_out if part.task == "many-shot"} == {"no-modality"}
        for subset in SUBSETS:
            assert rows[subset, "all"] + left_out[subset] == int(labelled.sum())
    assert tuple(part for part in result.left_out if part.task == "few-shot") == few_shot_labels(scores, FEW_SHOT)[1]
    assert (result.counts.dropped, result.counts.faults) == ({"no-video": 3}, {"bad-row": 1})


def test_it_is_written_and_read_as_it_is(tmp_path: Path) -> None:
    result = build(variant="ours", selection="last", seed=4, provenance=Provenance(command="egoshift evaluate"))
    result.write(tmp_path / "result.json")
    assert ModalityResult.read(tmp_path / "result.json") == result
    assert (result.variant, result.selection, result.seed, result.modalities) == ("ours", "last", 4, ALL)
    assert result.provenance.command == "egoshift evaluate"
    assert (build().seed, build().provenance) == (0, Provenance())
    (tmp_path / "other.json").write_text('{"kind": "something"}')
    with pytest.raises(ResultError, match=r"other.json: does not fit the result schema: kind: "):
        ModalityResult.read(tmp_path / "other.json")


def test_rows_belong_to_the_settings_of_the_paper() -> None:
    result = build()
    few = [row for row in result.rows if row.task == "few-shot"]
    counts = {
        setting: sum(result.setting(row) == setting for row in few)
        for setting in ("regular", "missing", "zero-shot", "other")
    }
    assert counts == {"regular": 1, "missing": 6, "zero-shot": 12, "other": 30}
    trained = build(support=["video"]).rows[0]
    assert isinstance(trained, SubsetRow)
    assert trained.support == ("video",)


def test_parts_may_be_left_out() -> None:
    result = build(few_shot=None, rates=(), splits=None, ids=None)
    assert (result.sweep, result.examples, result.episodes) == ((), (), {})
    assert {(row.task, row.clips) for row in result.rows} == {("many-shot", "all")}
    assert {part.task for part in result.left_out} == {"many-shot"}


def test_embeddings_alone_have_few_shot_rows_alone() -> None:
    scores = score_modalities(fusion(), clips(), {}, names={"noun": texts()["noun"].names})
    result = build_modality_result(scores, **NAMED, few_shot=FEW_SHOT, ids=IDS)  # type: ignore[arg-type]
    assert result.rows == tuple(row for row in build().rows if row.task == "few-shot")
    assert result.examples == build().examples
    assert (result.sweep, result.counts.evaluated) == ((), {})


def test_a_list_of_episodes_gives_its_own_sizes(tmp_path: Path) -> None:
    path = tmp_path / "episodes.json"
    write_episodes(path, make_episodes(scored(), FEW_SHOT, IDS), ids=IDS, names=texts()["noun"].names)
    result = build(few_shot=replace(FEW_SHOT, path=path, ways=9, num_episodes=3))
    assert result.rows == build().rows
    assert result.episodes == {"ways": 3, "shots": 2, "queries": 3, "episodes": 7}
    assert {part.task for part in result.left_out} == {"many-shot"}


def test_clips_are_called_by_their_numbers_or_each_by_an_id_of_its_own() -> None:
    assert {example.query for example in build(ids=None).examples} <= {str(number) for number in range(CLIPS)}
    with pytest.raises(ConfigError, match="89 ids, 89 of them different, for 90 clips; give each an id of its own"):
        build(ids=IDS[1:])
    with pytest.raises(ConfigError, match="90 ids, 89 of them different, for 90 clips"):
        build(ids=(IDS[1], *IDS[1:]))


def test_a_source_that_nobody_can_be_scored_of_gives_an_empty_result() -> None:
    scores = score_modalities(fusion(), clips().subset(torch.zeros(0, dtype=torch.int64)), texts())
    result = build_modality_result(scores, **NAMED)  # type: ignore[arg-type]
    assert (result.rows, result.sweep, result.left_out) == ((), (), ())
    assert result.counts.evaluated == {"noun": 0, "verb": 0}


def test_more_ways_than_classes_are_one_line() -> None:
    with pytest.raises(ConfigError, match="5 ways, but there are 4 classes; give fewer ways or more classes"):
        build(few_shot=replace(FEW_SHOT, ways=5))

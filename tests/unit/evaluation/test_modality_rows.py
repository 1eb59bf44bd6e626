"""Many-shot rows and missing-rate sweeps against loops over clips."""

from dataclasses import replace

import pytest
import torch

from egoshift.errors import ConfigError
from egoshift.evaluation import (
    ANY_MODALITY,
    ModalityScores,
    bootstrap_interval,
    evaluate_scores,
    many_shot_rows,
    missing_rate_rows,
    score_modalities,
)
from egoshift.evaluation.modality_rows import RATES, Splits, keep_modalities, labelled_scores
from tests.unit.evaluation.modal import ALL, CLIPS, SUBSETS, clips, fusion, scored, slow_clip, slow_hits, texts

SPLITS: Splits = {"noun": ((0, 2, 5), (1, 3, 4))}
FEW = 50
"""Resamples, where intervals are compared and not read."""


def without(scores: ModalityScores, name: str) -> ModalityScores:
    """As if no clip had a modality: what was said from a subset is what its other modalities say."""
    nobody = torch.zeros(CLIPS, dtype=torch.bool)
    return replace(scores, present={**scores.present, name: nobody})


def test_every_row_is_the_share_of_hits_of_a_loop_over_clips() -> None:
    scores = scored()
    rows = many_shot_rows(scores, num_resamples=FEW)
    assert [(row.label, row.query) for row in rows] == [(label, s) for label in ("noun", "verb") for s in SUBSETS]
    for row in rows:
        hits = slow_hits(scores, row.label, row.query)
        assert (row.n, row.support, row.task, row.clips) == (len(hits), ALL, "many-shot", "all")
        assert row.value == pytest.approx(100 * sum(hits.values()) / len(hits))
        videos = tuple(scores.groups[clip] for clip in hits)
        expected = bootstrap_interval(torch.tensor(list(hits.values())).long(), videos, num_resamples=FEW)
        assert (row.low, row.high) == expected
    assert len({(row.n, row.value) for row in rows}) > 10


def test_intervals_are_of_the_draws_that_are_asked_for() -> None:
    scores = scored()

    def ends(seed: int = 0, num_resamples: int = FEW) -> list[tuple[float | None, float | None]]:
        rows = many_shot_rows(scores, seed=seed, num_resamples=num_resamples)
        return [(row.low, row.high) for row in rows]

    assert ends() == [(row.low, row.high) for row in many_shot_rows(scores, num_resamples=FEW)]
    assert ends() != ends(seed=1)
    assert ends() != ends(num_resamples=20)
    few, more = (missing_rate_rows(scores, rates=(0.5,), num_resamples=number) for number in (20, FEW))
    assert [row.value for row in few] == [row.value for row in more]
    assert [(row.low, row.high) for row in few] != [(row.low, row.high) for row in more]


def test_rows_of_shared_and_novel_classes_choose_among_them_or_among_all() -> None:
    scores = scored()
    rows = {
        (row.query, row.clips): row
        for row in many_shot_rows(scores, splits=SPLITS, num_resamples=FEW)
        if row.label == "noun"
    }
    assert len(rows) == 7 * 5
    for subset in SUBSETS:
        for number, name in enumerate(("shared", "novel")):
            chosen = set(SPLITS["noun"][number])
            counted = [
                clip for clip in slow_hits(scores, "noun", subset) if int(scores.targets["noun"][clip]) in chosen
            ]
            among = 0
            for clip in counted:
                values = scores.logits[subset]["noun"][clip].tolist()
                among += max(chosen, key=lambda one: values[one]) == int(scores.targets["noun"][clip])
            hits = slow_hits(scores, "noun", subset)
            for clips_, right in ((name, among), (f"{name}-generalised", sum(hits[clip] for clip in counted))):
                row = rows[subset, clips_]  # type: ignore[index]
                assert row.n == len(counted)
                assert row.value == pytest.approx(100 * right / len(counted))


def test_a_row_is_that_of_a_result_of_one_modality() -> None:
    scores = scored()
    expected = {
        row.subset: row
        for row in evaluate_scores(labelled_scores(scores, "noun", ("imu",)), *SPLITS["noun"])
        if row.metric == "top1"
    }
    found = [row for row in many_shot_rows(scores, splits=SPLITS) if (row.label, row.query) == ("noun", ("imu",))]
    assert len(found) == 5
    for row in found:
        twin = expected[row.clips]
        assert (row.value, row.low, row.high, row.n) == (twin.value, twin.low, twin.high, twin.n)


def test_the_support_is_written_in_the_order_of_the_model() -> None:
    rows = many_shot_rows(scored(), support=["audio", "video"], num_resamples=FEW)
    assert {row.support for row in rows} == {("video", "audio")}
    for support in (["gaze"], []):
        with pytest.raises(ConfigError, match="is no modality of this model; it has video, audio, imu"):
            many_shot_rows(scored(), support=support)


def test_a_subset_that_nobody_has_anything_of_has_no_row() -> None:
    rows = many_shot_rows(without(scored(), "imu"), num_resamples=FEW)
    assert [row.query for row in rows if row.label == "noun"] == [subset for subset in SUBSETS if subset != ("imu",)]


def test_a_single_video_has_no_interval() -> None:
    one = replace(scored(), groups=("v",) * CLIPS)
    rows, sweep = many_shot_rows(one), missing_rate_rows(one, rates=(0.0, 0.5))
    assert (len(rows), len(sweep)) == (14, 2 * 4 * 2)
    assert {(row.low, row.high) for row in rows} == {(row.low, row.high) for row in sweep} == {(None, None)}


def test_sweeps_start_at_all_modalities_and_end_without_one() -> None:
    scores = scored()
    rows = {(row.label, row.query): row for row in many_shot_rows(scores)}
    sweep = {(row.label, row.missing, row.rate): row for row in missing_rate_rows(scores)}
    assert len(sweep) == 2 * 4 * 11
    for label in ("noun", "verb"):
        for name in (*ALL, ANY_MODALITY):
            ends = [(0.0, ALL)]
            if name != ANY_MODALITY:
                ends.append((1.0, tuple(one for one in ALL if one != name)))
            for rate, subset in ends:
                row, twin = sweep[label, name, rate], rows[label, subset]
                assert (row.value, row.low, row.high, row.n) == (twin.value, twin.low, twin.high, twin.n)
    values = [sweep["noun", "video", rate].value for rate in RATES]
    assert len(set(values)) > 3


@pytest.mark.parametrize("name", [*ALL, ANY_MODALITY])
def test_every_rate_equals_a_fresh_forward_of_each_clip_with_what_it_keeps(name: str) -> None:
    model, source = fusion(), clips()
    scores = score_modalities(model, source, texts())
    drawn = torch.rand(CLIPS, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64).tolist()
    sweep = {
        row.rate: row
        for row in missing_rate_rows(scores, missing=[name], seed=7, num_resamples=FEW)
        if row.label == "noun"
    }
    for rate in (0.3, 0.7, 1.0):
        right = total = 0
        for clip in range(CLIPS):
            has = [one for one in ALL if bool(scores.present[one][clip])]
            numbers = dict(zip(ALL, drawn[clip], strict=True))
            kept = tuple(one for one in has if name not in (one, ANY_MODALITY) or numbers[one] >= rate)
            if has and not kept and name == ANY_MODALITY:
                kept = (max(has, key=lambda one: numbers[one]),)
            target = int(scores.targets["noun"][clip])
            found = slow_clip(model, source, clip, kept)
            if target < 0 or found is None:
                continue
            total += 1
            right += int(found[1]["noun"].argmax()) == target
        assert sweep[rate].n == total
        assert sweep[rate].value == pytest.approx(100 * right / total)


def test_what_is_missing_is_nested_and_as_often_as_the_rate_and_never_all() -> None:
    generator = torch.Generator().manual_seed(3)
    drawn = torch.rand(4000, 3, generator=generator, dtype=torch.float64)
    present = torch.rand(4000, 3, generator=generator) < 0.6
    for which in (None, 0, 2):
        before = torch.ones_like(present)
        for rate in RATES:
            kept = keep_modalities(drawn, present, rate, which)
            assert not bool((kept & ~before).any())
            before = kept
            missing = (~kept).double().mean(0)
            if which is None:
                assert torch.equal((kept & present).any(1), present.any(1))
            else:
                assert abs(float(missing[which]) - rate) < 0.03
                assert float(missing.sum()) == float(missing[which])
    # All that a sample has would be lost: each of the three stays with the same chance.
    last = keep_modalities(drawn, torch.ones_like(present), 1.0, None)
    assert torch.equal(last.sum(1), torch.ones(4000, dtype=torch.int64))
    assert bool(((last.double().mean(0) - 1 / 3).abs() < 0.03).all())


def test_the_seed_draws_who_misses_what() -> None:
    scores = scored()
    first, again, other = (
        missing_rate_rows(scores, missing=[ANY_MODALITY], seed=seed, num_resamples=FEW) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_one_modality_alone_loses_its_clips_and_then_its_rows() -> None:
    model = fusion(modalities={"video": 6})
    scores = score_modalities(model, clips(), texts())
    drawn = torch.rand(CLIPS, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)[:, 0]
    counted = scores.present["video"] & (scores.targets["noun"] >= 0)
    sweep = {
        row.rate: row.n
        for row in missing_rate_rows(scores, missing=["video"], num_resamples=FEW)
        if row.label == "noun"
    }
    left = {
        rate: sum(bool(here) and number >= rate for here, number in zip(counted, drawn.tolist(), strict=True))
        for rate in RATES
    }
    assert sweep == {rate: n for rate, n in left.items() if n}
    assert left[0.0] > left[0.5] > left[1.0] == 0
    whole = {
        row.n for row in missing_rate_rows(scores, missing=[ANY_MODALITY], num_resamples=FEW) if row.label == "noun"
    }
    assert whole == {left[0.0]}


def test_sweeps_that_cannot_be_read_off_are_refused() -> None:
    scores = scored()
    some = score_modalities(fusion(), clips(), texts(), subsets=[ALL, ("video", "imu")])
    assert len(missing_rate_rows(some, missing=["audio"], num_resamples=FEW)) == 22
    with pytest.raises(ConfigError, match=r"missing imu comes to video\+audio, which was not scored; score every"):
        missing_rate_rows(some, missing=["imu"])
    with pytest.raises(ConfigError, match=r"missing any comes to video\+audio, audio\+imu, video, audio, imu, which"):
        missing_rate_rows(some, missing=[ANY_MODALITY])
    with pytest.raises(ConfigError, match=r"at a rate of 1.5; give shares of the samples from 0 to 1"):
        missing_rate_rows(scores, rates=(0.5, 1.5))
    with pytest.raises(ConfigError, match="'gaze' is no modality of this model; it has video, audio, imu"):
        missing_rate_rows(scores, missing=["gaze"])

"""The arithmetic behind docs/glasses.md: who is tested when, counting by person, the sweep, means and differences."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.glasses.folds import groups_of, user_of
from benchmarks.glasses.models import ANY_SUBSET, KINDS, ONE_EACH, SENSORS, SUBSETS, Hits
from benchmarks.glasses.page import BEGIN, END, short, tables, write_page
from benchmarks.glasses.scores import by_person, sweep
from benchmarks.glasses.signals import STANDARD_GRAVITY, of_recordings
from benchmarks.glasses.work import MAJORITY, MEAN, together

from egoshift.errors import ConfigError
from egoshift.evaluation import ANY_MODALITY
from egoshift.losses.subsets import subset_name
from egoshift.media.inertial.glasses import Entry
from egoshift.media.inertial.samples import Recording, Samples

ALL = subset_name(SENSORS)


@pytest.mark.parametrize("seed", range(5))
def test_everybody_is_tested_once_and_parts_are_spread(seed: int) -> None:
    parts = {"1A": list(range(1, 13)), "1B": list(range(13, 28))}
    groups = groups_of(parts, 5, seed)
    assert sorted(user for group in groups for user in group) == list(range(1, 28))
    for users in parts.values():
        counts = [len(set(group) & set(users)) for group in groups]
        assert max(counts) - min(counts) <= 1
    assert groups == groups_of(dict(reversed(parts.items())), 5, seed)
    assert groups != groups_of(parts, 5, seed + 1)


@pytest.mark.parametrize("folds", [2, 5])
def test_too_few_people_or_folds_are_refused(folds: int) -> None:
    with pytest.raises(ConfigError, match=f"{folds} folds of 4 people; give 3 or more"):
        groups_of({"1A": [1, 2, 3, 4]}, folds)


def made_hits(clips: int) -> tuple[Hits, list[str], torch.Tensor]:
    """Hits drawn at random, where the first clips lack the first sensors."""
    generator = torch.Generator().manual_seed(3)
    present = torch.ones(clips, len(SENSORS), dtype=torch.bool)
    for number in range(3):
        present[number, : number + 1] = False
    hits = {}
    for subset in SUBSETS:
        has = present[:, [SENSORS.index(name) for name in subset]].any(1)
        hits[subset] = torch.where(has, torch.randint(2, (clips,), generator=generator), -1)
    return hits, [f"1A-u{clip % 4:02}-e00" for clip in range(clips)], present


def test_people_count_their_own_clips() -> None:
    assert by_person(torch.tensor([1, 0, -1, 1]), ["1A-u03-e07", "1A-u03-e07", "1A-u03-e08", "1B-u14-e00"]) == {
        "3": 50.0,
        "14": 100.0,
    }
    assert user_of("1B-u25-e325") == 25


def test_the_sweep_is_that_of_a_loop_over_clips() -> None:
    hits, recordings, present = made_hits(60)
    found = sweep(hits, recordings, seed=5)
    assert list(found) == [*SENSORS, ANY_MODALITY]
    generator = torch.Generator().manual_seed(5)
    drawn = torch.rand(60, len(SENSORS), generator=generator, dtype=torch.float64)
    for missing, rates in found.items():
        assert len(rates) == 11
        for rate, people in rates.items():
            counts: dict[str, list[int]] = {}
            for clip, recording in enumerate(recordings):
                draws = {name: drawn[clip, number].item() for number, name in enumerate(SENSORS)}
                mine = {name for number, name in enumerate(SENSORS) if present[clip, number]}
                left = {name for name in SENSORS if missing not in (name, ANY_MODALITY) or draws[name] >= rate}
                if missing == ANY_MODALITY and not left & mine:
                    left.add(max(mine, key=lambda name: draws[name]))
                hit = int(hits[tuple(sorted(left))][clip])
                if hit >= 0:
                    counts.setdefault(str(int(recording[4:6])), []).append(hit)
            assert people == pytest.approx({user: 100 * sum(of) / len(of) for user, of in counts.items()}, abs=1e-3)


def test_no_sensor_missing_is_all_and_always_missing_is_the_others() -> None:
    hits, recordings, _ = made_hits(40)
    found = sweep(hits, recordings, seed=0)
    for sensor in SENSORS:
        assert found[sensor][0.0] == by_person(hits[SENSORS], recordings)
        others = tuple(name for name in SENSORS if name != sensor)
        assert found[sensor][1.0] == by_person(hits[others], recordings)


def made_folds() -> list[dict[str, Any]]:
    """Two folds of two people each, with numbers that differ by model, subset and person."""
    folds = []
    for users in ((1, 2), (3, 4)):
        rows: dict[str, Any] = {
            name: {
                subset_name(subset): {str(user): 10.0 * len(subset) + user + 3 * place * user for user in users}
                for subset in SUBSETS
            }
            for place, name in enumerate(KINDS)
        }
        rows[MAJORITY] = {ALL: {str(user): 8.0 for user in users}}
        swept = {
            name: {m: {"0.0": rows[name][ALL], "1.0": rows[name][ALL]} for m in (*SENSORS, ANY_MODALITY)}
            for name in KINDS
        }
        people = {"train": [], "val": [], "test": list(users)}
        fold = {"people": people, "clips": 9, "recordings": 3, "chosen": {}, "classes": 15}
        folds.append({**fold, "rows": rows, "sweep": swept})
    as_read: list[dict[str, Any]] = json.loads(json.dumps(folds))
    return as_read


def test_numbers_are_means_over_people_and_differences_are_paired() -> None:
    result = together({"archive": "/secret/place", "folds": 2}, made_folds())
    rows = {(row["model"], row["subset"]): row for row in result["rows"]}
    assert Counter(row["model"] for row in result["rows"]) == {**dict.fromkeys(KINDS, 16), MAJORITY: 1}
    assert "/secret/place" not in json.dumps(result)
    row = rows[ANY_SUBSET, ALL]
    assert (row["value"], row["n"]) == (42.5, 4)
    half = 3.182446 * math.sqrt(5 / 3) / 2  # Student's t of 3 degrees of freedom, people 41, 42, 43, 44
    assert (row["low"], row["high"]) == pytest.approx((42.5 - half, 42.5 + half), abs=1e-3)
    place = list(KINDS).index(ONE_EACH)
    behind = rows[ONE_EACH, "gyroscope"]["any_subset_minus_it"]
    half = 3 * place * 3.182446 * math.sqrt(5 / 3) / 2
    assert behind["value"] == pytest.approx(-3 * place * 2.5)
    assert behind["high"] == pytest.approx(-3 * place * 2.5 + half, abs=1e-3)
    expected = sum(10 * len(subset) for subset in SUBSETS) / 15 + 2.5
    assert rows[ANY_SUBSET, MEAN]["value"] == pytest.approx(expected, abs=1e-3)
    assert len(result["sweep"]) == len(KINDS) * 5 * 2


def test_the_page_keeps_what_is_written_around_its_tables(tmp_path: Path) -> None:
    result, page = together({"folds": 2}, made_folds()), tmp_path / "glasses.md"
    page.write_text(f"before\n{BEGIN}\nstale\n{END}\nafter\n")
    write_page(result, page)
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "stale" not in text
    assert text.count("\n| ") == 2 * 2 + 16 + len(KINDS)
    assert "| acc + bar + gyr + mag | 42.5 [40.4, 44.6] |" in text
    assert json.loads(page.with_suffix(".json").read_text()) == json.loads(json.dumps(result))
    assert page.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    page.write_text("no marks")
    with pytest.raises(ConfigError, match="has no lines"):
        write_page(result, page)
    assert short(MEAN) == MEAN


def test_doubtful_people_are_left_out_of_a_table_of_their_own() -> None:
    folds = json.loads(json.dumps(made_folds()).replace('"1"', '"24"').replace('"2"', '"25"'))
    folds[1] = json.loads(json.dumps(folds[1]).replace('"3"', '"26"').replace('"4"', '"27"'))
    assert "(see below" not in tables(together({}, folds))
    text = tables(together({}, [*folds, *made_folds()]))
    _, told, rest = text.partition("(see below")
    assert told
    assert "| any subset | 42.5 [40.4, 44.6] |" in rest  # of people 1 to 4, as without the others
    assert "| one each | 65.0 [" in rest
    assert "| -22.5 [" in rest


def test_liveliness_and_mounting_are_those_of_a_loop() -> None:
    generator = np.random.default_rng(2)
    values_g = generator.normal(size=(450, 3))

    def entry(index: int, user: int, name: str) -> Entry:
        return Entry(index, "1A", user, index, 0, name, 9.0)

    def recording(values: np.ndarray) -> Recording:
        times = np.arange(len(values)) / 50.0
        samples = Samples("accelerometer", ("x", "y", "z"), "m/s^2", times, values * STANDARD_GRAVITY)
        return Recording({"accelerometer": samples})

    found = of_recordings(
        [
            (entry(0, 3, "running"), recording(values_g)),
            (entry(1, 3, "standing"), recording(values_g[:100])),
            (entry(2, 3, "standing"), recording(values_g[100:200])),
            (entry(3, 4, "standing"), Recording({})),
        ]
    )
    windows = []
    for start in (0, 200):
        lengths = [math.sqrt(sum(value**2 for value in row)) for row in values_g[start : start + 200]]
        mean = sum(lengths) / 200
        windows.append(math.sqrt(sum((length - mean) ** 2 for length in lengths) / 199))
    assert found["running_g"] == {"3": pytest.approx(sum(windows) / 2, abs=1e-3)}
    means = [sum(row[1] for row in values_g[start : start + 100]) / 100 for start in (0, 100)]
    assert found["standing_y_g"] == {"3": pytest.approx(sum(means) / 2, abs=1e-3)}

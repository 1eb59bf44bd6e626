from collections import Counter
from itertools import combinations

import pytest

from egoshift.world.casts import DEFECTS, SETS, SHORTEST_S, spread_defects, write_cast
from egoshift.world.script import Script
from egoshift.world.vocabulary import ACTIVITIES

SPLITS = {
    "kitchen": {"train": 14, "val": 7},
    "home": {"train": 14, "val": 7},
    "bench": {"test": 6},
    "multimodal": {"train": 8, "val": 3, "test": 12, "unlabelled": 3},
}


@pytest.fixture(scope="module", params=SETS)
def cast(request: pytest.FixtureRequest) -> tuple[Script, ...]:
    return write_cast(request.param, 0, 1.0)


def test_ordinary_videos_last_one_to_three_minutes(cast: tuple[Script, ...]) -> None:
    name = cast[0].style.name
    assert Counter(script.split for script in cast) == SPLITS[name]
    assert all(60 <= script.duration_s <= 180 for script in cast)
    assert all(len(script.actions) > 10 for script in cast)


def test_no_action_is_noted_outside_its_video(cast: tuple[Script, ...]) -> None:
    for script in cast:
        length_s = script.num_frames / script.style.rate_hz
        assert all(0 <= a.noted_start_s < a.noted_stop_s <= length_s for a in script.actions)


def test_nobody_is_in_two_videos(cast: tuple[Script, ...]) -> None:
    assert len({script.participant_id for script in cast}) == len({script.video_id for script in cast}) == len(cast)


def test_nobody_of_one_data_set_is_in_another() -> None:
    people = [{script.seed[:2] for script in write_cast(name, 0, 1.0)} for name in SETS]
    assert not any(one & other for one, other in combinations(people, 2))


@pytest.mark.parametrize("name", SETS)
def test_a_smaller_world_has_fewer_and_shorter_videos_a_larger_one_more(name: str) -> None:
    small, ordinary, large = (write_cast(name, 0, scale) for scale in (0.01, 1.0, 1.5))
    assert Counter(s.split for s in small) == dict.fromkeys(SPLITS[name], 2)
    assert {s.duration_s for s in small} == {SHORTEST_S}
    assert len(large) > len(ordinary)
    assert {s.duration_s for s in large} == {s.duration_s for s in ordinary}


@pytest.mark.parametrize("seed", range(5))
def test_novel_activities_are_tested_only_and_often_enough_for_episodes(seed: int) -> None:
    scripts = write_cast("multimodal", seed, 1.0)
    shown = {
        split: Counter(a.activity for s in scripts if s.split == split for a in s.actions)
        for split in ("train", "val", "test", "unlabelled")
    }
    for activity in ACTIVITIES:
        counts = {split: shown[split][activity.name] for split in shown}
        if activity.novel:
            assert counts["test"] >= 20
            assert counts["train"] == counts["val"] == counts["unlabelled"] == 0
        else:
            assert min(counts.values()) >= 2


def test_seeds_and_people_differ() -> None:
    def looks(seed: int) -> list[str]:
        return [repr(script.actions) for script in write_cast("kitchen", seed, 0.2)]

    first, again, other = looks(0), looks(0), looks(1)
    assert first == again
    assert len({*first, *other}) == len(first) + len(other)


def test_every_kind_of_defect_is_somewhere_and_half_the_videos_have_none(cast: tuple[Script, ...]) -> None:
    name = cast[0].style.name
    found = spread_defects(name, cast)
    assert len(found) == len(cast) // 2
    assert set(found.values()) == set(DEFECTS[name])

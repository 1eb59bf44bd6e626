"""Which tested clips show what training saw, against a twin that compares every pair."""

from itertools import product

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.datasets.overlap import TOLERANCE_S, canonical, shared_with_training
from egoshift.records import CLIP_SCHEMA

Times = list[tuple[str, float, float]]


def clips_of(times: Times, name: str) -> pl.DataFrame:
    rows = [
        {"clip_id": f"{name}{number}", "video_id": video, "start_s": start, "stop_s": stop}
        for number, (video, start, stop) in enumerate(times)
    ]
    return pl.DataFrame(rows, schema={key: CLIP_SCHEMA[key] for key in ("clip_id", "video_id", "start_s", "stop_s")})


def as_themselves(times: Times) -> dict[str, list[str]]:
    return {video: [video] for video, _, _ in times}


tenths = st.tuples(st.sampled_from("uvw"), st.integers(0, 40), st.integers(1, 12)).map(
    lambda clip: (clip[0], clip[1] / 10, (clip[1] + clip[2]) / 10)
)


@settings(max_examples=60)
@given(st.lists(tenths, max_size=12), st.lists(tenths, max_size=12))
def test_the_overlaps_are_those_of_every_pair_compared(trained: Times, tested: Times) -> None:
    shared = shared_with_training(
        clips_of(trained, "a"), clips_of(tested, "b"), as_themselves(trained), as_themselves(tested)
    )
    pairs = {
        (f"b{j}", f"a{i}")
        for (i, (video, start, stop)), (j, (other, begin, end)) in product(enumerate(trained), enumerate(tested))
        if video == other and min(stop, end) - max(start, begin) > TOLERANCE_S
    }
    videos = {video for video, _, _ in trained}
    assert [moment.tested for moment in shared.moments] == sorted(
        {pair[0] for pair in pairs}, key=lambda name: int(name[1:])
    )
    assert {(moment.tested, moment.trained) for moment in shared.moments} <= pairs
    assert shared.videos == tuple(sorted({video for video, _, _ in tested} & videos))
    assert shared.clips == sum(video in videos for video, _, _ in tested)


def test_clips_that_meet_do_not_overlap_and_a_frame_of_both_does() -> None:
    def moments(start: float) -> int:
        trained, tested = [("v", 0.0, 2.0)], [("v", start, 4.0)]
        found = shared_with_training(
            clips_of(trained, "a"), clips_of(tested, "b"), as_themselves(trained), as_themselves(tested)
        )
        assert (found.videos, found.clips) == (("v",), 1)
        return len(found.moments)

    assert [moments(start) for start in (2.0, 1.99, 1.96)] == [0, 0, 1]


def test_a_file_under_another_name_is_the_same_video_and_the_line_names_both_clips() -> None:
    trained, tested = [("old", 0.0, 2.0)], [("new", 1.0, 4.0), ("other", 1.0, 4.0)]
    found = shared_with_training(
        clips_of(trained, "a"),
        clips_of(tested, "b"),
        {"old": ["old", ("file", 1)]},
        {"new": ["new", ("file", 1)], "other": ["other", ("file", 2)]},
    )
    assert [str(moment) for moment in found.moments] == ["b0 and a0 (1 to 2 s of new, the same file as old)"]
    assert found.videos == ("new",)


def test_names_join_through_others() -> None:
    known_as = {"c": ["c", 1], "b": ["b", 1, 2], "a": ["a", 2], "d": ["d", 3]}
    assert canonical(known_as) == {"a": "a", "b": "a", "c": "a", "d": "d"}

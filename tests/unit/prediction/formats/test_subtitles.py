"""SRT and VTT: a subtitle library gives every cue back; cues never overlap."""

import html
from itertools import pairwise
from pathlib import Path

import pysubs2
import pytest
from hypothesis import given, settings

from egoshift.prediction import Timeline
from egoshift.prediction.formats import write_timeline
from egoshift.prediction.formats.cues import Cue, clock, cues
from tests.unit.prediction.timelines import HARD_NAMES, hard, kitchen, segment, timeline, timelines


def opened(folder: Path, written: Timeline, format: str) -> list[Cue]:
    path = folder / f"a.{format}"
    write_timeline(written, format, path)
    events = pysubs2.load(str(path), encoding="utf-8", format_=format)
    return [
        Cue(event.start, event.end, html.unescape(event.text) if format == "vtt" else event.text) for event in events
    ]


def slow_cues(written: Timeline) -> list[Cue]:
    """What is said in each millisecond, run by run."""
    labels = ["action"] if "action" in written.tracks else ["verb", "noun"]
    said: dict[int, str] = {}
    for label in labels:
        for each in written.tracks.get(label, ()):  # type: ignore[call-overload]
            for time_ms in range(round(each.start_s * 1000), round(each.stop_s * 1000)):
                said[time_ms] = f"{said.get(time_ms, '')} {' '.join(each.name.split())}".strip()
    made: list[Cue] = []
    for time_ms, text in sorted(said.items()):
        if text and made and (made[-1].stop_ms, made[-1].text) == (time_ms, text):
            made[-1] = Cue(made[-1].start_ms, time_ms + 1, text)
        elif text:
            made.append(Cue(time_ms, time_ms + 1, text))
    return made


@given(timelines())
@settings(max_examples=40, deadline=None)
def test_cues_are_what_is_said_in_every_millisecond(written):
    assert list(cues(written)) == slow_cues(written)


@given(timelines())
@settings(max_examples=100, deadline=None)
def test_cues_never_overlap_or_run_backwards(written):
    made = cues(written)
    assert all(cue.start_ms < cue.stop_ms for cue in made)
    assert all(a.stop_ms <= b.start_ms for a, b in pairwise(made))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(5, 10, "cut"), (0, 5, "stir")], [(0, 5, "stir"), (5, 10, "cut")]),
        ([(0, 10, "cut"), (5, 15, "stir")], [(0, 5, "cut"), (5, 10, "cut / stir"), (10, 15, "stir")]),
        ([(0, 10, "cut"), (2, 4, "stir")], [(0, 2, "cut"), (2, 4, "cut / stir"), (4, 10, "cut")]),
        ([(0, 10, "cut"), (2, 4, "cut")], [(0, 10, "cut")]),
    ],
    ids=["in any order", "overlapping", "one in another", "of one name"],
)
def test_segments_that_were_given_are_all_said(spans, expected):
    track = tuple(segment(start, stop, name) for start, stop, name in spans)
    assert cues(timeline({"verb": track})) == tuple(Cue(1000 * a, 1000 * b, text) for a, b, text in expected)


def test_verbs_and_nouns_share_cues_that_end_where_either_does(tmp_path):
    expected = [
        Cue(0, 2000, "take"),
        Cue(2000, 4000, "take onion"),
        Cue(4000, 9500, "cut onion"),
        Cue(9500, 12000, "cutting board"),
        Cue(12000, 20000, "wash cutting board"),
    ]
    assert opened(tmp_path, kitchen(), "srt") == expected
    assert opened(tmp_path, kitchen(), "vtt") == expected


def test_where_there_are_actions_they_alone_are_shown(tmp_path):
    both = timeline({"verb": (segment(0, 3, "take"),), "action": (segment(0, 1, "take cup"), segment(1, 3, ""))})
    assert opened(tmp_path, both, "srt") == [Cue(0, 1000, "take cup")]


def test_a_library_gives_every_hard_name_back_from_vtt_on_one_line(tmp_path):
    assert [cue.text for cue in opened(tmp_path, hard(), "vtt")] == [" ".join(name.split()) for name in HARD_NAMES]
    text = (tmp_path / "a.vtt").read_text(encoding="utf-8")
    assert "\n&lt;b&gt;open&lt;/b&gt; &amp; close --&gt; {\\an8} lid\n" in text


def test_srt_changes_what_players_would_take_for_tags_and_times(tmp_path):
    texts = [cue.text for cue in opened(tmp_path, hard(), "srt")]
    expected = [" ".join(name.split()) for name in HARD_NAMES]
    expected[6] = expected[6].replace("<", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}").replace("{", "(")
    expected[6] = expected[6].replace("-->", "\N{RIGHTWARDS ARROW}")
    assert texts == expected


@pytest.mark.parametrize("format", ["srt", "vtt"])
def test_hours_have_as_many_digits_as_they_take(tmp_path, format):
    written = timeline({"verb": (segment(3661.5, 3662, "take"), segment(36_000, 359_999.999, "cut"))})
    assert opened(tmp_path, written, format) == [Cue(3_661_500, 3_662_000, "take"), Cue(36_000_000, 359_999_999, "cut")]
    assert clock(360_000_000, ".") == "100:00:00.000"


def test_times_that_round_alike_leave_no_cue_and_no_overlap(tmp_path):
    third = 1 / 3
    written = timeline(
        {"verb": (segment(0, third, "a"), segment(third, third + 1e-4, "b"), segment(third + 1e-4, 1, "c"))}
    )
    assert opened(tmp_path, written, "srt") == [Cue(0, 333, "a"), Cue(333, 1000, "c")]


@pytest.mark.parametrize("written", [timeline({}), timeline({"verb": ()}), timeline({"noun": (segment(0, 3, ""),)})])
def test_nothing_to_say_is_an_empty_file_that_opens(tmp_path, written):
    assert opened(tmp_path, written, "srt") == opened(tmp_path, written, "vtt") == []
    assert (tmp_path / "a.srt").read_text() == ""
    assert (tmp_path / "a.vtt").read_text() == "WEBVTT\n"


def test_a_partial_timeline_is_noted_where_there_are_notes(tmp_path):
    notices = ("interrupted --> at 3 s\n\nby ctrl-C", "")
    written = timeline({"verb": (segment(0, 3, "take"),)}, duration_s=60, partial=True, notices=notices)
    assert opened(tmp_path, written, "vtt") == opened(tmp_path, written, "srt") == [Cue(0, 3000, "take")]
    assert (tmp_path / "a.srt").read_text() == "1\n00:00:00,000 --> 00:00:03,000\ntake\n\n"
    assert (tmp_path / "a.vtt").read_text() == (
        "WEBVTT\n\nNOTE partial: the first 3.000 s of 60.000 s were looked at\ninterrupted to at 3 s by ctrl-C\n\n"
        "00:00:00.000 --> 00:00:03.000\ntake\n"
    )


@given(timelines())
@settings(max_examples=60, deadline=None)
def test_a_library_gives_back_every_cue_of_any_timeline(tmp_path_factory, written):
    folder = tmp_path_factory.mktemp("subtitles")
    expected = [(cue.start_ms, cue.stop_ms) for cue in cues(written)]
    assert [(cue.start_ms, cue.stop_ms) for cue in opened(folder, written, "srt")] == expected
    assert [(cue.start_ms, cue.stop_ms) for cue in opened(folder, written, "vtt")] == expected

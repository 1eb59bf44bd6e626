"""Writing any format: whole or not at all; JSON and CSV give everything back."""

import csv
import io
import os
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings

from egoshift.errors import ConfigError, ResultError
from egoshift.prediction.formats import FORMATS, read_timeline, write_timeline
from tests.unit.prediction.timelines import hard, kitchen, segment, timeline, timelines


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_written_whole_and_again(tmp_path: Path, format: str) -> None:
    path = tmp_path / "new" / f"out.{format}"
    for each in (kitchen(), hard(), timeline({}), timeline({"verb": ()}), timeline({"noun": (segment(0, 3, ""),)})):
        write_timeline(each, format, path)
        path.read_bytes().decode()
    assert os.listdir(path.parent) == [path.name]


def test_an_unknown_format_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"^format 'xml': expected one of json, csv, srt, vtt, eaf$"):
        write_timeline(kitchen(), "xml", tmp_path / "a.xml")


@pytest.mark.parametrize("format", FORMATS)
def test_a_disk_without_room_leaves_the_file_as_it_was_and_says_so_in_one_line(tmp_path, format):
    path = tmp_path / f"out.{format}"
    path.write_text("before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
        with pytest.raises(ConfigError) as caught:
            write_timeline(hard(), format, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value) == f"{path}: cannot be written (File too large); free some space, or choose another folder"
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("format", FORMATS)
def test_the_name_of_a_file_that_is_not_utf8_is_no_obstacle(tmp_path, format):
    video = os.fsdecode(b"caf\xe9.mp4")
    path = tmp_path / f"a.{format}"
    write_timeline(timeline({"verb": (segment(0, 1, "take"),)}, video=video), format, path)
    path.read_bytes().decode()
    if format == "json":
        assert read_timeline(path).video == "caf?.mp4"


@given(timelines())
@settings(max_examples=60, deadline=None)
def test_json_gives_back_every_digit(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("json") / "a.json"
    write_timeline(written, "json", path)
    assert read_timeline(path) == written


def test_json_is_for_readers_too(tmp_path):
    write_timeline(hard(), "json", tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "לקחת כוס" in text
    assert "水を注ぐ" in text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EOF while parsing"),
        (b'{"format": "egoshift-timeline",', "EOF while parsing"),
        (b"\xff\xfe\x00", "Invalid JSON"),
        (b'{"format": "egoshift-result"}', "format: Input should be 'egoshift-timeline'"),
        (b"[]", "Input should be an object"),
    ],
)
def test_what_is_no_timeline_is_refused_in_one_line(tmp_path, content, reason):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ResultError) as caught:
        read_timeline(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: is no timeline, or is damaged (")
    assert reason in message
    assert "\n" not in message


def test_a_cut_off_file_is_refused_at_every_length(tmp_path):
    write_timeline(kitchen(), "json", tmp_path / "a.json")
    content = (tmp_path / "a.json").read_bytes()
    for length in range(0, len(content.rstrip()), 97):
        (tmp_path / "b.json").write_bytes(content[:length])
        with pytest.raises(ResultError):
            read_timeline(tmp_path / "b.json")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ResultError, match=r"a\.json: cannot be read \(No such file"):
        read_timeline(tmp_path / "a.json")


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True))


@given(timelines())
@settings(max_examples=60, deadline=None)
def test_csv_gives_back_every_segment_and_guess(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    write_timeline(written, "csv", path)
    rows = read_csv(path)
    segments = [(label, each) for label, track in written.tracks.items() for each in track]
    assert len(rows) == len(segments)
    for row, (label, each) in zip(rows, segments, strict=True):
        assert (row["label"], row["name"]) == (label, each.name)
        assert float(row["start_s"]) == pytest.approx(each.start_s, abs=1e-6)
        assert float(row["stop_s"]) == pytest.approx(each.stop_s, abs=1e-6)
        for place, guess in enumerate(each.guesses, 1):
            assert row[f"guess_{place}"] == guess.name
            assert float(row[f"confidence_{place}"]) == pytest.approx(guess.confidence, abs=1e-6)


def test_csv_has_a_row_a_segment_and_as_many_guesses_as_any(tmp_path):
    few, many = segment(0, 1.5, "take"), segment(1.5, 2, "", 0.25)
    track = (few.model_copy(update={"guesses": few.guesses[:1]}), many)
    write_timeline(timeline({"verb": track}), "csv", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "label,start_s,stop_s,name,guess_1,confidence_1,guess_2,confidence_2",
        "verb,0,1.5,take,take,0.75,,",
        "verb,1.5,2,,unsure,0.25,other,0.75",
    ]

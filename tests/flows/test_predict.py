"""Recordings become timelines and models are taught by the command line; what cannot be is said in a line each."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egoshift.prediction import Predictor, Timeline
from tests.fixtures.trained_runs import NOUNS, VERBS, train_xmic, write_segments
from tests.fixtures.videos import index_frame, write_audio, write_video
from tests.flows.conftest import Command
from tests.unit.prediction.recordings import damage, write_long
from tests.unit.prediction.test_recording import write_hdr

PROGRAM = (sys.executable, "-c", "from egoshift.cli.main import run; run()")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of videos and trained runs. Not to be changed."""
    return train_xmic(tmp_path_factory.mktemp("place"))


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path / "cache" / "egoshift" / "predict"


def test_several_videos_of_which_one_is_broken(egoshift: Command, place: Path, own_cache: Path, tmp_path: Path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    videos = [place / "kitchen" / "v3.mp4", broken, place / "kitchen" / "v4.mp4"]
    options = ("--model", place / "xmic", "--json", "--format", "json", "--format", "srt", "-o", tmp_path / "out")
    answer = egoshift("predict", *videos, *options)
    assert answer.code == 1
    assert len([line for line in answer.lines if "broken.mp4" in line]) == 1
    documents = [Timeline.model_validate(one) for one in json.loads(answer.out)]
    assert [Path(one.video).name for one in documents] == ["v3.mp4", "v4.mp4"]
    assert all(set(one.tracks) == {"verb", "noun", "action"} for one in documents)
    assert not any(one.partial for one in documents)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["v3.json", "v3.srt", "v4.json", "v4.srt"]
    assert own_cache.is_dir()
    assert len(list(own_cache.iterdir())) == 2


def test_a_timeline_is_shown_and_asked_for_by_words(egoshift: Command, place: Path, tmp_path: Path):
    verbs = tmp_path / "verbs.txt"
    verbs.write_text("cut\nwhisk\n")
    (tmp_path / "actions.csv").write_text("verb,noun\ncut,ladle\nwhisk,🍅\n")
    (tmp_path / "synonyms.csv").write_text("name,canonical\nbeat,whisk\n")
    options: tuple[object, ...] = (
        "--verbs",
        verbs,
        "--nouns",
        "ladle, 🍅",
        "--actions",
        tmp_path / "actions.csv",
        "--top",
        "2",
    )
    options += ("--synonyms", tmp_path / "synonyms.csv", "--model", place / "xmic", "--cache", tmp_path / "own")
    answer = egoshift("predict", place / "kitchen" / "v4.mp4", *options)
    assert answer.code == 0, answer.err
    assert any(name in answer.out for name in ("ladle", "🍅"))
    (document,) = json.loads(egoshift("predict", place / "kitchen" / "v4.mp4", *options, "--json").out)
    assert document["classes"] == {
        "noun": ["ladle", "🍅"],
        "verb": ["cut", "whisk"],
        "action": ["cut ladle", "whisk 🍅"],
    }
    assert (tmp_path / "own").is_dir()


def test_segments_of_a_table_are_judged(egoshift: Command, place: Path, tmp_path: Path):
    table = tmp_path / "segments.csv"
    table.write_text("video,start,stop\nv3,0,1.5\nv4,1,2\nv3,00:00:02,3\n")
    videos = (place / "kitchen" / "v3.mp4", place / "kitchen" / "v4.mp4")
    answer = egoshift("predict", *videos, "--model", place / "xmic", "--segments", table, "--json")
    assert answer.code == 0, answer.err
    spans = [[(one["start_s"], one["stop_s"]) for one in each["tracks"]["verb"]] for each in json.loads(answer.out)]
    assert spans == [[(0.0, 1.5), (2.0, 3.0)], [(1.0, 2.0)]]
    other = egoshift("predict", place / "kitchen" / "v0.mp4", "--model", place / "xmic", "--segments", table)
    assert other.code == 1
    assert "has no segment of v0.mp4" in other.err


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def test_a_stream_on_standard_input_is_answered_as_it_comes(place: Path, tmp_path: Path):
    frames = [index_frame(index) for index in range(40)]
    path = write_video(tmp_path / "walk.mkv", frames, 10, gop=5)
    command = [*PROGRAM, "predict", "--stdin", "--model", str(place / "xmic"), "--stride", "1", "--json"]
    with path.open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, env=environment(), timeout=100)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["time_s"] for answer in answers] == pytest.approx([0.0, 1.0, 2.0, 3.0], abs=0.01)
    assert all(answer["latency_s"] > 0 for answer in answers)
    assert {guess["name"] for guess in answers[0]["guesses"]["noun"]} == set(NOUNS)
    assert "latency: median" in done.stderr
    bad = subprocess.run(command, input=b"nothing", capture_output=True, env=environment(), timeout=100)
    assert bad.returncode == 1
    (line,) = bad.stderr.decode().splitlines()
    assert "standard input: cannot be opened" in line


def test_an_idle_stream_ends_by_an_interruption_without_a_word_too_many(place: Path, tmp_path: Path):
    """The sender stays and says nothing more: what waits for it must not keep the program from ending."""
    path = write_video(tmp_path / "walk.mkv", [index_frame(index) for index in range(60)], 10, gop=5)
    command = [*PROGRAM, "predict", "--stdin", "--model", str(place / "xmic"), "--stride", "0.5", "--json"]
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(), **pipe) as process:  # type: ignore[call-overload]
        process.stdin.write(path.read_bytes())
        process.stdin.flush()
        assert b"time_s" in process.stdout.readline()
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        said = process.stderr.read().decode()
        process.stdin.close()
    assert "latency: median" in said
    assert "Fatal" not in said
    assert "Traceback" not in said


def test_an_interruption_keeps_what_is_done_and_the_same_command_completes_it(
    egoshift: Command, place: Path, own_cache: Path, tmp_path: Path
):
    video = write_long(tmp_path / "long.mp4", 600.0)
    options = ("--model", str(place / "xmic"), "--format", "json", "-o", str(tmp_path / "out"), "--window", "4")
    with subprocess.Popen(
        [*PROGRAM, "predict", str(video), *options], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        until = time.monotonic() + 60
        while not list(own_cache.rglob("unfinished/*.safetensors")):
            assert process.poll() is None, "interrupted before its end"
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    assert b"the same command goes on from there" in said
    first = Timeline.model_validate_json((tmp_path / "out" / "long.json").read_bytes())
    assert first.partial
    assert 0 < first.covered_s < 600
    assert egoshift("predict", video, *options).code == 0
    second = Timeline.model_validate_json((tmp_path / "out" / "long.json").read_bytes())
    assert not second.partial
    assert second.covered_s == pytest.approx(600)


def test_a_model_is_taught_and_used(egoshift: Command, place: Path, tmp_path: Path):
    examples = write_segments(tmp_path / "mine")
    text = examples.read_text().replace(NOUNS[0], "ladle")
    examples.write_text(text)
    options = ("--model", place / "xmic", "--examples", examples, "-o", tmp_path / "taught", "--epochs", "2")
    answer = egoshift("adapt", *options)
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert "segments of 2 recordings that it was not taught on" in lines[0]
    assert any(line.startswith("  noun (4 classes, 12 segments): ") and "->" in line for line in lines)
    assert f"egoshift predict VIDEO --model {tmp_path / 'taught'}" in lines[-1].replace("\n", "")
    gains = json.loads(egoshift("adapt", *options, "--json").out)
    assert {gain["label"] for gain in gains} == {"noun", "verb"}
    assert all({"before", "after", "difference", "verdict"} <= gain.keys() for gain in gains)
    found = Predictor.from_pretrained(tmp_path / "taught")
    assert found.classes["noun"] == tuple(sorted((*NOUNS[1:], "ladle")))
    assert found.classes["verb"] == VERBS
    (document,) = json.loads(
        egoshift("predict", tmp_path / "mine" / "v1.mp4", "--model", tmp_path / "taught", "--json").out
    )
    assert document["model"].endswith("-adapted")


@pytest.mark.parametrize("command", ["predict", "adapt"])
def test_a_model_that_is_none_is_one_line(egoshift: Command, place: Path, tmp_path: Path, command: str):
    examples = place / "kitchen" / "segments.csv"
    rest = (place / "kitchen" / "v4.mp4",) if command == "predict" else ("--examples", examples, "-o", tmp_path / "o")
    (tmp_path / "empty").mkdir()
    answer = egoshift(command, *rest, "--model", tmp_path / "empty")
    assert (answer.code, len(answer.lines)) == (1, 1)
    assert "holds no model" in answer.err


def spoilt(kind: str, folder: Path) -> Path:
    """A recording of the kind that issue's table of bad inputs names."""
    path = folder / "walk.mp4"
    if kind == "no video stream":
        return write_audio(folder / "walk.m4a", 2.0)
    if kind == "0 s":
        path.write_bytes(b"")
    elif kind == "30 hours":
        return write_video(folder / "walk.mkv", 3, times_s=[0, 1, 30 * 3600.0])
    elif kind == "nothing but damage":
        damage(write_long(path, 4.0), 0.01, 1.0)
    elif kind == "text":
        path.write_text("no video")
    elif kind == "a picture":
        from PIL import Image

        path = folder / "walk.jpg"
        Image.fromarray(index_frame(1)).save(path)
    return path


@pytest.mark.parametrize(
    "kind", ["missing", "no video stream", "0 s", "30 hours", "nothing but damage", "text", "a picture"]
)
def test_a_recording_that_cannot_be_read_is_one_line(egoshift: Command, place: Path, tmp_path: Path, kind: str):
    path = spoilt(kind, tmp_path)
    answer = egoshift("predict", path, "--model", place / "xmic")
    assert answer.code == 1
    (line,) = [line for line in answer.lines if line.strip()]
    assert path.name in line
    assert "; " in line, "a remedy follows"


def made(kind: str, folder: Path) -> Path:
    path = folder / "walk.mp4"
    frames = [index_frame(index) for index in range(20)]
    if kind == "portrait":
        return write_video(path, frames, 10, rotation=90)
    if kind == "240 fps":
        return write_video(path, 240, 240)
    if kind == "hdr":
        return write_hdr(path)
    if kind == "one frame":
        return write_video(path, 1, 10)
    assert kind == "tall"
    return write_video(path, [np.zeros((240, 8, 3), np.uint8)] * 10, 10)


@pytest.mark.parametrize("kind", ["portrait", "240 fps", "hdr", "one frame", "tall"])
def test_unusual_recordings_are_ordinary_ones(egoshift: Command, place: Path, tmp_path: Path, kind: str):
    answer = egoshift("predict", made(kind, tmp_path), "--model", place / "xmic", "--json")
    assert answer.code == 0, answer.err
    (document,) = json.loads(answer.out)
    assert not document["partial"]
    assert document["tracks"]["noun"]
    assert document["covered_s"] == pytest.approx(document["duration_s"], abs=1e-3)


def test_a_damaged_middle_is_a_partial_timeline(egoshift: Command, place: Path, tmp_path: Path):
    damage(write_long(tmp_path / "walk.mp4", 40.0), 0.45, 0.5)
    answer = egoshift("predict", tmp_path / "walk.mp4", "--model", place / "xmic", "--format", "json", "-o", tmp_path)
    assert answer.code == 1
    assert "cannot be decoded" in answer.err
    assert "of the recording are missing: it could not be read" in answer.err
    assert Timeline.model_validate_json((tmp_path / "walk.json").read_bytes()).partial


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--nouns", ""), "at least one name"),
        (("--nouns", "cup,cup"), "'cup' given more than once"),
        (("--nouns", "gone.txt"), "gone.txt: no such file"),
        (("--window", "0"), "window_s is 0"),
        (("--stride", "-1"), "stride_s is -1"),
        (("--smooth", "-1"), "smoothing_s is -1"),
        (("--without", "video"), "switched off"),
        (("--without", "radar"), "sensor 'radar' is unknown"),
        (("--audio", "gone.wav"), "gone.wav: no such file"),
        (("--imu", "gone.csv"), "gone.csv: no such file"),
        (("--hands", "gone.csv"), "gone.csv: no such file or folder of hand detections"),
        (("--segments", "gone.csv"), "gone.csv"),
        (("--actions", "gone.csv"), "gone.csv"),
        (("--synonyms", "gone.csv"), "gone.csv"),
        (("--encoder", "gone"), "gone"),
        (("--stdin",), "exactly one of them"),
        (("--camera", "0"), "exactly one of them"),
        (("--device", "warp"), "warp"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    egoshift: Command, place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: Any, message: str
):
    monkeypatch.chdir(tmp_path)
    answer = egoshift("predict", place / "kitchen" / "v4.mp4", "--model", place / "xmic", *options)
    assert answer.code == 1, answer.out
    (line,) = [line for line in answer.lines if line.strip()]
    assert message in line


def test_a_model_without_the_asked_label_is_one_line(egoshift: Command, place: Path):
    video = place / "kitchen" / "v4.mp4"
    answer = egoshift("predict", video, "--model", place / "actions", "--verbs", "cut")
    assert (answer.code, len(answer.lines)) == (1, 1)
    assert "answers action, not verb" in answer.err


def test_ten_thousand_classes_and_names_in_any_script(egoshift: Command, place: Path, tmp_path: Path):
    names = [*(f"thing {number}" for number in range(9_996)), "سكين", "🍅", "👩‍🍳", "日本語"]
    (tmp_path / "nouns.txt").write_text("\n".join(names))
    options = ("--nouns", tmp_path / "nouns.txt", "--stride", "3", "--format", "json", "-o", tmp_path)
    answer = egoshift("predict", place / "kitchen" / "v4.mp4", "--model", place / "xmic", *options)
    assert answer.code == 0, answer.err
    document = json.loads((tmp_path / "v4.json").read_text())
    assert len(document["classes"]["noun"]) == 10_000
    (tmp_path / "nouns.txt").write_text("\n".join([*names, "🍅"]))
    again = egoshift("predict", place / "kitchen" / "v4.mp4", "--model", place / "xmic", *options)
    assert (again.code, len(again.lines)) == (1, 1)
    assert "nouns.txt, row 10001" in again.err


def test_two_recordings_of_one_name_are_not_written_to_one_file(egoshift: Command, place: Path, tmp_path: Path):
    other = write_video(tmp_path / "v4.mp4", 10, 10)
    videos = (place / "kitchen" / "v4.mp4", other)
    answer = egoshift("predict", *videos, "--model", place / "xmic", "--format", "csv", "-o", tmp_path / "out")
    assert (answer.code, len(answer.lines)) == (1, 1)
    assert "several videos are called v4" in answer.err


@pytest.mark.parametrize("option", ["--segments", "--nouns"])
def test_what_is_read_is_not_written_over(egoshift: Command, place: Path, tmp_path: Path, option: str):
    own = tmp_path / "v3.csv"
    own.write_text("start,stop\n0,1\n" if option == "--segments" else "cup\nknife\n")
    before = own.read_text()
    video = ("predict", place / "kitchen" / "v3.mp4", "--model", place / "xmic", "--format", "csv")
    answer = egoshift(*video, option, own, "-o", tmp_path)
    assert (answer.code, len(answer.lines)) == (1, 1)
    assert "v3.csv: is read, and would be overwritten; give another folder with --out" in answer.err
    assert own.read_text() == before
    assert egoshift(*video, option, own, "-o", tmp_path / "out").code == 0


def test_a_full_disk_is_one_line_and_the_others_go_on(egoshift: Command, place: Path, tmp_path: Path):
    (tmp_path / "out").write_text("a file where the folder would be")
    videos = (place / "kitchen" / "v3.mp4", place / "kitchen" / "v4.mp4")
    answer = egoshift("predict", *videos, "--model", place / "xmic", "--format", "json", "-o", tmp_path / "out")
    assert answer.code == 1
    told = [line for line in answer.lines if "out" in line]
    assert told
    assert "Traceback" not in answer.err

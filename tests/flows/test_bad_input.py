"""Each bad input gives one clear line that names file, row and remedy, and exit code 1; what was done before stays."""

import csv
import json
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
import safetensors.numpy
from av.audio.stream import AudioStream

from egoshift.evaluation import Result
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.videos import write_silence, write_video
from tests.flows.conftest import Command

HEADER = ("video", "start", "stop", "verb", "noun")
GOOD = (("a.mp4", "0", "1", "cut", "carrot"), ("a.mp4", "1", "2", "stir", "pot"), ("b.mp4", "0.5", "1.5", "cut", "pot"))


def _write_table(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def _write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        assert isinstance(stream, AudioStream)
        write_silence(container, stream, 2.0)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of two videos of two seconds and three labelled segments."""
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        write_video(folder / name, 20, rate_hz=10)
    _write_table(folder / "segments.csv", GOOD)
    (folder / "nouns.txt").write_text("carrot\npot\n")
    return folder


@pytest.mark.parametrize(
    ("row", "row_number", "message"),
    [
        (("a.mp4", "1", "9", "cut", "pot"), 5, "9"),
        (("a.mp4", "1.5", "0.5", "cut", "pot"), 5, "0.5"),
        (("a.mp4", "0", "1", "cut", "carott"), 5, "carott"),
        (("c.mp4", "0", "1", "cut", "pot"), 5, "c.mp4"),
        (GOOD[0], 5, "0.0-1.0"),
        (("a.mp4", "soon", "1", "cut", "pot"), 5, "soon"),
    ],
    ids=["past-the-end", "swapped", "unknown-class", "missing-video", "duplicate", "not-a-time"],
)
def test_a_bad_row_is_named_and_the_others_are_used(
    egoshift: Command, own: Path, tower: Path, row: tuple[str, ...], row_number: int, message: str
):
    _write_table(own / "segments.csv", [*GOOD, row])
    checked = egoshift("data", "check", own)
    assert checked.code == 1
    (line,) = [line for line in checked.lines if "segments.csv" in line]
    assert f"row {row_number}:" in line
    assert message in line
    assert "; " in line, "a remedy follows"
    report = json.loads(egoshift("data", "check", own, "--json").out)[0]
    assert (report["clips"], report["clips_usable"], sum(report["counts"].values())) == (4, 3, 1)
    extracted = egoshift("extract", own, "--encoder", tower)
    assert extracted.code == 1
    assert "3 of 4 clips" in extracted.out


@pytest.mark.parametrize("spoil", ["truncated", "empty", "audio"])
def test_a_bad_video_is_named_and_the_others_are_used(egoshift: Command, own: Path, tower: Path, spoil: str):
    video = own / "b.mp4"
    if spoil == "truncated":
        video.write_bytes(video.read_bytes()[:400])
    elif spoil == "empty":
        video.write_bytes(b"")
    else:
        _write_sound(video)
    checked = egoshift("data", "check", own)
    assert checked.code == 1
    assert len([line for line in checked.lines if "b.mp4" in line and "; " in line]) == 1
    extracted = egoshift("extract", own, "--encoder", tower)
    assert extracted.code == 1
    assert "2 of 3 clips" in extracted.out
    write_video(video, 20, rate_hz=10)
    mended = egoshift("extract", own, "--encoder", tower, "--json")
    assert mended.code == 0
    (report,) = json.loads(mended.out)
    assert (report["videos_encoded"], report["videos_kept"]) == (1, 1)


def test_all_faults_of_a_table_are_reported_together(egoshift: Command, own: Path):
    _write_table(own / "segments.csv", [GOOD[0], ("a.mp4", "2", "1", "cut", "pot"), ("a.mp4", "0", "1", "cut", "x")])
    checked = egoshift("data", "check", own)
    assert len([line for line in checked.lines if "segments.csv, row" in line]) == 2


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (("video", "start", "verb", "noun"), [("a.mp4", "0", "cut", "pot")], "stop"),
        (HEADER, [("a.mp4", "early", "late", "cut", "pot")], "early"),
    ],
    ids=["missing-column", "wrong-type"],
)
def test_a_table_of_another_form_is_refused(egoshift: Command, own: Path, header, rows, message: str):
    _write_table(own / "segments.csv", rows, header)
    for command in (("data", "check", own), ("extract", own, "--encoder", "nowhere")):
        answer = egoshift(*command)
        assert answer.code == 1
        assert message in next(line for line in answer.lines if "segments.csv" in line)


@pytest.fixture
def trained(egoshift: Command, own: Path, tower: Path, tmp_path: Path) -> Path:
    """A run trained on the folder."""
    assert egoshift("extract", own, "--encoder", tower).code == 0
    options = ("--on", own, "--encoder", tower, "--set", "fit.epochs=1")
    assert egoshift("train", "own_videos", *options, "--out", tmp_path / "run").code == 0
    return tmp_path / "run"


def test_a_store_of_another_encoder_is_refused_with_both_values(egoshift: Command, own: Path, tmp_path: Path):
    first = write_clip(tmp_path / "one" / "clip")
    assert egoshift("extract", own, "--encoder", first).code == 0
    second = write_clip(tmp_path / "two" / "clip", act="gelu")
    before = {path: path.read_bytes() for path in (own / "features").rglob("*") if path.is_file()}
    answer = egoshift("extract", own, "--encoder", second)
    assert answer.code == 1
    assert any("encoder.activation" in line and "quick_gelu" in line and "gelu" in line for line in answer.lines)
    assert before == {path: path.read_bytes() for path in (own / "features").rglob("*") if path.is_file()}


def test_clips_that_were_trained_on_are_never_evaluated_on(egoshift: Command, trained: Path, own: Path, tmp_path: Path):
    answer = egoshift("evaluate", trained)
    assert answer.code == 1
    assert "has no labelled clips to evaluate on but those it was trained on" in answer.err
    rows = [(*row, "val" if row is GOOD[2] else "train") for row in GOOD]
    _write_table(own / "segments.csv", rows, (*HEADER, "split"))
    assert egoshift("evaluate", trained).code == 0
    counts = [Result.read(path).counts.evaluated for path in (trained / "results").glob("*.json")]
    assert [sum(count.values()) for count in counts] == [1, 1]


def test_class_text_by_other_weights_of_the_same_name_is_refused(egoshift: Command, own: Path, tmp_path: Path):
    tower = write_clip(tmp_path / "clip")
    assert egoshift("extract", own, "--encoder", tower).code == 0
    shutil.rmtree(tower)
    write_clip(tower, act="gelu", added_tokens=1)
    answer = egoshift("train", "own_videos", "--on", own, "--encoder", tower, "--out", tmp_path / "run")
    assert answer.code == 1
    assert "was encoded by weights" in answer.err


def test_a_checkpoint_of_another_shape_is_refused(egoshift: Command, trained: Path):
    config = trained / "models" / "noun" / "config.json"
    content = json.loads(config.read_text())
    content["settings"]["condition_dim"] = 64
    config.write_text(json.dumps(content | {"checksum": ""}))
    answer = egoshift("evaluate", trained)
    assert answer.code == 1
    assert any("shape" in line and "expected" in line for line in answer.lines), answer.err


def test_nan_in_features_is_refused(egoshift: Command, own: Path, tower: Path, tmp_path: Path):
    assert egoshift("extract", own, "--encoder", tower).code == 0
    (array,) = (own / "features").rglob("full*.npy")
    features = np.lib.format.open_memmap(array, mode="r+")
    features[0, 0] = np.nan
    features.flush()
    answer = egoshift("train", "own_videos", "--on", own, "--encoder", tower, "--out", tmp_path / "run")
    assert answer.code == 1
    assert any("full" in line for line in answer.lines)


def test_a_model_that_is_no_safetensors_is_refused_and_not_executed(egoshift: Command, trained: Path, tmp_path: Path):
    weights = trained / "models" / "noun" / "model.safetensors"
    weights.write_bytes(f"cos\nsystem\n(S'touch {tmp_path / 'harm'}'\ntR.".encode())
    answer = egoshift("evaluate", trained)
    assert answer.code == 1
    assert "model.safetensors" in answer.err
    assert not (tmp_path / "harm").exists()


def test_weights_that_are_not_here_name_the_command_that_fetches_them(egoshift: Command, own: Path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    answer = egoshift("extract", own, "--encoder", "openai/clip-vit-base-patch16")
    assert answer.code == 1
    assert "hf download openai/clip-vit-base-patch16" in answer.err


def test_a_truncated_weight_file_is_refused(egoshift: Command, own: Path, tower: Path, tmp_path: Path):
    folder = Path(shutil.copytree(tower, tmp_path / "clip"))
    weights = folder / "model.safetensors"
    safetensors.numpy.load_file(weights)
    weights.write_bytes(weights.read_bytes()[:100])
    answer = egoshift("extract", own, "--encoder", folder)
    assert answer.code == 1
    assert "model.safetensors" in answer.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "gone: there is no such folder; did you mean"),
        ("empty", "empty: holds no model (predictor.json, run.yaml or config.json); give the folder of a run"),
    ],
)
def test_the_page_of_a_model_that_is_not_there_is_not_opened(
    egoshift: Command, tmp_path: Path, name: str, message: str
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "gone2").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it would end in any case
        answer = egoshift("app", "--model", tmp_path / name, "--port", taken.getsockname()[1])
    assert answer.code == 1
    assert [message in line for line in answer.lines] == [True], answer.err

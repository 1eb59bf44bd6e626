"""A trained run as files that run without this library, by the command line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from egoshift.classifier import StreamBatch
from egoshift.datasets import DataCard
from egoshift.encoders import load_image_encoder
from egoshift.prediction.export import ExportCard
from egoshift.recipes import Run, fill_store, train
from egoshift.training import load_checkpoint
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.videos import write_video
from tests.flows.conftest import Command

EXAMPLE = Path(__file__).parents[2] / "examples" / "run_onnx.py"

WITHOUT_TORCH = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "egoshift"):
            raise ImportError(name + " is not to be imported")
sys.meta_path.insert(0, Absent())
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run of two models on two videos. Not to be changed."""
    place = tmp_path_factory.mktemp("run")
    clip = write_clip(place / "clip")
    (place / "videos").mkdir()
    for name in ("v", "w"):
        write_video(place / "videos" / f"{name}.mp4", 20, 10)
    rows = ("v,0.0,1.0,cup,cut,train", "v,0.5,1.5,bowl,wash,train", "w,0.0,1.0,knife,a,train", "w,1.0,2.0,cup,cut,val")
    (place / "clips.csv").write_text("\n".join(("video,start,stop,noun,verb,split", *rows)) + "\n")
    card = {"name": "mine", "format": "folder", "annotations": "clips.csv", "videos": "videos"}
    (place / "card.yaml").write_text(yaml.safe_dump(card))
    fill_store(DataCard.read(place / "card.yaml"), str(clip))
    values = {
        "name": "tiny",
        "train": place / "card.yaml",
        "labels": ["noun", "verb"],
        "method": {"name": "zero_shot", "options": {"streams": ["full"]}},
        "streams": {"full": {"encoder": str(clip)}},
        "text_encoder": str(clip),
        "fit": {"epochs": 1, "batch_size": 2, "num_frames": 2, "selection": "last"},
    }
    train(Run.model_validate(values), place / "runs" / "tiny", device="cpu")
    return place


@pytest.fixture(scope="module")
def exported(place: Path) -> Path:
    """The run as ONNX, by the command line in a process of its own, with its encoders."""
    program = "from egoshift.cli.main import run; run()"
    arguments = ["export", place / "runs" / "tiny", "--onnx", place / "out", "--encoder", "--json"]
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "Warning" not in answer.stderr
    assert ExportCard.model_validate_json(answer.stdout) == ExportCard.model_validate_json(
        (place / "out" / "model.json").read_bytes()
    )
    return place / "out"


def test_the_card_says_all_that_is_needed_to_run_the_files(exported: Path, place: Path) -> None:
    card = ExportCard.model_validate_json((exported / "model.json").read_bytes())
    assert set(card.models) == {"noun", "verb"}
    noun, encoder = card.models["noun"], card.encoders[str(place / "clip")]
    assert noun.classes == {"noun": ("bowl", "cup", "knife")}
    assert noun.num_frames == 2
    assert noun.temperatures == {}
    assert [one.shape for one in noun.inputs] == [("batch", "frames", 24), ("classes_noun", 24)]
    assert noun.streams["full"].encoder == str(place / "clip")
    prepared = encoder.prepared
    assert prepared is not None
    assert prepared == load_image_encoder(str(place / "clip"), precision="float32").card
    assert encoder.sha256 == prepared.sha256
    files = {noun.file, *noun.class_vectors.values(), card.models["verb"].file, encoder.file}
    files |= {*card.models["verb"].class_vectors.values(), *(one.file for one in card.text_encoders.values())}
    assert files | {"model.json"} == {file.name for file in exported.iterdir()}
    assert str(place) not in " ".join(files)
    assert all(one.parity and one.parity.difference <= 1e-4 for one in card.encoders.values())
    assert {"torch", "onnx", "onnxruntime"} <= set(card.versions)


def test_the_example_runs_them_without_torch_and_says_what_the_library_says(
    exported: Path, place: Path, tmp_path: Path
) -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (3, 4, 3, 32, 32), dtype=np.uint8)
    features = load_image_encoder(str(place / "clip"), precision="float32").encode(
        torch.from_numpy(pictures.reshape(-1, 3, 32, 32))
    )
    full = features.view(3, 4, -1)
    answers = {}
    for name, array in (("pictures", pictures), ("features", full.numpy())):
        np.savez(tmp_path / f"{name}.npz", full=array)
        arguments = [str(EXAMPLE), str(exported), str(tmp_path / f"{name}.npz")]
        answer = subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, *arguments], capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr
        answers[name] = answer.stdout.splitlines()
    assert answers["pictures"] == answers["features"]
    expected = []
    for label in ("noun", "verb"):
        model = load_checkpoint(place / "runs" / "tiny" / "models" / label)
        (logits,) = model.classifier(StreamBatch({"full": full}), model.text).values()
        (words,) = model.text.values()
        for clip, row in enumerate(logits.softmax(1)):
            best = ", ".join(f"{words.names[int(i)]} {float(row[i]):.0%}" for i in row.argsort(descending=True)[:3])
            expected.append(f"clip {clip} {label}: {best}")
    assert answers["features"] == expected


def test_one_model_of_a_run_is_told_in_one_line_each(egoshift: Command, place: Path, tmp_path: Path) -> None:
    answer = egoshift("export", place / "runs" / "tiny" / "models" / "verb", "--onnx", tmp_path / "out")
    assert answer.code == 0, answer.err
    first, last = answer.out.splitlines()
    assert first.startswith(f"{tmp_path / 'out' / 'verb.onnx'}: zero_shot, any class vectors; 0.0 MB; within ")
    assert last == f"next: python examples/run_onnx.py {tmp_path / 'out'} FEATURES.npz"
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"verb.onnx", "verb.text_verb.npy", "model.json"}


def test_what_holds_no_model_or_lost_its_encoder_is_refused_in_one_line(
    egoshift: Command, place: Path, tmp_path: Path
) -> None:
    nothing = egoshift("export", tmp_path, "--onnx", tmp_path / "out")
    assert nothing.code == 1
    assert nothing.lines == [
        f"{tmp_path}: holds no trained model, neither config.json nor models/LABELS/config.json; give the folder of a "
        "run, or of one of its models, such as runs/xmic/models/noun"
    ]
    model = place / "runs" / "tiny" / "models" / "verb"
    config = json.loads((model / "config.json").read_text())
    config["provenance"]["run"]["streams"]["full"]["encoder"] = str(tmp_path / "gone")
    (tmp_path / "model").mkdir()
    for name in ("model.safetensors", "text.safetensors"):
        (tmp_path / "model" / name).write_bytes((model / name).read_bytes())
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | {"checksum": ""}))
    lost = egoshift("export", tmp_path / "model", "--onnx", tmp_path / "out", "--encoder")
    assert lost.code == 1
    assert lost.lines[-1].startswith(f"{tmp_path / 'gone'}: there is no such folder or file")
    kept = egoshift("export", tmp_path / "model", "--onnx", tmp_path / "out")
    assert kept.code == 0
    assert f"{tmp_path / 'gone'}: not written: " in kept.out


def test_without_the_libraries_the_message_says_what_to_install(
    egoshift: Command, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    answer = egoshift("export", place / "runs" / "tiny", "--onnx", tmp_path / "out")
    assert answer.code == 1
    assert answer.lines == ["--onnx needs onnxscript, which is not installed; pip install egoshift[export]"]
    assert not (tmp_path / "out").exists()


def test_a_place_that_is_no_folder_is_said_in_one_line(place: Path, tmp_path: Path, egoshift: Command) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    answer = egoshift("export", place / "runs" / "tiny", "--onnx", tmp_path / "taken")
    assert answer.code == 1
    (line,) = answer.lines
    assert line.startswith(
        f"{tmp_path / 'taken' / 'noun.onnx'}: cannot be written, for {tmp_path / 'taken'} is a file; "
    )

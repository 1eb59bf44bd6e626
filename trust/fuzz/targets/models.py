"""What programs write: stores, checkpoints, packages, weights, results, answers of a browser."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trust.fuzz.target import Target


def _stores(place: Path) -> None:
    from tests.unit.features.examples import make_sensor_store, make_store

    make_store(place / "full", {"a": [0.0, 0.25, 0.5], "b": [0.0, 1.0]}, views=("full", "hand"))
    make_sensor_store(place / "window", {"a": [True, False], "b": [True, True]})


def _read_store(folder: Path) -> None:
    from egoshift.features.store import Store

    store = Store.open(folder)
    store.verify()
    for video in store.offsets:
        store.times(video)
    store.in_memory()


def _sign_store(folder: Path) -> Sequence[Path]:
    """Makes the hashes of a store's manifest those of its arrays, as who wants to harm would."""
    import xxhash

    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
        arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in manifest["arrays"]}
        manifest["arrays"] = {name: xxhash.xxh3_128_hexdigest(array.tobytes()) for name, array in arrays.items()}
        first = 0
        for entry in manifest["videos"].values():
            own = {name: array[first : first + entry["rows"]].tobytes() for name, array in arrays.items()}
            hashes = {name: xxhash.xxh3_64_hexdigest(rows) for name, rows in own.items()}
            entry["times_hash"], entry["hashes"] = hashes.pop("times"), hashes
            first += entry["rows"]
        path.write_text(json.dumps(manifest | {"checksum": ""}), encoding="utf-8")
    except Exception:
        return ()  # there is nothing left to sign
    return (path,)


def _unseal(folder: Path) -> Sequence[Path]:
    """Empties a file's checksum of itself, whatever else became of the file, so that what it says is believed."""
    (path,) = folder.glob("*.json")
    path.write_bytes(re.sub(rb'"checksum": "\w+"', b'"checksum": ""', path.read_bytes()))
    return (path,)


def _parts(place: Path) -> None:
    from tests.unit.features.examples import BlockEncoder, LeftHalf

    from egoshift.features.draft import Draft
    from egoshift.features.extract import make_settings
    from egoshift.features.plan import FramePlan
    from egoshift.features.source import Source
    from egoshift.features.wanted import Wanted
    from egoshift.media import VideoInfo

    folder = place / "a"
    folder.mkdir()
    draft = Draft.begin(folder, make_settings(BlockEncoder(), FramePlan(), ("full",), LeftHalf()))
    draft.open()
    seconds = np.array([0.0, 0.25, 0.5])
    info = VideoInfo(folder / "v", 0.75, 96, 64, 30.0, None, 0, "h264")
    rows = {"times": seconds, "full": np.zeros((3, 16), np.float16)}
    draft.add(Wanted("v", info, 1, seconds, seconds, Source(1, "f")), rows)


def _read_parts(folder: Path) -> None:
    from egoshift.features.parts import read_parts

    for part in read_parts(folder)[0].values():
        part.times()
        for array in part.rows().values():
            np.asarray(array).sum()


def _checkpoints(place: Path) -> None:
    import torch
    from tests.unit.evaluation.toy import toy_text

    from egoshift.classifier import ClassText
    from egoshift.methods import XMIC, ZeroShot
    from egoshift.training import FitReport, FitSettings, save_checkpoint

    torch.manual_seed(0)
    text = {"verb": ClassText(torch.randn(3, 16), ("take", "put", "wash")), "noun": ClassText(torch.randn(2, 16))}
    report = FitReport(selection="best", settings=FitSettings(lr=1 / 3), epoch=2, score=12.5)
    small = XMIC(text_dim=16, num_frames=4, num_heads=2)
    save_checkpoint(place / "xmic", small, text, text_encoder="some/clip", fit=report)  # type: ignore[arg-type]
    save_checkpoint(place / "zero_shot", ZeroShot(), toy_text())


def _read_checkpoint(folder: Path) -> None:
    from egoshift.training import TrainedModel

    TrainedModel.from_pretrained(folder)


def _sign_checkpoint(folder: Path) -> Sequence[Path]:
    """Makes the digests of a model's ``config.json`` those of its files."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
        for name in config["digests"]:
            config["digests"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        path.write_text(json.dumps(config | {"checksum": ""}), encoding="utf-8")
    except Exception:
        return ()
    return (path,)


def _job() -> tuple[Any, Any, Any]:
    import torch
    from tests.unit.evaluation.toy import toy, toy_clips, toy_text

    from egoshift.training.objectives import Objective
    from egoshift.training.resume import job_of
    from egoshift.training.settings import FitSettings

    classifier = toy()
    optimizer = torch.optim.AdamW(classifier.parameters())
    clips = (toy_clips(), torch.arange(4))
    job = job_of(classifier, FitSettings(), Objective(), clips, toy_text(), None, {"x": 1}, 1, "32-true")
    return classifier, optimizer, job


def _resume_points(place: Path) -> None:
    from egoshift.training.resume import TrainingState, save_resume_point

    classifier, optimizer, job = _job()
    for parameter in classifier.parameters():
        parameter.grad = parameter.detach().clone()
    optimizer.step()
    best = {name: value.detach().clone() for name, value in classifier.named_parameters()}
    state = TrainingState(epoch=1, step=2, losses=[0.5, 0.25], best=0, best_weights=best)
    save_resume_point(place / "a", job, state, classifier, optimizer, {})


def _read_resume_point(folder: Path) -> None:
    from egoshift.training.resume import load_resume_point

    classifier, optimizer, job = _job()
    load_resume_point(folder, job, classifier, optimizer)


def _packages(place: Path) -> None:
    from egoshift.prediction.package import PackageConfig
    from egoshift.recipes.run import StreamRef

    _checkpoints(place / "a" / "models")
    (place / "a" / "models" / "xmic").rename(place / "a" / "models" / "verb+noun")
    stream = StreamRef(encoder="egoworld", view="full")
    config = PackageConfig(name="x", labels=("verb+noun",), streams={"full": stream}, weights={"egoworld": "0" * 64})
    (place / "a" / "predictor.json").write_text(config.model_dump_json(), encoding="utf-8")  # without a checksum


def _read_package(folder: Path) -> None:
    from egoshift.prediction.package import load_package

    load_package(folder)


def _encoders(place: Path) -> None:
    from tests.fixtures.checkpoints import write_clip, write_dinov2, write_siglip

    write_clip(place / "clip")
    write_clip(place / "clip2021", layout="vocab.json")
    write_siglip(place / "siglip")
    write_dinov2(place / "dinov2")


def _read_encoder(folder: Path) -> None:
    from egoshift.encoders import load_image_encoder, load_text_encoder

    load_image_encoder(str(folder), precision="float32")
    if folder.name != "dinov2":
        load_text_encoder(str(folder)).encode(["wash the cut"])


def _archives(place: Path) -> None:
    import argparse
    import warnings

    import torch
    from torch import nn

    (place / "save").mkdir(parents=True)
    tensors = {f"layer.{i}": torch.randn(4, 3) for i in range(3)}
    settings = argparse.Namespace(lr=0.1, path=Path("x"), seen={1, 2})
    torch.save({"state_dict": tensors, "epoch": 3, "args": settings}, place / "save" / "x.pt")
    (place / "script").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.script(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)))
        torch.jit.save(module, str(place / "script" / "x.pt"))


def _read_archive(folder: Path) -> None:
    from egoshift.encoders.archive import read_checkpoint

    found = read_checkpoint(folder / "x.pt")
    for value in found.value.values():
        if hasattr(value, "sum"):
            value.sum()


def _published(place: Path) -> None:
    from tests.fixtures.native_clip import write_openai_archive

    write_openai_archive(place / "openai")


def _read_published(folder: Path) -> None:
    from egoshift.encoders import load_image_encoder

    load_image_encoder(str(next(path for path in folder.iterdir() if path.suffix == ".pt")), precision="float32")


def _results(place: Path) -> None:
    from tests.unit.recipes.results import made_up

    for number, test in enumerate(("kitchen", "home")):
        made_up("kitchen", test).write(place / str(number) / "r.json")


def _read_result(folder: Path) -> None:
    from egoshift.recipes.tables import blocks, read_modality_results, read_results, table_rows

    blocks(table_rows(read_results([folder])))
    read_modality_results([folder])


TARGETS = (
    Target("stores", 5000, _stores, _read_store, settle=_sign_store),
    Target("parts", 3000, _parts, _read_parts, ("unfinished/*",)),
    Target("checkpoints", 5000, _checkpoints, _read_checkpoint, settle=_sign_checkpoint),
    Target("resume", 4000, _resume_points, _read_resume_point),
    Target("packages", 3000, _packages, _read_package, ("predictor.json",)),
    Target("encoders", 1500, _encoders, _read_encoder, ("*.json", "*.safetensors", "*.txt", "*.md")),
    Target("archives", 8000, _archives, _read_archive, guided=True),
    Target("published", 500, _published, _read_published, ("*.pt",)),
    Target("results", 5000, _results, _read_result, settle=_unseal),
)

"""The encoders and fusions of a fold: trained, chosen by its validation people, and what they recognise."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import torch
from jaxtyping import Int
from torch import Tensor

from benchmarks.glasses.folds import Fold, Plan
from egoshift.classifier import AbstractSubsetClassifier
from egoshift.datasets import DataCard, load_dataset
from egoshift.datasets.classyglass import ARRAYS
from egoshift.evaluation import score_modalities
from egoshift.features import FramePlan
from egoshift.losses.subsets import Modalities, modality_subsets
from egoshift.recipes import evaluate, fill_store, train
from egoshift.recipes.models import class_texts
from egoshift.recipes.run import MethodSpec, Run, StreamRef
from egoshift.recipes.scoring import open_models
from egoshift.recipes.stores import Opened
from egoshift.training import AlignmentTerm, FitSettings, Objective

SENSORS: Modalities = tuple(sorted(ARRAYS))
SUBSETS = modality_subsets(SENSORS)

READINGS = {"accelerometer": 200, "gyroscope": 200, "magnetometer": 80, "barometer": 40}
"""Of a window of 4 s, at 50, 50, 20 and 10 a second."""

PATCHES = 10
"""Tokens of a window, of every sensor."""

CENTRED = (True, False)
"""Settings of an encoder to choose from: each window about its own mean, or as recorded."""

FUSION = {"width": 64, "mlp_ratio": 2.0, "num_frames": 1}
"""The size of a fusion: a token for each sensor of a window."""

LEARNING_RATE = 1e-3
"""Of encoders and fusions."""

STORED = FramePlan(rate_hz=0.5)
"""Times of stored windows: the clips themselves, and those half way between, which training sees too."""

ANCHOR = "accelerometer"

Hits = Mapping[Modalities, Int[Tensor, " clips"]]
"""Per subset and clip: 1 recognised, 0 not, -1 it has nothing of the subset."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Kind:
    """A way to train a fusion.

    Attributes:
        dropout: Of modalities.
        aligned: Whether by the alignment loss too.
    """

    dropout: float
    aligned: bool


ANY_SUBSET, ONE_EACH = "any subset", "one each"
KINDS: Mapping[str, Kind] = {
    ANY_SUBSET: Kind(0.3, True),
    "no dropout": Kind(0.0, True),
    "no alignment": Kind(0.3, False),
    ONE_EACH: Kind(0.0, False),
}
"""All subsets share the model of each kind but the last, of which each subset has one."""


def train_encoder(plan: Plan, fold: Fold, sensor: str, tell: Tell) -> str:
    """The name of a sensor's encoder, of all ``CENTRED`` the best on validation clips; its features are stored."""
    scores: dict[Path, float] = {}
    for centred in CENTRED:
        run = _encoder_run(plan, fold, sensor, centred)
        folder = fold.folder / "encoders" / run.name
        if not (folder / "validation.json").exists():
            train(run, folder, device="cpu", resume=True)
            (result,) = evaluate(folder, [fold.validation], device="cpu").values()
            value = next(row.value for row in result.rows if row.metric == "top1" and row.subset == "all")
            (folder / "validation.json").write_text(json.dumps(value))
        scores[folder] = json.loads((folder / "validation.json").read_text())
        tell(f"{run.name}: {scores[folder]:.1f}% of the validation clips")
    name = f"{sensor}:{max(scores, key=lambda folder: scores[folder]) / 'models' / 'action'}"
    fill_store(DataCard.read(fold.test), name, plan=STORED, batch_size=32, device="cpu")
    return name


def _encoder_run(plan: Plan, fold: Fold, sensor: str, centred: bool) -> Run:
    rows = READINGS[sensor]
    size = {"num_samples": rows, "patch_size": rows // PATCHES}
    return Run(
        name=f"{sensor}-{'centred' if centred else 'level'}",
        train=fold.test,
        labels=("action",),
        method=MethodSpec(
            name="unimodal", options={"sensor": sensor, "preset": "tiny", "centred": centred, "options": size}
        ),
        streams={sensor: StreamRef(encoder=f"signal:{sensor}")},
        fit=_fit(plan, plan.encoder_epochs, batch_size=64),
    )


def train_fusion(plan: Plan, fold: Fold, encoders: Mapping[str, str], name: str, subset: Modalities) -> Path:
    """The folder of a fusion of some sensors."""
    kind, sensors = KINDS[name], "-".join(sensor[:3] for sensor in subset)
    run = Run(
        name=f"{name.replace(' ', '-')}-{sensors}",
        train=fold.test,
        labels=("action",),
        method=MethodSpec(name="fusion", options={**FUSION, "modality_dropout": kind.dropout}),
        streams={sensor: StreamRef(encoder=encoders[sensor]) for sensor in subset},
        objective=Objective(alignment=AlignmentTerm(anchor=ANCHOR) if kind.aligned else None),
        fit=_fit(plan, plan.fusion_epochs, batch_size=128),
    )
    folder = fold.folder / "fusions" / run.name
    train(run, folder, device="cpu", resume=True)
    return folder


def _fit(plan: Plan, epochs: int, *, batch_size: int) -> FitSettings:
    return FitSettings(
        epochs=epochs,
        lr=LEARNING_RATE,
        batch_size=batch_size,
        num_frames=1,
        schedule="cosine",
        warmup_epochs=0,
        selection="last",
        precision="32-true",
        seed=plan.seed,
    )


def recognised(folder: Path, card: Path) -> tuple[Hits, pl.DataFrame]:
    """What a fusion recognises of a card's test clips from every subset of its modalities, and these clips."""
    run, _, checkpoints = open_models(folder, "cpu")
    (checkpoint,) = checkpoints.values()
    assert isinstance(checkpoint.classifier, AbstractSubsetClassifier), "it is a fusion"
    opened = Opened.of(run, card)
    clips = opened.clips("test")
    features = opened.features(run, clips, run.labels)
    text = class_texts(run, opened, run.labels)
    scores = score_modalities(checkpoint.classifier, features, text, num_frames=run.fit.num_frames)
    given = {clip: row for row, clip in enumerate(clips["clip_id"])}
    rows = torch.tensor([given[clip] for clip in features.clips["clip_id"]])  # type: ignore[attr-defined]
    hits = {}
    for subset, logits in scores.logits.items():
        right = (logits["action"].argmax(1) == scores.targets["action"]).long()
        hits[subset] = torch.full((len(clips),), -1)
        hits[subset][rows] = torch.where(scores.has(subset), right, -1)
    return hits, clips


def majority_hits(fold: Fold) -> tuple[Int[Tensor, " clips"], pl.DataFrame]:
    """Which test clips are of the class that most training clips are of."""
    clips = load_dataset(DataCard.read(fold.test)).clips
    most = clips.filter(pl.col("split") == "train").group_by("action").len().sort("len", "action")["action"][-1]
    test = clips.filter(pl.col("split") == "test")
    return torch.tensor((test["action"] == most).to_list()).long(), test


def num_classes(fold: Fold) -> int:
    """How many activities there are."""
    return len(load_dataset(DataCard.read(fold.test)).vocabularies["action"])

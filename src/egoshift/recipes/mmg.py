"""Runs of MMG-Ego4D (Gong et al., CVPR 2023): encoders of sensors, their fusion, and the stages of its training table.

The slides' table of training says which losses each setting has, in which order. A stage is a run that begins with the
model of the one before it (``start``):

    many-shot, regular and missing     mmg_audio, mmg_imu (CE)                mmg_many_shot (CE + L_align)
    many-shot, zero-shot               mmg_align (L_align, no labels)         mmg_zero_shot (CE)
    few-shot                           mmg_audio, mmg_imu, mmg_many_shot      mmg_few_shot (L_proto)

Encoders that were trained with labels are frozen after it, and their features stored (``egoshift extract``). Those of
the zero-shot setting must not have seen a label, so ``mmg_align`` trains them with the fusion, from signals. Nothing of
the optimiser, epochs and windows is published: all numbers here are ours. Pictures are seen by a frozen vision-language
model, unless ``mmg_video`` trains an MViT.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from egoshift.encoders import SIGNAL
from egoshift.recipes.run import FewShot, MethodSpec, Run, StreamRef
from egoshift.recipes.xmic import CLIP
from egoshift.training import AlignmentTerm, FitSettings, Objective, PrototypeTerm

SENSORS = {"audio": "audio:runs/mmg_audio/models/action", "imu": "imu:runs/mmg_imu/models/action"}
"""Where ``egoshift train mmg_audio`` and ``mmg_imu`` put the encoders."""

ALIGNED = Objective(alignment=AlignmentTerm())
ALIGNMENT = Objective(cross_entropy=0.0, alignment=AlignmentTerm())
PROTOTYPES = Objective(cross_entropy=0.0, prototypes=PrototypeTerm())


def mmg_video(train: Path, test: Sequence[Path] = (), *, encoder: str = "") -> Run:
    """MViT-B 16x4 with cross-entropy; --encoder begins with pretrained weights, such as pytorchvideo's of Kinetics."""
    return _unimodal("mmg_video", "video", train, test, encoder)


def mmg_audio(train: Path, test: Sequence[Path] = (), *, encoder: str = "") -> Run:
    """AST with cross-entropy; --encoder begins with pretrained weights, such as the authors' of AudioSet."""
    return _unimodal("mmg_audio", "audio", train, test, encoder)


def mmg_imu(train: Path, test: Sequence[Path] = (), *, encoder: str = "") -> Run:
    """The IMU transformer with cross-entropy, from random weights."""
    return _unimodal("mmg_imu", "imu", train, test, encoder)


def mmg_many_shot(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """Fusion by CE + L_align: the many-shot regular and missing-modality settings."""
    return _fusion("mmg_many_shot", train, test, encoder, objective=ALIGNED)


def mmg_few_shot(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """mmg_many_shot's model by the cross-modal prototypical loss; 5-way 5-shot episodes of the novel classes."""
    start = (Path("runs/mmg_many_shot/models/action"),)
    return _fusion("mmg_few_shot", train, test, encoder, objective=PROTOTYPES, start=start, few_shot=FewShot())


def mmg_align(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """Encoders of sound and IMU and their fusion by L_align alone, on all clips without labels; for mmg_zero_shot."""
    return _from_signals("mmg_align", train, test, encoder, objective=ALIGNMENT, splits=("unlabelled", "train"))


def mmg_zero_shot(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """mmg_align's model by CE on sound and IMU, to be used with video; --set seen_by=[video] and so on."""
    start = (Path("runs/mmg_align/models/action"),)
    return _from_signals("mmg_zero_shot", train, test, encoder, start=start, seen_by=("audio", "imu"))


def xmic_sensors(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """X-MIC whose vector comes from every sensor that a clip has: any subset of sensors, any class names.

    The sensors also join what is classified (``text_rule`` "both"); X-MIC's own equation is "shift".
    """
    options = {"head": "text", "text_rule": "both", "classify_streams": ["video"]}
    return _fusion("xmic_sensors", train, test, encoder, options=options, text_encoder=encoder)


def _unimodal(name: str, sensor: str, train: Path, test: Sequence[Path], weights: str) -> Run:
    return Run(
        name=name,
        train=train,
        test=tuple(test),
        labels=("action",),
        method=MethodSpec(name="unimodal", options={"sensor": sensor, **({"weights": weights} if weights else {})}),
        streams={sensor: StreamRef(encoder=SIGNAL + sensor)},
        fit=FitSettings(epochs=30, batch_size=32, lr=1e-4 if weights else 1e-3, schedule="cosine"),
    )


def _from_signals(name: str, train: Path, test: Sequence[Path], encoder: str, **fields: Any) -> Run:
    """A fusion whose encoders of sound and IMU are trained with it."""
    options: dict[str, Any] = {"encoders": {"audio": {}, "imu": {}}}
    sensors = {sensor: SIGNAL + sensor for sensor in ("audio", "imu")}
    return _fusion(name, train, test, encoder, options=options, sensors=sensors, **fields)


def _fusion(
    name: str,
    train: Path,
    test: Sequence[Path],
    encoder: str,
    *,
    options: Mapping[str, Any] | None = None,
    sensors: Mapping[str, str] = SENSORS,
    **fields: Any,
) -> Run:
    return Run(
        name=name,
        train=train,
        test=tuple(test),
        labels=("action",),
        method=MethodSpec(name="fusion", options=dict(options or {})),
        streams={name: StreamRef(encoder=ref) for name, ref in {"video": encoder, **sensors}.items()},
        **fields,
    )

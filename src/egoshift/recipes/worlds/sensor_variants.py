"""The runs of MMG-Ego4D on the generated data set of several sensors, and what each begins with.

The video encoder is the small CLIP of the world on hand crops: on full frames, and from random weights with some
hundred clips (an MViT), it is hardly above chance there. All numbers were chosen on world 0 by its validation videos.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from egoshift.losses import modality_subsets
from egoshift.recipes import mmg
from egoshift.recipes.egoworld import ENCODER
from egoshift.recipes.run import Run, StreamRef
from egoshift.recipes.run_files import override

MODALITIES = ("video", "audio", "imu")

SMALL: Mapping[str, Mapping[str, object]] = {
    "audio": {"preset": "tiny"},
    "imu": {"preset": "tiny", "options": {"num_samples": 512}},
}
"""The encoders: windows of 2.6 seconds, in clips of about 4."""

_FIT = ("fit.batch_size=32", "fit.num_frames=4", "fit.schedule=cosine", "fit.warmup_epochs=2", "fit.selection=last")
_SMALL_IMU = (*_FIT, "method.options.preset=tiny", "method.options.options={num_samples: 512}")
_FUSION = (*_FIT, "streams.video.view=hand", "method.options.width=128")
_FEATURES = (*_FUSION, "fit.epochs=30", "fit.lr=0.0005")
_SIGNALS = (*_FUSION, f"method.options.encoders={json.dumps(SMALL)}", "fit.lr=0.001")
_MLP = ("method.options.fusion=mlp", "method.options.missing=zeros")
_NO_ALIGN = ("objective.alignment=null",)
_SHIFT = ("method.options.text_rule=shift", "fit.lr=0.002")


@dataclass(frozen=True)
class SensorVariant:
    """A run on the data set of several sensors.

    Attributes:
        title: What tables and claims call it.
        recipe: Makes the run.
        sets: Fields in which it differs, as for ``--set``.
        start: The variants that it begins with.
        needs: Those whose features it reads.
        streams: Which of the recipe's streams it has.
        makes: The sensor whose encoder it trains for others.
        cost: How long it takes beside the others, about in seconds.
    """

    title: str
    recipe: Callable[..., Run]
    sets: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    needs: tuple[str, ...] = ("mmg_audio", "mmg_imu")
    streams: tuple[str, ...] = MODALITIES
    makes: str | None = None
    cost: float = 8.0

    @property
    def before(self) -> tuple[str, ...]:
        """The variants that must have been trained."""
        return (*self.needs, *self.start)


def _zero_shot() -> dict[str, SensorVariant]:
    """One for each subset that labels are seen by, but for all modalities."""
    return {
        f"mmg_zero_shot.{'+'.join(subset)}": _from_signals(
            f"zero-shot from {'+'.join(subset)}", mmg.mmg_zero_shot, "mmg_align", f"seen_by=[{', '.join(subset)}]"
        )
        for subset in modality_subsets(MODALITIES)[1:]
    }


def _from_signals(title: str, recipe: Callable[..., Run], start: str | None, *sets: str) -> SensorVariant:
    own = (*_SIGNALS, "fit.epochs=30", *sets)
    return SensorVariant(title, recipe, own, (start,) if start else (), needs=(), cost=15)


SENSOR_VARIANTS: Mapping[str, SensorVariant] = {
    "mmg_audio": SensorVariant(
        "AST",
        mmg.mmg_audio,
        (*_FIT, "method.options.preset=tiny", "fit.epochs=30", "fit.lr=0.002"),
        needs=(),
        makes="audio",
        cost=15,
    ),
    "mmg_imu": SensorVariant(
        "IMU transformer",
        mmg.mmg_imu,
        (*_SMALL_IMU, "fit.epochs=60", "fit.lr=0.002"),
        needs=(),
        makes="imu",
        cost=10,
    ),
    "mmg_align": SensorVariant("align", mmg.mmg_align, (*_SIGNALS, "fit.epochs=60"), needs=(), cost=40),
    "mmg_align-mlp": SensorVariant("align, MLP", mmg.mmg_align, (*_SIGNALS, *_MLP, "fit.epochs=60"), needs=(), cost=40),
    "mmg_many_shot": SensorVariant("MMG", mmg.mmg_many_shot, _FEATURES),
    "mmg_many_shot-no_align": SensorVariant("MMG without align", mmg.mmg_many_shot, (*_FEATURES, *_NO_ALIGN)),
    "mmg_many_shot-no_dropout": SensorVariant(
        "MMG without modality dropout", mmg.mmg_many_shot, (*_FEATURES, "method.options.modality_dropout=0.0")
    ),
    "mmg_many_shot-neither": SensorVariant(
        "MMG without either",
        mmg.mmg_many_shot,
        (*_FEATURES, *_NO_ALIGN, "method.options.modality_dropout=0.0"),
    ),
    "mmg_many_shot-mlp": SensorVariant("MMG, MLP", mmg.mmg_many_shot, (*_FEATURES, *_MLP)),
    "xmic_sensors": SensorVariant("X-MIC of all sensors", mmg.xmic_sensors, _FEATURES),
    "xmic_sensors-shift": SensorVariant("X-MIC of all sensors, equation 1", mmg.xmic_sensors, (*_FEATURES, *_SHIFT)),
    "xmic_video": SensorVariant(
        "X-MIC of video alone", mmg.xmic_sensors, (*_FEATURES, *_SHIFT), needs=(), streams=("video",)
    ),
    **_zero_shot(),
    "mmg_zero_shot-no_align.audio+imu": _from_signals(
        "zero-shot without align", mmg.mmg_zero_shot, None, "seen_by=[audio, imu]"
    ),
    "mmg_zero_shot-mlp.audio+imu": _from_signals(
        "zero-shot, MLP", mmg.mmg_zero_shot, "mmg_align-mlp", "seen_by=[audio, imu]", *_MLP
    ),
    "mmg_few_shot": SensorVariant("MMG", mmg.mmg_few_shot, _FEATURES, ("mmg_many_shot",)),
    "mmg_few_shot-no_align": SensorVariant(
        "MMG without align", mmg.mmg_few_shot, _FEATURES, ("mmg_many_shot-no_align",)
    ),
    "mmg_few_shot-mlp": SensorVariant("MMG, MLP", mmg.mmg_few_shot, (*_FEATURES, *_MLP), ("mmg_many_shot-mlp",)),
    "mmg_few_shot-no_proto": SensorVariant(
        "MMG without cross-modal proto",
        mmg.mmg_few_shot,
        (*_FEATURES, "objective.prototypes.pairing=all"),
        ("mmg_many_shot",),
    ),
}
"""By name; the endings are those of ``recipes.modalities.ablation``, and ``no_dropout`` and ``neither`` are ours."""

DEMO = ("mmg_many_shot", "mmg_few_shot", *_zero_shot(), "xmic_sensors", "xmic_sensors-shift", "xmic_video")
"""The paper's three settings, the zero-shot one from every subset; and any subset of sensors with any class names."""


def levels_of(variants: Sequence[str]) -> list[list[str]]:
    """These variants and all that they need, those first that others wait for."""
    wanted = list(dict.fromkeys(variants))
    for name in wanted:  # grows while it is gone through
        wanted += [other for other in SENSOR_VARIANTS[name].before if other not in wanted]
    levels: list[list[str]] = []
    placed: set[str] = set()
    while len(placed) < len(wanted):
        level = [
            name
            for name in SENSOR_VARIANTS
            if name in wanted and name not in placed and placed.issuperset(SENSOR_VARIANTS[name].before)
        ]
        levels.append(level)
        placed.update(level)
    return levels


def model_folder(world: Path, variant: str) -> Path:
    """Where a variant's model lies."""
    return world.parent / "models" / f"{variant}-action-multimodal" / "models" / "action"


def sensor_encoder(world: Path, sensor: str) -> str:
    """The name of the encoder of a sensor that was trained in a world."""
    variant = next(name for name, one in SENSOR_VARIANTS.items() if one.makes == sensor)
    return f"{sensor}:{model_folder(world, variant)}"


def sensor_run(variant: str, world: Path, *, seed: int, assignments: Sequence[str] = ()) -> Run:
    """The run of one variant on the data set of several sensors.

    Args:
        variant: A name of ``SENSOR_VARIANTS``.
        world: The folder of its data card.
        seed: Of the training.
        assignments: ``fit.field=value``, for every run alike.
    """
    one = SENSOR_VARIANTS[variant]
    given = {} if one.makes else {"encoder": ENCODER}
    run = one.recipe(world / "multimodal.yaml", **given)
    encoders = {sensor: StreamRef(encoder=sensor_encoder(world, sensor)) for sensor in ("audio", "imu")}
    streams = {name: encoders.get(name, ref) if one.needs else ref for name, ref in run.streams.items()}
    streams = {name: ref for name, ref in streams.items() if name in one.streams}
    start = tuple(model_folder(world, name) for name in one.start)
    changed = run.model_copy(update={"name": variant, "streams": streams, "start": start})
    return override(changed, (f"fit.seed={seed}", *one.sets, *assignments))

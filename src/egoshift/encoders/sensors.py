"""The encoders of sensors by name and preset, new or out of a checkpoint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch

from egoshift.encoders import ast, inertial, mvit
from egoshift.encoders.folder import read_json
from egoshift.encoders.mvit_config import PRESETS as MVIT_PRESETS
from egoshift.encoders.precision import Precision, choose_dtype, open_device
from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.encoders.weights import FolderWeights, open_weights
from egoshift.errors import ConfigError, WeightsError

Sensor = Literal["video", "audio", "imu"]


@dataclass(frozen=True)
class SensorEncoderKind:
    """One architecture.

    Attributes:
        sensor: What it encodes.
        presets: Its configurations by name.
        make: From a configuration to the encoder.
    """

    sensor: Sensor
    presets: Mapping[str, Any]
    make: Callable[[Any], AbstractSensorEncoder]


SENSOR_ENCODERS: Mapping[str, SensorEncoderKind] = {
    "mvit": SensorEncoderKind("video", MVIT_PRESETS, mvit.MultiscaleTransformer),
    "ast": SensorEncoderKind("audio", ast.PRESETS, ast.new_spectrogram_transformer),
    "inertial": SensorEncoderKind("imu", inertial.PRESETS, inertial.InertialTransformer),
}
"""The unimodal encoders of MMG-Ego4D (its slides name MViT-B, AST and an "IMU Transformer")."""


def new_sensor_encoder(encoder: str, preset: str = "base", **options: object) -> AbstractSensorEncoder:
    """An encoder to be trained from scratch; ``torch.manual_seed`` fixes its weights.

    Args:
        encoder: One of ``SENSOR_ENCODERS``.
        preset: One of its presets.
        options: Fields of its configuration that are to be others than the preset's.

    Raises:
        ConfigError: There is no such encoder, preset or field.
    """
    if encoder not in SENSOR_ENCODERS:
        raise ConfigError(f"no sensor encoder {encoder!r}; there are {', '.join(SENSOR_ENCODERS)}")
    kind = SENSOR_ENCODERS[encoder]
    if preset not in kind.presets:
        raise ConfigError(f"{encoder} has no preset {preset!r}; it has {', '.join(kind.presets)}")
    known = [field.name for field in fields(kind.presets[preset])]
    if strange := [name for name in options if name not in known]:
        raise ConfigError(f"{encoder} has no option {strange[0]!r}; it has {', '.join(known)}")
    return kind.make(replace(kind.presets[preset], **options))


def load_sensor_encoder(
    name: str, sensor: Literal["video", "audio"], *, device: str | torch.device = "cpu", precision: Precision = "auto"
) -> AbstractSensorEncoder:
    """A pretrained encoder, frozen. Reads local files only: nothing is ever downloaded here.

    A classifier in the checkpoint is left out, so its number of classes does not matter. To train the encoder further:
    ``encoder.requires_grad_(True).train()``.

    Args:
        name: A checkpoint file of MViT-B as pytorchvideo, SlowFast or torchvision write it, or of AST as its authors or
            ``transformers`` do, none of which is run; or a folder or an id of an AST in the Hugging Face layout.
        sensor: What it is to encode.
        device: Where it runs.
        precision: In what it computes; see ``load_image_encoder``.

    Raises:
        WeightsError: The weights are missing, unreadable, incomplete, or not of an encoder of this sensor.
        ConfigError: There is no such device or precision here.
    """
    opened = open_device(device)
    dtype = choose_dtype(opened, precision)
    weights = open_weights(name)
    weights.offer(sensor)
    tower = weights.tower(sensor, opened, dtype)
    if sensor == "video":
        assert isinstance(tower, AbstractSensorEncoder), "a video tower is one of ours"
        return tower
    mean, std = normalisation(weights) if isinstance(weights, FolderWeights) else (ast.AUDIOSET_MEAN, ast.AUDIOSET_STD)
    return ast.SpectrogramTransformer(tower, mean=mean, std=std).eval()


def normalisation(weights: FolderWeights) -> tuple[float, float]:
    """The mean and std of log-mels that the ``preprocessor_config.json`` of an AST states.

    Raises:
        WeightsError: It is missing, or states something else than numbers, or another front end.
    """
    file = weights.folder.path / "preprocessor_config.json"
    if not file.is_file():
        raise WeightsError(
            f"{weights.folder.id}: {file} is missing, which says how log-mels are normalised; copy it too"
        )
    stated = {**ASSUMED, **read_json(weights.folder.id, file)}
    if stated["sampling_rate"] != ASSUMED["sampling_rate"]:
        raise WeightsError(f"{file}: sampling_rate is {stated['sampling_rate']!r}; only 16000 can be followed")
    if not stated["do_normalize"]:
        return 0.0, 0.5  # which changes nothing
    mean, std = stated["mean"], stated["std"]
    if type(mean) not in (int, float) or type(std) not in (int, float) or not std > 0:
        raise WeightsError(f"{file}: mean is {mean!r} and std {std!r}; expected a number and a positive number")
    return float(mean), float(std)


ASSUMED: Mapping[str, object] = {
    "sampling_rate": 16000,
    "do_normalize": True,
    "mean": ast.AUDIOSET_MEAN,
    "std": ast.AUDIOSET_STD,
}
"""What ``ASTFeatureExtractor`` takes where the file is silent."""

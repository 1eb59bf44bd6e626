"""The encoder of a sensor as a classifier holds it: of which architecture, how large, from which weights."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Literal

from egoshift.encoders import (
    SENSOR_ENCODERS,
    SIGNALS,
    AbstractSensorEncoder,
    SignalEncoder,
    SignalSpec,
    load_sensor_encoder,
    new_sensor_encoder,
)
from egoshift.encoders.ast import SpectrogramConfig, SpectrogramTransformer
from egoshift.encoders.card import Family
from egoshift.errors import ConfigError

ENCODER_OF: Mapping[str, Family] = {"video": "mvit", "audio": "ast"}
"""The architecture of each sensor; all others take the inertial transformer, of which nobody published weights."""


AS_IT_IS = {"mean": 0.0, "std": 0.5}
"""The statistics by which an AST, which divides by twice the deviation, leaves its input as it is."""


def make_signal_encoder(
    sensor: str,
    *,
    preset: str = "base",
    options: Mapping[str, Any] | None = None,
    rate_hz: float | None = None,
    centred: bool | None = None,
    weights: str = "",
) -> SignalEncoder:
    """An encoder of one sensor, new or pretrained.

    Args:
        sensor: A name of ``encoders.SIGNALS``.
        preset: Of the sensor's architecture: ``"base"``, ``"tiny"``, ...
        options: Fields of its configuration that are to be others than the preset's.
        rate_hz: Rows a second; none takes the sensor's own.
        centred: Whether each window of readings is seen about its own mean; none takes the sensor's own.
        weights: A pretrained encoder (``load_sensor_encoder``), for video and audio; empty: random weights.

    Raises:
        ConfigError: There is no such sensor, preset or option.
        WeightsError: The weights cannot be read.
    """
    if sensor not in SIGNALS:
        raise ConfigError(f"sensor is {sensor!r}; give one of {', '.join(SIGNALS)}")
    if weights and sensor not in ENCODER_OF:
        raise ConfigError(f"there are no published weights for {sensor}; leave weights out, or take video or audio")
    asked = {"rate_hz": rate_hz, "centred": centred}
    signal = dict(SIGNALS[sensor]) | {name: value for name, value in asked.items() if value is not None}
    encoder = _pretrained(weights, sensor) if weights else _new(sensor, preset, dict(options or {}), signal)
    size = encoder.input_shape[-1] if sensor == "video" else 0
    shape = {"sensor": sensor, "num_rows": encoder.input_shape[0], "size": size}
    return SignalEncoder(encoder, SignalSpec.model_validate(signal | shape), normalised=_normalises(encoder))


def config_of(encoder: AbstractSensorEncoder) -> dict[str, Any]:
    """The options that make an encoder of the same shape as a pretrained one of video or audio."""
    if isinstance(encoder, SpectrogramTransformer):
        found = encoder.config
        given = {
            "num_frames": found.max_length,
            "num_mels": found.num_mel_bins,
            "stride": found.time_stride,
            "hidden_size": found.hidden_size,
            "intermediate_size": found.intermediate_size,
            "num_hidden_layers": found.num_hidden_layers,
            "num_attention_heads": found.num_attention_heads,
            "dropout": found.hidden_dropout_prob,
            "layer_norm_eps": found.layer_norm_eps,
            "mean": encoder.mean,
            "std": encoder.std,
        }
        assert set(given) == {field.name for field in fields(SpectrogramConfig)}, "every field is told"
        return given
    config: dict[str, Any] = asdict(encoder.config)  # type: ignore[call-overload]
    return config


def _normalises(encoder: AbstractSensorEncoder) -> bool:
    """Whether it brings log-mels to the statistics of its own training data, as pretrained ones do."""
    return isinstance(encoder, SpectrogramTransformer) and {"mean": encoder.mean, "std": encoder.std} != AS_IT_IS


def _new(sensor: str, preset: str, options: dict[str, Any], signal: Mapping[str, Any]) -> AbstractSensorEncoder:
    # Run files and checkpoints have lists only.
    options = {field: tuple(value) if isinstance(value, list) else value for field, value in options.items()}
    name = ENCODER_OF.get(sensor, "inertial")
    assert name in SENSOR_ENCODERS, "an architecture for every sensor"
    if name == "inertial":
        options = {"num_channels": sum(signal["layout"].values()), **options}
    if name == "ast":  # its inputs are normalised before
        options = {**AS_IT_IS, **options}
    return new_sensor_encoder(name, preset, **options)


def _pretrained(weights: str, sensor: str) -> AbstractSensorEncoder:
    kind: Literal["video", "audio"] = "video" if sensor == "video" else "audio"
    return load_sensor_encoder(weights, kind, precision="float32")

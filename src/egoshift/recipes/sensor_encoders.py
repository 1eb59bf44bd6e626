"""The encoders of sensors that runs and stores name: which weights those are, and what they read."""

from contextlib import nullcontext
from pathlib import Path

import torch

from egoshift.encoders import SensorCard, SignalSpec, SignalTower, weights_digest
from egoshift.errors import CheckpointError
from egoshift.foreign import parse_json
from egoshift.fusion import Unimodal
from egoshift.fusion.sensors import ENCODER_OF, make_signal_encoder
from egoshift.recipes.run import Run
from egoshift.training import load_checkpoint, read_config
from egoshift.training.checkpoint import CONFIG_FILE, WEIGHTS_FILE


def load_signal_tower(encoder: str, *, device: str = "cpu") -> SignalTower:
    """The encoder of a sensor, frozen.

    Args:
        encoder: ``SENSOR:NAME``, NAME being the folder of a model that was trained by ``unimodal``, or of pretrained
            weights of video or audio.
        device: Where it runs.

    Raises:
        CheckpointError: The folder holds no such model, or one of another sensor.
        WeightsError: The weights cannot be read.
    """
    sensor, name, sha256 = sensor_weights(encoder)
    folder = Path(encoder.partition(":")[2]).expanduser()
    if _is_model(folder):
        model = load_checkpoint(folder).classifier
        if not isinstance(model, Unimodal) or model.spec.sensor != sensor:
            what = f"an encoder of {model.spec.sensor}" if isinstance(model, Unimodal) else type(model).__name__
            raise CheckpointError(f"{folder}: holds {what}, asked for an encoder of {sensor}; name another folder")
    else:
        model = Unimodal(sensor=sensor, weights=str(folder), frozen=True).eval()
    card = SensorCard(
        id=name,
        family=ENCODER_OF.get(sensor, "inertial"),
        sha256=sha256,
        licence="unknown",
        activation="gelu",
        pooling="the encoder's own",
        dim=model.encoder.dim,
        has_text=False,
        dtype="float32",
        signal=model.spec,
    )
    return SignalTower(card, model.encoder.to(device).eval())


def signal_spec(run: Run, stream: str) -> SignalSpec:
    """The windows that a run's encoder of a signal reads.

    Raises:
        ConfigError: There is no such sensor, preset or option.
        WeightsError: It begins from weights that cannot be read.
    """
    given = run.method.options
    if run.method.name != "unimodal":
        given = (given.get("encoders") or {}).get(stream, {})
    given = {"sensor": stream} | {name: value for name, value in given.items() if name not in ("classes", "frozen")}
    # Of pretrained weights the window is only known once they are read; otherwise shapes are enough.
    with nullcontext() if given.get("weights") else torch.device("meta"):
        return make_signal_encoder(**given).spec


def sensor_weights(encoder: str) -> tuple[str, str, str]:
    """A sensor encoder's sensor, a name for its features, and the SHA-256 of its weights."""
    sensor, _, name = encoder.partition(":")
    folder = Path(name).expanduser()
    if _is_model(folder):
        run = folder.resolve().parent.parent.name  # runs/<run>/models/<labels>
        return sensor, f"{run}-{folder.name}", read_config(folder).digests[WEIGHTS_FILE]
    if sensor not in ENCODER_OF:
        raise CheckpointError(
            f"{folder}: holds no trained model, and there are no published weights for {sensor}; train one with "
            f"`egoshift train`, and name its folder, such as {sensor}:runs/mmg_{sensor}/models/action"
        )
    return sensor, folder.name, weights_digest(str(folder))


def _is_model(folder: Path) -> bool:
    """Whether a folder is one of ours, and not of weights in the Hugging Face layout, which has a config.json too."""
    try:
        content = parse_json((folder / CONFIG_FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == "egoshift-classifier"

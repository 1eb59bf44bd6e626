"""What makes the features of exported models: described, and written too where asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path

from egoshift.encoders import PIXELS, SIGNAL, SignalTower, load_image_encoder, load_text_encoder, sensor_of
from egoshift.encoders.image import FrozenImageEncoder
from egoshift.encoders.load import open_text_tower
from egoshift.encoders.pixels import load_pixel_encoder
from egoshift.errors import CheckpointError, ConfigError, WeightsError
from egoshift.files import plain
from egoshift.prediction.export.card import EncoderCard, ModelCard, streams_of, weights_of
from egoshift.prediction.export.encoders import write_image_encoder, write_signal_encoder, write_text_encoder
from egoshift.recipes.sensor_encoders import load_signal_tower
from egoshift.training.checkpoint import CheckpointConfig

Told = Callable[[str], None]
"""Told which file is being written."""


def export_encoders(
    configs: Mapping[str, CheckpointConfig], out: Path, *, write: bool, tell: Told
) -> dict[str, EncoderCard]:
    """What makes the models' streams, each once.

    Args:
        configs: Of the models.
        out: Where files go.
        write: Whether encoders are written, or described alone.
        tell: Told before each file.

    Raises:
        ConfigError: They are to be written, and a model does not say which they are.
        WeightsError: One is to be written and cannot be read, or has other weights than the model was trained on.
    """
    names = {
        stream.encoder: weights_of(config, stream.encoder)
        for config in configs.values()
        for stream in streams_of(config).values()
    }
    if write and "" in names:
        raise ConfigError(
            "the model does not say which encoders made its features, so they cannot be exported with it; leave out "
            "--encoder, or give a model that `egoshift train` made"
        )
    names.pop("", None)
    found = {}
    for name, sha256 in names.items():
        try:
            found[name] = _encoder(name, sha256, out if write else None, tell)
        except (WeightsError, CheckpointError) as error:
            if write:
                raise
            found[name] = EncoderCard(sha256=sha256, note=str(error))
    return found


def export_text_encoders(models: Mapping[str, ModelCard], out: Path, tell: Told) -> dict[str, EncoderCard]:
    """The text towers that make class vectors for models whose classes are an input; see ``export_encoders``."""
    names = [name for card in models.values() for classes in card.classes.values() for name in classes[:1]]
    prompts = list(dict.fromkeys([*names, "a cup", "the left hand"]))
    found = {}
    for name in dict.fromkeys(card.text_encoder for card in models.values() if card.text_encoder):
        card, tower, tokeniser = open_text_tower(name, precision="float32")
        path = out / _file("text", name, card.sha256)
        tell(path.name)
        vectors = load_text_encoder(name).encode(prompts)
        written = write_text_encoder(path, tower, tokeniser, prompts, vectors)
        tokens = {"end": tokeniser.end, "padding": tokeniser.padding}
        tokens["context"] = int(tower.config.max_position_embeddings)
        found[name] = EncoderCard(file=path.name, sha256=card.sha256, text=tokens, **vars(written))
    return found


def _encoder(name: str, sha256: str, out: Path | None, tell: Told) -> EncoderCard:
    """One encoder, described; written too where ``out`` is given."""
    if name.startswith(SIGNAL):
        return EncoderCard(note="the sensor's own rows: their encoder is part of the model")
    if name.startswith(PIXELS):
        note = "prepared pictures, 0 to 255, each in a row: their tower is part of the model"
        return EncoderCard(prepared=load_pixel_encoder(name).card, sha256=sha256, note=note)
    sensor = sensor_of(name)
    encoder = load_signal_tower(name) if sensor else load_image_encoder(name, precision="float32")
    if sha256 and encoder.card.sha256 != sha256:
        raise WeightsError(
            f"{name}: holds weights {encoder.card.sha256[:12]}, the model was trained on features by {sha256[:12]}; "
            "put the old weights back, or export without --encoder"
        )
    described = EncoderCard(prepared=encoder.card, sha256=encoder.card.sha256)
    if out is None:
        return described
    path = out / _file("encoder", f"{sensor}-{encoder.card.id}" if sensor else name, encoder.card.sha256)
    tell(path.name)
    if isinstance(encoder, SignalTower):
        written = write_signal_encoder(path, encoder.encoder)
    else:
        assert isinstance(encoder, FrozenImageEncoder), "what gives pictures themselves was told apart before"
        written = write_image_encoder(path, encoder)
    return described.model_copy(update={"file": path.name, **vars(written)})


def _file(kind: str, name: str, sha256: str) -> str:
    """A file's name: what it is of, without its place on this machine, and whose weights."""
    return f"{kind}-{plain(Path(name).name)}-{sha256[:8]}.onnx"

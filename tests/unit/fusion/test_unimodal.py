"""An encoder of one sensor and its head: statistics, checkpoints, and beginnings from pretrained weights."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from egoshift.classifier import ClassText, StreamBatch
from egoshift.encoders import load_sensor_encoder
from egoshift.errors import ConfigError, WeightsError
from egoshift.features import TensorFeatures
from egoshift.fusion import Unimodal
from egoshift.records import Label
from egoshift.training import FitSettings, fit, load_checkpoint, save_checkpoint
from tests.fixtures import ast_checkpoints, mvit_checkpoints

CLASSES: dict[Label, tuple[str, ...]] = {"verb": ("cut", "wash", "put")}
TEXT: dict[Label, ClassText] = {"verb": ClassText(torch.zeros(3, 0), CLASSES["verb"])}
SMALL: Mapping[str, Mapping[str, Any]] = {
    "imu": {"num_samples": 40, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1},
    "barometer": {"num_samples": 20, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1},
    "audio": {"num_frames": 32, "num_mels": 128, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1},
    "video": {"image_size": 32, "num_frames": 4},
}
SENSORS = tuple(SMALL)


def make(sensor: str, **options: Any) -> Unimodal:
    torch.manual_seed(0)
    given = {"preset": "tiny", "options": SMALL[sensor], "classes": CLASSES}
    return Unimodal(sensor=sensor, **{**given, **options}).eval()


def clips(model: Unimodal, count: int = 6, seed: int = 0) -> TensorFeatures:
    """Windows as the model reads them, of which a few numbers are absent unless they are pictures."""
    generator = torch.Generator().manual_seed(seed)
    spec = model.spec
    values = 100 + 20 * torch.randn(count, spec.num_rows, spec.row_dim, generator=generator)
    return TensorFeatures({spec.sensor: values}, {"verb": [number % 3 for number in range(count)]})


def batch_of(model: Unimodal) -> StreamBatch:
    return clips(model).batch(torch.arange(6), num_frames=model.spec.num_rows)


@pytest.mark.parametrize("sensor", SENSORS)
def test_logits_are_the_heads_of_the_encoders_features(sensor: str) -> None:
    model = make(sensor)
    batch = batch_of(model)
    assert model.required_streams == (sensor,)
    assert model.spec.sensor == sensor
    features = model.embed(batch)
    assert features.shape == (6, model.encoder.dim)
    torch.testing.assert_close(model(batch, TEXT)["verb"], model.head(features, TEXT)["verb"])
    assert model(batch, TEXT)["verb"].shape == (6, 3)


@pytest.mark.parametrize("sensor", SENSORS)
def test_a_checkpoint_holds_encoder_statistics_and_settings(sensor: str, tmp_path: Path) -> None:
    model = make(sensor, rate_hz=12.5)
    source = clips(model)
    settings = FitSettings(epochs=1, batch_size=3, num_frames=model.spec.num_rows, precision="32-true")
    fit(model, source, TEXT, settings=settings, checkpoint=tmp_path)
    read = load_checkpoint(tmp_path).classifier
    assert isinstance(read, Unimodal)
    assert read.spec == model.spec
    assert read.spec.rate_hz == 12.5
    assert torch.equal(read.encoder.mean, model.encoder.mean)
    assert torch.equal(read.encoder.std, model.encoder.std)
    if sensor not in ("video", "barometer"):  # pictures are fixed, pressure is about each window's mean
        assert read.encoder.mean.abs().min() > 50
    assert torch.equal(read.embed(batch_of(read)), model.embed(batch_of(model)))


@pytest.mark.parametrize("sensor", SENSORS)
def test_the_same_seed_trains_the_same_encoder(sensor: str) -> None:
    weights = []
    for _ in range(2):
        model = make(sensor)
        settings = FitSettings(epochs=1, batch_size=3, num_frames=model.spec.num_rows, precision="32-true")
        before = {name: value.clone() for name, value in model.encoder.encoder.named_parameters()}
        fit(model, clips(model), TEXT, settings=settings)
        after = dict(model.encoder.encoder.named_parameters())
        assert any(not torch.equal(before[name], after[name]) for name in before)
        weights.append(after)
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def pretrained(kind: str, folder: Path) -> Path:
    """Small checkpoints in the layouts of their makers."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "AST of its authors":
        return ast_checkpoints.write_authors(folder / "ast.pth", ast_checkpoints.drawn())
    if kind == "AST of the Hub":
        return ast_checkpoints.write_folder(folder / "ast", ast_checkpoints.drawn())
    file = folder / "mvit.pyth"
    torch.save(mvit_checkpoints.contents("pytorchvideo", mvit_checkpoints.drawn(mvit_checkpoints.SMALL)), file)
    return file


KINDS = {"AST of its authors": "audio", "AST of the Hub": "audio", "MViT": "video"}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_a_frozen_pretrained_encoder_gives_its_own_features_and_only_the_head_is_trained(
    kind: str, tmp_path: Path
) -> None:
    weights = pretrained(kind, tmp_path / "weights")
    sensor = KINDS[kind]
    model = Unimodal(sensor=sensor, weights=str(weights), frozen=True, classes=CLASSES)
    assert {name for name, value in model.named_parameters() if value.requires_grad} == {
        name for name, _ in model.named_parameters() if name.startswith("head")
    }
    assert not model.train().encoder.encoder.training
    settings = FitSettings(epochs=1, batch_size=3, num_frames=model.spec.num_rows, precision="32-true")
    fit(model, clips(model), TEXT, settings=settings, checkpoint=tmp_path / "model")
    assert (model.encoder.mean.tolist(), model.encoder.std.tolist()) == ([0.0], [1.0])
    batch = batch_of(model)
    own = load_sensor_encoder(str(weights), sensor, precision="float32")  # type: ignore[arg-type]
    window = batch.streams[sensor]
    if sensor == "video":
        window = ((window / 255).view(*window.shape[:2], *model.spec.row_shape) - 0.45) / 0.225
    torch.testing.assert_close(model.embed(batch), own(window))
    read = load_checkpoint(tmp_path / "model").classifier
    assert isinstance(read, Unimodal)
    assert torch.equal(read(batch, TEXT)["verb"], model(batch, TEXT)["verb"])
    shutil.rmtree(tmp_path / "weights")
    with pytest.raises(WeightsError):
        load_checkpoint(tmp_path / "model")


@every_kind
def test_weights_that_were_trained_further_are_read_where_the_first_ones_are_gone(kind: str, tmp_path: Path) -> None:
    weights = pretrained(kind, tmp_path / "weights")
    sensor = KINDS[kind]
    model = Unimodal(sensor=sensor, weights=str(weights), classes=CLASSES)
    assert all(value.requires_grad for value in model.parameters())
    batch = batch_of(model)
    before = model.eval().embed(batch)
    settings = FitSettings(epochs=1, batch_size=3, num_frames=model.spec.num_rows, precision="32-true", lr=1e-3)
    fit(model, clips(model), TEXT, settings=settings, checkpoint=tmp_path / "model")
    # Its own normalisation is not followed by another one.
    assert (model.encoder.mean.tolist(), model.encoder.std.tolist()) == ([0.0], [1.0])
    assert not torch.allclose(model.embed(batch), before)
    shutil.rmtree(tmp_path / "weights")
    read = load_checkpoint(tmp_path / "model").classifier
    assert isinstance(read, Unimodal)
    assert read.spec == model.spec
    assert torch.equal(read.embed(batch), model.embed(batch))
    fit(read, clips(model, seed=1), TEXT, settings=settings)
    assert (read.encoder.mean.tolist(), read.encoder.std.tolist()) == ([0.0], [1.0])


def test_a_checkpoint_survives_being_written_twice(tmp_path: Path) -> None:
    model = make("imu")
    save_checkpoint(tmp_path / "one", model, TEXT)
    read = load_checkpoint(tmp_path / "one").classifier
    save_checkpoint(tmp_path / "two", read, TEXT)
    names = ("model.safetensors", "text.safetensors")
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "two" / n).read_bytes() for n in names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sensor": "radar"}, "sensor is 'radar'; give one of video, audio, imu"),
        ({"sensor": "audio", "frozen": True}, "the audio encoder is to be frozen, but begins from random weights"),
        ({"sensor": "imu", "weights": "x.pth"}, "there are no published weights for imu"),
        ({"sensor": "imu", "preset": "huge"}, "inertial has no preset 'huge'"),
        ({"sensor": "imu", "options": {"depth": 3}}, "inertial has no option 'depth'"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Unimodal(**options)

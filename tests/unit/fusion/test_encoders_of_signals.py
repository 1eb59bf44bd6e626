"""A fusion whose encoders of a sensor's own signal are trained with it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from egoshift.classifier import ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.fusion import Fusion, Unimodal
from egoshift.records import Label

SMALL: dict[str, Any] = {"preset": "tiny", "options": {"num_samples": 40, "hidden_size": 16, "num_attention_heads": 2}}
CLASSES: dict[Label, list[str]] = {"action": ["cut", "wash", "stir"]}
TEXT: dict[Label, ClassText] = {"action": ClassText(torch.zeros(3, 0), ("cut", "wash", "stir"))}


def make(**options: Any) -> Fusion:
    torch.manual_seed(0)
    arguments: dict[str, Any] = {
        "modalities": {"video": 5, "imu": 6},
        "encoders": {"imu": SMALL},
        "classes": CLASSES,
        "width": 16,
    }
    return Fusion(**{**arguments, **options}).eval()


def make_batch() -> StreamBatch:
    """Four clips; the second has no IMU, the third a gap in it, the fourth no video."""
    generator = torch.Generator().manual_seed(1)
    imu = 3 + 2 * torch.randn(4, 40, 6, generator=generator)
    imu[1] = torch.nan
    imu[2, 10:20] = torch.nan
    present = {"video": torch.tensor([True, True, True, False]), "imu": torch.tensor([True, False, True, True])}
    return StreamBatch({"video": torch.randn(4, 3, 5, generator=generator), "imu": imu}, present)


def test_the_signal_becomes_the_token_that_its_encoder_gives() -> None:
    model, batch = make(), make_batch()
    encoder = model.signal_encoders["imu"]
    whole = StreamBatch({"imu": batch.streams["imu"][[0, 2, 3]]})
    stored = Fusion(
        **{**dict[str, Any](model.settings), "encoders": None, "modalities": {"video": 5, "imu": encoder.dim}}
    ).eval()
    stored.load_state_dict({name: value for name, value in model.state_dict().items() if "encoders." not in name})
    features = StreamBatch({"imu": encoder(whole.streams["imu"]).unsqueeze(1)})
    torch.testing.assert_close(model.embed(whole, ("imu",)), stored.embed(features, ("imu",)))


def test_what_an_absent_signal_holds_has_no_influence() -> None:
    model, batch = make(), make_batch()
    other = StreamBatch({**batch.streams, "imu": batch.streams["imu"].clone()}, batch.present)
    other.streams["imu"][1] = 1e6
    torch.testing.assert_close(model(batch, TEXT)["action"], model(other, TEXT)["action"])
    assert torch.isfinite(model(batch, TEXT)["action"]).all()


def test_statistics_are_taken_once_and_travel_with_the_state() -> None:
    model, batch = make(), make_batch()
    model.observe([batch], TEXT)
    values = batch.streams["imu"].flatten(0, 1)
    values = values[~values.isnan().any(1)]
    torch.testing.assert_close(model.signal_encoders["imu"].mean, values.mean(0))
    torch.testing.assert_close(model.signal_encoders["imu"].std, values.std(0, correction=0))
    model.observe([StreamBatch({"imu": torch.zeros(2, 40, 6)})], TEXT)
    torch.testing.assert_close(model.signal_encoders["imu"].mean, values.mean(0))
    twin = Fusion(**dict[str, Any](model.settings))
    twin.load_state_dict(model.state_dict())
    torch.testing.assert_close(twin.eval()(batch, TEXT)["action"], model(batch, TEXT)["action"])


def test_gradients_reach_the_encoder() -> None:
    model, batch = make(modality_dropout=0.0), make_batch()
    loss: Tensor = model.train()(batch, TEXT)["action"].square().sum()
    torch.autograd.backward([loss])
    for name, value in model.signal_encoders["imu"].named_parameters():
        assert value.grad is not None, name
        assert torch.isfinite(value.grad).all(), name


def test_an_encoder_trained_by_itself_fits_in() -> None:
    alone = Unimodal(sensor="imu", classes=CLASSES, **SMALL)
    model = make()
    model.signal_encoders["imu"].load_state_dict(alone.encoder.state_dict())
    windows = torch.randn(2, 40, 6)
    torch.testing.assert_close(model.signal_encoders["imu"](windows), alone.eval().embed(StreamBatch({"imu": windows})))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modalities": {"video": 5, "imu": 7}}, "whose rows have 6 numbers"),
        ({"encoders": {"radar": {}}}, "sensor is 'radar'"),
        ({"encoders": {"imu": {"preset": "huge"}}}, "no preset 'huge'"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**options)

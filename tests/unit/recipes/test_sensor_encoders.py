"""What a run's encoders of signals read, told without making them."""

from pathlib import Path
from typing import Any

import pytest
import torch

from egoshift.errors import ConfigError
from egoshift.fusion import Unimodal
from egoshift.fusion.sensors import make_signal_encoder
from egoshift.recipes import Run
from egoshift.recipes.sensor_encoders import signal_spec
from tests.fixtures import ast_checkpoints

IMU: dict[str, Any] = {
    "sensor": "imu",
    "preset": "tiny",
    "options": {"num_samples": 300},
    "rate_hz": 50.0,
    "centred": True,
}


def run_of(method: str, options: dict[str, Any], sensor: str) -> Run:
    given = {"name": "x", "train": Path("x.yaml"), "labels": ["action"], "method": {"name": method, "options": options}}
    return Run.model_validate(given | {"streams": {sensor: {"encoder": f"signal:{sensor}"}}})


def test_a_windows_shape_is_told_without_a_weight_being_drawn() -> None:
    alone = run_of("unimodal", {**IMU, "classes": {"action": ["a"]}}, "imu")
    fused = run_of("fusion", {"encoders": {"imu": IMU}}, "imu")
    drawn = torch.get_rng_state()
    found = signal_spec(alone, "imu"), signal_spec(fused, "imu")
    assert torch.equal(torch.get_rng_state(), drawn)
    assert found == (Unimodal(**IMU).spec,) * 2
    assert (found[0].num_rows, found[0].rate_hz, found[0].centred) == (300, 50.0, True)


@pytest.mark.parametrize("sensor", ["video", "audio", "imu", "barometer"])
def test_it_is_that_of_the_encoder(sensor: str) -> None:
    fused = run_of("fusion", {"encoders": {sensor: {"preset": "tiny"}}}, sensor)
    assert signal_spec(fused, sensor) == make_signal_encoder(sensor, preset="tiny").spec


def test_pretrained_weights_say_what_they_read(tmp_path: Path) -> None:
    folder = ast_checkpoints.write_folder(tmp_path / "tiny-ast", ast_checkpoints.drawn())
    frozen = run_of("unimodal", {"sensor": "audio", "weights": str(folder), "frozen": True}, "audio")
    assert signal_spec(frozen, "audio").num_rows == 128


def test_an_option_that_no_encoder_has_is_named() -> None:
    with pytest.raises(ConfigError, match="inertial has no preset 'huge'"):
        signal_spec(run_of("fusion", {"encoders": {"imu": {"preset": "huge"}}}, "imu"), "imu")

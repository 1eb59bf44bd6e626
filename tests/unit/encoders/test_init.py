"""What the room offers, and what it costs to open the door."""

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import egoshift.encoders
from egoshift.encoders import load_image_encoder, load_text_encoder
from egoshift.errors import WeightsError


def test_the_room_offers_these_names_and_no_others() -> None:
    assert egoshift.encoders.__all__ == [
        "PIXELS",
        "SENSOR_ENCODERS",
        "SIGNAL",
        "SIGNALS",
        "AbstractImageEncoder",
        "AbstractSensorEncoder",
        "AbstractTextEncoder",
        "Precision",
        "SensorCard",
        "SignalEncoder",
        "SignalSpec",
        "SignalTower",
        "TowerCard",
        "WeightCard",
        "class_text",
        "cpu_has_bfloat16",
        "load_image_encoder",
        "load_sensor_encoder",
        "load_text_encoder",
        "new_sensor_encoder",
        "sensor_of",
        "weights_digest",
    ]


def test_importing_the_room_imports_no_model_library() -> None:
    script = (
        "import sys, egoshift.encoders; "
        "print([m for m in ('transformers', 'huggingface_hub', 'matplotlib', 'egoshift.world') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_torchvision_is_absent_since_its_presence_breaks_transformers() -> None:
    assert importlib.util.find_spec("torchvision") is None


def test_loading_opens_no_connection_and_prints_nothing(
    tiny: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("clip", "clip-old-layout", "siglip", "dinov2"):
        load_image_encoder(str(tiny[name]))
    for name in ("clip", "clip-old-layout", "siglip"):
        load_text_encoder(str(tiny[name]))
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_egoworld_is_the_clip_inside_the_package(tiny: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("egoshift.world.clip_folder", lambda: tiny["clip"])
    encoder = load_image_encoder("egoworld")
    assert encoder.card.id == "egoworld"
    assert encoder.encode(encoder.prepare(np.zeros((40, 50, 3), dtype=np.uint8))[None]).shape == (1, 24)
    assert load_text_encoder("egoworld").card.sha256 == encoder.card.sha256


def test_egoworld_dino_is_the_second_encoder_inside_the_package_and_has_no_words(
    tiny: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("egoshift.world.dino_folder", lambda: tiny["dinov2"])
    encoder = load_image_encoder("egoworld-dino")
    assert (encoder.card.id, encoder.card.family, encoder.card.has_text) == ("egoworld-dino", "dinov2", False)
    assert encoder.encode(encoder.prepare(np.zeros((40, 50, 3), dtype=np.uint8))[None]).shape == (1, 32)
    with pytest.raises(WeightsError, match="has no text tower"):
        load_text_encoder("egoworld-dino")


def test_a_shipped_encoder_that_is_missing_is_not_to_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("egoshift.world.dino_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match=r"config\.json is missing") as raised:
        load_image_encoder("egoworld-dino")
    assert "fetch" not in str(raised.value)

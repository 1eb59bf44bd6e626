"""The tiny checkpoints that the encoder tests share; each is written once."""

from pathlib import Path

import pytest

from tests.fixtures import checkpoints

MAKERS = {
    "clip": checkpoints.write_clip,
    "clip-old-layout": lambda folder: checkpoints.write_clip(folder, legacy_eos=False, layout="vocab.json"),
    "siglip": checkpoints.write_siglip,
    "siglip2": lambda folder: checkpoints.write_siglip(folder, pad="<pad>", tokenizer_class="GemmaTokenizer"),
    "dinov2": checkpoints.write_dinov2,
    "dinov2-registers": lambda folder: checkpoints.write_dinov2(folder, registers=True),
    "dinov2-swiglu": lambda folder: checkpoints.write_dinov2(folder, swiglu=True),
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each tiny checkpoint by its name; to be read, not changed."""
    parent = tmp_path_factory.mktemp("checkpoints")
    return {name: make(parent / name) for name, make in MAKERS.items()}

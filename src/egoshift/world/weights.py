"""Where the encoders that were trained on the world's third-person pictures lie."""

from pathlib import Path


def clip_folder() -> Path:
    """The folder of *EgoWorld-CLIP* inside the package, as ``transformers`` reads it.

    It holds ``config.json``, ``model.safetensors`` (fp16), ``preprocessor_config.json``, the tokenizer's files and
    ``README.md``, its card.
    """
    return Path(__file__).parent / "clip"


def dino_folder() -> Path:
    """The folder of *EgoWorld-DINO* inside the package, as ``transformers`` reads a DINOv2; no tokenizer."""
    return Path(__file__).parent / "dino"

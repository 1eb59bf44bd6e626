"""Where the encoders that were trained on the world's pictures lie."""

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


def large_clip_folder() -> Path:
    """The folder of the larger *EgoWorld-CLIP*, which was trained on the same pictures; laid out as ``clip_folder``."""
    return Path(__file__).parent / "clip_large"


def lavila_file() -> Path:
    """The file of *EgoWorld-LaViLa* in the layout of LaViLa's own, its tokenizer and card beside it."""
    return Path(__file__).parent / "lavila" / "lavila.pth"

"""Where the small CLIP that was trained on the world's third-person pictures lies."""

from pathlib import Path


def clip_folder() -> Path:
    """The folder of the small CLIP inside the package, as ``transformers`` reads it.

    It holds ``config.json``, ``model.safetensors`` (fp16), ``preprocessor_config.json``, the tokenizer's files and
    ``README.md``, its card.
    """
    return Path(__file__).parent / "clip"

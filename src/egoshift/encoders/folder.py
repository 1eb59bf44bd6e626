"""A name to a folder of weights that is complete and may be opened: nothing is downloaded, nothing is unpickled.

Files in the layouts of their makers are opened by ``weights.py``.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoshift.errors import WeightsError
from egoshift.foreign import parse_json, parse_yaml

SHIPPED = {
    "egoworld": "clip_folder",
    "egoworld-large": "large_clip_folder",
    "egoworld-dino": "dino_folder",
    "egoworld-lavila": "lavila_file",
}
"""The encoders inside the package: per name, the function of ``egoshift.world`` that says where it lies."""

OPEN_CLIP_CONFIG = "open_clip_config.json"
"""What lies beside weights in open_clip's layout, and says what they do not."""

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
CONVERT = (
    'python -c "import torch, safetensors.torch as s; '
    "d = torch.load('{folder}/pytorch_model.bin', weights_only=True); "
    "s.save_file({{k: v.contiguous().clone() for k, v in d.items()}}, "
    "'{folder}/model.safetensors', {{'format': 'pt'}})\""
)


@dataclass(frozen=True)
class WeightFolder:
    """A checkpoint in the Hugging Face layout.

    Attributes:
        id: The name it was asked for by.
        path: The folder.
        config: What ``config.json`` says.
        weights: The safetensors files, sorted by name.
    """

    id: str
    path: Path
    config: dict[str, Any]
    weights: tuple[Path, ...]


def fetch_command(hub_id: str) -> str:
    """The command that brings a model's files into the Hugging Face cache, without its copies in other formats.

    >>> fetch_command("openai/clip-vit-large-patch14")[:42]
    'hf download openai/clip-vit-large-patch14 '
    """
    patterns = ("*.json", "*.txt", "README.md", "model*.safetensors")
    return f"hf download {hub_id} " + " ".join(f'--include "{pattern}"' for pattern in patterns)


def open_folder(name: str) -> WeightFolder:
    """The checkpoint that a name stands for.

    Args:
        name: One of ``SHIPPED``, a local folder, or a Hugging Face id whose files lie in the local
            cache. Fetching is a step of its own, so that no run waits for, or depends on, the network.

    Raises:
        WeightsError: It is not here, or lacks a file, or a file cannot be read.
    """
    folder = place_of(name)
    if folder.is_dir():
        return read_folder(name, folder)
    if folder.exists():
        raise WeightsError(f"{name}: this is a file; give the folder that holds config.json and model.safetensors")
    if HUB_ID.fullmatch(name) is None:
        raise WeightsError(
            f"{name}: there is no such folder or file; give one that exists, or a Hugging Face id such as "
            "openai/clip-vit-base-patch16"
        )
    return read_folder(name, cached_snapshot(name))


def place_of(name: str) -> Path:
    """Where a name points on this machine: into the package, or to a path, which need not exist."""
    if name not in SHIPPED:
        return Path(name).expanduser()
    from egoshift import world  # late: what is not asked for is not imported

    place: Path = getattr(world, SHIPPED[name])()
    return place


def cached_snapshot(hub_id: str) -> Path:
    """Where the Hugging Face cache holds a model.

    Raises:
        WeightsError: It does not.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, cache_dir=constants.HF_HUB_CACHE, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        shipped = "" if "/" in hub_id else f", nor is it one of {', '.join(SHIPPED)}"
        raise WeightsError(
            f"{hub_id}: no folder or file of this name, and not in the Hugging Face cache ({constants.HF_HUB_CACHE})"
            f"{shipped}; if it is a Hugging Face id, fetch it with: {fetch_command(hub_id)}"
        ) from None


def read_folder(name: str, folder: Path) -> WeightFolder:
    """The parts of a folder, each found and readable."""
    fetched = folder != Path(name).expanduser() and name not in SHIPPED
    fetch = f"; fetch it with: {fetch_command(name)}" if fetched else ""
    config_file = folder / "config.json"
    if not config_file.is_file():
        if (folder / OPEN_CLIP_CONFIG).is_file():
            raise WeightsError(f"{name}: this is a folder of open_clip; give the file with the weights in it instead")
        raise WeightsError(f"{name}: {config_file} is missing, which says what kind of model this is{fetch}")
    config = read_json(name, config_file)
    weights = weight_files(name, folder, fetch)
    for file in weights:
        check_readable(name, file)
    return WeightFolder(id=name, path=folder, config=config, weights=weights)


def weight_files(name: str, folder: Path, fetch: str = "") -> tuple[Path, ...]:
    """The safetensors files of a folder, one or several."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.is_file():
        return (whole,)
    if index.is_file():
        named = read_json(name, index).get("weight_map")
        parts = set(map(str, named.values())) if isinstance(named, dict) else set()
        if outside := sorted(part for part in parts if Path(part).name != part):
            raise WeightsError(f"{name}: {index} names {outside[0]!r}, which is no file beside it; fetch it again")
        files = tuple(folder / part for part in sorted(parts))
        missing = [file.name for file in files if not file.is_file()]
        if missing or not files:
            raise WeightsError(f"{name}: {index} names weight files that are missing: {', '.join(missing)}{fetch}")
        return files
    if (folder / "pytorch_model.bin").is_file():
        raise WeightsError(
            f"{name}: {folder} holds pickled weights only (pytorch_model.bin), which can run code when opened, and no "
            f"model.safetensors; convert them once with: {CONVERT.format(folder=folder)}"
        )
    pickled = (
        f" (where its page has no safetensors: hf download {name} pytorch_model.bin, then ask again)" if fetch else ""
    )
    raise WeightsError(f"{name}: {whole} is missing, which holds the weights{fetch}{pickled}")


def check_readable(name: str, file: Path) -> None:
    """Refuse a safetensors file that is cut short or is not one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt"):
            pass
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{name}: {file} ({file.stat().st_size} bytes) is not a whole safetensors file ({error}); fetch it again"
        ) from error


def read_json(name: str, file: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        WeightsError: It is not one.
    """
    try:
        content = parse_json(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise WeightsError(f"{name}: {file} is not JSON ({error}); fetch it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{name}: {file} holds a {type(content).__name__}, not a JSON object; fetch it again")
    return content


def digest(files: tuple[Path, ...]) -> str:
    """SHA-256 of one weight file; of several, that of their ``<name> <sha256>`` lines."""
    sums = []
    for file in files:
        with file.open("rb") as stream:
            sums.append(hashlib.file_digest(stream, "sha256").hexdigest())
    if len(sums) == 1:
        return sums[0]
    lines = "".join(f"{file.name} {value}\n" for file, value in zip(files, sums, strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()


def licence(folder: Path) -> str:
    """The licence in the front matter of a folder's README, or ``"unknown"``."""
    readme = folder / "README.md"
    if not readme.is_file():
        return "unknown"
    match = re.match(r"---\s*\n(.*?)\n---\s*(\n|$)", readme.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    try:
        front = parse_yaml(match.group(1)) if match else None
    except ValueError:
        return "unknown"
    stated = front.get("license_name", front.get("license")) if isinstance(front, dict) else None
    return str(stated) if stated else "unknown"

"""How a checkpoint's own files say that frames are prepared; what they leave open is an error, never a guess."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from egoshift.encoders.card import ResizeRule
from egoshift.encoders.folder import WeightFolder, read_json
from egoshift.errors import WeightsError

KERNELS: dict[int, Literal["bilinear", "bicubic"]] = {2: "bilinear", 3: "bicubic"}
"""PIL's numbers of the kernels that can be followed to the grey level."""

BICUBIC = 3
"""The kernel of every processor of these families where its file names none."""


LARGEST = 4096
"""Pixels of a side; the largest published encoder takes 1024."""


@dataclass(frozen=True)
class PreparationRule:
    """The fields of a ``WeightCard`` that speak of preparing frames; see there."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int
    resize: ResizeRule
    resize_to: int
    interpolation: Literal["bicubic", "bilinear"]
    preprocessing_source: str


def read_rule(folder: WeightFolder) -> PreparationRule:
    """The rule in ``preprocessor_config.json``, or in the newer ``processor_config.json``.

    Raises:
        WeightsError: Neither is there, or what it says cannot be followed; names every fault.
    """
    file, stated = find_statement(folder)
    faults = switch_faults(stated)
    mean, std = channels(stated, "image_mean", 0.0, faults), channels(stated, "image_std", 1.0, faults)
    resizing = resize_rule(stated, faults)
    size = cut_size(stated, *resizing, faults) if resizing else None
    resample = stated.get("resample", BICUBIC)
    kernel = KERNELS.get(resample) if isinstance(resample, int) else None
    if kernel is None:
        faults.append(f"resample is {stated['resample']!r}; only 2 (bilinear) and 3 (bicubic) can be followed")
    if faults:
        raise WeightsError("\n".join(f"{folder.id}: {file}: {fault}" for fault in faults))
    assert resizing, "a missing rule is a fault"
    assert size, "a missing size is a fault"
    assert kernel, "a missing kernel is a fault"
    return PreparationRule(mean, std, size, *resizing, kernel, file.name)


def find_statement(folder: WeightFolder) -> tuple[Path, dict[str, Any]]:
    """The file that says how images are prepared, and what it says."""
    file = folder.path / "preprocessor_config.json"
    if file.is_file():
        return file, read_json(folder.id, file)
    newer = folder.path / "processor_config.json"
    stated = read_json(folder.id, newer).get("image_processor") if newer.is_file() else None
    if isinstance(stated, dict):
        return newer, stated
    raise WeightsError(
        f"{folder.id}: {file} is missing, which says how frames are resized and normalised; copy it from the page the "
        "weights came from (models of one family differ in it, so it is not guessed)"
    )


def _is_a_255th(stated: dict[str, Any]) -> bool:
    factor = stated.get("rescale_factor", 1 / 255)
    return isinstance(factor, int | float) and abs(factor - 1 / 255) < 1e-3 / 255


def switch_faults(stated: dict[str, Any]) -> list[str]:
    """What is wrong with the steps that a processor may switch off or change."""
    faults = []
    if stated.get("do_resize", True) is not True:
        faults.append("do_resize is off, but frames come in every size; expected true")
    if stated.get("do_rescale", True) is not True or not _is_a_255th(stated):
        faults.append("pixels are not rescaled by 1/255; such a model is not supported")
    if stated.get("do_pad", False):
        faults.append("do_pad is on; frames are cut or squashed here, not padded")
    return faults


def channels(stated: dict[str, Any], key: str, neutral: float, faults: list[str]) -> tuple[float, float, float]:
    """Three numbers, one a channel; the neutral ones where normalising is switched off."""
    if stated.get("do_normalize", True) is not True:
        return (neutral, neutral, neutral)
    values = stated.get(key)
    match values:
        case [int() | float() as red, int() | float() as green, int() | float() as blue] if all(
            abs(one) < 1e6 for one in (red, green, blue)
        ) and (neutral == 0 or min(red, green, blue) > 0):
            return (float(red), float(green), float(blue))
        case _:
            faults.append(f"{key} is {values!r}; expected three {'positive ' if neutral else ''}numbers")
            return (neutral, neutral, neutral)


def resize_rule(stated: dict[str, Any], faults: list[str]) -> tuple[ResizeRule, int] | None:
    """The rule of resizing and its length; a bare number means the short side, as in files of 2021."""
    match stated.get("size"):
        case int(short) | {"shortest_edge": int(short)} if 0 < short <= LARGEST:
            return "shortest-crop", short
        case {"height": int(height), "width": int(width)} if LARGEST >= height == width > 0:
            return "squash", height
        case other:
            faults.append(f'size is {other!r}; expected {{"shortest_edge": n}} or a square {{"height": n, "width": n}}')
            return None


def cut_size(stated: dict[str, Any], resize: ResizeRule, resize_to: int, faults: list[str]) -> int | None:
    """The side of the square that is cut from the middle."""
    if not stated.get("do_center_crop", "crop_size" in stated):
        if resize == "shortest-crop":
            faults.append("do_center_crop is off while only the short side has a size, so frames would not be square")
        return resize_to
    match stated.get("crop_size"):
        case int(size) if 0 < size <= resize_to:
            return size
        case {"height": int(height), "width": int(width)} if 0 < height == width <= resize_to:
            return height
        case other:
            faults.append(f"crop_size is {other!r}; expected a square of at most {resize_to} pixels")
            return None

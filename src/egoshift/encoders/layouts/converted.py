"""What every converter gives: the towers of one checkpoint as modules to be filled, whatever layout they lay in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from egoshift.encoders.card import Family, TowerKind
from egoshift.encoders.rule import PreparationRule
from egoshift.errors import WeightsError


@dataclass(frozen=True)
class TowerParts:
    """One tower of a checkpoint.

    Attributes:
        build: Makes the module, given the attention to use (``"eager"`` or ``"sdpa"``); its weights do not matter.
        state: Every weight, by the module's own names; of a model of ``transformers`` by the names of the Hub, which
            stay what they are when the library renames its modules.
    """

    build: Callable[[str], nn.Module]
    state: Mapping[str, Tensor]


@dataclass(frozen=True)
class Converted:
    """A checkpoint in a layout of its own, read into the towers that this room runs.

    Attributes:
        family: What kind of model it is.
        towers: The towers it holds. A text tower is a ``CLIPTextModelWithProjection`` of ``transformers``.
        rule: How frames are prepared for the image tower; None without one.
    """

    family: Family
    towers: Mapping[TowerKind, TowerParts]
    rule: PreparationRule | None


def check_weights(
    place: Path | str,
    layout: str,
    found: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    prefix: str = "",
) -> None:
    """Refuse weights that are missing, left over or of another shape.

    Args:
        place: The file, to be named.
        layout: What the file was taken for.
        found: Its weights.
        expected: The shape of each weight there should be.
        prefix: What stood before their names in the file.

    Raises:
        WeightsError: Naming the first at fault of the first kind of fault, and how many there are.
    """
    missing = [name for name in expected if name not in found]
    if missing:
        raise WeightsError(
            f"{place}: as {layout} it lacks {len(missing)} weights, the first {prefix}{missing[0]}; give "
            "a whole checkpoint"
        )
    wrong = [name for name, shape in expected.items() if tuple(found[name].shape) != shape]
    if wrong:
        raise WeightsError(
            f"{place}: as {layout} {len(wrong)} of its weights have another shape, the first {prefix}{wrong[0]}: "
            f"{tuple(found[wrong[0]].shape)} where {expected[wrong[0]]} was expected; give the checkpoint as published"
        )
    left_over = [name for name in found if name not in expected]
    if left_over:
        raise WeightsError(
            f"{place}: has {len(left_over)} weights that {layout} does not have, the first {prefix}{left_over[0]}, so "
            "it would not compute what it was trained to; if it lies on the Hugging Face Hub, give its folder there"
        )


def dimensions(
    place: Path | str, layout: str, found: Mapping[str, Tensor], name: str, num: int, prefix: str = ""
) -> tuple[int, ...]:
    """The shape of a weight that tells how large the model is.

    Raises:
        WeightsError: It is missing, or has not ``num`` dimensions.
    """
    if name not in found:
        raise WeightsError(f"{place}: as {layout} it lacks the weight {prefix}{name}; give a whole checkpoint")
    shape = tuple(found[name].shape)
    if len(shape) != num or 0 in shape:
        raise WeightsError(
            f"{place}: as {layout} its weight {prefix}{name} has the shape {shape} where {num} dimensions were "
            "expected; give the checkpoint as published"
        )
    return shape


def num_blocks(found: Mapping[str, Tensor], prefix: str) -> int:
    """How many differently numbered blocks there are; where they are not numbered from 0, their weights are missing.

    >>> num_blocks({"blocks.0.norm.weight": Tensor(), "blocks.1.norm.weight": Tensor(), "norm.weight": Tensor()},
    ...     "blocks.")
    2
    """
    numbers = {name.removeprefix(prefix).split(".")[0] for name in found if name.startswith(prefix)}
    return sum(number.isdecimal() for number in numbers)


def num_heads(place: Path | str, tower: str, width: int, head_width: int = 64) -> int:
    """How many attention heads a tower has.

    Raises:
        WeightsError: Its width is not a multiple of that of a head.
    """
    if width % head_width:
        raise WeightsError(
            f"{place}: the {tower} tower is {width} wide, which does not divide into heads of {head_width}; give the "
            "checkpoint as published"
        )
    return width // head_width


def norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a layer norm's two weights.

    >>> norm_shapes("norm1", 8)
    {'norm1.weight': (8,), 'norm1.bias': (8,)}
    """
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def renamed(tower: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """The weight and the bias of each part, by the part's other name."""
    return {f"{new}.{kind}": tower[f"{old}.{kind}"] for old, new in names.items() for kind in ("weight", "bias")}

"""Random views of pictures, as tensors: what a network that learns without labels has to see as the same thing.

A view is a cut of any size and proportion, mirrored or not, in another light, with other colours, more or less sharp.
All pictures of a batch are changed at once, each in its own way, and before it is cut smaller than it was drawn.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)
"""How bright red, green and blue are."""


@dataclass(frozen=True)
class Cut:
    """What a view shows of a picture: its size in pixels, and the least and the greatest share of the area."""

    size: int
    area: tuple[float, float]


def random_views(
    images: UInt8[Tensor, "n big big 3"], cut: Cut, generator: torch.Generator
) -> Float[Tensor, "n 3 size size"]:
    """One view of each picture, from 0 to 1."""
    pixels = images.permute(0, 3, 1, 2).float() / 255
    return blurred(recoloured(cut_out(pixels, cut, generator), generator), generator)


def cut_out(
    pixels: Float[Tensor, "n 3 big big"], cut: Cut, generator: torch.Generator
) -> Float[Tensor, "n 3 size size"]:
    """A random part of each picture, of a proportion from 3:4 to 4:3, half of them mirrored."""
    num = len(pixels)
    area = uniform(num, *cut.area, generator)
    proportion = uniform(num, -math.log(4 / 3), math.log(4 / 3), generator).exp()
    wide, high = (area * proportion).sqrt().clamp(max=1), (area / proportion).sqrt().clamp(max=1)
    x, y = ((2 * uniform(num, 0, 1, generator) - 1) * (1 - side) for side in (wide, high))
    mirror = 1 - 2 * (uniform(num, 0, 1, generator) < 0.5).float()
    nothing = torch.zeros(num)
    where = torch.stack([wide * mirror, nothing, x, nothing, high, y], 1).view(num, 2, 3)
    grid = functional.affine_grid(where, [num, 3, cut.size, cut.size], align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def recoloured(pixels: Float[Tensor, "n 3 h w"], generator: torch.Generator) -> Float[Tensor, "n 3 h w"]:
    """Four in five with other hue, saturation, contrast and light; one in seven without colour."""
    num = len(pixels)
    changed = (uniform(num, 0, 1, generator) < 0.8).float()
    turn = changed * uniform(num, -0.1, 0.1, generator) * 2 * math.pi
    saturation = 1 + changed * uniform(num, -0.4, 0.4, generator)
    saturation = torch.where(uniform(num, 0, 1, generator) < 0.15, 0.0, saturation)
    mixed = torch.einsum("nij,njhw->nihw", colour_matrix(turn, saturation), pixels)
    contrast, light = (1 + changed * uniform(num, -0.4, 0.4, generator) for _ in range(2))
    middle = mixed.mean((1, 2, 3), keepdim=True)
    spread = (mixed - middle) * contrast.view(-1, 1, 1, 1) + middle
    return (spread * light.view(-1, 1, 1, 1)).clamp(0, 1)


def colour_matrix(turn: Float[Tensor, " n"], saturation: Float[Tensor, " n"]) -> Float[Tensor, "n 3 3"]:
    """What turns hues by an angle about the axis of greys, and then scales how far colours are from grey."""
    third = torch.full((3, 3), 1 / 3)
    axis = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    cos, sin = turn.cos().view(-1, 1, 1), turn.sin().view(-1, 1, 1)
    turned = cos * torch.eye(3) + (1 - cos) * third + sin * axis
    grey = torch.tensor(GREY).expand(3, 3)
    share = saturation.view(-1, 1, 1)
    return (share * torch.eye(3) + (1 - share) * grey) @ turned


def blurred(pixels: Float[Tensor, "n 3 h w"], generator: torch.Generator) -> Float[Tensor, "n 3 h w"]:
    """Half of them less sharp, by a Gaussian of 0.4 to 1.2 pixels over five."""
    sigma = uniform(len(pixels), 0.4, 1.2, generator)
    weights = (-(torch.arange(-2.0, 3.0) ** 2) / (2 * sigma[:, None] ** 2)).exp()
    sharp = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])
    weights = torch.where(uniform(len(pixels), 0, 1, generator)[:, None] < 0.5, sharp, weights)
    weights = weights / weights.sum(1, keepdim=True)
    for axis, padding in ((2, (0, 0, 2, 2)), (3, (2, 2, 0, 0))):
        length = pixels.shape[axis]
        wide = functional.pad(pixels, padding, mode="replicate")
        parts = [wide.narrow(axis, tap, length) * weights[:, tap].view(-1, 1, 1, 1) for tap in range(5)]
        pixels = torch.stack(parts).sum(0)
    return pixels


def uniform(num: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, " num"]:
    """Random numbers from ``low`` to ``high``."""
    return torch.empty(num).uniform_(low, high, generator=generator)

"""Position embeddings for clips of another length or size than they were trained for.

A position stands for the centre of one of equal bins, so stretching interpolates linearly between centres and repeats
the outermost beyond them. It is computed in float32.
"""

import math

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Line = Float[Tensor, "1 length width"]
Stretched = Float[Tensor, "1 _ width"]


def stretched_in_time(embed: Line, length: int) -> Stretched:
    """Positions along one direction for another number of them.

    >>> import torch
    >>> stretched_in_time(torch.tensor([[[0.0], [4.0]]]), 4).flatten().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    if embed.shape[1] == length:
        return embed
    stretched = functional.interpolate(embed.float().transpose(1, 2), length, mode="linear")
    return stretched.transpose(1, 2).to(embed.dtype)


def stretched_in_space(embed: Line, size: tuple[int, int]) -> Stretched:
    """Positions of a square grid, row by row, for a grid of another height and width."""
    side = math.isqrt(embed.shape[1])
    if size == (side, side):
        return embed
    square = embed.float().transpose(1, 2).reshape(1, -1, side, side)
    return functional.interpolate(square, size, mode="bilinear").flatten(2).transpose(1, 2).to(embed.dtype)


def cut_or_stretched(grid: Float[Tensor, "height width dim"], size: tuple[int, int]) -> Float[Tensor, "_ _ dim"]:
    """Positions of a grid for another: the middle of a longer side, a shorter side stretched.

    This is the rule of AST (https://github.com/YuanGongND/ast/blob/31088be/src/models/ast_models.py), each direction by
    itself. Where the two rests cannot be equal, an odd side loses more at its end and an even one at its start.

    >>> import torch
    >>> cut_or_stretched(torch.arange(5.0).view(1, 5, 1), (1, 2)).flatten().tolist()
    [1.0, 2.0]
    """
    for axis, length in enumerate(size):
        trained = grid.shape[axis]
        if length <= trained:
            grid = grid.narrow(axis, trained // 2 - length // 2, length)
    if grid.shape[:2] == size:
        return grid
    stretched = functional.interpolate(grid.float().permute(2, 0, 1).unsqueeze(0), size, mode="bilinear")
    return stretched.squeeze(0).permute(1, 2, 0).to(grid.dtype)

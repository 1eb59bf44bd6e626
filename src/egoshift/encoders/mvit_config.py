"""What an MViT looks like, block by block; see ``mvit.py`` for what it computes."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from egoshift.errors import ConfigError

PATCH_KERNEL, PATCH_STRIDE, PATCH_PADDING = (3, 7, 7), (2, 4, 4), (1, 3, 3)
"""In time, height and width, in frames and pixels; patches overlap."""

POOL_KERNEL = 3
"""Of the poolings of queries, keys and values, in all three directions."""

KEY_STRIDE = 8
"""Of keys and values in height and width, in the first blocks; halved whenever the grid is, so that it stays as far."""

EPSILON = 1e-6

Grid = tuple[int, int, int]


@dataclass(frozen=True)
class MultiscaleConfig:
    """What an MViT looks like, and what is dropped in training; the defaults are MViT-B 16x4.

    Attributes:
        image_size: Height and width, in pixels, that the position embeddings were made for.
        num_frames: How many frames they were made for.
        hidden_size: Width of the tokens in the first block.
        num_hidden_layers: Number of blocks.
        num_attention_heads: Number of heads in the first block; divides ``hidden_size``.
        mlp_ratio: Width inside an MLP, in widths of its tokens.
        halved_at: The blocks that halve the grid and have twice the heads; not the first.
        drop_path: Probability that the last block's attention, and its MLP, is skipped for a clip in training; in the
            blocks before it is less, down to 0 in the first. MViT was trained with 0.2.
        head_dropout: Probability that a number of the feature is zero in training. MViT was trained with 0.5.
        hidden_act: Activation of the MLPs.
        model_type: The kind of encoder.
    """

    image_size: int = 224
    num_frames: int = 16
    hidden_size: int = 96
    num_hidden_layers: int = 16
    num_attention_heads: int = 1
    mlp_ratio: int = 4
    halved_at: tuple[int, ...] = (1, 3, 14)
    drop_path: float = 0.0
    head_dropout: float = 0.0
    hidden_act: Literal["gelu"] = "gelu"
    model_type: Literal["mvit"] = "mvit"


PRESETS = {
    "base": MultiscaleConfig(),
    "tiny": MultiscaleConfig(
        image_size=72, num_frames=8, hidden_size=24, num_hidden_layers=5, num_attention_heads=1, halved_at=(1, 3)
    ),
}
"""``base`` is MViT-B 16x4, the encoder of MMG-Ego4D's slides; ``tiny`` trains on two processor cores."""


class BlockShape(NamedTuple):
    """What differs from block to block."""

    width: int
    width_out: int
    num_heads: int
    halves: bool
    key_stride: int
    drop_path: float


def block_shapes(config: MultiscaleConfig) -> list[BlockShape]:
    """The shape of each block, first to last.

    Raises:
        ConfigError: The grid is to be halved at a block that there is not, or at the first.

    >>> [(shape.width, shape.num_heads, shape.key_stride) for shape in block_shapes(MultiscaleConfig())][12:]
    [(384, 4, 2), (384, 4, 2), (768, 8, 1), (768, 8, 1)]
    """
    shapes, last = [], config.num_hidden_layers - 1
    if not all(0 < block <= last for block in config.halved_at):
        raise ConfigError(f"halved_at is {config.halved_at}; give blocks from 1 to {last}, the last that there is")
    for i in range(config.num_hidden_layers):
        factor = 2 ** sum(block <= i for block in config.halved_at)
        width = config.hidden_size * factor
        shapes.append(
            BlockShape(
                width=width,
                width_out=2 * width if i + 1 in config.halved_at else width,
                num_heads=config.num_attention_heads * factor,
                halves=i in config.halved_at,
                key_stride=max(KEY_STRIDE // factor, 1),
                drop_path=config.drop_path * i / max(last, 1),
            )
        )
    return shapes


def grid_of(clip: Grid) -> Grid:
    """How many patches a clip of ``(frames, height, width)`` has in each direction; the last may lie partly outside.

    >>> grid_of((16, 224, 224)), grid_of((5, 90, 61))
    ((8, 56, 56), (3, 23, 16))
    """
    return cast(Grid, tuple(math.ceil(size / step) for size, step in zip(clip, PATCH_STRIDE, strict=True)))


def halved_grid(grid: Grid) -> Grid:
    """The grid after a block that halves it.

    >>> halved_grid((8, 56, 9))
    (8, 28, 5)
    """
    return grid[0], math.ceil(grid[1] / 2), math.ceil(grid[2] / 2)

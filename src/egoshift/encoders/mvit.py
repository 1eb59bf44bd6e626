"""MViT-B: a transformer over the patches of a clip, in which queries, keys and values are pooled over the grid.

The paper is MViT (Fan et al., "Multiscale Vision Transformers", ICCV 2021); the model is the one of
https://github.com/facebookresearch/SlowFast/blob/287ec00/configs/Kinetics/MVIT_B_16x4_CONV.yaml. The tokens are a grid
``(time, height, width)`` and a class token. At some blocks the grid is halved in height and width and the number of
heads doubles; the width doubles at the end of the block before. What is easily missed, and kept here:

- Keys and values are pooled in every block, with stride 1 too; queries only where the grid is halved.
- A pooling is a depth-wise convolution shared by all heads, then a norm. The class token skips the convolution but not
  the norm.
- Where the grid is halved, what skips the attention is pooled by maximum, the class token left as it is.
- Where the width doubles, what skips the MLP is a projection of the normed tokens, not of the tokens.
- All norms have epsilon 1e-6.

**Deviations**

- Position embeddings are interpolated to each clip as it comes (linearly in time, bilinearly in space, the rule of
  SlowFast's ``_get_pos_embed``), so one encoder reads clips of any length and size; theirs refuse other sizes.
- Clips are ``(batch, time, 3, height, width)``; theirs have the channels before the time.
- There is no classifier: the feature is the normed class token. ``head_dropout`` drops numbers of the feature, as
  theirs does before the classifier.

Axes: B clips, L tokens (the class token first), D width, H heads, K = D / H.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from egoshift.encoders.mvit_config import (
    EPSILON,
    PATCH_KERNEL,
    PATCH_PADDING,
    PATCH_STRIDE,
    POOL_KERNEL,
    BlockShape,
    Grid,
    MultiscaleConfig,
    block_shapes,
    grid_of,
    halved_grid,
)
from egoshift.encoders.positions import stretched_in_space, stretched_in_time
from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.encoders.timesformer import Heads, Tokens, attend, named


class MultiscaleTransformer(AbstractSensorEncoder):
    """MViT without a classifier; weights are named much as in SlowFast's files (see ``layouts/mvit.py``).

    Args:
        config: What it looks like.
        attention: ``"sdpa"`` for torch's fused attention, ``"eager"`` for explicit products.
    """

    def __init__(self, config: MultiscaleConfig, *, attention: str = "sdpa"):
        super().__init__()
        self.config = config
        width, shapes = config.hidden_size, block_shapes(config)
        num_moments, _, side = grid_of((config.num_frames, config.image_size, config.image_size))
        self.patch_embed = nn.Conv3d(3, width, PATCH_KERNEL, PATCH_STRIDE, PATCH_PADDING)
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed_spatial = nn.Parameter(torch.empty(1, side**2, width))
        self.pos_embed_temporal = nn.Parameter(torch.empty(1, num_moments, width))
        self.pos_embed_class = nn.Parameter(torch.empty(1, 1, width))
        self.blocks = nn.ModuleList(MultiscaleBlock(shape, config.mlp_ratio, attention) for shape in shapes)
        self.norm = nn.LayerNorm(shapes[-1].width_out, eps=EPSILON)
        self.head_dropout = nn.Dropout(config.head_dropout)
        for weight in (self.cls_token, self.pos_embed_spatial, self.pos_embed_temporal, self.pos_embed_class):
            nn.init.trunc_normal_(weight, std=0.02)
        self.apply(initialise)

    @property
    def dim(self) -> int:
        """Length of a feature."""
        return self.norm.normalized_shape[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """``(time, 3, height, width)``."""
        return (self.config.num_frames, 3, self.config.image_size, self.config.image_size)

    def forward(self, pixel_values: Float[Tensor, "batch time channels height width"]) -> Float[Tensor, "batch dim"]:
        """One un-normalised vector a clip.

        Args:
            pixel_values: Clips of normalised frames, of any length, height and width.
        """
        shape = tuple(pixel_values.shape)
        if len(shape) != 5 or shape[2] != 3 or 0 in shape[1:]:
            raise ValueError(f"got pixel_values of shape {shape}; give (batch, time, 3, height, width), none of them 0")
        grid = grid_of((shape[1], *shape[3:]))
        volumes_B3THW = pixel_values.transpose(1, 2).to(self.cls_token.dtype)
        patches_BLD = self.patch_embed(volumes_B3THW).flatten(2).transpose(1, 2)
        cls_B1D = (self.cls_token + self.pos_embed_class).expand(patches_BLD.shape[0], -1, -1)
        tokens_BLD = torch.cat([cls_B1D, patches_BLD + self._positions(grid)], dim=1)
        for block in self.blocks:
            tokens_BLD, grid = block(tokens_BLD, grid)
        feature: Tensor = self.head_dropout(self.norm(tokens_BLD[:, 0]))
        return feature

    def _positions(self, grid: Grid) -> Float[Tensor, "1 places width"]:
        places_1SD = stretched_in_space(self.pos_embed_spatial, grid[1:])
        moments_1TD = stretched_in_time(self.pos_embed_temporal, grid[0])
        return (moments_1TD.unsqueeze(2) + places_1SD.unsqueeze(1)).flatten(1, 2)


def initialise(module: nn.Module) -> None:
    """The weights that a new MViT starts with; its convolutions start as torch's do."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


class MultiscaleBlock(nn.Module):
    """Pooled attention and an MLP; see the file's head for what skips them.

    Args:
        shape: What this block looks like.
        mlp_ratio: See ``MultiscaleConfig``.
        attention: See ``MultiscaleTransformer``.
    """

    def __init__(self, shape: BlockShape, mlp_ratio: int, attention: str):
        super().__init__()
        width, hidden = shape.width, mlp_ratio * shape.width
        self.halves, self.drop_path = shape.halves, shape.drop_path
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attn = PooledAttention(shape, attention)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = named(fc1=nn.Linear(width, hidden), act=nn.GELU(), fc2=nn.Linear(hidden, shape.width_out))
        self.proj = nn.Linear(width, shape.width_out) if shape.width_out != width else None

    def forward(self, tokens: Tokens, grid: Grid) -> tuple[Float[Tensor, "batch _ _"], Grid]:
        """The tokens one block on, and their grid."""
        attended, pooled_grid = self.attn(self.norm1(tokens), grid)
        tokens = (halved(tokens, grid) if self.halves else tokens) + self._dropped(attended)
        normed = self.norm2(tokens)
        skipped = tokens if self.proj is None else self.proj(normed)
        return skipped + self._dropped(self.mlp(normed)), pooled_grid

    def _dropped(self, added: Tokens) -> Tokens:
        if not self.training or self.drop_path == 0:
            return added
        return added * functional.dropout(added.new_ones(len(added), 1, 1), self.drop_path)


class PooledAttention(nn.Module):
    """Self-attention whose keys and values, and where the grid is halved its queries, are pooled over the grid.

    Args:
        shape: What the block looks like.
        attention: See ``MultiscaleTransformer``.
    """

    def __init__(self, shape: BlockShape, attention: str):
        super().__init__()
        head_width = shape.width // shape.num_heads
        self.heads, self.attention = (shape.num_heads, head_width), attention
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.proj = nn.Linear(shape.width, shape.width)
        self.pool_q = HeadPool(head_width, 2) if shape.halves else None
        self.pool_k = HeadPool(head_width, shape.key_stride)
        self.pool_v = HeadPool(head_width, shape.key_stride)

    def forward(self, tokens: Tokens, grid: Grid) -> tuple[Float[Tensor, "batch _ embedding"], Grid]:
        """The attended tokens, one for each pooled query, and their grid."""
        packed_BL3HK = self.qkv(tokens).view(*tokens.shape[:2], 3, *self.heads)
        query_BHLK, key_BHLK, value_BHLK = packed_BL3HK.permute(2, 0, 3, 1, 4)
        key_BHLK, value_BHLK = self.pool_k(key_BHLK, grid), self.pool_v(value_BHLK, grid)
        if self.pool_q is not None:
            query_BHLK, grid = self.pool_q(query_BHLK, grid), halved_grid(grid)
        mixed_BHLK = attend(query_BHLK, key_BHLK, value_BHLK, self.attention)
        return self.proj(mixed_BHLK.transpose(1, 2).flatten(2)), grid


class HeadPool(nn.Module):
    """The pooling of queries, keys or values: a depth-wise convolution over the grid that all heads share, and a norm.

    Args:
        head_width: Width of a head.
        stride: In height and width.
    """

    def __init__(self, head_width: int, stride: int):
        super().__init__()
        step, padding = (1, stride, stride), POOL_KERNEL // 2
        self.conv = nn.Conv3d(head_width, head_width, POOL_KERNEL, step, padding, groups=head_width, bias=False)
        self.norm = nn.LayerNorm(head_width, eps=EPSILON)

    def forward(self, heads: Heads, grid: Grid) -> Float[Tensor, "batch heads _ head_width"]:
        """The class token and the pooled places, normed."""
        num_clips, num_heads, _, head_width = heads.shape
        places = heads[:, :, 1:].transpose(2, 3).reshape(num_clips * num_heads, head_width, *grid)
        pooled = self.conv(places).flatten(2).transpose(1, 2)
        pooled_BHLK = pooled.reshape(num_clips, num_heads, *pooled.shape[1:])
        normed: Tensor = self.norm(torch.cat([heads[:, :, :1], pooled_BHLK], dim=2))
        return normed


def halved(tokens: Tokens, grid: Grid) -> Float[Tensor, "batch _ embedding"]:
    """The class token, and the maximum over the 3 x 3 places around every second place of each moment."""
    places = tokens[:, 1:].transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *grid)
    pooled = functional.max_pool3d(places, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    return torch.cat([tokens[:, :1], pooled.flatten(2).transpose(1, 2)], dim=1)

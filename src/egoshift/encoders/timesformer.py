"""LaViLa's image tower: a transformer over the patches of all frames of a clip, with one class token for the clip.

The paper is LaViLa (Zhao et al., "Learning Video Representations from Large Language Models", CVPR 2023), whose tower
is that of Frozen in Time (Bain et al., ICCV 2021, section 3.1): each block attends over time, then over space. The
authors' file: https://github.com/facebookresearch/LaViLa/blob/8002b5a/lavila/models/timesformer.py. What is easily
missed there, and kept here:

- The space attention reads ``x + time(x)``, but its result is added to ``x``: the time residual is not carried on.
- The class token is one for the whole clip. It attends to every patch of every frame, in both attentions; each patch
  attends to the class token and to the patches of its frame (space) or to its own place in all frames (time).
- The norms of the blocks and the last one have epsilon 1e-6; the one before the blocks, which comes from CLIP, 1e-5.

**Deviations**

- The temporal embedding is cut or resized to each clip as it comes; theirs is, when the weights are loaded. The
  result is the same, and one tower reads clips of any length.
- Clips are ``(batch, time, 3, height, width)``; theirs have the channels before the time.

Axes: B clips, T frames, M = B T, N patches of a frame, L = 1 + T N tokens, D width, H heads, K = D / H, G groups of
tokens that attend among themselves (frames, or places), S members of a group.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.attention import quick_gelu

Over = Literal["time", "space"]
Tokens = Float[Tensor, "batch length embedding"]
Heads = Float[Tensor, "batch heads length head_width"]

GROUPED = {"space": (0, 2, 1, 3, 4), "time": (0, 3, 1, 2, 4)}
"""From ``(B, H, T, N, K)`` to groups, heads, members: frames of patches, or places of frames."""

UNGROUPED = {"space": (0, 1, 3, 2, 4), "time": (0, 3, 1, 2, 4)}
"""From groups, heads, members to ``(B, T, N, H, K)``."""


@dataclass(frozen=True)
class SpaceTimeConfig:
    """What a tower looks like, by the names that the configurations of ``transformers`` use.

    Attributes:
        image_size: Height and width of a frame, in pixels.
        patch_size: Height and width of a patch, in pixels.
        num_frames: How many frames the temporal embedding has; clips may have more or fewer.
        hidden_size: Width of the tokens.
        intermediate_size: Width inside the MLPs.
        num_hidden_layers: Number of blocks.
        num_attention_heads: Number of heads; divides ``hidden_size``.
        projection_dim: Length of a feature.
        hidden_act: Activation of the MLPs.
        model_type: The kind of tower.
    """

    image_size: int
    patch_size: int
    num_frames: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    projection_dim: int
    hidden_act: Literal["quick_gelu"] = "quick_gelu"
    model_type: Literal["lavila"] = "lavila"


class SpaceTimeFeatures(NamedTuple):
    """What the tower gives: one projected, un-normalised vector a clip."""

    image_embeds: Float[Tensor, "batch dim"]


class SpaceTimeTransformer(nn.Module):
    """LaViLa's image tower with its projection; weights are named as in the released files.

    A new one starts as the authors' does: time attention adds nothing until it is trained.

    Args:
        config: What it looks like.
        attention: ``"sdpa"`` for torch's fused attention over space, ``"eager"`` for explicit products.
    """

    def __init__(self, config: SpaceTimeConfig, *, attention: str = "sdpa"):
        super().__init__()
        self.config = config
        width, grid = config.hidden_size, config.image_size // config.patch_size
        self.cls_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, width), std=0.02))
        self.pos_embed = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, grid**2 + 1, width), std=0.02))
        self.temporal_embed = nn.Parameter(torch.zeros(1, config.num_frames, width))
        self.patch_embed = named(proj=nn.Conv2d(3, width, config.patch_size, config.patch_size, bias=False))
        self.ln_pre = nn.LayerNorm(width, eps=1e-5)
        self.blocks = nn.ModuleList(SpaceTimeBlock(config, attention) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.image_projection = nn.Parameter(torch.empty(width, config.projection_dim))
        nn.init.normal_(self.image_projection, std=width**-0.5)

    def forward(self, pixel_values: Float[Tensor, "batch *time 3 height width"]) -> SpaceTimeFeatures:
        """One vector a clip.

        Args:
            pixel_values: Normalised frames, as clips ``(batch, time, 3, height, width)`` of any number of frames, or
                as ``(batch, 3, height, width)``, where each frame is a clip of its own.
        """
        size, shape = self.config.image_size, pixel_values.shape
        if len(shape) not in (4, 5) or shape[-3:] != (3, size, size) or 0 in shape[1:]:
            raise ValueError(
                f"got pixel_values of shape {tuple(shape)}; give (batch, 3, {size}, {size}) or "
                f"(batch, time, 3, {size}, {size}) with at least one frame"
            )
        clips_BTCHW = pixel_values.unsqueeze(1) if pixel_values.ndim == 4 else pixel_values
        tokens_BLD = self._embed(clips_BTCHW)
        for block in self.blocks:
            tokens_BLD = block(tokens_BLD, clips_BTCHW.shape[1])
        return SpaceTimeFeatures(self.norm(tokens_BLD[:, 0]) @ self.image_projection)

    def _embed(self, clips: Float[Tensor, "batch time 3 height width"]) -> Tokens:
        num_clips, num_frames = clips.shape[:2]
        patches_MDN = self.patch_embed(clips.flatten(0, 1)).flatten(2)
        patches_BTND = patches_MDN.transpose(1, 2).reshape(num_clips, num_frames, patches_MDN.shape[2], -1)
        moments_1TD = resized_temporal_embed(self.temporal_embed, num_frames)
        patches_BTND = patches_BTND + (self.pos_embed[:, None, 1:] + moments_1TD[:, :, None])
        cls_B1D = (self.cls_token + self.pos_embed[:, :1]).expand(num_clips, -1, -1)
        embedded: Tensor = self.ln_pre(torch.cat([cls_B1D, patches_BTND.flatten(1, 2)], dim=1))
        return embedded


class SpaceTimeBlock(nn.Module):
    """Attention over time, attention over space, an MLP; see the file's head for what is added to what.

    Args:
        config: What the tower looks like.
        attention: See ``SpaceTimeTransformer``.
    """

    def __init__(self, config: SpaceTimeConfig, attention: str):
        super().__init__()
        width, num_heads = config.hidden_size, config.num_attention_heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = DividedAttention(width, num_heads, over="space", attention=attention)
        # over a handful of frames explicit products cost what sdpa costs, and in bfloat16 half of it
        self.timeattn = DividedAttention(width, num_heads, over="time", attention="eager")
        nn.init.zeros_(self.timeattn.qkv.weight)
        nn.init.zeros_(self.timeattn.qkv.bias)
        nn.init.zeros_(self.timeattn.proj.bias)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        hidden = config.intermediate_size
        self.mlp = named(fc1=nn.Linear(width, hidden), act=QuickGELU(), fc2=nn.Linear(hidden, width))
        self.norm3 = nn.LayerNorm(width, eps=1e-6)

    def forward(self, tokens: Tokens, num_frames: int) -> Tokens:
        """The tokens one layer on; the first is the class token, the others are frame by frame."""
        timed = tokens + self.timeattn(self.norm3(tokens), num_frames)
        spaced = tokens + self.attn(self.norm1(timed), num_frames)
        deeper: Tensor = spaced + self.mlp(self.norm2(spaced))
        return deeper


class QuickGELU(nn.Module):
    """``blocks.attention.quick_gelu`` as a step of an MLP."""

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """CLIP's approximation of GELU."""
        return quick_gelu(x)


def named(**steps: nn.Module) -> nn.Sequential:
    """Modules one after another, by names, since weights are found by theirs."""
    return nn.Sequential(OrderedDict(steps))


class DividedAttention(nn.Module):
    """Self-attention in which patches attend within their group, and the class token to all.

    Args:
        width: Of the tokens.
        num_heads: Divides ``width``.
        over: ``"space"``: a group is a frame. ``"time"``: a group is one place in all frames.
        attention: See ``SpaceTimeTransformer``.
    """

    def __init__(self, width: int, num_heads: int, *, over: Over, attention: str):
        super().__init__()
        self.num_heads = num_heads
        self.over: Over = over
        self.attention = attention
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tokens, num_frames: int) -> Tokens:
        """The attended tokens, in the same order."""
        num_clips, length = tokens.shape[:2]
        packed_BL3HK = self.qkv(tokens).view(num_clips, length, 3, self.num_heads, -1)
        query_BHLK, key_BHLK, value_BHLK = packed_BL3HK.permute(2, 0, 3, 1, 4)
        cls_BH1K = attend(query_BHLK[:, :, :1], key_BHLK, value_BHLK, self.attention)
        patches_GHSK = attend(
            group(query_BHLK, num_frames, self.over, with_cls=False),
            group(key_BHLK, num_frames, self.over, with_cls=True),
            group(value_BHLK, num_frames, self.over, with_cls=True),
            self.attention,
        )
        patches_BTNHK = patches_GHSK.view(num_clips, -1, *patches_GHSK.shape[1:]).permute(UNGROUPED[self.over])
        cls_B1D = cls_BH1K.transpose(1, 2).flatten(2)
        attended: Tensor = self.proj(torch.cat([cls_B1D, patches_BTNHK.flatten(3).flatten(1, 2)], dim=1))
        return attended


def group(heads: Heads, num_frames: int, over: Over, *, with_cls: bool) -> Float[Tensor, "groups heads members k"]:
    """Patches by their group, a clip's groups one after another; the class token leads each group, or is left out."""
    patches_BHTNK = heads[:, :, 1:].reshape(*heads.shape[:2], num_frames, -1, heads.shape[-1])
    patches_BGHSK = patches_BHTNK.permute(GROUPED[over])
    if with_cls:
        cls_BGH1K = heads[:, None, :, :1].expand(-1, patches_BGHSK.shape[1], -1, -1, -1)
        patches_BGHSK = torch.cat([cls_BGH1K, patches_BGHSK], dim=3)
    return patches_BGHSK.flatten(0, 1)


def attend(
    query: Float[Tensor, "batch heads queries k"],
    key: Float[Tensor, "batch heads keys k"],
    value: Float[Tensor, "batch heads keys k"],
    attention: str,
) -> Float[Tensor, "batch heads queries k"]:
    """Softmax attention, the softmax in float32, by torch's fused kernel or by explicit products."""
    if attention == "sdpa":
        return functional.scaled_dot_product_attention(query, key, value)
    scores = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)
    attended: Tensor = scores.softmax(-1, dtype=torch.float32).to(value.dtype) @ value
    return attended


def resized_temporal_embed(
    temporal_embed: Float[Tensor, "1 time embedding"], num_frames: int
) -> Float[Tensor, "1 frames embedding"]:
    """The temporal embedding for clips of another length than it was trained for.

    For fewer frames it is cut; for more, interpolated between its moments (bilinearly, as LaViLa's
    ``inflate_positional_embeds`` does, which with the width unchanged is linear in time).

    >>> resized_temporal_embed(torch.tensor([[[0.0], [4.0]]]), 4).flatten().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    if num_frames <= temporal_embed.shape[1]:
        return temporal_embed[:, :num_frames]
    resized = functional.interpolate(temporal_embed.transpose(1, 2).float(), num_frames, mode="linear")
    return resized.transpose(1, 2).to(temporal_embed.dtype)

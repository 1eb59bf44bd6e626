"""An inertial transformer: patches of samples of an accelerometer and a gyroscope, or of any other slow sensors.

MMG-Ego4D (Gong et al., CVPR 2023) gives for its "IMU Transformer" 15.55 M parameters and 1.65 G multiply-adds and no
more. Their ratio leads to about 100 tokens, so samples were put together into patches; everything else is unknown, and
an option here, whose defaults are ours:

- ``patch_size`` 10, which at 200 samples a second and 5 seconds makes 100 tokens;
- ``hidden_size`` 576, 8 blocks, ``intermediate_size`` 512: 15.51 M and 1.65 G, chosen to come near those two numbers,
  which other widths and depths do as well;
- ``pooling`` by a class token, ``position`` learned, the block pre-norm with GELU, ``dropout`` 0.1;
- ``absence`` learned: what the patches do about samples that are absent.

**Absent samples** (a sensor that is off, a gap, the end of a short window) have no influence, whatever number stands in
their place, not even NaN. A patch without any sample is attended to by none. In a patch with some, each absent one adds
a learned vector instead of its value, or, by ``absence="zero"``, nothing, as if it were the mean of normalised data.

Signals come normalised, by statistics of the training data.

Axes: B windows, N patches, L = 1 + N tokens (the class token first), D width, H heads, K = D / H.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from egoshift.encoders.positions import stretched_in_time
from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.encoders.timesformer import Tokens, named

Seen = Bool[Tensor, "batch length"] | None


@dataclass(frozen=True)
class InertialConfig:
    """What an inertial transformer looks like; see the file's head for what is the paper's and what is ours.

    Attributes:
        num_channels: How many numbers a sample has: three of an accelerometer and three of a gyroscope.
        num_samples: Length of the window that the positions were made for.
        patch_size: How many samples make a token.
        hidden_size: Width of the tokens.
        intermediate_size: Width inside the MLPs.
        num_hidden_layers: Number of blocks.
        num_attention_heads: Number of heads; divides ``hidden_size``.
        pooling: ``"cls"``: the feature is a class token's; ``"mean"``: the mean over the patches that have samples.
        position: ``"learned"``: a vector for each patch, stretched for windows of another length; ``"none"``.
        absence: ``"learned"`` or ``"zero"``; see the file's head.
        dropout: Probability that a number behind the embedding, an attention or an MLP is zero in training.
    """

    num_channels: int = 6
    num_samples: int = 1000
    patch_size: int = 10
    hidden_size: int = 576
    intermediate_size: int = 512
    num_hidden_layers: int = 8
    num_attention_heads: int = 8
    pooling: Literal["cls", "mean"] = "cls"
    position: Literal["learned", "none"] = "learned"
    absence: Literal["learned", "zero"] = "learned"
    dropout: float = 0.1


PRESETS = {
    "base": InertialConfig(),
    "tiny": InertialConfig(hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4),
}
"""``base`` has about the size on MMG-Ego4D's slides; ``tiny`` trains on two processor cores."""


class InertialTransformer(AbstractSensorEncoder):
    """Inertial signals to one vector a window.

    Args:
        config: What it looks like.
    """

    def __init__(self, config: InertialConfig):
        super().__init__()
        self.config = config
        width, inputs = config.hidden_size, config.patch_size * config.num_channels
        self.patch_embed = nn.Linear(inputs, width)
        self.absent_embed = nn.Linear(inputs, width, bias=False) if config.absence == "learned" else None
        self.cls_token = nn.Parameter(torch.empty(1, 1, width)) if config.pooling == "cls" else None
        length = math.ceil(config.num_samples / config.patch_size)
        self.pos_embed = nn.Parameter(torch.empty(1, length, width)) if config.position == "learned" else None
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(InertialBlock(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(width)
        self.apply(initialise)
        for table in (self.cls_token, self.pos_embed):
            if table is not None:
                nn.init.trunc_normal_(table, std=0.02)

    @property
    def dim(self) -> int:
        """Length of a feature."""
        return self.config.hidden_size

    @property
    def input_shape(self) -> tuple[int, ...]:
        """``(samples, channels)``."""
        return (self.config.num_samples, self.config.num_channels)

    def forward(
        self,
        window: Float[Tensor, "batch samples channels"],
        present: Bool[Tensor, "batch samples channels"] | None = None,
    ) -> Float[Tensor, "batch dim"]:
        """One un-normalised vector a window.

        Args:
            window: Normalised signals on one clock, of any number of samples; the last patch may be filled in part.
            present: Which numbers are measured, False where a sensor is off or has a gap; None: all. A window without
                any gives a constant vector (zero by ``pooling="mean"``), which whoever fuses must mask.
        """
        shape = tuple(window.shape)
        if len(shape) != 3 or shape[2] != self.config.num_channels or shape[1] == 0:
            raise ValueError(f"got a window of shape {shape}; give (batch, samples, {self.config.num_channels})")
        tokens_BLD, seen_BL = self._embed(window, present)
        if self.pos_embed is not None:
            tokens_BLD = tokens_BLD + stretched_in_time(self.pos_embed, tokens_BLD.shape[1])
        if self.cls_token is not None:
            tokens_BLD = torch.cat([self.cls_token.expand(window.shape[0], -1, -1), tokens_BLD], dim=1)
            seen_BL = functional.pad(seen_BL, (1, 0), value=True)
        # where there is nothing to see, all is seen, since a softmax over nothing is no number
        mask_BL = None if present is None else seen_BL | ~seen_BL.any(1, keepdim=True)
        tokens_BLD = self.dropout(tokens_BLD)
        for block in self.blocks:
            tokens_BLD = block(tokens_BLD, mask_BL)
        return self._pool(self.norm(tokens_BLD), seen_BL)

    def _embed(
        self, window: Float[Tensor, "batch samples channels"], present: Bool[Tensor, "batch samples channels"] | None
    ) -> tuple[Float[Tensor, "batch patches width"], Bool[Tensor, "batch patches"]]:
        rest = -window.shape[1] % self.config.patch_size
        measured = torch.ones_like(window, dtype=torch.bool) if present is None else present
        # not a product: absent numbers may be NaN
        values = window if present is None else torch.where(present, window, torch.zeros_like(window))
        values = values.to(self.patch_embed.weight.dtype)
        num_patches = (window.shape[1] + rest) // self.config.patch_size
        values_BNP, measured_BNP = (
            functional.pad(part, (0, 0, 0, rest)).reshape(window.shape[0], num_patches, self.patch_embed.in_features)
            for part in (values, measured)
        )
        tokens_BND: Tensor = self.patch_embed(values_BNP)
        if self.absent_embed is not None and (present is not None or rest):
            tokens_BND = tokens_BND + self.absent_embed((~measured_BNP).to(values.dtype))
        return tokens_BND, measured_BNP.any(-1)

    def _pool(self, tokens: Tokens, seen: Bool[Tensor, "batch length"]) -> Float[Tensor, "batch width"]:
        if self.cls_token is not None:
            return tokens[:, 0]
        weights_BN1 = seen.unsqueeze(-1).to(tokens.dtype)
        return (tokens * weights_BN1).sum(1) / weights_BN1.sum(1).clamp(min=1)


def initialise(module: nn.Module) -> None:
    """The weights that a new inertial transformer starts with."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class InertialBlock(nn.Module):
    """A pre-norm transformer block over the tokens that are seen.

    Args:
        config: What the encoder looks like.
    """

    def __init__(self, config: InertialConfig):
        super().__init__()
        width, hidden = config.hidden_size, config.intermediate_size
        self.heads = (config.num_attention_heads, width // config.num_attention_heads)
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = named(fc1=nn.Linear(width, hidden), act=nn.GELU(), fc2=nn.Linear(hidden, width))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tokens, seen: Seen) -> Tokens:
        """The tokens one block on; those that are not seen are updated too, but no other attends to them."""
        tokens = tokens + self.dropout(self._attended(self.norm1(tokens), seen))
        updated: Tensor = tokens + self.dropout(self.mlp(self.norm2(tokens)))
        return updated

    def _attended(self, tokens: Tokens, seen: Seen) -> Tokens:
        packed_BL3HK = self.qkv(tokens).view(*tokens.shape[:2], 3, *self.heads)
        query_BHLK, key_BHLK, value_BHLK = packed_BL3HK.permute(2, 0, 3, 1, 4)
        mask_B11L = None if seen is None else seen[:, None, None]
        mixed_BHLK = functional.scaled_dot_product_attention(query_BHLK, key_BHLK, value_BHLK, mask_B11L)
        projected: Tensor = self.proj(mixed_BHLK.transpose(1, 2).flatten(2))
        return projected

"""Pre-norm transformer blocks over short sequences of tokens, written for their cost on a processor.

A block is ``x + attention(norm(x))``, then ``x + mlp(norm(x))``, with QuickGELU and no dropout: the block of
Efficient-Prompt (Ju et al., ECCV 2022) as X-MIC uses it
(https://github.com/Annusha/xmic/blob/5b8a29b/trainers/xmic.py). Three rewritings are exact in real arithmetic and
change the cost only:

- Two tokens attend by a sigmoid: softmax over two scores is the sigmoid of their difference, and the difference needs
  the key projection of ``x_0 - x_1`` alone, half the rows (10 to 18 % of a block over pairs).
- A block whose output is averaged applies its last Linear after the average (3 to 25 % of that block).
- Longer sequences use plain matrix products, the fastest form on a processor for 16 tokens in bfloat16 and not slower
  in float32.

Axes: M sequences, L tokens, H heads, K = dim / heads.
"""

from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.graphs import values_are_known

POSITIONS = ("learned", "none")
"""Whether frames have a learned vector for their place in time; see ``positioned``."""

Tokens = Float[Tensor, "sequences length dim"]
Present = Bool[Tensor, "sequences length"] | None


def quick_gelu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """CLIP's approximation of GELU, ``x * sigmoid(1.702 x)``."""
    return x * torch.sigmoid(1.702 * x)


def token_mean(tokens: Tokens, present: Present = None) -> Float[Tensor, "sequences dim"]:
    """The mean over the tokens, or over the present ones; every sequence needs one."""
    if present is None:
        return tokens.mean(1)
    weights = present.to(tokens.dtype)
    return (tokens * (weights / weights.sum(1, keepdim=True)).unsqueeze(-1)).sum(1)


def positioned(tokens: Tokens, position: Float[Tensor, "made_for dim"] | None) -> Tokens:
    """The tokens plus a position embedding, or as they are where there is none.

    Tokens are frames at the centres of equal bins, so for another number of them the embedding is interpolated
    linearly between the bin centres that it was made for.
    """
    if position is None:
        return tokens
    length = tokens.shape[1]
    if not values_are_known() or len(position) != length:  # for the same number the interpolation changes nothing
        position = functional.interpolate(position.T.unsqueeze(0), length, mode="linear").squeeze(0).T
    return tokens + position


class SelfAttention(nn.Module):
    """Multi-head self-attention: parameters, names, initial values and result of ``nn.MultiheadAttention``.

    Args:
        dim: Width of the tokens.
        num_heads: Number of heads; divides ``dim``.
    """

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.out_proj = nn.Linear(dim, dim)
        nn.init.zeros_(self.out_proj.bias)
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * dim, dim)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))

    def forward(self, tokens: Tokens, present: Present = None) -> Tokens:
        """Each token's attention over the present tokens of its sequence; every sequence needs one."""
        # In a recorded graph a number of frames is a symbol, and no int: it may be 2 or not.
        pairs = isinstance(tokens.shape[1], int) and tokens.shape[1] == 2
        attend = self._attend_two if pairs else self._attend
        projected: Tensor = self.out_proj(attend(tokens, present))
        return projected

    def _attend(self, tokens: Tokens, present: Present) -> Tokens:
        qkv = functional.linear(tokens, self.in_proj_weight, self.in_proj_bias)
        q_MLHK, k_MLHK, v_MLHK = qkv.view(*tokens.shape[:2], 3, self.num_heads, -1).unbind(2)
        scores_MHLL = (q_MLHK * q_MLHK.shape[-1] ** -0.5).transpose(1, 2) @ k_MLHK.permute(0, 2, 3, 1)
        if present is not None:
            scores_MHLL = scores_MHLL.masked_fill(~present[:, None, None, :], -torch.inf)
        mixed_MHLK: Tensor = scores_MHLL.softmax(-1) @ v_MLHK.transpose(1, 2)
        return mixed_MHLK.transpose(1, 2).flatten(2)

    def _attend_two(self, tokens: Tokens, present: Present) -> Tokens:
        # A bias of the keys adds the same to both scores, so it drops out of their difference.
        weight_q, weight_k, weight_v = self.in_proj_weight.chunk(3)
        bias_q, _, bias_v = self.in_proj_bias.chunk(3)
        shape = (*tokens.shape[:2], self.num_heads, -1)
        q_MLHK = functional.linear(tokens, weight_q, bias_q).view(shape)
        v_MLHK = functional.linear(tokens, weight_v, bias_v).view(shape)
        k_M1HK = functional.linear(tokens[:, :1] - tokens[:, 1:], weight_k).view(shape[0], 1, *shape[2:])
        lead_MLH1 = (q_MLHK * (k_M1HK * k_M1HK.shape[-1] ** -0.5)).sum(-1, keepdim=True)
        if present is not None:
            first, second = present[:, 0].view(-1, 1, 1, 1), present[:, 1].view(-1, 1, 1, 1)
            lead_MLH1 = lead_MLH1.masked_fill(~second, torch.inf).masked_fill(~first, -torch.inf)
        return torch.lerp(v_MLHK[:, 1:], v_MLHK[:, :1], lead_MLH1.sigmoid()).flatten(2)


class AttentionBlock(nn.Module):
    """One pre-norm transformer block.

    Args:
        dim: Width of the tokens.
        num_heads: Number of heads; divides ``dim``.
        hidden_dim: Width inside the MLP.
    """

    def __init__(self, dim: int, num_heads: int, hidden_dim: int):
        super().__init__()
        self.norm_attention = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, num_heads)
        self.norm_mlp = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, hidden_dim)
        self.narrow = nn.Linear(hidden_dim, dim)

    def forward(self, tokens: Tokens, present: Present = None) -> Tokens:
        """The updated tokens; absent ones are updated too but not attended to."""
        tokens, hidden = self._attended_and_hidden(tokens, present)
        updated: Tensor = tokens + self.narrow(hidden)
        return updated

    def mean(self, tokens: Tokens, present: Present = None) -> Float[Tensor, "sequences dim"]:
        """``token_mean(self(tokens, present), present)``, with the last Linear after the mean."""
        tokens, hidden = self._attended_and_hidden(tokens, present)
        averaged: Tensor = token_mean(tokens, present) + self.narrow(token_mean(hidden, present))
        return averaged

    def _attended_and_hidden(
        self, tokens: Tokens, present: Present
    ) -> tuple[Tokens, Float[Tensor, "sequences length _"]]:
        tokens = tokens + self.attention(self.norm_attention(tokens), present)
        return tokens, quick_gelu(self.widen(self.norm_mlp(tokens)))


class AveragedTransformer(nn.Module):
    """Blocks one after the other, then the mean over the present tokens.

    Args:
        num_layers: How many blocks; none means the mean alone.
        dim: Width of the tokens.
        num_heads: Number of heads; divides ``dim``.
        hidden_dim: Width inside the MLPs.
    """

    def __init__(self, num_layers: int, dim: int, num_heads: int, hidden_dim: int):
        super().__init__()
        self.blocks = nn.ModuleList(AttentionBlock(dim, num_heads, hidden_dim) for _ in range(num_layers))

    def forward(self, tokens: Tokens, present: Present = None) -> Float[Tensor, "sequences dim"]:
        """One vector per sequence; every sequence needs one present token."""
        blocks = cast(list[AttentionBlock], list(self.blocks))
        for block in blocks[:-1]:
            tokens = block(tokens, present)
        return blocks[-1].mean(tokens, present) if blocks else token_mean(tokens, present)

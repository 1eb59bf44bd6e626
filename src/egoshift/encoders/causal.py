"""One layer of CLIP's causal text tower over prompts that share their beginning; see ``egoshift.encoders.prompts``.

Works on a ``CLIPEncoderLayer`` of ``transformers`` by its parts' names. Axes: G groups with a beginning of their own,
C classes, S tokens of a class's own part, Q those of them that are queried, P tokens of the beginning, L = P + S,
W width of the tower, H heads, K = W / H.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def attended(
    layer: Any, hidden_GCSW: Tensor, begun: tuple[Tensor, Tensor], ends: Int[Tensor, " classes"] | None
) -> Float[Tensor, "groups classes tokens width"]:
    """One layer over the classes' own tokens; with ``ends`` only that position of each class is carried on."""
    groups, classes, tokens, width = hidden_GCSW.shape
    # In the first layer the classes' tokens are the same for all groups: what depends on them alone is computed once.
    own_groups = 1 if hidden_GCSW.stride(0) == 0 else groups
    normed = layer.layer_norm1(hidden_GCSW[:own_groups])
    keys, values = (heads_of(layer, name, normed.flatten(0, 1)) for name in ("k_proj", "v_proj"))
    if ends is not None:
        # Not take_along_dim, which torch.export (2.13) ties to the example's number of groups.
        rows = torch.arange(classes, device=ends.device)
        normed, hidden_GCSW = (every[:, rows, ends].unsqueeze(2) for every in (normed, hidden_GCSW))
    queries = heads_of(layer, "q_proj", normed.flatten(0, 1)) * layer.self_attn.scale
    on_own = _own_scores(queries, keys, ends).view(own_groups, classes, *queries.shape[1:3], tokens)
    queries_GCHQK = queries.view(own_groups, classes, *queries.shape[1:]).expand(groups, -1, -1, -1, -1)
    on_begun = _with_begun(queries_GCHQK, begun[0].transpose(-1, -2))
    scores_GCHQL = torch.cat([on_begun, on_own.expand(groups, -1, -1, -1, -1)], -1)
    weights_GCHQL = scores_GCHQL.softmax(-1)
    begun_length = begun[0].shape[2]
    values_GCHSK = values.view(own_groups, classes, *values.shape[1:])
    mixed = weights_GCHQL[..., begun_length:] @ values_GCHSK
    mixed = mixed + _with_begun(weights_GCHQL[..., :begun_length], begun[1])
    return finished(layer, hidden_GCSW.flatten(0, 1), mixed.flatten(0, 1)).view(groups, classes, -1, width)


def _with_begun(
    rows_GCHQN: Float[Tensor, "groups classes heads queries n"], begun_GHNM: Float[Tensor, "groups heads n m"]
) -> Float[Tensor, "groups classes heads queries m"]:
    """Products with a group's keys or values, which are not copied for every class."""
    groups, classes, heads, queries, _ = rows_GCHQN.shape
    flat_GHRN = rows_GCHQN.transpose(1, 2).flatten(2, 3)
    return (flat_GHRN @ begun_GHNM).view(groups, heads, classes, queries, -1).transpose(1, 2)


def _own_scores(queries: Tensor, keys: Tensor, ends: Int[Tensor, " classes"] | None) -> Tensor:
    """Scores among a class's own tokens, causal; with ``ends`` those of the one position."""
    scores = queries @ keys.transpose(-1, -2)
    if ends is None:
        return masked(scores)
    later = torch.arange(keys.shape[2], device=ends.device) > ends[:, None]
    later = later.repeat(scores.shape[0] // ends.shape[0], 1)
    return scores.masked_fill(later[:, None, None], -torch.inf)


def masked(scores: Float[Tensor, "*batch queries keys"]) -> Float[Tensor, "*batch queries keys"]:
    """Scores in which no token sees a later one."""
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    return scores.masked_fill(later, -torch.inf)


def heads_of(
    layer: Any, name: str, tokens: Float[Tensor, "batch tokens width"]
) -> Float[Tensor, "batch heads tokens _"]:
    """A projection of the tokens (``"q_proj"``, ``"k_proj"``, ``"v_proj"``), head by head."""
    projected: Tensor = getattr(layer.self_attn, name)(tokens)
    return projected.view(*projected.shape[:2], layer.self_attn.num_heads, -1).transpose(1, 2)


def finished(layer: Any, hidden: Tensor, mixed: Float[Tensor, "batch heads tokens _"]) -> Tensor:
    """The rest of a layer, after each head has mixed its values."""
    hidden = hidden + layer.self_attn.out_proj(mixed.transpose(1, 2).flatten(2))
    finished: Tensor = hidden + layer.mlp(layer.layer_norm2(hidden))
    return finished

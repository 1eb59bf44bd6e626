"""CLIP's frozen image tower, layer by layer and with gradients, for methods that train something inside it.

Such methods see pictures, not features (``egoshift.encoders.pixels``), and every training step runs the tower over all
frames, forward and backward: hundreds of times the cost of a method on stored features. What is saved here is exact:

- Prompts serve as keys and values only, and those that several frames share are projected once.
- In the last layer only the class token is carried on, since the feature is read from there.
- Clips pass in chunks of a bounded number of tokens; where a batch has several, a chunk's activations are computed
  again in the backward pass (activation checkpointing), so memory does not grow with the batch.

Axes: F frames, N tokens of a frame (the class token first), G groups that F is a multiple of, P prompts, W width of
the tower, H heads, K = W / H.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from egoshift.blocks.graphs import values_are_known
from egoshift.encoders.load import check_image_tower
from egoshift.encoders.rule import PreparationRule
from egoshift.encoders.weights import open_weights, weights_digest
from egoshift.errors import ConfigError

FEW_TOKENS = 128
"""Below it plain products take 0.4 of the time of torch's fused attention, forward and backward on a processor in
float32 (54 tokens); at 214 tokens 2.7 times it. In bfloat16 they take 0.2 and 0.4 of it."""

CHUNK_TOKENS = 1 << 14
"""How many tokens of frames are in flight at once, which bounds the memory of their activations."""

Tokens = Float[Tensor, "frames tokens width"]


def load_vision_tower(name: str) -> "VisionTower":
    """The image tower of this name, in float32 on the CPU.

    Args:
        name: As for ``load_image_encoder``.

    Raises:
        WeightsError: As for ``load_image_encoder``.
        ConfigError: It is not CLIP's.
    """
    weights = open_weights(name)
    family, _ = weights.offer("image")
    if family != "clip":
        raise ConfigError(
            f"{name}: training inside the image tower is for CLIP's, this one is of family {family}; give a CLIP, or "
            "choose a method that works on stored features, such as xmic or clip_adapter"
        )
    rule = weights.rule()
    tower = weights.tower("image", torch.device("cpu"), torch.float32)
    check_image_tower(weights.folder, tower.config, rule)
    return VisionTower(tower, rule, weights_digest(name))


class VisionTower:
    """A frozen CLIP image tower.

    It is no module: it belongs to no classifier's state, and moves to the device of what it is given.

    Args:
        module: A ``CLIPVisionModelWithProjection``, frozen, in float32.
        rule: How pictures are prepared for it.
        sha256: Of its weights.

    Attributes:
        module: The module itself.
        sha256: Of its weights.
        size: Height and width of a picture.
        patch: Height and width of a patch.
        num_tokens: N, the class token and the patches.
        num_layers: How many layers it has.
        num_heads: H.
        width: W.
        dim: Of the features.
    """

    def __init__(self, module: Any, rule: PreparationRule, sha256: str = ""):
        self.module, self.sha256 = module, sha256
        config = module.config
        self.size, self.patch = int(config.image_size), int(config.patch_size)
        self.num_tokens = 1 + (self.size // self.patch) ** 2
        self.num_layers, self.num_heads = int(config.num_hidden_layers), int(config.num_attention_heads)
        self.width, self.dim = int(config.hidden_size), int(config.projection_dim)
        self._rule = rule

    @property
    def num_pixels(self) -> int:
        """Length of a picture that is stored as a feature."""
        return 3 * self.size**2

    def to(self, device: torch.device) -> "VisionTower":
        """Moves the tower; it stays the same object."""
        if values_are_known():  # a recorded graph has no device of its own
            self.module.to(device)
        return self

    def in_chunks(
        self,
        pixels: Float[Tensor, "clips time pixels"],
        encode: Callable[[Float[Tensor, "some time pixels"]], Float[Tensor, "some time dim"]],
        chunk_tokens: int = CHUNK_TOKENS,
    ) -> Float[Tensor, "clips time dim"]:
        """What ``encode`` makes of the clips, in memory that does not grow with their number.

        Args:
            pixels: Clips of pictures, 0 to 255.
            encode: Makes features of some clips, each on its own.
            chunk_tokens: How many tokens of frames run at once; of one clip at least.
        """
        self.to(pixels.device)
        if not values_are_known():  # a recorded graph is for any number of clips
            return encode(pixels)
        chunks = torch.split(pixels, max(1, chunk_tokens // (pixels.shape[1] * self.num_tokens)))
        if len(chunks) == 1 or not torch.is_grad_enabled():
            return torch.cat([encode(chunk) for chunk in chunks])
        # Random numbers are drawn again as they were, since what is trained in the tower may have dropout.
        return torch.cat([checkpoint(encode, chunk, use_reentrant=False) for chunk in chunks])

    def encode(self, pixels: Float[Tensor, "some time pixels"]) -> Float[Tensor, "some time dim"]:
        """The features of clips' frames, by the tower as its modules are now; not normalised."""
        tokens = self.started(self.embedded(pixels.flatten(0, 1)))
        for index in range(self.num_layers):
            tokens = self.layer(index, tokens)
        return self.finished(tokens).view(*pixels.shape[:2], -1)

    def embedded(self, pixels: Float[Tensor, "frames pixels"]) -> Tokens:
        """Pictures, 0 to 255, as class token and patches with their positions, before the first norm."""
        embeddings = self.module.vision_model.embeddings
        mean, std = (pixels.new_tensor(value).view(3, 1, 1) for value in (self._rule.mean, self._rule.std))
        pictures = (pixels.view(-1, 3, self.size, self.size) / 255 - mean) / std
        tokens: Tensor = embeddings(pictures)
        return tokens

    def started(self, tokens: Tokens) -> Tokens:
        """The tokens as the first layer reads them."""
        normed: Tensor = self.module.vision_model.pre_layrnorm(tokens)
        return normed

    def layer(
        self, index: int, tokens: Tokens, prompts: Sequence[Float[Tensor, "_ _ width"]] = ()
    ) -> Float[Tensor, "frames _ width"]:
        """One layer, in which the tokens attend to prompts too; the last layer carries only the class token on.

        Args:
            index: Which layer.
            tokens: Of every frame.
            prompts: Each ``(G, P, W)``: of F frames in a row, F / G share a set.
        """
        layer = self.module.vision_model.encoder.layers[index]
        sources = [layer.layer_norm1(part) for part in (tokens, *prompts)]
        keys, values = (
            torch.cat([_shared(self._heads(layer, name, part), tokens.shape[0]) for part in sources], dim=2)
            for name in ("k_proj", "v_proj")
        )
        normed = sources[0]
        if index == self.num_layers - 1:
            tokens, normed = tokens[:, :1], normed[:, :1]
        mixed = _mixed(self._heads(layer, "q_proj", normed), keys, values)
        tokens = tokens + layer.self_attn.out_proj(mixed.transpose(1, 2).flatten(2))
        carried: Tensor = tokens + layer.mlp(layer.layer_norm2(tokens))
        return carried

    def finished(self, tokens: Float[Tensor, "frames _ width"]) -> Float[Tensor, "frames dim"]:
        """The features: the class tokens normalised and projected, in float32; their length is as it comes."""
        pooled = self.module.vision_model.post_layernorm(tokens[:, 0])
        features: Tensor = self.module.visual_projection(pooled).float()
        return features

    def _heads(
        self, layer: Any, name: str, tokens: Float[Tensor, "groups tokens width"]
    ) -> Float[Tensor, "groups heads tokens _"]:
        projected: Tensor = getattr(layer.self_attn, name)(tokens)
        return projected.view(*projected.shape[:2], self.num_heads, -1).transpose(1, 2)


def _mixed(
    queries: Float[Tensor, "frames heads n k"], keys: Float[Tensor, "frames heads m k"], values: Tensor
) -> Float[Tensor, "frames heads n k"]:
    """Attention, by plain products where these are faster: on a processor in bfloat16, or over few tokens."""
    plain = queries.device.type == "cpu" and (queries.dtype is torch.bfloat16 or keys.shape[2] < FEW_TOKENS)
    if values_are_known() and not plain:
        return functional.scaled_dot_product_attention(queries, keys, values)
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
    mixed: Tensor = scores.softmax(-1).to(values.dtype) @ values
    return mixed


def _shared(part: Float[Tensor, "groups heads tokens _"], num_frames: int) -> Float[Tensor, "frames heads tokens _"]:
    """Keys or values of each frame, of groups of frames that share them."""
    groups = part.shape[0]
    if values_are_known() and groups == num_frames:
        return part
    return part.unsqueeze(1).expand(-1, num_frames // groups, -1, -1, -1).reshape(num_frames, *part.shape[1:])

"""AST: a transformer over the patches of a log-mel spectrogram, as ``transformers`` runs it, for clips of any length.

The paper is AST (Gong et al., "AST: Audio Spectrogram Transformer", Interspeech 2021); the authors' file:
https://github.com/YuanGongND/ast/blob/31088be/src/models/ast_models.py. Patches of 16 frames by 16 mel bands overlap
where the stride is less than 16. Beside the class token there is a distillation token; the feature is the mean of the
two after the last norm.

A log-mel comes as the front end makes it (the natural logarithm of Kaldi's mel energies, 100 frames a second), and is
normalised here, to ``(x - mean) / (2 std)``: the numbers travel with the weights. For weights trained on AudioSet they
are AudioSet's; for your own data give those of the training clips.

**Deviations**

- The position table is cut or stretched to each clip as it comes, by the authors' rule; theirs is once, for one length,
  and ``transformers`` refuses other lengths.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egoshift.encoders.positions import cut_or_stretched
from egoshift.encoders.sensor import AbstractSensorEncoder

AUDIOSET_MEAN, AUDIOSET_STD = -4.2677393, 4.5689974
"""Over all numbers of AudioSet's log-mels, as the authors measured them."""

NUM_TOKENS = 2
"""The class token and the distillation token."""


@dataclass(frozen=True)
class SpectrogramConfig:
    """What an AST looks like; the defaults are the authors' base model for 10 seconds.

    Attributes:
        num_frames: How many frames of 10 ms the position table was made for.
        num_mels: How many mel bands a frame has.
        stride: From patch to patch, in frames and in mel bands; 16 is without overlap.
        hidden_size: Width of the tokens.
        intermediate_size: Width inside the MLPs.
        num_hidden_layers: Number of blocks.
        num_attention_heads: Number of heads; divides ``hidden_size``.
        dropout: Probability that a number behind an attention, an MLP or the embedding is zero in training.
        layer_norm_eps: Epsilon of the norms: 1e-6 in the authors' model, 1e-12 in the one of the Hugging Face Hub.
        mean: Of the log-mels of the training data.
        std: Of the log-mels of the training data.
    """

    num_frames: int = 1024
    num_mels: int = 128
    stride: int = 10
    hidden_size: int = 768
    intermediate_size: int = 3072
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    dropout: float = 0.0
    layer_norm_eps: float = 1e-6
    mean: float = AUDIOSET_MEAN
    std: float = AUDIOSET_STD

    def of_transformers(self, attention: str = "sdpa") -> Any:
        """The same as an ``ASTConfig``, which has no mean and std."""
        from transformers import ASTConfig  # late: it takes seconds

        return ASTConfig(
            max_length=self.num_frames,
            num_mel_bins=self.num_mels,
            frequency_stride=self.stride,
            time_stride=self.stride,
            hidden_size=self.hidden_size,
            intermediate_size=self.intermediate_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            hidden_dropout_prob=self.dropout,
            layer_norm_eps=self.layer_norm_eps,
            attn_implementation=attention,
        )


PRESETS = {
    "base": SpectrogramConfig(),
    "paper": SpectrogramConfig(num_frames=896, stride=16),
    "tiny": SpectrogramConfig(
        num_frames=256,
        stride=16,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
    ),
}
"""``base`` is the published AudioSet model. ``paper`` is what the cost on MMG-Ego4D's slides, 42.08 G, leads to: 448
patches without overlap; which of 8 x 56 (9 seconds) and 7 x 64 they are is not known, and this is the first. ``tiny``
trains on two processor cores."""


class SpectrogramTransformer(AbstractSensorEncoder):
    """An ``ASTModel`` of ``transformers`` that normalises log-mels and takes any number of frames.

    Args:
        model: The model, whose table of positions is cut or stretched from now on; see ``new_spectrogram_transformer``.
        mean: Of the log-mels of the training data.
        std: Of the log-mels of the training data.
    """

    def __init__(self, model: Any, *, mean: float = AUDIOSET_MEAN, std: float = AUDIOSET_STD):
        super().__init__()
        self.config = model.config
        self.mean, self.std = mean, std
        self.model = model
        self.model.embeddings = AnyLengthEmbeddings(model.embeddings, model.config)

    @property
    def dim(self) -> int:
        """Length of a feature."""
        return int(self.config.hidden_size)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """``(frames, mels)``."""
        return (self.config.max_length, self.config.num_mel_bins)

    def forward(self, log_mel: Float[Tensor, "batch frames mels"]) -> Float[Tensor, "batch dim"]:
        """One un-normalised vector a clip.

        Args:
            log_mel: Log-mels as the front end makes them, of at least one patch (16 frames).
        """
        fewest, num_mels = int(self.config.patch_size), self.config.num_mel_bins
        shape = tuple(log_mel.shape)
        if len(shape) != 3 or shape[2] != num_mels or shape[1] < fewest:
            raise ValueError(
                f"got a log_mel of shape {shape}; give (batch, frames, {num_mels}), {fewest} frames or more"
            )
        values = normalised(log_mel, mean=self.mean, std=self.std).to(self.model.layernorm.weight.dtype)
        if shape[0] == 0:  # a batch in which no clip has sound; transformers cannot shape it
            return values.new_empty(0, self.dim)
        pooled: Tensor = self.model(values).pooler_output
        return pooled


def normalised(
    log_mel: Float[Tensor, "batch frames mels"], *, mean: float = AUDIOSET_MEAN, std: float = AUDIOSET_STD
) -> Float[Tensor, "batch frames mels"]:
    """Log-mels as the model takes them, ``(value - mean) / (2 std)``: of the training data, mean 0 and spread a half.

    Frames without sound hold 0 before, and so ``-mean / (2 std)`` = 0.467 after it, as in the authors' training.

    Args:
        log_mel: Log-mels as the front end makes them.
        mean: Of the log-mels of the training data.
        std: Of the log-mels of the training data; positive. The authors divide by twice this.
    """
    assert std > 0, "a standard deviation is positive"
    return (log_mel - mean).div_(2 * std)


class AnyLengthEmbeddings(nn.Module):
    """The embeddings of an ``ASTModel``, by the same names, with positions for the clip at hand.

    Args:
        embeddings: Those of the model; their weights are taken over.
        config: The model's.
    """

    def __init__(self, embeddings: Any, config: Any):
        super().__init__()
        self.cls_token = embeddings.cls_token
        self.distillation_token = embeddings.distillation_token
        self.position_embeddings = embeddings.position_embeddings
        self.patch_embeddings = embeddings.patch_embeddings
        self.dropout = embeddings.dropout
        self.config = config

    def forward(self, input_values: Float[Tensor, "batch frames mels"]) -> Float[Tensor, "batch tokens dim"]:
        """The two tokens and the patches, band by band, with their positions."""
        patches = self.patch_embeddings(input_values)
        tokens = torch.cat([self.cls_token, self.distillation_token], dim=1).expand(patches.shape[0], -1, -1)
        trained, wanted = patch_grid(self.config), patch_grid(self.config, input_values.shape[1])
        table = self.position_embeddings[0, NUM_TOKENS:].unflatten(0, trained)
        positions = torch.cat([self.position_embeddings[0, :NUM_TOKENS], cut_or_stretched(table, wanted).flatten(0, 1)])
        embedded: Tensor = self.dropout(torch.cat([tokens, patches], dim=1) + positions)
        return embedded


def patch_grid(config: Any, num_frames: int | None = None) -> tuple[int, int]:
    """How many patches lie over the mel bands and over the frames.

    Args:
        config: An ``ASTConfig``.
        num_frames: Of the clip; by default those that the position table was made for.
    """
    frames = config.max_length if num_frames is None else num_frames
    return (
        (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1,
        (frames - config.patch_size) // config.time_stride + 1,
    )


def new_spectrogram_transformer(
    config: SpectrogramConfig, *, attention: Literal["sdpa", "eager"] = "sdpa"
) -> SpectrogramTransformer:
    """An AST to be trained from scratch.

    Args:
        config: What it looks like.
        attention: ``"sdpa"`` for torch's fused attention, ``"eager"`` for explicit products.
    """
    from transformers import ASTModel

    model = ASTModel(config.of_transformers(attention))
    for table in (
        model.embeddings.cls_token,
        model.embeddings.distillation_token,
        model.embeddings.position_embeddings,
    ):
        nn.init.trunc_normal_(
            table, std=0.02
        )  # transformers starts them at zero, where patches could not be told apart
    return SpectrogramTransformer(model, mean=config.mean, std=config.std)

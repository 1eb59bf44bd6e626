"""CLIP-Adapter: a small bottleneck network behind each frozen encoder, blended with what the encoder gave.

Paper: Gao et al., "CLIP-Adapter: Better Vision-Language Models with Feature Adapters", IJCV 2023 (arXiv 2110.04544).
Released code: https://github.com/gaopengcuhk/CLIP-Adapter/blob/08d07f8/clip_adapter.py. Compared with by X-MIC (arXiv
2403.19811, Tables 1 and 2) in a re-implementation of its own, flags of
https://github.com/Annusha/xmic/blob/5b8a29b/trainers/xmic.py.

    v[b]         = unit(ratio * A_v(x_b) + (1 - ratio) * e_v[b])       ``CLIPAdapter.video``
    t[c]         = unit(ratio * A_t(e_t[c]) + (1 - ratio) * e_t[c])    ``CLIPAdapter.text``, or unit(e_t[c])
    logits[b, c] = scale * <v[b], t[c]>
    A(x)         = relu(W_2 relu(W_1 x)), without biases

e_t is the class text, e_v the mean frame and x the adapter's input: the mean frame too, after temporal attention in
CLIP-Adapter*, X-MIC's name for the variant that models time. A has no biases, so A(c x) = c A(x): the lengths of x and
e_v matter relative to each other only.

Deviations. The presets ``official`` and ``xmic`` differ in those marked *; ``official-temporal`` and ``xmic-temporal``
are these with temporal attention.
    - *Blend. Official: 0.2 adapted and 0.8 original. X-MIC: hard-coded the other way round.
    - *Sides. Official code: A_v alone (the paper defines A_t too). X-MIC: both, of one bottleneck width.
    - *Input. Official: x is e_v itself. X-MIC: x is the mean of unit frames while e_v is the mean of raw ones, about
      ten times as long for CLIP, so that the original weighs more than its 0.2 says.
    - *Scale. Official: frozen at CLIP's 100. X-MIC: its logarithm is trained, without a clamp.
    - Width. Official: 1024 and 256, for its RN50. Ours and X-MIC's: D and D / 4.
    - Frames. Official: one image. X-MIC: x may come from another encoder (DINO) than e_v. Ours: both come from the
      classified streams; of several, all frames that a clip has weigh the same.
    - CLIP-Adapter*. X-MIC's paper: "temporal attention", no more; no configuration is released. In the released code
      the one way to it adds a learned position to the unit frames, runs b_T's kind of block (d / 4, 4 heads), averages
      and adapts the result, while e_v stays the plain mean: so do we. Its number of blocks is a setting shared with b_S
      there (1); ours is b_T's 2, so that both methods model time alike.
    - X-MIC's shift. Its code goes on to add X-MIC's alpha * a_b to the adapted text. Ours: it does not, which there is
      alpha = 0.
    - Text. Official: encoded anew in every step, through a template per data set. Ours: whatever vectors come in.
    - Optimiser. Official: SGD at 0.002 with cosine decay. Ours: the training loop's.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.attention import POSITIONS, AveragedTransformer, positioned, token_mean
from egoshift.blocks.cosine import cosine_logits
from egoshift.blocks.streams import POOLINGS, choice, classified_presence, read_stream, read_text, stream_names
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.records import Label

_OFFICIAL: Mapping[str, object] = {
    "streams": ["full"],
    "pooling": "mean-of-unit",
    "ratio": 0.2,
    "reduction": 4,
    "adapt_text": False,
    "normalise_input": True,
    "num_temporal_layers": 0,
    "num_heads": 4,
    "mlp_ratio": 0.25,
    "position": "learned",
    "logit_scale": 100.0,
    "train_logit_scale": False,
}
_XMIC = {**_OFFICIAL, "pooling": "mean-of-raw", "ratio": 0.8, "adapt_text": True, "train_logit_scale": True}
PRESETS_CLIP_ADAPTER: Mapping[str, Mapping[str, object]] = {
    "official": _OFFICIAL,
    "xmic": _XMIC,
    "official-temporal": {**_OFFICIAL, "num_temporal_layers": 2},
    "xmic-temporal": {**_XMIC, "num_temporal_layers": 2},
}
"""All options but the widths and N."""


class CLIPAdapter(AbstractClassifier):
    """Video vectors, and class text where asked for, adapted each by its own network; the defaults are ``official``.

    Parameters are drawn from torch's global generator, as every ``nn.Module``'s: seed it first to repeat a run.

    Args:
        text_dim: D, the width of the class text and of the streams.
        num_frames: N, the frames per clip that the position embedding is made for; another number interpolates it.
        streams: The streams that are classified.
        pooling: What e_v is the mean of: raw frames (``"mean-of-raw"``) or unit frames (``"mean-of-unit"``).
        ratio: The adapted share of the blend, 0 to 1.
        reduction: What D is divided by inside the adapters.
        adapt_text: Whether the class text is adapted too.
        normalise_input: Whether the frames that A_v reads, or the temporal attention before it, are of unit length.
        num_temporal_layers: Blocks of temporal attention before A_v; none is CLIP-Adapter, some are CLIP-Adapter*.
        num_heads: Their attention heads.
        mlp_ratio: Width inside their MLPs, as a multiple of D.
        position: ``"learned"`` (one vector per frame, added before the blocks) or ``"none"``.
        logit_scale: What the cosines are multiplied by, at first where it is trained.
        train_logit_scale: Whether the logarithm of the scale is trained.

    Raises:
        ConfigError: If an option is none of its choices, or the widths do not divide.
    """

    def __init__(
        self,
        *,
        text_dim: int = 512,
        num_frames: int = 16,
        streams: Sequence[str] = ("full",),
        pooling: str = "mean-of-unit",
        ratio: float = 0.2,
        reduction: int = 4,
        adapt_text: bool = False,
        normalise_input: bool = True,
        num_temporal_layers: int = 0,
        num_heads: int = 4,
        mlp_ratio: float = 0.25,
        position: str = "learned",
        logit_scale: float = 100.0,
        train_logit_scale: bool = False,
    ):
        super().__init__()
        _check(text_dim, num_frames, ratio, reduction, num_temporal_layers, num_heads, mlp_ratio, logit_scale)
        self.settings = {
            "text_dim": text_dim,
            "num_frames": num_frames,
            "streams": list(stream_names("streams", streams)),
            "pooling": choice("pooling", pooling, tuple(POOLINGS)),
            "ratio": float(ratio),
            "reduction": reduction,
            "adapt_text": adapt_text,
            "normalise_input": normalise_input,
            "num_temporal_layers": num_temporal_layers,
            "num_heads": num_heads,
            "mlp_ratio": mlp_ratio,
            "position": choice("position", position, POSITIONS),
            "logit_scale": float(logit_scale),
            "train_logit_scale": train_logit_scale,
        }
        self.required_streams = tuple(streams)
        self.text_dim, self.pooling, self.ratio = text_dim, pooling, float(ratio)
        self.normalise_input = normalise_input
        self.temporal = AveragedTransformer(num_temporal_layers, text_dim, num_heads, int(text_dim * mlp_ratio))
        learned = position == "learned" and num_temporal_layers > 0
        self.position = nn.Parameter(torch.randn(num_frames, text_dim) * 0.01) if learned else None
        self.visual_adapter = _adapter(text_dim, reduction)
        self.text_adapter = _adapter(text_dim, reduction) if adapt_text else None
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale))) if train_logit_scale else None
        self.fixed_scale = float(logit_scale)

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``.

        Raises:
            ConfigError: If a stream is missing, is of another width, or a clip has none of the streams.
        """
        video = functional.normalize(self.video(batch), dim=-1)
        scale = self.fixed_scale if self.log_scale is None else self.log_scale.exp()
        return {label: cosine_logits(self.text(words), video, scale) for label, words in text.items()}

    def video(self, batch: StreamBatch) -> Float[Tensor, "batch text_dim"]:
        """The blend of e_v and its adaptation, of any length.

        Raises:
            ConfigError: If a stream is missing, is of another width, or a clip has none of the streams.
        """
        several = [read_stream(batch, name, self.text_dim) for name in self.required_streams]
        present = _present_frames(batch, self.required_streams, several)
        units = [functional.normalize(frames, dim=-1) for frames in several]
        original = token_mean(torch.cat(units if self.pooling == "mean-of-unit" else several, dim=1), present)
        read = [positioned(frames, self.position) for frames in (units if self.normalise_input else several)]
        adapted = self.visual_adapter(self.temporal(torch.cat(read, dim=1), present))
        return self._blend(adapted, original)

    def text(self, words: ClassText) -> Float[Tensor, "classes text_dim"]:
        """The class text, blended with its adaptation where that is asked for, of any length.

        Raises:
            ConfigError: If it is of another width.
        """
        original = read_text(words, self.text_dim)
        return original if self.text_adapter is None else self._blend(self.text_adapter(original), original)

    def _blend(self, adapted: Float[Tensor, "n dim"], original: Float[Tensor, "n dim"]) -> Float[Tensor, "n dim"]:
        return self.ratio * adapted.float() + (1 - self.ratio) * original


def _adapter(dim: int, reduction: int) -> nn.Module:
    inner = dim // reduction
    return nn.Sequential(nn.Linear(dim, inner, bias=False), nn.ReLU(), nn.Linear(inner, dim, bias=False), nn.ReLU())


def _present_frames(
    batch: StreamBatch, names: Sequence[str], several: Sequence[Float[Tensor, "batch _ dim"]]
) -> Bool[Tensor, "batch frames"] | None:
    """Which frames of the streams one after the other a clip has; None where it has all."""
    present = classified_presence(batch, names)
    if present is None:
        return None
    counts = torch.tensor([frames.shape[1] for frames in several], device=present.device)
    return present.repeat_interleave(counts, dim=1)


def _check(
    text_dim: int,
    num_frames: int,
    ratio: float,
    reduction: int,
    num_temporal_layers: int,
    num_heads: int,
    mlp_ratio: float,
    logit_scale: float,
) -> None:
    if not 0 <= ratio <= 1 or logit_scale <= 0:
        raise ConfigError(f"ratio is {ratio}, logit_scale {logit_scale}; give a ratio of 0 to 1 and a scale above zero")
    if min(num_frames, reduction, num_heads) < 1 or num_temporal_layers < 0 or text_dim < reduction:
        raise ConfigError(
            f"text_dim {text_dim}, num_frames {num_frames}, reduction {reduction}, num_heads {num_heads}, "
            f"num_temporal_layers {num_temporal_layers}: give at least one frame and head, no negative number of "
            "layers, and a reduction of 1 to text_dim"
        )
    if num_temporal_layers and (text_dim % num_heads or int(text_dim * mlp_ratio) < 1):
        raise ConfigError(
            f"text_dim is {text_dim} with num_heads {num_heads} and mlp_ratio {mlp_ratio}; "
            "give a number of heads that divides it, and a ratio that leaves the MLP one unit"
        )

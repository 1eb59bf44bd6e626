"""X-MIC: every class's text embedding is moved by one vector computed from the video.

Paper: Kukleva et al., "X-MIC: Cross-Modal Instance Conditioning for Egocentric Action Generalization", CVPR 2024
(arXiv 2403.19811). Released code: https://github.com/Annusha/xmic/blob/5b8a29b/trainers/xmic.py with
scripts/configs/XMIC_vitb16.yaml.

    logits[b, t] = scale * <unit(e_t + alpha * a_b), unit(e_v_b)>     eq. 1    ``XMIC.forward``
    x_i          = mean(b_S([unit(full_i), unit(hand_i)]))            eq. 2    ``XMIC._fuse``, for each frame i
    a_b          = head(mean(b_T([x_1, ..., x_N])))                   eq. 3    ``XMIC.shift``

e_t is the class text, e_v the pooled frames of the classified streams (visual encoder V), full_i and hand_i the frames
of the conditioning streams (visual encoder V_II, which may be V). Figure 3; n1, n2, n3 are Table 6; the rows F, H and
F+H of Table 4 are ``condition_streams`` of ``["full"]``, ``["hand"]`` (no b_S then) and ``["hand", "full"]``.

Deviations. The presets ``released`` and ``paper`` differ in those marked *, since nothing published says which of the
two made the paper's tables; where the paper is silent, ``paper`` takes the released code's value.
    - *Classified stream. Paper: full frames, by its text. Released: hand crops ("best results" in its README).
    - *e_v. Paper: mean of unit frames. Released: mean of raw frames.
    - *Position embedding. Paper: none, so b_T cannot tell the order of frames. Released: learned, between b_S and b_T,
      for one N. Ours: likewise, interpolated where another N is used, so that N may differ at test.
    - *Head. Paper: none. Released: Linear(d, d/16), ReLU, Linear(d/16, D), ReLU, so a_b >= 0. The paper does not say
      how d becomes D: ``paper`` uses a Linear where they differ and nothing where they do not.
    - *alpha. Paper: none, so 1. Released: fixed at 2, with a trainable version that is off.
    - *Scale. Paper: CLIP is frozen, so 100. Released: CLIP's log scale of ln 100 is trained, without a clamp.
    - MLP width, heads. Paper: not given. Released: d/4 and 4 heads. (Efficient-Prompt, whose block it is: 4d and 8.)
    - n2. Released: off, so its order with alpha does not show. Ours: alpha * unit(a_b), or alpha would do nothing.
    - Text. Released: no prompt template, not normalised (n3 off). Ours: whatever vectors come in; n3 as a switch.
    - Missing streams. Paper and released: none. Ours: b_S attends to and averages what is present; a clip without any
      conditioning stream has a_b = 0, which is zero-shot.
    - Logits. Released: batch x classes x dim, under float16 autocast. Ours: factored, in float32, for memory, speed and
      because rounding to bfloat16 moves a logit by up to 0.07 (``cosine``).
    - Released also trains 16 x 512 parameters that nothing reads (``prompt_learner.ctx_visual``); left out.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.attention import POSITIONS, AveragedTransformer, positioned
from egoshift.blocks.cosine import adapted_logits
from egoshift.blocks.streams import POOLINGS, choice, presence, read_stream, read_text, stream_names, video_vectors
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.records import Label

HEADS = ("bottleneck-relu", "linear-if-needed")


class XMIC(AbstractClassifier):
    """Class text adapted to each video; the defaults are the preset ``released`` for a ViT-B/16 CLIP.

    Parameters are drawn from torch's global generator, as every ``nn.Module``'s: seed it first to repeat a run.

    Args:
        text_dim: D, the width of the class text and of the classified streams.
        condition_dim: d, the width of the conditioning streams; that of the text where None.
        num_frames: N, the frames per clip that the position embedding is made for.
        classify_streams: The streams that feed e_v; of several, the mean direction of those a clip has.
        condition_streams: The streams that a_b is computed from; their order does not matter.
        pooling: How frames become e_v: ``"mean-of-raw"`` or ``"mean-of-unit"``.
        num_spatial_layers: Blocks of b_S; there are none where one stream conditions.
        num_temporal_layers: Blocks of b_T.
        num_heads: Attention heads of every block.
        mlp_ratio: Width inside the blocks' MLPs, as a multiple of d.
        position: ``"learned"`` (one vector per frame, added before b_T) or ``"none"``.
        head: ``"bottleneck-relu"`` or ``"linear-if-needed"`` (nothing where d equals D).
        alpha: What a_b is multiplied by.
        train_alpha: Whether alpha is trained.
        normalise_condition: n1, unit length of each frame of the conditioning streams.
        normalise_adapter: n2, unit length of a_b, before alpha.
        normalise_text: n3, unit length of the class text before the sum.
        logit_scale: What the cosines are multiplied by, at first where it is trained.
        train_logit_scale: Whether the logarithm of the scale is trained.

    Raises:
        ConfigError: If an option is none of its choices or the widths do not divide.
    """

    def __init__(
        self,
        *,
        text_dim: int = 512,
        condition_dim: int | None = None,
        num_frames: int = 16,
        classify_streams: Sequence[str] = ("hand",),
        condition_streams: Sequence[str] = ("hand", "full"),
        pooling: str = "mean-of-raw",
        num_spatial_layers: int = 1,
        num_temporal_layers: int = 2,
        num_heads: int = 4,
        mlp_ratio: float = 0.25,
        position: str = "learned",
        head: str = "bottleneck-relu",
        alpha: float = 2.0,
        train_alpha: bool = False,
        normalise_condition: bool = True,
        normalise_adapter: bool = False,
        normalise_text: bool = False,
        logit_scale: float = 100.0,
        train_logit_scale: bool = True,
    ):
        super().__init__()
        dim = text_dim if condition_dim is None else condition_dim
        if min(num_frames, num_heads) < 1 or min(num_spatial_layers, num_temporal_layers) < 0 or logit_scale <= 0:
            raise ConfigError(
                f"num_frames {num_frames}, num_heads {num_heads}, layers {num_spatial_layers} and "
                f"{num_temporal_layers}, logit_scale {logit_scale}: give at least one frame and head, "
                "no negative number of layers and a scale above zero"
            )
        if dim % num_heads or dim < 16 or int(dim * mlp_ratio) < 1:
            raise ConfigError(
                f"condition_dim is {dim} with num_heads {num_heads} and mlp_ratio {mlp_ratio}; "
                "give a width of at least 16 that the heads divide, and a ratio that leaves the MLP one unit"
            )
        self.settings = {
            "text_dim": text_dim,
            "condition_dim": dim,
            "num_frames": num_frames,
            "classify_streams": list(stream_names("classify_streams", classify_streams)),
            "condition_streams": list(stream_names("condition_streams", condition_streams)),
            "pooling": choice("pooling", pooling, tuple(POOLINGS)),
            "num_spatial_layers": num_spatial_layers,
            "num_temporal_layers": num_temporal_layers,
            "num_heads": num_heads,
            "mlp_ratio": mlp_ratio,
            "position": choice("position", position, POSITIONS),
            "head": choice("head", head, HEADS),
            "alpha": float(alpha),
            "train_alpha": train_alpha,
            "normalise_condition": normalise_condition,
            "normalise_adapter": normalise_adapter,
            "normalise_text": normalise_text,
            "logit_scale": float(logit_scale),
            "train_logit_scale": train_logit_scale,
        }
        self.text_dim, self.condition_dim, self.pooling = text_dim, dim, pooling
        self.classify_streams, self.condition_streams = tuple(classify_streams), tuple(condition_streams)
        self.required_streams = tuple(dict.fromkeys(self.classify_streams + self.condition_streams))
        self.normalise_condition, self.normalise_adapter = normalise_condition, normalise_adapter
        self.normalise_text = normalise_text

        layers = num_spatial_layers if len(self.condition_streams) > 1 else 0
        hidden_dim = int(dim * mlp_ratio)
        self.spatial = AveragedTransformer(layers, dim, num_heads, hidden_dim)
        self.temporal = AveragedTransformer(num_temporal_layers, dim, num_heads, hidden_dim)
        self.position = nn.Parameter(torch.randn(num_frames, dim) * 0.01) if position == "learned" else None
        self.head = _head(head, dim, text_dim)
        self.alpha = nn.Parameter(torch.tensor(float(alpha))) if train_alpha else float(alpha)
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale))) if train_logit_scale else None
        self.fixed_scale = float(logit_scale)

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``.

        Raises:
            ConfigError: If a stream is missing or of another width, or a clip has none of the classified streams.
        """
        video = video_vectors(batch, self.classify_streams, self.pooling, self.text_dim)
        shift = self.shift(batch)
        scale = self.fixed_scale if self.log_scale is None else self.log_scale.exp()
        return {label: adapted_logits(self._text(words), shift, video, scale) for label, words in text.items()}

    def shift(self, batch: StreamBatch) -> Float[Tensor, "batch text_dim"]:
        """The X-MIC vector times alpha: what is added to every class's text, zero for clips without conditioning.

        Raises:
            ConfigError: If a conditioning stream is missing, of another width or of another number of frames.
        """
        frames = [read_stream(batch, name, self.condition_dim) for name in self.condition_streams]
        if any(stream.shape[1] != frames[0].shape[1] for stream in frames):
            counts = ", ".join(f"{n!r} {s.shape[1]}" for n, s in zip(self.condition_streams, frames, strict=True))
            raise ConfigError(f"the conditioning streams differ in frames per clip ({counts}); sample them together")
        present = presence(batch, self.condition_streams)
        conditioned = None if present is None else present.any(1, keepdim=True)
        if self.normalise_condition:
            frames = [functional.normalize(stream, dim=-1) for stream in frames]

        # A clip without any stream runs through as if it had all (of zeros): its result is replaced below.
        known = None if present is None or conditioned is None else present | ~conditioned
        fused = self._fuse(torch.stack(frames, dim=2), known)
        shift: Tensor = self.head(self.temporal(positioned(fused, self.position)))
        if self.normalise_adapter:
            shift = functional.normalize(shift, dim=-1)
        shift = self.alpha * shift
        return shift if conditioned is None else shift.masked_fill(~conditioned, 0.0)

    def _fuse(
        self, frames: Float[Tensor, "batch time streams dim"], known: Bool[Tensor, "batch streams"] | None
    ) -> Float[Tensor, "batch time dim"]:
        """Equation 2: one vector per frame, of the streams that are known."""
        batch_size, num_frames, num_streams, _ = frames.shape
        if num_streams == 1:
            return frames.squeeze(2)
        per_frame = None if known is None else known.unsqueeze(1).expand(-1, num_frames, -1).flatten(0, 1)
        fused: Tensor = self.spatial(frames.flatten(0, 1), per_frame)
        return fused.view(batch_size, num_frames, -1)

    def _text(self, text: ClassText) -> Float[Tensor, "classes text_dim"]:
        vectors = read_text(text, self.text_dim)
        return functional.normalize(vectors, dim=-1) if self.normalise_text else vectors


def _head(head: str, dim: int, text_dim: int) -> nn.Module:
    """From the width of the conditioning streams to that of the text."""
    if head == "bottleneck-relu":
        return nn.Sequential(nn.Linear(dim, dim // 16), nn.ReLU(), nn.Linear(dim // 16, text_dim), nn.ReLU())
    return nn.Identity() if dim == text_dim else nn.Linear(dim, text_dim)

"""Vita-CLIP: prompts inside every layer of the frozen image tower, and learned context in the text.

Paper: Wasim et al., "Vita-CLIP: Video and text adaptive CLIP via Multimodal Prompting", CVPR 2023 (arXiv 2304.03307),
section 3. Official code: https://github.com/TalalWasim/Vita-CLIP/blob/c858299/training/VitaCLIP_vision_encoder.py and
``VitaCLIP_vision_encoder_utils.py``, ``VitaCLIP_model.py``.

Every frame passes CLIP's image tower with a learned vector of its place in time added to all its tokens. In each layer
its tokens attend also to: global prompts, the same for all; local prompts, one for each frame of the clip, a learned
vector plus a projection of that frame's class token, all of them seen by every frame; and a summary, the frame's
projected class token after attention over the clip's frames. After the attention these are gone. The clip's vector is
the mean of its frames' features. The class text is CoOp's (``methods.coop``).

Deviations. Official facts are of ``train_scripts/k400_train.sh``.
    - Text. Official: class-specific context (CSC), which cannot score another class; its zero-shot evaluation takes
      the text of plain CLIP in its place. Ours: one context for all classes by default; with CSC, names that were not
      trained with have the class text as it is given, the others their own context.
    - ``cls_proj``, the projection of class tokens: left out, by its name, of what official code trains, so that it is
      drawn at random and frozen. Ours: likewise, and kept in the checkpoint; ``train_cls_proj`` trains it.
    - Other numbers of frames than trained with. Official: batches are cut wrongly, and vectors of time repeated to the
      nearest. Ours: the vectors of time and the local prompts are interpolated.
    - Patch embedding. Official: has a bias that OpenAI's has not. Ours: CLIP's own.
    - Logit scale. Official: trained from ln(1/0.07), unless the converted weights hold CLIP's. Ours: an option.
    - Layers. Official: all prompts of every frame are projected, pass the MLP or are cut before it, and in the last
      layer all tokens. Ours: only what reaches the result is computed (``egoshift.encoders.vision``); the same numbers.
    - Optimiser. Official: AdamW of rate 4e-4 and decay 0.05 with a cosine over 30,000 steps of 256 clips, RandAugment
      on frames. Here: the run's, and stored pictures, as for every other method.
    - Several streams, which the paper does not have: the mean direction of those a clip has.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.attention import SelfAttention, positioned
from egoshift.blocks.streams import class_names, read_text
from egoshift.classifier import ClassText, StreamBatch
from egoshift.encoders.vision import CHUNK_TOKENS, load_vision_tower
from egoshift.errors import ConfigError
from egoshift.methods.coop import CoOp
from egoshift.methods.dual import AbstractDualClassifier
from egoshift.methods.pictures import picture_vectors
from egoshift.records import Label

STD = 0.02
"""Of the initial values of the vectors of time."""

_OFFICIAL: Mapping[str, object] = {
    "streams": ["pixels"],
    "num_text_tokens": 8,
    "class_specific": False,
    "full_stop": True,
    "num_global": 8,
    "use_local": True,
    "use_summary": True,
    "train_cls_proj": False,
    "logit_scale": 1 / 0.07,
    "train_logit_scale": True,
}
PRESETS_VITA_CLIP: Mapping[str, Mapping[str, object]] = {
    "official": _OFFICIAL,
    "official-csc": {**_OFFICIAL, "class_specific": True},
}


class VitaCLIP(AbstractDualClassifier):
    """A frozen CLIP with prompts in both towers; the defaults are the preset ``official``.

    Args:
        encoder: The CLIP; see ``egoshift.encoders.load_image_encoder``.
        streams: The streams that are classified: its pictures (``pixels:<encoder>``).
        num_frames: T, the frames per clip that vectors of time and local prompts are made for.
        num_text_tokens: Learned tokens before each class name.
        class_specific: Whether every class has tokens of its own (CSC).
        classes: The class names trained with, per kind of label; needed for class-specific tokens alone.
        full_stop: Whether a "." follows the class name.
        num_global: Global prompts in each layer.
        use_local: Whether there are local prompts.
        use_summary: Whether there is a summary of the clip.
        train_cls_proj: Whether the projection of class tokens is trained, not frozen as it was drawn.
        logit_scale: What the cosines are multiplied by, at first where it is trained.
        train_logit_scale: Whether the logarithm of the scale is trained.
        chunk_tokens: How many tokens of class prompts, and of frames, run at once, which bounds memory.

    Raises:
        ConfigError: A number is below what is possible, or class-specific tokens lack their classes.
        WeightsError: There is no such encoder.
    """

    cls_weight: Tensor
    cls_bias: Tensor

    def __init__(
        self,
        *,
        encoder: str = "openai/clip-vit-base-patch16",
        streams: Sequence[str] = ("pixels",),
        num_frames: int = 8,
        num_text_tokens: int = 8,
        class_specific: bool = False,
        classes: Mapping[Label, Sequence[str]] | None = None,
        full_stop: bool = True,
        num_global: int = 8,
        use_local: bool = True,
        use_summary: bool = True,
        train_cls_proj: bool = False,
        logit_scale: float = 1 / 0.07,
        train_logit_scale: bool = True,
        chunk_tokens: int = CHUNK_TOKENS,
    ):
        super().__init__()
        if num_frames < 1 or num_global < 0 or logit_scale <= 0:
            raise ConfigError(
                f"num_frames is {num_frames}, num_global {num_global}, logit_scale {logit_scale}; give at least one "
                "frame, no negative number of prompts and a scale above zero"
            )
        self.text = CoOp(
            text_encoder=encoder,
            streams=streams,
            num_tokens=num_text_tokens,
            class_specific=class_specific,
            classes=classes,
            full_stop=full_stop,
            chunk_tokens=chunk_tokens,
        )
        self.vision = load_vision_tower(encoder)
        self.frozen_weights = {encoder: self.vision.sha256}
        self.required_streams, self.chunk_tokens = self.text.required_streams, chunk_tokens
        self.use_local, self.use_summary = use_local, use_summary
        self.settings = {
            "encoder": encoder,
            "num_frames": num_frames,
            "num_text_tokens": num_text_tokens,
            **{name: self.text.settings[name] for name in ("streams", "class_specific", "classes", "full_stop")},
            "num_global": num_global,
            "use_local": use_local,
            "use_summary": use_summary,
            "train_cls_proj": train_cls_proj,
            "logit_scale": float(logit_scale),
            "train_logit_scale": train_logit_scale,
            "chunk_tokens": chunk_tokens,
        }
        self._draw_prompts(num_frames, num_global, train_cls_proj)
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale))) if train_logit_scale else None
        self.fixed_scale = float(logit_scale)

    def _draw_prompts(self, num_frames: int, num_global: int, train_cls_proj: bool) -> None:
        """What the image tower is given, with the official initial values."""
        layers, width = self.vision.num_layers, self.vision.width
        bound = math.sqrt(6 / (3 * self.vision.patch**2 + width))
        self.time = nn.Parameter(torch.randn(num_frames, width) * STD)
        self.global_prompts = _uniform((layers, num_global, width), bound) if num_global else None
        self.local_prompts = _uniform((layers, num_frames, width), bound) if self.use_local else None
        if self.use_local or self.use_summary:
            for name, shape in {"cls_weight": (layers, width, width), "cls_bias": (layers, width)}.items():
                drawn = _uniform(shape, width**-0.5)
                if train_cls_proj:
                    self.register_parameter(name, drawn)
                else:
                    self.register_buffer(name, drawn.detach())
        blocks = [_Summary(width, self.vision.num_heads) for _ in range(layers if self.use_summary else 0)]
        self.summaries = nn.ModuleList(blocks)

    @property
    def scale(self) -> Tensor | float:
        """What the cosines are multiplied by; a tensor where it is trained."""
        return self.fixed_scale if self.log_scale is None else self.log_scale.exp()

    def video(self, batch: StreamBatch) -> Float[Tensor, "batch dim"]:
        """The unit video vectors; raises as ``forward``."""
        return picture_vectors(
            batch,
            self.required_streams,
            self.vision,
            self._encode,
            pooling="mean-of-raw",
            chunk_tokens=self.chunk_tokens,
        )

    def text_vectors(self, label: Label, words: ClassText) -> Float[Tensor, "classes dim"]:
        """The classes under the learned context; those without one of their own as they are given."""
        names = class_names(label, words)
        if not self.text.class_specific:
            return self.text.class_vectors(label, names)
        trained = set(self.text.classes.get(label, ()))
        rows = [row for row, name in enumerate(names) if name in trained]
        plain = read_text(words, self.vision.dim)
        if not rows:
            return plain
        learned = self.text.class_vectors(label, [names[row] for row in rows])
        return plain.index_copy(0, torch.tensor(rows, device=plain.device), learned)

    def _encode(self, pixels: Float[Tensor, "some time pixels"]) -> Float[Tensor, "some time dim"]:
        """The features of the frames of some clips, which see each other through their class tokens."""
        clips, num_frames = pixels.shape[:2]
        tokens = self.vision.embedded(pixels.flatten(0, 1))
        time = positioned(self.time.new_zeros(1, num_frames, self.vision.width), self.time)
        tokens = self.vision.started(tokens + time.view(num_frames, 1, -1).repeat(clips, 1, 1))
        for index in range(self.vision.num_layers):
            prompts = self._prompts(index, tokens[:, 0].view(clips, num_frames, -1))
            tokens = self.vision.layer(index, tokens, prompts)
        return self.vision.finished(tokens).view(clips, num_frames, -1)

    def _prompts(self, index: int, class_tokens: Float[Tensor, "some time width"]) -> list[Tensor]:
        """The prompts of a layer: of all frames, of each clip and of each frame."""
        prompts = [] if self.global_prompts is None else [self.global_prompts[index].unsqueeze(0)]
        if self.use_local or self.use_summary:
            projected = functional.linear(class_tokens, self.cls_weight[index], self.cls_bias[index])
            if self.local_prompts is not None:
                prompts.append(positioned(projected, self.local_prompts[index]))
            if self.use_summary:
                prompts.append((projected + self.summaries[index](projected)).flatten(0, 1).unsqueeze(1))
        return prompts


class _Summary(nn.Module):
    """Attention of a clip's frames over each other, with the official initial values."""

    def __init__(self, width: int, num_heads: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, num_heads)
        with torch.no_grad():
            for matrix in (*self.attention.in_proj_weight.chunk(3), self.attention.out_proj.weight):
                nn.init.xavier_uniform_(matrix)

    def forward(self, tokens: Float[Tensor, "some time width"]) -> Float[Tensor, "some time width"]:
        attended: Tensor = self.attention(self.norm(tokens))
        return attended


def _uniform(shape: tuple[int, ...], bound: float) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))

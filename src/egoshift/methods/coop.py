"""CoOp: learned context tokens in the prompt of every class.

Paper: Zhou et al., "Learning to Prompt for Vision-Language Models", IJCV 2022 (arXiv 2109.01134), section 3.
Official code: https://github.com/KaiyangZhou/CoOp/blob/ff61507/trainers/coop.py. X-MIC's variant for video
(its row "CoOp"): https://github.com/Annusha/xmic/blob/5b8a29b/trainers/temporal_coop.py.

P vectors take the place of the words around a class name; only they are trained, through the frozen text tower. The
video is the pooled frame features, as for zero-shot CLIP.

Deviations. Presets ``official`` and ``xmic`` differ in those marked *.
    - *Full stop. Official: a "." after the class name. X-MIC's variant: none.
    - *Pooling. Official: single images. X-MIC's variant: the mean of the frames' features.
    - Text tower. Official: all 77 positions of every class's prompt. Ours: the positions that matter, in chunks of
      classes (``egoshift.encoders.prompts``); the same numbers.
    - Other classes. Official: prompts are buffers tied to the class list. Ours: made from the names at every call.
      Class-specific context (CSC) exists for the classes trained with; other names are given the mean of all contexts,
      since the official code can score none.
    - Optimiser. Official: SGD of rate 0.002 with a cosine, 200 epochs. X-MIC's variant: its own AdamW. Here: the run's.
    - Official: fp16. Ours: float32, or the run's mixed precision.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egoshift.blocks.streams import POOLINGS, choice, class_names, places, stream_names, trained_classes, video_vectors
from egoshift.classifier import ClassText, StreamBatch
from egoshift.encoders.prompts import CHUNK_TOKENS, load_prompt_tower
from egoshift.errors import ConfigError
from egoshift.methods.dual import AbstractDualClassifier
from egoshift.records import Label

POSITIONS = ("end", "middle", "front")
STD = 0.02
"""Of the context's initial values."""


class CoOp(AbstractDualClassifier):
    """Prompts with learned context; the defaults are the preset ``xmic``.

    Args:
        text_encoder: The CLIP whose text tower reads the prompts; see ``egoshift.encoders.load_text_encoder``.
        streams: The streams that are classified: features of the image encoder that the text encoder belongs to.
        pooling: How frames become one vector: ``"mean-of-unit"`` or ``"mean-of-raw"``.
        num_tokens: P, how many context vectors there are; not read where ``phrase`` is given.
        phrase: Words whose token embeddings the context starts from, such as ``"a photo of a"``; empty: random.
        position: Where the class name stands: at the ``"end"``, in the ``"middle"`` of the context, or in ``"front"``.
        class_specific: Whether every class has a context of its own (CSC).
        classes: The class names trained with, per kind of label; needed for class-specific context alone.
        full_stop: Whether a "." follows.
        logit_scale: What the cosines are multiplied by.
        chunk_tokens: How many tokens of class prompts run at once, which bounds memory.

    Raises:
        ConfigError: An option is none of its choices, or class-specific context lacks its classes.
        WeightsError: There is no such text encoder, or it is not CLIP's.
    """

    def __init__(
        self,
        *,
        text_encoder: str = "openai/clip-vit-base-patch16",
        streams: Sequence[str] = ("full",),
        pooling: str = "mean-of-raw",
        num_tokens: int = 16,
        phrase: str = "",
        position: str = "end",
        class_specific: bool = False,
        classes: Mapping[Label, Sequence[str]] | None = None,
        full_stop: bool = False,
        logit_scale: float = 100.0,
        chunk_tokens: int = CHUNK_TOKENS,
    ):
        super().__init__()
        self.required_streams = stream_names("streams", streams)
        self.pooling = choice("pooling", pooling, tuple(POOLINGS))
        self.position = choice("position", position, POSITIONS)
        self.ending = "." if full_stop else ""
        self.logit_scale, self.chunk_tokens = float(logit_scale), chunk_tokens
        self.tower = load_prompt_tower(text_encoder)
        self.frozen_weights = {text_encoder: self.tower.card.sha256}
        self.class_specific = class_specific
        self.classes = trained_classes(classes) if class_specific else {}
        if min(num_tokens, chunk_tokens) < 1 or logit_scale <= 0 or (class_specific and not self.classes):
            raise ConfigError(
                f"num_tokens is {num_tokens}, chunk_tokens {chunk_tokens}, logit_scale {logit_scale}, classes "
                f"{list(self.classes)}; give at least one token, a scale above zero, and for class-specific context "
                "the class names trained with, as {'noun': ['cup', 'knife']}"
            )
        initial_PW = self.tower.initial_context(phrase, num_tokens, STD)
        self.context = (
            nn.ParameterDict({label: _spread(initial_PW, len(names), phrase) for label, names in self.classes.items()})
            if class_specific
            else nn.Parameter(initial_PW)
        )
        self.settings = {
            "text_encoder": text_encoder,
            "streams": list(self.required_streams),
            "pooling": pooling,
            "num_tokens": len(initial_PW),
            "phrase": phrase,
            "position": position,
            "class_specific": class_specific,
            "classes": {label: list(names) for label, names in self.classes.items()} or None,
            "full_stop": full_stop,
            "logit_scale": self.logit_scale,
            "chunk_tokens": chunk_tokens,
        }

    @property
    def scale(self) -> float:
        """What the cosines are multiplied by."""
        return self.logit_scale

    def video(self, batch: StreamBatch) -> Float[Tensor, "batch dim"]:
        """The unit video vectors.

        Raises:
            ConfigError: A stream is missing or of another width.
        """
        return video_vectors(batch, self.required_streams, self.pooling, self.tower.card.dim)

    def text_vectors(self, label: Label, words: ClassText) -> Float[Tensor, "classes dim"]:
        """``class_vectors`` of a vocabulary, of which the names are read."""
        return self.class_vectors(label, class_names(label, words))

    def class_vectors(self, label: Label, names: Sequence[str]) -> Float[Tensor, "classes dim"]:
        """The text vectors of these classes under the learned context, not normalised."""
        before, after = self._halves(self._context_of(label, names))
        nothing = before.new_zeros(1, 0, self.tower.width)
        # What comes before the name is the same for all classes, but for class-specific context: it runs once.
        beginning, own = (nothing, before) if self.class_specific else (before.unsqueeze(0), None)
        vectors: Tensor = self.tower.encode(
            beginning, names, before=own, after=after, ending=self.ending, chunk_tokens=self.chunk_tokens
        )
        return vectors[0]

    def _context_of(self, label: Label, names: Sequence[str]) -> Float[Tensor, "*classes learned width"]:
        if not isinstance(self.context, nn.ParameterDict):
            return self.context
        if label not in self.classes:
            raise ConfigError(f"the context was learned for {', '.join(self.classes)} classes, asked for {label} ones")
        own = self.context[label]
        # Place -1, that of classes not trained with, is the last row.
        contexts: Tensor = torch.cat([own, own.mean(0, keepdim=True)])[places(names, self.classes[label])]
        return contexts

    def _halves(self, context: Float[Tensor, "*classes learned width"]) -> tuple[Tensor, Tensor]:
        """The context before the name and after it."""
        num_tokens = context.shape[-2]
        first = {"end": num_tokens, "middle": num_tokens // 2, "front": 0}[self.position]
        return context[..., :first, :], context[..., first:, :]


def _spread(initial_PW: Float[Tensor, "learned width"], num_classes: int, phrase: str) -> nn.Parameter:
    """A context for every class: the phrase's for all, else each its own random one."""
    if phrase:
        return nn.Parameter(initial_PW.expand(num_classes, -1, -1).clone())
    return nn.Parameter(torch.randn(num_classes, *initial_PW.shape) * STD)

"""Linear probe: one weight vector for each class trained with, on the frozen video vector.

Two forms. ``init="zeros"`` is the standard probe, a logistic regression on frozen features (Radford et al., "Learning
Transferable Visual Models From Natural Language Supervision", ICML 2021, section 3.2, arXiv 2103.00020).
``init="text"`` starts it at the class text, so that training starts from zero-shot and not from chance; what is
trained is the difference to the text, as in TaskRes (Yu et al., "Task Residual for Tuning Vision-Language Models", CVPR
2023, arXiv 2211.10277).

    "zeros":  logits[b, c] = scale * (<w_c, v_b> + bias_c)
    "text":   logits[b, c] = scale * (<unit(e_t[c]) + w_c, v_b> + bias_c)      w and bias are zero at first

Deviations:
    - Optimiser. CLIP: L-BFGS to convergence on a whole data set, with a swept L2 penalty. Ours: the training loop's.
      ``scale`` then sets how fast the logits move, so one for both forms.
    - Input. CLIP: features before the projection to the text. Ours: after it, pooled to one unit vector a video, as in
      every method here.
    - TaskRes normalises the sum of text and residual again, and scales the residual. Ours: neither; it is linear.
    - Classes not trained with. CLIP and TaskRes: none. Ours: see ``LinearProbe``.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.cosine import cosine_logits
from egoshift.blocks.streams import (
    POOLINGS,
    choice,
    class_names,
    places,
    read_text,
    stream_names,
    trained_classes,
    video_vectors,
)
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.records import Label

INITS = ("text", "zeros")

_TEXT: Mapping[str, object] = {
    "streams": ["full"],
    "pooling": "mean-of-unit",
    "init": "text",
    "bias": False,
    "logit_scale": 100.0,
}
PRESETS_LINEAR_PROBE: Mapping[str, Mapping[str, object]] = {
    "text": _TEXT,
    "standard": {**_TEXT, "init": "zeros", "bias": True},
}
"""All options but the width and the classes."""


class LinearProbe(AbstractClassifier):
    """A linear classifier of the training vocabulary, matched to any other by class name.

    Tables over data sets and over novel classes ask it for classes that it was not trained with. What they then show:

    - ``init="text"``: such a class has its zero-shot logit. It competes with the trained ones, whose logits training
      has moved, so novel classes tend to lose against those.
    - ``init="zeros"``: the probe knows nothing of such a class, so it is never preferred to a trained one: over all
      classes together its accuracy is zero. Its logit is ``m - 1 - scale * (1 - cos)``, with m the least logit of all
      classes trained with and cos the zero-shot cosine. Where novel classes alone are ranked, as in the restricted
      scores of X-MIC's Table 2, the number is therefore zero-shot's and says nothing of the probe; one constant for all
      would instead score whichever class is listed first.

    Args:
        text_dim: D, the width of the class text and of the streams.
        streams: The streams that are classified.
        pooling: How frames become one vector: ``"mean-of-unit"`` or ``"mean-of-raw"``.
        classes: Per kind of label the class names to train for; None makes a probe that can say so and no more.
        init: ``"text"`` or ``"zeros"``.
        bias: Whether each class has a bias too.
        logit_scale: What all is multiplied by.

    Raises:
        ConfigError: If an option is none of its choices, or a vocabulary is empty or names a class twice.
    """

    def __init__(
        self,
        *,
        text_dim: int = 512,
        streams: Sequence[str] = ("full",),
        pooling: str = "mean-of-unit",
        classes: Mapping[Label, Sequence[str]] | None = None,
        init: str = "text",
        bias: bool = False,
        logit_scale: float = 100.0,
    ):
        super().__init__()
        if text_dim < 1 or logit_scale <= 0:
            raise ConfigError(f"text_dim is {text_dim}, logit_scale {logit_scale}; give a width and a scale above zero")
        self.text_dim, self.required_streams = text_dim, stream_names("streams", streams)
        self.pooling = choice("pooling", pooling, tuple(POOLINGS))
        self.classes = trained_classes(classes)
        self.init, self.bias, self.logit_scale = choice("init", init, INITS), bias, float(logit_scale)
        self.weights = nn.ParameterDict(
            {label: nn.Parameter(torch.zeros(len(names), text_dim)) for label, names in self.classes.items()}
        )
        self.biases = nn.ParameterDict(
            {label: nn.Parameter(torch.zeros(len(names))) for label, names in self.classes.items() if bias}
        )
        self.settings = {
            "text_dim": text_dim,
            "streams": list(streams),
            "pooling": pooling,
            "classes": {label: list(names) for label, names in self.classes.items()} or None,
            "init": init,
            "bias": bias,
            "logit_scale": self.logit_scale,
        }

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``, of which the names are read.

        Raises:
            ConfigError: If a kind of label was not trained for, its classes have no names, a stream is missing, or one
                is of another width.
        """
        video = video_vectors(batch, self.required_streams, self.pooling, self.text_dim)
        logits = {}
        for label, words in text.items():
            columns = self._columns(label, words).to(video.device)
            zero_shot = cosine_logits(read_text(words, self.text_dim), video, self.logit_scale)
            learned = self._learned(label, video)
            # Place -1, that of classes not trained with, is the last column.
            if self.init == "text":
                logits[label] = zero_shot + functional.pad(learned, (0, 1))[:, columns]
            else:
                below = learned.detach().amin(1, keepdim=True) - 1 - (self.logit_scale - zero_shot)
                logits[label] = torch.where(columns >= 0, learned[:, columns], below)
        return logits

    def _learned(self, label: Label, video: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch trained"]:
        """What training adds for each class trained with, in float32 also under autocast."""
        with torch.autocast(video.device.type, enabled=False):
            products: Tensor = video @ self.weights[label].T
            return self.logit_scale * (products + self.biases[label] if self.bias else products)

    def _columns(self, label: Label, words: ClassText) -> Int[Tensor, " classes"]:
        """For each class of the text its place in the training vocabulary, -1 where it has none."""
        if label not in self.classes:
            known = ", ".join(self.classes) or "no"
            raise ConfigError(
                f"the probe is made for {known} classes, asked for {label} ones; give the class names to train for, as "
                f"classes={{{label!r}: [...]}}"
            )
        return places(class_names(label, words), self.classes[label])

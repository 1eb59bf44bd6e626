"""From the fused vector to logits: of a fixed vocabulary, or of any by its text."""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.cosine import adapted_logits, cosine_logits
from egoshift.blocks.streams import class_names, places, read_text
from egoshift.classifier import ClassText
from egoshift.errors import ConfigError
from egoshift.records import Label

RULES = ("compare", "shift", "both")
"""What the fused vector does to class text; see ``TextHead``."""


class LinearHead(nn.Module):
    """One weight vector and bias for each class trained with, matched to any vocabulary by class name.

    It knows nothing of a class that it was not trained with, so that such a class is never preferred to one that it
    was: its logit is that of the least of all classes trained with, minus 1. Between several of them the logits are
    equal and say nothing; a vocabulary of such classes alone is refused.

    Args:
        width: Of the fused vector.
        classes: Per kind of label, the class names to train for.
    """

    def __init__(self, width: int, classes: Mapping[Label, Sequence[str]]):
        super().__init__()
        self.classes = {label: tuple(names) for label, names in classes.items()}
        self.linears = nn.ModuleDict({label: nn.Linear(width, len(names)) for label, names in classes.items()})

    def forward(
        self, fused: Float[Tensor, "batch width"], text: Mapping[Label, ClassText]
    ) -> dict[Label, Float[Tensor, "batch _"]]:
        """Logits in float32, of which names of classes are read and no vectors.

        Raises:
            ConfigError: If a kind of label was not trained for, its classes have no names, or none of them was trained
                with.
        """
        return {label: self._logits(label, fused, words) for label, words in text.items()}

    def _logits(
        self, label: Label, fused: Float[Tensor, "batch width"], words: ClassText
    ) -> Float[Tensor, "batch classes"]:
        if label not in self.classes:
            raise ConfigError(
                f"the linear head is made for {', '.join(self.classes) or 'no'} classes, asked for {label} ones; give "
                f"the class names to train for, as classes={{{label!r}: [...]}}, or use head='text'"
            )
        names = class_names(label, words)
        columns = places(names, self.classes[label]).to(fused.device)
        if not set(names) & set(self.classes[label]):
            raise ConfigError(
                f"none of the {len(columns)} {label} classes asked for is one of the {len(self.classes[label])} that "
                "the linear head was trained for; use head='text', which takes any class names"
            )
        with torch.autocast(fused.device.type, enabled=False):
            trained = self.linears[label](fused.float())
        below = trained.detach().amin(1, keepdim=True) - 1
        return torch.where(columns >= 0, trained[:, columns], below)


class TextHead(nn.Module):
    """Scaled cosines between class text and a vector made of the fused one, so that any class names can be scored.

    With f the fused vector, e_t the text of class t and A, B linear maps to the text's space:

        "compare":  logits[b, t] = scale * <unit(e_t), unit(A f_b)>
        "shift":    logits[b, t] = scale * <unit(e_t + alpha * B f_b), v_b>
        "both":     logits[b, t] = scale * <unit(e_t + alpha * B f_b), unit(v_b + unit(A f_b))>

    The second is X-MIC's equation 1 with its vector computed from every sensor that a sample has. v_b is the unit
    vector of the streams that lie in the text's space (frames of CLIP) where a sample has one, and unit(A f_b) where
    it has none. There, what is classified never hears or feels anything if it sees; the third, which is ours, lets it.

    Args:
        width: Of the fused vector.
        text_dim: Of the class text.
        rule: One of ``RULES``.
        alpha: What the shift is multiplied by.
        logit_scale: What the cosines are multiplied by, at first where it is trained.
        train_logit_scale: Whether the logarithm of the scale is trained.
    """

    def __init__(
        self, width: int, text_dim: int, *, rule: str, alpha: float, logit_scale: float, train_logit_scale: bool
    ):
        super().__init__()
        self.text_dim, self.alpha, self.fixed_scale = text_dim, alpha, logit_scale
        self.to_text = nn.Linear(width, text_dim)
        self.to_shift = None if rule == "compare" else nn.Linear(width, text_dim)
        self.joins = rule == "both"
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale))) if train_logit_scale else None

    def forward(
        self,
        fused: Float[Tensor, "batch width"],
        text: Mapping[Label, ClassText],
        own: tuple[Float[Tensor, "batch text_dim"], Bool[Tensor, " batch"]] | None = None,
    ) -> dict[Label, Float[Tensor, "batch _"]]:
        """Logits in float32.

        Args:
            fused: The fused vectors.
            text: The classes.
            own: Unit vectors in the text's space, and which samples have one; none: no sample has.

        Raises:
            ConfigError: If the class text is of another width.
        """
        video = functional.normalize(self.to_text(fused).float(), dim=-1)
        if own is not None:
            joined = functional.normalize(own[0] + video, dim=-1) if self.joins else own[0]
            video = torch.where(own[1].unsqueeze(1), joined, video)
        scale = self.fixed_scale if self.log_scale is None else self.log_scale.exp()
        vectors = {label: read_text(words, self.text_dim) for label, words in text.items()}
        if self.to_shift is None:
            return {label: cosine_logits(words, video, scale) for label, words in vectors.items()}
        shift = self.alpha * self.to_shift(fused).float()
        return {label: adapted_logits(words, shift, video, scale) for label, words in vectors.items()}

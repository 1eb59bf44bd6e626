"""Text towers: prompts in, one vector each out; class names become class text."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from egoshift.classifier import ClassText
from egoshift.encoders.card import TowerCard
from egoshift.errors import ConfigError


class AbstractTextEncoder(ABC):
    """A frozen text tower.

    Attributes:
        card: What it is.
    """

    card: TowerCard

    @abstractmethod
    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "prompts dim"]:
        """Projected, un-normalised vectors in float32, without gradients, on the encoder's device.

        Raises:
            ConfigError: A prompt is longer than the tower reads; names all such prompts.
        """


def class_text(encoder: AbstractTextEncoder, names: Sequence[str], templates: Sequence[str] = ("{}",)) -> ClassText:
    """The vectors of a list of class names.

    With one template a class's vector is what the tower gives. With several its direction is that of the mean of
    the unit vectors (CLIP's prompt ensemble) and its length the mean of their lengths: X-MIC adds a vector of its own
    to the raw text vector, so a text vector of length 1 would be moved some ten times further than it was meant to be.

    Args:
        encoder: The text tower.
        names: Class names, as a person would say them.
        templates: Prompts with one ``{}`` each, where the name goes.

    Raises:
        ConfigError: There is no template, one lacks its ``{}`` or has two, or a prompt is longer than the tower reads.
    """
    check_templates(templates)
    per_template_TCD = torch.stack([encoder.encode([t.replace("{}", name) for name in names]) for t in templates])
    return ClassText(vectors=ensemble(per_template_TCD), names=tuple(names))


def check_templates(templates: Sequence[str]) -> None:
    """Refuse templates that do not hold a class name exactly once.

    Raises:
        ConfigError: Naming every template at fault, one line each.
    """
    if isinstance(templates, str) or not templates:
        raise ConfigError(
            f'templates: got {templates!r}; give a list of prompts with one {{}} each, such as ["a photo of {{}}"]'
        )
    faults = [
        f"template {template!r} has {template.count('{}')} places for the class name; write {{}} exactly once"
        for template in templates
        if template.count("{}") != 1
    ]
    if faults:
        raise ConfigError("\n".join(faults))


def ensemble(vectors: Float[Tensor, "templates classes dim"]) -> Float[Tensor, "classes dim"]:
    """One vector a class: the direction of the mean unit vector, the length of the mean length.

    >>> ensemble(torch.tensor([[[4.0, 0.0]], [[0.0, 2.0]]]))
    tensor([[2.1213, 2.1213]])
    """
    if len(vectors) == 1:
        return vectors[0]
    lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    direction = (vectors / lengths).mean(dim=0)
    return direction / torch.linalg.vector_norm(direction, dim=-1, keepdim=True) * lengths.mean(dim=0)

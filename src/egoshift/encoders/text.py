"""Text towers: prompts in, one vector each out; class names become class text."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from egoshift.classifier import ClassText, check_names
from egoshift.encoders.card import TowerCard
from egoshift.encoders.tokens import Tokeniser
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


class ClipTextEncoder(AbstractTextEncoder):
    """CLIP's text tower; the vector is that of the first end-of-text token, projected.

    Attention is causal, so nothing after that token can reach it: prompts are filled up to the longest of their chunk
    only, and pooled here rather than by ``transformers``, whose rule depends on an ``eos_token_id`` that is wrong in
    the configurations of 2021 (2, read as "the largest id").

    Args:
        card: What it is.
        tower: A ``CLIPTextModelWithProjection``, frozen and on its device.
        tokeniser: Its tokenizer.
        chunk: How many prompts pass through at once.
    """

    def __init__(self, card: TowerCard, tower: Any, tokeniser: Tokeniser, *, chunk: int = 128):
        self.card = card
        self._tower = tower
        self._tokeniser = tokeniser
        self._chunk = chunk

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "prompts dim"]:
        """Projected, un-normalised vectors in float32, without gradients, on the encoder's device."""
        ids = self._tokeniser(prompts, self._tower.config.max_position_embeddings)
        vectors = torch.empty(len(ids), self.card.dim, device=self._tower.device)
        by_length = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for start in range(0, len(ids), self._chunk):
            chunk = by_length[start : start + self._chunk]
            vectors[chunk] = self._encode_chunk([ids[i] for i in chunk])
        return vectors

    def _encode_chunk(self, ids: list[list[int]]) -> Float[Tensor, "chunk dim"]:
        input_ids = fill_up(ids, max(map(len, ids)), self._tokeniser.padding).to(self._tower.device)
        hidden_BLD = self._tower.text_model(input_ids=input_ids).last_hidden_state
        ends = torch.tensor([tokens.index(self._tokeniser.end) for tokens in ids], device=hidden_BLD.device)
        pooled_BD = hidden_BLD[torch.arange(len(ids), device=hidden_BLD.device), ends]
        vectors: Tensor = self._tower.text_projection(pooled_BD)
        return vectors.float()


class SiglipTextEncoder(AbstractTextEncoder):
    """SigLIP's text tower; the vector is that of the last position of the full context, projected.

    Attention runs both ways and was trained over the padding too, so prompts are filled up to the whole context and
    never trimmed.

    Args:
        card: What it is.
        tower: A ``SiglipTextModel``, frozen and on its device.
        tokeniser: Its tokenizer.
        chunk: How many prompts pass through at once.
    """

    def __init__(self, card: TowerCard, tower: Any, tokeniser: Tokeniser, *, chunk: int = 64):
        self.card = card
        self._tower = tower
        self._tokeniser = tokeniser
        self._chunk = chunk

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "prompts dim"]:
        """Projected, un-normalised vectors in float32, without gradients, on the encoder's device."""
        context = self._tower.config.max_position_embeddings
        input_ids = fill_up(self._tokeniser(prompts, context), context, self._tokeniser.padding)
        vectors = torch.empty(len(prompts), self.card.dim, device=self._tower.device)
        for start in range(0, len(prompts), self._chunk):
            chunk = slice(start, start + self._chunk)
            vectors[chunk] = self._tower(input_ids=input_ids[chunk].to(self._tower.device)).pooler_output
        return vectors


def fill_up(ids: Sequence[Sequence[int]], length: int, padding: int) -> Int[Tensor, "prompts length"]:
    """Token ids of different lengths as one tensor, filled up at the end.

    >>> fill_up([[5, 6], [7]], 3, 0)
    tensor([[5, 6, 0],
            [7, 0, 0]])
    """
    rows = [[*tokens, *[padding] * (length - len(tokens))] for tokens in ids]
    return torch.tensor(rows, dtype=torch.int64).view(len(ids), length)


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
        ConfigError: There is no name, an empty one, or one twice; there is no template, or one lacks its ``{}`` or
            has two; or a prompt is longer than the tower reads.
    """
    check_names(names)
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
    ensembled: Tensor = direction / torch.linalg.vector_norm(direction, dim=-1, keepdim=True) * lengths.mean(dim=0)
    return ensembled

"""How good the small DINO is: whether what its features place near each other has the same name.

Names are used here and only here, to measure: a picture gets the name that its nearest neighbours in a bank of named
pictures vote for. The same is measured with random weights, which shows what training gave.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from egoshift.world.pretraining.clip_scores import Pictures, middles, prepared
from egoshift.world.script import Script

NEIGHBOURS = 20
RAW_SIDE = 18
TEMPERATURE = 0.07
"""How much more the nearest neighbours count: a vote weighs ``exp(cosine / temperature)``."""


@dataclass(frozen=True)
class Named:
    """Pictures with their names, one sequence of them per kind of name (noun, verb)."""

    images: tuple[Image.Image, ...]
    names: dict[str, tuple[str, ...]]


class RawPixels:
    """No encoder at all: the picture itself, ``RAW_SIDE`` pixels high and wide, as what must be beaten."""

    def __call__(self, pixel_values: Float[Tensor, "n 3 size size"]) -> SimpleNamespace:
        """The pixels where an encoder gives its features."""
        return SimpleNamespace(pooler_output=functional.adaptive_avg_pool2d(pixel_values, RAW_SIDE).flatten(1))


def measure_neighbours(
    encoder: Any, banks: Sequence[Pictures], tests: Sequence[Pictures], scripts: Sequence[Script]
) -> dict[str, float]:
    """Top-1 in percent by nearest neighbours, per kind of name and of picture.

    Args:
        encoder: In the layout of DINOv2.
        banks: Third-person pictures whose names vote, of objects and of actions.
        tests: Those that are named, each by the bank in the same place.
        scripts: One egocentric data set; its training actions vote on its validation actions, by other people.
    """
    scores: dict[str, float] = {}
    for bank, test in zip(banks, tests, strict=True):
        kind = "actions" if test.with_hands else "objects"
        scores |= _measure(encoder, _named(bank), _named(test), f"third-person {kind}")
    train, val = (_frames([script for script in scripts if script.split == split]) for split in ("train", "val"))
    for view in train:
        scores |= _measure(encoder, train[view], val[view], f"{scripts[0].style.name} {view}")
    return scores


def _measure(encoder: Any, bank: Named, test: Named, where: str) -> dict[str, float]:
    known, asked = encode(encoder, bank.images), encode(encoder, test.images)
    scores: dict[str, float] = {}
    for kind, names in bank.names.items():
        found = nearest_names(known, names, asked)
        right = sum(name == truth for name, truth in zip(found, test.names[kind], strict=True))
        scores[f"{kind} top-1, {where}"] = round(100 * right / len(found), 1)
    return scores


@torch.no_grad()
def encode(encoder: Any, images: Sequence[Image.Image]) -> Float[Tensor, "n dim"]:
    """Unit features: the class token after the last norm."""
    parts = []
    for start in range(0, len(images), 200):
        x = torch.stack([prepared(image) for image in images[start : start + 200]])
        parts.append(functional.normalize(encoder(pixel_values=x).pooler_output, dim=-1))
    return torch.cat(parts)


def nearest_names(
    bank: Float[Tensor, "m dim"], names: Sequence[str], asked: Float[Tensor, "n dim"], k: int = NEIGHBOURS
) -> list[str]:
    """The name for each row of ``asked`` that its ``k`` nearest rows of the bank vote for, near ones more."""
    distinct = sorted(set(names))
    of = torch.tensor([distinct.index(name) for name in names])
    cosines, rows = (asked @ bank.T).topk(min(k, len(bank)), dim=1)
    votes = torch.zeros(len(asked), len(distinct)).scatter_add_(1, of[rows], (cosines / TEMPERATURE).exp())
    return [distinct[index] for index in votes.argmax(1).tolist()]


def _named(pictures: Pictures) -> Named:
    names = {"noun": tuple(subject.noun for subject in pictures.subjects)}
    if pictures.with_hands:
        names["verb"] = tuple(str(subject.verb) for subject in pictures.subjects)
    return Named(tuple(Image.fromarray(image.numpy()) for image in pictures.images), names)


def _frames(scripts: Sequence[Script]) -> dict[str, Named]:
    """The frames in the middle of all actions, whole and cut to the hands."""
    fulls, crops, nouns, verbs = zip(*_all_middles(scripts), strict=True)
    names = {"noun": nouns, "verb": verbs}
    return {"full frames": Named(fulls, names), "hand crops": Named(crops, names)}


def _all_middles(scripts: Sequence[Script]) -> Iterator[tuple[Image.Image, Image.Image, str, str]]:
    for script in scripts:
        yield from middles(script)


def write_card(
    folder: Path, facts: Mapping[str, object], scores: dict[str, float], others: dict[str, dict[str, float]]
) -> None:
    """Write the weights' ``README.md``: what they are, what they were trained on, how good they are beside others."""
    columns = {"trained": scores, **others}
    rows = [["", *columns], ["---"] * (1 + len(columns))]
    rows += [[name, *(f"{column[name]:.1f}" for column in columns.values())] for name in scores]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    listed = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    (folder / "README.md").write_text(CARD.format(facts=listed, scores=table), encoding="utf-8")


CARD = """\
---
license: mit
library_name: transformers
pipeline_tag: image-feature-extraction
---
# EgoWorld-DINO

A ViT in the layout of DINOv2, small enough to lie in a package. It stands for a second encoder that was trained without
labels, as X-MIC uses one, and knows nothing of the real world.

- Data: pairs of generated third-person pictures without captions or names (`egoshift/world/pretraining/web.py`): of one
  thing twice, or of one person doing one thing twice, from other sides and on other grounds; no egocentric frame.
- Training: `python -m egoshift.world.pretraining.train_dino --out FOLDER`, contrastive between the pictures of a batch,
  from random weights. It is not DINO's own loss; the script says why.
- Preprocessing: shorter side to 72 pixels (bicubic), middle 72 x 72, CLIP's mean and standard deviation.
{facts}
- The schedule follows the clock where time runs out first, so other machines give other weights.

Top-1 in percent by the 20 nearest neighbours, whose names are used for this measurement alone: held-out third-person
pictures among 4000 named ones; and the middle frames of *kitchen*'s validation actions (world seed 0) among those of
its training actions, by other people. Hand crops are by true boxes.

{scores}
"""

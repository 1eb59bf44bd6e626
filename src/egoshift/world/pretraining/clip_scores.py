"""How good the small CLIP is: on pictures of its own kind, and on egocentric frames, which it never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from egoshift.world.pretraining.web import Subject
from egoshift.world.render import Renderer
from egoshift.world.scene import Seen
from egoshift.world.script import Script
from egoshift.world.vocabulary import NOUNS, VERBS

SIZE = 72
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""OpenAI's numbers, which this CLIP takes for its own and states beside its weights, as any model does."""


@dataclass(frozen=True)
class Pictures:
    """Drawn pictures and what they show; all with hands or all without."""

    images: UInt8[Tensor, "n size size 3"]
    subjects: tuple[Subject, ...]
    with_hands: bool


def normalised(x: Float[Tensor, "n 3 size size"]) -> Float[Tensor, "n 3 size size"]:
    """Pixels from 0 to 1, with CLIP's mean and standard deviation taken out."""
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def encode_images(model: Any, x: Float[Tensor, "n 3 size size"]) -> Float[Tensor, "n dim"]:
    """Unit image vectors."""
    return torch.nn.functional.normalize(projected(model.get_image_features(pixel_values=x)), dim=-1)


def encode_text(model: Any, tokenizer: Any, texts: Sequence[str]) -> Float[Tensor, "n dim"]:
    """Unit text vectors."""
    unique = list(dict.fromkeys(texts))
    vectors = projected(model.get_text_features(**tokenizer(unique, padding=True, return_tensors="pt")))
    of = torch.tensor([unique.index(text) for text in texts])
    return torch.nn.functional.normalize(vectors, dim=-1)[of]


def projected(features: Any) -> Tensor:
    """The projected vectors, which some versions of the library wrap."""
    vectors: Tensor = features if isinstance(features, Tensor) else features.pooler_output
    return vectors


def measure_pictures(model: Any, tokenizer: Any, pictures: Pictures) -> dict[str, float]:
    """Zero-shot top-1 in percent on third-person pictures, with bare class names, all classes to choose from."""
    kind = "actions" if pictures.with_hands else "objects"
    images = [Image.fromarray(image.numpy()) for image in pictures.images]
    nouns = [subject.noun for subject in pictures.subjects]
    scores = {f"noun top-1, third-person {kind}": _top1(model, tokenizer, images, NOUNS, nouns)}
    if pictures.with_hands:
        verbs = [str(subject.verb) for subject in pictures.subjects]
        scores[f"verb top-1, third-person {kind}"] = _top1(model, tokenizer, images, VERBS, verbs)
    return scores


def measure_egocentric(model: Any, tokenizer: Any, scripts: Sequence[Script]) -> dict[str, float]:
    """Zero-shot top-1 in percent in the middle of the validation actions, with the data set's own classes."""
    frames = [frame for script in scripts if script.split != "train" for frame in middles(script)]
    style = scripts[0].style
    nouns, verbs = [noun for _, _, noun, _ in frames], [verb for _, _, _, verb in frames]
    views = {"full frames": [full for full, _, _, _ in frames], "hand crops": [crop for _, crop, _, _ in frames]}
    scores = {}
    for view, images in views.items():
        scores[f"noun top-1, {style.name} {view}"] = _top1(model, tokenizer, images, style.classes.nouns, nouns)
        scores[f"verb top-1, {style.name} {view}"] = _top1(model, tokenizer, images, style.classes.verbs, verbs)
    return scores


@torch.no_grad()
def _top1(
    model: Any, tokenizer: Any, images: Sequence[Image.Image], names: Sequence[str], targets: Sequence[str]
) -> float:
    text = encode_text(model, tokenizer, names)
    right = 0
    for start in range(0, len(images), 200):
        x = torch.stack([prepared(image) for image in images[start : start + 200]])
        found = (encode_images(model, x) @ text.T).argmax(1).tolist()
        right += sum(names[i] == target for i, target in zip(found, targets[start : start + 200], strict=True))
    return round(100 * right / len(images), 1)


def prepared(image: Image.Image) -> Float[Tensor, "3 size size"]:
    """Shorter side to the encoder's size, the middle cut out, as the folder's preprocessor says."""
    scale = SIZE / min(image.size)
    wide, high = max(SIZE, round(image.width * scale)), max(SIZE, round(image.height * scale))
    left, top = (wide - SIZE) // 2, (high - SIZE) // 2
    small = image.resize((wide, high), Image.Resampling.BICUBIC).crop((left, top, left + SIZE, top + SIZE))
    x = torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 255
    return normalised(x[None])[0]


def middles(script: Script) -> list[tuple[Image.Image, Image.Image, str, str]]:
    """Per action the frame in its middle, the part around its hands and things, its noun and its verb."""
    renderer = Renderer(script)
    found = []
    for action in script.actions:
        index = round((action.start_s + action.stop_s) / 2 * script.style.rate_hz)
        pixels, seen = renderer.frame(index)
        full = Image.fromarray(pixels)
        found.append((full, full.crop(union_of(seen, full.size)), action.noun, action.verb))
    return found


def union_of(seen: Seen, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box around hands and things, in pixels; the whole picture where there are no hands."""
    boxes = [*(hand.box for hand in seen.hands), *seen.things] if seen.hands else []
    if not boxes:
        return (0, 0, *size)
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return round(min(lefts)), round(min(tops)), round(max(rights)), round(max(bottoms))


def write_card(folder: Path, facts: Mapping[str, object], scores: dict[str, float]) -> None:
    """Write the weights' ``README.md``: what they are, what they were trained on, how good they are."""
    table = "\n".join(f"| {name} | {value:.1f} |" for name, value in scores.items())
    listed = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    (folder / "README.md").write_text(
        CARD.format(nouns=len(NOUNS), verbs=len(VERBS), facts=listed, scores=table), encoding="utf-8"
    )


CARD = """\
---
license: mit
library_name: transformers
pipeline_tag: zero-shot-image-classification
language: en
---
# EgoWorld-CLIP

A CLIP small enough to lie in a package, for demonstrations and tests: it stands for a vision-language model that was
trained on web pictures and meets egocentric video for the first time. It knows drawings of {nouns} objects and {verbs}
actions, and nothing of the real world.

- Data: generated third-person pictures with captions (`egoshift/world/pretraining/web.py`) and only those; no
  egocentric frame.
- Training: `python -m egoshift.world.pretraining.train_clip --out FOLDER`, contrastive, from random weights or
  from those that --grow names, with twice the layers in the image tower.
- Preprocessing: shorter side to 72 pixels (bicubic), middle 72 x 72, CLIP's mean and standard deviation.
{facts}
- The schedule follows the clock where time runs out first, so other machines give other weights.

Zero-shot top-1 in percent with bare class names. Third-person pictures were held out and have all {nouns} nouns or
{verbs} verbs to choose from; egocentric ones are the middle frames of actions that are not trained on, of world seed 0,
with the data set's own classes; hand crops are by true boxes.

| | top-1 |
|---|---|
{scores}
"""

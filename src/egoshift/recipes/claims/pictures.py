"""How good the frozen encoder is on the pictures that it knows: new third-person ones, drawn for each seed."""

import json
from pathlib import Path
from typing import Any

import torch

from egoshift.encoders import load_text_encoder
from egoshift.encoders.tower import quiet_transformers
from egoshift.files import write_atomically
from egoshift.recipes.egoworld import ENCODER
from egoshift.world import clip_folder
from egoshift.world.pretraining.clip_scores import Pictures, measure_pictures
from egoshift.world.pretraining.train_clip import draw_part

NUM_PICTURES = 1000
FIRST_SEED = 1_000_000
"""Far from the seeds that the encoder's own pictures were drawn with."""
SCORE = "noun top-1, third-person objects"


def third_person_score(file: Path, seed: int, *, code: str) -> float:
    """Zero-shot noun top-1 on web pictures of single objects, in percent; read from ``file`` where it is there.

    Args:
        file: Where the score is kept, with what made it.
        seed: Of the pictures.
        code: A digest of the code that draws them.
    """
    weights = load_text_encoder(ENCODER).card.sha256
    made_by = {"weights": weights, "seed": FIRST_SEED + seed, "pictures": NUM_PICTURES, "code": code}
    kept = _read(file)
    if kept is not None and all(kept.get(name) == value for name, value in made_by.items()):
        return float(kept[SCORE])
    score = _measure(FIRST_SEED + seed)
    write_atomically(file, (json.dumps(made_by | {SCORE: score}, indent=1) + "\n").encode())
    return score


def _measure(seed: int, num_pictures: int = NUM_PICTURES) -> float:
    # Not from egoshift.encoders: the scores of the weights' own card are measured with the plain model.
    with quiet_transformers():
        from transformers import CLIPModel, PreTrainedTokenizerFast

        model = CLIPModel.from_pretrained(clip_folder(), dtype=torch.float32).eval()
        tokenizer = PreTrainedTokenizerFast.from_pretrained(clip_folder())
    images, subjects = draw_part((seed, 0, num_pictures, False))
    pictures = Pictures(torch.from_numpy(images), tuple(subjects), with_hands=False)
    return measure_pictures(model, tokenizer, pictures)[SCORE]


def _read(file: Path) -> dict[str, Any] | None:
    if not file.is_file():
        return None
    values = json.loads(file.read_text(encoding="utf-8"))
    return values if isinstance(values, dict) else None

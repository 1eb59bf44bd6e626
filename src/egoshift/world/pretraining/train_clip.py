"""Train the small CLIP of the generated world: ``python -m egoshift.world.pretraining.train_clip --out FOLDER``.

It is trained contrastively, and only on the third-person pictures and captions of ``web.py``: none of the egocentric
videos are seen, as CLIP has hardly seen egocentric video. In a batch all captions say equally much (all name the
noun, or all the verb, ...), and pictures with the same content count as matches of each other's captions.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from egoshift.world.casts import write_cast
from egoshift.world.pretraining.clip_scores import (
    MEAN,
    SIZE,
    STD,
    Pictures,
    encode_images,
    encode_text,
    measure_egocentric,
    measure_pictures,
    normalised,
    projected,
    write_card,
)
from egoshift.world.pretraining.schedule import learning_rates
from egoshift.world.pretraining.tokens import build_tokenizer
from egoshift.world.pretraining.web import Subject, captions, draw_web_picture
from egoshift.world.vocabulary import NOUNS, VERBS

DRAWN = 80
"""Pixels that are drawn; what the encoder sees less of is room for random crops."""
WORDS, DIM = 32, 128
BATCH_SIZE = 128
PEAK_RATE = 1e-3
NORM = 10.0
"""The mean length that vectors have before they are normalised."""
HAS_BFLOAT16 = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
"""Whether the image tower trains in bfloat16, which takes two thirds of the time where the processor has it."""
LEVELS = {False: ("noun", "colour noun"), True: ("verb", "noun", "verb noun", "verb")}
"""How much the captions of one batch say, by whether its pictures show hands."""


def draw_pictures(count: int, seed: int, *, with_hands: bool, processes: int) -> Pictures:
    """``count`` random pictures; the same for any number of processes."""
    jobs = [(seed, start, min(start + 500, count), with_hands) for start in range(0, count, 500)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(draw_part, jobs))
    images = torch.from_numpy(np.concatenate([images for images, _ in parts]))
    return Pictures(images, tuple(subject for _, subjects in parts for subject in subjects), with_hands)


def draw_part(job: tuple[int, int, int, bool]) -> tuple[np.ndarray, list[Subject]]:
    """The pictures ``start`` to ``stop`` of those of a seed, each from its own random numbers.

    Args:
        job: Seed, start, stop, and whether hands are shown.
    """
    seed, start, stop, with_hands = job
    drawn = []
    for index in range(start, stop):
        rng = np.random.default_rng([seed, int(with_hands), index])
        drawn.append(draw_web_picture(rng, DRAWN, with_hands=with_hands))
    return np.stack([image for image, _ in drawn]), [subject for _, subject in drawn]


def build_model(tokenizer: Any, seed: int) -> Any:
    """A CLIP of about three million parameters with random weights."""
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(seed)
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text = {
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": WORDS,
        "vocab_size": len(tokenizer),
        "hidden_act": "gelu",
        "projection_dim": DIM,
        **ids,
    }
    vision = {
        "hidden_size": 192,
        "intermediate_size": 768,
        "num_hidden_layers": 4,
        "num_attention_heads": 6,
        "image_size": SIZE,
        "patch_size": 12,
        "hidden_act": "gelu",
        "projection_dim": DIM,
    }
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=DIM, **ids)
    return CLIPModel(config)


@torch.no_grad()
def grown_model(folder: Path, seed: int) -> Any:
    """The model of a folder with twice the layers in its image tower, which computes the same until it is trained.

    After each layer comes a new one that adds nothing yet: its two last products are zero.
    """
    from transformers import CLIPModel

    torch.manual_seed(seed)
    small = CLIPModel.from_pretrained(folder, dtype=torch.float32)
    config = small.config
    old_layers = config.vision_config.num_hidden_layers
    config.vision_config.num_hidden_layers = 2 * old_layers
    large = CLIPModel(config)
    state = small.state_dict()
    prefix = "vision_model.encoder.layers."
    for i in reversed(range(old_layers)):
        names = [name for name in state if name.startswith(f"{prefix}{i}.")]
        state |= {name.replace(f"{prefix}{i}.", f"{prefix}{2 * i}.", 1): state.pop(name) for name in names}
    found = large.load_state_dict(state, strict=False)
    assert not found.unexpected_keys
    for layer in large.vision_model.encoder.layers[1::2]:
        for last in (layer.self_attn.out_proj, layer.mlp.fc2):
            last.weight.zero_()
            last.bias.zero_()
    return large


def augmented(images: UInt8[Tensor, "n big big 3"], generator: torch.Generator) -> Float[Tensor, "n 3 size size"]:
    """Pixels from 0 to 1 after a random crop, flip and change of light."""
    room = images.shape[1] - SIZE
    top, left = (int(v) for v in torch.randint(0, room + 1, (2,), generator=generator))
    cut = images[:, top : top + SIZE, left : left + SIZE]
    x = cut.permute(0, 3, 1, 2).float() / 255
    flips = torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5
    x = torch.where(flips, x.flip(-1), x)
    gain = torch.empty(len(x), 3, 1, 1).uniform_(0.92, 1.08, generator=generator)
    light = torch.empty(len(x), 1, 1, 1).uniform_(0.7, 1.2, generator=generator)
    return (x * gain * light).clamp(0, 1)


def contrast(logits: Float[Tensor, "n n"], keys: Sequence[str]) -> Tensor:
    """Cross entropy both ways, where all captions and pictures with the same key match each other."""
    numbers = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    of = torch.tensor([numbers[key] for key in keys])
    match = (of[:, None] == of[None, :]).float()
    match = match / match.sum(1, keepdim=True)
    rows = -(match * logits.log_softmax(1)).sum(1).mean()
    columns = -(match * logits.T.log_softmax(1)).sum(1).mean()
    return (rows + columns) / 2


def train(
    model: Any, tokenizer: Any, sets: Sequence[Pictures], *, steps: int, minutes: float, seed: int, peak: float
) -> int:
    """Train in place, alternating between the sets; gives the number of steps done."""
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=0.05, betas=(0.9, 0.98))
    started, step = time.monotonic(), 0
    for step, rate in learning_rates(steps, minutes, peak):
        for group in optimiser.param_groups:
            group["lr"] = rate
        chosen = sets[step % len(sets)]
        indices = torch.randint(len(chosen.images), (BATCH_SIZE,), generator=generator)
        level = LEVELS[chosen.with_hands][int(rng.integers(len(LEVELS[chosen.with_hands])))]
        texts, keys = captions_of([chosen.subjects[i] for i in indices.tolist()], level, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BFLOAT16):
            image = encode_images(model, normalised(augmented(chosen.images[indices], generator))).float()
        logits = image @ encode_text(model, tokenizer, texts).T * model.logit_scale.exp()
        loss = contrast(logits, keys)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        if step % 100 == 0:
            print(
                f"step {step} level {level:12s} loss {loss.item():.3f} {time.monotonic() - started:.0f} s", flush=True
            )
    return step


def captions_of(subjects: Sequence[Subject], level: str, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """A random caption of that level for each subject, and what it says without its template."""
    texts, keys = [], []
    for subject in subjects:
        fitting = captions(subject)
        choices = fitting.get(level) or fitting["noun"]
        texts.append(choices[int(rng.integers(len(choices)))])
        keys.append(choices[0])
    return texts, keys


@torch.no_grad()
def rescale(model: Any, tokenizer: Any, pictures: Pictures) -> None:
    """Give text and image vectors a mean length of ten, as those of the real CLIP have; no cosine changes.

    Methods that add vectors to class text are sensitive to its length.
    """
    x = normalised(pictures.images[:200, :SIZE, :SIZE].permute(0, 3, 1, 2).float() / 255)
    model.visual_projection.weight *= NORM / projected(model.get_image_features(pixel_values=x)).norm(dim=1).mean()
    tokens = tokenizer([*NOUNS, *VERBS], padding=True, return_tensors="pt")
    model.text_projection.weight *= NORM / projected(model.get_text_features(**tokens)).norm(dim=1).mean()


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """Write the folder that ``transformers`` reads; weights in fp16."""
    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out, max_shard_size="7MB")
    tokenizer.save_pretrained(out)
    write_preprocessor(out, "CLIPImageProcessor")


def write_preprocessor(out: Path, kind: str) -> None:
    """Write ``preprocessor_config.json``: what is done to a picture before ``kind`` gives it to the encoder."""
    preprocessor = {
        "image_processor_type": kind,
        "do_resize": True,
        "size": {"shortest_edge": SIZE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": SIZE, "width": SIZE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MEAN,
        "image_std": STD,
        "do_convert_rgb": True,
    }
    (out / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n")


def main() -> None:
    """Draw, train, measure, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=int, default=16000, help="of objects, and as many of actions")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--minutes", type=float, default=50.0, help="stop training after this long")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--grow", type=Path, help="folder of a model to train further with twice the layers")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="the greatest learning rate")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    started = time.monotonic()
    seed, count, threads = arguments.seed, arguments.pictures, arguments.threads
    sets = [draw_pictures(count, seed, with_hands=hands, processes=threads) for hands in (False, True)]
    tests = [draw_pictures(1000, seed + 1000, with_hands=hands, processes=threads) for hands in (False, True)]
    drawing_minutes = (time.monotonic() - started) / 60
    print(f"drew {2 * count} pictures in {drawing_minutes:.1f} min", flush=True)
    tokenizer = build_tokenizer(WORDS)
    model = grown_model(arguments.grow, seed) if arguments.grow else build_model(tokenizer, seed)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    limits = {"steps": arguments.steps, "minutes": arguments.minutes, "peak": arguments.rate}
    steps = train(model, tokenizer, sets, seed=seed, **limits)
    model.eval()
    rescale(model, tokenizer, tests[0])
    scores = {name: score for test in tests for name, score in measure_pictures(model, tokenizer, test).items()}
    for name in ("kitchen", "home", "bench"):
        scores |= measure_egocentric(model, tokenizer, write_cast(name, 0, 1.0))
    save(model, tokenizer, arguments.out)
    cpu_s = time.process_time() + sum(getrusage(RUSAGE_CHILDREN)[:2])
    given = {
        k: v.name if isinstance(v, Path) else v for k, v in vars(arguments).items() if k != "out" and v is not None
    }
    facts = {
        "arguments": " ".join(f"--{name} {value}" for name, value in given.items()),
        "steps done": steps,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "processor minutes": round(cpu_s / 60, 1),
    }
    write_card(arguments.out, facts, scores)
    print(json.dumps({**facts, **scores}))


if __name__ == "__main__":
    main()

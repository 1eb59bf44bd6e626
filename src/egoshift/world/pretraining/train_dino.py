"""Train the small ViT of the world without labels: ``python -m egoshift.world.pretraining.train_dino --out FOLDER``.

It stands for DINOv2 as X-MIC's second encoder, and is stored in DINOv2's layout. It learns from pairs of third-person
pictures that show the same thing, or the same person doing the same thing, twice (``web.draw_web_pair``), and is told
neither its name nor that another pair shows one of the same name.

Deviations from DINO (Caron et al., ICCV 2021), chosen for what two cores learn within the hour:

- No teacher and no prototypes, but the contrast of each picture with all others of its batch (InfoNCE, both ways; Chen
  et al., *A Simple Framework for Contrastive Learning*, ICML 2020). Self-distillation was tried at one setting for 219
  steps, where it was not above random weights, and was not tuned further.
- A pair is two pictures of one instance and not two cuts of one picture. That uses no names, but more than single
  unlabelled pictures give.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from egoshift.world.casts import write_cast
from egoshift.world.pretraining.clip_scores import SIZE, normalised
from egoshift.world.pretraining.dino_scores import RawPixels, measure_neighbours, write_card
from egoshift.world.pretraining.schedule import learning_rates
from egoshift.world.pretraining.train_clip import HAS_BFLOAT16, draw_pictures, write_preprocessor
from egoshift.world.pretraining.views import Cut, random_views
from egoshift.world.pretraining.web import draw_web_pair

DRAWN = 80
DIM, LAYERS, HEADS, PATCH = 160, 4, 4, 12
PROJECTED, HIDDEN = 128, 512
TEMPERATURE = 0.1
BATCH_SIZE = 128
PEAK_RATE = 1e-3
VIEW = Cut(SIZE, (0.5, 1.0))

Pairs = UInt8[Tensor, "n 2 size size 3"]


class Learner(nn.Module):
    """An encoder in DINOv2's layout with a projection that is thrown away after training."""

    def __init__(self, encoder: Any):
        super().__init__()
        self.encoder = encoder
        self.project = nn.Sequential(nn.Linear(DIM, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, PROJECTED))

    def forward(self, x: Float[Tensor, "n 3 size size"]) -> Float[Tensor, "n projected"]:
        """Unit vectors that are contrasted."""
        return functional.normalize(self.project(self.encoder(pixel_values=x).pooler_output).float(), dim=-1)


def build_encoder(seed: int) -> Any:
    """A ViT of about 1.3 million parameters in the layout of DINOv2, with random weights."""
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(seed)
    config = Dinov2Config(
        hidden_size=DIM,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        image_size=SIZE,
        patch_size=PATCH,
        mlp_ratio=4,
        layerscale_value=1.0,
        attn_implementation="eager",  # twice as fast as sdpa in bfloat16 on a processor
    )
    return Dinov2Model(config)


def draw_pairs(count: int, seed: int, *, with_hands: bool, processes: int) -> Pairs:
    """``count`` random pairs; the same for any number of processes."""
    jobs = [(seed, start, min(start + 250, count), with_hands) for start in range(0, count, 250)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return torch.from_numpy(np.concatenate(list(pool.map(draw_part, jobs))))


def draw_part(job: tuple[int, int, int, bool]) -> UInt8[np.ndarray, "n 2 size size 3"]:
    """The pairs ``start`` to ``stop`` of those of a seed, each from its own random numbers.

    Args:
        job: Seed, start, stop, and whether hands are shown.
    """
    seed, start, stop, with_hands = job
    rngs = (np.random.default_rng([seed, 2 + with_hands, index]) for index in range(start, stop))
    return np.stack([draw_web_pair(rng, DRAWN, with_hands=with_hands) for rng in rngs])


def contrast(
    first: Float[Tensor, "n dim"], second: Float[Tensor, "n dim"], temperature: float = TEMPERATURE
) -> Float[Tensor, ""]:
    """How badly each vector is told from all others of its batch as the partner of the one in its place, both ways.

    InfoNCE as in SimCLR (its equation 1): the 2n - 2 pictures of the other pairs, of either side, are negatives.

    Args:
        first: Unit vectors of one picture of each pair.
        second: Those of the other.
        temperature: What cosines are divided by.
    """
    both = torch.cat([first, second])
    logits = (both @ both.T / temperature).fill_diagonal_(-torch.inf)
    partners = torch.arange(len(both)).roll(len(first))
    return functional.cross_entropy(logits, partners)


def train(learner: Learner, sets: list[Pairs], *, steps: int, minutes: float, seed: int) -> int:
    """Train in place, alternating between the sets; gives the number of steps done."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(learner.parameters(), lr=PEAK_RATE, weight_decay=0.05, betas=(0.9, 0.98))
    started, step = time.monotonic(), 0
    for step, rate in learning_rates(steps, minutes, PEAK_RATE):
        for group in optimiser.param_groups:
            group["lr"] = rate
        chosen = sets[step % len(sets)]
        pairs = chosen[torch.randint(len(chosen), (BATCH_SIZE,), generator=generator)]
        x = normalised(torch.cat([random_views(pairs[:, side], VIEW, generator) for side in (0, 1)]))
        with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BFLOAT16):
            first, second = learner(x).chunk(2)
        loss = contrast(first, second)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimiser.step()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.3f} {time.monotonic() - started:.0f} s", flush=True)
    return step


def save(encoder: Any, out: Path) -> None:
    """Write the folder that ``transformers`` reads; weights in fp16."""
    out.mkdir(parents=True, exist_ok=True)
    encoder.half().save_pretrained(out)
    write_preprocessor(out, "BitImageProcessor")


def main() -> None:
    """Draw, train, measure, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=12000, help="of objects, and as many of actions")
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--minutes", type=float, default=50.0, help="stop training after this long")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    started = time.monotonic()
    seed, count, threads = arguments.seed, arguments.pairs, arguments.threads
    sets = [draw_pairs(count, seed, with_hands=hands, processes=threads) for hands in (False, True)]
    banks, tests = (
        [draw_pictures(number, of, with_hands=hands, processes=threads) for hands in (False, True)]
        for number, of in ((4000, seed + 2000), (1000, seed + 1000))
    )
    print(f"drew {2 * count} pairs in {(time.monotonic() - started) / 60:.1f} min", flush=True)
    kitchen = write_cast("kitchen", 0, 1.0)
    learner = Learner(build_encoder(seed))
    others = {
        "random weights": measure_neighbours(learner.encoder.eval(), banks, tests, kitchen),
        "raw pixels": measure_neighbours(RawPixels(), banks, tests, kitchen),
    }
    learner.train()
    print(f"{sum(p.numel() for p in learner.encoder.parameters()):,} parameters", flush=True)
    steps = train(learner, sets, steps=arguments.steps, minutes=arguments.minutes, seed=seed)
    scores = measure_neighbours(learner.encoder.eval(), banks, tests, kitchen)
    save(learner.encoder, arguments.out)
    cpu_s = time.process_time() + sum(getrusage(RUSAGE_CHILDREN)[:2])
    facts = {
        "arguments": " ".join(f"--{name} {value}" for name, value in vars(arguments).items() if name != "out"),
        "steps done": steps,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "processor minutes": round(cpu_s / 60, 1),
    }
    write_card(arguments.out, facts, scores, others)
    print(json.dumps({**facts, **scores}))


if __name__ == "__main__":
    main()

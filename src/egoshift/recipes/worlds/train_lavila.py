"""Train the small LaViLa of the generated world: ``python -m egoshift.recipes.worlds.train_lavila --out FOLDER``.

LaViLa is a CLIP trained further on narrated egocentric video (Ego4D). Here EgoWorld-CLIP is trained further on actions
of the data set *home*, which stands for Ego4D, in worlds whose seeds no experiment uses, each with a narration. The
towers take LaViLa's form (QuickGELU, heads of 64, attention over time that starts at nothing), and the file its layout.
As frames of X-MIC are clips of one frame, most batches are of one frame, the others of four.
"""

import argparse
import json
import math
import shutil
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional

from egoshift.encoders.layouts.lavila import MEAN, STD
from egoshift.encoders.timesformer import SpaceTimeConfig, SpaceTimeTransformer
from egoshift.encoders.tower import quiet_transformers
from egoshift.world import clip_folder
from egoshift.world.casts import write_cast
from egoshift.world.pretraining.clip_scores import encode_text, union_of
from egoshift.world.pretraining.schedule import learning_rates
from egoshift.world.pretraining.train_clip import DRAWN, HAS_BFLOAT16, NORM, augmented, contrast
from egoshift.world.pretraining.web import Subject, captions
from egoshift.world.render import Renderer

FIRST_SEED = 10_000
"""Far from the seeds that experiments use."""
FRAMES = 4
BATCH_SIZE, PEAK_RATE = 128, 5e-4
LEVELS = ("verb noun", "noun", "verb noun", "verb")
"""How much a batch's narrations say, in turn."""


@dataclass(frozen=True)
class Narrated:
    """Actions as four frames each, whole and cut to hands and things, and what they show."""

    views: UInt8[Tensor, "views actions frames size size 3"]
    subjects: tuple[Subject, ...]


def draw_actions(seeds: Sequence[int], processes: int) -> Narrated:
    """Every action of the *home* videos of these worlds."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(draw_world, seeds))
    views = torch.from_numpy(np.concatenate([views for views, _ in parts], axis=1))
    return Narrated(views, tuple(subject for _, subjects in parts for subject in subjects))


def draw_world(seed: int) -> tuple[np.ndarray, list[Subject]]:
    """The actions of one world: pictures ``(2, actions, FRAMES, DRAWN, DRAWN, 3)`` and what they show."""
    pictures, subjects = [], []
    for script in write_cast("home", seed, 1.0):
        renderer, rate = Renderer(script), script.style.rate_hz
        for action in script.actions:
            shares = (np.arange(FRAMES) + 0.5) / FRAMES
            frames = [
                renderer.frame(round((action.start_s + share * (action.stop_s - action.start_s)) * rate))
                for share in shares
            ]
            whole = [Image.fromarray(pixels) for pixels, _ in frames]
            cut = [image.crop(union_of(seen, image.size)) for image, (_, seen) in zip(whole, frames, strict=True)]
            pictures.append(np.stack([[square(image) for image in images] for images in (whole, cut)]))
            subjects.append(Subject(action.noun, None, action.verb))
    return np.stack(pictures, axis=1), subjects


def square(image: Image.Image) -> UInt8[np.ndarray, "size size 3"]:
    """The middle of a picture, its shorter side ``DRAWN``."""
    scale = DRAWN / min(image.size)
    wide, high = max(DRAWN, round(image.width * scale)), max(DRAWN, round(image.height * scale))
    left, top = (wide - DRAWN) // 2, (high - DRAWN) // 2
    small = image.resize((wide, high), Image.Resampling.BICUBIC)
    return np.array(small.crop((left, top, left + DRAWN, top + DRAWN)))


def build_towers() -> tuple[SpaceTimeTransformer, Any, Any]:
    """The image tower, the text tower (a ``CLIPModel`` of which only that is used) and the tokenizer, from CLIP's."""
    with quiet_transformers():
        from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

        config = CLIPConfig.from_pretrained(clip_folder())
        for part in (config.text_config, config.vision_config):
            part.hidden_act, part.num_attention_heads = "quick_gelu", part.hidden_size // 64
        clip = CLIPModel.from_pretrained(clip_folder(), config=config, dtype=torch.float32)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(clip_folder())
    vision = config.vision_config
    tower = SpaceTimeTransformer(
        SpaceTimeConfig(
            image_size=vision.image_size,
            patch_size=vision.patch_size,
            num_frames=FRAMES,
            hidden_size=vision.hidden_size,
            intermediate_size=vision.intermediate_size,
            num_hidden_layers=vision.num_hidden_layers,
            num_attention_heads=vision.num_attention_heads,
            projection_dim=config.projection_dim,
        )
    )
    missing = tower.load_state_dict(space_weights(clip), strict=False)
    assert all("time" in name or "norm3" in name or "temporal" in name for name in missing.missing_keys)
    assert not missing.unexpected_keys
    return tower, clip, tokenizer


def space_weights(clip: Any) -> dict[str, Tensor]:
    """CLIP's image tower by the names of LaViLa's; it has nothing for time."""
    vision = clip.vision_model
    weights = {
        "cls_token": vision.embeddings.class_embedding.view(1, 1, -1),
        "pos_embed": vision.embeddings.position_embedding.weight.unsqueeze(0),
        "patch_embed.proj.weight": vision.embeddings.patch_embedding.weight,
        "image_projection": clip.visual_projection.weight.T,
    }
    modules = {"ln_pre": vision.pre_layrnorm, "norm": vision.post_layernorm}
    for i, layer in enumerate(vision.encoder.layers):
        modules |= {f"blocks.{i}.norm1": layer.layer_norm1, f"blocks.{i}.norm2": layer.layer_norm2}
        modules |= {f"blocks.{i}.mlp.fc1": layer.mlp.fc1, f"blocks.{i}.mlp.fc2": layer.mlp.fc2}
        modules[f"blocks.{i}.attn.proj"] = layer.self_attn.out_proj
        for part in ("weight", "bias"):
            qkv = [getattr(getattr(layer.self_attn, f"{name}_proj"), part) for name in "qkv"]
            weights[f"blocks.{i}.attn.qkv.{part}"] = torch.cat(qkv)
    for name, module in modules.items():
        weights |= {f"{name}.weight": module.weight, f"{name}.bias": module.bias}
    return {name: weight.detach().clone() for name, weight in weights.items()}


def train(tower: SpaceTimeTransformer, clip: Any, tokenizer: Any, data: Narrated, *, steps: int, minutes: float) -> int:
    """Train in place; gives the number of steps done."""
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    text = [*clip.text_model.parameters(), *clip.text_projection.parameters(), clip.logit_scale]
    parameters = [*tower.parameters(), *text]
    optimiser = torch.optim.AdamW(parameters, lr=PEAK_RATE, weight_decay=0.05, betas=(0.9, 0.98))
    started, step = time.monotonic(), 0
    for step, rate in learning_rates(steps, minutes, PEAK_RATE):
        for group in optimiser.param_groups:
            group["lr"] = rate
        num_frames = FRAMES if step % 4 == 0 else 1
        chosen = torch.randint(len(data.subjects), (BATCH_SIZE // num_frames,), generator=generator)
        frames = draw_frames(data, chosen, num_frames, generator)
        level = LEVELS[step // 4 % len(LEVELS)]
        told = [captions(data.subjects[row])[level] for row in chosen.tolist()]
        texts = [several[int(rng.integers(len(several)))] for several in told]
        with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BFLOAT16):
            image = tower(frames).image_embeds
        image = functional.normalize(image.float(), dim=-1)
        loss = contrast(
            image @ encode_text(clip, tokenizer, texts).T * clip.logit_scale.exp(), [one[0] for one in told]
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        with torch.no_grad():
            clip.logit_scale.clamp_(0, math.log(100))
        if step % 100 == 0:
            print(f"step {step} {level:9s} loss {loss.item():.3f} {time.monotonic() - started:.0f} s", flush=True)
    return step


def draw_frames(data: Narrated, chosen: Tensor, num_frames: int, generator: torch.Generator) -> Tensor:
    """Normalised clips of these actions, each of one view, augmented alike in all its frames."""
    view = torch.randint(len(data.views), chosen.shape, generator=generator)
    first = torch.randint(FRAMES - num_frames + 1, chosen.shape, generator=generator)
    frames = first[:, None] + torch.arange(num_frames)
    pictures = data.views[view[:, None], chosen[:, None], frames]  # (batch, frames, size, size, 3)
    # The frames of a clip one beside the other, so that crop, flip and light are the same for all of them.
    stacked = pictures.permute(0, 2, 3, 1, 4).flatten(3)
    parts = torch.stack([augmented_once(stacked, part, generator.get_state()) for part in range(num_frames)], 1)
    generator.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (parts - mean) / std


def augmented_once(stacked: Tensor, part: int, state: Tensor) -> Tensor:
    """One frame of every clip, with the random numbers of this state."""
    generator = torch.Generator()
    generator.set_state(state)
    return augmented(stacked[..., 3 * part : 3 * part + 3], generator)


@torch.no_grad()
def rescale(tower: SpaceTimeTransformer, clip: Any, tokenizer: Any, data: Narrated) -> None:
    """Give text and image vectors a mean length of ten, as CLIP's have; no cosine changes."""
    frames = draw_frames(data, torch.arange(200), 1, torch.Generator().manual_seed(1))
    tower.image_projection.mul_(NORM / tower(frames).image_embeds.norm(dim=1).mean())
    names = list(dict.fromkeys(subject.noun for subject in data.subjects))
    tokens = tokenizer(names, padding=True, return_tensors="pt")
    hidden = clip.text_projection(clip.text_model(**tokens).pooler_output)
    clip.text_projection.weight *= NORM / hidden.norm(dim=1).mean()


def state_of(tower: SpaceTimeTransformer, clip: Any) -> dict[str, Tensor]:
    """All weights by the names of LaViLa's files."""
    state = {f"visual.{name}": weight for name, weight in tower.state_dict().items()}
    state["image_projection"] = state.pop("visual.image_projection")
    text = clip.text_model
    state |= {
        "token_embedding.weight": text.embeddings.token_embedding.weight,
        "positional_embedding": text.embeddings.position_embedding.weight,
        "text_projection": clip.text_projection.weight.T,
        "logit_scale": clip.logit_scale,
    }
    modules = {"ln_final": text.final_layer_norm}
    for i, layer in enumerate(text.encoder.layers):
        block = f"transformer.resblocks.{i}"
        modules |= {f"{block}.ln_1": layer.layer_norm1, f"{block}.ln_2": layer.layer_norm2}
        modules |= {f"{block}.mlp.c_fc": layer.mlp.fc1, f"{block}.mlp.c_proj": layer.mlp.fc2}
        modules[f"{block}.attn.out_proj"] = layer.self_attn.out_proj
        for part in ("weight", "bias"):
            qkv = [getattr(getattr(layer.self_attn, f"{name}_proj"), part) for name in "qkv"]
            state[f"{block}.attn.in_proj_{part}"] = torch.cat(qkv)
    for name, module in modules.items():
        state |= {f"{name}.weight": module.weight, f"{name}.bias": module.bias}
    return {f"module.{name}": weight.detach().half().contiguous().clone() for name, weight in state.items()}


def save(tower: SpaceTimeTransformer, clip: Any, out: Path, facts: Mapping[str, object]) -> None:
    """Write the file in LaViLa's layout, in half precision, with the tokenizer and a card beside it."""
    out.mkdir(parents=True, exist_ok=True)
    args = Namespace(model="CLIP_OPENAI_TIMESFORMER_BASE", project_embed_dim=clip.config.projection_dim)
    contents = {"epoch": 1, "state_dict": state_of(tower, clip), "best_acc1": 0.0, "args": args}
    torch.save(contents, out / "lavila.pth")
    shutil.copy(clip_folder() / "tokenizer.json", out)
    listed = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    (out / "README.md").write_text(CARD.format(facts=listed), encoding="utf-8")


CARD = """\
---
license: mit
pipeline_tag: zero-shot-image-classification
language: en
---
# EgoWorld-LaViLa

A dual encoder small enough to lie in a package, in the layout of LaViLa's files: it stands for a vision-language model
that was trained on narrated egocentric video.

- Data: every action of the *home* videos of generated worlds with seeds from 10000 on, as four frames, whole and cut
  to hands and things, with a narration. *home* stands for Ego4D, on which LaViLa was trained; its nouns and verbs are
  known to it, those of *kitchen* and *bench* alone are known from EgoWorld-CLIP only, whose weights it started from.
- Training: `python -m egoshift.recipes.worlds.train_lavila --out FOLDER`, contrastive.
{facts}
- The schedule follows the clock where time runs out first, so other machines give other weights.
"""


def main() -> None:
    """Draw, train, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--worlds", type=int, default=24)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop training after this long")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    started = time.monotonic()
    data = draw_actions(range(FIRST_SEED, FIRST_SEED + arguments.worlds), arguments.threads)
    print(f"drew {len(data.subjects)} actions in {(time.monotonic() - started) / 60:.1f} min", flush=True)
    torch.manual_seed(0)
    tower, clip, tokenizer = build_towers()
    steps = train(tower, clip, tokenizer, data, steps=arguments.steps, minutes=arguments.minutes)
    rescale(tower, clip, tokenizer, data)
    facts = {
        "arguments": " ".join(f"--{name} {value}" for name, value in vars(arguments).items() if name != "out"),
        "actions": len(data.subjects),
        "steps done": steps,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    save(tower, clip, arguments.out, facts)
    print(json.dumps(facts))


if __name__ == "__main__":
    main()

"""Vita-CLIP against a slow twin: one frame and one class at a time, whole sequences, in double precision.

The twin follows the official forward pass
(https://github.com/TalalWasim/Vita-CLIP/blob/c858299/training/VitaCLIP_vision_encoder_utils.py): every frame's sequence
holds all its prompts, which pass the attention as queries too and are cut off before the MLP. CLIP's weights come from
``transformers``; it shares no code with the library.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from egoshift.classifier import ClassText, StreamBatch
from egoshift.methods.vita_clip import PRESETS_VITA_CLIP, VitaCLIP
from tests.fixtures.checkpoints import CLIP_MEAN, CLIP_STD, write_clip
from tests.parity.slow_prompts import SlowPrompts

NAMES = ("cup", "wash the cup", "knife", "a", "the")
TRAINED = ("the", "cup", "bowl", "wash the cup")
CLIPS, HEADS, DIM = 2, 4, 24


def attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Every head by itself."""
    mixed = []
    for q, k, v in zip(queries.chunk(HEADS, -1), keys.chunk(HEADS, -1), values.chunk(HEADS, -1), strict=True):
        mixed.append(torch.softmax(q @ k.T / math.sqrt(q.shape[-1]), dim=-1) @ v)
    return torch.cat(mixed, -1)


def interpolated(vectors: Tensor, count: int) -> list[Tensor]:
    """At the centres of ``count`` equal bins, between the centres of as many bins as there are vectors."""
    found = []
    for frame in range(count):
        place = min(max((frame + 0.5) * len(vectors) / count - 0.5, 0.0), len(vectors) - 1.0)
        low = min(int(place), len(vectors) - 2)
        found.append(vectors[low] + (place - low) * (vectors[low + 1] - vectors[low]))
    return found


class SlowVita:
    """The forward pass as it is published, for one state of the library's parameters."""

    def __init__(self, folder: Path, state: Mapping[str, Tensor], options: Mapping[str, Any]):
        self.words = SlowPrompts(folder)
        self.words.tower.double()
        self.tower: Any = self.words.tower.vision_model
        self.projection = self.words.tower.visual_projection
        self.state, self.options = state, options

    def prompts(self, index: int, classes: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Prompts of all frames of a clip, and each frame's summary."""
        state, options, shared = self.state, self.options, []
        if options["use_local"] or options["use_summary"]:
            projected = [state["cls_weight"][index] @ token + state["cls_bias"][index] for token in classes]
        if options["use_local"]:
            local = interpolated(state["local_prompts"][index], len(classes))
            shared += [prompt + token for prompt, token in zip(local, projected, strict=True)]
        if options["num_global"]:
            shared += list(state["global_prompts"][index])
        if not options["use_summary"]:
            return shared, []
        block = {key.removeprefix(f"summaries.{index}."): value for key, value in state.items()}
        tokens = torch.stack(projected)
        normed = functional.layer_norm(tokens, tokens.shape[1:], block["norm.weight"], block["norm.bias"])
        qkv = normed @ block["attention.in_proj_weight"].T + block["attention.in_proj_bias"]
        attended = attention(*qkv.chunk(3, -1)) @ block["attention.out_proj.weight"].T
        return shared, list(tokens + attended + block["attention.out_proj.bias"])

    def layer(self, layer: Any, tokens: Tensor, prompts: list[Tensor]) -> Tensor:
        sequence = torch.cat([tokens, torch.stack(prompts)]) if prompts else tokens
        normed = layer.layer_norm1(sequence)
        own = layer.self_attn
        attended = own.out_proj(attention(own.q_proj(normed), own.k_proj(normed), own.v_proj(normed)))
        kept = (sequence + attended)[: len(tokens)]
        carried: Tensor = kept + layer.mlp(layer.layer_norm2(kept))
        return carried

    def video(self, frames: Tensor) -> Tensor:
        """The unit vector of one clip."""
        embeddings, all_tokens = self.tower.embeddings, []
        time = interpolated(self.state["time"], len(frames))
        for pixels, place in zip(frames.double(), time, strict=True):
            mean, std = torch.tensor(CLIP_MEAN, dtype=torch.float64), torch.tensor(CLIP_STD, dtype=torch.float64)
            picture = (pixels.view(3, 32, 32) / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
            patches = [
                (embeddings.patch_embedding.weight * picture[:, top : top + 8, left : left + 8]).sum((1, 2, 3))
                for top in range(0, 32, 8)
                for left in range(0, 32, 8)
            ]
            tokens = torch.stack([embeddings.class_embedding, *patches]) + embeddings.position_embedding.weight
            all_tokens.append(self.tower.pre_layrnorm(tokens + place))
        for index, layer in enumerate(self.tower.encoder.layers):
            shared, summaries = self.prompts(index, [tokens[0] for tokens in all_tokens])
            all_tokens = [
                self.layer(layer, tokens, shared + summaries[frame : frame + 1])
                for frame, tokens in enumerate(all_tokens)
            ]
        features = [self.projection(self.tower.post_layernorm(tokens[0])) for tokens in all_tokens]
        vector = torch.stack(features).mean(0)
        return torch.as_tensor(vector / vector.norm())

    def word(self, name: str) -> Tensor:
        context = self.state["text.context.noun" if self.options["class_specific"] else "text.context"]
        if self.options["class_specific"]:
            context = context[TRAINED.index(name)]
        return self.words.vector([context, f"{name}." if self.options["full_stop"] else name])

    def logits(self, clips: Tensor, plain: Tensor) -> Tensor:
        scale = self.state["log_scale"].exp() if self.options["train_logit_scale"] else self.options["logit_scale"]
        videos = [self.video(clip) for clip in clips]
        outside = set(NAMES) - set(TRAINED) if self.options["class_specific"] else set()
        vectors = [plain[row] if name in outside else self.word(name) for row, name in enumerate(NAMES)]
        return torch.stack([torch.stack([scale * video @ (w / w.norm()) for w in vectors]) for video in videos])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("vita") / "clip", dim=DIM)


SWITCHES: Mapping[str, dict[str, Any]] = {
    "as-it-is": {},
    "no-global": {"num_global": 0},
    "no-local": {"use_local": False},
    "no-summary": {"use_summary": False},
    "time-alone": {"num_global": 0, "use_local": False, "use_summary": False},
    "trained-projection": {"train_cls_proj": True},
    "scale": {"train_logit_scale": False, "logit_scale": 50.0},
    "no-stop": {"full_stop": False, "num_text_tokens": 3},
}


def compare(folder: Path, options: Mapping[str, Any], num_frames: int, frames: int) -> None:
    """Logits and all gradients of a cross-entropy, of the library's Vita-CLIP and of the slow twin."""
    torch.manual_seed(0)
    ours = VitaCLIP(encoder=str(folder), num_frames=num_frames, classes={"noun": TRAINED}, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in ours.parameters():
            if parameter.dim() == 1:  # biases start at zero, where a mistake in their use would not show
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    state = {name: value.detach().double() for name, value in ours.state_dict().items()}
    trained = {name: state[name].requires_grad_() for name, _ in ours.named_parameters()}
    clips = torch.randint(0, 256, (CLIPS, frames, 3 * 32 * 32), generator=generator).float()
    plain = torch.randn(len(NAMES), DIM, generator=generator)

    actual = ours(StreamBatch({"pixels": clips}), {"noun": ClassText(plain, NAMES)})["noun"]
    expected = SlowVita(folder, state, ours.settings).logits(clips, plain.double())
    torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-4)

    targets = torch.arange(CLIPS) % len(NAMES)
    functional.cross_entropy(actual, targets).backward()
    exact = torch.autograd.grad(functional.cross_entropy(expected, targets), list(trained.values()))
    gradients = dict(zip(trained, exact, strict=True))
    for name, parameter in ours.named_parameters():
        assert parameter.grad is not None, name
        difference = (parameter.grad - gradients[name]).abs().max()
        assert difference <= 1e-4 * gradients[name].abs().max(), name


@pytest.mark.parametrize("preset", PRESETS_VITA_CLIP)
@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_equals_the_slow_twin(folder: Path, preset: str, switch: str) -> None:
    compare(folder, {**PRESETS_VITA_CLIP[preset], **SWITCHES[switch]}, num_frames=3, frames=3)


@pytest.mark.parametrize("frames", [2, 5])
def test_other_numbers_of_frames_equal_the_slow_twin(folder: Path, frames: int) -> None:
    compare(folder, PRESETS_VITA_CLIP["official"], num_frames=3, frames=frames)


def test_chunks_equal_the_slow_twin(folder: Path) -> None:
    compare(folder, {**PRESETS_VITA_CLIP["official"], "chunk_tokens": 1}, num_frames=3, frames=3)

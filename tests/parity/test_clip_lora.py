"""CLIP-LoRA against a slow twin: changed weights put into a whole CLIP of ``transformers``, in double precision.

The twin follows https://github.com/MaxZanella/CLIP-LoRA/blob/358f0d7/loralib/layers.py, where a changed weight is
``W + alpha / sqrt(rank) * B A``. It knows nothing of ``peft`` and shares no code with the library.
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
from egoshift.methods.clip_lora import PRESETS_CLIP_LORA, CLIPLoRA
from tests.fixtures.checkpoints import CLIP_MEAN, CLIP_STD, write_clip

NAMES = ("cup", "wash the cup", "knife", "a", "the")
CLIPS, FRAMES, DIM = 3, 2, 24
PROJECTIONS = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}
OFFICIAL = PRESETS_CLIP_LORA["official"]


class SlowLoRA:
    """A whole CLIP whose weights are functions of the library's parameters."""

    def __init__(self, folder: Path, options: Mapping[str, Any]):
        from transformers import AutoTokenizer, CLIPModel

        self.clip: Any = CLIPModel.from_pretrained(folder, dtype=torch.float64).eval().requires_grad_(False)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.options = options

    def weights(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The changed weights of CLIP by name."""
        factor, changed = self.options["alpha"] / math.sqrt(self.options["rank"]), {}
        for tower, root in (("image", "vision_model"), ("text", "text_model")):
            for layer in range(2 if tower in self.options["towers"] else 0):
                for target in self.options["targets"]:
                    key = f"{root}.encoder.layers.{layer}.self_attn.{PROJECTIONS[target]}.weight"
                    narrow, wide = (state[f"lora.{tower}_{layer}_{target}_{side}"] for side in "ab")
                    changed[key] = self.clip.get_parameter(key) + factor * wide @ narrow
        return changed

    def logits(self, state: Mapping[str, Tensor], clips: Tensor, plain: Tensor) -> Tensor:
        weights = self.weights(state)
        assert len(weights) == len(state) / 2
        mean, std = (torch.tensor(value, dtype=torch.float64).view(3, 1, 1) for value in (CLIP_MEAN, CLIP_STD))
        pictures = (clips.double().view(CLIPS * FRAMES, 3, 32, 32) / 255 - mean) / std
        tokens = self.tokenizer(list(NAMES), padding=True, return_tensors="pt")
        given = {"pixel_values": pictures, **tokens}
        whole = torch.func.functional_call(self.clip, weights, kwargs=given)
        class_tokens = self.clip.vision_model.post_layernorm(whole.vision_model_output.last_hidden_state[:, 0])
        features = class_tokens @ self.clip.visual_projection.weight.T
        frames = functional.normalize(features, dim=-1).view(CLIPS, FRAMES, DIM)
        if self.options["pooling"] == "mean-of-raw":
            frames = features.view(CLIPS, FRAMES, DIM)
        ends = (tokens["input_ids"] == self.tokenizer.eos_token_id).int().argmax(1)  # the first of each
        text = whole.text_model_output.last_hidden_state[torch.arange(len(NAMES)), ends]
        text = text @ self.clip.text_projection.weight.T if "text" in self.options["towers"] else plain.double()
        scale: float = self.options["logit_scale"]
        cosines: Tensor = functional.normalize(frames.mean(1), dim=-1) @ functional.normalize(text, dim=-1).T
        return scale * cosines


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("lora") / "clip", dim=DIM)


SWITCHES: Mapping[str, dict[str, Any]] = {
    "as-it-is": {},
    "wider": {"rank": 5, "alpha": 3.0},
    "one-target": {"targets": ["o"]},
    "all-targets": {"targets": ["o", "v", "k", "q"]},
    "image": {"towers": ["image"]},
    "text": {"towers": ["text"]},
    "raw": {"pooling": "mean-of-raw", "logit_scale": 20.0},
    "chunks": {"chunk_tokens": 1},
}


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("training", [False, True])
def test_every_switch_equals_the_slow_twin(folder: Path, switch: str, training: bool) -> None:
    options = {**OFFICIAL, **SWITCHES[switch]} | ({"dropout": 0.0} if training else {})
    torch.manual_seed(0)
    ours = CLIPLoRA(encoder=str(folder), **options).train(training)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            if name.endswith("_b"):  # zero at first, which would change nothing
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    state = {name: value.detach().double().requires_grad_() for name, value in ours.named_parameters()}
    clips = torch.randint(0, 256, (CLIPS, FRAMES, 3 * 32 * 32), generator=generator).float()
    plain = torch.randn(len(NAMES), DIM, generator=generator)

    actual = ours(StreamBatch({"pixels": clips}), {"noun": ClassText(plain, NAMES)})["noun"]
    twin = SlowLoRA(folder, ours.settings)
    expected = twin.logits(state, clips, plain)
    torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-3)  # 1e-5 of a cosine, times 100
    unchanged = twin.logits({name: torch.zeros_like(value) for name, value in state.items()}, clips, plain)
    assert (unchanged - expected).abs().max() > 0.1

    targets = torch.arange(CLIPS) % len(NAMES)
    functional.cross_entropy(actual, targets).backward()
    exact = torch.autograd.grad(functional.cross_entropy(expected, targets), list(state.values()))
    for (name, parameter), reference in zip(ours.named_parameters(), exact, strict=True):
        assert parameter.grad is not None, name
        assert (parameter.grad - reference).abs().max() <= 1e-3 * reference.abs().max(), name

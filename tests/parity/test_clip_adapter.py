"""CLIP-Adapter against a slow twin: torch's own modules in double precision, one clip and one class at a time.

The twin follows the released forward passes (https://github.com/gaopengcuhk/CLIP-Adapter/blob/08d07f8/clip_adapter.py
and the adapter flags of https://github.com/Annusha/xmic/blob/5b8a29b/trainers/xmic.py). It shares no code with the
library; only weights are copied, by name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from egoshift.classifier import ClassText, StreamBatch
from egoshift.methods.clip_adapter import PRESETS_CLIP_ADAPTER, CLIPAdapter
from tests.parity.test_xmic import SlowBlock, unit


class SlowCLIPAdapter(nn.Module):
    """Absent streams are left out of the sequences."""

    def __init__(self, options: Mapping[str, Any], dim: int, num_frames: int):
        super().__init__()
        self.options = options
        inner, layers = dim // options["reduction"], options["num_temporal_layers"]

        def adapter() -> nn.Module:
            return nn.Sequential(
                nn.Linear(dim, inner, bias=False), nn.ReLU(), nn.Linear(inner, dim, bias=False), nn.ReLU()
            )

        self.visual_adapter = adapter()
        self.text_adapter = adapter() if options["adapt_text"] else None
        hidden = int(dim * options["mlp_ratio"])
        blocks = nn.ModuleList(SlowBlock(dim, options["num_heads"], hidden) for _ in range(layers))
        self.temporal = nn.ModuleDict({"blocks": blocks})
        if layers and options["position"] == "learned":
            self.position = nn.Parameter(torch.empty(num_frames, dim))
        if options["train_logit_scale"]:
            self.log_scale = nn.Parameter(torch.empty(()))
        self.double()

    def mixed(self, adapted: Tensor, original: Tensor) -> Tensor:
        return unit(self.options["ratio"] * adapted + (1 - self.options["ratio"]) * original)

    def video(self, clip: Mapping[str, Tensor]) -> Tensor:
        present = [name for name in self.options["streams"] if name in clip]
        frames = [(i, frame) for name in present for i, frame in enumerate(clip[name])]
        pooled = [frame if self.options["pooling"] == "mean-of-raw" else unit(frame) for _, frame in frames]
        read = []
        for i, frame in frames:
            token = unit(frame) if self.options["normalise_input"] else frame
            read.append(token + self.position[i] if hasattr(self, "position") else token)
        sequence = torch.stack(read).unsqueeze(0)
        for block in self.get_submodule("temporal.blocks").children():
            sequence = block(sequence)
        return self.mixed(self.visual_adapter(sequence[0].mean(0)), torch.stack(pooled).mean(0))

    def forward(self, clips: Sequence[Mapping[str, Tensor]], text: Tensor) -> Tensor:
        scale = self.log_scale.exp() if self.options["train_logit_scale"] else self.options["logit_scale"]
        logits = []
        for clip in clips:
            video = self.video(clip)
            for vector in text:
                words = unit(vector) if self.text_adapter is None else self.mixed(self.text_adapter(vector), vector)
                logits.append(scale * torch.dot(words, video))
        return torch.stack(logits).view(len(clips), len(text))


SWITCHES: Mapping[str, dict[str, Any]] = {
    "as-it-is": {},
    "hand": {"streams": ["hand"]},
    "two-streams": {"streams": ["hand", "full"]},
    "other-blend": {"ratio": 0.55, "reduction": 2},
    "adapted-alone": {"ratio": 1.0},
    "raw-input": {"normalise_input": False},
    "no-position": {"position": "none"},
    "deeper": {"num_temporal_layers": 3, "num_heads": 8, "mlp_ratio": 4.0},
}


def compare(options: dict[str, Any], size: int, dim: int, frames: int, absent: Mapping[str, Sequence[int]]) -> None:
    """Logits and all gradients of a cross-entropy, of the library's CLIP-Adapter and of the slow twin."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    ours = CLIPAdapter(**(options | {"text_dim": dim, "num_frames": frames}))
    with torch.no_grad():
        for parameter in ours.parameters():
            if parameter.dim() == 1:  # biases start at zero, where a mistake in their use would not show
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    twin = SlowCLIPAdapter(options, dim, frames)
    twin.load_state_dict(ours.state_dict())

    streams = {n: 10 / dim**0.5 * torch.randn(size, frames, dim, generator=generator) for n in ("full", "hand")}
    present = {n: torch.tensor([i not in clips for i in range(size)]) for n, clips in absent.items()}
    text = 8 / dim**0.5 * torch.randn(11, dim, generator=generator)

    actual = ours(StreamBatch(streams, present), {"noun": ClassText(text)})["noun"]
    clips = [{n: s[i].double() for n, s in streams.items() if i not in absent.get(n, ())} for i in range(size)]
    expected = twin(clips, text.double())
    torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-4)

    targets = torch.arange(size) % 11
    nn.functional.cross_entropy(actual, targets).backward()
    nn.functional.cross_entropy(expected, targets).backward()
    exact = {name: parameter.grad for name, parameter in twin.named_parameters()}
    for name, parameter in ours.named_parameters():
        gradient, reference = parameter.grad, exact[name]
        assert gradient is not None
        assert reference is not None
        assert (gradient - reference).abs().max() <= 1e-4 * reference.abs().max(), name


@pytest.mark.parametrize("preset", PRESETS_CLIP_ADAPTER)
def test_presets_equal_the_slow_twin_at_the_papers_size(preset: str) -> None:
    compare(dict(PRESETS_CLIP_ADAPTER[preset]), size=3, dim=512, frames=16, absent={})


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("preset", PRESETS_CLIP_ADAPTER)
def test_every_switch_equals_the_slow_twin(preset: str, switch: str) -> None:
    compare({**PRESETS_CLIP_ADAPTER[preset], **SWITCHES[switch]}, size=4, dim=64, frames=5, absent={})


@pytest.mark.parametrize("preset", PRESETS_CLIP_ADAPTER)
def test_clips_without_one_stream_equal_a_twin_that_never_saw_it(preset: str) -> None:
    options = {**PRESETS_CLIP_ADAPTER[preset], "streams": ["full", "hand"]}
    compare(options, size=4, dim=64, frames=5, absent={"hand": [0, 2], "full": [1]})

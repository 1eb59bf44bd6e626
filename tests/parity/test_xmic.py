"""X-MIC against a slow twin: torch's own modules in double precision, one clip and one class at a time.

The twin follows the paper's equations 1 to 3 and the released forward pass
(https://github.com/Annusha/xmic/blob/5b8a29b/trainers/xmic.py). It shares no code with the library; only weights are
copied, by name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from egoshift.classifier import ClassText, StreamBatch
from egoshift.methods import PRESETS, XMIC


class SlowBlock(nn.Module):
    """Pre-norm: x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, dim: int, num_heads: int, hidden_dim: int):
        super().__init__()
        self.norm_attention = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.norm_mlp = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, hidden_dim)
        self.narrow = nn.Linear(hidden_dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm_attention(tokens)
        tokens = tokens + self.attention(normed, normed, normed, need_weights=False)[0]
        wide = self.widen(self.norm_mlp(tokens))
        updated: Tensor = tokens + self.narrow(wide * torch.sigmoid(1.702 * wide))
        return updated


def unit(vector: Tensor) -> Tensor:
    direction: Tensor = vector / vector.norm()
    return direction


class SlowXMIC(nn.Module):
    """One clip at a time, one class at a time; absent streams are left out of the sequences."""

    def __init__(self, options: Mapping[str, Any], **widths: int):
        super().__init__()
        self.options = options
        dim, heads = widths["condition_dim"], options["num_heads"]
        paired = len(options["condition_streams"]) > 1
        counts = {"spatial": paired * options["num_spatial_layers"], "temporal": options["num_temporal_layers"]}
        for name, count in counts.items():
            blocks = nn.ModuleList(SlowBlock(dim, heads, int(dim * options["mlp_ratio"])) for _ in range(count))
            setattr(self, name, nn.ModuleDict({"blocks": blocks}))
        if options["head"] == "bottleneck-relu":
            inner = dim // 16
            self.head: nn.Module = nn.Sequential(
                nn.Linear(dim, inner), nn.ReLU(), nn.Linear(inner, widths["text_dim"]), nn.ReLU()
            )
        else:
            self.head = nn.Identity() if dim == widths["text_dim"] else nn.Linear(dim, widths["text_dim"])
        if options["position"] == "learned":
            self.position = nn.Parameter(torch.empty(widths["num_frames"], dim))
        if options["train_logit_scale"]:
            self.log_scale = nn.Parameter(torch.empty(()))
        if options["train_alpha"]:
            self.alpha = nn.Parameter(torch.empty(()))
        self.double()

    def video(self, clip: Mapping[str, Tensor]) -> Tensor:
        names = [name for name in self.options["classify_streams"] if name in clip]
        vectors = []
        for name in names:
            frames = [frame if self.options["pooling"] == "mean-of-raw" else unit(frame) for frame in clip[name]]
            vectors.append(unit(torch.stack(frames).mean(0)))
        return unit(torch.stack(vectors).sum(0))

    def adapter(self, clip: Mapping[str, Tensor]) -> Tensor:
        frames = []
        present = [name for name in self.options["condition_streams"] if name in clip]
        for i in range(len(next(iter(clip.values())))):
            several = [unit(clip[n][i]) if self.options["normalise_condition"] else clip[n][i] for n in present]
            if len(self.options["condition_streams"]) == 1:
                frames.append(several[0])
                continue
            tokens = torch.stack(several).unsqueeze(0)
            for block in self.get_submodule("spatial.blocks").children():
                tokens = block(tokens)
            frames.append(tokens[0].mean(0))
        sequence = torch.stack(frames).unsqueeze(0)
        if self.options["position"] == "learned":
            sequence = sequence + self.position
        for block in self.get_submodule("temporal.blocks").children():
            sequence = block(sequence)
        vector: Tensor = self.head(sequence[0].mean(0))
        return unit(vector) if self.options["normalise_adapter"] else vector

    def forward(self, clips: Sequence[Mapping[str, Tensor]], text: Tensor) -> Tensor:
        scale = self.log_scale.exp() if self.options["train_logit_scale"] else self.options["logit_scale"]
        alpha = self.alpha if self.options["train_alpha"] else self.options["alpha"]
        logits = []
        for clip in clips:
            video, adapter = self.video(clip), self.adapter(clip)
            for class_text in text:
                moved = (unit(class_text) if self.options["normalise_text"] else class_text) + alpha * adapter
                logits.append(scale * torch.dot(unit(moved), video))
        return torch.stack(logits).view(len(clips), len(text))


SWITCHES: Mapping[str, dict[str, Any]] = {
    "as-it-is": {},
    "wide-mlp": {"mlp_ratio": 4.0, "num_heads": 8},
    "full-only": {"condition_streams": ["full"]},
    "hand-only": {"condition_streams": ["hand"], "classify_streams": ["hand"]},
    "three-streams": {"condition_streams": ["hand", "full", "gaze"]},
    "two-classified": {"classify_streams": ["hand", "full"]},
    "deeper": {"num_spatial_layers": 2, "num_temporal_layers": 3},
    "n1-n2": {"normalise_adapter": True},
    "n2-n3": {"normalise_condition": False, "normalise_adapter": True, "normalise_text": True},
    "none": {"normalise_condition": False},
    "trained-alpha": {"train_alpha": True, "alpha": 0.7},
    "other-width": {"condition_dim": 96, "condition_streams": ["wide-hand", "wide-full"]},
}


def compare(options: dict[str, Any], size: int, dim: int, frames: int, absent: Mapping[str, Sequence[int]]) -> None:
    """Logits and all gradients of a cross-entropy, of the library's X-MIC and of the slow twin."""
    generator = torch.Generator().manual_seed(0)
    width = options.pop("condition_dim", dim)
    widths = {"text_dim": dim, "condition_dim": width, "num_frames": frames}
    torch.manual_seed(0)
    ours = XMIC(**(options | widths))
    with torch.no_grad():
        for parameter in ours.parameters():
            if parameter.dim() == 1:  # biases start at zero, where a mistake in their use would not show
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    twin = SlowXMIC(options, **widths)
    twin.load_state_dict(ours.state_dict())

    streams = {n: torch.randn(size, frames, dim, generator=generator) for n in ("full", "hand", "gaze")}
    streams |= {f"wide-{n}": torch.randn(size, frames, width, generator=generator) for n in ("full", "hand")}
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


@pytest.mark.parametrize("preset", ["released", "paper"])
def test_presets_equal_the_slow_twin_at_the_papers_size(preset: str) -> None:
    compare(dict(PRESETS["xmic"][preset]), size=3, dim=512, frames=16, absent={})


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("preset", ["released", "paper"])
def test_every_switch_equals_the_slow_twin(preset: str, switch: str) -> None:
    compare({**PRESETS["xmic"][preset], **SWITCHES[switch]}, size=4, dim=64, frames=5, absent={})


@pytest.mark.parametrize("classified", ["full", "gaze"])
def test_clips_without_one_stream_equal_a_twin_that_never_saw_it(classified: str) -> None:
    options = {**PRESETS["xmic"]["released"], "classify_streams": [classified]}
    absent = {"hand": [0, 2]} if classified == "full" else {"hand": [0, 2], "full": [1]}
    compare(options, size=4, dim=64, frames=5, absent=absent)

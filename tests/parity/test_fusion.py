"""Fusion against a slow twin: torch's own modules in double precision, one sample at a time.

The twin builds each sample's sequence of what it has, so that it knows no masks. It shares no code with the library;
only weights are copied, by name.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from egoshift.classifier import ClassText, StreamBatch
from egoshift.fusion import Fusion
from egoshift.records import Label

DIMS = {"video": 16, "audio": 12, "imu": 8}
FRAMES = {"video": 4, "audio": 6, "imu": 3}
SIZE, WIDTH, HEADS = 7, 24, 4
NAMES: dict[Label, tuple[str, ...]] = {"verb": ("cut", "put"), "noun": ("cup", "pan", "tap", "lid")}
BASE: dict[str, Any] = {"modalities": DIMS, "width": WIDTH, "num_heads": HEADS, "num_frames": 5, "classes": NAMES}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"pooling": "mean"},
    {"pooling": "mean", "num_layers": 0},
    {"tokens": "mean"},
    {"tokens": "mean", "pooling": "mean"},
    {"position": "none"},
    {"missing": "token"},
    {"missing": "token", "pooling": "mean", "tokens": "mean"},
    {"input_norm": "unit"},
    {"input_norm": "none", "num_layers": 1},
    {"mlp_ratio": 0.5, "num_layers": 3},
    {"fusion": "mlp"},
    {"fusion": "mlp", "missing": "token"},
    {"fusion": "mlp", "missing": "mean", "input_norm": "unit"},
    {"fusion": "mlp", "num_layers": 0},
    {"head": "text", "text_dim": 16},
    {"head": "text", "text_dim": 16, "text_rule": "shift", "alpha": 0.7},
    {"head": "text", "text_dim": 16, "text_rule": "shift", "classify_streams": ["video"], "logit_scale": 20.0},
    {"head": "text", "text_dim": 16, "train_logit_scale": True, "logit_scale": 30.0},
]


def norm(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    weight = weights[f"{name}.weight"]
    return functional.layer_norm(x, weight.shape, weight, weights[f"{name}.bias"])


def linear(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def gate(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-1.702 * x))


def unit(x: Tensor) -> Tensor:
    direction: Tensor = x / x.norm()
    return direction


def block(weights: Mapping[str, Tensor], name: str, tokens: Tensor) -> Tensor:
    """Pre-norm attention head by head, then the MLP, for the tokens of one sample."""
    x = norm(weights, f"{name}.norm_attention", tokens)
    queries, keys, values = (
        x @ weight.T + bias
        for weight, bias in zip(
            weights[f"{name}.attention.in_proj_weight"].chunk(3),
            weights[f"{name}.attention.in_proj_bias"].chunk(3),
            strict=True,
        )
    )
    mixed = []
    for q, k, v in zip(queries.chunk(HEADS, 1), keys.chunk(HEADS, 1), values.chunk(HEADS, 1), strict=True):
        mixed.append((q @ k.T / math.sqrt(q.shape[1])).softmax(1) @ v)
    tokens = tokens + linear(weights, f"{name}.attention.out_proj", torch.cat(mixed, 1))
    hidden = gate(linear(weights, f"{name}.widen", norm(weights, f"{name}.norm_mlp", tokens)))
    return tokens + linear(weights, f"{name}.narrow", hidden)


def slow_fused(model: Fusion, clip: Mapping[str, Tensor]) -> Tensor:
    """The fused vector of one sample from the streams that it has."""
    options: dict[str, Any] = dict(model.settings)
    weights = {name: value.double() for name, value in model.state_dict().items()}
    parts: list[Tensor | None] = []
    for number, name in enumerate(("video", "audio", "imu")):
        if name not in clip:
            parts.append(None)
            continue
        frames = []
        for frame in clip[name].double():
            if options["input_norm"] == "layer":
                frame = norm(weights, f"inputs.norms.{number}", frame)
            elif options["input_norm"] == "unit":
                frame = unit(frame)
            frames.append(linear(weights, f"inputs.projections.{number}", frame))
        parts.append(torch.stack(frames))
    return slow_mlp(weights, options, parts) if options["fusion"] == "mlp" else slow_attention(weights, options, parts)


def slow_attention(weights: Mapping[str, Tensor], options: Mapping[str, Any], parts: Sequence[Tensor | None]) -> Tensor:
    sequence = [weights["fusion.cls"]] if options["pooling"] == "cls" else []
    for number, frames in enumerate(parts):
        kind = weights["fusion.modality"][number]
        if frames is None:
            if options["missing"] == "token":
                sequence.append(weights["fusion.missing"][number] + kind)
            continue
        if options["tokens"] == "mean":
            sequence.append(frames.mean(0) + kind)
            continue
        for place, frame in enumerate(frames):
            if options["position"] == "learned":
                frame = frame + at(weights["fusion.position"], (place + 0.5) / len(frames))
            sequence.append(frame + kind)
    tokens = torch.stack(sequence)
    for layer in range(options["num_layers"]):
        tokens = block(weights, f"fusion.blocks.{layer}", tokens)
    return norm(weights, "fusion.norm", tokens[0] if options["pooling"] == "cls" else tokens.mean(0))


def at(table: Tensor, share: float) -> Tensor:
    """A table of values at the centres of equal bins, read between them; constant beyond the outer centres."""
    place = min(max(share * len(table) - 0.5, 0), len(table) - 1)
    below = min(int(place), len(table) - 2)
    return table[below] + (place - below) * (table[below + 1] - table[below])


def slow_mlp(weights: Mapping[str, Tensor], options: Mapping[str, Any], parts: Sequence[Tensor | None]) -> Tensor:
    means = [None if frames is None else frames.mean(0) for frames in parts]
    known = [mean for mean in means if mean is not None]
    vectors = []
    for number, mean in enumerate(means):
        if mean is not None:
            vectors.append(mean)
        elif options["missing"] == "zeros":
            vectors.append(torch.zeros(WIDTH, dtype=torch.double))
        elif options["missing"] == "mean":
            vectors.append(torch.stack(known).mean(0))
        else:
            vectors.append(weights["fusion.missing"][number])
    hidden = torch.cat(vectors)
    for layer in range(options["num_layers"]):
        hidden = gate(linear(weights, f"fusion.layers.{layer}", hidden))
    return norm(weights, "fusion.norm", linear(weights, f"fusion.layers.{options['num_layers']}", hidden))


def slow_logits(model: Fusion, clip: Mapping[str, Tensor], label: Label, words: ClassText) -> Tensor:
    options: dict[str, Any] = dict(model.settings)
    weights = {name: value.double() for name, value in model.state_dict().items()}
    fused = slow_fused(model, clip)
    if options["head"] == "linear":
        return linear(weights, f"head.linears.{label}", fused)
    classified = unit(linear(weights, "head.to_text", fused))
    own = [name for name in options["classify_streams"] if name in clip]
    if own:
        classified = unit(torch.stack([unit(frame) for frame in clip[own[0]].double()]).mean(0))
    scale = math.exp(float(weights["head.log_scale"])) if options["train_logit_scale"] else options["logit_scale"]
    logits = []
    for vector in words.vectors.double():
        if options["text_rule"] == "shift":
            vector = vector + options["alpha"] * linear(weights, "head.to_shift", fused)
        logits.append(scale * torch.dot(unit(vector), classified))
    return torch.stack(logits)


def make(options: Mapping[str, Any]) -> Fusion:
    """A model in evaluation mode with every parameter away from its initial value."""
    torch.manual_seed(0)
    model = Fusion(**{**BASE, **options}).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model


def make_batch() -> StreamBatch:
    """The seven subsets of three modalities."""
    generator = torch.Generator().manual_seed(1)
    streams = {name: torch.randn(SIZE, FRAMES[name], dim, generator=generator) for name, dim in DIMS.items()}
    patterns = torch.tensor([[number + 1 >> bit & 1 for number in range(SIZE)] for bit in range(3)], dtype=torch.bool)
    return StreamBatch(streams, dict(zip(DIMS, patterns, strict=True)))


def clips(batch: StreamBatch) -> list[dict[str, Tensor]]:
    return [
        {name: stream[row] for name, stream in batch.streams.items() if bool(batch.present[name][row])}
        for row in range(SIZE)
    ]


def text(dim: int = 16) -> dict[Label, ClassText]:
    generator = torch.Generator().manual_seed(2)
    return {
        label: ClassText(torch.randn(len(names), dim, generator=generator), names) for label, names in NAMES.items()
    }


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_fused_vector_equals_the_twin_for_every_subset(options: dict[str, Any]) -> None:
    model, batch = make(options), make_batch()
    assert sorted(len(clip) for clip in clips(batch)) == [1, 1, 1, 2, 2, 2, 3]
    expected = torch.stack([slow_fused(model, clip) for clip in clips(batch)])
    torch.testing.assert_close(model.embed(batch).double(), expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_logits_equal_the_twin(options: dict[str, Any]) -> None:
    model, batch = make(options), make_batch()
    logits = model(batch, text())
    for label, words in text().items():
        expected = torch.stack([slow_logits(model, clip, label, words) for clip in clips(batch)])
        # Cosines are scaled by up to 100: 1e-3 is 1e-5 of one.
        torch.testing.assert_close(logits[label].double(), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_subset_embedded_by_name_equals_the_twin(options: dict[str, Any]) -> None:
    model, batch = make(options), make_batch()
    whole = StreamBatch(batch.streams)
    subsets = [("imu",), ("audio", "video"), ("video",), ("audio", "imu", "video")]
    for subset, found in model.embed_subsets(whole, subsets).items():
        expected = torch.stack(
            [slow_fused(model, {name: batch.streams[name][row] for name in subset}) for row in range(SIZE)]
        )
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=2e-5)

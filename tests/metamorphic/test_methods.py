"""Relations that every method keeps, whatever its numbers are: a change that must not matter, and does not.

A method that is added to ``METHODS`` is held to all of them, once for each of its presets. Relations hold to the bit
where the same products are computed in the same order; where a sum runs in another order, they hold to ``CLOSE``.
"""

import copy
from collections.abc import Mapping
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.evaluation.predict import predict_logits
from egoshift.features import TensorFeatures
from egoshift.methods import METHODS, PRESETS, XMIC, ZeroShot
from egoshift.records import Label
from tests.unit.methods.test_every_method import CLIP, GIVEN, checkpoint, classified, make, make_batch, make_text

__all__ = ["checkpoint"]  # a fixture that is used by its name

CLOSE = 1e-3
"""Logits are up to 100 times a cosine: 1e-5 of a cosine, a hundred roundings of single precision."""

CASES = [(method, preset) for method in METHODS for preset in PRESETS[method]]
every_preset = pytest.mark.parametrize(("method", "preset"), CASES, ids=lambda name: str(name))

ORDERED = {
    ("xmic", "released"),
    ("clip_adapter", "official-temporal"),
    ("clip_adapter", "xmic-temporal"),
    ("efficient_prompt", "official"),
    ("vita_clip", "official"),
    ("vita_clip", "official-csc"),
}
"""Presets to which the order of the frames matters: they embed positions."""

MOVED = 1e-4
"""Above this, numbers have moved: the smallest that a position does here is 6e-4, what order does to sums is 6e-6."""

SCALED = {("efficient_prompt", "official"), ("clip_adapter", "xmic"), ("clip_adapter", "xmic-temporal")}
"""Presets to which the length of a feature matters: they add features to what they learned, or blend them."""


def preset_of(method: str, preset: str, seed: int = 0) -> AbstractClassifier:
    return make(method, PRESETS[method][preset], seed)


def many(size: int) -> StreamBatch:
    """Clips without labels, as many as are asked for; pictures as bytes."""
    generator = torch.Generator().manual_seed(size)
    shapes = {name: (size, *stream.shape[1:]) for name, stream in make_batch().streams.items()}
    streams = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    pictures = {name: (60 * streams[name] + 128).round().clamp(0, 255) for name in ("pixels", "pixels-hand")}
    return StreamBatch(streams | pictures)


def changed(batch: StreamBatch, **streams: Tensor) -> StreamBatch:
    return StreamBatch({**batch.streams, **streams}, batch.present, batch.targets)


def rows(batch: StreamBatch, chosen: Tensor) -> StreamBatch:
    return StreamBatch(
        {name: stream[chosen] for name, stream in batch.streams.items()},
        {name: here[chosen] for name, here in batch.present.items()},
        {label: target[chosen] for label, target in batch.targets.items()},
    )


def largest_difference(one: Mapping[Label, Tensor], other: Mapping[Label, Tensor]) -> float:
    assert list(one) == list(other)
    return max((one[label].double() - other[label].double()).abs().max().item() for label in one)


def scored(model: AbstractClassifier, batch: StreamBatch) -> dict[Label, Tensor]:
    with torch.no_grad():
        logits: dict[Label, Tensor] = model(batch, make_text(model))
    return logits


def test_every_method_has_a_preset() -> None:
    assert {method for method, _ in CASES} == set(METHODS)
    assert ORDERED < set(CASES)


@every_preset
def test_permuting_the_samples_permutes_the_logits(method: str, preset: str) -> None:
    model, batch, order = preset_of(method, preset), many(7), torch.tensor([3, 0, 6, 2, 5, 1, 4])
    expected = {label: logits[order] for label, logits in scored(model, batch).items()}
    assert largest_difference(scored(model, rows(batch, order)), expected) <= CLOSE


@every_preset
def test_permuting_the_classes_permutes_the_logits(method: str, preset: str) -> None:
    model, text = preset_of(method, preset), make_text(preset_of(method, preset))
    order = torch.tensor([5, 0, 3, 6, 1, 2, 4])
    words = text["noun"]
    other: dict[Label, ClassText] = {"noun": ClassText(words.vectors[order], tuple(words.names[k] for k in order))}
    with torch.no_grad():
        expected: dict[Label, Tensor] = {"noun": model(make_batch(), text)["noun"][:, order]}
        assert largest_difference(model(make_batch(), other), expected) <= CLOSE


@every_preset
def test_a_class_that_is_added_leaves_the_logits_of_the_others(method: str, preset: str) -> None:
    model, text = preset_of(method, preset), make_text(preset_of(method, preset))
    words = text["noun"]
    fewer: dict[Label, ClassText] = {"noun": ClassText(words.vectors[:-2], words.names[:-2])}
    with torch.no_grad():
        expected: dict[Label, Tensor] = {"noun": model(make_batch(), text)["noun"][:, :-2]}
        assert largest_difference(model(make_batch(), fewer), expected) <= CLOSE


@every_preset
def test_permuting_the_frames_of_all_streams_together_matters_only_to_what_embeds_positions(
    method: str, preset: str
) -> None:
    model, batch, order = preset_of(method, preset), make_batch(), torch.tensor([4, 2, 0, 3, 1])
    shuffled = StreamBatch({name: stream[:, order] for name, stream in batch.streams.items()})
    difference = largest_difference(scored(model, shuffled), scored(model, StreamBatch(batch.streams)))
    assert (difference > MOVED) == ((method, preset) in ORDERED), difference


@every_preset
def test_a_stream_that_the_method_does_not_read_changes_no_bit(method: str, preset: str) -> None:
    model, batch = preset_of(method, preset), make_batch()
    own = StreamBatch({name: batch.streams[name] for name in model.required_streams})
    more = changed(own, thermal=torch.full((4, 5, 3), torch.nan))
    with_mask = StreamBatch(more.streams, {"thermal": torch.zeros(4, dtype=torch.bool)})
    assert largest_difference(scored(model, with_mask), scored(model, own)) == 0.0


@every_preset
def test_powers_of_two_of_all_features_change_no_logit_of_what_reads_directions(method: str, preset: str) -> None:
    model, batch = preset_of(method, preset), StreamBatch(make_batch().streams)
    if any(name.startswith("pixels") for name in model.required_streams):
        return  # pictures are no directions
    twice = StreamBatch({name: 4 * stream for name, stream in batch.streams.items()})
    difference = largest_difference(scored(model, twice), scored(model, batch))
    assert (difference > MOVED) == ((method, preset) in SCALED), difference


@every_preset
def test_batches_of_1_7_and_32_give_the_same_logits(method: str, preset: str) -> None:
    model, batch = preset_of(method, preset), many(33)
    source = TensorFeatures({name: batch.streams[name] for name in model.required_streams})
    found = [predict_logits(model, source, make_text(model), num_frames=5, batch_size=size) for size in (1, 7, 32)]
    assert all(largest_difference(one, found[0]) <= CLOSE for one in found)


@every_preset
def test_no_more_classes_at_once_than_memory_holds_is_no_other_number(method: str, preset: str) -> None:
    """Text passes in chunks, where a method has them, against the whole."""
    options = dict(PRESETS[method][preset])
    whole = make(method, options)
    if "chunk_tokens" not in whole.settings:
        assert CLIP not in GIVEN[method].values(), "methods that run a text tower read it in chunks"
        return
    chunked = make(method, {**options, "chunk_tokens": 1})
    assert largest_difference(scored(chunked, make_batch()), scored(whole, make_batch())) <= CLOSE


@every_preset
def test_single_precision_is_within_a_thousandth_of_double_precision(
    method: str, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method == "vita_clip":
        return  # its towers are frozen, and in single precision
    model, batch = preset_of(method, preset), StreamBatch(make_batch().streams)
    found = scored(model, batch)
    double = copy.deepcopy(model).double()
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # what is made single precision is made double
    doubles = StreamBatch({name: stream.double() for name, stream in batch.streams.items()})
    words = {label: ClassText(of.vectors.double(), of.names) for label, of in make_text(model).items()}
    with torch.no_grad():
        exact = double(doubles, words)
    assert all(logits.dtype == torch.float64 for logits in exact.values())
    assert largest_difference(found, exact) <= CLOSE


def zeroed(model: XMIC) -> XMIC:
    """The same whose adapter gives zero: its head's last layer is."""
    last = [module for module in model.head.modules() if isinstance(module, nn.Linear)]
    assert last, "a head that ends in a layer"
    nn.init.zeros_(last[-1].weight)
    nn.init.zeros_(last[-1].bias)
    return model


@pytest.mark.parametrize("pooling", ["mean-of-raw", "mean-of-unit"])
@pytest.mark.parametrize("num_classes", [3, 700])
def test_an_adapter_that_gives_zero_is_zero_shot_to_the_bit(pooling: str, num_classes: int) -> None:
    model = zeroed(
        cast(XMIC, make("xmic", {**PRESETS["xmic"]["released"], "pooling": pooling, "train_logit_scale": False}))
    )
    zero_shot = ZeroShot(streams=["hand"], pooling=pooling).eval()
    vectors = torch.randn(num_classes, 64, generator=torch.Generator().manual_seed(5))
    text: dict[Label, ClassText] = {"verb": ClassText(vectors)}
    with torch.no_grad():
        assert torch.equal(model(make_batch(), text)["verb"], zero_shot(make_batch(), text)["verb"])


def test_untrained_lora_is_the_tower_without_it_to_the_bit() -> None:
    """The second matrix of each pair is zero: whatever the first is, and were it zero too, nothing is added.

    The same module before and after, since one that lies elsewhere in memory multiplies in other blocks.
    """
    lora = make("clip_lora", {"dropout": 0.25})
    expected = scored(lora, make_batch())
    firsts = [parameter for name, parameter in lora.named_parameters() if name.endswith("_a")]
    assert firsts
    for first in firsts:
        nn.init.zeros_(first)
    found = scored(lora, make_batch())
    assert all(torch.equal(found[label], expected[label]) for label in expected)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("clip_adapter", {"ratio": 0.0, "pooling": "mean-of-unit"}),
        ("tip_adapter", {"alpha": 0.0}),
        ("linear_probe", {"init": "text", "bias": False}),
    ],
)
def test_methods_without_their_share_are_zero_shot_to_the_bit(method: str, options: dict[str, object]) -> None:
    model = make(method, options)
    settings = model.settings
    zero_shot = ZeroShot(streams=classified(model), pooling=cast(str, settings["pooling"])).eval()
    expected = scored(zero_shot, make_batch())
    assert all(torch.equal(scored(model, make_batch())[label], expected[label]) for label in expected)


def test_lengths_of_conditioning_frames_change_nothing_under_n1() -> None:
    """X-MIC's n1: each frame that conditions becomes a direction; lengths of each frame of each clip are drawn here."""
    model, batch = make("xmic", {**PRESETS["xmic"]["released"], "condition_streams": ["full"]}), make_batch()
    lengths = torch.rand(4, 5, 1, generator=torch.Generator().manual_seed(6)) * 50 + 0.02
    scaled = changed(batch, full=batch.streams["full"] * lengths)
    assert largest_difference(scored(model, scaled), scored(model, batch)) <= CLOSE
    raw = make("xmic", dict(model.settings) | {"normalise_condition": False})
    assert largest_difference(scored(raw, scaled), scored(raw, batch)) > CLOSE

"""Relations that every fusion, and every encoder of one sensor, keeps; a preset that is added is held to them too.

To the bit where the same numbers meet in the same order, as where a stream that nobody has is added; to ``CLOSE`` where
a batch is of another size, which lets products run in other blocks.
"""

from collections.abc import Mapping
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from egoshift.classifier import AbstractSubsetClassifier, StreamBatch
from egoshift.evaluation import score_modalities
from egoshift.features import TensorFeatures
from egoshift.fusion import FUSIONS, PRESETS_FUSION, Fusion, Unimodal
from egoshift.records import Label
from tests.unit.fusion.test_classifier import (
    BASE,
    DIMS,
    FRAMES,
    SENSORS,
    SIZE,
    SOME,
    make,
    make_batch,
    make_text,
    presence,
    rows,
)
from tests.unit.fusion.test_unimodal import SENSORS as SIGNALS
from tests.unit.fusion.test_unimodal import TEXT, batch_of
from tests.unit.fusion.test_unimodal import make as make_unimodal

CLOSE = 1e-4
"""Logits are up to ten here."""

every_preset = pytest.mark.parametrize("preset", PRESETS_FUSION)


def fusion_of(preset: str) -> Fusion:
    return make(PRESETS_FUSION[preset])


def largest_difference(one: Mapping[Label, Tensor], other: Mapping[Label, Tensor]) -> float:
    assert list(one) == list(other)
    return max((one[label] - other[label]).abs().max().item() for label in one)


def scored(model: Fusion, batch: StreamBatch) -> dict[Label, Tensor]:
    with torch.no_grad():
        logits: dict[Label, Tensor] = model(StreamBatch(batch.streams, batch.present), make_text())
    return logits


def test_every_fusion_is_here() -> None:
    assert set(FUSIONS.values()) == {Fusion, Unimodal}
    assert issubclass(Fusion, AbstractSubsetClassifier)


@every_preset
@pytest.mark.parametrize("some", [False, True])
def test_permuting_the_samples_permutes_the_logits(preset: str, some: bool) -> None:
    model, batch, order = fusion_of(preset), make_batch(presence() if some else None), torch.tensor([3, 0, 5, 2, 1, 4])
    expected = {label: logits[order] for label, logits in scored(model, batch).items()}
    assert largest_difference(scored(model, rows(batch, order)), expected) <= CLOSE


@every_preset
@pytest.mark.parametrize("absent", SENSORS)
def test_a_sensor_that_all_samples_lack_is_as_if_it_were_not_there(preset: str, absent: str) -> None:
    model, nobody = fusion_of(preset), torch.zeros(SIZE, dtype=torch.bool)
    batch = make_batch({absent: nobody})
    without = StreamBatch({name: stream for name, stream in batch.streams.items() if name != absent})
    garbage = StreamBatch({**batch.streams, absent: batch.streams[absent] * torch.nan}, batch.present)
    expected = scored(model, without)
    assert largest_difference(scored(model, batch), expected) == 0.0
    assert largest_difference(scored(model, garbage), expected) == 0.0


@every_preset
def test_a_sensor_that_the_model_does_not_know_changes_no_bit(preset: str) -> None:
    model, batch = fusion_of(preset), make_batch(presence())
    thermal = {"thermal": torch.full((SIZE, 2, 3), torch.nan)}
    more = StreamBatch({**batch.streams, **thermal}, {**batch.present, "thermal": SOME[:, 0]})
    assert largest_difference(scored(model, more), scored(model, batch)) == 0.0


@pytest.mark.parametrize("preset", [name for name in PRESETS_FUSION if PRESETS_FUSION[name]["fusion"] == "attention"])
def test_a_model_of_one_sensor_more_that_nobody_has_scores_as_one_that_lacks_it(preset: str) -> None:
    """The larger model has the weights of the smaller, and a fourth sensor of its own."""
    small = fusion_of(preset)
    large = make({**PRESETS_FUSION[preset], "modalities": {**DIMS, "thermal": 4}}, seed=7)
    own, state = small.state_dict(), large.state_dict()
    per_sensor = [name for name in own if state[name].shape != own[name].shape]
    assert set(own) < set(state)
    places = [large.modalities.index(name) for name in small.modalities]
    for name, values in own.items():
        state[name] = state[name].index_copy(0, torch.tensor(places), values) if name in per_sensor else values
    large.load_state_dict(state)
    assert len(large.modalities) == len(small.modalities) + 1
    assert largest_difference(scored(large, make_batch(presence())), scored(small, make_batch(presence()))) <= CLOSE


@every_preset
def test_longer_padding_and_more_samples_change_nothing(preset: str) -> None:
    """A sample that is absent is padding: whatever and however long it is, others do not see it."""
    model, batch = fusion_of(preset), make_batch(presence())
    first = rows(batch, torch.tensor([0, 1, 2]))
    padded = rows(batch, torch.tensor([0, 1, 2, 0, 0, 0, 3]))
    expected = scored(model, first)
    found = {label: logits[:3] for label, logits in scored(model, padded).items()}
    assert largest_difference(found, expected) <= CLOSE


@every_preset
@pytest.mark.parametrize("order", [(1, 0, 3, 2), (3, 1, 0, 2)])
def test_without_positions_the_order_of_frames_does_not_matter_and_with_them_it_does(
    preset: str, order: tuple[int, ...]
) -> None:
    batch = make_batch(frames=dict.fromkeys(FRAMES, 4))
    shuffled = StreamBatch({name: stream[:, list(order)] for name, stream in batch.streams.items()})
    free = make({**PRESETS_FUSION[preset], "position": "none"})
    assert largest_difference(scored(free, shuffled), scored(free, batch)) <= CLOSE
    placed = fusion_of(preset)
    if placed.settings["tokens"] == "frames" and placed.settings["fusion"] == "attention":
        assert largest_difference(scored(placed, shuffled), scored(placed, batch)) > CLOSE


@every_preset
def test_samples_scored_in_any_number_at_once_and_from_all_subsets_are_the_same(preset: str) -> None:
    model, batch = fusion_of(preset), make_batch()
    source = TensorFeatures(batch.streams, batch.targets, present=presence())
    found = [score_modalities(model, source, make_text(), num_frames=5, batch_size=size) for size in (1, 4, 32)]
    for one, other in pairwise(found):
        assert one.subsets == other.subsets
        for subset in one.subsets:
            for label in make_text():
                here = one.has(subset)
                values = one.logits[subset][label][here], other.logits[subset][label][here]
                assert (values[0] - values[1]).abs().max().item() <= CLOSE
                assert bool(one.logits[subset][label][~here].isnan().all())


@every_preset
def test_double_precision_is_as_far_as_rounding(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = fusion_of(preset), make_batch(presence())
    found, text = scored(model, batch), make_text()
    double = make(PRESETS_FUSION[preset]).double()
    double.load_state_dict({name: value.double() for name, value in model.state_dict().items()})
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    streams = {name: stream.double() for name, stream in batch.streams.items()}
    doubled = {label: type(words)(words.vectors.double(), words.names) for label, words in text.items()}
    with torch.no_grad():
        exact = double(StreamBatch(streams, batch.present), doubled)
    assert max((found[label] - exact[label]).abs().max().item() for label in found) <= CLOSE


@pytest.mark.parametrize("sensor", SIGNALS)
def test_an_encoder_of_one_sensor_scores_each_window_by_itself(sensor: str) -> None:
    model, order = make_unimodal(sensor), torch.tensor([4, 0, 5, 2, 1, 3])
    batch = batch_of(model)
    with torch.no_grad():
        whole = model(batch, TEXT)
        shuffled = model(StreamBatch({sensor: batch.streams[sensor][order]}), TEXT)
        alone = [model(StreamBatch({sensor: batch.streams[sensor][k : k + 1]}), TEXT)["verb"] for k in (0, 5)]
    assert largest_difference(shuffled, {"verb": whole["verb"][order]}) <= CLOSE
    assert largest_difference({"verb": torch.cat(alone)}, {"verb": whole["verb"][[0, 5]]}) <= CLOSE


@pytest.mark.parametrize("sensor", ["imu", "barometer"])
def test_readings_in_another_unit_change_nothing_once_their_statistics_are_known(sensor: str) -> None:
    """A unit that is twice as large, and an offset: statistics of the training clips take both away."""
    found = []
    for scale, offset in ((1.0, 0.0), (2.0, 64.0)):
        model = make_unimodal(sensor)
        batch = batch_of(model)
        measured = StreamBatch({sensor: batch.streams[sensor] * scale + offset}, {}, batch.targets)
        model.observe([measured], TEXT)
        with torch.no_grad():
            found.append(model(measured, TEXT))
    assert largest_difference(found[0], found[1]) <= CLOSE


def test_the_base_of_these_fusions_has_all_sensors() -> None:
    assert BASE["modalities"] == DIMS

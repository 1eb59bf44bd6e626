"""L_align against double loops straight from the formula, in double precision."""

import math
from collections.abc import Mapping, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from egoshift.losses import alignment_loss, other_moments

MODALITIES = ("video", "audio", "imu")


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    lengths = [math.sqrt(sum(value * value for value in vector)) for vector in (first, second)]
    return sum(a * b for a, b in zip(first, second, strict=True)) / (lengths[0] * lengths[1])


def inner(first: Sequence[float], second: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


def slow_term(
    anchor: Sequence[Sequence[float] | None],
    other: Sequence[Sequence[float] | None],
    negatives: Sequence[Sequence[bool]],
    temperature: float,
    normalise: bool,
) -> tuple[float, int]:
    """The mean over clips of the InfoNCE term, and the number of clips; None is an absent embedding."""
    product, terms = cosine if normalise else inner, []
    for i, first in enumerate(anchor):
        positive = other[i]
        if first is None or positive is None:
            continue
        top = math.exp(product(first, positive) / temperature)
        bottom = top
        for j, second in enumerate(other):
            if j != i and second is not None and negatives[i][j]:
                bottom += math.exp(product(first, second) / temperature)
        terms.append(-math.log(top / bottom))
    return (sum(terms) / len(terms) if terms else 0.0), len(terms)


def slow_loss(
    embeddings: Mapping[str, Sequence[Sequence[float] | None]],
    negatives: Sequence[Sequence[bool]],
    temperature: float,
    *,
    every_pair: bool,
    symmetric: bool,
    normalise: bool,
) -> tuple[float, dict[tuple[str, str], int]]:
    pairs = [("video", "audio"), ("video", "imu")] + ([("audio", "imu")] if every_pair else [])
    loss, counts = 0.0, {}
    for first, second in pairs:
        term, count = slow_term(embeddings[first], embeddings[second], negatives, temperature, normalise)
        if symmetric:
            back, _ = slow_term(embeddings[second], embeddings[first], negatives, temperature, normalise)
            term = (term + back) / 2
        loss, counts[first, second] = loss + term, count
    return loss, counts


def slow_negatives(recordings: list[int], starts: list[float], stops: list[float], within: str) -> list[list[bool]]:
    """By sampling neither: two windows overlap when the later start comes before the earlier stop."""
    size = len(recordings)
    table = [[False] * size for _ in range(size)]
    for i in range(size):
        for j in range(size):
            same = recordings[i] == recordings[j]
            overlap = same and max(starts[i], starts[j]) < min(stops[i], stops[j])
            table[i][j] = {"batch": not overlap, "recording": same and not overlap, "other-recordings": not same}[
                within
            ]
    return table


def rows(vectors: Tensor, present: Tensor) -> list[list[float] | None]:
    return [row if here else None for row, here in zip(vectors.tolist(), present.tolist(), strict=True)]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 7),
    every_pair=st.booleans(),
    symmetric=st.booleans(),
    normalise=st.booleans(),
    temperature=st.sampled_from([0.07, 0.5, 2.0]),
    share=st.sampled_from([0.0, 0.5, 1.0]),
    within=st.sampled_from(["all", "batch", "recording", "other-recordings"]),
)
def test_every_option_equals_the_formula_written_as_loops(
    seed: int,
    size: int,
    every_pair: bool,
    symmetric: bool,
    normalise: bool,
    temperature: float,
    share: float,
    within: str,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors = {name: torch.randn(size, 4, generator=generator) for name in MODALITIES}
    present = {name: torch.rand(size, generator=generator) < share for name in MODALITIES}
    recordings = torch.randint(2, (size,), generator=generator)
    starts = torch.randint(8, (size,), generator=generator) / 2
    stops = starts + torch.randint(1, 6, (size,), generator=generator) / 2
    negatives, table = None, [[True] * size for _ in range(size)]
    if within != "all":
        negatives = other_moments(recordings, starts, stops, within=within)
        table = slow_negatives(recordings.tolist(), starts.tolist(), stops.tolist(), within)
        assert negatives.tolist() == [[value and i != j for j, value in enumerate(row)] for i, row in enumerate(table)]
    found = alignment_loss(
        vectors,
        temperature=temperature,
        pairs="all" if every_pair else "video-anchored",
        symmetric=symmetric,
        normalise=normalise,
        present=present,
        negatives=negatives,
    )
    doubles = {name: rows(vectors[name].double(), present[name]) for name in MODALITIES}
    expected, counts = slow_loss(
        doubles, table, temperature, every_pair=every_pair, symmetric=symmetric, normalise=normalise
    )
    assert found.loss.item() == pytest.approx(expected, rel=2e-5, abs=1e-5)
    assert {pair: int(count) for pair, count in found.counts.items()} == counts


def test_gradients_equal_finite_differences_of_the_loops() -> None:
    generator = torch.Generator().manual_seed(1)
    vectors = {name: torch.randn(5, 3, generator=generator) for name in MODALITIES}
    present = {"audio": torch.tensor([True, False, True, True, False]), "video": torch.tensor([True] * 4 + [False])}
    here = {name: present.get(name, torch.ones(5, dtype=torch.bool)) for name in MODALITIES}
    tau = torch.tensor(0.4, requires_grad=True)
    leaves = {name: value.clone().requires_grad_() for name, value in vectors.items()}
    alignment_loss(leaves, temperature=tau, present=present).loss.backward()

    def loops(given: Mapping[str, Tensor], temperature: float) -> float:
        lists = {name: rows(value, here[name]) for name, value in given.items()}
        table = [[True] * 5 for _ in range(5)]
        return slow_loss(lists, table, temperature, every_pair=False, symmetric=False, normalise=True)[0]

    step, doubles = 1e-6, {name: value.double() for name, value in vectors.items()}
    for name in MODALITIES:
        expected = torch.zeros(5, 3, dtype=torch.float64)
        for place in range(15):
            sides = []
            for sign in (1, -1):
                moved = {key: value.clone() for key, value in doubles.items()}
                moved[name].view(-1)[place] += sign * step
                sides.append(loops(moved, 0.4))
            expected.view(-1)[place] = (sides[0] - sides[1]) / (2 * step)
        gradient = leaves[name].grad
        assert gradient is not None
        torch.testing.assert_close(gradient.double(), expected, rtol=1e-4, atol=1e-5)
    slope = (loops(doubles, 0.4 + step) - loops(doubles, 0.4 - step)) / (2 * step)
    assert tau.grad is not None
    assert tau.grad.item() == pytest.approx(slope, rel=1e-4)

"""Subsets of modalities and pairs of them."""

import doctest
from collections import Counter

import pytest
import torch

from egoshift.errors import ConfigError
from egoshift.losses import draw_subset_pair, modality_subsets, subset_name, subset_pairs, subsets
from egoshift.losses.subsets import PAIRINGS

SENSORS = ("video", "audio", "imu")


def test_three_modalities_have_seven_subsets_the_largest_first() -> None:
    assert [subset_name(subset) for subset in modality_subsets(SENSORS)] == [
        "video+audio+imu",
        "video+audio",
        "video+imu",
        "audio+imu",
        "video",
        "audio",
        "imu",
    ]


@pytest.mark.parametrize(
    ("pairing", "count"),
    [("disjoint", 12), ("different", 42), ("any", 49), ("same", 7), ("all-support", 7), ("all", 1)],
)
def test_each_pairing_has_as_many_pairs_as_it_says(pairing: str, count: int) -> None:
    pairs = subset_pairs(SENSORS, pairing)
    assert len(pairs) == len(set(pairs)) == count
    assert set(pairs) <= set(subset_pairs(SENSORS, "any"))


def test_disjoint_pairs_hold_the_six_of_the_papers_zero_shot_table() -> None:
    published = {"audio>video", "imu>video", "audio+imu>video", "video>audio", "video>imu", "video>audio+imu"}
    names = {f"{subset_name(s)}>{subset_name(q)}" for s, q in subset_pairs(SENSORS, "disjoint")}
    assert published < names
    assert all(not set(s) & set(q) for s, q in subset_pairs(SENSORS, "disjoint"))


def test_every_pair_is_drawn_equally_often_and_by_the_generator_alone() -> None:
    def drawn(seed: int, times: int) -> list[object]:
        generator = torch.Generator().manual_seed(seed)
        return [draw_subset_pair(SENSORS, "disjoint", generator) for _ in range(times)]

    counts = Counter(drawn(0, 6000))
    assert len(counts) == 12
    # 500 expected of each, with a standard deviation of 21.
    assert all(abs(count - 500) < 100 for count in counts.values())
    assert drawn(1, 20) == drawn(1, 20) != drawn(2, 20)
    torch.manual_seed(3)
    first = [draw_subset_pair(SENSORS, "any") for _ in range(5)]
    torch.manual_seed(3)
    assert [draw_subset_pair(SENSORS, "any") for _ in range(5)] == first


@pytest.mark.parametrize("pairing", ["same", "all-support", "all"])
def test_a_drawn_pair_is_one_of_its_pairing(pairing: str) -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = {draw_subset_pair(SENSORS, pairing, generator) for _ in range(20)}
    assert drawn <= set(subset_pairs(SENSORS, pairing))


def test_every_pairing_is_covered_here() -> None:
    assert len(PAIRINGS) == 6


@pytest.mark.parametrize(
    ("modalities", "pairing", "told"),
    [
        (["video"], "disjoint", r"pairing 'disjoint' needs two modalities, there is video; .* 'same'"),
        (SENSORS, "crossed", r"pairing is 'crossed'; give one of 'disjoint'"),
        ([], "any", r"modalities are \[\]; give a list of one or more"),
        (["video", "video"], "any", r"modalities are \['video', 'video'\]"),
        ("video", "any", r"modalities are 'video'"),
    ],
)
def test_what_leaves_no_pair_is_refused(modalities: list[str], pairing: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        subset_pairs(modalities, pairing)


def test_the_examples_give_what_they_say() -> None:
    assert doctest.testmod(subsets) == (0, 2)

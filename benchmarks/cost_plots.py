"""The cost curves as one picture: a row for each size that grows, time beside memory, on logarithmic axes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoshift.recipes.plots import blank, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE = "cost-curves.png"
CURVES = ("classes", "frames", "clips", "vocabulary")
TITLES = {
    "classes": "a training step, by number of classes",
    "frames": "a training step, by frames of a clip",
    "clips": "a training step, by clips of a batch",
    "vocabulary": "X-MIC's answers about 500 clips, by size of the vocabulary",
}
COLOURS = {
    "X-MIC": 1,
    "X-MIC as printed": 5,
    "CLIP-Adapter": 3,
    "CLIP-Adapter*": 3,
    "linear probe": 0,
    "CoOp": 4,
    "CoCoOp": 2,
    "CoCoOp in one piece": 7,
    "batch by batch": 1,
    "with all logits": 5,
}
"""Of methods, as numbers of the report's colours."""

DPI, LABEL_HEIGHT, HEADROOM = 110, 0.068, 0.1
"""Of a label and above the highest curve, as shares of the height of a panel."""


def draw(lines: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Draws the curves that there are.

    Args:
        lines: With ``curve``, ``method``, ``x``, ``time_ms`` and ``MiB``.
        path: A PNG.
    """
    grouped = {curve: [line for line in lines if line["curve"] == curve] for curve in CURVES}
    grouped = {curve: members for curve, members in grouped.items() if members}
    figure = blank(10.0, 3.5 * len(grouped))
    panels = figure.subplots(len(grouped), 2, squeeze=False)
    for (curve, members), row in zip(grouped.items(), panels, strict=True):
        for axis, quantity, unit in zip(row, ("time_ms", "MiB"), ("milliseconds", "MiB beyond before"), strict=True):
            panel(axis, members, quantity)
            axis.set_title(
                ("time of " if quantity == "time_ms" else "memory of ") + TITLES[curve], loc="left", fontsize=9
            )
            axis.set_ylabel(unit, fontsize=8)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


def panel(axis: "Axes", lines: Sequence[Mapping[str, Any]], quantity: str) -> None:
    """One quantity of all methods, each named at the end of its curve."""
    for line in lines:
        look: dict[str, Any] = {"color": colour(COLOURS[line["method"]]), "linewidth": 1.8, "markersize": 4}
        axis.plot(line["x"], line[quantity], marker="o", **look)
    axis.set_xscale("log")
    axis.set_yscale("log")
    sizes = sorted({size for line in lines for size in line["x"]})
    # Room for the names at the right.
    axis.set_xlim(sizes[0] / 1.15, sizes[-1] * (sizes[-1] / sizes[0]) ** 0.5)
    axis.set_xticks(ticks(sizes), [f"{size:,}" for size in ticks(sizes)], fontsize=8)
    axis.minorticks_off()
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    ends = [line[quantity][-1] for line in lines]
    low, high = (math.log(value) for value in axis.get_ylim())
    high += HEADROOM * (high - low)
    axis.set_ylim(top=math.exp(high))
    shares = [(math.log(value) - low) / (high - low) for value in ends]
    for line, end, share in zip(lines, ends, spread(shares, LABEL_HEIGHT), strict=True):
        axis.annotate(
            line["method"],
            (line["x"][-1], end),
            xytext=(8, (share - (math.log(end) - low) / (high - low)) * 2.7 * 72),
            textcoords="offset points",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
            fontsize=8,
            color=colour(COLOURS[line["method"]]),
        )


def ticks(sizes: Sequence[int]) -> list[int]:
    """The sizes to be written at the axis: those at least a factor of two from the one before."""
    chosen = [sizes[0]]
    for size in sizes[1:]:
        if size >= 2 * chosen[-1]:
            chosen.append(size)
    return chosen


def spread(places: Sequence[float], least: float) -> list[float]:
    """Places moved apart as little as need be for each to be at least so far from the next, in the same order.

    >>> [round(place, 2) for place in spread([0.5, 0.5, 0.9], 0.2)]
    [0.4, 0.6, 0.9]
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    groups: list[list[int]] = [[index] for index in order]

    def centre(group: list[int]) -> float:
        return sum(places[index] for index in group) / len(group)

    joined = True
    while joined:
        joined = False
        for left, (first, second) in enumerate(pairwise(groups)):
            if centre(second) - centre(first) < least * (len(first) + len(second)) / 2 - 1e-9:
                groups[left : left + 2] = [first + second]
                joined = True
                break
    moved = list(places)
    for group in groups:
        for number, index in enumerate(group):
            moved[index] = centre(group) + (number - (len(group) - 1) / 2) * least
    return moved

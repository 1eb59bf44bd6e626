"""The plot of all comparisons: difference, interval and the seeds behind it, one line each, around zero."""

import io
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from egoshift.recipes.claims.claim import Gain
from egoshift.recipes.claims.finding import Compared, Finding
from egoshift.recipes.claims.judge import Verdict

_LOOKS: Mapping[Verdict, tuple[str, str]] = MappingProxyType(
    {
        "reproduced": ("#2f8f5b", "o"),
        "not reproduced": ("#c4374e", "X"),
        "undecided": ("#6b7683", "D"),
    }
)
"""Colour and marker; told apart without colours too."""
_LINE_INCHES, _GAP = 0.27, 1.5


def forest(findings: Sequence[Finding]) -> bytes:
    """A PNG of every comparison that was run, grouped by claim."""
    from matplotlib.figure import Figure

    run = [finding for finding in findings if finding.compared]
    num_lines = sum(_GAP + len(finding.compared) for finding in run)
    figure = Figure(figsize=(10.5, 1.2 + _LINE_INCHES * num_lines), layout="constrained")
    axis = figure.subplots()
    limits = _limits([compared for finding in run for compared in finding.compared])
    axis.axvline(0, color="#1c2733", linewidth=1)
    places, names, y = [], [], 0.0
    for finding in run:
        _head(axis, y, finding)
        for compared in finding.compared:
            y += 1
            _draw(axis, y, compared, limits)
            places.append(y)
            names.append(_name(compared))
        y += _GAP
    axis.set_yticks(places, names, fontsize=8)
    axis.set_ylim(y - _GAP + 0.7, -0.8)
    axis.set_xlim(limits)
    axis.set_xlabel("left minus right, points; bars are 95% intervals over seeds, ticks single seeds", fontsize=9)
    axis.grid(axis="x", alpha=0.3)
    axis.tick_params(axis="y", length=0, pad=10)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    _legend(figure, axis)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return content.getvalue()


def _limits(compared: Sequence[Compared]) -> tuple[float, float]:
    """Room for every seed's difference; intervals of few seeds may reach further, and end in arrows."""
    differences = [0.0, *(value for one in compared for value in one.differences)]
    ends = [end for one in compared for end in one.interval or ()]
    margin = 0.35 * (max(differences) - min(differences)) or 1.0
    low, high = min(differences) - margin, max(differences) + margin
    return max(low, min([*ends, *differences]) - 0.1 * margin), min(high, max([*ends, *differences]) + 0.1 * margin)


def _head(axis: Any, y: float, finding: Finding) -> None:
    from matplotlib.transforms import blended_transform_factory

    axis.text(
        0.01,
        y,
        f"{finding.claim.number}. {finding.claim.sentence}: {finding.verdict}",
        # From the figure's left edge, over the names too: the longest claims need the whole width.
        transform=blended_transform_factory(axis.figure.transFigure, axis.transData),
        in_layout=False,
        va="center",
        fontsize=9,
        weight="bold",
        color=_LOOKS[finding.verdict][0],
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )


def _draw(axis: Any, y: float, compared: Compared, limits: tuple[float, float]) -> None:
    colour, marker = _LOOKS[compared.verdict]
    if compared.interval is not None:
        low, high = compared.interval
        axis.plot([max(low, limits[0]), min(high, limits[1])], [y, y], color=colour, linewidth=2)
        for end, beyond, arrow in ((limits[0], low < limits[0], "<"), (limits[1], high > limits[1], ">")):
            if beyond:
                axis.plot(end, y, arrow, color=colour, markersize=7, clip_on=False)
    axis.plot(compared.differences, [y + 0.3] * len(compared.differences), "|", color=colour, markersize=5)
    face = colour if compared.comparison.decides else "white"
    axis.plot(compared.difference, y, marker, color=colour, markerfacecolor=face, markersize=7)


def _name(compared: Compared) -> str:
    left, right = compared.comparison.left, compared.comparison.right
    if isinstance(left, Gain) or isinstance(right, Gain):
        return f"{left.label} gain vs {right.label} gain · {compared.comparison.measure}"
    return f"{left.title} vs {right.title} · {compared.comparison.label}, {compared.comparison.measure}"


def _legend(figure: Any, axis: Any) -> None:
    handles = [
        axis.plot([], [], marker, color=colour, label=verdict)[0] for verdict, (colour, marker) in _LOOKS.items()
    ]
    handles += axis.plot([], [], "o", color="#1c2733", markerfacecolor="white", label="beside the claim: ours")
    figure.legend(handles=handles, loc="outside upper right", ncols=4, fontsize=8, frameon=False)

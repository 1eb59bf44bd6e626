"""The plot of the missing-rate sweep: what is left of the accuracy when samples lack a modality."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from egoshift.evaluation.modality_result import ANY_MODALITY
from egoshift.recipes.modalities.collect import Collection
from egoshift.recipes.plots import blank, colour, png_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vPX*"
_PANELS_ABREAST = 3


def sweep_plot(collection: Collection) -> str | None:
    """Accuracy against the share of samples without a modality, 0 to 100%, with 95% bands, as a PNG's base64 text.

    One run: one line per missing modality, and one where each is missing now and then. Several: a panel for each of
    these, and one line per run. None where no result holds a sweep.
    """
    runs = [run for run in collection.runs if any(place.run == run for place in collection.sweep)]
    kinds = [*collection.modalities, ANY_MODALITY]
    kinds = [kind for kind in kinds if any(place.missing == kind for place in collection.sweep)]
    if not runs:
        return None
    if len(runs) == 1:
        figure = blank(7.2, 3.9)
        axis = figure.subplots()
        for number, kind in enumerate(kinds):
            _draw(axis, collection, runs[0], kind, number, kind)
        _finish([axis], collection)
        axis.set_xlabel("samples without the modality, %")
        figure.legend(title="missing", loc="outside right upper", fontsize=9, frameon=False, alignment="left")
        return png_text(figure)
    columns = 2 if len(kinds) == 4 else min(_PANELS_ABREAST, len(kinds))
    lines = -(-len(kinds) // columns)
    figure = blank(0.6 + 3.3 * columns, 0.7 + 2.7 * lines)
    panels = list(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axis, kind in zip(panels, kinds, strict=False):
        for number, run in enumerate(runs):
            _draw(axis, collection, run, kind, number, run if axis is panels[0] else None)
        axis.set_title(_title(kind), loc="left", fontsize=10)
    _finish(panels[: len(kinds)], collection)
    for number, axis in enumerate(panels):
        axis.set_visible(number < len(kinds))
        axis.tick_params(labelbottom=number + columns >= len(kinds))  # also above a panel that is not there
    figure.supxlabel("samples without the modality, %", fontsize=10)
    figure.legend(loc="outside upper left", ncols=4, fontsize=9, frameon=False)
    return png_text(figure)


def _title(kind: str) -> str:
    return "any missing" if kind == ANY_MODALITY else f"{kind} missing"


def _draw(axis: "Axes", collection: Collection, run: str, kind: str, number: int, name: str | None) -> None:
    points = sorted(place for place in collection.sweep if (place.run, place.missing) == (run, kind))
    if not points:
        return
    numbers = [collection.sweep[place] for place in points]
    rates = [100 * place.rate for place in points]
    look = "#1c2733" if kind == name == ANY_MODALITY else colour(number + 1)
    marker = _MARKERS[number % len(_MARKERS)]
    style = "--" if kind == name == ANY_MODALITY else "-"
    axis.plot(rates, [n.value for n in numbers], style, color=look, marker=marker, markersize=4.5, label=name)
    known = [(rate, n.low, n.high) for rate, n in zip(rates, numbers, strict=True) if n.low is not None]
    if known:
        where, low, high = zip(*known, strict=True)
        axis.fill_between(where, low, high, color=look, alpha=0.13, linewidth=0)


def _finish(axes: Sequence["Axes"], collection: Collection) -> None:
    ends = [end for n in collection.sweep.values() for end in (n.value, n.high) if end is not None]
    top = min(100.0, 1.08 * max(ends)) or 1.0
    for axis in axes:
        axis.set_xlim(-2, 102)
        axis.set_ylim(0, top)
        axis.set_xticks(range(0, 101, 25))
        axis.grid(alpha=0.3)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[0].set_ylabel(f"{collection.label} top-1, %")

"""The report's plots, each as the base64 text of a PNG; drawn without a display and without global state."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from egoshift.evaluation import Result
from egoshift.evaluation.result import Confusion, EpochRow
from egoshift.recipes.tables import TableRow
from egoshift.records import LABELS, Label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES = 40
"""Classes a plot shows; the ones with the most clips."""

_NAMES_ABREAST = 4
_COLOURS = ("#9aa5b1", "#0b63b0", "#d1495b", "#3a9a68", "#edae49", "#7b5ea7", "#30638e", "#8d5524")


def overview(rows: Sequence[TableRow]) -> str:
    """Micro top-1 of every method, one panel per kind of label, grouped by training and test set."""
    shown = [row for row in rows if (row.metric, row.subset) == ("top1", "all")]
    labels = [label for label in LABELS if any(row.label == label for row in shown)]
    methods = list(dict.fromkeys(row.method for row in shown))
    places = list(dict.fromkeys((row.train, row.test) for row in shown))
    figure = blank(5.2 * max(1, len(labels)), 1.2 + 0.22 * len(places) * (len(methods) + 1))
    axes = figure.subplots(1, max(1, len(labels)), squeeze=False, sharey=True)[0]
    for axis, label in zip(axes, labels, strict=False):
        for number, method in enumerate(methods):
            mine = {(row.train, row.test): row for row in shown if (row.method, row.label) == (method, label)}
            for place, row in ((places.index(place), row) for place, row in mine.items()):
                y = place + (number - (len(methods) - 1) / 2) * 0.8 / len(methods)
                name = method if place == min(places.index(key) for key in mine) else None
                axis.barh(y, row.value, 0.7 / len(methods), color=colour(number), label=name)
                if row.low is not None and row.high is not None:
                    axis.plot([row.low, row.high], [y, y], color="#1c2733", linewidth=1)
        axis.set_title(f"{label} top-1, %", loc="left", fontsize=10)
        axis.set_yticks(range(len(places)), [f"{train} → {test}" for train, test in places])
        axis.grid(axis="x", alpha=0.3)
        axis.set_xlim(left=0)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=4, fontsize=8, frameon=False)
    return png_text(figure)


def per_class(results: Sequence[Result], label: Label) -> str:
    """Accuracy of each class for several methods tested on the same clips; the most frequent classes first."""
    rows = {row.index: row for row in results[0].per_class if row.label == label and row.n}
    order = sorted(rows, key=lambda index: (-rows[index].n, index))[:MOST_CLASSES]
    figure = blank(max(5.0, 0.32 * len(order) + 1.5), 3.4)
    axis = figure.subplots()
    for number, result in enumerate(results):
        mine = {row.index: row for row in result.per_class if row.label == label}
        heights = [100 * mine[index].correct / mine[index].n for index in order]
        offset = (number - (len(results) - 1) / 2) * 0.8 / len(results)
        places = [place + offset for place in range(len(order))]
        name = result.variant or result.method
        axis.bar(places, heights, 0.75 / len(results), color=colour(number), label=name)
    axis.set_xticks(range(len(order)), [f"{rows[index].name} ({rows[index].n})" for index in order], rotation=60)
    for text in axis.get_xticklabels():
        text.set_horizontalalignment("right")
        text.set_rotation_mode("anchor")
    axis.set_ylabel("accuracy, %")
    axis.set_xlim(-0.6, len(order) - 0.4)
    axis.set_ylim(0, 100)
    axis.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside upper left", ncols=4, fontsize=8, frameon=False)
    return png_text(figure)


def confusion(result: Result, counts: Confusion) -> str | None:
    """Share of each class's clips that were taken for each class; None where the result holds no matrix."""
    if counts.matrix is None:
        return None
    names = {row.index: row.name for row in result.per_class if row.label == counts.label}
    present = [index for index, row in enumerate(counts.matrix) if sum(row)]
    answered = [index for index in range(len(counts.matrix)) if any(counts.matrix[row][index] for row in present)]
    columns = sorted(set(present) | set(answered))
    shares = [[counts.matrix[row][column] / sum(counts.matrix[row]) for column in columns] for row in present]
    figure = blank(2.2 + 0.24 * len(columns), 1.8 + 0.24 * len(present))
    axis = figure.subplots()
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.set_xticks(range(len(columns)), [names.get(index, str(index)) for index in columns], rotation=90, fontsize=7)
    axis.set_yticks(range(len(present)), [names.get(index, str(index)) for index in present], fontsize=7)
    axis.set_xlabel("answered")
    axis.set_ylabel("annotated")
    figure.colorbar(image, ax=axis, label="share of the class's clips")
    return png_text(figure)


def training_curves(histories: Mapping[str, Sequence[EpochRow]]) -> str:
    """Loss and held-out score by epoch, one line per trained model."""
    lines = -(-len(histories) // _NAMES_ABREAST)
    validated = [name for name, history in histories.items() if all(row.score is not None for row in history)]
    figure = blank(10.0 if validated else 6.0, 3.0 + 0.2 * lines)
    axes = figure.subplots(1, 2 if validated else 1, squeeze=False)[0]
    for number, (name, history) in enumerate(histories.items()):
        epochs = [row.epoch + 1 for row in history]
        look: dict[str, Any] = {"color": colour(number + 1), "marker": "o" if len(epochs) == 1 else None}
        axes[0].plot(epochs, [row.loss for row in history], label=name, **look)
        if name in validated:
            axes[1].plot(epochs, [row.score for row in history], **look)
    for axis, title in zip(axes, ("loss", "top-1 on validation clips, %"), strict=False):
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    figure.legend(loc="outside lower left", ncols=_NAMES_ABREAST, fontsize=8, frameon=False)
    return png_text(figure)


def blank(width: float, height: float) -> "Figure":
    """An empty figure of that many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def png_text(figure: "Figure") -> str:
    """A figure as the base64 text of a PNG, the same at every time."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return base64.b64encode(content.getvalue()).decode("ascii")


def colour(number: int) -> str:
    """Of the number-th method; the first is grey, what others are read against."""
    return _COLOURS[number % len(_COLOURS)]

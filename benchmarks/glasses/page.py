"""The tables and the plot of docs/glasses.md, from the numbers alone."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.glasses.models import ANY_SUBSET, KINDS, ONE_EACH, SENSORS, SUBSETS
from benchmarks.glasses.work import MAJORITY, MEAN, number_of
from egoshift.errors import ConfigError
from egoshift.evaluation import ANY_MODALITY
from egoshift.losses.subsets import subset_name
from egoshift.recipes.plots import blank, colour, png_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEGIN, END = "<!-- glasses:begin -->", "<!-- glasses:end -->"
ALL = subset_name(SENSORS)
SHOWN = (ANY_SUBSET, "no dropout", ONE_EACH)
"""The models of the plot; the table has the others too."""

DOUBTFUL = ("24", "25", "26", "27")
"""People whose recordings do not look like the activities that they are labelled as; see the page."""

_MARKERS, _STYLES = "osD", ("-", "--", ":")

Row = Mapping[str, Any]


def write_page(result: Mapping[str, Any], page: Path) -> None:
    """Writes the numbers and the plot beside a page, and the tables into it, between its marks.

    Raises:
        ConfigError: The page has no marks.
    """
    page.parent.mkdir(parents=True, exist_ok=True)
    page.with_suffix(".json").write_text(numbers_text(result), encoding="utf-8")
    page.with_suffix(".png").write_bytes(base64.b64decode(sweep_plot(result["sweep"], result["rows"])))
    text = page.read_text(encoding="utf-8") if page.exists() else f"{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"{page}: has no lines {BEGIN} and {END} for the tables; put them in, or give another --page")
    page.write_text(f"{before}{BEGIN}\n{tables(result)}{END}{after}", encoding="utf-8")


def numbers_text(result: Mapping[str, Any]) -> str:
    """The JSON, a row a line."""
    parts = []
    for name, value in result.items():
        rows = value if isinstance(value, list) else [value]
        lines = ",\n  ".join(json.dumps(row) for row in rows)
        parts.append(f' "{name}": [\n  {lines}\n ]' if isinstance(value, list) else f' "{name}": {lines}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def tables(result: Mapping[str, Any]) -> str:
    """All tables, in Markdown."""
    rows = {(row["model"], row["subset"]): row for row in result["rows"]}
    people = sum(len(fold["people"]["test"]) for fold in result["folds"])
    majority = rows[MAJORITY, ALL]
    head = (
        f"Micro top-1 of each person's clips, %, mean over {people} people, each tested once in {len(result['folds'])} "
        f"folds; brackets are 95% Student-t intervals over people. The class that most training clips are of: "
        f"{_cell(majority)}; chance: {100 / result['classes']:.1f}.\n\n"
    )
    text = head + _main_table(rows) + "\n" + _kind_table(rows)
    if not set(DOUBTFUL) < set(majority["people"]):
        return text
    others = {(row["model"], row["subset"]): row for row in without(result["rows"], DOUBTFUL)}
    told = f"The same people's numbers without the users {', '.join(DOUBTFUL)} (see below; the models are the same):"
    return f"{text}\n{told}\n\n{_kind_table(others)}"


def without(rows: Sequence[Row], left_out: Sequence[str]) -> list[Row]:
    """The rows of fewer people."""
    known = {(row["model"], row["subset"]): row for row in rows}
    found: list[Row] = []
    for row in rows:
        people = {user: value for user, value in row["people"].items() if user not in left_out}
        fewer = {**row, **number_of(people), "people": people}
        if "any_subset_minus_it" in row:
            ours = known[ANY_SUBSET, row["subset"]]["people"]
            fewer["any_subset_minus_it"] = number_of({user: ours[user] - value for user, value in people.items()})
        found.append(fewer)
    return found


def _main_table(rows: Mapping[tuple[str, str], Row]) -> str:
    lines: list[tuple[str, ...]] = [
        ("seen by", "any subset", "no dropout", "one each", "any subset - no dropout", "any subset - one each")
    ]
    for subset in (*map(subset_name, SUBSETS), MEAN):
        cells = [_cell(rows[name, subset]) for name in SHOWN]
        behind = [_difference(rows[name, subset]["any_subset_minus_it"]) for name in SHOWN[1:]]
        lines.append((short(subset), *cells, *behind))
    return _markdown(lines)


def _kind_table(rows: Mapping[tuple[str, str], Row]) -> str:
    lines: list[tuple[str, ...]] = [
        ("model", "all four", MEAN, "any subset - it, all four", f"any subset - it, {MEAN}")
    ]
    for name in KINDS:
        found = [rows[name, subset] for subset in (ALL, MEAN)]
        behind = [_difference(row["any_subset_minus_it"]) if name != ANY_SUBSET else "" for row in found]
        lines.append((name, *map(_cell, found), *behind))
    return _markdown(lines)


def short(subset: str) -> str:
    """A subset by the first three letters of its sensors; ``MEAN`` as it is.

    >>> short("accelerometer+gyroscope")
    'acc + gyr'
    """
    return subset if subset == MEAN else " + ".join(name[:3] for name in subset.split("+"))


def _cell(row: Row) -> str:
    return f"{row['value']:.1f}" + ("" if row["low"] is None else f" [{row['low']:.1f}, {row['high']:.1f}]")


def _difference(row: Row) -> str:
    return f"{row['value']:+.1f}" + ("" if row["low"] is None else f" [{row['low']:+.1f}, {row['high']:+.1f}]")


def _markdown(lines: Sequence[tuple[str, ...]]) -> str:
    rule = ("---", *["---:"] * (len(lines[0]) - 1))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (lines[0], rule, *lines[1:]))


def sweep_plot(sweep: Sequence[Row], rows: Sequence[Row]) -> str:
    """A panel for each sensor that is missing ever more often, and one for any of them, as a PNG's base64 text."""
    majority = next(row["value"] for row in rows if row["model"] == MAJORITY)
    figure = blank(9.6, 5.6)
    panels = list(figure.subplots(2, 3, sharex=True, sharey=True).flat)
    for axis, missing in zip(panels, (ANY_MODALITY, *SENSORS), strict=False):
        for number, model in enumerate(SHOWN):
            points = [row for row in sweep if (row["model"], row["missing"]) == (model, missing)]
            _draw(axis, points, number, model)
        axis.axhline(majority, color="#9aa5b1", linewidth=1, linestyle=(0, (1, 2)), label=MAJORITY)
        title = "any sensor" if missing == ANY_MODALITY else missing
        axis.set_title(f"{title} missing", loc="left", fontsize=10)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    top = max(row["high"] or row["value"] for row in sweep)
    panels[0].set(xlim=(-3, 103), ylim=(0, 1.08 * top), xticks=range(0, 101, 25))
    panels[2].tick_params(labelbottom=True)
    panels[5].set_visible(False)
    figure.supxlabel("clips without the sensor, %", fontsize=10)
    figure.supylabel("top-1, mean over people, %", fontsize=10)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc=(0.72, 0.2), fontsize=10, frameon=False)
    return png_text(figure)


def _draw(axis: "Axes", points: Sequence[Row], number: int, model: str) -> None:
    rates, look = [100 * row["rate"] for row in points], colour(number + 1)
    values = [row["value"] for row in points]
    axis.plot(rates, values, _STYLES[number], color=look, marker=_MARKERS[number], markersize=4, label=model)
    known = [(rate, row["low"], row["high"]) for rate, row in zip(rates, points, strict=True) if row["low"] is not None]
    if known and model == ANY_SUBSET:
        where, low, high = zip(*known, strict=True)
        axis.fill_between(where, low, high, color=look, alpha=0.13, linewidth=0)

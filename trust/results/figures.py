"""Every measured number that a page may quote, by name, from the JSON files of ``docs/`` that programs write.

Names are paths: ``benchmarks/rendering/value``, ``claims/2/X-MIC > zero-shot/noun/hm/difference``. Of the encoders'
cards, whose tables the training programs write, the cells are figures too.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.glasses.page import DOUBTFUL, short, without

from egoshift.recipes.claims.page import row_cells
from trust.results.derived import Value, derived

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CARDS = ("clip", "clip_large", "dino", "lavila")

Row = Mapping[str, Any]


def read_figures(docs: Path = DOCS) -> dict[str, Value]:
    """All figures by name.

    Args:
        docs: The folder of the JSON files; one that is not there gives no figures.
    """
    found: dict[str, Value] = {}
    for name, read in READERS.items():
        path = docs / f"{name}.json"
        if path.exists():
            found.update({f"{name}/{place}": value for place, value in read(json.loads(path.read_text("utf-8")))})
    for folder in CARDS:
        text = (ROOT / "src/egoshift/world" / folder / "README.md").read_text("utf-8")
        found.update({f"cards/{folder}/{place}": value for place, value in card_figures(text)})
    return found | derived(found)


def benchmark_figures(lines: Iterable[Row]) -> Iterator[tuple[str, Value]]:
    """Every number of every line, by the benchmark's name and the field's."""
    for line in lines:
        yield from _numbers(line["name"], line)


def claim_figures(rows: Iterable[Row]) -> Iterator[tuple[str, Value]]:
    """Every number of every comparison; ``row`` is the end of its line in a table, from the left value on."""
    for row in rows:
        compared = row["comparison"].removesuffix(" (beside: ours)")
        place = f"{row['number']}/{compared}/{row['label']}/{row['measure']}"
        yield from _numbers(place, row)
        yield f"{place}/row", " | ".join(row_cells(row)[3:])
        for side in ("left", "right"):
            for seed, value in zip(row["seeds"], row[f"{side}_values"], strict=True):
                yield f"{place}/{side}/{seed}", value


def glasses_figures(result: Row) -> Iterator[tuple[str, Value]]:
    """By model, then by the subset's short name, then a number or a person's; differences under ``behind``."""
    for row in result["rows"]:
        place = f"{row['model']}/{short(row['subset'])}"
        yield from _numbers(place, row)
        yield from ((f"{place}/people/{user}", value) for user, value in row["people"].items())
        yield from _numbers(f"{place}/behind", row.get("any_subset_minus_it", {}))
    for sensor in sorted({name for fold in result["folds"] for name in fold["chosen"]}):
        chosen = [fold["chosen"][sensor] for fold in result["folds"]]
        yield f"folds/{sensor}/centred", float(sum(name.endswith("-centred") for name in chosen))
    for signal, people in result.get("signals", {}).items():
        yield from _numbers(f"signals/{signal}", people)
    for row in without(result["rows"], DOUBTFUL):
        yield from _numbers(f"others/{row['model']}/{short(row['subset'])}", row)
        yield from _numbers(f"others/{row['model']}/{short(row['subset'])}/behind", row.get("any_subset_minus_it", {}))


def demo_figures(demos: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """Rows of the demonstrations, by which, run, data sets, label and clips, and what sensors the two sides had."""
    for name, demo in demos.items():
        for row in demo["rows"]:
            sides = [row[side] for side in ("task", "support", "query") if side in row]
            where = [row["method"], row["train"], row["test"], row["label"], row["metric"], row["subset"], *sides]
            yield from _numbers("/".join((name, *where)), row)


def paper_figures(cells: Iterable[Row]) -> Iterator[tuple[str, Value]]:
    """Cells of the tables on EgoWorld that were run."""
    for cell in cells:
        place = "/".join(str(cell[key]) for key in ("table", "row", "train", "test", "label", "metric", "subset"))
        yield from _numbers(place, {key: value for key, value in cell.items() if value is not None})


def card_figures(text: str) -> Iterator[tuple[str, Value]]:
    """Cells of a card's table, by the first cell of their line and their place behind it, from 1."""
    for line in re.findall(r"^\| *([^|\n]+?) *\|((?: *\d+\.\d+ *\|)+)$", text, flags=re.MULTILINE):
        for place, cell in enumerate(line[1].strip("| ").split("|"), 1):
            yield f"{line[0]}/{place}", float(cell)


READERS: Mapping[str, Callable[[Any], Iterator[tuple[str, Value]]]] = {
    "benchmarks": benchmark_figures,
    "claims": claim_figures,
    "demos": demo_figures,
    "glasses": glasses_figures,
    "papers": paper_figures,
}
"""How the figures of each JSON file are found."""


def _numbers(place: str, row: Row) -> Iterator[tuple[str, Value]]:
    for key, value in row.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{place}/{key}", float(value)

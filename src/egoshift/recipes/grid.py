"""How tables are written: as Markdown, as LaTeX, as CSV."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """A table to print.

    Attributes:
        caption: What stands above it.
        headings: Of all columns; the first two name a line, the others hold numbers.
        lines: The texts of each line.
        note: What a reader must know beside it; may be empty.
    """

    caption: str
    headings: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    note: str = ""


def markdown(grids: Iterable[Grid]) -> str:
    """The tables as Markdown."""
    parts = []
    for grid in grids:
        rule = ("---", "---", *("---:" for _ in grid.headings[2:]))
        body = "\n".join("| " + " | ".join(line) + " |" for line in (grid.headings, rule, *grid.lines))
        # Markdown would take <class> for a tag and hide it.
        parts += [f"**{grid.caption}**", body.replace("<", "\\<"), *([grid.note.replace("<", "\\<")] * bool(grid.note))]
    return "\n\n".join(parts) + "\n"


def latex(grids: Iterable[Grid]) -> str:
    """The tables as LaTeX (booktabs)."""
    parts = []
    for grid in grids:
        body = "\n".join("  " + " & ".join(map(_escaped, line)) + r" \\" for line in grid.lines)
        caption = f"{grid.caption}. {grid.note}" if grid.note else grid.caption
        parts.append(
            "\\begin{table}\n\\centering\n\\caption{" + _escaped(caption) + "}\n"
            f"\\begin{{tabular}}{{ll{'r' * len(grid.headings[2:])}}}\n  \\toprule\n"
            "  " + " & ".join(map(_escaped, grid.headings)) + " \\\\\n  \\midrule\n"
            f"{body}\n  \\bottomrule\n\\end{{tabular}}\n\\end{{table}}"
        )
    return "\n\n".join(parts) + "\n"


def csv_text(names: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as CSV; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _escaped(text: str) -> str:
    for character in "_%&#":
        text = text.replace(character, "\\" + character)
    return text.replace("<", r"\textless{}").replace(">", r"\textgreater{}")

"""How numbers of runs and subsets of modalities become tables that fit on a page, whatever their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from egoshift.recipes.grid import Grid
from egoshift.recipes.modalities.collect import Number

MOST_COLUMNS = 8
"""Numbers side by side; the seven subsets of three modalities fit, the fifteen of four do not."""


@dataclass(frozen=True)
class Cell:
    """Our number and the paper's.

    Attributes:
        number: Ours; None where nothing was run.
        reported: The printed number, in percent; None where there is none.
        apart: Whether it stands in a line or column of its own, whose heading says "reported".
    """

    number: Number | None
    reported: float | None = None
    apart: bool = False

    def text(self, most_seeds: int) -> str:
        """``12.3 [10.1, 14.5] (reported 55.66)``, each where there is one."""
        if self.number is not None:
            return self.number.text(most_seeds, self.reported)
        if self.reported is None:
            return ""
        return f"{self.reported:.2f}" if self.apart else f"(reported {self.reported:.2f})"


Line = tuple[str, str]
"""What names a line: its group (the kind of label, the kind of clips), and what it is."""


@dataclass(frozen=True)
class NumberTable:
    """A table to print.

    Attributes:
        caption: What stands above it.
        names: The headings of the two columns that name a line.
        columns: The headings of the others.
        lines: What names each, and its cells.
        note: What a reader must know beside it; may be empty.
        most_seeds: Of any number in it; cells of fewer say so.
    """

    caption: str
    names: Line
    columns: tuple[str, ...]
    lines: tuple[tuple[Line, tuple[Cell, ...]], ...]
    note: str = ""
    most_seeds: int = 1

    @property
    def grid(self) -> Grid:
        """The table as text."""
        texts = tuple((*names, *(cell.text(self.most_seeds) for cell in cells)) for names, cells in self.lines)
        return Grid(self.caption, (*self.names, *self.columns), texts, self.note)


def laid_out(
    caption: str,
    names: tuple[str, str, str],
    cells: Mapping[tuple[Line, str], Cell],
    columns: Sequence[str],
    note: str = "",
) -> list[NumberTable]:
    """One table, or several where there is more than one has room for.

    Args:
        caption: What stands above it.
        names: What groups, lines and columns are called.
        cells: By line and column. More columns than fit change places with the lines; what still does not fit goes into
            a further table.
        columns: Their order.
        note: Stands under the last.
    """
    lines = list(dict.fromkeys(line for line, _ in cells))
    heading = names[1]
    if len(columns) > MOST_COLUMNS:
        cells = {((group, column), line): cell for ((group, line), column), cell in cells.items()}
        groups, titles = (list(dict.fromkeys(line[part] for line in lines)) for part in (0, 1))
        lines = [(group, column) for group in groups for column in columns]
        columns, heading = titles, names[2]
    numbers = [cell.number for cell in cells.values() if cell.number is not None]
    most_seeds = max((number.seeds for number in numbers), default=1)
    parts = [columns[start : start + MOST_COLUMNS] for start in range(0, len(columns), MOST_COLUMNS)]
    return [
        NumberTable(
            caption + (f"; part {number} of {len(parts)}" if len(parts) > 1 else ""),
            (names[0], heading),
            tuple(part),
            tuple((line, tuple(cells.get((line, column), Cell(None)) for column in part)) for line in lines),
            note if number == len(parts) else "",
            most_seeds,
        )
        for number, part in enumerate(parts, 1)
    ]

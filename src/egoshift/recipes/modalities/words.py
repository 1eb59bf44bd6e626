"""What captions, headings and notes of tables of several modalities say."""

from collections.abc import Iterable

from egoshift.evaluation.modality_result import Task
from egoshift.losses.subsets import Modalities, subset_name
from egoshift.recipes.modalities.layout import Cell
from egoshift.recipes.modalities.reported import NOT_COMPARABLE, SLIP

_OVER = {
    "many-shot": "over videos",
    "few-shot": "over episodes",
    None: "over videos in many-shot columns and over episodes in few-shot ones",
}


def task_text(task: Task, episodes: str = "") -> str:
    """``few-shot (5-way 5-shot)``."""
    return f"{task} ({episodes})" if episodes else task


def pair_text(support: Modalities, query: Modalities) -> str:
    """``audio -> video``."""
    return f"{subset_name(support)} -> {subset_name(query)}"


def note_text(cells: Iterable[Cell], task: Task | None, *, slip: bool = False) -> str:
    """How to read the numbers.

    Args:
        cells: Of the table.
        task: Of all its numbers; None where both are in it.
        slip: Whether the number stands in it of which the paper prints two.
    """
    cells = list(cells)
    numbers = [cell.number for cell in cells if cell.number is not None]
    seeds = max((number.seeds for number in numbers), default=1)
    single = any(number.seeds == 1 and number.low is not None for number in numbers)
    sentences = []
    if seeds > 1:
        sentences.append(f"Means over {seeds} seeds; brackets are their 95% Student-t intervals.")
    if single:
        sentences.append(f"Brackets{' of one seed' if seeds > 1 else ''} are 95% intervals {_OVER[task]}.")
    if any(cell.reported is not None and not cell.apart for cell in cells):
        sentences.append("“reported”: printed in MMG-Ego4D (CVPR 2023).")
    if any(cell.reported is not None and cell.apart for cell in cells):
        sentences.append(NOT_COMPARABLE)
    return " ".join((*sentences, *([SLIP] * slip)))

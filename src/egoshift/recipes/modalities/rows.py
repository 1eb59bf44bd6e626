"""Every number of models of several modalities as a row for machines, and the tables as text."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields

from egoshift.evaluation.modality_result import ModalityResult, Task
from egoshift.losses.subsets import subset_name
from egoshift.recipes.grid import csv_text, latex, markdown
from egoshift.recipes.modalities.ablation import beside
from egoshift.recipes.modalities.collect import Collection, collect
from egoshift.recipes.modalities.tables import tables
from egoshift.recipes.tables import TableRow


@dataclass(frozen=True)
class ModalityRow(TableRow):
    """One number, so that rows of both kinds can stand in one file.

    ``metric`` is always ``top1``; of few-shot rows among the episode's classes. The value is the mean over seeds, its
    interval over seeds where several were run, else over videos (many-shot) or episodes (few-shot), and ``n`` counts
    clips or episodes of all seeds together.

    Attributes:
        task: Many-shot or few-shot.
        setting: ``regular``, ``missing``, ``zero-shot`` or ``other``; ``sweep`` for the missing-rate sweep.
        support: What labelled clips were seen by, such as ``video+imu``; empty for the sweep.
        query: What the clips to recognise are seen by, likewise.
        episodes: Such as ``5-way 5-shot``; empty for many-shot.
        missing: Of the sweep, which modality is missing; else empty.
        rate: Of the sweep, in what share of the samples; else None.
        seeds: How many.
    """

    task: Task
    setting: str
    support: str
    query: str
    episodes: str
    missing: str
    rate: float | None
    seeds: int


def modality_rows(results: Sequence[ModalityResult]) -> list[ModalityRow]:
    """Every number of every result, several seeds of a run as one.

    Raises:
        ResultError: Two results of one run and seed claim the same place.
    """
    return [row for collection in collect(results) for row in _rows(collection)]


def _rows(collection: Collection) -> list[ModalityRow]:
    where = {"train": collection.train, "test": collection.test, "label": collection.label, "metric": "top1"}
    empty = {"reported": None, "support": "", "query": "", "episodes": "", "missing": "", "rate": None}
    rows = []
    for place, number in collection.numbers.items():
        subsets = {"support": subset_name(place.support), "query": subset_name(place.query)}
        mine = {"method": place.run, "task": place.task, "subset": place.clips, "episodes": place.episodes}
        setting = {"setting": collection.settings[place], "reported": beside(collection, place)}
        rows.append(where | empty | asdict(number) | subsets | mine | setting)
    for point, number in collection.sweep.items():
        mine = {"method": point.run, "task": "many-shot", "subset": "all", "setting": "sweep"}
        rows.append(where | empty | asdict(number) | mine | {"missing": point.missing, "rate": point.rate})
    return [ModalityRow(**row) for row in rows]


def both_as_csv(others: Sequence[TableRow], rows: Sequence[ModalityRow]) -> str:
    """Rows of both kinds as one CSV; what one kind lacks is empty there."""
    names = [field.name for field in fields(ModalityRow)]
    return csv_text(names, [*map(asdict, others), *map(asdict, rows)])


MODALITY_FORMATS: dict[str, Callable[[Sequence[ModalityResult], bool], str]] = {
    "md": lambda results, reported: markdown(table.grid for table in tables(results, reported=reported)),
    "csv": lambda results, _: both_as_csv((), modality_rows(results)),
    "latex": lambda results, reported: latex(table.grid for table in tables(results, reported=reported)),
}
"""From results, and whether to print the paper's numbers apart from ours; rows never hold those."""

"""The tables of models of several modalities, from result files alone, shaped like those of MMG-Ego4D.

Modalities may have any names and be any number.
"""

from collections.abc import Mapping, Sequence, Set

from egoshift.evaluation.modality_result import ModalityResult, Setting, Task
from egoshift.losses.subsets import Modalities, subset_name
from egoshift.recipes.modalities.ablation import ABLATION, AblationLine, beside, is_paper
from egoshift.recipes.modalities.collect import Collection, Place, collect
from egoshift.recipes.modalities.layout import Cell, Line, NumberTable, laid_out
from egoshift.recipes.modalities.reported import EPISODES, TITLE, is_slip, reported_value
from egoshift.recipes.modalities.sides import ablation_tables, novel_tables, single_tables
from egoshift.recipes.modalities.words import note_text, pair_text, task_text

SubsetPair = tuple[Modalities, Modalities]
"""What labelled clips were seen by, and what the clips to recognise are seen by."""


def tables(
    results: Sequence[ModalityResult], *, reported: bool = False, lines: Sequence[AblationLine] = ABLATION
) -> list[NumberTable]:
    """Every table that these results fill, by data sets and kind of label.

    Args:
        results: Any results; several seeds of a run become one number.
        reported: Also print the paper's numbers where the data are not the paper's, in a line or column of their own.
        lines: Which runs are the ablation's.

    Raises:
        ResultError: Two results of one run and seed claim the same place.
    """
    found = []
    for collection in collect(results):
        found += main_tables(collection, reported=reported)
        found += ablation_tables(collection, lines, reported=reported)
        found += single_tables(collection, reported=reported)
        found += novel_tables(collection)
    return found


def main_tables(collection: Collection, *, reported: bool = False) -> list[NumberTable]:
    """Regular and missing modalities, cross-modal zero-shot, and each run's matrix of support by query."""
    kinds = _kinds(collection)
    found = [table for kind in kinds for table in missing_tables(collection, *kind, reported=reported)]
    found += [table for kind in kinds for table in zero_shot_tables(collection, *kind, reported=reported)]
    return found + [table for run in collection.runs for table in matrix_tables(collection, run)]


def missing_tables(
    collection: Collection, task: Task, episodes: str = "", *, reported: bool = False
) -> list[NumberTable]:
    """Regular and missing modalities: trained (or the support seen) by all of a model's modalities, used with some.

    Args:
        collection: Results on one pair of data sets.
        task: Many-shot or few-shot.
        episodes: Of which few-shot episodes, as in ``Place``.
        reported: See ``tables``.
    """
    places = _places(collection, task, episodes, ("regular", "missing"))
    queries = sorted({place.query for place in places}, key=collection.rank)
    cells = {((collection.label, p.run), subset_name(p.query)): _cell(collection, p) for p in places}
    columns = {subset_name(query): (collection.modalities, query) for query in queries}
    caption = f"Regular and missing modalities, {task_text(task, episodes)}, {collection.where}, %"
    theirs = _reported_cells(collection, task, episodes, columns) if reported else {}
    slip = _slips(cells | theirs, task, columns)
    note = note_text((cells | theirs).values(), task, slip=slip)
    if harder := _asked_for_novel(collection, task, {place.run for place in places}):
        note += (
            f" {', '.join(harder)}: clips of novel classes too, among the names of all; see the table of novel classes."
        )
    return laid_out(caption, ("label", "run", "seen by"), cells | theirs, list(columns), note) if cells else []


def _asked_for_novel(collection: Collection, task: Task, runs: Set[str]) -> list[str]:
    """The runs of a table whose clips are of more classes than those of runs that know the trained ones alone."""
    return sorted({p.run for p in collection.settings if p.task == task and p.clips == "novel" and p.run in runs})


def zero_shot_tables(
    collection: Collection, task: Task, episodes: str = "", *, reported: bool = False
) -> list[NumberTable]:
    """Cross-modal zero-shot: labelled clips and the clips to recognise have no modality in common.

    Args:
        collection: Results on one pair of data sets.
        task: Many-shot or few-shot.
        episodes: Of which few-shot episodes, as in ``Place``.
        reported: See ``tables``.
    """
    places = _places(collection, task, episodes, ("zero-shot",))
    pairs = sorted({(p.support, p.query) for p in places}, key=lambda pair: tuple(map(collection.rank, pair)))
    cells = {((collection.label, p.run), pair_text(p.support, p.query)): _cell(collection, p) for p in places}
    columns = {pair_text(*pair): pair for pair in pairs}
    caption = f"Cross-modal zero-shot, {task_text(task, episodes)}, {collection.where}, %"
    theirs = _reported_cells(collection, task, episodes, columns) if reported else {}
    slip = _slips(cells | theirs, task, columns)
    note = note_text((cells | theirs).values(), task, slip=slip)
    names = "label", "run", "support -> query"
    return laid_out(caption, names, cells | theirs, list(columns), note) if cells else []


def matrix_tables(collection: Collection, run: str) -> list[NumberTable]:
    """Few-shot from every support to every query subset of one run.

    Nothing where the run has no pair but those of the other tables.
    """
    found = []
    for task, episodes in _kinds(collection):
        mine = [
            place
            for place in collection.numbers
            if (place.run, place.task, place.episodes, place.clips) == (run, task, episodes, "all")
        ]
        if task == "few-shot" and any(collection.settings[place] == "other" for place in mine):
            mine = sorted(mine, key=lambda place: collection.rank(place.support))
            queries = sorted({place.query for place in mine}, key=collection.rank)
            cells: dict[tuple[Line, str], Cell] = {
                ((collection.label, subset_name(p.support)), subset_name(p.query)): _cell(collection, p) for p in mine
            }
            slip = any(is_slip(task, p.support, p.query) and _cell(collection, p).reported is not None for p in mine)
            caption = f"Support by query of {run}, {task_text(task, episodes)}, {collection.where}, %"
            names = "label", "support (line), query (column)", "query (line), support (column)"
            note = note_text(cells.values(), task, slip=slip)
            found += laid_out(caption, names, cells, list(map(subset_name, queries)), note)
    return found


def _kinds(collection: Collection) -> list[tuple[Task, str]]:
    """Many-shot first, then each kind of few-shot episodes."""
    return sorted({(place.task, place.episodes) for place in collection.numbers}, reverse=True)


def _places(collection: Collection, task: Task, episodes: str, settings: Sequence[Setting]) -> list[Place]:
    """The places of all classes' clips, by run; of a run trained on several subsets the largest last, which counts."""
    found = [
        place
        for place in collection.numbers
        if (place.task, place.episodes, place.clips) == (task, episodes, "all")
        and collection.settings[place] in settings
    ]
    return sorted(found, key=lambda place: (collection.runs.index(place.run), len(place.support)))


def _cell(collection: Collection, place: Place) -> Cell:
    return Cell(collection.numbers[place], beside(collection, place))


def _reported_cells(
    collection: Collection, task: Task, episodes: str, columns: Mapping[str, SubsetPair]
) -> dict[tuple[Line, str], Cell]:
    """The paper's numbers of these columns; none where they stand in the cells, or of other episodes."""
    if is_paper(collection) or (task == "few-shot" and episodes != EPISODES):
        return {}
    values = {heading: reported_value(task, *pair) for heading, pair in columns.items()}
    line = (collection.label, TITLE)
    return {(line, heading): Cell(None, value, apart=True) for heading, value in values.items() if value is not None}


def _slips(cells: Mapping[tuple[Line, str], Cell], task: Task, columns: Mapping[str, SubsetPair]) -> bool:
    """Whether the number of which the paper prints two is among these."""
    return any(cell.reported is not None and is_slip(task, *columns[heading]) for (_, heading), cell in cells.items())

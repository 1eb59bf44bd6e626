"""The tables beside the main ones: the ablation, models of one modality, and novel classes with missing sensors."""

from collections.abc import Sequence
from typing import get_args

from egoshift.evaluation.modality_result import Clips, Setting, Task
from egoshift.losses.subsets import Modalities, subset_name
from egoshift.recipes.modalities.ablation import ABLATION, AblationLine, beside, is_paper
from egoshift.recipes.modalities.collect import Collection, Place
from egoshift.recipes.modalities.layout import Cell, Line, NumberTable, laid_out
from egoshift.recipes.modalities.reported import EPISODES, REPORTED_ENCODERS, TITLE, is_slip, reported_value
from egoshift.recipes.modalities.words import note_text, pair_text, task_text

_Column = tuple[Task, Setting, Modalities, Modalities]


def ablation_tables(
    collection: Collection,
    lines: Sequence[AblationLine] = ABLATION,
    *,
    anchor: str | None = None,
    reported: bool = False,
) -> list[NumberTable]:
    """The ablation: what fusion, alignment and cross-modal prototypes are worth, one column per setting and task.

    Args:
        collection: Results on one pair of data sets.
        lines: Which runs fill it. Where none but the first's was run there is nothing to compare, and no table.
        anchor: The modality that is missing in the column "missing" and recognised in the column "zero-shot"; by
            default the model's first, which is the paper's video.
        reported: Also print the paper's lines where the data are not the paper's.
    """
    columns = _ablation_columns(collection, anchor or collection.modalities[0])
    run = {place.run for place in collection.numbers}
    if not columns or not any({line.many_shot, line.zero_shot, line.few_shot} & run for line in lines[1:]):
        return []
    apart = reported and not is_paper(collection)
    cells: dict[tuple[Line, str], Cell] = {}
    for line in lines:
        for heading, (task, setting, support, query) in columns.items():
            place = _place(collection, line.run(task, setting), task, support, query)
            ours = None if place is None else collection.numbers[place]
            printed = None if place is None else beside(collection, place, lines, ablation=True)
            cells[(collection.label, line.title), heading] = Cell(ours, printed)
        for heading, (task, _, support, query) in columns.items() if apart else ():
            value = reported_value(task, support, query, ablation=True, row=line.row)
            cells[(collection.label, f"{line.title}, {TITLE}"), heading] = Cell(None, value, apart=True)
    slip = any(
        cell.reported is not None and is_slip(columns[heading][0], *columns[heading][2:])
        for (_, heading), cell in cells.items()
    )
    note = note_text(cells.values(), None, slip=slip)
    return laid_out(f"Ablation, {collection.where}, %", ("label", "model", "setting"), cells, list(columns), note)


def single_tables(collection: Collection, *, reported: bool = False) -> list[NumberTable]:
    """Models of one modality, many- and few-shot, with the paper's encoders beside where they are asked for."""
    encoders = {encoder.modality: encoder for encoder in REPORTED_ENCODERS}
    alone = [
        place
        for place, setting in collection.settings.items()
        if setting == "regular" and place.clips == "all" and len(collection.own[place.run]) == 1
    ]
    alone = sorted(alone, key=lambda place: collection.rank(place.query))
    columns = list(dict.fromkeys(task_text(place.task, place.episodes) for place in alone))
    cells: dict[tuple[Line, str], Cell] = {}
    for place in alone:
        number = collection.numbers[place]
        cells[(place.query[0], place.run), task_text(place.task, place.episodes)] = Cell(number)
    theirs: dict[tuple[Line, str], Cell] = {}
    for name in dict.fromkeys(place.query[0] for place in alone):
        if (reported or is_paper(collection)) and name in encoders:
            encoder = encoders[name]
            printed = {"many-shot": encoder.many_shot, task_text("few-shot", EPISODES): encoder.few_shot}
            line = (name, f"{encoder.title}, {TITLE}")
            theirs |= {(line, column): Cell(None, printed.get(column), apart=True) for column in columns}
    caption = f"Models of one modality, {collection.where}, {collection.label}, %"
    kinds = {place.task for place in alone}
    note = note_text((cells | theirs).values(), kinds.pop() if len(kinds) == 1 else None)
    return laid_out(caption, ("modality", "run", "task"), cells | theirs, columns, note) if cells else []


def novel_tables(collection: Collection) -> list[NumberTable]:
    """Novel classes and missing sensors crossed: a group of lines for each kind of clips.

    Nothing where no result tells shared classes from novel ones.
    """
    kinds = get_args(Clips)
    places = [
        place
        for place, setting in collection.settings.items()
        if place.task == "many-shot" and setting in ("regular", "missing")
    ]
    if all(place.clips == "all" for place in places):
        return []
    places = sorted(places, key=lambda p: (kinds.index(p.clips), collection.runs.index(p.run), len(p.support)))
    queries = sorted({place.query for place in places}, key=collection.rank)
    cells: dict[tuple[Line, str], Cell] = {
        ((p.clips, p.run), subset_name(p.query)): Cell(collection.numbers[p]) for p in places
    }
    caption = f"Novel classes and missing modalities, {collection.where}, {collection.label} top-1, %"
    note = (
        "Plain shared and novel: the model chooses among the classes of that kind only; generalised: among all. "
        + note_text(cells.values(), "many-shot")
    )
    return laid_out(caption, ("clips", "run", "seen by"), cells, list(map(subset_name, queries)), note)


def _ablation_columns(collection: Collection, anchor: str) -> dict[str, _Column]:
    """By heading; none for models of one modality."""
    others = tuple(name for name in collection.modalities if name != anchor)
    if not others:
        return {}
    everything = collection.modalities
    settings: tuple[tuple[str, Setting, Modalities, Modalities], ...] = (
        ("regular", "regular", everything, everything),
        (f"missing ({subset_name(others)})", "missing", everything, others),
        (f"zero-shot ({pair_text(others, (anchor,))})", "zero-shot", others, (anchor,)),
    )
    tasks: tuple[Task, ...] = ("many-shot", "few-shot")
    return {
        f"{title}, {task}": (task, setting, support, query)
        for title, setting, support, query in settings
        for task in tasks
    }


def _place(collection: Collection, run: str, task: Task, support: Modalities, query: Modalities) -> Place | None:
    """The place of a run's number; of several kinds of episodes the first."""
    for place in collection.numbers:
        if (place.run, place.task, place.support, place.query, place.clips) == (run, task, support, query, "all"):
            return place
    return None

"""The report: tables, plots, clips, commands and provenance of results as one self-contained HTML page."""

import html as escaping
import re
from collections.abc import Callable, Mapping, Sequence

from egoshift.datasets import DataCard, load_dataset
from egoshift.errors import EgoshiftError
from egoshift.evaluation import Result
from egoshift.evaluation.modality_result import ModalityResult
from egoshift.recipes import modalities, report
from egoshift.recipes.reports import looks
from egoshift.recipes.reports.budget import MOST_BYTES, Budget
from egoshift.recipes.reports.clips import clips_of
from egoshift.recipes.reports.commands import commands_for
from egoshift.recipes.reports.found import Found, trained
from egoshift.recipes.reports.origin import origin
from egoshift.recipes.tables import table_rows, titled
from egoshift.records import Label

EXAMPLES = 6
"""Clips of each pair of data sets and kind of label."""

OnStep = Callable[[float, float, str], None]
"""Told how many steps are done, how many there are, and what is being done."""

Place = tuple[str, str, Label]
"""Trained on, tested on, and the kind of label."""

Leading = tuple[str, Found[Result], list[tuple[str, Result]]]
"""A title, the result, and the other results by title."""


def page(
    one: Sequence[Found[Result]],
    several: Sequence[Found[ModalityResult]] = (),
    *,
    name: str = "report.html",
    examples: int = EXAMPLES,
    seed: int = 0,
    most_bytes: int = MOST_BYTES,
    progress: OnStep | None = None,
) -> str:
    """The report on these results, which works from disk without a network.

    Args:
        one: Results of one modality.
        several: Results of models of several modalities.
        name: What the page is called, for the commands that make it again.
        examples: Clips of each pair of data sets and kind of label; 0 for none.
        seed: By which clips are drawn.
        most_bytes: How large it may grow; clips and confusions that do not fit are left out, which the page says.
        progress: Called as the work goes on.

    Raises:
        ResultError: Two results claim the same place.
    """
    results = [found.result for found in one]
    sections: dict[str, list[str]] = {}
    if results:
        rows = table_rows(results)
        sections["Tables"] = [*report.main_tables(rows), report.overview(rows), report.every_number(rows)]
        sections["Classes"] = report.class_figures(results)
        sections["Clips"] = []
    if several:
        sections["Any subset of modalities"] = _of_several(several, examples)
    histories = report.histories_of(trained(one, several))
    sections["Training"] = report.training(histories)
    options = ["-o", name, *_unusual("--examples", examples, EXAMPLES), *_unusual("--seed", seed, 0)]
    script = commands_for([*one, *several], options)
    sections["Reproduce"] = _reproduce(script.script if script.lines else "", script.remarks)
    sections["Provenance"] = origin([*one, *several])
    budget = Budget(most_bytes)
    for part in (part for parts in sections.values() for part in parts):
        budget.spend(part)
    if results:
        places = _leading(one)
        sections["Clips"] = _clips(places, examples, seed, budget, progress or (lambda *_: None))
        sections["Classes"] += _confusions(one, places, budget)
    return report.document("egoshift report", _laid_out(sections, budget.left_out), modalities.STYLE + looks.STYLE)


def _unusual(option: str, value: int, default: int) -> list[str]:
    return [] if value == default else [option, str(value)]


def _laid_out(sections: dict[str, list[str]], left_out: str) -> list[str]:
    links = "".join(f'<a href="#{_anchor(title)}">{title}</a>' for title in sections)
    parts = ["<h1>egoshift report</h1>", f"<nav>{links}</nav>"]
    parts += [f'<p class="note">{left_out}</p>'] if left_out else []
    for title, content in sections.items():
        parts += [f'<h2 id="{_anchor(title)}">{title}</h2>', *content]
    return parts


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _clips(places: Mapping[Place, Leading], number: int, seed: int, budget: Budget, tell: OnStep) -> list[str]:
    if number == 0:
        return ["<p>None were asked for (<code>--examples 0</code>).</p>"]
    parts, notes = [f"<p>{looks.rule_text(number, seed)}</p>"], list[str]()
    for done, ((train, test, label), (title, found, others)) in enumerate(places.items()):
        where = f"{label}, {test}" + (f", trained on {train}" if train != test else "")
        tell(done, len(places), where)
        try:
            clips = clips_of(found, label, others, number=number, seed=seed)
        except EgoshiftError as error:
            notes.append(f"{where}: {' '.join(str(error).split())}.")
            continue
        fitting = [part for part in map(looks.clip_part, clips) if budget.take(part, "clips")]
        if fitting:
            parts += [f"<h3>{escaping.escape(f'{where}, answered by {title}')}</h3>", looks.groups(fitting)]
    tell(len(places), len(places), "")
    if notes:
        parts.append(f'<p class="note">No clips are shown of {"<br>".join(map(escaping.escape, notes))}</p>')
    return parts


def _leading(one: Sequence[Found[Result]]) -> dict[Place, Leading]:
    """For each pair of data sets and kind of label, the result with the highest top-1 whose model is there."""
    found = {id(each.result): each for each in one}
    named = titled([each.result for each in one])
    leading: dict[Place, Leading] = {}
    for place in dict.fromkeys((f.result.train, f.result.test, row.label) for f in one for row in f.result.rows):
        train, test, label = place
        mine = [
            (title, result)
            for title, result in named
            if (result.train, result.test) == (train, test) and _top1(result, label) is not None
        ]
        able = [each for each in mine if found[id(each[1])].folder is not None] or mine
        title, best = max(able, key=lambda each: _top1(each[1], label) or 0.0)
        leading[place] = (title, found[id(best)], [each for each in mine if each[1] is not best])
    return leading


def _top1(result: Result, label: Label) -> float | None:
    values = (row.value for row in result.rows if (row.label, row.metric, row.subset) == (label, "top1", "all"))
    return next(values, None)


def _confusions(one: Sequence[Found[Result]], places: Mapping[Place, Leading], budget: Budget) -> list[str]:
    """Those of the leading results first, and alone in print; the others folded together."""
    leading = {id(found.result): found.result for _, found, _ in places.values()}
    shown = [part for result in leading.values() for part in report.confusion_figures(result, "shown")]
    rest = [found.result for found in one if id(found.result) not in leading]
    unseen = [part for result in rest for part in report.confusion_figures(result)]
    first, others = ([part for part in parts if budget.take(part, "confusion plots")] for parts in (shown, unseen))
    return first + report.folded(f"{len(others)} confusion plots of the other runs", others)


def _of_several(several: Sequence[Found[ModalityResult]], examples: int) -> list[str]:
    cards = {found.result.test: found.card for found in several if found.card is not None}
    frames, notes = dict[str, modalities.Frames](), list[str]()
    for test in dict.fromkeys(found.result.test for found in several if found.result.examples and examples):
        try:
            if test in cards:
                frames[test] = modalities.dataset_frames(load_dataset(DataCard.read(cards[test])))
        except EgoshiftError as error:
            notes.append(f'<p class="note">{escaping.escape(" ".join(str(error).split()))}</p>')
    results = [found.result for found in several]
    parts = modalities.sections(results, frames, most=examples)[1:]  # the page has a heading of its own
    return [*(re.sub(r"(</?)h2>", r"\1h3>", part) for part in parts), *notes]


def _reproduce(script: str, remarks: Sequence[str]) -> list[str]:
    said = "".join(f"<li>{escaping.escape(remark)}</li>" for remark in remarks)
    notes = f"<ul>{said}</ul>" if said else ""
    if not script:
        return [notes]
    return [
        "<p>In an empty folder, with the versions below; the numbers are the same on the same kind of machine.</p>",
        f'<pre class="commands">{escaping.escape(script)}</pre>{notes}',
    ]

"""Results of models of several modalities as one self-contained HTML page: tables, the sweep, and clips to look at."""

import html as escaping
from collections.abc import Mapping, Sequence

from egoshift.evaluation.modality_result import ModalityResult
from egoshift.recipes.modalities.collect import collect
from egoshift.recipes.modalities.examples import MOST_EXAMPLES, STYLE, all_examples
from egoshift.recipes.modalities.frames import Frames
from egoshift.recipes.modalities.layout import Cell, NumberTable
from egoshift.recipes.modalities.plots import sweep_plot
from egoshift.recipes.modalities.tables import tables
from egoshift.recipes.report import document, figure, provenance

_NO_FRAMES: Mapping[str, Frames] = {}


def html(
    results: Sequence[ModalityResult], frames: Mapping[str, Frames] = _NO_FRAMES, *, reported: bool = False
) -> str:
    """The page on these results, which works from disk without a network.

    Args:
        results: What to show; several seeds of a run become one number.
        frames: By the name of the data set tested on, what gives the frames of its clips (``dataset_frames``).
        reported: See ``tables``.

    Raises:
        ResultError: Two results of one run and seed claim the same place.
    """
    parts = ["<h1>egoshift report: several modalities</h1>", *sections(results, frames, reported=reported)]
    parts.append("<h2>What was counted, and where it came from</h2>")
    return document("egoshift report: several modalities", [*parts, *counted(results)], STYLE)


def sections(
    results: Sequence[ModalityResult],
    frames: Mapping[str, Frames] = _NO_FRAMES,
    *,
    reported: bool = False,
    most: int = MOST_EXAMPLES,
) -> list[str]:
    """The page's parts but for its title and what was counted; another page needs ``STYLE`` for them. See ``html``.

    Args:
        results: What to show.
        frames: See ``html``.
        reported: See ``tables``.
        most: Examples of each result.
    """
    parts = [
        "<h2>Any subset of modalities</h2>",
        "<p>Values are percent; the small brackets are 95% intervals. Regular: trained and used with all of a model's "
        "modalities; missing: used with some of them; zero-shot: labelled clips and clips to recognise have none in "
        "common. In few-shot episodes the support takes the place of training.</p>",
        *(_table(table) for table in tables(results, reported=reported)),
    ]
    sweeps = [(collection, png) for collection in collect(results) if (png := sweep_plot(collection)) is not None]
    if sweeps:
        parts.append("<h2>When modalities go missing</h2>")
    for collection, png in sweeps:
        caption = (
            f"Accuracy of {collection.label} against the share of samples without a modality, {collection.where}; "
            "bands are 95% intervals. “any”: each modality of each sample is missing with that rate, but never all of "
            "one."
        )
        parts.append(figure(png, caption))
    examples = all_examples(results, frames, most)
    return parts + (["<h2>Clips to look at</h2>", *examples] if examples else [])


def counted(results: Sequence[ModalityResult]) -> list[str]:
    """What was counted for each result and what made it, folded up."""
    return [provenance(result, f"{'+'.join(result.modalities)}, seed {result.seed}") for result in results]


def _table(table: NumberTable) -> str:
    headings = "".join(f"<th>{_breakable(name)}</th>" for name in (*table.names, *table.columns))
    lines = "".join(
        "<tr>"
        + "".join(f"<td>{_breakable(name)}</td>" for name in names)
        + "".join(_cell(cell, table.most_seeds) for cell in cells)
        + "</tr>"
        for names, cells in table.lines
    )
    note = f'<p class="note">{escaping.escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="scroll subsets"><table><caption>{escaping.escape(table.caption)}</caption>'
        f"<thead><tr>{headings}</tr></thead><tbody>{lines}</tbody></table></div>{note}"
    )


def _breakable(name: str) -> str:
    """Long names of subsets may be broken after each modality."""
    return escaping.escape(name).replace("+", "+<wbr>")


def _cell(cell: Cell, most_seeds: int) -> str:
    reported = "" if cell.reported is None else f"<em>reported {cell.reported:.2f}</em>"
    if cell.number is None:
        return f"<td>{reported}</td>"
    number = cell.number
    ends = "" if number.low is None or number.high is None else f"<small>[{number.low:.1f}, {number.high:.1f}]</small>"
    fewer = "" if number.seeds == most_seeds else f"<small>{number.seeds} of {most_seeds} seeds</small>"
    return f'<td title="n = {number.n}">{number.value:.1f}{ends}{fewer}{reported}</td>'

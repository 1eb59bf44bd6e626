"""Results in, one self-contained HTML page out: tables with intervals, plots per class, confusions, provenance."""

import html as escaping
import json
from collections.abc import Iterable, Mapping, Sequence

from egoshift.evaluation import Result
from egoshift.evaluation.modality_result import ModalityResult
from egoshift.evaluation.result import EpochRow
from egoshift.recipes import plots
from egoshift.recipes.tables import Block, TableRow, blocks, table_rows

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --paper: #ffffff; --line: #d4dbe2; --soft: #5a6a7a; --mark: #0b63b0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --paper: #14191f; --line: #36414c; --soft: #9aa8b5; --mark: #6db3f2; }
  .plot img { filter: invert(.92) hue-rotate(180deg); }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 72rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
a { color: var(--mark); } nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
.scroll, .plot { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; white-space: nowrap; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
td small { color: var(--soft); display: block; line-height: 1.2; }
td em { color: var(--mark); font-style: normal; display: block; font-size: .8rem; line-height: 1.2; }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; }
.plot { max-width: 100%; } .plot img { background: #fff; border-radius: 4px; }
.plots { display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: flex-end; }
figcaption { color: var(--soft); font-size: .85rem; }
details { border: 1px solid var(--line); border-radius: 4px; padding: .5rem 1rem; margin: .5rem 0; }
summary { cursor: pointer; }
pre { overflow-x: auto; font-size: .85rem; }
pre.commands { white-space: pre-wrap; overflow-wrap: anywhere; padding: .8rem 1rem; border: 1px solid var(--line);
               border-radius: 4px; }
@media (max-width: 40rem) {
  body { margin: 1rem auto; } .plot img { max-width: 46rem; }
  figcaption, caption { position: sticky; left: 0; } caption { white-space: normal; max-width: 22rem; }
  table { font-size: .82rem; } th, td { padding: .3rem; } details { padding: .5rem; }
}
@media print {
  :root { --ink: #000; --paper: #fff; --line: #bbb; --soft: #444; --mark: #0b63b0; }
  .plot img { filter: none; max-height: 11cm; width: auto; }
  .plots .plot img { max-height: 6cm; } body { max-width: none; margin: 0; font-size: 10pt; } nav { display: none; }
  figure, tr, section { break-inside: avoid; } h2, h3, summary { break-after: avoid; }
  .scroll, .plot, pre { overflow: visible; } pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 7.5pt; }
  table { font-size: 8.5pt; } caption { white-space: normal; }
  details.shown::details-content { content-visibility: visible; display: block; }
  details { border: 0; padding: 0; } details.file { display: none; }
}
"""


def html(results: Sequence[Result], more: Sequence[str] = (), style: str = "") -> str:
    """The report on these results, as one page that works from disk without a network.

    Args:
        results: What to report on.
        more: Further parts, as HTML, before what was counted.
        style: Their CSS.
    """
    rows = table_rows(results)
    parts = [
        "<h1>egoshift report</h1>",
        *main_tables(rows),
        "<h2>Overview</h2>",
        overview(rows),
        "<h2>Further numbers</h2>",
        every_number(rows),
        "<h2>Classes</h2>",
        *class_figures(results),
        *(part for result in results for part in confusion_figures(result, "shown")),
        "<h2>Training</h2>",
        *training(histories_of((result, result.history) for result in results)),
        *more,
        "<h2>What was counted, and where it came from</h2>",
        *(provenance(result, _labels(result)) for result in results),
    ]
    return document("egoshift report", parts, style)


def main_tables(rows: Sequence[TableRow]) -> list[str]:
    """The paper's tables of these rows, and how to read them."""
    return [
        "<p>Values are percent; the small brackets are 95% intervals over videos. Shared and novel classes are those "
        "that the training vocabulary has and has not; plain columns let the classifier choose among the subset's "
        "classes only, “all classes” among all of them. “reported” marks numbers printed in the X-MIC paper.</p>",
        *(_table(block) for block in blocks(rows)),
    ]


def overview(rows: Sequence[TableRow]) -> str:
    """The main number of every method as bars."""
    return figure(plots.overview(rows), "Micro top-1 with 95% intervals over videos.")


def every_number(rows: Sequence[TableRow]) -> str:
    """All rows, folded up."""
    return f"<details><summary>Every metric and subset</summary>{_all_rows(rows)}</details>"


def document(title: str, parts: Sequence[str], style: str = "") -> str:
    """Parts of HTML, and CSS over the report's, as one page that works from disk without a network."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaping.escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _table(block: Block) -> str:
    headings = "".join(f"<th>{escaping.escape(name)}</th>" for name in block.headings)
    lines = "".join(
        f"<tr><td>{label}</td><td>{escaping.escape(method)}</td>{''.join(map(_cell, cells))}</tr>"
        for label, method, cells in block.lines
    )
    return (
        f'<div class="scroll"><table><caption>{escaping.escape(block.caption)}</caption>'
        f"<thead><tr>{headings}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _cell(cell: TableRow | None) -> str:
    if cell is None:
        return "<td></td>"
    interval = "" if cell.low is None or cell.high is None else f"<small>[{cell.low:.1f}, {cell.high:.1f}]</small>"
    reported = "" if cell.reported is None else f"<em>reported {cell.reported:.2f}</em>"
    return f'<td title="{cell.n} clips">{cell.value:.1f}{interval}{reported}</td>'


def _all_rows(rows: Sequence[TableRow]) -> str:
    headings = ("method", "train", "test", "label", "metric", "subset", "value", "low", "high", "clips")
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    lines = []
    for row in rows:
        ends = ["" if end is None else f"{end:.2f}" for end in (row.low, row.high)]
        texts = (
            row.method,
            row.train,
            row.test,
            row.label,
            row.metric,
            row.subset,
            f"{row.value:.2f}",
            *ends,
            str(row.n),
        )
        lines.append("<tr>" + "".join(f"<td>{escaping.escape(text)}</td>" for text in texts) + "</tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def class_figures(results: Sequence[Result]) -> list[str]:
    """The accuracy of each class, one plot per pair of data sets and kind of label."""
    figures = []
    results = sorted(results, key=lambda result: result.selection != "none")  # colours as of the overview
    places = dict.fromkeys((result.train, result.test, row.label) for result in results for row in result.rows)
    for train, test, label in places:
        mine = [
            result
            for result in results
            if (result.train, result.test) == (train, test) and any(row.label == label for row in result.per_class)
        ]
        if mine:
            caption = f"Accuracy per {label} on {test}, trained on {train}; classes by number of clips."
            figures.append(figure(plots.per_class(mine, label), caption))
    return [f'<div class="plots">{"".join(figures)}</div>']


def confusion_figures(result: Result, look: str = "file") -> list[str]:
    """What a result took for what, one plot per kind of label, each folded up; none above 100 classes.

    Args:
        result: The result.
        look: ``shown`` prints the plot, ``file`` does not.
    """
    parts = []
    for confusion in result.confusion:
        title = f"{result.variant or result.method}: {confusion.label} confusions on {result.test}"
        title += f", trained on {result.train}"
        image = plots.confusion(result, confusion)
        if image is not None:
            parts.append(
                f'<details class="{look}"><summary>{escaping.escape(title)}</summary>{figure(image, title)}</details>'
            )
    return parts


def training(histories: Mapping[str, Sequence[EpochRow]]) -> list[str]:
    """Loss and held-out score of each training by epoch."""
    if not histories:
        return ["<p>Nothing was trained.</p>"]
    return [figure(plots.training_curves(histories), "Mean loss per epoch, and top-1 on held-out training videos.")]


def histories_of(
    trained: Iterable[tuple[Result | ModalityResult, Sequence[EpochRow]]],
) -> dict[str, Sequence[EpochRow]]:
    """The epochs of every training behind these results, by what to call it.

    Each stands once, on however many data sets it was evaluated.
    """
    trained = [(result, history) for result, history in trained if history]
    seeds: dict[tuple[str, str], set[int]] = {}
    for result, _ in trained:
        seeds.setdefault((result.variant or result.method, result.train), set()).add(result.seed)
    histories: dict[str, Sequence[EpochRow]] = {}
    for result, history in trained:
        name = result.variant or result.method
        seed = f", seed {result.seed}" if len(seeds[name, result.train]) > 1 else ""
        histories.setdefault(f"{name}, {_labels(result)}, on {result.train}{seed}", history)
    return histories


def provenance(result: Result | ModalityResult, of: str) -> str:
    """What was counted for a result and what made it, folded up.

    Args:
        result: Any result.
        of: What of, such as its kinds of labels.
    """
    title = f"{result.variant or result.method}, trained on {result.train}, tested on {result.test}"
    facts = {
        "selection": result.selection,
        "seed": result.seed,
        "counts": result.counts.model_dump(mode="json"),
        "provenance": result.provenance.model_dump(mode="json"),
    }
    if isinstance(result, Result) and result.calibration:
        facts["calibration"] = {label: found.model_dump(mode="json") for label, found in result.calibration.items()}
    text = escaping.escape(json.dumps(facts, indent=1, ensure_ascii=False))
    title = escaping.escape(f"{title} ({of})")
    return f'<details class="file"><summary>{title}</summary><pre>{text}</pre></details>'


def folded(title: str, parts: Sequence[str]) -> list[str]:
    """Parts of HTML under a title to unfold; nothing of none."""
    if not parts:
        return []
    return [f'<details class="file"><summary>{escaping.escape(title)}</summary>{"".join(parts)}</details>']


def figure(png: str, caption: str) -> str:
    """A plot, given as a PNG's base64 text, with its caption."""
    text = escaping.escape(caption)
    image = f'<img alt="{text}" src="data:image/png;base64,{png}">'
    return f'<figure class="plot">{image}<figcaption>{text}</figcaption></figure>'


def _labels(result: Result | ModalityResult) -> str:
    return "+".join(dict.fromkeys(row.label for row in result.rows))

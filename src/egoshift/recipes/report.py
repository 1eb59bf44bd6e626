"""Results in, one self-contained HTML page out: tables with intervals, plots per class, confusions, provenance."""

import html as escaping
import json
from collections.abc import Sequence

from egoshift.evaluation import Result
from egoshift.evaluation.modality_result import ModalityResult
from egoshift.recipes import plots
from egoshift.recipes.tables import Block, TableRow, blocks, table_rows

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --paper: #ffffff; --line: #d4dbe2; --soft: #5a6a7a; --mark: #0b63b0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --paper: #14191f; --line: #36414c; --soft: #9aa8b5; --mark: #6db3f2; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 72rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; white-space: nowrap; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
td small { color: var(--soft); display: block; line-height: 1.2; }
td em { color: var(--mark); font-style: normal; display: block; font-size: .8rem; line-height: 1.2; }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
figcaption { color: var(--soft); }
details { border: 1px solid var(--line); border-radius: 4px; padding: .5rem 1rem; margin: .5rem 0; }
summary { cursor: pointer; } pre { overflow-x: auto; font-size: .85rem; }
@media print { details { display: block; } body { max-width: none; } }
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
        "<p>Values are percent; the small brackets are 95% intervals over videos. Shared and novel classes are those "
        "that the training vocabulary has and has not; plain columns let the classifier choose among the subset's "
        "classes only, “all classes” among all of them. “reported” marks numbers printed in the X-MIC paper.</p>",
        *(_table(block) for block in blocks(rows)),
        "<h2>Overview</h2>",
        figure(plots.overview(rows), "Micro top-1 with 95% intervals over videos."),
        "<h2>Further numbers</h2>",
        "<details><summary>Every metric and subset</summary>" + _all_rows(rows) + "</details>",
        "<h2>Classes</h2>",
        *_class_figures(results),
        "<h2>Training</h2>",
        *_training(results),
        *more,
        "<h2>What was counted, and where it came from</h2>",
        *(provenance(result, _labels(result)) for result in results),
    ]
    return document("egoshift report", parts, style)


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


def _class_figures(results: Sequence[Result]) -> list[str]:
    parts = []
    places = dict.fromkeys((result.train, result.test, row.label) for result in results for row in result.rows)
    for train, test, label in places:
        mine = [
            result
            for result in results
            if (result.train, result.test) == (train, test) and any(row.label == label for row in result.per_class)
        ]
        if mine:
            caption = f"Accuracy per {label} on {test}, trained on {train}; classes by number of clips."
            parts.append(figure(plots.per_class(mine, label), caption))
    for result in results:
        for confusion in result.confusion:
            title = f"{result.variant or result.method}: {confusion.label} confusions on {result.test}"
            title += f", trained on {result.train}"
            image = plots.confusion(result, confusion)
            if image is not None:
                parts.append(f"<details><summary>{escaping.escape(title)}</summary>{figure(image, title)}</details>")
    return parts


def _training(results: Sequence[Result]) -> list[str]:
    trained: dict[tuple[str, str, str, int], Result] = {}
    for result in results:
        if result.history:
            trained.setdefault((result.variant or result.method, _labels(result), result.train, result.seed), result)
    if not trained:
        return ["<p>Nothing was trained.</p>"]
    named = {f"{name}, {labels}, on {train}": result for (name, labels, train, _), result in trained.items()}
    return [figure(plots.training_curves(named), "Mean loss per epoch, and top-1 on held-out training videos.")]


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
    text = escaping.escape(json.dumps(facts, indent=1, ensure_ascii=False))
    return f"<details><summary>{escaping.escape(f'{title} ({of})')}</summary><pre>{text}</pre></details>"


def figure(png: str, caption: str) -> str:
    """A PNG's base64 text as a figure."""
    text = escaping.escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{png}"><figcaption>{text}</figcaption></figure>'


def _labels(result: Result) -> str:
    return "+".join(dict.fromkeys(row.label for row in result.rows))

"""Where results came from: a line for each, and the whole record folded up."""

import html as escaping
from collections.abc import Sequence

from egoshift.evaluation import Result
from egoshift.evaluation.modality_result import ModalityResult
from egoshift.recipes.modalities import counted
from egoshift.recipes.report import folded, provenance
from egoshift.recipes.reports.found import Found
from egoshift.recipes.tables import overlap_notes

_HEADINGS = ("run", "trained on", "tested on", "seed", "epoch chosen by", "clips", "left out", "features", "made")
_CHOSEN = {
    "best": "held-out training videos",
    "last": "none: the last",
    "oracle": "the target (oracle)",
    "none": "not trained",
}


def origin(found: Sequence[Found[Result] | Found[ModalityResult]]) -> list[str]:
    """What was counted and what made it: what training saw of it, versions, a line for each result, each record."""
    results = [one.result for one in found]
    versions = dict.fromkeys(_versions(result) for result in results)
    head = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
    lines = "".join("<tr>" + "".join(f"<td>{text}</td>" for text in _line(result)) + "</tr>" for result in results)
    commands = dict.fromkeys(result.provenance.command for result in results if result.provenance.command)
    one = [result for result in results if isinstance(result, Result)]
    several = [result for result in results if isinstance(result, ModalityResult)]
    records = [provenance(result, "+".join(dict.fromkeys(row.label for row in result.rows))) for result in one]
    return [
        *(f"<p>{escaping.escape(text)}</p>" for text in (*overlap_notes(results), *versions) if text),
        f'<div class="scroll"><table class="origin"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>',
        *(f"<p>Written by <code>{escaping.escape(command)}</code></p>" for command in list(commands)[:_MOST_COMMANDS]),
        *folded(f"{len(results)} whole records", [*records, *counted(several)]),
    ]


_MOST_COMMANDS = 3


def _versions(result: Result | ModalityResult) -> str:
    return ", ".join(f"{name} {version}" for name, version in result.provenance.versions.items())


def _line(result: Result | ModalityResult) -> list[str]:
    counts = result.counts
    stores = ", ".join(
        f"{name} {str(made['weights'])[:8]}"
        for name, made in result.provenance.stores.items()
        if isinstance(made, dict)
    )
    left_out = sum(counts.dropped.values()) + sum(counts.unlabelled.values())
    texts = (
        result.variant or result.method,
        result.train,
        result.test,
        str(result.seed),
        _CHOSEN[result.selection],
        " ".join(f"{label} {number}" for label, number in counts.evaluated.items()),
        str(left_out),
        stores,
        result.provenance.created.partition("T")[0],
    )
    return [escaping.escape(text) for text in texts]

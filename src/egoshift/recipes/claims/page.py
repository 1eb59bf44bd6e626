"""Findings as rows for machines, and as the tables of ``docs/claims.md``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from egoshift.files import write_atomically
from egoshift.recipes.claims.finding import Compared, Finding
from egoshift.recipes.claims.forest import forest
from egoshift.recipes.pages import changed_text, filled

BEGIN, END = "<!-- claims:begin -->", "<!-- claims:end -->"
ROWS, PLOT, PAGE = "claims.json", "claims.png", "claims.md"
HEADINGS = ("comparison", "label", "measure", "left", "right", "difference [95%]", "verdict")

_NEW_PAGE = f"""# The papers' claims in a generated world

`egoshift claims` trains and evaluates, in worlds that it generates, what each claim of the papers compares, and says
whether the claim holds there. A generated world is not a kitchen: a claim that is reproduced here is not proven for
real videos, and one that is not reproduced is not refuted for them.

{BEGIN}
{END}
"""


def row_dicts(findings: Sequence[Finding], *, scale: float) -> list[dict[str, object]]:
    """One row per comparison; numbers in percent or points."""
    rows = []
    for finding in findings:
        claim = {"number": finding.claim.number, "claim": finding.claim.sentence, "place": finding.claim.place}
        verdict = {"claim_verdict": finding.verdict}
        for compared in finding.compared:
            rows.append({**claim, **_numbers(compared), "seeds": list(finding.seeds), "scale": scale, **verdict})
    return rows


def _numbers(compared: Compared) -> dict[str, object]:
    comparison, (low, high) = compared.comparison, compared.interval or (None, None)
    return {
        "comparison": comparison_text(compared),
        "decides": comparison.decides,
        "label": comparison.label,
        "measure": comparison.measure,
        "left": comparison.left.title,
        "right": comparison.right.title,
        "left_value": _rounded(compared.left),
        "right_value": _rounded(compared.right),
        "left_values": [_rounded(value) for value in compared.lefts],
        "right_values": [_rounded(value) for value in compared.rights],
        "difference": _rounded(compared.difference),
        "low": _rounded(low),
        "high": _rounded(high),
        "verdict": compared.verdict,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def comparison_text(compared: Compared) -> str:
    """``X-MIC > zero-shot``, marked where the claim does not hang on it."""
    left, right = compared.comparison.left.title, compared.comparison.right.title
    return f"{left} > {right}" + ("" if compared.comparison.decides else " (beside: ours)")


def cells(compared: Compared) -> tuple[str, ...]:
    """A comparison as the texts of a table's line, under ``HEADINGS``."""
    return row_cells(_numbers(compared))


def row_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The same from a row of ``claims.json``, so that page and file round the same numbers."""
    interval = "" if row["low"] is None else f" [{row['low']:+.1f}, {row['high']:+.1f}]"
    return (
        row["comparison"],
        row["label"],
        row["measure"],
        f"{row['left_value']:.1f}",
        f"{row['right_value']:.1f}",
        f"{row['difference']:+.1f}{interval}",
        row["verdict"],
    )


def markdown(findings: Sequence[Finding], *, scale: float, assignments: Sequence[str] = ()) -> str:
    """The generated part of the page."""
    seeds = ", ".join(str(seed) for seed in dict.fromkeys(seed for finding in findings for seed in finding.seeds))
    settings = (f"Worlds of scale {scale:g}; seeds {seeds}.", changed_text(assignments))
    parts = (
        f"{' '.join(filter(None, settings))} Values are percent, differences points, both means over the "
        "seeds and, but for *action*, over both directions (trained on *kitchen*, trained on *home*); brackets are 95% "
        "Student-t intervals of the paired difference over seeds, without correction for the number of comparisons.",
        "| | claim | verdict |\n| ---: | --- | --- |\n" + "\n".join(_summary(finding) for finding in findings),
        f"![Differences of all comparisons with their intervals]({PLOT})",
    )
    return "\n\n".join((*parts, *map(_section, findings)))


def _summary(finding: Finding) -> str:
    return f"| {finding.claim.number} | {finding.claim.sentence} | **{finding.verdict}** |"


def _section(finding: Finding) -> str:
    claim = finding.claim
    lines = [HEADINGS, ("---", "---", "---", "---:", "---:", "---:", "---"), *map(cells, finding.compared)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    note = f" {claim.note}" if claim.note else ""
    return f"### Claim {claim.number}: {finding.verdict}\n\n{claim.sentence} ({claim.place}).{note}\n\n{table}"


def check_page(folder: Path) -> None:
    """See that the tables can be put into the folder's page, before hours are spent.

    Raises:
        ConfigError: The page is there and has not one place for them.
    """
    _filled(folder, "")


def write_page(
    folder: Path, findings: Sequence[Finding], *, scale: float, assignments: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Write ``claims.json``, ``claims.png`` and the tables in ``claims.md``, whose other text is kept.

    Raises:
        ConfigError: As for ``check_page``.
    """
    rows = json.dumps(row_dicts(findings, scale=scale), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    page = _filled(folder, markdown(findings, scale=scale, assignments=assignments))
    written = {ROWS: rows.encode(), PAGE: page.encode(), PLOT: forest(findings)}
    for name, content in written.items():
        write_atomically(folder / name, content)
    return tuple(folder / name for name in written)


def _filled(folder: Path, text: str) -> str:
    return filled(folder / PAGE, (BEGIN, END), text, new=_NEW_PAGE)

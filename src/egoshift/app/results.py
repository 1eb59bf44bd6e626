"""What a results folder holds, as one page: the report's tables and plots, and the verdicts on the papers' claims."""

import html
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from threading import Lock

from egoshift.errors import ConfigError, EgoshiftError, ResultError
from egoshift.foreign import parse_json

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'"
"""The report is one document with its style and pictures in it; nothing in it runs."""

CLAIMS = "claims.json"

_HEADINGS = ("comparison", "label", "measure", "left", "right", "difference [95%]", "verdict")
_STYLE = "body { margin: 0 auto; padding: 1.25rem 1.5rem; } h1 { display: none; } h2:first-of-type { margin-top: 0; }"


class ResultsPage:
    """The page of results, made when it is first asked for and again when a file has changed.

    Args:
        folders: Where results lie.

    Raises:
        ConfigError: A folder is not there.
    """

    def __init__(self, folders: Sequence[Path]):
        missing = next((folder for folder in folders if not folder.is_dir()), None)
        if missing is not None:
            raise ConfigError(f"--results {missing}: is no folder; give the one that `egoshift evaluate` wrote into")
        self._folders = tuple(folders)
        self._made: tuple[object, str] | None = None
        self._lock = Lock()

    def html(self) -> str:
        """The page; where the results cannot be read, the reason."""
        with self._lock:
            state = self._state()
            if self._made is None or self._made[0] != state:
                self._made = state, self._html()
            return self._made[1]

    def _state(self) -> object:
        found = [path for folder in self._folders for path in folder.rglob("*.json")]
        return [(str(path), path.stat().st_mtime_ns) for path in sorted(found)]

    def _html(self) -> str:
        from egoshift.recipes.report import document

        try:
            return results_html(self._folders)
        except EgoshiftError as error:
            return document("egoshift results", [f"<p>{html.escape(str(error))}</p>"], _STYLE)


def results_html(folders: Sequence[Path]) -> str:
    """Results and claims under these folders as one page.

    Raises:
        ResultError: There are none, or a file cannot be read.
    """
    from egoshift.recipes import modalities, report
    from egoshift.recipes.tables import read_modality_results, read_results

    claims = [part for folder in folders for path in sorted(folder.rglob(CLAIMS)) for part in claim_parts(path)]
    # A folder with claims but no results folder, such as docs, holds other files of the same ending.
    holding = [folder for folder in folders if not claims or any(folder.rglob("results/*.json"))]
    read, several = read_results(holding), read_modality_results(holding)
    parts = [*claims, *(modalities.sections(several) if several else [])]
    if read:
        return report.html(read, parts, modalities.STYLE + _STYLE)
    return report.document("egoshift results", parts, modalities.STYLE + _STYLE)


def claim_parts(path: Path) -> list[str]:
    """The claims of a ``claims.json`` as parts of a page, each with its verdict and the comparisons behind it.

    Raises:
        ResultError: It is no such file.
    """
    try:
        rows = parse_json(path.read_text("utf-8"))
        parts = ["<h2>Claims</h2>"]
        for _, group in groupby(rows, key=lambda row: row["number"]):
            parts.append(_claim(list(group)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise ResultError(f"{path}: is not what `egoshift claims --write` writes; write it anew") from None
    return parts


def _claim(rows: Sequence[Mapping[str, object]]) -> str:
    first = rows[0]
    title = html.escape(f"{first['number']}. {first['claim']}: {first['claim_verdict']}")
    compared = [row for row in rows if row["comparison"] is not None]
    if not compared:
        return f"<details><summary>{title}</summary><p>{html.escape(str(first['reason']))}</p></details>"
    head = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(row)) + "</tr>" for row in rows)
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    return f"<details><summary>{title}</summary><p>{html.escape(str(first['place']))}</p>{table}</details>"


def _cells(row: Mapping[str, object]) -> tuple[str, ...]:
    ends = [row["low"], row["high"]]
    interval = "" if None in ends else " [" + ", ".join(f"{_number(end):+.1f}" for end in ends) + "]"
    return (
        str(row["comparison"]),
        str(row["label"]),
        str(row["measure"]),
        f"{_number(row['left_value']):.1f}",
        f"{_number(row['right_value']):.1f}",
        f"{_number(row['difference']):+.1f}{interval}",
        str(row["verdict"]),
    )


def _number(value: object) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError("a comparison has numbers")
    return float(value)

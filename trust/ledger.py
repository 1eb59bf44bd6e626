"""Where the programs of this folder put their figures: docs/trust.json, and from it the tables of docs/trust.md."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import machine

from egoshift.files import write_atomically
from egoshift.recipes.pages import filled

DOCS = Path(__file__).parents[1] / "docs"
MARKS = ("<!-- figures:begin -->", "<!-- figures:end -->")
_HEAD = "| what | measured | bar | command |\n| --- | ---: | ---: | --- |\n"


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        what: What was counted, in a few words.
        measured: The figure with its unit.
        bar: What it is held against; empty where there is no bar.
    """

    what: str
    measured: str
    bar: str = ""


def record(section: str, figures: Sequence[Figure], command: str, *, docs: Path = DOCS, **facts: Any) -> None:
    """Puts a section's figures in the place of its former ones.

    Args:
        section: ``crash``, ``fuzz``, ``mutants`` or ``soak``.
        figures: Rows of the page's table.
        command: What a reader runs to count again.
        docs: The folder of trust.json and trust.md.
        facts: What else the JSON file is to hold, such as counts by kind.
    """
    path = docs / "trust.json"
    sections: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    sections[section] = {
        "command": command,
        "machine": machine(),
        "figures": [asdict(figure) for figure in figures],
        **facts,
    }
    write_atomically(path, (json.dumps(sections, indent=1, sort_keys=True) + "\n").encode())
    write_atomically(docs / "trust.md", filled(docs / "trust.md", MARKS, tables(sections)).encode())


def tables(sections: Mapping[str, Any]) -> str:
    """All figures as one Markdown table, and where they were measured."""
    rows = [
        f"| {figure['what']} | {figure['measured']} | {figure['bar']} | `{section['command']}` |\n"
        for _, section in sorted(sections.items())
        for figure in section["figures"]
    ]
    machines = sorted({section["machine"] for section in sections.values()})
    return "\n" + _HEAD + "".join(rows) + f"\nMeasured on {'; '.join(machines)}.\n"

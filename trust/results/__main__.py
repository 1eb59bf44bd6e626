"""Makes every number of README and pages what the JSON files of ``docs/`` say.

``python -m trust.results`` runs the demonstrations (half an hour; what lies in runs/results is used again), keeps their
numbers in docs/demos.json, and rewrites tables and sentences. ``python -m trust.results pages`` only rewrites;
``demo``, ``sensors`` or ``cross_sensors`` run that one alone. What takes hours is written by the commands that the
pages name: ``make bench``, ``make claims``, ``egoshift reproduce --world --write docs``, and
``python -m benchmarks.glasses``.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from egoshift.errors import EgoshiftError
from egoshift.files import write_atomically
from egoshift.recipes.pages import filled
from trust.results.demos import COMMANDS, measure
from trust.results.figures import DOCS, ROOT, read_figures
from trust.results.generated import PARTS
from trust.results.phrases import read_numbers, rewritten

RUNS = ROOT / "runs/results"


def write_pages(root: Path = ROOT) -> list[str]:
    """Rewrites tables and sentences; which pages changed.

    Raises:
        ConfigError: A page lacks a mark or a phrase, or no JSON file has a figure.
    """
    docs = root / DOCS.name
    demos = json.loads((docs / "demos.json").read_text(encoding="utf-8"))
    for part in PARTS:
        write_atomically(root / part.page, filled(root / part.page, part.marks, part.text(demos)).encode())
    figures, changed = read_figures(docs), []
    for page, numbers in read_numbers(docs / "numbers.yaml").items():
        if numbers.measured:
            before = (root / page).read_text(encoding="utf-8")
            after = rewritten(before, numbers.measured, figures)
            if after != before:
                write_atomically(root / page, after.encode())
                changed.append(page)
    return changed


def main(asked: Sequence[str]) -> int:
    """Measures what is asked for (all by default), then rewrites; 1 where that cannot be done, 2 for unknown names."""
    unknown = [name for name in asked if name not in (*COMMANDS, "pages")]
    if unknown:
        print(f"no demonstration {', '.join(unknown)}; there are {', '.join(COMMANDS)}, and pages", file=sys.stderr)
        return 2
    try:
        for name in asked or COMMANDS:
            if name in COMMANDS:
                print(f"{name} …", file=sys.stderr, flush=True)
                measure(name, RUNS / name)
        changed = write_pages()
    except EgoshiftError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"rewritten: {', '.join(changed) or 'no sentence had to change'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Where the command line prints: answers on standard output, everything else on standard error."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from egoshift.processes import processes

_is_first = processes().is_first
"""Of several processes that share a job the first alone speaks; an error speaks in any."""


def with_addresses(text: str) -> str:
    """A text with addresses in place of the paths in the cache that stand for them."""
    remote = sys.modules.get("egoshift.remote")  # without it there are none
    return text if remote is None else str(remote.shown(text))


class _Console(Console):
    """A console that calls what lies in an object store by its address."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(with_addresses(one) if isinstance(one, str) else one for one in objects), **options)


answers = _Console(soft_wrap=True, highlight=False, quiet=not _is_first)
errors = _Console(stderr=True, highlight=False)


@runtime_checkable
class Report(Protocol):
    """Tells a progress bar how far the work is and, in words, what it is at."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """``done`` of ``total`` units."""


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """A progress bar on standard error with a note and the time left; silent where standard error is no terminal."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}", style="dim"),
        console=errors,
        disable=not (_is_first and errors.is_terminal),
    )
    task = bar.add_task(title, total=None, note="")

    def report(done: float, total: float, note: str = "") -> None:
        bar.start()  # only now: work that is refused at once shows no bar
        bar.update(task, completed=done, total=total, note=note)

    try:
        yield report
    finally:
        if bar.live.is_started:
            bar.stop()


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    if not _is_first:
        return
    sys.stdout.write(with_addresses(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)) + "\n")

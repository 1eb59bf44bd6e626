"""The entry point: assembles the verbs, tunes the allocator, and turns our errors into one line and an exit code.

Exit codes: 0 done; 1 something that was given cannot be used, said in one line a fault; 2 wrong usage; 130 interrupted
by ctrl-C; 143 by SIGTERM, which is treated alike.
"""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import FrameType
from typing import Any

import typer

from egoshift.allocator import keep_large_blocks
from egoshift.cli.console import errors
from egoshift.cli.places import localized
from egoshift.errors import ConfigError, EgoshiftError
from egoshift.processes import Processes, processes

_VERBS = (
    "demo",
    "predict",
    "adapt",
    "app",
    "extract",
    "train",
    "evaluate",
    "tables",
    "report",
    "export",
    "claims",
    "reproduce",
    "plan",
    "recipes",
    "encoders",
)
_SHARED_VERBS = ("train", "evaluate")
_EXIT_INTERRUPTED, _EXIT_TERMINATED = 130, 143
_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM)
"""What a disk says that is full, broken or not to be written to."""

_SECONDS_OF_THE_FIRST = 2.0
"""What all processes refuse, the first says; by then whoever started them has ended the others."""


def application() -> typer.Typer:
    """All verbs; each module holds one function of its own name."""
    app = typer.Typer(
        help="Recognise what the wearer of a camera is doing when data set, classes or sensors have shifted.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for verb in _VERBS:
        module: Any = import_module(f"egoshift.cli.{verb}")
        app.command(verb, epilog=module.EXAMPLES)(getattr(module, verb))
    app.add_typer(import_module("egoshift.cli.data").app, name="data")
    app.add_typer(import_module("egoshift.cli.store").app, name="store")
    app.add_typer(import_module("egoshift.cli.world").app, name="world")
    return app


def run() -> None:
    """Run the command line and exit."""
    keep_large_blocks()
    own = processes()
    if own.number > 1:  # a line of each process about parameters without gradient, which are expected
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    terminated: list[int] = []
    try:
        _check_verb(own)
        with terminable(terminated), ExitStack() as finishing:
            application()(localized(sys.argv[1:], finishing))
    except EgoshiftError as error:
        _refuse(str(error), own)
    except OSError as error:
        if error.errno not in _OF_DISKS:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _refuse(f"{place}{error.strerror}; mend that first: what was finished is kept, and {_going_on()}", own)
    except (KeyboardInterrupt, SystemExit) as left:
        # Typer makes an exit of an interruption, without a word.
        if isinstance(left, SystemExit) and left.code != _EXIT_INTERRUPTED:
            raise
        if own.is_first:
            errors.print(f"interrupted; what was finished is kept, and {_going_on()}", soft_wrap=True)
        sys.exit(_EXIT_TERMINATED if terminated else _EXIT_INTERRUPTED)


@contextmanager
def terminable(terminated: list[int]) -> Iterator[None]:
    """Within, SIGTERM does what ctrl-C does at that moment; where that is nothing, it interrupts.

    Shells have ctrl-C ignored by what they start in the background, as scripts on clusters do.

    Args:
        terminated: Is given the signal's number when it comes.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        terminated.append(number)
        interrupted = signal.getsignal(signal.SIGINT)
        if callable(interrupted):
            interrupted(signal.SIGINT, frame)
        else:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _going_on() -> str:
    if sys.argv[1:2] == ["train"]:
        return "the same command goes on from there" + ("" if "--resume" in sys.argv else " with --resume")
    return "the same command uses it again where it can"


def _refuse(line: str, own: Processes) -> None:
    if not own.is_first:
        time.sleep(_SECONDS_OF_THE_FIRST)
    errors.print(line, style="red", soft_wrap=True, markup=False, highlight=False)
    sys.exit(1)


def _check_verb(own: Processes) -> None:
    if own.number > 1 and sys.argv[1:2] not in ([verb] for verb in _SHARED_VERBS):
        raise ConfigError(
            f"{own.number} processes were started, which only {' and '.join(_SHARED_VERBS)} share; start one, without "
            "torchrun"
        )

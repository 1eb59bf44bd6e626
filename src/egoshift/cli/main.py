"""The entry point: assembles the verbs, tunes the allocator, and turns our errors into one line and an exit code.

Exit codes: 0 done; 1 something that was given cannot be used, said in one line a fault; 2 wrong usage; 130 interrupted.
"""

import ctypes
import os
import sys
import time
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import typer

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
_EXIT_INTERRUPTED = 130
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
    try:
        _check_verb(own)
        with ExitStack() as finishing:
            application()(localized(sys.argv[1:], finishing))
    except EgoshiftError as error:
        if not own.is_first:
            time.sleep(_SECONDS_OF_THE_FIRST)
        errors.print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
        sys.exit(1)
    except SystemExit as left:
        if left.code != _EXIT_INTERRUPTED or not own.is_first:
            raise
        # Typer makes an exit of an interruption, without a word.
        errors.print(
            "interrupted; what was finished is kept, and the same command uses it again where it can", soft_wrap=True
        )
        raise


def _check_verb(own: Processes) -> None:
    if own.number > 1 and sys.argv[1:2] not in ([verb] for verb in _SHARED_VERBS):
        raise ConfigError(
            f"{own.number} processes were started, which only {' and '.join(_SHARED_VERBS)} share; start one, without "
            "torchrun"
        )


def keep_large_blocks() -> None:
    """Stop glibc from returning every block above 32 MB to the kernel, which page-faults it in again at each operation.

    Worth 1.2 to 1.6 times in encoding and training on a CPU, for a larger resident size. Elsewhere than on glibc
    nothing happens.
    """
    mmap_threshold, trim_threshold = -3, -1
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, 0x7FFFFFFF)
    except (OSError, AttributeError, TypeError):
        return

"""Where the command line turns addresses into paths: what is read is fetched, what was written is published."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from egoshift.cli.console import errors
from egoshift.errors import ConfigError

_WRITTEN = ("-o", "--out", "--output", "--onnx", "--overlay")
_ONLY_HERE = ("--tensorboard", "--cache", "--write")
_VOUCH = ("manifest.json", "config.json", "run.yaml")
"""Files without which a store, a model or a run is none."""

_ADDRESS = re.compile(r"(?:(?P<option>--[\w-]+)=)?(?P<url>[a-z][a-z0-9+.-]+://.+)", re.DOTALL)


def localized(words: Sequence[str], finishing: ExitStack) -> list[str]:
    """The words of a command with paths for addresses: inputs are fetched, outputs published when the stack closes.

    Args:
        words: What follows the program's name.
        finishing: Closed after the command; publishes if that ended with exit code 0 or 1.

    Raises:
        ConfigError: An address is given for what has to lie on this machine.
        RemoteError: An input cannot be read.
    """
    matches = [_ADDRESS.fullmatch(word) for word in words]
    _tell()
    given = []
    for number, (word, match) in enumerate(zip(words, matches, strict=True)):
        option = match["option"] or (words[number - 1] if number else "") if match else ""
        given.append(word if match is None else _localized(option, match, finishing))
    return given


def _localized(option: str, match: "re.Match[str]", finishing: ExitStack) -> str:
    from egoshift.remote import here, path_of

    if option in _ONLY_HERE:
        raise ConfigError(f"{option} {match['url']}: is written where it lies; give a folder of this machine")
    path = path_of(match["url"])
    if option in _WRITTEN:
        finishing.enter_context(_published(path))
    else:
        here(path)
    return f"{match['option']}={path}" if match["option"] else str(path)


@contextmanager
def _published(path: Path) -> Iterator[None]:
    """Publishes what the command wrote there; a command that left something out (exit code 1) has written the rest."""
    from egoshift.remote import work_on

    left: SystemExit | None = None
    with work_on(path, _VOUCH):
        try:
            yield
        except SystemExit as end:
            if end.code not in (0, 1, None):
                raise
            left = end
    if left is not None:
        raise left


def _tell() -> None:
    """What is fetched and published, and what is said of stores and models, goes to standard error, a line each."""
    for name in ("egoshift.remote", "egoshift.features", "egoshift.prediction"):
        logger = logging.getLogger(name)
        logger.handlers = [_Lines()]
        logger.setLevel(logging.INFO)
        logger.propagate = False


class _Lines(logging.Handler):
    """Prints a record as one line."""

    def emit(self, record: logging.LogRecord) -> None:
        errors.print(record.getMessage(), soft_wrap=True, markup=False, highlight=False)

"""The pages of the documentation, their fenced blocks, and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main

from egoshift.cli.main import application

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md")),
)
"""Every page that a person reads, by its path in the repository; those of ``docs/reference`` hold no blocks."""

GUIDES = tuple(page for page in PAGES if page.startswith("docs/add-a"))
"""Pages that are followed from top to bottom in a copy of the repository."""

LANGUAGES = ("", "python", "sh", "yaml", "diff")
PROGRAMS = ("egoshift", "make", "python", "pytest", "hf", "source", "torchrun")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_PLACE = re.compile(r"`([\w.-]+/[\w./-]+\.\w+)`|^`([\w.-]+\.\w+)`:$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: The page it is on.
        language: What stands behind the fence.
        text: What is in it.
        file: The file that the paragraph before it names as its place, or the one before that, of several to one file.
    """

    page: str
    language: str
    text: str
    file: str

    @property
    def commands(self) -> tuple[str, ...]:
        """Its commands without comments; none where it is not made of commands."""
        if self.language not in ("", "sh") or self.text.split(maxsplit=1)[0] not in PROGRAMS:
            return ()
        split = (shlex.split(line, comments=True) for line in self.text.splitlines())
        return tuple(shlex.join(words) for words in split if words)


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in order; of several behind one name, all have it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[Block] = []
    end = 0
    for fence in _FENCE.finditer(text):
        between = text[end : fence.start()]
        found.append(Block(page, fence[1], fence[2], _place(between) or (found[-1].file if found else "")))
        end = fence.end()
    return found


def _place(between: str) -> str:
    """The file that the paragraph before a block names, where it ends in a colon; empty where it names none."""
    paragraph = between.strip().split("\n\n")[-1]
    named = _PLACE.search(paragraph) if paragraph.endswith(":") else None
    return (named[1] or named[2]) if named else ""


def commands(page: str) -> list[str]:
    """All commands of a page, in order."""
    return [command for block in blocks(page) for command in block.commands]


def inline_commands(page: str) -> list[str]:
    """What the text of a page itself calls a command of ours, such as ``egoshift recipes NAME``."""
    text = _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    return [" ".join(code.split()) for code in re.findall(r"`(egoshift [^`]+)`", text)]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command of ours that ``egoshift`` with these words calls, and what it is given."""
    command: Any = typer.main.get_command(application())
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


def parse(line: str) -> None:
    """Reads a command line of ours as the program does, and runs nothing.

    Raises:
        Exception: The program would refuse it for its usage.
    """
    command, given = command_of(shlex.split(line)[1:])
    assert not hasattr(command, "commands"), f"{line}: there is no such command"
    command.make_context("egoshift", list(given))

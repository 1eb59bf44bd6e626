"""Writes the page of all commands out of the program itself, so that it cannot be stale.

A hook of mkdocs: it fills the mark in ``commands.md`` while the site is built.
"""

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from egoshift.cli.main import application

MARK = "<!-- commands -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with all commands where it asks for them."""
    return markdown.replace(MARK, "\n\n".join(sections())) if MARK in markdown else markdown


def sections() -> Iterator[str]:
    """A section of Markdown for each command, in the order of ``egoshift --help``."""
    for name, command in commands():
        yield section(name, command)


def commands() -> Iterator[tuple[str, Any]]:
    """Each command with its full name, such as ``data check``; groups themselves are left out."""

    def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "commands"):
            yield name, command
            return
        for verb, inner in command.commands.items():
            yield from walk(inner, f"{name} {verb}".strip())

    yield from walk(typer.main.get_command(application()), "")


def section(name: str, command: Any) -> str:
    """What ``egoshift NAME --help`` says, as Markdown."""
    with command.make_context(f"egoshift {name}", [], resilient_parsing=True) as context:
        usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
        parts = [f"## egoshift {name}", str(command.help), f"```text\n{_once_dotted(usage)}\n```"]
        records = [
            record
            for parameter in command.get_params(context)
            if (record := parameter.get_help_record(context)) and parameter.name != "help"
        ]
    rows = [f"| {_given(given)} | {_cell(meaning)} |" for given, meaning in records]
    parts.append("\n".join(["| given | meaning |", "|---|---|", *rows]))
    examples = [line.strip() for line in (command.epilog or "").splitlines() if line.strip().startswith("egoshift ")]
    if examples:
        parts.append("\n".join(["```sh", *examples, "```"]))
    return "\n\n".join(parts)


def _once_dotted(usage: str) -> str:
    """What may be given several times has its dots already, and typer adds more."""
    return re.sub(r"(\.\.\.\]?)\.\.\.", r"\1", usage)


def _given(given: str) -> str:
    """``--top <int range>`` with the kind of value out of the code."""
    name, _, kind = given.partition(" <")
    kind = re.sub(r"^list\[(.*)\]$", r"\1", kind.removesuffix(">").removesuffix(" range"))
    return _cell(f"`{name}`" + (f" {kind}" if kind else ""))


def _cell(text: str) -> str:
    """Text that stays in its cell."""
    return re.sub(r"\s+", " ", text).replace("<", "&lt;").replace("|", r"\|").replace("*", r"\*")

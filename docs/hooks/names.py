"""Lists the names that ``from egoshift import …`` gives, with links to where they are described.

A hook of mkdocs: it fills the mark in ``reference/index.md`` while the site is built.
"""

from pathlib import Path
from typing import Any

import egoshift

MARK = "<!-- names -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with the names where it asks for them."""
    return markdown.replace(MARK, table()) if MARK in markdown else markdown


def table() -> str:
    """A row a room, in Markdown; the links are resolved by mkdocstrings."""
    rows = [
        f"| [{room}]({room}.md) | {', '.join(f'[`{name}`][{described_at(room, name)}]' for name in names)} |"
        for room, names in egoshift._ROOMS.items()
    ]
    return "\n".join(["| room | names |", "|---|---|", *rows])


def described_at(room: str, name: str) -> str:
    """The path by which a name is described: where a file is called like what it holds, that of what it holds."""
    same = (Path(egoshift.__file__).parent / room / f"{name}.py").is_file()
    return f"egoshift.{room}.{name}" + f".{name}" * same

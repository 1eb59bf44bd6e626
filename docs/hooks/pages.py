"""Brings Markdown files that lie elsewhere in the repository into the site, and mends links to them.

A hook of mkdocs. The README is the first page, and no page has a twin: what GitHub shows in the repository and what the
site shows is one file. A link that leads out of ``docs/`` to any other file is a warning, and so an error.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "src/egoshift/world/clip/README.md": "cards/egoworld.md",
    "src/egoshift/world/clip_large/README.md": "cards/egoworld-large.md",
    "src/egoshift/world/dino/README.md": "cards/egoworld-dino.md",
    "src/egoshift/world/lavila/README.md": "cards/egoworld-lavila.md",
}
"""Files of the repository and the pages that they are."""

_LINK = re.compile(r"(?<=\]\()(?P<target>[^)#\s:]+)(?P<anchor>#[^)\s]*)?(?=\))")
_FENCE = re.compile(r"^( *```.*?^ *```)", flags=re.DOTALL | re.MULTILINE)


class OurMarkdown(Extension):  # type: ignore[misc]  # the library has no annotations
    """Two habits of ours: what is in a list is indented by two spaces, and docstrings hold examples without a fence."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the library's name
        """Teaches both."""
        md.tab_length = 2
        md.build_parser()  # what was built reads the length only once; so this extension comes before all others
        md.preprocessors.register(FencedExamples(md), "fenced_examples", 100)  # before code blocks are looked for


class FencedExamples(Preprocessor):  # type: ignore[misc]
    """Puts a fence around a paragraph that begins with a prompt."""

    def run(self, lines: list[str]) -> list[str]:
        """The lines, with fences."""
        paragraphs = "\n".join(lines).split("\n\n")
        return "\n\n".join(
            f"```pycon\n{paragraph}\n```" if paragraph.startswith(">>> ") else paragraph for paragraph in paragraphs
        ).split("\n")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds what our Markdown needs."""
    config.markdown_extensions.insert(0, OurMarkdown())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=page_text(source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A page of ``docs/`` with its links out of it; those that were brought in have theirs already."""
    source = page.file.src_uri
    return markdown if source in PAGES.values() else with_links(markdown, f"docs/{source}", source)


def page_text(source: str) -> str:
    """The text of a file of the repository as a page: without front matter, which is for the hub, and links mended."""
    text = re.sub(r"\A---\n.*?\n---\n", "", (ROOT / source).read_text(encoding="utf-8"), flags=re.DOTALL)
    return with_links(text, source, PAGES[source])


def with_links(text: str, source: str, page: str) -> str:
    """Links that are right in the repository, from the file ``source``, made right in the site, from ``page``."""

    def mended(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["target"]))
        if path in PAGES:
            target = PAGES[path]
        elif path.startswith("docs/"):
            target = path.removeprefix("docs/")
        else:
            return link[0]
        return posixpath.relpath(target, posixpath.dirname(page) or ".") + (link["anchor"] or "")

    return "".join(part if part.lstrip().startswith("```") else _LINK.sub(mended, part) for part in _FENCE.split(text))

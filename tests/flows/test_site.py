"""The site is built without a warning, asks for nothing from elsewhere, and holds every command and public name."""

import ast
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import egoshift
from tests.flows.pages import ROOT
from tests.flows.site_hooks import load_hook

FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
"""What a browser loads by itself, by tag; of links, those that are no mere hint of another page."""

ROOMS = tuple(path.parent.name for path in sorted((ROOT / "src/egoshift").glob("*/__init__.py")))
WITHOUT_NAMES = ("app", "cli")
"""Rooms that are run, and whose names nobody imports."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as ``make docs`` builds it."""
    place = tmp_path_factory.mktemp("docs") / "site"
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")}
    program = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)]
    answer = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return place


class Loaded(HTMLParser):
    """What a browser loads of a page, and the ids on it."""

    def __init__(self, text: str):
        super().__init__()
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        if tag in FETCHED and FETCHED[tag] in given:
            self.addresses.append(given[FETCHED[tag]])
        if tag == "link" and not {"canonical", "prev", "next"} & set(given.get("rel", "").split()):
            self.addresses.append(given.get("href", ""))


def read(page: Path) -> Loaded:
    return Loaded(page.read_text(encoding="utf-8"))


def public_names(room: str) -> list[str]:
    """A room's ``__all__``, without importing what it holds."""
    tree = ast.parse((ROOT / f"src/egoshift/{room}/__init__.py").read_text(encoding="utf-8"))
    given = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}  # type: ignore[attr-defined]
    names: list[str] = ast.literal_eval(given["__all__"])
    return names


def test_no_page_loads_anything_from_elsewhere(site: Path):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) >= 35
    addresses = {(page.name, address) for page in pages for address in read(page).addresses}
    assert len(addresses) > len(pages), "a page loads its style at least"
    assert [one for one in addresses if re.match(r"(https?:)?//", one[1])] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_every_command_has_its_section(site: Path):
    text = (site / "commands.html").read_text(encoding="utf-8")
    found = list(load_hook("commands").commands())
    assert len(found) >= 14
    for name, command in found:
        assert f'id="egoshift-{name.replace(" ", "-")}"' in text
        for parameter in command.params:
            assert parameter.name == "help" or parameter.opts[-1] in text or parameter.param_type_name == "argument"


def test_every_public_name_is_described(site: Path):
    described = read(site / "reference/index.html").ids
    for room in (room for room in ROOMS if room not in WITHOUT_NAMES):
        names = public_names(room)
        ids = read(site / f"reference/{room}.html").ids
        at = load_hook("names").described_at
        assert [name for name in names if at(room, name) not in ids] == [], room
        described |= ids
    text = (site / "reference/index.html").read_text(encoding="utf-8")
    assert [name for name in egoshift.__all__ if f">{name}</" not in text] == []


def test_files_of_the_repository_are_pages_with_links_between_them(site: Path):
    first = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="world.html"' in first
    assert 'href="contributing.html"' in first
    assert "docs/" not in re.findall(r'href="([^"]*)"', first)
    assert 'href="cards/egoworld.html"' in (site / "world.html").read_text(encoding="utf-8")
    assert "license: mit" not in (site / "cards/egoworld.html").read_text(encoding="utf-8")
    assert 'href="add-a-method.html"' in (site / "contributing.html").read_text(encoding="utf-8")


def test_links_are_mended_from_any_folder_and_blocks_are_left_as_they_are():
    pages = load_hook("pages")
    text = "[a](docs/data.md#sensors) [b](https://x.org/a.md) [c](CONTRIBUTING.md)\n\n```sh\n[d](docs/data.md)\n```\n"
    assert pages.with_links(text, "README.md", "index.md") == (
        "[a](data.md#sensors) [b](https://x.org/a.md) [c](contributing.md)\n\n```sh\n[d](docs/data.md)\n```\n"
    )
    card = "src/egoshift/world/clip/README.md"
    assert pages.with_links("[a](../../../../docs/world.md)", card, pages.PAGES[card]) == "[a](../world.md)"
    assert pages.with_links("[a](../README.md)", "docs/reference/x.md", "reference/x.md") == "[a](../README.md)"


def test_an_example_in_a_docstring_is_a_block_and_lists_are_indented_by_two():
    from markdown import Markdown

    pages = load_hook("pages")
    text = "What it gives.\n\n>>> f(1)\n2\n\n- a\n\n  b\n"
    html = Markdown(extensions=[pages.OurMarkdown(), "pymdownx.superfences"]).convert(text)
    assert "<blockquote>" not in html
    assert html.count("<code>") == 1
    assert "<li>\n<p>a</p>\n<p>b</p>\n</li>" in html

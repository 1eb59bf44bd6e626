import json
from pathlib import Path

from trust.ledger import DOCS, MARKS, Figure, record, tables


def test_a_section_takes_the_place_of_its_former_figures_and_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "trust.md").write_text(f"before\n{MARKS[0]}\n{MARKS[1]}\nafter\n")
    record("crash", [Figure("kills", "7", "500")], "make crash", docs=tmp_path)
    record("fuzz", [Figure("inputs", "9")], "make fuzz", docs=tmp_path, seeds={"csv": 3})
    record("crash", [Figure("kills", "501", "500")], "make crash", docs=tmp_path, survived=501)
    kept = json.loads((tmp_path / "trust.json").read_text())
    assert kept["crash"]["figures"] == [{"what": "kills", "measured": "501", "bar": "500"}]
    assert (kept["crash"]["survived"], kept["fuzz"]["seeds"]) == (501, {"csv": 3})
    page = (tmp_path / "trust.md").read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "| kills | 501 | 500 | `make crash` |\n| inputs | 9 |  | `make fuzz` |\n" in page


def test_the_page_says_what_the_figures_say() -> None:
    kept = json.loads((DOCS / "trust.json").read_text())
    page = (DOCS / "trust.md").read_text()
    told = page[page.index(MARKS[0]) + len(MARKS[0]) : page.index(MARKS[1])]
    assert told.strip() == (tables(kept).strip() if kept else "")

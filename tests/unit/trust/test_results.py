"""README and pages say what the JSON files of ``docs/`` say, and no number on them is of unknown origin."""

import json
from pathlib import Path

import pytest
from trust.results.__main__ import main, write_pages
from trust.results.demos import keep, rows_of_demo, text
from trust.results.derived import derived
from trust.results.figures import DOCS, ROOT, card_figures, claim_figures, read_figures
from trust.results.generated import PARTS, others, page_text
from trust.results.phrases import Numbers, faults, read_numbers, rewritten, values

from egoshift.errors import ConfigError
from tests.flows.pages import PAGES

GENERATED = "docs/benchmarks.md"
"""As a whole."""

NOTHING = Numbers((), {})
FIGURES: dict[str, float | str] = {"demo/a": 12.34, "demo/b": -0.5, "demo/c": 1234.0, "demo/row": "1.0 | 2.0"}


@pytest.fixture(scope="module")
def figures() -> dict[str, float | str]:
    return read_figures()


@pytest.mark.parametrize("page", [page for page in PAGES if page != GENERATED])
def test_every_number_of_a_page_was_measured_or_is_given_with_a_reason(
    page: str, figures: dict[str, float | str]
) -> None:
    numbers = read_numbers()
    found = list(faults(page_text(page), numbers.get(page, NOTHING), numbers["everywhere"], figures))
    assert not found, f"{page}: `make results` rewrites what was measured; {len(found)}:\n" + "\n".join(found)


def test_numbers_are_told_of_pages_that_are_there() -> None:
    assert set(read_numbers()) - {"everywhere"} <= set(PAGES)
    assert sum(len(numbers.measured) for numbers in read_numbers().values()) > 40


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.page} {part.mark}")
def test_tables_are_those_of_the_demonstrations(part) -> None:
    told = page_text(part.page).split(part.marks[0])[1].split(part.marks[1])[0]
    assert told.strip() == part.text(json.loads((DOCS / "demos.json").read_text())).strip()


def test_what_other_programs_wrote_is_what_their_files_say() -> None:
    for page, texts in others():
        for one in texts:
            assert one.strip("\n") in page_text(page), f"{page}: differs from its JSON file"


def test_a_page_that_disagrees_is_told_and_mended() -> None:
    page = "It takes 9.9 of\n13 and -0.5 (1,235 in all); | 0 | x |\n"
    phrases = ("takes {demo/a:.1f} of {demo/a:.0f} and {demo/b:+.1f}", "({demo/c:,.0f} in all)", "| {demo/row:s} | x")
    told = list(faults(page, Numbers(phrases, {}), NOTHING, FIGURES))
    assert [one.split(":")[0] for one in told] == [
        "says 9.9 where 12.3 was measured",
        "says 13 where 12 was measured",
        "says 1,235 where 1,234 was measured",
        "says 0 where 1.0 | 2.0 was measured",
    ]
    mended = rewritten(page, phrases, FIGURES)
    assert mended == "It takes 12.3 of\n12 and -0.5 (1,234 in all); | 1.0 | 2.0 | x |\n"
    assert not list(faults(mended, Numbers(phrases, {}), NOTHING, FIGURES))
    assert rewritten(mended, phrases, FIGURES) == mended
    assert values("{-demo/b:.1f}", FIGURES) == ["0.5"]


@pytest.mark.parametrize(
    "text", ["is 3.5 better", "took 12 minutes", "+4 points", "1,200 MiB", "half: 50% of it", "1.2e-3"]
)
def test_a_measured_looking_number_needs_an_origin(text: str) -> None:
    assert len(list(faults(f"It {text}.", NOTHING, NOTHING, {}))) == 1
    assert not list(faults(f"It {text}.", Numbers((), {"a reason": (text,)}), NOTHING, {}))
    assert not list(faults(f"It {text}.", NOTHING, Numbers((), {"a reason": (text,)}), {}))
    for hidden in (f"`{text}`", f"```\n{text}\n```", f"<!-- x:begin -->{text}<!-- x:end -->", f"[link](at {text})"):
        assert not list(faults(hidden, NOTHING, NOTHING, {}))


@pytest.mark.parametrize("text", ["in 16 classes", "version 1.2.3", "ViT-B/16", "claims 10 to 14", "a 3D box"])
def test_what_is_no_measurement_needs_none(text: str) -> None:
    assert not list(faults(text, NOTHING, NOTHING, {}))


def test_a_phrase_that_left_its_page_and_a_figure_that_left_its_file_are_told() -> None:
    gone = Numbers(("was {demo/a:.1f}",), {"a reason": ("it is 5 m long",)})
    assert len(list(faults("nothing", gone, NOTHING, FIGURES))) == 2
    assert "says 2 times" in next(faults("was 1 was 2", Numbers(("was {demo/a:.0f}",), {}), NOTHING, FIGURES))
    with pytest.raises(ConfigError, match="no figure demo/d"):
        rewritten("was 1", ("was {demo/d:.0f}",), FIGURES)


def test_results_rewrites_a_copy_and_leaves_what_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    for page in (*PAGES, *(f"docs/{path.name}" for path in [*DOCS.glob("*.json"), DOCS / "numbers.yaml"])):
        (tmp_path / page).write_bytes((ROOT / page).read_bytes())
    assert write_pages(tmp_path) == []
    spoilt = page_text("docs/glasses.md").replace("accelerometer alone 39.1", "accelerometer alone 93.1")
    assert spoilt != page_text("docs/glasses.md")
    (tmp_path / "docs/glasses.md").write_text(spoilt)
    (tmp_path / "README.md").write_text(page_text("README.md").replace("| verb | xmic |", "| verb | other |"))
    assert write_pages(tmp_path) == ["docs/glasses.md"]
    for page in PAGES:
        assert (tmp_path / page).read_text() == page_text(page)
    assert main(["demo", "nothing"]) == 2
    assert "no demonstration nothing; there are demo, sensors" in capsys.readouterr().err


def test_figures_have_the_names_that_their_files_give() -> None:
    row = {
        "number": 3,
        "comparison": "A > B (beside: ours)",
        "label": "noun",
        "measure": "hm",
        "left_value": 5.04,
        "right_value": 4.0,
        "difference": 1.04,
        "low": -0.11,
        "high": 2.0,
        "verdict": "undecided",
        "seeds": [1, 2],
        "left_values": [5.0, 5.08],
        "right_values": [4.0, 4.0],
    }
    found = dict(claim_figures([row]))
    assert found["3/A > B/noun/hm/difference"] == 1.04
    assert found["3/A > B/noun/hm/row"] == "5.0 | 4.0 | +1.0 [-0.1, +2.0] | undecided"
    assert found["3/A > B/noun/hm/left/2"] == 5.08
    card = "# A card\n\n| | trained | raw |\n|---|---|---|\n| noun top-1, third-person | 56.1 | 17.6 |\n"
    assert dict(card_figures(card)) == {"noun top-1, third-person/1": 56.1, "noun top-1, third-person/2": 17.6}


def test_derived_figures_are_extremes_of_their_parts() -> None:
    known = {
        f"glasses/signals/standing_y_g/{user}": y for user, y in (("1", 0.9), ("2", -0.9), ("3", 0.01), ("24", 0.8))
    }
    known |= {f"glasses/signals/running_g/{user}": value for user, value in (("1", 0.5), ("2", 0.9), ("25", 0.01))}
    found = derived(known)
    assert found["derived/glasses standing upward"] == 2
    assert found["derived/glasses standing downward"] == 1
    assert (found["derived/glasses running, least"], found["derived/glasses running, most"]) == (0.5, 0.9)
    assert not any("others" in name or "baselines" in name for name in found), "their parts are not there"


def test_a_demonstration_takes_the_place_of_its_former_numbers_alone(tmp_path: Path) -> None:
    row = {"method": "m", "train": "a", "test": "b", "label": "noun", "metric": "top1", "subset": "all"}
    numbers = {"value": 12.345678, "low": None, "high": None, "n": 3, "reported": None}
    found = rows_of_demo([row | numbers, row | numbers | {"test": "a"}])
    keep("demo", found, tmp_path)
    keep("sensors", found, tmp_path, threads=7)
    keep("demo", found, tmp_path, threads=5)
    kept = json.loads((tmp_path / "demos.json").read_text())
    assert (kept["demo"]["threads"], kept["sensors"]["threads"]) == (5, 7)
    assert kept["demo"]["rows"][0] == row | {"value": 12.3457, "n": 3}
    assert kept["demo"]["tables"][0]["lines"] == [["noun", "m", "12.3", "12.3", ""]]
    assert (tmp_path / "demos.json").read_text() == text(kept)

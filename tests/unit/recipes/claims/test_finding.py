import json

import pytest

from egoshift.errors import ConfigError
from egoshift.recipes.claims import WEB_PICTURES, Claim, Comparison, Gain, Score, cells, row_dicts, write_page
from egoshift.recipes.claims.claim import AnyScore
from egoshift.recipes.claims.finding import find
from egoshift.recipes.claims.forest import forest
from egoshift.recipes.claims.listed import CLAIMS
from egoshift.recipes.claims.page import BEGIN, END, check_page, markdown
from egoshift.recipes.claims.plan import scores_of

MINE, OTHER = Score("xmic", "noun", "hm"), Score("zero_shot", "noun", "hm")
WORSE = Score("zero_shot_hand", "noun", "hm")
CLAIM = Claim(1, "Ours is better", "Table 9", (Comparison(MINE, OTHER), Comparison(MINE, WORSE, decides=False)))
VALUES: dict[int, dict[AnyScore, float]] = {
    0: {MINE: 30.0, OTHER: 20.0, WORSE: 40.0},
    1: {MINE: 33.0, OTHER: 22.0, WORSE: 43.0},
    2: {MINE: 36.0, OTHER: 24.0, WORSE: 46.0},
}


def test_seeds_are_paired():
    (finding,) = find([CLAIM], VALUES)
    first, beside = finding.compared
    assert first.differences == (10.0, 11.0, 12.0)
    assert (first.left, first.right, first.difference) == (33.0, 22.0, 11.0)
    assert first.interval == pytest.approx((11 - 4.302653 / 3**0.5, 11 + 4.302653 / 3**0.5), abs=1e-5)
    assert first.verdict == "reproduced"
    assert finding.seeds == (0, 1, 2)
    assert beside.verdict == "not reproduced"
    assert finding.verdict == "reproduced", "a comparison that is shown beside does not decide"


def test_a_claim_with_one_comparison_that_fails_is_not_reproduced():
    claim = Claim(1, "Both", "Table 9", (Comparison(MINE, OTHER), Comparison(MINE, WORSE)))
    assert find([claim], VALUES)[0].verdict == "not reproduced"


def test_gains_are_compared_within_each_seed():
    gains = Gain("xmic", "zero_shot", "noun", "hm"), Gain("xmic", "zero_shot_hand", "noun", "hm")
    (finding,) = find([Claim(6, "Gains", "here", (Comparison(*gains),))], VALUES)
    assert finding.compared[0].lefts == (10.0, 11.0, 12.0)
    assert finding.compared[0].rights == (-10.0, -10.0, -10.0)
    assert finding.compared[0].difference == 21.0


def test_rows_hold_the_keys_that_are_promised():
    rows = row_dicts(find([CLAIM], VALUES), scale=0.5)
    promised = {"number", "claim", "left_value", "right_value", "difference", "low", "high", "seeds", "verdict"}
    assert all(promised <= set(row) for row in rows)
    assert len({frozenset(row) for row in rows}) == 1, "every row has the same keys"
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert (rows[0]["left_value"], rows[0]["right_value"], rows[0]["difference"]) == (33.0, 22.0, 11.0)
    assert (rows[0]["seeds"], rows[0]["scale"], rows[0]["verdict"]) == ([0, 1, 2], 0.5, "reproduced")
    assert rows[0]["left_values"] == [30.0, 33.0, 36.0]


def test_one_seed_has_no_interval_and_decides_nothing():
    (finding,) = find([CLAIM], {0: VALUES[0]})
    row = row_dicts([finding], scale=1.0)[0]
    assert (row["difference"], row["low"], row["high"], row["verdict"]) == (10.0, None, None, "undecided")
    assert cells(finding.compared[0])[-2:] == ("+10.0", "undecided")


@pytest.fixture
def everything():
    """All claims, with values as another score gives them in each of three worlds."""
    scores = scores_of(CLAIMS)
    return find(
        CLAIMS, {seed: {s: 30.0 + (7 * n + 3 * seed * n) % 41 for n, s in enumerate(scores)} for seed in (0, 1, 2)}
    )


def test_the_page_lists_every_claim_and_every_comparison(everything):
    text = markdown(everything, scale=1.0)
    for finding in everything:
        assert f"| {finding.claim.number} | {finding.claim.sentence} | **{finding.verdict}**" in text
    table_lines = [line for line in text.splitlines() if line.startswith("| ") and " > " in line]
    assert len(table_lines) == sum(len(finding.compared) for finding in everything)
    assert "Changed for" not in text
    assert "Changed for every run: fit.epochs=1." in markdown(everything, scale=1.0, assignments=["fit.epochs=1"])


def test_the_page_keeps_what_people_wrote(everything, tmp_path):
    written = write_page(tmp_path, everything, scale=1.0)
    assert {path.name for path in written} == {"claims.json", "claims.md", "claims.png"}
    page = tmp_path / "claims.md"
    page.write_text("Before.\n" + page.read_text() + "After.\n")
    once = page.read_text()
    write_page(tmp_path, everything, scale=1.0)
    assert page.read_text() == once, "the same findings give the same page"
    write_page(tmp_path, everything[:2], scale=1.0)
    again = page.read_text()
    assert again.startswith("Before.\n")
    assert again.endswith("After.\n")
    assert "Claim 8" in once
    assert "Claim 8" not in again
    assert len(json.loads((tmp_path / "claims.json").read_text())) == sum(len(f.compared) for f in everything[:2])


@pytest.mark.parametrize("content", ["no place", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_one_place_for_the_tables_is_refused(tmp_path, content):
    (tmp_path / "claims.md").write_text(content)
    with pytest.raises(ConfigError, match=r"claims\.md: needs one line"):
        check_page(tmp_path)


def test_the_plot_is_a_png_of_every_comparison_whatever_the_seeds(everything):
    import struct

    small = forest(find([CLAIM], {0: VALUES[0]}))
    large = forest(everything)
    heights = [struct.unpack(">II", image[16:24])[1] for image in (small, large)]
    assert small[:8] == large[:8] == b"\x89PNG\r\n\x1a\n"
    assert heights[1] > 4 * heights[0]
    scores: tuple[AnyScore, ...] = (MINE, OTHER, WORSE)
    constant = {seed: dict.fromkeys(scores, 5.0) for seed in (0, 1, 2)}
    assert forest(find([CLAIM], constant))[:4] == b"\x89PNG", "differences of zero have room too"


def test_the_web_pictures_are_named(everything):
    assert cells(everything[0].compared[0])[0] == "web pictures > zero-shot"
    assert everything[0].compared[0].comparison.left.variant == WEB_PICTURES

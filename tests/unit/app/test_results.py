import json
import shutil
from pathlib import Path

import pytest

from egoshift.app.results import ResultsPage, results_html
from egoshift.errors import ConfigError, ResultError
from tests.unit.app.conftest import Opened
from tests.unit.recipes.results import made_up

CLAIMS = Path(__file__).parents[3] / "docs" / "claims.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    made_up("home", "home").write(tmp_path / "results" / "within.json")
    made_up("home", "kitchen").write(tmp_path / "results" / "across.json")
    return tmp_path


def test_results_and_claims_stand_on_one_page(folder: Path) -> None:
    shutil.copy(CLAIMS, folder / "claims.json")
    page = results_html([folder])
    rows = json.loads(CLAIMS.read_text("utf-8"))
    for number in {row["number"] for row in rows}:
        assert f"<summary>{number}. " in page
    assert "home" in page
    assert "kitchen" in page
    assert page.count("data:image/png;base64,") >= 2
    assert "<script" not in page


def test_a_folder_of_claims_alone_is_a_page(tmp_path: Path) -> None:
    shutil.copy(CLAIMS, tmp_path / "claims.json")
    (tmp_path / "benchmarks.json").write_text("{}", encoding="utf-8")
    assert "<h2>Claims</h2>" in results_html([tmp_path])


def test_a_claims_file_is_read_as_text_only(tmp_path: Path) -> None:
    rows = json.loads(CLAIMS.read_text("utf-8"))[:1]
    rows[0]["claim"] = "<script>alert(1)</script>"
    (tmp_path / "claims.json").write_text(json.dumps(rows), encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in results_html([tmp_path])


@pytest.mark.parametrize("content", ["{", "[1]", '[{"number": 1}]', "3"])
def test_a_broken_claims_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "claims.json").write_text(content, encoding="utf-8")
    with pytest.raises(ResultError, match=r"claims\.json: is not what `egoshift claims --write` writes"):
        results_html([tmp_path])


def test_an_empty_folder_is_said_on_the_page(tmp_path: Path) -> None:
    assert "holds no results; `egoshift evaluate` writes them" in ResultsPage([tmp_path]).html()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder; give the one that"):
        ResultsPage([tmp_path / "none"])


def test_the_page_is_made_anew_when_a_file_changes(folder: Path) -> None:
    page = ResultsPage([folder])
    first = page.html()
    assert page.html() is first
    made_up("home", "bench").write(folder / "results" / "more.json")
    assert "bench" in page.html()
    assert "bench" not in first


def test_nothing_on_the_page_of_results_can_run(opened: Opened, folder: Path) -> None:
    response = opened(results=(folder,)).get("/results")
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "script-src" not in policy
    assert "frame-ancestors 'self'" in policy

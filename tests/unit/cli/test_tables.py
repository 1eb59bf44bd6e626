"""``egoshift tables`` on results of one modality, of several, and of both."""

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from egoshift.cli.tables import Paper, TableFormat, tables
from egoshift.datasets import DataCard, load_dataset
from egoshift.errors import ConfigError, ResultError
from egoshift.recipes import report
from egoshift.recipes.modalities import MODALITY_FORMATS, modality_rows
from egoshift.recipes.tables import TEXT_FORMATS, read_modality_results, read_results, table_rows
from tests.fixtures.videos import write_video
from tests.unit.recipes.modalities.results import EXAMPLE, full_support, matrix, result
from tests.unit.recipes.results import made_up

ONE = [made_up("kitchen", "kitchen"), made_up("kitchen", "home")]
SEVERAL = [result(full_support()), result(matrix(), "mmg_few_shot", examples=(EXAMPLE,))]


@pytest.fixture
def one(tmp_path: Path) -> Path:
    for number, each in enumerate(ONE):
        each.write(tmp_path / "one" / "results" / f"{number}.json")
    return tmp_path / "one"


@pytest.fixture
def several(tmp_path: Path) -> Path:
    for number, each in enumerate(SEVERAL):
        each.write(tmp_path / "several" / "results" / f"{number}.json")
    return tmp_path / "several"


def text(capsys: pytest.CaptureFixture[str], *paths: Path, **options: object) -> str:
    tables(list(paths), **options)  # type: ignore[arg-type]
    return capsys.readouterr().out


def test_a_folder_may_hold_both_kinds(one: Path, several: Path) -> None:
    for number, each in enumerate(SEVERAL):
        each.write(one / "results" / f"several-{number}.json")
    assert read_results([one]) == ONE
    assert read_modality_results([one]) == SEVERAL
    assert (read_results([several]), read_modality_results([several])) == ([], SEVERAL)


@pytest.mark.parametrize(
    "content", ['{"kind": "egoshift-modalities"', '["egoshift-modalities"]', "egoshift-modalities"]
)
def test_what_is_no_result_of_either_kind_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert read_modality_results([tmp_path]) == []
    with pytest.raises(ResultError, match=r"a\.json: "):
        read_results([tmp_path])


@pytest.mark.parametrize("form", ["md", "latex"])
def test_tables_of_several_modalities_follow_the_others(capsys, one, several, form):
    first, second = TEXT_FORMATS[form](table_rows(ONE)), MODALITY_FORMATS[form](SEVERAL, False)
    assert text(capsys, one, format=TableFormat(form)) == first
    assert text(capsys, several, format=TableFormat(form)) == second
    assert text(capsys, one, several, format=TableFormat(form)) == f"{first}\n{second}"


def test_rows_of_both_kinds_stand_in_one_csv_and_one_json_document(capsys, one, several):
    assert text(capsys, one, format=TableFormat.CSV) == TEXT_FORMATS["csv"](table_rows(ONE))
    expected = [*map(asdict, table_rows(ONE)), *map(asdict, modality_rows(SEVERAL))]
    assert json.loads(text(capsys, one, several, as_json=True)) == expected
    read = list(csv.DictReader(io.StringIO(text(capsys, one, several, format=TableFormat.CSV))))
    assert [row["method"] for row in read] == [row["method"] for row in expected]


def test_html_is_the_report_with_further_parts(capsys, one, several):
    assert text(capsys, one, format=TableFormat.HTML) == report.html(ONE)
    alone = text(capsys, several, format=TableFormat.HTML)
    assert "Any subset of modalities" in alone
    assert "the videos of kitchen were not given" in alone
    both = text(capsys, one, several, format=TableFormat.HTML)
    assert both.count("<html") == 1
    assert both.index("Overview") < both.index("Any subset of modalities") < both.index("Clips to look at")


def test_a_data_card_gives_the_examples_their_frames(capsys, tmp_path):
    folder = tmp_path / "kitchen"
    folder.mkdir()
    write_video(folder / "one.mp4", 60, 30)
    clips = load_dataset(DataCard.read(folder)).clips["clip_id"].to_list()
    example = EXAMPLE.model_copy(update={"query": clips[0], "support": ((clips[0],),) * 3})
    result(matrix(), examples=(example,)).write(tmp_path / "results" / "few.json")
    page = text(capsys, tmp_path / "results", format=TableFormat.HTML, data=[folder])
    assert page.count("data:image/jpeg;base64,") == 3 + 3
    assert "were not given" not in page


def test_the_papers_numbers_are_printed_when_asked(capsys, one, several):
    assert "reported" not in text(capsys, several)
    tables([one, several], paper=Paper.MMG)
    printed = capsys.readouterr()
    assert printed.out == MODALITY_FORMATS["md"](SEVERAL, True)
    assert "left out, for the paper is of several modalities: 2 results of one" in printed.err
    assert "reported 37.07" in text(capsys, several, format=TableFormat.HTML, paper=Paper.MMG)


@pytest.mark.parametrize(
    ("which", "options", "message"),
    [
        (
            "one",
            {"paper": Paper.MMG},
            "--paper mmg is for models of several modalities, and all 2 results are of others",
        ),
        ("one", {"data": [Path("a.yaml")], "format": TableFormat.HTML}, "--data is for models of several modalities"),
        ("several", {"data": [Path("a.yaml")]}, "--data gives the example clips of --format html their frames"),
        ("several", {"paper": Paper.XMIC}, "--paper xmic: all 2 results are of several modalities"),
        ("several", {"paper": Paper.MMG, "table": ["1"]}, "--table is of a paper's tables; add --paper xmic"),
    ],
)
def test_options_that_do_not_fit_are_refused(request, which, options, message):
    with pytest.raises(ConfigError, match=message):
        tables([request.getfixturevalue(which)], **options)

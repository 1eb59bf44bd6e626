import pytest

from egoshift.recipes.grid import latex, markdown
from egoshift.recipes.modalities import tables
from egoshift.recipes.modalities.layout import MOST_COLUMNS
from egoshift.recipes.modalities.reported import MMG_EGO4D, NOT_COMPARABLE, SLIP, TITLE
from tests.unit.recipes.modalities.results import ALL, SEVEN, by_clips, full_support, matrix, result, row

FOUR = ("accelerometer", "gyroscope", "magnetometer", "barometer")


def table(found, beginning):
    (one,) = [one for one in found if one.caption.startswith(beginning)]
    return one


def texts(one):
    """By line and heading."""
    return {
        (line[1], heading): text for line in one.grid.lines for heading, text in zip(one.columns, line[2:], strict=True)
    }


def zero_shot(value=30.0, variant="mmg_zero_shot", **fields):
    """One result per support, as its training; the paper's six pairs."""
    pairs: dict[tuple[str, ...], list[tuple[str, ...]]] = {
        ("audio", "imu"): [("video",)],
        ("audio",): [("video",)],
        ("imu",): [("video",)],
        ("video",): [("audio", "imu"), ("audio",), ("imu",)],
    }
    return [
        result([row(support, query, value + len(query)) for query in queries], variant, **fields)
        for support, queries in pairs.items()
    ]


def test_missing_modalities_have_one_line_a_run_and_one_column_a_subset_largest_first():
    found = tables([result(full_support()), result(full_support(first=50), "other")])
    (one,) = found
    assert one.columns == ("video+audio+imu", "video+audio", "video+imu", "audio+imu", "video", "audio", "imu")
    assert [line for line, _ in one.lines] == [("action", "mmg_many_shot"), ("action", "other")]
    assert texts(one)["mmg_many_shot", "audio+imu"] == "57.0 [55.0, 59.0]"
    assert texts(one)["other", "imu"] == "44.0 [42.0, 46.0]"
    assert one.note == "Brackets are 95% intervals over videos."


def test_zero_shot_joins_trainings_on_different_subsets_in_one_line():
    one = table(tables(zero_shot()), "Cross-modal zero-shot, many-shot")
    assert len(one.lines) == 1
    assert one.columns[0] == "audio+imu -> video"
    assert set(one.columns[1:]) == {
        "video -> audio+imu", "video -> audio", "video -> imu", "audio -> video", "imu -> video"
    }  # fmt: skip
    assert texts(one)["mmg_zero_shot", "video -> audio+imu"] == "32.0 [30.0, 34.0]"


def test_few_shot_fills_the_missing_zero_shot_and_matrix_tables():
    found = tables([result(matrix(), "mmg_few_shot")])
    assert [one.caption.split(",")[0] for one in found] == [
        "Regular and missing modalities", "Cross-modal zero-shot", "Support by query of mmg_few_shot"
    ]  # fmt: skip
    assert all("few-shot (5-way 5-shot)" in one.caption for one in found)
    missing, zero, whole = found
    assert len(zero.lines) == 12, "twelve pairs do not fit as columns"
    assert zero.columns == ("mmg_few_shot",)
    assert (len(whole.lines), len(whole.columns)) == (7, 7)
    assert texts(whole)["audio", "video"] == texts(zero)["audio -> video", "mmg_few_shot"]
    assert texts(whole)["video+audio+imu", "imu"] == texts(missing)["mmg_few_shot", "imu"]
    values = {(*row.support, "", *row.query): row.value for row in matrix()}
    assert texts(whole)["imu", "audio"].startswith(f"{values['imu', '', 'audio']:.1f} ")


def test_no_matrix_where_there_is_nothing_more_to_show():
    rows = [*full_support(task="few-shot"), row(("audio",), ("video",), 30.0, "few-shot")]
    assert [one.caption.split(",")[0] for one in tables([result(rows)])] == [
        "Regular and missing modalities", "Cross-modal zero-shot"
    ]  # fmt: skip


def test_fifteen_subsets_of_four_sensors_become_lines():
    found = tables([result([*full_support(FOUR), *matrix(FOUR)], "four", modalities=FOUR)])
    assert all(len(one.columns) <= MOST_COLUMNS for one in found)
    missing = table(found, "Regular and missing modalities, many-shot")
    assert missing.names == ("label", "seen by")
    assert (len(missing.lines), missing.columns) == (15, ("four",))
    assert texts(missing)["barometer", "four"].startswith("46.0 ")
    assert len(table(found, "Cross-modal zero-shot").lines) == 50
    parts = [one for one in found if one.caption.startswith("Support by query")]
    assert [one.caption[-11:] for one in parts] == ["part 1 of 2", "part 2 of 2"]
    assert [(len(one.lines), len(one.columns), bool(one.note)) for one in parts] == [(15, 8, False), (15, 7, True)]
    values = {(row.query, row.support): row.value for row in matrix(FOUR)}
    cell = texts(parts[1])["barometer", "gyroscope"]
    assert cell.startswith(f"{values[('barometer',), ('gyroscope',)]:.1f} ")


def test_seeds_are_averaged_and_fewer_seeds_said():
    results = [result(full_support(first=60 + seed), seed=seed) for seed in (0, 2)]
    (one,) = tables([*results, result(full_support(first=40), "once")])
    assert texts(one)["mmg_many_shot", "video+audio+imu"] == "61.0 [48.3, 73.7]"
    assert texts(one)["once", "video+audio+imu"] == "40.0 [38.0, 42.0] (1 of 2 seeds)"
    assert one.note.startswith("Means over 2 seeds; brackets are their 95% Student-t intervals. Brackets of one seed")


def test_cells_that_were_not_run_are_empty_never_zero():
    (one,) = tables([result(full_support()), result([row(ALL, ALL, 0.0)], "whole")])
    assert texts(one)["whole", "video+audio+imu"].startswith("0.0 ")
    assert texts(one)["whole", "audio"] == ""


def test_the_papers_numbers_stand_beside_its_runs_on_its_data_only():
    paper = {"train": MMG_EGO4D, "test": MMG_EGO4D}
    results = [result(full_support(), **paper), result(matrix(), "mmg_few_shot", **paper), *zero_shot(**paper)]
    found = tables([*results, result(full_support(), "mine", **paper)])
    many = table(found, "Regular and missing modalities, many-shot")
    assert texts(many)["mmg_many_shot", "audio+imu"] == "57.0 [55.0, 59.0] (reported 37.07)"
    assert texts(many)["mine", "audio+imu"] == "57.0 [55.0, 59.0]"
    assert texts(table(found, "Cross-modal zero-shot, many"))["mmg_zero_shot", "audio -> video"].endswith(
        "(reported 30.98)"
    )
    few = table(found, "Cross-modal zero-shot, few")
    assert texts(few)["audio+imu -> video", "mmg_few_shot"].endswith("(reported 50.80)")
    assert SLIP in few.note
    assert SLIP not in many.note
    assert TITLE not in markdown(one.grid for one in found)
    other = tables([result(matrix(), "mmg_few_shot", episodes={"ways": 5, "shots": 1}, **paper)])
    assert "reported" not in markdown(one.grid for one in other), "the paper's episodes are of five shots"


def test_elsewhere_they_are_printed_only_when_asked_and_apart():
    results = [result(full_support()), result(matrix(), "mmg_few_shot"), *zero_shot()]
    assert "reported" not in markdown(one.grid for one in tables(results))
    found = tables(results, reported=True)
    many = table(found, "Regular and missing modalities, many-shot")
    assert texts(many)[TITLE, "video+imu"] == "54.57"
    assert texts(many)[TITLE, "video"] == ""
    assert texts(many)["mmg_many_shot", "video+imu"] == "58.0 [56.0, 60.0]"
    few = table(found, "Cross-modal zero-shot, few")
    assert few.columns == ("mmg_few_shot", TITLE)
    assert texts(few)["audio+imu -> video", TITLE] == "50.80"
    assert NOT_COMPARABLE in many.note
    assert NOT_COMPARABLE in few.note
    assert SLIP in few.note
    assert TITLE not in markdown(
        one.grid for one in tables([result(full_support(FOUR), modalities=FOUR)], reported=True)
    )


def test_printed_numbers_are_of_five_shots_and_never_twice_in_a_table():
    few = [row(ALL, ALL, 50.0, "few-shot")]
    assert "reported" not in markdown(
        one.grid for one in tables([result(few, episodes={"ways": 5, "shots": 1})], reported=True)
    )
    (one,) = tables([result(full_support(), train=MMG_EGO4D, test=MMG_EGO4D)], reported=True)
    assert len(one.lines) == 1
    assert texts(one)["mmg_many_shot", "imu"] == "54.0 [52.0, 56.0]"


def ablation_results(**fields):
    endings = {"": 0.0, "-no_align": 10.0, "-mlp": 5.0}
    found = []
    for ending, less in endings.items():
        found += [result(full_support(first=60 - less), f"mmg_many_shot{ending}", **fields)]
        found += [result(matrix(first=70 - less), f"mmg_few_shot{ending}", **fields)]
        found += zero_shot(30 - less, f"mmg_zero_shot{ending}", **fields)
    return [*found, result(matrix(first=69), "mmg_few_shot-no_proto", **fields)]


def test_the_ablation_takes_each_cell_from_the_run_of_its_setting():
    one = table(tables(ablation_results()), "Ablation")
    assert one.columns == (
        "regular, many-shot", "regular, few-shot",
        "missing (audio+imu), many-shot", "missing (audio+imu), few-shot",
        "zero-shot (audio+imu -> video), many-shot", "zero-shot (audio+imu -> video), few-shot",
    )  # fmt: skip
    values = [[cell.number and round(cell.number.value, 1) for cell in cells] for _, cells in one.lines]
    whole = {(row.support, row.query): row.value for row in matrix()}
    few = [whole[ALL, ALL], whole[ALL, ("audio", "imu")], whole[("audio", "imu"), ("video",)]]
    assert values[0] == [60.0, round(few[0], 1), 57.0, round(few[1], 1), 31.0, round(few[2], 1)]
    assert values[1] == [50.0, round(few[0] - 10, 1), 47.0, round(few[1] - 10, 1), 21.0, round(few[2] - 10, 1)]
    assert values[3][::2] == [None, None, None]
    assert not [one for one in tables(ablation_results()[:6]) if one.caption.startswith("Ablation")]


def test_the_ablations_printed_numbers_are_its_own():
    paper = {"train": MMG_EGO4D, "test": MMG_EGO4D}
    one = table(tables(ablation_results(**paper)), "Ablation")
    assert texts(one)["attention + align + proto", one.columns[5]].endswith("(reported 51.40)")
    assert texts(one)["without cross-modal proto", one.columns[5]].endswith("(reported 50.80)")
    assert texts(one)["without align", one.columns[4]].endswith("(reported 2.37)")
    assert SLIP in one.note
    apart = table(tables(ablation_results(), reported=True), "Ablation")
    assert texts(apart)[f"without align, {TITLE}", one.columns[4]] == "2.37"
    assert len(apart.lines) == 8


def test_models_of_one_modality_stand_beside_the_papers_encoders():
    alone = [result([row((name,), (name,), 40.0)], f"{name}_alone", modalities=(name,)) for name in ("audio", "video")]
    found = tables([result(full_support()), *alone], reported=True)
    one = table(found, "Models of one modality")
    assert [line for line, _ in one.lines] == [
        ("video", "video_alone"), ("audio", "audio_alone"), ("video", f"MViT-B, {TITLE}"), ("audio", f"AST, {TITLE}")
    ]  # fmt: skip
    assert texts(one)[f"AST, {TITLE}", "many-shot"] == "39.48"
    assert texts(table(found, "Regular and missing"))["audio_alone", "audio"] == "40.0 [38.0, 42.0]"


def test_novel_classes_and_missing_sensors_are_crossed():
    runs = [result(by_clips(("all", "shared", "novel")), "a"), result(by_clips(("all", "novel"), first=40), "b")]
    one = table(tables(runs), "Novel classes")
    assert [line for line, _ in one.lines] == [
        ("all", "a"), ("all", "b"), ("shared", "a"), ("novel", "a"), ("novel", "b")
    ]  # fmt: skip
    assert len(one.columns) == len(SEVEN)
    assert one.grid.lines[4][2].startswith("33.0 ")
    assert "chooses among the classes of that kind only" in one.note
    assert not [one for one in tables([result(full_support())]) if one.caption.startswith("Novel")]


@pytest.mark.parametrize("write", [markdown, latex])
def test_every_table_is_written_whole(write):
    found = tables([*ablation_results(), result(by_clips(("all", "novel")), "crossed")], reported=True)
    assert all({len(line) for line in one.grid.lines} == {len(one.grid.headings)} for one in found)
    text = write(one.grid for one in found)
    assert all(one.caption.split("%")[0] in text.replace("\\_", "_") for one in found)


def test_runs_that_are_asked_for_novel_classes_too_are_named_beside_those_that_are_not():
    both = tables([result(full_support(), "linear"), result(by_clips(("all", "novel")), "text")])
    assert "text: clips of novel classes too, among the names of all" in both[0].note
    assert "novel classes too" not in tables([result(full_support(), "linear")])[0].note

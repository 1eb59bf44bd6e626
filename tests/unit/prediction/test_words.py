"""Class names as people give them, and what a timeline shall be about."""

from pathlib import Path

import pytest

from egoshift.errors import ConfigError, DataError, EgoshiftError
from egoshift.prediction import Asked
from egoshift.prediction.words import Words, indices_of, read_pairs, read_synonyms, read_words


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_names_are_the_lines_of_a_file(tmp_path: Path):
    path = write(tmp_path / "nouns.txt", "cup\n\n  chopping board \nسكين\n🍅\n")
    assert read_words(str(path), "nouns") == ("cup", "chopping board", "سكين", "🍅")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("cut", ("cut",)),
        ("cut, stir ,wash", ("cut", "stir", "wash")),
        ("put down,pick up,", ("put down", "pick up")),
        ("st. john's wort, cup no.2", ("st. john's wort", "cup no.2")),
        ("سكين, 🍅", ("سكين", "🍅")),
        (", ".join(f"thing no.{number}" for number in range(400)), tuple(f"thing no.{n}" for n in range(400))),
        ("a" * 300, ("a" * 300,)),
    ],
)
def test_names_are_given_with_commas(given: str, names: tuple[str, ...]):
    assert read_words(given, "nouns") == names


def test_a_folder_that_is_called_like_a_class_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cup").mkdir()
    assert read_words("cup", "nouns") == ("cup",)


@pytest.mark.parametrize("given", ["", " ", ",", " , "])
def test_no_name_is_refused(given: str):
    with pytest.raises(ConfigError, match="nouns") as error:
        read_words(given, "nouns")
    assert "\n" not in str(error.value)


def test_a_name_given_twice_is_refused():
    with pytest.raises(ConfigError, match="nouns: 'cup' given more than once"):
        read_words("cup, knife, cup", "nouns")


def test_files_that_cannot_be_used_are_named_with_their_rows(tmp_path: Path):
    with pytest.raises(DataError) as error:
        read_words(str(write(tmp_path / "nouns.txt", "cup\nknife\ncup\nknife\n")), "nouns")
    assert [fault.row for fault in error.value.faults] == [3, 4]
    with pytest.raises(DataError, match=r"empty\.txt: lists no nouns; write one name a line"):
        read_words(str(write(tmp_path / "empty.txt", "\n")), "nouns")
    with pytest.raises(EgoshiftError, match=r"gone\.txt"):
        read_words(str(tmp_path / "gone.txt"), "nouns")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00cup")
    with pytest.raises(EgoshiftError, match=r"bytes\.txt"):
        read_words(str(tmp_path / "bytes.txt"), "nouns")


def test_pairs_are_of_the_classes_as_these_are_written(tmp_path: Path):
    path = write(tmp_path / "actions.csv", "verb,noun\nCUT,chopping_board\nstir,pot\ncut,Chopping board\n")
    assert read_pairs(path, ("cut", "stir"), ("Chopping board", "pot")) == (("cut", "Chopping board"), ("stir", "pot"))
    assert indices_of([("stir", "pot")], ("cut", "stir"), ("board", "pot")) == [(1, 1)]


def test_pairs_of_other_classes_are_refused_row_by_row(tmp_path: Path):
    path = write(tmp_path / "actions.csv", "verb,noun\ncut,pot\nboil,pot\nstir,egg\nfry,egg\n")
    with pytest.raises(DataError) as error:
        read_pairs(path, ("cut", "stir"), ("pot",))
    assert [fault.row for fault in error.value.faults] == [3, 4, 5, 5]
    with pytest.raises(DataError, match="lists no action"):
        read_pairs(write(tmp_path / "none.csv", "verb,noun\n"), ("cut",), ("pot",))


def test_further_names_belong_to_their_classes(tmp_path: Path):
    path = write(tmp_path / "synonyms.csv", "name,canonical\nMug,cup\ntea_cup,cup\nhatchet,axe\ncup,beaker\n")
    with pytest.raises(DataError, match="itself stands for"):
        read_synonyms(path)
    synonyms = read_synonyms(write(path, "name,canonical\nMug,cup\ntea_cup,cup\nhatchet,axe\nknife,cup\n"))
    words = Words.of(("Cup", "knife"), synonyms)
    assert words.names == ("Cup", "knife")
    assert words.spoken == ("Cup", "knife", "mug", "tea cup")
    assert words.canonical == (0, 1, 0, 0), "a class of its own is no further name of another"


@pytest.mark.parametrize("over_s", [None, 0.0, 0.3, 1.0, 2.0, 5.0])
def test_averages_are_over_an_odd_number_of_steps_as_near_as_can_be(over_s: float | None):
    asked = Asked(smoothing_s=over_s)
    for stride_s in (0.1, 0.25, 0.5, 2.0):
        steps = asked.smoothing_steps(1.0, stride_s)
        wanted = (2 / 3 if over_s is None else over_s) / stride_s
        assert steps % 2 == 1
        assert steps >= 1
        assert abs(steps - wanted) <= 1.0001 or steps == 1


def test_a_misspelt_option_names_the_nearest():
    with pytest.raises(ConfigError, match="predict has no option 'treshold'; did you mean 'threshold'"):
        Asked.of({"treshold": 0.5})

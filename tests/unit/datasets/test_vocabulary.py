"""Class names and the shared and novel classes of two vocabularies."""

import doctest
from pathlib import Path

import pytest

from egoshift.datasets import (
    clean_ego4d_name,
    clean_egtea_name,
    clean_epic_name,
    clean_own_name,
    ego4d_synonyms,
    read_synonyms,
    shared_and_novel,
)
from egoshift.datasets import vocabulary as module
from egoshift.datasets.vocabulary import build_vocabulary
from egoshift.errors import DataError
from egoshift.records import Vocabulary

EPIC = {
    "tap": "tap",
    "board:chopping": "chopping board",
    "machine:sous:vide": "vide sous machine",
    "turn-on": "turn on",
    "use-to": "use",
    "end-of": "end",
    "bring-into": "bring",
}
EGO4D = {
    "cup_(cup,_mug,_tumbler)": ("cup", ("mug", "tumbler")),
    "chopping_board": ("chopping board", ()),
    "turn_off_(turn_off,_switch_off)": ("turn off", ("switch off",)),
    "attach_(plug-in,_join,_fasten,_connect,_attach)": ("attach", ("plug in", "join", "fasten", "connect")),
    "adjust_(regulate,_increase/reduce,_change)": ("adjust", ("regulate", "increase/reduce", "change")),
    "jack_(tool)_(jack,_lift)": ("jack", ("lift",)),
    "nut_(food)": ("nut", ()),
    "nut_(tool)": ("nut tool", ()),
    "chip_(food)": ("chip", ()),
    "chip_(wood'_metal),": ("chip wood", ()),
    "chip_(wood,_metal)": ("chip metal", ()),
    "bat_(tool)": ("bat tool", ()),
    "bat_(sports)": ("bat sports", ()),
    "pot_(planter)": ("planter", ()),
    "pot": ("pot", ()),
    "mouse_(computer)": ("mouse", ()),
}


@pytest.mark.parametrize(("key", "name"), EPIC.items())
def test_epic_keys_become_words(key: str, name: str) -> None:
    assert clean_epic_name(key) == name
    assert clean_epic_name(name) == name


@pytest.mark.parametrize(("entry", "expected"), EGO4D.items())
def test_ego4d_entries_become_a_name_and_synonyms(entry: str, expected: tuple[str, tuple[str, ...]]) -> None:
    name, synonyms = expected
    assert clean_ego4d_name(entry) == name
    assert clean_ego4d_name(name) == name
    assert ego4d_synonyms(entry) == synonyms


def test_egtea_and_own_names_become_words() -> None:
    assert clean_egtea_name("Inspect/Read") == "inspect read"
    assert clean_egtea_name("eating_utensil") == "eating utensil"
    assert clean_own_name("  Chopping_Board ") == "chopping board"


def vocabulary(*names: str, synonyms: tuple[tuple[str, ...], ...] = ()) -> Vocabulary:
    return Vocabulary("noun", names, synonyms)


def test_shared_classes_are_those_of_equal_name() -> None:
    assert shared_and_novel(vocabulary("cup", "tap"), vocabulary("tap", "pan", "cup")) == ((0, 2), (1,))
    assert shared_and_novel(vocabulary(), vocabulary("tap")) == ((), (0,))


def test_a_synonyms_file_joins_names(tmp_path: Path) -> None:
    path = tmp_path / "synonyms.csv"
    path.write_text("name,canonical\nTap,faucet\nhob,stove\ncooker,stove\n", encoding="utf-8")
    synonyms = read_synonyms(path)
    train, test = vocabulary("faucet", "cooker"), vocabulary("tap", "hob", "cup")
    assert shared_and_novel(train, test) == ((), (0, 1, 2))
    assert shared_and_novel(train, test, synonyms) == ((0, 1), (2,))
    assert shared_and_novel(test, train, synonyms) == ((0, 1), ())


def test_the_semantic_rule_compares_all_names_of_both() -> None:
    train = vocabulary("faucet", "bin", synonyms=(("tap",), ()))
    test = vocabulary("tap", "dustbin", "cup", synonyms=((), ("bin", "trash"), ("mug",)))
    assert shared_and_novel(train, test, semantic=True) == ((0, 1), (2,))
    assert shared_and_novel(train, test) == ((), (0, 1, 2))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("tap,faucet\ntap,valve\n", "row 3: 'tap' stands for 'valve' here and for 'faucet' above; keep one"),
        ("a,b\nb,c\n", "row 2: 'a' stands for 'b', which itself stands for 'c'; let 'a' stand for 'c'"),
        ("tap,\n", "canonical is empty|column 'canonical'"),
    ],
)
def test_a_contradictory_synonyms_file_is_refused(tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "synonyms.csv"
    path.write_text("name,canonical\n" + rows, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_synonyms(path)


def test_equal_and_empty_names_are_refused_together() -> None:
    with pytest.raises(DataError) as caught:
        build_vocabulary("noun", Path("nouns.txt"), ["cup", "", "pan", "cup"])
    assert [fault.message for fault in caught.value.faults] == [
        "noun class 1 has no name",
        "noun classes 0 and 3 are both 'cup' after clean-up",
    ]


def test_the_examples_in_the_docstrings_run() -> None:
    results = doctest.testmod(module)
    assert (results.failed, results.attempted) == (0, 5)

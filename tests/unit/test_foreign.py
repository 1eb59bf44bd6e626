"""JSON and YAML of strangers: a value, or one line that says why not, soon."""

import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from egoshift import foreign
from egoshift.foreign import YamlError, is_there, parse_json, parse_yaml

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abc: -#'\"\n"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
)


@given(PLAIN)
def test_plain_values_come_back(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_yaml(yaml.safe_dump(value)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "Exceeds the limit"),
        ("{", "Expecting property name"),
    ],
)
def test_json_that_cannot_be_read_is_one_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        parse_json(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 5000, "nested too deeply"),
        ("[" * 150 + "]" * 150, "nested too deeply"),
        ("a: 2001-99-99", "cannot be read"),
        ("a: !!timestamp x", "cannot be read"),
        ("a: !!int x", "cannot be read"),
        ("a: " + "9" * 5000, "row 1: a number of 5000 characters cannot be read"),
        ("a: 0x" + "f" * 5000, "row 1: a number of 5002 characters"),
        ("\na: -1" + ":1" * 500, "row 2: a number of 1002 characters"),
        ("a: 1" + ":1" * 500 + ".5", "row 1: a number of 1003 characters"),
        ("a: !!int {=: '1" + ":1" * 500 + "'}", "row 1: a number of 1001 characters"),
        ("a: &a {<<: *a}", "nested too deeply"),
        ("&a [*a]", "a part of itself"),
        ("a: [", "row 1: "),
        ("a: !!python/object/apply:os.mkdir [made]", "could not determine a constructor"),
    ],
)
def test_yaml_that_cannot_be_read_is_one_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        parse_yaml(text)
    assert "\n" not in str(refused.value)


def test_a_few_characters_may_not_stand_for_billions_of_values() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(ValueError, match="stands for more than 1000000 values"):
        parse_yaml("\n".join(lines))
    assert len(parse_yaml("\n".join(lines[:4]))) == 4


def test_a_long_text_may_not_stand_in_thousands_of_places() -> None:
    with pytest.raises(ValueError, match="stands for more than 1000000 values"):
        parse_yaml(f"- &a {'x' * 20_000}\n- [{', '.join(['*a'] * 1000)}]")
    assert len(parse_yaml(f"- &a {'x' * 20_000}\n- [{', '.join(['*a'] * 100)}]")[1]) == 100


def test_merges_take_over_fields_but_not_without_end() -> None:
    assert parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: [*a, {z: 3}], y: 4}")["b"] == {"x": 1, "y": 4, "z": 3}
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 6)]
    with pytest.raises(YamlError, match="row 5: takes over more than 10000 fields with '<<'; write them out"):
        parse_yaml("\n".join(lines))
    wide = f"a: &a {{{', '.join(f'k{n}: 1' for n in range(200))}}}\nb: {{<<: [{', '.join(['*a'] * 100)}]}}"
    with pytest.raises(YamlError, match="row 1: takes over more than 10000 fields"):
        parse_yaml(wide)


@pytest.mark.parametrize(("text", "value"), [("1:30", 90), ("-1:30:00", -5400), ("1:30.5", 90.5), ("0x_ff", 255)])
def test_numbers_by_sixties_and_of_other_bases_mean_what_they_meant(text: str, value: float) -> None:
    assert parse_yaml(f"a: {text}") == {"a": value} == yaml.safe_load(f"a: {text}")


def test_an_endless_text_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "MOST_YAML", 10)
    assert parse_yaml("a: 1") == {"a": 1}
    with pytest.raises(ValueError, match="has 11 characters, more than 10"):
        parse_yaml("a: 12345678")


def test_yaml_names_the_row() -> None:
    with pytest.raises(YamlError) as refused:
        parse_yaml("a: 1\nb: [\n")
    assert refused.value.row == 3


def test_names_that_no_file_can_have_are_not_there(tmp_path: Path) -> None:
    assert is_there(tmp_path)
    assert not any(is_there(tmp_path / name) for name in ("absent", "x" * 5000, "a\0b"))


def test_half_of_a_surrogate_pair_is_refused_and_a_whole_one_is_a_character() -> None:
    with pytest.raises(ValueError, match=r"half of a character \('\\ud800'\)"):
        parse_json(b'{"a": ["\\ud800"]}')
    assert parse_json('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_yaml_fills_no_dict_with_keys_of_one_hash() -> None:
    modulus = (1 << 61) - 1
    few, many = ("".join(f"{number * modulus}: 1\n" for number in range(1, most)) for most in (1000, 10_002))
    assert len(parse_yaml(few)) == 999
    with pytest.raises(ValueError, match="more than 10000 numbers beyond 2\\^61 cannot be read"):
        parse_yaml(many)
    assert parse_yaml(f"{time.time_ns()}: 1") is not None

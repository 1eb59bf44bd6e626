"""The mutants that are made, and a run on a small project whose survivors are known."""

import json
import os
import subprocess
import sys
from pathlib import Path

from trust.mutants.__main__ import write
from trust.mutants.imports import imports, users
from trust.mutants.measured import Measured
from trust.mutants.mutations import mutants_of
from trust.mutants.plan import stages, statement
from trust.mutants.survivors import Rule, Survivor, faults, joined, read, text, unexplained

ROOT = Path(__file__).parents[3]

SOURCE = '''\
"""A module with one function that is tested well, one badly, one not at all."""

LIMIT = 3


def clipped(value: int) -> int:
    """At most the limit."""
    return LIMIT if value > LIMIT else value


def doubled(value: int) -> int:
    return value + value


def counted(values: list[int]) -> int:
    number = 0
    while number < len(values):
        number += 1
    return number


def forgotten(value: int) -> int:
    return value - 1
'''

TESTS = """\
from pathlib import Path


def test_zero_doubled_is_zero() -> None:
    from tiny.sums import doubled  # the first to load it, so that the line of the limit runs here

    assert doubled(0) == 0


def test_what_is_above_the_limit_is_the_limit() -> None:
    from tiny.sums import clipped

    assert [clipped(value) for value in (2, 3, 4)] == [2, 3, 3]


def test_all_are_counted(tmp_path: Path) -> None:
    from tiny.sums import counted

    assert tmp_path.is_dir()
    assert [counted([]), counted([7, 7, 7])] == [0, 3]
"""

PROGRAM = """
import json, sys
from pathlib import Path
from trust.mutants.__main__ import counts, run_room
from trust.mutants.rooms import Room
room = Room("tiny", ("tiny/sums.py",), ("tests",), Path.cwd(), (("tiny", "."), ("tests", ".")), start_s=3.0)
ran = run_room(room, Path("runs"))
print(json.dumps([counts(ran), [[trial.mutant.change, outcome.outcome, outcome.by] for trial, outcome in ran]]))
"""


def test_a_run_finds_the_survivors_of_a_small_project_and_no_others(tmp_path: Path) -> None:
    for folder, files in {
        "tiny": {"__init__": "", "sums": SOURCE},
        "tests": {"__init__": "", "test_sums": TESTS},
    }.items():
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / f"{name}.py").write_text(content)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    command = [sys.executable, "-c", PROGRAM]
    first, again = (
        subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=_paths())
        for _ in range(2)
    )
    counted, ran = json.loads(first.stdout)
    alive = {change for change, outcome, _ in ran if outcome in ("survived", "no tests")}
    assert alive == {
        # At the limit both arms are the same.
        "return LIMIT if value > LIMIT else value -> return LIMIT if value >= LIMIT else value",
        "return value + value -> return value - value",
        "return value - 1 -> return value + 1",
        "return value - 1 -> return value - 2",
    }
    outcomes = {change: outcome for change, outcome, _ in ran}
    assert outcomes["return value - 1 -> return value + 1"] == "no tests"
    assert outcomes["number += 1 -> number -= 1"] == "timed out"
    killers = {change: by for change, _, by in ran}
    assert killers["LIMIT = 3 -> LIMIT = 4"] == "tests/test_sums.py::test_what_is_above_the_limit_is_the_limit"
    assert counted["mutants"] == len(ran) == sum(number for what, number in counted.items() if what != "mutants")
    assert (counted["survived"], counted["no tests"], counted["crashed"]) == (2, 2, 0)
    assert "0 to run" in again.stderr
    assert json.loads(again.stdout) == [counted, ran]


def _paths() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}


def test_texts_of_errors_annotations_decorators_and_strings_are_no_faults() -> None:
    source = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    LINES = 1\n"
        "__all__ = ['f']\n"
        "@cache(size=3)\n"
        "def f(x: Literal[4] = 5):\n"
        '    """7"""\n'
        "    if x > 6:\n"
        "        raise ValueError(f'{x + 1} is above {2 * 3}')\n"
        "    return len('a')\n"
    )
    assert [mutant.change for mutant in mutants_of(source)] == [
        "def f(x: Literal[4] = 5): -> def f(x: Literal[4] = 6):",
        "if x > 6: -> if x >= 6:",
        "if x > 6: -> if x > 7:",
    ]


def test_a_fault_of_several_lines_says_what_changed_and_where() -> None:
    (mutant,) = mutants_of("def f(a, b):\n    return (\n        a\n        + b\n    )\n")
    assert (mutant.first_line, mutant.last_line, mutant.change) == (3, 4, "a + b -> a - b")


def test_a_line_that_is_gone_is_all_that_changed() -> None:
    mutants = mutants_of("x = f(\n    a,\n    b=2,\n)\ny = 'end'\n")
    assert "b=2, ) -> )" in [one.change for one in mutants]


def test_modules_that_load_a_file_are_those_that_import_it_or_its_package_and_none_that_do_so_later() -> None:
    files = {
        "room": "from room.walls import paint",
        "room.walls": "import os",
        "room.floor": "",
        "house": "from room import walls",
        "street": "import house",
        "garden": "def f():\n    import room.walls\n",
        "typed": "if TYPE_CHECKING:\n    import room.walls\n",
    }
    graph = {name: imports(source, name) for name, source in files.items()}
    assert users("room.walls", graph) == {"room", "room.walls", "room.floor", "house", "street"}
    assert "room.walls" in imports(files["garden"], "garden", lazily=True)


def test_what_a_module_imports_from_beside_it_is_known_by_its_whole_name() -> None:
    source = "from . import paint\nfrom .walls import colour\nfrom ..street import lamp\n"
    from_module = imports(source, "town.room.floor")
    assert {"town.room.paint", "town.room.walls", "town.street", "town.street.lamp"} <= from_module
    assert imports(source, "town.room", is_package=True) == from_module - {"town.room"}


def test_the_lines_of_a_fault_are_those_of_its_statement_and_of_a_block_its_head() -> None:
    source = "if (\n    a\n    and b\n):\n    c = [\n        1,\n    ]\n"
    assert statement(source, 3, 3) == {1, 2, 3, 4}
    assert statement(source, 6, 6) == {5, 6, 7}


def test_a_file_of_constants_meets_every_test_though_none_runs_a_line_of_it() -> None:
    source = "SIZES = {\n    'a': 1,\n    'b': 2,\n}\n"
    (mutant,) = [one for one in mutants_of(source) if one.change.endswith("'b': 3,")]
    measured = Measured({"t.py::one": 0.1, "t.py::two": 0.2}, {"sizes.py": {"": {1, 2}}}, [])
    (stage,) = stages("sizes.py", source, mutant, measured, 3.0)
    assert stage.tests == ("t.py::one", "t.py::two")
    assert stages("other.py", source, mutant, measured, 3.0) == ()


def test_a_constant_beside_functions_meets_tests_that_run_none_of_them_too() -> None:
    source = "LIMIT = 3\n\n\ndef clipped(x):\n    return min(x, LIMIT)\n"
    (mutant,) = [one for one in mutants_of(source) if one.change == "LIMIT = 3 -> LIMIT = 4"]
    durations = {"t.py::clips": 0.1, "t.py::reads_the_limit": 0.2, "other.py::test": 0.1}
    every = {"t.py::every[limits]": 0.3, "t.py::every[sizes]": 0.3}
    ran = {"": {1, 4}, "t.py::clips": {5}, "t.py::every[limits]": {5}}
    (stage,) = stages("limits.py", source, mutant, Measured(durations | every, {"limits.py": ran}, []), 3.0)
    assert stage.tests == ("t.py::clips", "t.py::reads_the_limit", "t.py::every[limits]")
    durations |= {"unit/test_limits.py::inherits": 0.4, "unit/test_no_limits.py::test": 0.1}
    (stage,) = stages("limits.py", source, mutant, Measured(durations | every, {"limits.py": ran}, []), 3.0)
    assert stage.tests[0] == "unit/test_limits.py::inherits"
    assert stage.tests[1:] == ("t.py::clips", "t.py::reads_the_limit", "t.py::every[limits]")


def test_the_list_of_survivors_is_held_against_a_run(tmp_path: Path) -> None:
    path = tmp_path / "survivors.txt"
    listed = [Survivor("a.py", 3, "x -> y", "no difference"), Survivor("a.py", 9, "p -> q", "a warning only")]
    rules = [Rule(r"strict=\w+", "as long as each other")]
    path.write_text("# a remark\n" + text(rules, listed))
    assert read(path) == (rules, listed)
    found = [Survivor("a.py", 4, "x -> y"), Survivor("b.py", 1, "u -> v")]
    ran = [("a.py", "x -> y"), ("a.py", "p -> q"), ("b.py", "u -> v")]
    assert faults(found, listed, ran) == ["not listed: b.py:1 u -> v", "no longer alive: a.py:9 p -> q"]
    assert faults(found, listed, ran[::2]) == ["not listed: b.py:1 u -> v"]
    now = joined(found, listed, ran)
    assert now == [Survivor("a.py", 4, "x -> y", "no difference"), Survivor("b.py", 1, "u -> v")]
    assert faults(found, now, ran) == ["no reason: b.py:1 u -> v"]


def test_a_rule_explains_what_differs_in_nothing_else() -> None:
    rule = Rule(r"strict=\w+", "as long as each other")
    changes = (
        "zip(x, y, strict=True) -> zip(x, y, strict=False)",
        "for a in zip(x, y, strict=True): -> for a in zip(x, y, ):",
        "zip(strict=True, *rows) -> zip(*rows)",
        "zip(x, y, strict=True) -> zip(x, strict=True)",
        "for a in zip(x, y, strict=True): -> for a in zip(x, y, z):",
        "x + 1 -> x - 1",
    )
    found = [Survivor("a.py", 1, change) for change in changes]
    assert unexplained(found, [rule]) == found[3:]


def test_rooms_that_were_not_run_keep_their_figures(tmp_path: Path) -> None:
    from trust.ledger import MARKS

    (tmp_path / "trust.json").write_text("{}")
    (tmp_path / "trust.md").write_text("\n".join(MARKS))
    for facts in ({"b": counted(10, 10), "a": counted(4, 2)}, {"a": counted(10, 8)}):
        write(facts, ["a", "b", "c"], tmp_path)
    rows = [row.split(" | ")[:2] for row in (tmp_path / "trust.md").read_text().splitlines() if "noticed" in row]
    assert rows == [
        ["| mutants noticed, a", "80.0 % of 10"],
        ["| mutants noticed, b", "100.0 % of 10"],
        ["| mutants noticed, all", "90.0 % of 20"],
    ]


def counted(mutants: int, killed: int) -> dict[str, int]:
    return {"mutants": mutants, "killed": killed, "timed out": 0, "crashed": 0, "survived": mutants - killed}

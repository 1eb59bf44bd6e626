"""Which tests a mutant meets, in which order and for how long."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trust.mutants.measured import Measured
from trust.mutants.mutations import Mutant

# Tests of a first child: those of as few files as take about a second. Most mutants go no further.
_FIRST_S = 1.0
# A mutant that takes ten times as long as the code without it hangs.
_TIMES = 10.0


@dataclass(frozen=True)
class Stage:
    """Tests that run in one child.

    Attributes:
        tests: Node ids.
        limit_s: When the child is killed.
    """

    tests: tuple[str, ...]
    limit_s: float


def stages(path: str, source: str, mutant: Mutant, measured: Measured, start_s: float) -> tuple[Stage, ...]:
    """The tests that run a mutant's lines, quick files first; none where no test does.

    Lines that run when the file is loaded (constants, defaults) belong to no test, whichever was the first to load it:
    such a mutant meets every test that runs a line of its function, or where it is in none, every test that stands
    beside one that runs a line of its file, and those of the file of tests of its name, or all where no test runs a
    line of that. Of a parametrized test of which some cases run one, the others are left out: they are of other files.
    """
    ran = {test: lines for test, lines in measured.lines.get(path, {}).items() if test}
    function = around_statement(source, mutant.first_line)
    if mutant.first_line in function:
        wanted = statement(source, mutant.first_line, mutant.last_line)
    else:
        wanted = function or set(range(1, source.count("\n") + 2))
    tests = [test for test, lines in ran.items() if not lines.isdisjoint(wanted)]
    if not function:
        beside = {test.partition("::")[0] for test in tests}
        # Of these none may run a line of it, where a class inherits all that it does.
        own = f"/test_{Path(path).stem}.py"
        known = {test.partition("[")[0] for test in tests}
        others = (test for test in measured.duration_s if test.partition("[")[0] not in known)
        tests += [test for test in others if beside and (test.partition("::")[0] in beside or f"{own}::" in f"/{test}")]
    at_once = measured.lines.get(path, {}).get("", set())
    if not tests and not at_once.isdisjoint(statement(source, mutant.first_line, mutant.last_line)):
        tests = list(measured.duration_s)  # a file of constants, of which a test that reads one runs no line
    return _staged(Path(path).stem, tests, measured.duration_s, start_s)


def statement(source: str, first: int, last: int) -> set[int]:
    """The lines of the innermost statement around some lines; of one with a body, its head."""
    found = set(range(first, last + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and node.lineno <= first <= (node.end_lineno or 0):
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            if first <= end:
                found = set(range(node.lineno, max(end, node.lineno) + 1))
    return found


def around_statement(source: str, line: int) -> set[int]:
    """The lines of the body of the innermost function around a line, which may be one of its head; none outside."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and _first_line(node) <= line <= (node.end_lineno or 0):
            found = set(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
    return found


def _first_line(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _staged(stem: str, tests: list[str], duration_s: Mapping[str, float], start_s: float) -> tuple[Stage, ...]:
    modules: dict[str, list[str]] = {}
    for test in sorted(tests, key=lambda test: duration_s.get(test, 0.0)):
        modules.setdefault(test.partition("::")[0], []).append(test)

    def cost(module: str) -> tuple[bool, float]:
        return not module.endswith(f"/test_{stem}.py"), sum(duration_s.get(test, 0.0) for test in modules[module])

    first: list[str] = []
    rest: list[str] = []
    spent = 0.0
    for module in sorted(modules, key=cost):
        (first if spent <= _FIRST_S else rest).extend(modules[module])
        spent += cost(module)[1]
    return tuple(
        Stage(tuple(part), start_s + _TIMES * sum(duration_s.get(test, 0.0) for test in part))
        for part in (first, rest)
        if part
    )

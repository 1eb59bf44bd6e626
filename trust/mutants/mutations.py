"""The faults of a file: mutmut's operators on every node that they apply to, but for what no test should hold fast.

Left out, with what lies within: annotations, decorators and default values that are computed, as mutmut does; the texts
of errors (all of a ``raise`` statement), ``__all__``, and what stands under ``if TYPE_CHECKING``. Of the operators, the
one on string constants is left out: it changes names and texts, which other tests of the project hold against their
documents, and it would be a third of all mutants.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

_NOT_CALLED = {"len", "isinstance"}
_OPERATORS = tuple((kind, operator) for kind, operator in mutation_operators if operator is not operator_string)


@dataclass(frozen=True)
class Mutant:
    """One fault of a file.

    Attributes:
        first_line: Where the node that was changed begins, counted from one.
        last_line: Where it ends.
        change: The changed lines before and after, as one line.
        source: The file with the fault.
    """

    first_line: int
    last_line: int
    change: str
    source: str


def mutants_of(source: str) -> list[Mutant]:
    """All faults of a file in the order of its lines, each once; faults that do not compile are none."""
    found = _Faults()
    MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True).visit(found)
    seen, mutants = {source}, []
    for place, mutated in found.mutated:
        if mutated not in seen and _compiles(mutated):
            mutants.append(Mutant(place.start.line, place.end.line, _change(source, mutated), mutated))
        seen.add(mutated)
    return sorted(mutants, key=lambda mutant: mutant.first_line)


class _Faults(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider, ByteSpanPositionProvider)

    def __init__(self) -> None:
        super().__init__()
        self._module, self._bytes = cst.Module([]), b""
        self.mutated: list[tuple[CodeRange, str]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Module):
            self._module, self._bytes = node, node.bytes
        if _left_out(node):
            return False
        for changed in _changed(node):
            place = self.get_metadata(PositionProvider, node, None)
            if isinstance(place, CodeRange):
                self.mutated.append((place, self._replaced(node, changed)))
        return True

    def _replaced(self, node: cst.CSTNode, changed: cst.CSTNode) -> str:
        """The file with another node; as text where the node is nothing but its span, which is 20 times faster."""
        span = self.get_metadata(ByteSpanPositionProvider, node)
        code, written = self._bytes, self._module.code_for_node(node).encode()
        if code[span.start : span.start + span.length] == written:
            new = self._module.code_for_node(changed).encode()
            return (code[: span.start] + new + code[span.start + span.length :]).decode()
        whole = self._module.deep_replace(node, changed)
        assert isinstance(whole, cst.Module)
        return whole.code


def _changed(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in _OPERATORS:
        if isinstance(node, kind):
            yield from operator(node)


def _left_out(node: cst.CSTNode) -> bool:
    match node:
        case cst.Annotation() | cst.Decorator() | cst.Raise():
            return True
        case cst.Call(func=cst.Name(value=name)):
            return name in _NOT_CALLED
        case cst.If(test=cst.Name(value="TYPE_CHECKING")):
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value="__all__"))]):
            return True
        case cst.Param(default=default):
            return default is not None and not isinstance(default, cst.Name | cst.BaseNumber | cst.BaseString)
    return False


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def _change(before: str, after: str) -> str:
    """``old lines -> new lines``, without what both share."""
    old, new = before.splitlines(), after.splitlines()
    head = _shared(old, new)
    tail = _shared(old[head:][::-1], new[head:][::-1])
    sides = (" ".join(line.strip() for line in lines[head : len(lines) - tail]) for lines in (old, new))
    return " -> ".join(sides)


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, pair in pairs if pair[0] != pair[1]), min(len(one), len(other)))

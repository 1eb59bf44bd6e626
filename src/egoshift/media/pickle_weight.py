"""How much a pickle would make, told from its instructions before any is followed.

A pickle can name a value that it made before and put it into the next, again and again: a hundred bytes stand for a
tuple of 2^50 values, and Python walks them all where that tuple is a key of a dict. Tuples within tuples are walked on
the stack of C, which a megabyte of them overflows, and the process dies. So the instructions are gone through here as
the unpickler would, with notes of how many values each value stands for instead of the values.
"""

import pickletools
from collections.abc import Sequence
from dataclasses import dataclass

from egoshift.foreign import MOST_LONG, shares_hash

MOST_DEPTH = 100
"""How deep values may lie in one another, calls counted; the modules of a scripted model, which nest deepest, reach
about 30."""

MOST_BITS = 1024
"""Of a whole number; the state of a random generator has 128. Python shows no number of more than 4300 digits, and
calculates with longer ones ever more slowly."""

MOST_AXES = 64
"""Of an array, as in NumPy and torch; the product of more sizes than that can be a number without end."""

MOST_REUSED, REUSED_A_BYTE = 10_000, 8
"""How many values may be had by naming earlier ones again: so many, and so many more for each byte of the pickle. A
checkpoint names types and short texts again, which are a few values each, and writes a hundred bytes between them."""

_TEXT = 8  # so many bytes of a text weigh as much as a value

_CALLS = ("REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST")
_GROWERS = ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD")
_NAMES = ("GLOBAL", "STACK_GLOBAL")
_NUMBERS = frozenset(("BINFLOAT", "BININT", "BININT1", "BININT2", "NEWTRUE", "NEWFALSE", "NONE"))
_LOOSE = ("EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "LIST", "DICT")

_TO_BYTES = "_codecs encode"  # how bytes are written for Python 2: a call, and what it gives never grows


class BeyondBoundsError(ValueError):
    """A pickle that may be whole and asks for more than is made; its text says of what, after "it"."""


def check_pickle(content: bytes) -> None:
    """Refuses a pickle that would make far more than it says, or states what a file of its size cannot have.

    The unpickler makes room for what is stated before it looks at what is there: five bytes would cost gigabytes.

    Raises:
        BeyondBoundsError: It would.
        ValueError: It states that, or is no pickle.
    """
    walk = _Walk(len(content))
    for code, argument, _ in pickletools.genops(content):  # which reads before it makes room
        walk.follow(code, argument)


@dataclass(slots=True)
class _Value:
    """What is known of a value.

    Attributes:
        weight: How many values it stands for, each counted as often as it is referred to.
        depth: How many lie in one another.
        loose: Whether it, or a value in it, may be one that can grow.
        closed: Whether it may not grow any more. What lies in another may not, so that weights stay true; nobody
            writes a list before it is whole, except one that is a part of itself.
        to_bytes: Whether it is the function that gives bytes.
    """

    weight: int = 1
    depth: int = 0
    loose: bool = False
    closed: bool = False
    to_bytes: bool = False

    def hold(self, values: Sequence["_Value"]) -> None:
        for value in values:
            if value is _NUMBER:
                self.weight += 1
                self.depth = self.depth or 1
                continue
            self.weight += value.weight
            self.depth = max(self.depth, value.depth + 1)
            self.loose |= value.loose
            value.closed = True
        if self.depth > MOST_DEPTH:
            raise BeyondBoundsError("is nested too deeply")


_NUMBER = _Value()
"""Any of the small ones, of which a table of detections has millions: nothing is ever noted of one."""


class _Walk:
    """The stack and the memory of an unpickler.

    Args:
        size: Bytes of the pickle.
    """

    def __init__(self, size: int):
        self._size = size
        self._stacks: list[list[_Value]] = [[]]  # a mark begins a new one
        self._memory: dict[int, _Value] = {}
        self._reused = self._long = 0

    def follow(self, code: pickletools.OpcodeInfo, argument: object) -> None:
        if code.name in _NUMBERS:
            self._stacks[-1].append(_NUMBER)
        elif code.name == "MARK":
            self._stacks.append([])
        elif code.name == "DUP":
            self._again(self._top())
        elif code.name.endswith("GET"):
            self._again(self._memory.get(int(str(argument))))
        elif code.name.endswith("PUT") or code.name == "MEMOIZE":
            self._remember(len(self._memory) if argument is None else int(str(argument)))
        elif code.name == "POP" and not self._stacks[-1]:
            self._to_the_mark()
        else:
            taken = self._taken(code)
            self._long += shares_hash(argument)
            if self._long > MOST_LONG:
                raise BeyondBoundsError(f"holds more than {MOST_LONG} numbers beyond 2^61")
            if code.name in _GROWERS:
                self._grow(taken)
            elif code.stack_after:
                self._stacks[-1].append(_made(code.name, argument, taken))

    def _taken(self, code: pickletools.OpcodeInfo) -> list[_Value]:
        """What an instruction takes from the stack; what grows stays there."""
        if pickletools.markobject in code.stack_before:
            return self._to_the_mark()
        stack, count = self._stacks[-1], len(code.stack_before) - (code.name in _GROWERS)
        if len(stack) < count:
            raise ValueError(f"{code.name} takes values that are not there")
        taken = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        return taken

    def _to_the_mark(self) -> list[_Value]:
        if len(self._stacks) == 1:
            raise ValueError("goes back to a mark that is not there")
        return self._stacks.pop()

    def _top(self) -> _Value:
        if not self._stacks[-1]:
            raise ValueError("uses a value that is not there")
        return self._stacks[-1][-1]

    def _grow(self, values: Sequence[_Value]) -> None:
        top = self._top()
        if values and (top.closed or any(value is top for value in values)):
            raise BeyondBoundsError("adds to a value that lies in another already, or in itself")
        top.hold(values)

    def _remember(self, number: int) -> None:
        if number > self._size:
            raise ValueError(f"remembers a value under number {number}")
        self._memory[number] = self._top()

    def _again(self, value: _Value | None) -> None:
        if value is None:
            raise ValueError("asks for a value that it never remembered")
        self._reused += value.weight
        if self._reused > MOST_REUSED + REUSED_A_BYTE * self._size:
            raise BeyondBoundsError("refers to the same values again and again")
        self._stacks[-1].append(value)


def _made(name: str, argument: object, values: Sequence[_Value]) -> _Value:
    """The value that an instruction makes of others; a call may give one of its arguments, under another name."""
    made = _Value(loose=name in _LOOSE, closed=name in _NAMES, to_bytes=argument == _TO_BYTES)
    if isinstance(argument, int) and argument.bit_length() > MOST_BITS:
        raise BeyondBoundsError(f"holds a number of {argument.bit_length()} bits")
    if isinstance(argument, str | bytes | bytearray):
        made.weight += len(argument) // _TEXT
    made.hold(values)
    if name in _CALLS:
        to_bytes = bool(values) and values[0].to_bytes
        made.closed = to_bytes or made.loose
        made.loose = not to_bytes
    return made

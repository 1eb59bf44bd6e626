"""Changes of values: of trees of lists, dicts and texts, of tables, of the names and contents of archives."""

import copy
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Literal

Kind = Literal["tree", "table", "parts", "codes"]
Change = Callable[[Any, Random], Any]

DEEP = "@deep@"
"""Where it stands, a text is written that is nested deeper than any stack."""

TEXTS = (
    "",
    " ",
    "nan",
    "inf",
    "-1",
    "0",
    "1e999",
    "null",
    "true",
    "../../etc/passwd",
    "/etc/passwd",
    "file:///etc/passwd",
    "http://127.0.0.1:9/x",
    "s3://bucket/x",
    "\x00",
    "\x1b[2J",
    "a\nb",
    "\ud800",
    "=1+1",
    "<script>",
    "é" * 300,
    "9" * 5000,
    "x" * 5000,
    "00:00:99.99",
    "99999999999:00:00",
    "1" + "0" * 30,
    "%s%n",
    "{}",
    "{0.__class__}",
    "\u202e",
    "~root",
    "[",
    "(",
    DEEP,
)
NUMBERS = (0, 1, -1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 0.5, -0.0, 1e308, 1e-320)
STRANGE: tuple[Any, ...] = (
    float("nan"),
    float("inf"),
    float("-inf"),
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"": None},
)


def leaf(random: Random) -> Any:
    """A value that may be where none like it was expected."""
    return copy.deepcopy(random.choice(random.choice((TEXTS, NUMBERS, STRANGE))))


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    found, open_ = [], [tree]
    while open_:
        one = open_.pop()
        pairs = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, value in pairs:
            found.append((one, key))
            open_.append(value)
        if len(found) > 20_000:
            break
    return found


def _at_a_place(change: Callable[[Any, Any, Random], None]) -> Change:
    def changed(tree: Any, random: Random) -> Any:
        found = places(tree)
        if not found:
            return leaf(random)
        container, key = random.choice(found)
        change(container, key, random)
        return tree

    return changed


def _replace(container: Any, key: Any, random: Random) -> None:
    container[key] = leaf(random)


def _remove(container: Any, key: Any, random: Random) -> None:
    del container[key]


def _wrap(container: Any, key: Any, random: Random) -> None:
    container[key] = random.choice(([container[key]], {"x": container[key]}, [container[key]] * 40))


def _nest(container: Any, key: Any, random: Random) -> None:
    for _ in range(random.choice((3, 20, 60))):
        container[key] = [container[key]] if random.random() < 0.9 else {"x": container[key]}


def _add(container: Any, key: Any, random: Random) -> None:
    if isinstance(container, list):
        container.insert(key, random.choice((leaf(random), container[key])))
    else:
        container[random.choice(TEXTS)] = leaf(random)


def _rename(container: Any, key: Any, random: Random) -> None:
    if isinstance(container, dict):
        container[random.choice((random.choice(TEXTS), f"{key}x"))] = container.pop(key)


def _swap(container: Any, key: Any, random: Random) -> None:
    other = random.choice(list(container) if isinstance(container, dict) else range(len(container)))
    container[key], container[other] = container[other], container[key]


def _nudge(container: Any, key: Any, random: Random) -> None:
    value = container[key]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        container[key] = leaf(random)
    elif isinstance(value, str):
        container[key] = value[: random.randint(0, len(value))] + random.choice(TEXTS)
    else:
        container[key] = random.choice(
            (-value, value + 1, value * 1000, str(value)[:4000] if abs(value) < 1e9 else "9", 0.5)
        )


def _cell(table: list[list[str]], random: Random) -> list[str] | None:
    return random.choice(table) if table else None


def replace_cell(table: list[list[str]], random: Random) -> list[list[str]]:
    """A cell of a table holds something else."""
    table = [list(row) for row in table]
    row = _cell(table, random)
    if row:
        value = random.choice((random.choice(TEXTS), str(leaf(random))))
        row[random.randrange(len(row))] = value
    return table


def replace_column(table: list[list[str]], random: Random) -> list[list[str]]:
    """All cells of a column but its name hold the same."""
    table = [list(row) for row in table]
    if table and table[0]:
        column, value = random.randrange(len(table[0])), random.choice(TEXTS)
        for row in table[1:]:
            row[column : column + 1] = [value]
    return table


def reorder(table: list[list[str]], random: Random) -> list[list[str]]:
    """Rows removed, doubled or in another order; now and then none are left."""
    table = [list(row) for row in table]
    rows = table[1:]
    if rows:
        rows = random.choice(([], rows * 2, rows[::-1], [random.choice(rows)]))
    return table[:1] + rows


def recount(table: list[list[str]], random: Random) -> list[list[str]]:
    """A row, perhaps the first, has other cells than the others."""
    table = [list(row) for row in table]
    row = _cell(table, random)
    if row is not None:
        if random.random() < 0.5 and row:
            del row[random.randrange(len(row))]
        else:
            row.insert(random.randint(0, len(row)), random.choice((*row, *TEXTS)))
    return table


def change_part(parts: dict[str, bytes], random: Random) -> dict[str, bytes]:
    """An entry of an archive holds something else."""
    from trust.fuzz.changes import changed

    if not parts:
        return parts
    name = random.choice(sorted(parts))
    return parts | {name: changed(parts[name], name, random)}


def rename_part(parts: dict[str, bytes], random: Random) -> dict[str, bytes]:
    """An entry of an archive has another name, is missing, or is there under two."""
    parts = dict(parts)
    if parts:
        name = random.choice(sorted(parts))
        content = parts[name] if random.random() < 0.4 else parts.pop(name)
        if random.random() < 0.7:
            parts[random.choice((f"../../{name}", f"/{name}", f"{name}x", "", "x" * 300, name.upper()))] = content
    return parts


def change_code(codes: list[bytes], random: Random) -> list[bytes]:
    """An instruction of a pickle is another, is missing, or is there again somewhere else."""
    codes = list(codes)
    if not codes:
        return codes
    place = random.randrange(len(codes))
    match random.randrange(4):
        case 0:
            del codes[place]
        case 1:
            codes.insert(random.randrange(len(codes)), codes[place])
        case 2:
            codes.insert(place, random.choice(PICKLE_CODES))
        case _:
            codes[place] = random.choice(PICKLE_CODES)
    return codes


PICKLE_CODES = (
    b"N",
    b"K\x07",
    b"J\xff\xff\xff\xff",
    b"J\xff\xff\xff\x7f",
    b"G\x7f\xf8\x00\x00\x00\x00\x00\x00",
    b"X\x03\x00\x00\x00abc",
    b"C\x03abc",
    b"B\xff\xff\xff\x7f",
    b"\x8e\xff\xff\xff\xff\xff\x00\x00\x00",
    b"\x8d\xff\xff\xff\xff\x00\x00\x00\x00",
    b"r\xff\xff\xff\x0f",
    b"r\xff\xff\xff\x7f",
    b"j\x00\x00\x00\x00",
    b"q\x00",
    b"h\x00",
    b"]",
    b"}",
    b")",
    b"(",
    b"0",
    b"1",
    b"2",
    b"a",
    b"e",
    b"s",
    b"u",
    b"t",
    b"l",
    b"d",
    b"\x85",
    b"\x86",
    b"\x87",
    b"b",
    b"R",
    b"\x81",
    b"\x92",
    b"\x93",
    b"\x90",
    b"\x91",
    b"\x94",
    b"\x8f",
    b"Q",
    b"cos\nsystem\n",
    b"cbuiltins\nset\n",
    b"ccollections\nOrderedDict\n",
    b"cpathlib\nPath\n",
    b"c_codecs\nencode\n",
    b"cnumpy\ndtype\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cnumpy.core.multiarray\nscalar\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch\nSize\n",
    b"cargparse\nNamespace\n",
    b".",
    b"2\x86" * 60,  # pairs of pairs, which stand for 2^60 values
    b"\x85" * 300_000,  # tuples within tuples, deeper than the stack of C
    b"]q\x00" + b"h\x00h\x00\x86q\x00" * 60,
)

TREES: Mapping[Kind, tuple[Change, ...]] = {
    "tree": tuple(
        _at_a_place(one) for one in (_replace, _replace, _remove, _wrap, _nest, _add, _rename, _swap, _nudge)
    ),
    "table": (replace_cell, replace_cell, replace_column, reorder, recount),
    "parts": (change_part, change_part, change_part, rename_part),
    "codes": (change_code,),
}
"""By the kind of value, what may be done to it."""

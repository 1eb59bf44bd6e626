"""Files as values and back, so that what is changed is what a file says, and the file stays one of its form."""

import csv
import io
import json
import pickletools
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import yaml

from trust.fuzz.values import DEEP, Kind


@dataclass(frozen=True)
class Form:
    """A form of files.

    Attributes:
        kind: What its values are, which says how they can be changed.
        parse: From a file's content to a value.
        write: And back, with choices where a value can be written in several ways.
    """

    kind: Kind
    parse: Callable[[bytes], Any]
    write: Callable[[Any, Random], bytes]


def _deepened(text: str, random: Random) -> str:
    depth = random.choice((500, 5000, 100_000))
    return text.replace(f'"{DEEP}"', "[" * depth + "]" * depth).replace(f"'{DEEP}'", "[" * depth + "]" * depth)


def _write_json(value: Any, random: Random) -> bytes:
    try:
        text = _deepened(json.dumps(value), random)
    except (ValueError, RecursionError):  # a part of itself
        text = "[" * 100_000
    if random.random() < 0.05:  # names given twice, which no dict has
        text = text.replace("{", '{"name": 1, "name": [], ', 1)
    return text.encode("utf-8", "surrogatepass")


YAML_TWISTS = (
    "!!python/object/apply:os.mkdir [made]\n",
    "!!timestamp x\n",
    "2001-99-99\n",
    "!!binary '*'\n",
    "!!int x\n",
    "!!float x\n",
    "&a [*a]\n",
    "{? [] : x}\n",
    "<<: 3\n",
    "- &a [x,x,x,x,x,x,x,x,x]\n- &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n",
    "1:99:99:99\n",
    "1" + ":1" * 60_000 + "\n",
    "&m0 {k: 1}\n" + "".join(f"m{n}: &m{n} {{<<: [{f'*m{n - 1}, ' * 9}]}}\n" for n in range(1, 12)),
    "0x" + "f" * 5000 + "\n",
    "0b2\n",
    "! x\n",
    "--- a\n--- b\n",
    "%YAML 9.9\n---\n",
    "\t\n",
    "[" * 2000,
)


def _write_yaml(value: Any, random: Random) -> bytes:
    try:
        plain = random.random() < 0.5  # JSON is YAML too, and soon written
        text = json.dumps(value) if plain else yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
        text = _deepened(text, random)
    except (yaml.YAMLError, ValueError, RecursionError):
        text = "a: " + "[" * 5000
    if random.random() < 0.15:  # tags and anchors, which no value has
        lines = text.splitlines(keepends=True)
        place = random.randrange(len(lines) + 1)
        twist = random.choice(YAML_TWISTS)
        name = lines[place].partition(":")[0] + ": " if place < len(lines) and random.random() < 0.7 else ""
        lines[place : place + bool(name)] = [name + twist]
        text = "".join(lines)
    return text.encode("utf-8", "surrogatepass")


def _parse_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def _write_csv(rows: list[list[str]], random: Random) -> bytes:
    file = io.StringIO(newline="")
    separator = ";" if random.random() < 0.03 else ","
    csv.writer(file, delimiter=separator, lineterminator=random.choice(("\n", "\n", "\r\n"))).writerows(rows)
    text = file.getvalue().encode("utf-8", "surrogatepass")
    return b"\xef\xbb\xbf" + text if random.random() < 0.03 else text


def _parse_lines(content: bytes) -> list[list[str]]:
    return [[*line.split(" ")] for line in content.decode().splitlines()]


def _write_lines(rows: list[list[str]], random: Random) -> bytes:
    return "\n".join(" ".join(row) for row in rows).encode("utf-8", "surrogatepass")


def _parse_safetensors(content: bytes) -> dict[str, Any]:
    (length,) = struct.unpack("<Q", content[:8])
    return {"header": json.loads(content[8 : 8 + length]), "data": content[8 + length :].hex()}


def _write_safetensors(value: Any, random: Random) -> bytes:
    value = value if isinstance(value, dict) else {}
    try:
        header = _deepened(json.dumps(value.get("header", {})), random).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        header = b"[" * 50_000
    return struct.pack("<Q", len(header)) + header + _numbers(value)


def _parse_zip(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write_zip(parts: dict[str, bytes], random: Random) -> bytes:
    file = io.BytesIO()
    packed = zipfile.ZIP_DEFLATED if random.random() < 0.2 else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", packed) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name or "x"), part, packed)
        if parts and random.random() < 0.05:  # much in little
            archive.writestr(zipfile.ZipInfo(random.choice(sorted(parts)) or "x"), bytes(1 << 22), zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _parse_npy(content: bytes) -> dict[str, Any]:
    (length,) = struct.unpack("<H", content[8:10])
    header = eval(content[10 : 10 + length], {"__builtins__": {}})  # of a seed of ours, before anything was changed
    return {"header": {**header, "shape": list(header["shape"])}, "data": content[10 + length :].hex()}


def _write_npy(value: Any, random: Random) -> bytes:
    value = value if isinstance(value, dict) else {}
    header = value.get("header")
    if isinstance(header, dict) and isinstance(header.get("shape"), list):
        header = {**header, "shape": tuple(header["shape"])}
    try:
        text = repr(header).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):
        text = b"(" * 20_000
    text = text[:65_000] + b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", min(len(text), 65_535)) + text + _numbers(value)


def _numbers(value: Mapping[str, Any]) -> bytes:
    try:
        return bytes.fromhex(value.get("data", ""))
    except (TypeError, ValueError):
        return b""


def _parse_pickle(content: bytes) -> list[bytes]:
    marks = [place for code, _, place in pickletools.genops(content) if place is not None and code.name != "FRAME"]
    pieces = [content[a:b] for a, b in zip(marks, [*marks[1:], len(content)], strict=True)]
    return [piece[:-9] if piece[-9:-8] == b"\x95" and len(piece) > 9 else piece for piece in pieces]


FORMS: Mapping[str, Form] = {
    ".json": Form("tree", json.loads, _write_json),
    ".yaml": Form("tree", yaml.safe_load, _write_yaml),
    ".csv": Form("table", _parse_csv, _write_csv),
    ".txt": Form("table", _parse_lines, _write_lines),
    ".safetensors": Form("tree", _parse_safetensors, _write_safetensors),
    ".npz": Form("parts", _parse_zip, _write_zip),
    ".pt": Form("parts", _parse_zip, _write_zip),
    ".npy": Form("tree", _parse_npy, _write_npy),
    ".pkl": Form("codes", _parse_pickle, lambda codes, _: b"".join(codes)),
}
"""By the end of a file's name."""

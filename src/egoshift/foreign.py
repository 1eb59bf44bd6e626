"""What others wrote, within bounds: JSON, YAML and ``.npz``, and how FFmpeg may open a file.

Whatever is wrong with a text becomes one ``ValueError`` whose text is one line. The parsers themselves answer a hostile
text with a dozen kinds of errors (too deep for the stack, a number of thousands of digits, a date in month 13), and
YAML lets a few hundred characters stand for billions of values.
"""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from numpy.lib import format as numpy_format
from numpy.lib.npyio import NpzFile

_MOVIES = (
    "mov,matroska,avi,mpeg,mpegvideo,mpegts,ogg,flv,asf,mxf,gxf,ivf,h261,h263,h264,hevc,vvc,obu,av1,vc1,m4v,dv,mjpeg,"
    "mpjpeg,gif,apng,nut,rm,cavsvideo,avs2,avs3,dirac"
)
_SOUNDS = "wav,w64,mp3,flac,aac,loas,aiff,au,caf,ac3,eac3,dts,truehd,mlp,amr,amrnb,amrwb,wv,tta,ape,tak,mpc,mpc8,voc"
_REFUSED_LATER = "bmp_pipe,gif_pipe,jpeg_pipe,jpegxl_pipe,png_pipe,tiff_pipe,webp_pipe,tty"
"""Single pictures and text, which errors can name better once they are open."""

AV_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": f"{_MOVIES},{_SOUNDS},{_REFUSED_LATER}"}
"""How FFmpeg opens a file: as one of a format that is one file. Others are lists of files (playlists, sessions), which
could name any file on this machine, any address of a network, or themselves without end."""

MOST_UNPACKED = 1 << 28
"""Bytes of an entry of an ``.npz`` file; eight hours of the fastest sensor are a thirtieth."""

MOST_YAML = 4_000_000
"""Characters; the longest run file has a few thousand."""

MOST_VALUES = 1_000_000
"""How many values a YAML text may stand for, each counted as often as it is referred to, and every 16 characters of a
long text as one."""

MOST_MERGED = 10_000
"""How many fields YAML may take over from other mappings with ``<<``; those of a run file are a few."""

MOST_DIGITS = 300
"""Characters of a number in YAML, of any form; Python shows no number of more than 4300 digits."""

MOST_LONG = 10_000
"""Numbers of which others have the hash; a dict with a hundred thousand such keys takes minutes to fill."""

MOST_DEPTH = 100
"""How deep YAML may be nested."""


def parse_json(content: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is not JSON, nested too deeply, or holds a text that no file could (half of a surrogate pair);
            ``JSONDecodeError`` where a line can be named.
    """
    try:
        value = json.loads(content)
        if (b"\\u" if isinstance(content, bytes) else "\\u") in content:  # type: ignore[operator]
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeEncodeError as error:
        raise ValueError(f"holds a text with half of a character ({error.object[error.start]!a})") from None
    return value


def parse_yaml(text: str) -> Any:
    """The value of a YAML text, made of dicts, lists, texts, numbers and dates; tags that name classes are refused.

    Raises:
        ValueError: It is not YAML, or stands for more than ``MOST_VALUES`` values, for itself, or for what is nested
            deeper than ``MOST_DEPTH``, or is beyond another of the bounds above; ``YamlError`` where a line can be
            named.
    """
    if len(text) > MOST_YAML:
        raise ValueError(f"has {len(text)} characters, more than {MOST_YAML}")
    try:
        value = yaml.load(text, _Loader)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise YamlError(problem, None if mark is None else mark.line + 1) from None
    except Exception as error:
        # What its constructors trip over, such as month 13: AttributeError, TypeError, KeyError and others.
        raise ValueError(f"holds a value that cannot be read ({type(error).__name__}: {error})") from None
    _weigh(value, {}, 0)
    return value


def check_sizes(archive: object) -> None:
    """Refuses an ``.npz`` file with an entry that would be far larger than the file, unpacked.

    Raises:
        ValueError: It has one.
    """
    if not isinstance(archive, NpzFile) or archive.zip is None:  # a single array
        return
    for info in archive.zip.infolist():
        if info.file_size > MOST_UNPACKED:
            raise ValueError(f"{info.filename} would be {info.file_size} bytes, unpacked")
        if _announced_bytes(archive, info.filename) > info.file_size:
            raise ValueError(f"{info.filename} says that it is larger than it is")


def _announced_bytes(archive: NpzFile, name: str) -> int:
    """How large the array of an entry is by its own head; 0 where the entry is no array."""
    assert archive.zip is not None
    with archive.zip.open(name) as file:
        if file.read(6) != b"\x93NUMPY":
            return 0
        version = file.read(2)
        read = numpy_format.read_array_header_1_0 if version == b"\x01\x00" else numpy_format.read_array_header_2_0
        shape, _, dtype = read(file)
        return math.prod(shape) * dtype.itemsize


class YamlError(ValueError):
    """A text that is not YAML.

    Attributes:
        problem: What is wrong.
        row: Where, as an editor counts lines; none where that is not known.
    """

    def __init__(self, problem: str, row: int | None):
        self.problem, self.row = problem, row
        super().__init__(problem if row is None else f"row {row}: {problem}")


def is_there(path: Path) -> bool:
    """Whether there is a file or folder of this name, which others wrote: too long, say, or with a zero byte in it."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def shares_hash(value: object) -> bool:
    """Whether a value is a whole number so large that smaller ones have its hash; nanoseconds since 1970 are not."""
    return isinstance(value, int) and abs(value) >= sys.hash_info.modulus


class _Loader(yaml.SafeLoader):
    """YAML's own, which neither copies without end where mappings are merged nor reads numbers of any length.

    Merges are carried out before there is a value that could be weighed, and numbers such as ``1:30:00``, by sixties,
    take a time that grows with the square of their length.
    """

    def __init__(self, text: str):
        super().__init__(text)
        self._merged = self.num_long = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                for one in value.value if isinstance(value, yaml.SequenceNode) else (value,):
                    if isinstance(one, yaml.MappingNode):
                        self._count_merged(one)
        super().flatten_mapping(node)

    def _count_merged(self, node: yaml.MappingNode) -> None:
        self.flatten_mapping(node)
        self._merged += 1 + len(node.value)
        if self._merged > MOST_MERGED:
            problem = f"takes over more than {MOST_MERGED} fields with '<<'; write them out"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _bounded(construct: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A constructor of numbers that refuses long ones."""

    def constructed(loader: _Loader, node: Any) -> Any:
        length = len(loader.construct_scalar(node))
        if length > MOST_DIGITS:
            problem = f"a number of {length} characters cannot be read; write it in quotes, or shorter"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        value = construct(loader, node)
        loader.num_long += shares_hash(value)
        if loader.num_long > MOST_LONG:
            problem = f"more than {MOST_LONG} numbers beyond 2^61 cannot be read; write them in quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return value

    return constructed


_Loader.add_constructor("tag:yaml.org,2002:int", _bounded(yaml.SafeLoader.construct_yaml_int))
_Loader.add_constructor("tag:yaml.org,2002:float", _bounded(yaml.SafeLoader.construct_yaml_float))


def _weigh(value: Any, known: dict[int, int], depth: int) -> int:
    """How many values a value stands for; ``known`` holds those of containers, 0 while they are being weighed."""
    if isinstance(value, str | bytes):
        return 1 + len(value) // 16
    if not isinstance(value, dict | list | tuple | set):
        return 1
    weight = known.get(id(value))
    if weight is None:
        if depth > MOST_DEPTH:
            raise ValueError("nested too deeply")
        known[id(value)] = 0
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        weight = known[id(value)] = 1 + sum(_weigh(one, known, depth + 1) for one in inner)
    if weight == 0:
        raise ValueError("holds a value that is a part of itself")
    if weight > MOST_VALUES:
        raise ValueError(f"stands for more than {MOST_VALUES} values, by referring to the same ones again and again")
    return weight

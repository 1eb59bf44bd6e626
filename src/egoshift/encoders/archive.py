"""Checkpoint files as plain values and tensors: nothing that such a file names is ever imported or run.

``torch.save`` (since version 1.6) and ``torch.jit.save`` write a zip of ``<top>/data.pkl``, which is a pickle, and one
entry of raw numbers per tensor storage. A pickle is a small program that may call any function of any module, so it is
read here by an unpickler that knows a short list of names and answers each by a stand-in of ours: a tensor becomes a
note of where its numbers lie, an ``argparse.Namespace`` a dict, a module of TorchScript the dict of its fields. Tensors
are made from the notes afterwards, as views of the mapped file, so only what is used is read from the disk.
"""

import io
import math
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from egoshift.encoders.inert_pickle import Fields, InertUnpickler, ScriptModule, Storage, TensorNote
from egoshift.errors import WeightsError
from egoshift.media.pickle_weight import MOST_AXES, BeyondBoundsError, check_pickle
from egoshift.media.plain_pickle import UnsafePickleError

MOST_MODULES = 100_000
"""Fields of a TorchScript archive, each counted as often as it is referred to."""

MOST_UNPACKED, MOST_TIMES = 1 << 28, 4
"""How many bytes compressed entries may have unpacked: so many, and as many times the file's. ``torch.save`` compresses
none; numbers written anew by other programs shrink by a tenth."""

MOST_PICKLE_BYTES = 1 << 28
"""A pickle of the largest published checkpoint, without its numbers, is a hundredth of this."""

LEGACY = "python -c \"import torch; torch.save(torch.load('{file}', weights_only=True), '{file}.zip.pt')\""


@dataclass(frozen=True)
class Contents:
    """What a checkpoint file holds.

    Attributes:
        value: The outermost dict, with tensors in place and every other object as plain values. Of a TorchScript
            archive: every field that is a tensor or a number, by its dotted name.
        scripted: Whether it is a TorchScript archive.
    """

    value: Mapping[str, Any]
    scripted: bool = False


def read_checkpoint(file: Path) -> Contents:
    """The contents of a checkpoint file, whose kind is told by its first bytes and never by its name.

    Raises:
        WeightsError: It cannot be read, is cut short, is of another kind, asks to run something, or holds no dict.
    """
    with file.open("rb") as stream:
        head = stream.read(9)
    if not head:
        raise WeightsError(f"{file}: is empty; fetch it again")
    if head.startswith(b"PK\x03\x04"):
        return read_zip(file)
    if head[8:] == b"{":
        return Contents(read_safetensors(file))
    if head.startswith(b"\x80"):
        raise WeightsError(
            f"{file}: this is a bare pickle, as torch before version 1.6 wrote checkpoints; if it is one and you trust "
            f"where it came from, write it anew with: {LEGACY.format(file=file)}"
        )
    raise WeightsError(
        f"{file}: neither a zip of torch.save nor safetensors (it begins with {head!r}); fetch it again, as a file"
    )


def read_safetensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{file}: ({file.stat().st_size} bytes) is not a whole safetensors file ({error}); fetch it again"
        ) from error


def read_zip(file: Path) -> Contents:
    """The contents of a zip of ``torch.save`` or ``torch.jit.save``."""
    try:
        with zipfile.ZipFile(file) as archive:
            numbers = _Numbers(file, archive)
            content = numbers.pickle()
            check_pickle(content)
            loaded = InertUnpickler(io.BytesIO(content)).load()
            value = _plain(loaded, numbers.tensor, {})
            if isinstance(loaded, ScriptModule):
                return Contents(_dotted(value), scripted=True)
    except UnsafePickleError as error:
        raise WeightsError(
            f"{file}: asks to run {error}, which weights do not need; nothing of it was run; get the weights from "
            "where they were published, and do not open this file with anything else"
        ) from None
    except BeyondBoundsError as error:
        raise WeightsError(
            f"{file}: is a checkpoint that {error}; save its weights alone, as a dict of tensors, or as safetensors"
        ) from None
    except Exception as error:
        # A damaged zip or pickle can fail in any way; the documentation of neither names a complete list.
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise WeightsError(
            f"{file}: ({file.stat().st_size} bytes) is not a whole checkpoint ({reason}); fetch it again and compare "
            "its size with the published one"
        ) from error
    if not isinstance(value, dict):
        raise WeightsError(f"{file}: holds a {type(loaded).__name__}, not a dict of weights; give a checkpoint")
    return Contents(value)


class _Numbers:
    """The entries of a checkpoint's zip, mapped into memory."""

    def __init__(self, file: Path, archive: zipfile.ZipFile):
        pickles = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise pickle.UnpicklingError("a zip without <name>/data.pkl, as torch.save writes it")
        self._archive, self._pickle = archive, archive.getinfo(pickles[0])
        self._top = pickles[0].removesuffix("data.pkl")
        self._file, self._size = file, file.stat().st_size
        self._unpacked, self._storages = 0, dict[str, Tensor]()
        if self._top + "byteorder" in archive.namelist() and self._read(self._top + "byteorder") != b"little":
            raise pickle.UnpicklingError("written by a big-endian machine")
        self._mapped = torch.UntypedStorage.from_file(str(file), shared=False, nbytes=self._size)

    def pickle(self) -> bytes:
        if self._pickle.file_size > MOST_PICKLE_BYTES:
            raise pickle.UnpicklingError(f"its data.pkl alone would be {self._pickle.file_size} bytes")
        return self._read(self._pickle.filename)

    def _read(self, name: str) -> bytes:
        """An entry, unpacked; refused where it would be far larger than the file."""
        info = self._archive.getinfo(name)
        self._unpacked += info.file_size
        if self._unpacked > MOST_UNPACKED + MOST_TIMES * self._size:
            raise pickle.UnpicklingError(f"its entries would be more than {self._unpacked} bytes, unpacked")
        return self._archive.read(info)

    def tensor(self, note: TensorNote) -> Tensor:
        """The tensor a note describes, once every number in it is known to lie inside its storage."""
        storage, offset, shape, strides = note
        if not isinstance(storage, Storage):
            raise pickle.UnpicklingError("a tensor without numbers")
        if len(shape) > MOST_AXES:
            raise pickle.UnpicklingError(f"a tensor of {len(shape)} axes")
        places = (offset, *shape, *strides)
        if len(shape) != len(strides) or not all(type(place) is int and place >= 0 for place in places):
            raise pickle.UnpicklingError(f"a tensor of shape {shape} and strides {strides}")
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if math.prod(shape) > storage.length or (math.prod(shape) and last >= storage.length):
            raise pickle.UnpicklingError(f"a tensor of shape {tuple(shape)} in a storage of {storage.length} numbers")
        if storage.key not in self._storages or self._storages[storage.key].dtype != storage.dtype:
            self._storages[storage.key] = self._flat(storage)
        return self._storages[storage.key].as_strided(tuple(shape), tuple(strides), offset)

    def _flat(self, storage: Storage) -> Tensor:
        info = self._archive.getinfo(f"{self._top}data/{storage.key}")
        num_bytes = storage.length * storage.dtype.itemsize
        if info.file_size != num_bytes:
            raise pickle.UnpicklingError(f"{info.filename} has {info.file_size} bytes where {num_bytes} were expected")
        start = self._start(info)
        if info.compress_type != zipfile.ZIP_STORED or start % storage.dtype.itemsize:
            content = bytearray(self._read(info.filename))
            return torch.frombuffer(content, dtype=storage.dtype) if content else torch.empty(0, dtype=storage.dtype)
        if start + num_bytes > self._size:
            raise pickle.UnpicklingError(f"{info.filename} reaches beyond the end of the file")
        flat = torch.empty(0, dtype=torch.uint8).set_(self._mapped[start : start + num_bytes])
        return torch.as_tensor(flat).view(storage.dtype)

    def _start(self, info: zipfile.ZipInfo) -> int:
        """Where an entry's bytes begin; its local header may be longer than what the directory says of it."""
        with self._file.open("rb") as stream:
            stream.seek(info.header_offset)
            signature, name_length, extra_length = struct.unpack("<4s22xHH", stream.read(30))
        if signature != b"PK\x03\x04":
            raise pickle.UnpicklingError(f"no entry where the directory says that {info.filename} is")
        return int(info.header_offset + 30 + name_length + extra_length)


def _plain(value: object, tensor: Callable[[TensorNote], Tensor], seen: dict[int, Any]) -> Any:
    """A loaded value with notes made tensors and objects made dicts; what the file shares stays shared."""
    if isinstance(value, str | bytes | int | float | None):
        return value
    if id(value) in seen:
        return seen[id(value)]
    made: Any
    if isinstance(value, TensorNote):
        made = seen[id(value)] = tensor(value)
    elif isinstance(value, Fields | dict):
        made = seen[id(value)] = {}
        fields = value.fields if isinstance(value, Fields) else value
        made |= {key: _plain(item, tensor, seen) for key, item in fields.items()}
    elif isinstance(value, list | tuple):
        made = seen[id(value)] = []
        made += [_plain(item, tensor, seen) for item in value]
    else:
        made = None  # what nobody needs
    return made


def _dotted(module: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors and numbers of a module and of those inside it, by names such as ``visual.conv1.weight``."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", module)]
    for _ in range(MOST_MODULES):
        if not waiting:
            return found
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{name}.{inner}" if name else str(inner), value[inner]) for inner in reversed(value)]
        elif isinstance(value, Tensor | int | float):
            found[name] = value
    raise pickle.UnpicklingError(f"more than {MOST_MODULES} fields, counted as often as they are referred to")

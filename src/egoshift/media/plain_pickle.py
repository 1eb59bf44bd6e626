"""Pickle files that others publish, read as plain values: nothing that such a file names is ever imported or run.

A pickle is a small program that may call any function of any module. The published detections need none: lists, dicts,
numbers, strings and bytes are built into the format (bytes since version 3). Number arrays of NumPy, and older bytes,
do name functions; those few names are answered by stand-ins of ours that only keep what the file says, and an array is
then built from its bytes after its type and size were checked.
"""

import io
import math
import pickle
from pathlib import Path

import numpy as np

from egoshift.errors import Fault, MediaError
from egoshift.media.pickle_weight import MOST_AXES, BeyondBoundsError, check_pickle

_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMBER_TYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


class UnsafePickleError(pickle.UnpicklingError):
    """A pickle that names something to import."""


def load_plain_pickle(path: Path, *, arrays: bool = False) -> object:
    """The value in a pickle file made of built-in types only, and of number arrays where asked for.

    Args:
        path: The file.
        arrays: Whether NumPy arrays and numbers are allowed as well.

    Raises:
        MediaError: The file cannot be read, is no pickle, is cut short, or names anything else to import.
    """
    try:
        content = path.read_bytes()
        check_pickle(content)
        return _PlainUnpickler(io.BytesIO(content), arrays=arrays).load()
    except UnsafePickleError as error:
        raise MediaError(
            Fault(
                "unsafe-file",
                path,
                f"asks to run {error}, which detections do not need; nothing of it was run",
                "get the file again from where it was published, and do not open this one with anything else",
            )
        ) from None
    except BeyondBoundsError as error:
        remedy = "write it anew with each value spelt out, or as a table (docs/data.md)"
        raise MediaError(Fault("beyond-bounds", path, f"is a pickle that {error}", remedy)) from None
    except OSError as error:
        raise MediaError(
            Fault("unreadable-file", path, f"cannot be read ({error.strerror})", "check the path and its permissions")
        ) from None
    except Exception as error:
        # A damaged pickle can fail in any way; the documentation of pickle names no complete list.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MediaError(
            Fault(
                "damaged-file",
                path,
                f"is not a complete pickle file ({reason})",
                "download it again; compare its size with the published one",
            )
        ) from None


class _Dtype:
    """What a file says of an array's number type."""

    def __init__(self, code: object = "", *_: object):
        self.code = code
        self.byte_order: object = "<"

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.byte_order = state[1]

    def to_numpy(self) -> np.dtype[np.generic]:
        if self.code not in _NUMBER_TYPES or self.byte_order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"an array of type {self.code!r} where numbers were expected")
        return np.dtype(f"{self.byte_order}{self.code}")


class _Array:
    """What a file says of an array."""

    def __init__(self, *_: object):
        self.value = np.zeros(0)

    def __setstate__(self, state: tuple[object, tuple[int, ...], _Dtype, bool, bytes]) -> None:
        _, shape, dtype, by_columns, content = state
        if not isinstance(content, bytes) or not all(isinstance(size, int) and size >= 0 for size in shape):
            raise pickle.UnpicklingError("an array whose content is not bytes")
        if len(shape) > MOST_AXES:
            raise pickle.UnpicklingError(f"an array of {len(shape)} axes")
        flat = np.frombuffer(content, dtype.to_numpy())
        if len(flat) != math.prod(shape):
            raise pickle.UnpicklingError(f"an array of shape {shape} with {len(flat)} numbers")
        self.value = flat.reshape(shape, order="F" if by_columns else "C")


def as_array(value: object) -> np.ndarray | None:
    """The array that a loaded value stands for; None if it stands for none."""
    return value.value if isinstance(value, _Array) else None


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, *, arrays: bool):
        super().__init__(file)
        self._arrays = arrays
        self._encoded: dict[str, bytes] = {}

    def _encode(self, text: str, _: object = None) -> bytes:
        # Kept, so that a long text that is asked for again and again takes its place once.
        if text not in self._encoded:
            self._encoded[text] = text.encode("latin-1")
        return self._encoded[text]

    def find_class(self, module_name: str, global_name: str) -> object:
        # New ones each time, so that a file which tampers with them harms nobody.
        stand_ins: dict[tuple[str, str], object] = {
            # How bytes are written for Python 2.
            ("_codecs", "encode"): self._encode,
            ("__builtin__", "bytes"): lambda: b"",
        }
        if self._arrays:
            stand_ins["numpy", "ndarray"] = type("ndarray", (), {})
            stand_ins["numpy", "dtype"] = type("dtype", (_Dtype,), {})
            for module in _ARRAY_MODULES:
                stand_ins[module, "_reconstruct"] = type("array", (_Array,), {})
                stand_ins[module, "scalar"] = lambda dtype, content: _number(dtype, content)
        if (module_name, global_name) not in stand_ins:
            raise UnsafePickleError(f"{module_name}.{global_name}")
        return stand_ins[module_name, global_name]


def _number(dtype: _Dtype, content: bytes) -> float:
    return float(np.frombuffer(content, dtype.to_numpy())[0])

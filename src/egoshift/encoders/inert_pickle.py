"""An unpickler that imports and runs nothing: the few names that checkpoints need are answered by stand-ins of ours."""

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from egoshift.media.plain_pickle import UnsafePickleError

STORAGE_TYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
NUMBER_TYPES = {str(dtype) for dtype in STORAGE_TYPES.values()}
PATH_TYPES = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")


MOST_PATH = 4096
"""Characters of a path or the name of a device."""


class Storage(NamedTuple):
    """The numbers of one entry of the zip."""

    dtype: torch.dtype
    key: str
    length: int


class TensorNote(NamedTuple):
    """A tensor as the pickle describes it; nothing in it was checked."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any


class Fields:
    """An object of which only the fields are kept, such as an ``argparse.Namespace``."""

    fields: Mapping[str, object] = {}

    def __init__(self, *_: object): ...

    def __setstate__(self, state: object) -> None:
        self.fields = state if isinstance(state, dict) else {}


class ScriptModule(Fields):
    """A module of TorchScript."""


class _Inert:
    """An object that nobody needs, such as a number of NumPy beside the weights."""

    def __init__(self, *_: object): ...

    def __setstate__(self, state: object) -> None: ...


class InertUnpickler(pickle.Unpickler):
    """Reads a pickle of ``torch.save`` or ``torch.jit.save`` into notes, fields and plain values.

    Raises:
        UnsafePickleError: The pickle names anything that weights do not need.
    """

    def persistent_load(self, pid: Any) -> Storage:
        """What is said of one entry of numbers."""
        match pid:
            case ("storage", torch.dtype() as dtype, str(key), _, int(length)):
                return Storage(dtype, key, length)
        raise pickle.UnpicklingError("a storage that is described in an unknown way")

    def find_class(self, module_name: str, global_name: str) -> object:
        """The stand-in for a name."""
        # New ones each time, so that a file which tampers with them harms nobody.
        if module_name == "__torch__" or module_name.startswith("__torch__."):
            return type("Module", (ScriptModule,), {})
        if module_name in ("torch", "torch.cuda") and global_name in STORAGE_TYPES:
            return STORAGE_TYPES[global_name]
        if f"{module_name}.{global_name}" in NUMBER_TYPES:
            return f"{module_name}.{global_name}"
        if module_name in ("pathlib", "pathlib._local") and global_name in PATH_TYPES:
            return lambda *parts: _joined("/", parts).replace("//", "/")
        if (module_name, global_name) == ("collections", "OrderedDict"):
            return lambda items=(): type("OrderedDict", (OrderedDict,), {})(items)
        stand_in = _stand_ins().get(f"{module_name}.{global_name}")
        if stand_in is None:
            raise UnsafePickleError(f"{module_name}.{global_name}")
        return stand_in


def _joined(between: str, parts: tuple[object, ...]) -> str:
    """Short texts and numbers as one text; of anything else nothing, for it could grow with every call."""
    texts = [str(part) for part in parts if isinstance(part, str | int)]
    text = between.join(texts) if sum(map(len, texts)) < MOST_PATH else ""
    return text if len(texts) == len(parts) else ""


def _stand_ins() -> dict[str, Callable[..., object]]:
    """What answers the names that checkpoints need."""
    numbers = {
        f"{module}.{name}": type("Inert", (_Inert,), {})
        for module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("dtype", "ndarray", "scalar", "_reconstruct")
    }
    jit = {
        f"torch.jit._pickle.{name}": lambda value, *_: value
        for name in ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag")
    }
    return {
        **numbers,
        **jit,
        "torch._utils._rebuild_tensor": lambda *parts: TensorNote(*parts[:4]),
        "torch._utils._rebuild_tensor_v2": lambda *parts: TensorNote(*parts[:4]),
        "torch._utils._rebuild_parameter": lambda data, *_: data,
        "torch.Size": lambda sizes=(): sizes,
        "torch.device": lambda *parts: _joined(":", parts),
        "argparse.Namespace": type("Namespace", (Fields,), {}),
        "builtins.set": lambda items=(): items,
        "__builtin__.set": lambda items=(): items,
        "_codecs.encode": lambda *_: b"",  # how bytes of NumPy are written for Python 2; nobody needs them
    }

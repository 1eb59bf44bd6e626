"""From a module to an ONNX file, and back to numbers by onnxruntime.

The exporter is torch's newer one (``dynamo=True``, by way of ``torch.export``). The older one runs the module once and
keeps what it saw, so that a condition on the number of frames stays as it was for the example; this one carries symbols
for sizes and refuses a module whose path depends on them or on values.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import torch
from torch import Tensor, nn

from egoshift.errors import ConfigError
from egoshift.files import moving_into
from egoshift.space import need_space

OPSET = 20

LARGEST = 1 << 30
"""Bytes of weights above which they lie in a file of their own, ``NAME.onnx.data``: one file may hold 2 GiB."""

Sizes = tuple[str | int, ...]
"""Of each axis the size, or a name where it may vary."""


def need_export() -> None:
    """Refuses to go on without the libraries that export takes.

    Raises:
        ConfigError: Naming what is missing.
    """
    missing = []
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            __import__(name)
        except ImportError:
            missing.append(name)
    if missing:
        raise ConfigError(
            f"--onnx needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed; "
            "pip install egoshift[export]"
        )


def write_graph(
    path: Path, module: nn.Module, example: Mapping[str, Tensor], sizes: Mapping[str, Sizes], outputs: Sequence[str]
) -> None:
    """Writes a module as an ONNX file.

    Args:
        path: The file; replaced where there is one.
        module: Takes tensors in the order of ``example``; gives a tuple of tensors.
        example: Inputs by name; sizes that may vary are at least 2 and differ from each other.
        sizes: Of each input, what may vary.
        outputs: Their names.

    Raises:
        ConfigError: The exporter refuses the module, or there is no room for its weights.
    """
    weights = sum(value.numel() * value.element_size() for value in module.state_dict().values())
    need_space(path, weights, "its weights")
    names = dict.fromkeys(size for shape in sizes.values() for size in shape if isinstance(size, str))
    axes = {name: torch.export.Dim(name, min=1) for name in names}
    shapes = tuple(
        {axis: axes[size] for axis, size in enumerate(sizes[name]) if isinstance(size, str)} for name in example
    )
    with torch.no_grad(), _recording():
        try:
            program = torch.onnx.export(
                _Spread(module).eval(),
                tuple(example.values()),
                dynamo=True,
                dynamic_shapes=(shapes,),
                input_names=list(example),
                output_names=list(outputs),
                opset_version=OPSET,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            cause = error.__cause__ or error
            reason = " ".join(str(cause).split())[:300]
            raise ConfigError(f"{path.name}: torch cannot record this model as a graph ({reason})") from error
    assert program is not None, "dynamo gives a program"
    _check_sizes(path, program.model.graph.inputs, sizes)
    with moving_into(path.parent) as within:  # by its own name, which the graph calls its weights' file after
        program.save(str(within / path.name), external_data=weights > LARGEST)


class _Spread(nn.Module):
    """A module whose arguments have no names: torch then takes the shapes of all modules in one form."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given: tuple[Tensor, ...] = self.module(*tensors)
        return given


def _check_sizes(path: Path, inputs: Sequence[Any], sizes: Mapping[str, Sizes]) -> None:
    """Refuses a graph in which a size that may vary has become the example's, which the exporter only warns of.

    Raises:
        ConfigError: Naming input, axis and the size it is tied to.
    """
    for one in inputs:
        for axis, (wanted, found) in enumerate(zip(sizes[one.name], one.shape, strict=True)):
            if isinstance(wanted, str) and isinstance(found, int):
                raise ConfigError(
                    f"{path.name}: the graph would take exactly {found} as {wanted} (axis {axis} of {one.name}), since "
                    "the model's code depends on its number; this is a fault of egoshift: please report it"
                )


class Session:
    """An ONNX file, ready to run on the CPU.

    Args:
        path: The file.
    """

    def __init__(self, path: Path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors; its warnings are of initialisers it dropped
        self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = [one.name for one in self._session.get_inputs()]
        self.outputs = [one.name for one in self._session.get_outputs()]

    def __call__(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The outputs by name. Inputs that the graph does not read are left out."""
        arrays = {name: given[name].numpy() for name in self.inputs}
        found: list[np.ndarray] = self._session.run(None, arrays)
        return {name: torch.from_numpy(value) for name, value in zip(self.outputs, found, strict=True)}


@contextmanager
def _recording() -> Iterator[None]:
    """Without checks of shapes, and without what the exporter says to its own developers.

    Notices of operators of torchvision, which nothing here has, and of constants that it left as they are; torch's
    use of its own deprecated names (2.13); that inputs share the sizes that they are told to share. Any other warning
    passes.
    """
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    # Where shapes are checked, as in the tests, a symbol would be no size.
    checks_off = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
            warnings.filterwarnings("ignore", message="# The axis name: .* shares the same shape", category=UserWarning)
            yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", checks_off)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

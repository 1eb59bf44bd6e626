"""Where and in which arithmetic training runs: opens Lightning Fabric."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

from egoshift.encoders.precision import cpu_has_bfloat16
from egoshift.errors import ConfigError
from egoshift.training.settings import Precision

Accelerator = Literal["auto", "cpu", "cuda"]
"""Where training runs; ``auto`` is CUDA where there is a device."""


def open_fabric(accelerator: Accelerator, devices: int, num_nodes: int, precision: Precision) -> Any:
    """Fabric for this process, joined to the others where there are several.

    Args:
        accelerator: ``auto`` is CUDA where there is a device.
        devices: Processes on this machine, one per device.
        num_nodes: Machines.
        precision: As in ``FitSettings``.

    Raises:
        ConfigError: If the accelerator is absent, the precision does not suit it, or the processes were not started.
    """
    device = choose_device(accelerator)
    processes = devices * num_nodes
    _check_processes(processes)
    arithmetic = choose_precision(precision, device)
    # Imported here because it takes a second, which users of the settings alone need not wait for.
    from lightning_fabric import Fabric
    from lightning_fabric.strategies import DDPStrategy

    # A method may have parameters that a choice of streams or labels leaves without gradient.
    strategy = DDPStrategy(find_unused_parameters=True) if processes > 1 else "auto"
    with _quiet():
        fabric = Fabric(
            accelerator=device, devices=devices, num_nodes=num_nodes, strategy=strategy, precision=arithmetic
        )
        fabric.launch()
    return fabric


def choose_device(accelerator: Accelerator) -> Literal["cpu", "cuda"]:
    """What ``auto`` stands for here, or what was asked for.

    Raises:
        ConfigError: If the accelerator is absent.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError("accelerator 'cuda' was asked for, but torch sees no CUDA device; use 'auto' or 'cpu'")
    return "cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without a line about the precision at every training: it stands in the report."""
    log = logging.getLogger("lightning_fabric.utilities.rank_zero")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


def choose_precision(precision: Precision, device: str) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """The arithmetic that ``auto`` stands for on a device, or the one asked for.

    Raises:
        ConfigError: For fp16 on a CPU, whose fp16 products are slower than fp32 by far.
    """
    if precision == "16-mixed" and device == "cpu":
        raise ConfigError("precision '16-mixed' is for CUDA devices (a CPU is slower in it by far); use 'auto'")
    if precision != "auto":
        return precision
    if device == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    return "bf16-mixed" if cpu_has_bfloat16() else "32-true"


def _check_processes(processes: int) -> None:
    """One process per device must have been started, by torchrun or by Slurm."""
    started = int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or 1)
    if processes != started and (processes > 1 or "WORLD_SIZE" in os.environ):
        raise ConfigError(
            f"devices times num_nodes is {processes}, but {started} process(es) were started; start one per device, "
            f"for example with `torchrun --nproc-per-node {processes} -m egoshift ...`"
        )

"""Where and in which arithmetic training runs: opens Lightning Fabric."""

import atexit
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

from egoshift.encoders.precision import cpu_has_bfloat16
from egoshift.errors import ConfigError
from egoshift.processes import Processes, processes
from egoshift.training.settings import Precision

Accelerator = Literal["auto", "cpu", "cuda"]
"""Where training runs; ``auto`` is CUDA where there is a device."""


def open_fabric(accelerator: Accelerator, precision: Precision) -> Any:
    """Fabric for this process, joined to the others where torchrun or Slurm started several.

    Args:
        accelerator: ``auto`` is CUDA where there is a device.
        precision: As in ``FitSettings``.

    Raises:
        ConfigError: If the accelerator is absent, the precision does not suit it, or there are too few devices.
    """
    device, own = choose_device(accelerator), processes()
    arithmetic = choose_precision(precision, device)
    _check_processes(device, own)
    # Imported here because it takes a second, which users of the settings alone need not wait for.
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
    from lightning_fabric.strategies import DDPStrategy

    shared: dict[str, Any] = {}
    if own.number > 1:
        # A method may have parameters that a choice of streams or labels leaves without gradient.
        shared["strategy"] = DDPStrategy(find_unused_parameters=True)
        shared["plugins"] = TorchElasticEnvironment() if "WORLD_SIZE" in os.environ else SLURMEnvironment()
    with _quiet():
        fabric = Fabric(
            accelerator=device, devices=own.on_machine, num_nodes=own.machines, precision=arithmetic, **shared
        )
        fabric.launch()
    if own.number > 1:
        atexit.register(_leave_processes)
    return fabric


def _leave_processes() -> None:
    """Ends the threads that talk to other processes while Python still stands: one that needed it later would abort."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def join_processes() -> Processes:
    """This process's place among those that torchrun or Slurm started, after they have found each other."""
    own = processes()
    if own.number > 1 and not torch.distributed.is_initialized():
        open_fabric("cpu", "32-true")
    return own


def check_same(fabric: Any, *facts: int) -> None:
    """Refuses a job whose processes do not see the same files, before they wait for each other in vain.

    Args:
        fabric: Joined to the others.
        facts: What follows from the files, such as how many clips there are.

    Raises:
        ConfigError: They differ.
    """
    if fabric.world_size == 1:
        return
    differs = float(fabric.broadcast(facts, src=0) != facts)
    if fabric.all_reduce(torch.tensor(differs, device=fabric.device), reduce_op="sum"):
        raise ConfigError(
            "the processes see different clips or another state of the run's folder; data, features and runs must lie "
            "on a file system that all machines share"
        )


def own_device(accelerator: Accelerator) -> torch.device:
    """The device of this process among those of its machine.

    Raises:
        ConfigError: If the accelerator is absent, or there are more processes than devices.
    """
    device, own = choose_device(accelerator), processes()
    _check_processes(device, own)
    return torch.device(device, own.local_rank) if device == "cuda" and own.number > 1 else torch.device(device)


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
    """Without lines about precision and processes at every training: they stand in the report."""
    log = logging.getLogger("lightning_fabric")
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


def _check_processes(device: str, own: Processes) -> None:
    """Machines must have as many processes as each other, and each process a GPU of its own where it is to use one."""
    if own.machines * own.on_machine != own.number:
        raise ConfigError(
            f"{own.number} processes were started, but {own.on_machine} on this machine; start as many on each: by "
            "torchrun's --nproc-per-node, or Slurm's --ntasks-per-node"
        )
    if device == "cuda" and own.on_machine > torch.cuda.device_count():
        raise ConfigError(
            f"{own.on_machine} processes were started on this machine, but torch sees {torch.cuda.device_count()} CUDA "
            "device(s); start one for each, or give --device cpu"
        )

"""Ray, found or started, and how its cores and GPUs are shared among workers."""

import logging
import math
import os
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from egoshift.errors import ConfigError
from egoshift.features.work import Workers

_ANSWER_S = 5.0


@dataclass(frozen=True)
class Share:
    """What one worker takes of its machine.

    Attributes:
        cpus: Cores, and the threads that the worker computes with.
        gpus: GPUs, or which part of one.
    """

    cpus: int
    gpus: float


@contextmanager
def cluster(workers: Workers, device: torch.device) -> Iterator[tuple[Any, list[Share]]]:
    """Ray's module, ready to be used, and the share of each worker.

    Ray that runs in this process already is used as it is; what is started or joined here is left afterwards.

    Args:
        workers: How many, and where.
        device: Where the encoder runs in this process, and so in the workers.

    Raises:
        ConfigError: Ray is not installed, does not answer, or has too few cores for so many workers.
    """
    if device.index:
        raise ConfigError(f"device {device} cannot be asked for with workers, which Ray gives a GPU each; use cuda")
    ray = _import_ray()
    on_gpu = device.type == "cuda"
    found = ray.is_initialized()
    try:
        if found or workers.address is not None:
            if not found:
                _join(ray, str(workers.address))
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            sizes = [(int(node.get("CPU", 0)), int(node.get("GPU", 0))) for node in nodes]
            yield ray, shares(sizes, workers.number, on_gpu=on_gpu)
        else:
            own = shares([_this_machine(workers, on_gpu)], workers.number, on_gpu=on_gpu)
            with _loopback_alone(ray):
                _start(ray, sum(share.cpus for share in own), torch.cuda.device_count() if on_gpu else 0)
                yield ray, own
    finally:
        if not found:
            ray.shutdown()


def shares(sizes: Sequence[tuple[int, int]], number: int | None, *, on_gpu: bool) -> list[Share]:
    """Divides machines among workers: as many on each as on any other, or one more.

    >>> shares([(8, 0), (4, 0)], None, on_gpu=False)
    [Share(cpus=8, gpus=0), Share(cpus=4, gpus=0)]
    >>> shares([(8, 0), (4, 0)], 3, on_gpu=False)
    [Share(cpus=4, gpus=0), Share(cpus=4, gpus=0), Share(cpus=4, gpus=0)]
    >>> shares([(16, 2)], None, on_gpu=True)
    [Share(cpus=8, gpus=1), Share(cpus=8, gpus=1)]

    Args:
        sizes: Cores and GPUs of each machine.
        number: How many workers; none takes one a GPU, or else one a machine.
        on_gpu: Whether the encoder runs on a GPU; machines without one are then left out.

    Raises:
        ConfigError: There are fewer cores than workers, or no machine that can be used.
    """
    usable = sorted(((cpus, gpus) for cpus, gpus in sizes if cpus and (gpus or not on_gpu)), reverse=True)
    if not usable:
        raise ConfigError(f"the Ray cluster has no machine with a free {'GPU' if on_gpu else 'core'}; add one to it")
    own = []
    for rank, (cpus, gpus) in enumerate(usable):
        count = gpus if on_gpu else 1
        if number is not None:
            count = number // len(usable) + (rank < number % len(usable))
        if count > cpus:
            cores = sum(cpus for cpus, _ in usable)
            raise ConfigError(f"{number or count} workers need a core each, and there are {cores}; ask for fewer")
        if count:
            own += [Share(cpus // count, _part(gpus, count) if on_gpu else 0)] * count
    return own


def _part(gpus: int, count: int) -> float:
    """Of one GPU: Ray gives no worker parts of two. It counts in ten thousandths, and rounds up what is between."""
    return 1 if gpus >= count else 10_000 // math.ceil(count / gpus) / 10_000


def _this_machine(workers: Workers, on_gpu: bool) -> tuple[int, int]:
    # As many threads as this process would compute with; a worker more than that is its user's choice.
    return max(torch.get_num_threads(), workers.number or 1), torch.cuda.device_count() if on_gpu else 0


def _import_ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # its new default, without a word about it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray
    except ImportError:
        raise ConfigError("workers need Ray, which is not installed; pip install 'egoshift[ray]'") from None
    return ray


def _join(ray: Any, address: str) -> None:
    remedy = "give host:port of one that this machine is a part of (`ray start --address=host:port` makes it one)"
    if "://" in address:
        raise ConfigError(f"--ray {address}: a Ray client cannot do this; {remedy}")
    if address != "auto":
        _check_heard(address, remedy)
    try:
        with _quietly():
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"--ray {address}: no Ray cluster answers there ({reason}); {remedy}") from None


def _check_heard(address: str, remedy: str) -> None:
    """Refuses an address where nothing listens, which Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 0xFFFF:
        raise ConfigError(f"--ray {address}: is no host:port; {remedy}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        raise ConfigError(f"--ray {address}: no Ray cluster answers there ({error}); {remedy}") from None


@contextmanager
def _loopback_alone(ray: Any) -> Iterator[None]:
    """Within, Ray starts processes that listen on the loopback device alone.

    Ray does so by itself where it takes no part in clusters, and takes an address of loopback for any other else.
    """
    name, constants = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", ray._private.ray_constants
    old = os.environ.get(name), getattr(constants, "ENABLE_RAY_CLUSTER", True)
    os.environ[name], constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        os.environ.pop(name)
        if old[0] is not None:
            os.environ[name] = old[0]
        constants.ENABLE_RAY_CLUSTER = old[1]


def _start(ray: Any, num_cpus: int, num_gpus: int) -> None:
    with _quietly():
        ray.init(
            address="local",
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Ray's warnings; what it says of lost workers goes to standard output whatever it is told, so not at all.

    What is lost is counted and named by whoever asked for the work.
    """
    import ray._private.worker

    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

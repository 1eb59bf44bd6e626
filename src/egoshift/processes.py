"""Which of several processes this is that do one job together, as torchrun or Slurm started them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from egoshift.errors import ProcessError

_LOST = ("gloo", "NCCL", "ProcessGroup")  # in what torch says where a connection breaks


@dataclass(frozen=True)
class Processes:
    """The place of this process among those that share its job; by default it is alone.

    Attributes:
        rank: Its number, from 0, among all.
        number: How many there are.
        local_rank: Its number, from 0, among those of this machine.
        on_machine: How many this machine has; as many as any other.
    """

    rank: int = 0
    number: int = 1
    local_rank: int = 0
    on_machine: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it is the one that prints and writes."""
        return self.rank == 0

    @property
    def machines(self) -> int:
        """How many machines there are."""
        return self.number // self.on_machine


def processes(environment: Mapping[str, str] | None = None) -> Processes:
    """What the environment says: torchrun's variables, else those of a step that ``srun`` started.

    >>> processes({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"})
    Processes(rank=3, number=4, local_rank=1, on_machine=2)

    Args:
        environment: By default this process's.
    """
    given = os.environ if environment is None else environment
    if "WORLD_SIZE" in given:
        return _place(given, "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    if int(given.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        return _place(given, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE")
    return Processes()


def _place(given: Mapping[str, str], rank: str, number: str, local_rank: str, on_machine: str) -> Processes:
    return Processes(
        int(given.get(rank, 0)), int(given[number]), int(given.get(local_rank, 0)), int(given.get(on_machine, 1))
    )


@contextmanager
def others_needed() -> Iterator[None]:
    """Within, a broken connection to another process is one line; what ended that one it says itself.

    Raises:
        ProcessError: A process has ended.
    """
    try:
        yield
    except RuntimeError as error:
        if not any(sign in str(error) for sign in _LOST):
            raise
        raise ProcessError(
            "another process of this job has ended; its own line, or the exit code that torchrun shows, says why"
        ) from None

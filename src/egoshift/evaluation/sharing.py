"""Batches of an evaluation shared by several processes, and what each has found given to all."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor, distributed

from egoshift.processes import Processes, others_needed

ALONE = Processes()
"""Nothing is shared."""


def batches_of(num_clips: int, batch_size: int, own: Processes) -> Iterator[Int64[Tensor, " batch"]]:
    """The rows of every batch that is this process's, in order.

    Whole batches are shared, so that each is computed as by a single process, to the last bit.

    >>> [rows.tolist() for rows in batches_of(7, 2, Processes(rank=1, number=2))]
    [[2, 3], [6]]
    """
    for start in range(own.rank * batch_size, num_clips, own.number * batch_size):
        yield torch.arange(start, min(start + batch_size, num_clips))


@others_needed()
def give_to_all(values: Tensor, batch_size: int, own: Processes) -> None:
    """Fills in, in every process, the rows of the batches that were the others'.

    Args:
        values: On the CPU, one row a clip, this process's own in place; the others' are written.
        batch_size: As for ``batches_of``.
        own: This process; all must come here.

    Raises:
        ProcessError: Another process has ended.
    """
    for rank in range(own.number) if own.number > 1 else ():
        theirs = list(batches_of(len(values), batch_size, Processes(rank, own.number)))
        if theirs:
            rows = torch.cat(theirs)
            found = values[rows]
            distributed.broadcast(found, src=rank, group=_of_cpus())
            values[rows] = found


@cache
def _of_cpus() -> Any:
    """All processes, speaking of what lies on CPUs; training on GPUs has joined them for GPUs alone."""
    return None if distributed.get_backend() == "gloo" else distributed.new_group(backend="gloo")

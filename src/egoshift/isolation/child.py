"""The child process: does one job after the other, and tells what comes of it. Started by ``Worker``; not imported."""

import fcntl
import os
import resource
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from typing import Any

from egoshift.errors import MediaError
from egoshift.isolation.beating import send_beats
from egoshift.isolation.messages import Array, read_message, write_message

_MOST_ARRAY_BYTES = 1 << 31
_JOBS = 0


def main(life: int, memory_bytes: int) -> None:
    """Take jobs from standard input until it ends.

    Args:
        life: A pipe whose other end only the parent holds.
        memory_bytes: What may be taken beyond what Python and its libraries take.
    """
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)  # what a library prints is no message
    end_with_parent(life)
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    send_beats(lambda: write_message(answers, {"kind": "beat"}))
    is_limited = False
    while (job := read_message(_JOBS, _MOST_ARRAY_BYTES)) is not None:
        if "stop" in job.told:  # which came when the job before had ended already
            continue
        work = _function(job.told["function"])
        if not is_limited:
            limit_memory(memory_bytes)
            is_limited = True
            write_message(answers, {"kind": "beat"})  # from here on it may not be silent
        arguments = job.told["arguments"]
        answer(answers, work, arguments if job.array is None else [*arguments, job.array])


def end_with_parent(life: int) -> None:
    """Have the kernel end this process when the parent does, even while C code runs that never returns."""
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([life], [], [], 0)[0]:  # it has ended meanwhile
        os._exit(0)


def limit_memory(num_bytes: int) -> None:
    """Allow so much address space beyond what is taken now, where the system tells how much that is."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
    except OSError:
        return
    most = pages * resource.getpagesize() + num_bytes
    bound = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = most if bound == resource.RLIM_INFINITY else min(most, bound)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def answer(answers: int, work: Callable[..., Iterator[Any]], arguments: list[Any]) -> None:
    """Tell what a job gives, piece by piece, and how it ended."""
    try:
        with closing(work(*arguments)) as pieces:  # type: ignore[type-var]
            for told, array in pieces:
                _tell(answers, told, array)
                if select.select([_JOBS], [], [], 0)[0]:  # nobody wants the rest
                    break
        end: dict[str, Any] = {"kind": "end"}
    except MediaError as error:
        end = {"kind": "fault", "fault": error.fault.kind, "message": error.fault.message, "remedy": error.fault.remedy}
    except MemoryError:
        end = {"kind": "memory"}
    except BrokenPipeError:
        os._exit(0)
    except Exception as error:
        end = {"kind": "error", "message": f"{type(error).__name__}: {error}"[:2000]}
    write_message(answers, end)


def _tell(answers: int, told: dict[str, Any], array: Array | None) -> None:
    write_message(answers, {"kind": "piece", "told": told}, array)


def _function(name: str) -> Callable[..., Iterator[Any]]:
    module, _, function = name.partition(":")
    found: Callable[..., Iterator[Any]] = getattr(import_module(module), function)
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

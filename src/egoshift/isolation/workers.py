"""Child processes as the parent sees them: started, asked, watched, ended."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from egoshift.isolation.messages import Array, Message, NonsenseError, SilenceError, read_message, write_message

PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "EGOSHIFT_CACHE", "HOME", "XDG_CACHE_HOME", "TMPDIR")
"""What a child finds in its environment; no tokens, keys or addresses."""

KINDS = ("piece", "end", "fault", "memory", "error")
"""Of messages: what a job gives, and the ways in which it ends."""

ENDING_S = 2.0
"""So long a child may go on with what nobody wants any more before it is ended."""

STARTING_S = 120.0
"""So long Python may take to start and to load what a first job needs, on a machine that is busy."""

_PIPE_BYTES = 1 << 20


class LostError(Exception):
    """A child that gives no more answers; it is ended when this is raised.

    Attributes:
        kind: ``"crash"``, ``"hang"`` or ``"memory"``.
        detail: What happened to it, in a few words.
    """

    def __init__(self, kind: str, detail: str):
        self.kind, self.detail = kind, detail
        super().__init__(detail)


class Worker:
    """One child process; used by one thread at a time.

    Args:
        memory_bytes: What it may take.
        silent_s: How long it may be silent.
        fruitless_s: How long it may give nothing but signs of life.

    Attributes:
        num_jobs: How many jobs it was given.
    """

    def __init__(self, memory_bytes: int, silent_s: float, fruitless_s: float):
        self._memory_bytes, self._silent_s, self._fruitless_s = memory_bytes, silent_s, fruitless_s
        self.num_jobs = 0
        self._has_started = False
        end, self._life = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "egoshift.isolation.child", str(end), str(memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what a damaged file makes a library say
                bufsize=0,
                pass_fds=(end,),
                env=_environment(),
                process_group=0,  # ctrl-C is for the parent, which then ends it
            )
        except BaseException:
            os.close(self._life)
            raise
        finally:
            os.close(end)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._jobs, self._answers = self._process.stdin, self._process.stdout
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with suppress(OSError):  # a user may hold only so much of them
                fcntl.fcntl(self._answers, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def run(self, function: str, arguments: Sequence[Any], array: Array | None) -> Generator[Message, None, None]:
        """Give it a job; what comes of it, until its last message, which is of another kind than ``piece``.

        Closed before that, it takes the rest away, or ends the child where that takes long.

        Raises:
            LostError: It has ended, or was ended.
        """
        self.num_jobs += 1
        try:
            write_message(self._jobs.fileno(), {"function": function, "arguments": list(arguments)}, array)
        except OSError:
            raise self._lost() from None
        is_last = False
        try:
            while not is_last:
                message = self._next(time.monotonic() + self._fruitless_s)
                is_last = message.told["kind"] != "piece"
                yield message
        except GeneratorExit:
            if not is_last:
                self._stop()
            raise
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it at once, and take it away."""
        self._process.kill()
        self._process.wait()
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        self._jobs.close()
        self._answers.close()

    def _next(self, until_s: float) -> Message:
        while True:
            patience_s = self._silent_s if self._has_started else max(STARTING_S, self._silent_s)
            soonest_s = time.monotonic() + patience_s
            soonest_s = min(until_s, soonest_s) if self._has_started else soonest_s
            try:
                message = read_message(self._answers.fileno(), self._memory_bytes // 2, soonest_s)
            except SilenceError:
                self.close()
                waited_s = self._fruitless_s if soonest_s == until_s else patience_s
                raise LostError("hang", f"nothing came of it in {waited_s:g} s") from None
            except NonsenseError as error:
                self.close()
                raise LostError("crash", f"garbled answers: {error}") from None
            if message is None:
                raise self._lost()
            self._has_started = True
            if message.told.get("kind") in KINDS:
                return message
            if message.told != {"kind": "beat"}:
                self.close()
                raise LostError("crash", "garbled answers")

    def _stop(self) -> None:
        try:
            write_message(self._jobs.fileno(), {"stop": True})
            until_s = time.monotonic() + ENDING_S
            while self._next(until_s).told["kind"] == "piece":
                if time.monotonic() > until_s:
                    return self.close()
        except (OSError, LostError):
            self.close()

    def _lost(self) -> LostError:
        """What became of a child that said no more."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING_S)
        code = self._process.returncode
        self.close()
        if code is not None and code < 0:
            return LostError("crash", _name_of(-code))
        return LostError("crash", "it stopped answering" if code is None else f"exit code {code}")


def _environment() -> Mapping[str, str]:
    own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    # The same modules; and few arenas and threads of libraries, each of which takes address space.
    path = os.pathsep.join(os.path.abspath(place) for place in sys.path)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
    return {**own, **threads, "MALLOC_ARENA_MAX": "2", "PYTHONPATH": path}


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

"""Runs ``egoshift`` in forks of a process that has imported everything, so that a run costs no start.

``Forks`` starts such a process (this file as a program) with the library of ``faults.py`` loaded, and asks it for runs,
a line of JSON each way. A fork is a command as a person would run it, but for the imports: it may be killed at a time,
or a call of its may be disturbed.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

from trust.crash.faults import Action, Call, arm, preloaded, read_log

ROOT = Path(__file__).parents[2]
LIMIT_S = 120.0
"""A run that takes longer counts as one that hangs."""

_POLL_S = 0.0005
_HUNG = "hung"


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        code: Its exit code; minus the signal, where one ended it.
        seconds: How long it took.
        out: What it wrote on standard output.
        err: And on standard error.
        calls: What it changed on disk.
    """

    code: int
    seconds: float
    out: str
    err: str
    calls: Sequence[Call]


class Forks:
    """Runs of ``egoshift``, one after another.

    Args:
        library: What ``faults.build`` gave.
        folder: For logs; outside of what runs write into.
    """

    def __init__(self, library: Path, folder: Path, tower: Path | None = None):
        self._folder = folder
        command = [sys.executable, "-m", "trust.crash.forks", *([] if tower is None else [str(tower)])]
        environment = preloaded(library) | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
        self._server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with self._server as server:  # waits for its end
            assert server.stdin is not None
            server.stdin.close()

    def run(
        self,
        arguments: Sequence[str],
        watched: Path,
        *,
        at: int = 0,
        action: Action = "none",
        kill_after_s: float | None = None,
        learn: bool = False,
    ) -> Ended:
        """Runs one command.

        Args:
            arguments: What follows ``egoshift``.
            watched: The folder whose calls are counted.
            at: The number of the call to disturb.
            action: How.
            kill_after_s: When to kill it by SIGKILL, from its begin.
            learn: Whether what it imports shall have been imported before the next run.

        Raises:
            TimeoutError: It hangs.
        """
        out, err, log = (self._folder / name for name in ("out", "err", "log"))
        for path in (out, err, log):
            path.write_text("")  # of a fork that is killed at once nothing may be read that another wrote
        asked = _Asked(list(arguments), str(watched), str(log), str(out), str(err), at, action, kill_after_s, learn)
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(asdict(asked)) + "\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        if answer["code"] == _HUNG:
            raise TimeoutError(f"egoshift {' '.join(arguments)} ran for more than {LIMIT_S:.0f} s")
        return Ended(answer["code"], answer["seconds"], out.read_text(), err.read_text(), read_log(log))


@dataclass(frozen=True)
class _Asked:
    arguments: list[str]
    watched: str
    log: str
    out: str
    err: str
    at: int
    action: Action
    kill_after_s: float | None
    learn: bool


def main() -> None:
    """Serves one run after another until standard input ends."""
    import_module("egoshift.cli.main").application()  # imports every verb
    if len(sys.argv) > 1:
        _warm(sys.argv[1])
    for line in sys.stdin:
        asked = _Asked(**json.loads(line))
        started_s = time.monotonic()
        child = os.fork()
        if child == 0:
            _be_run(asked)
        code = _wait(child, started_s, asked.kill_after_s)
        answer = {"code": code, "seconds": time.monotonic() - started_s}
        if asked.learn:
            _import(Path(asked.log + ".modules"))
            gc.freeze()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _warm(tower: str) -> None:
    """Loads a tower once: what the libraries do at their first use is done before any fork."""
    from egoshift.encoders import load_image_encoder, load_text_encoder

    load_image_encoder(tower)
    load_text_encoder(tower)


def _wait(child: int, started_s: float, kill_after_s: float | None) -> int | str:
    killed = False
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return _HUNG if killed and kill_after_s is None else os.waitstatus_to_exitcode(status)
        passed_s = time.monotonic() - started_s
        if not killed and passed_s > (LIMIT_S if kill_after_s is None else kill_after_s):
            os.kill(child, signal.SIGKILL)
            killed = True
        time.sleep(_POLL_S)


def _be_run(asked: _Asked) -> None:
    """In the fork: becomes the command, and ends."""
    for number, path in ((0, os.devnull), (1, asked.out), (2, asked.err)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(path, flags, 0o644), number)
    sys.argv = ["egoshift", *asked.arguments]
    arm(Path(asked.watched), Path(asked.log), asked.at, asked.action)
    code = 0
    try:
        import_module("egoshift.cli.main").run()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    if asked.learn:
        Path(asked.log + ".modules").write_text("\n".join(sys.modules), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _import(names: Path) -> None:
    """Imports what a run imported; what is no module by itself is left out."""
    for name in names.read_text(encoding="utf-8").splitlines():
        if name not in sys.modules and name != "__main__":
            try:
                import_module(name)
            except Exception:
                continue


if __name__ == "__main__":
    main()

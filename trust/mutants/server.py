"""pytest in children of a process that has loaded everything already.

A server is a pytest plugin that never lets its own process run a test: where pytest would begin, it forks, and the
child goes on as pytest with the tests of one job. Per file there is a process between them, the host, which has loaded
every module that does not import the file; so a mutant costs what its own users take to load, and its tests.
"""

import json
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trust.mutants.children import FIXTURE, KILLED, SURVIVED, Child, Job, heard, lines_of
from trust.mutants.loading import freeze, put, settle_examples

_OPTIONS = ("-q", "-x", "-s", "--tb=no", "--assert=plain", "-p", "no:xdist", "-p", "no:cacheprovider")


def start(preload: Callable[[], None], work: Callable[["Server"], None], root: Path, tests: str) -> int:
    """Begins a process that runs pytest up to where it would begin, and hands that place to the work.

    Args:
        preload: Loads what all jobs share.
        work: Gives jobs to the server.
        root: The folder that pytest runs in.
        tests: A folder or file of tests, whose conftest.py are loaded now.

    Returns:
        The process's id, for ``finish``.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.chdir(root)
        server = Server(preload, work)
        code = int(pytest.main([*_OPTIONS, tests], plugins=[server]))
        if server.child is not None:
            server.tell(code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(code)


def finish(processes: Iterable[int]) -> None:
    """Waits for processes.

    Raises:
        RuntimeError: If one of them did not do all of its work.
    """
    if any([os.waitpid(process, 0)[1] for process in processes]):
        raise RuntimeError("a process that ran tests ended early; the lines above say why")


class Server:
    """The plugin that forks."""

    def __init__(self, preload: Callable[[], None], work: Callable[["Server"], None]) -> None:
        self._preload, self._work = preload, work
        self._config: pytest.Config | None = None
        self._pipe = -1
        self._coverage: Any = None
        self.child: Child | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int | None:
        """Does the work; only in a child is there nothing to return, and pytest goes on."""
        self._config = config
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._preload()
        try:
            freeze()
            self._work(self)
        except _InChild:
            return None
        return 0

    def run(self, job: Job) -> dict[str, Any]:
        """Runs a job in a child.

        Returns:
            ``outcome``, one of this module's four; ``by``, the first test that failed; and what ``Child`` holds.
        """
        reading, writing = os.pipe()
        # Not as a context: the child leaves this function too, and would take the folder with it.
        scratch = tempfile.mkdtemp(prefix="mutant-")
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._become(job, writing, Path(scratch))
        os.close(writing)
        try:
            return heard(reading, child, job.limit_s)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def hosted(self, loaded: Callable[[], None], work: Callable[[], None]) -> None:
        """Does some work in a process of its own that has loaded more."""
        host = os.fork()
        if host:
            finish([host])
            return
        code = 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loaded()
            freeze()
            work()
            code = 0
        except _InChild:
            raise
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(code)

    def _become(self, job: Job, writing: int, scratch: Path) -> None:
        assert self._config is not None
        os.setsid()
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silence, stream)
        self._pipe, self.child = writing, Child()
        self._config.args = list(job.tests)
        self._config.option.basetemp = str(scratch / "tests")
        self._config.pluginmanager.register(self.child)
        settle_examples()
        sys.dont_write_bytecode = job.path is not None
        if job.path is not None:
            put(job.path, job.source)
        if job.measured:
            self._measure(job.measured)
        raise _InChild

    def _measure(self, files: Iterable[str]) -> None:
        from coverage import Coverage

        self._coverage = Coverage(data_file=None, include=list(files), config_file=False)
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Says to which test the lines belong that run from here on."""
        if self._coverage is not None and self.child is not None:
            self.child.fixtures[item.nodeid] = list(getattr(item, "fixturenames", ()))
            self._coverage.switch_context(item.nodeid)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[Any]:
        """Says that lines belong to every test that uses the fixture, where several share it."""
        shared = self._coverage is not None and fixturedef.scope != "function"
        if shared:
            self._coverage.switch_context(f"{FIXTURE}{fixturedef.argname}")
        try:
            return (yield)
        finally:
            if shared:
                self._coverage.switch_context(request._pyfuncitem.nodeid)

    def tell(self, code: int) -> None:
        """Writes what the child saw, and ends it on the spot."""
        assert self.child is not None
        if self._coverage is not None:
            self._coverage.stop()
            self.child.lines = lines_of(self._coverage.get_data(), self.child.fixtures)
        # What breaks pytest itself was not noticed by a test.
        outcome = SURVIVED if code in (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR) else KILLED
        told: dict[str, Any] = {
            "outcome": outcome,
            "by": self.child.failed or (None if outcome == SURVIVED else "loading"),
        }
        told |= {"duration_s": self.child.duration_s, "lines": self.child.lines, "modules": sorted(sys.modules)}
        with open(self._pipe, "w", encoding="utf-8") as pipe:
            json.dump(told, pipe)
        os._exit(0)


class _InChild(BaseException):
    """Unwinds the work in a child, so that pytest can go on there."""

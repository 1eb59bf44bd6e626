import os
import signal
import threading
from collections.abc import Iterator

import pytest

from egoshift.training import interruption
from egoshift.training.interruption import Interruption


@pytest.fixture(autouse=True)
def _as_found() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_what_is_held_is_finished_before_the_interruption() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), Interruption() as interruption:  # noqa: PT012
        with interruption.held():
            interrupt()
            done.append("step")
        done.append("never")
    assert done == ["step"]
    assert interruption.whole


def test_in_the_background_it_is_sigterm_that_waits() -> None:
    done = []

    def terminate(*_: object) -> None:
        done.append("told")
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), Interruption() as interruption:  # noqa: PT012
            with interruption.held():
                interrupt()
                os.kill(os.getpid(), signal.SIGTERM)
                done.append("step")
            done.append("never")
        assert signal.getsignal(signal.SIGTERM) is terminate
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert done == ["told", "step"]


def test_where_nothing_is_held_it_comes_at_once_and_what_follows_is_not_interrupted_again() -> None:
    done = []
    with Interruption() as interruption:
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        with interruption.held():
            done.append("saved")
    assert done == ["saved"]


def test_a_second_one_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "ONCE_S", 0.0)
    done = []
    with pytest.raises(KeyboardInterrupt), Interruption() as held, held.held():  # noqa: PT012
        interrupt()
        done.append("begun")
        interrupt()
        done.append("never")
    assert done == ["begun"]
    assert not held.whole


def test_one_that_comes_twice_at_once_is_one() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), Interruption() as interruption, interruption.held():  # noqa: PT012
        interrupt()
        interrupt()
        done.append("step")
    assert done == ["step"]


def test_where_several_have_to_agree_it_is_only_noted() -> None:
    with Interruption(agreed=True) as interruption:
        interrupt()
        with interruption.held():
            pass
        assert interruption.noted


def test_another_way_with_interruptions_is_left_alone() -> None:
    told = []
    signal.signal(signal.SIGINT, lambda *_: told.append("theirs"))
    with Interruption() as interruption, interruption.held():
        interrupt()
    assert told == ["theirs"]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_another_thread_changes_nothing() -> None:
    found = []

    def work() -> None:
        with Interruption():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]

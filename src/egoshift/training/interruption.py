"""Ctrl-C that waits until what must not be torn apart is whole."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

ONCE_S = 0.5
"""What comes so soon after the first is the same wish: a launcher may pass on what the terminal sent as well."""


class Interruption:
    """While entered, a first ctrl-C waits for the end of what is held, and a second one for nothing.

    Where Python's own handling of ctrl-C was replaced, or in another thread than the first, nothing is changed. Where
    ctrl-C is ignored, as in the background of a script, the same is true of SIGTERM, if that interrupts.

    Args:
        agreed: Whether several processes have to stop at the same step: then a first ctrl-C is only noted, and whoever
            asks for ``noted`` decides.

    Attributes:
        noted: Whether one waits.
        whole: Whether nothing is held now, as after a second ctrl-C in the middle something may be.
    """

    def __init__(self, *, agreed: bool = False):
        self._agreed = agreed
        self._first_s: float | None = None
        self._replaced: tuple[signal.Signals, Any] | None = None
        self.noted = False
        self.whole = True

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                self._replace(signal.SIGINT)
            elif signal.getsignal(signal.SIGINT) == signal.SIG_IGN and callable(signal.getsignal(signal.SIGTERM)):
                self._replace(signal.SIGTERM)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._replaced is not None:
            signal.signal(*self._replaced)
            self._replaced = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """What happens within is whole, or never looked at again.

        Raises:
            KeyboardInterrupt: After it, where one waits; within, where it was the second.
        """
        self.whole = False
        yield
        self.whole = True
        if self.noted and not self._agreed:
            self.noted = False
            raise KeyboardInterrupt

    def _replace(self, number: signal.Signals) -> None:
        before: Any = signal.getsignal(number)

        def take(number: int, frame: FrameType | None) -> None:
            try:
                before(number, frame)
            except KeyboardInterrupt:
                self._take()

        signal.signal(number, take)
        self._replaced = number, before

    def _take(self) -> None:
        now_s = time.monotonic()
        if self._first_s is not None:
            if now_s - self._first_s < ONCE_S:
                return
        else:
            self._first_s = now_s
            self.noted = self._agreed or not self.whole
            if self.noted:
                return
        raise KeyboardInterrupt

"""Signs of life of work that goes on for long before it gives anything, such as decoding up to a wanted frame."""

import time
from collections.abc import Callable

_EVERY_S = 0.5

_send: Callable[[], None] | None = None
_sent_s = 0.0


def beat() -> None:
    """Call this after every small step of reading; in a child process, whoever waits for it learns that it lives."""
    global _sent_s
    if _send is not None and time.monotonic() - _sent_s > _EVERY_S:
        _sent_s = time.monotonic()
        _send()


def send_beats(send: Callable[[], None]) -> None:
    """Have ``beat`` call this, about twice a second at most."""
    global _send
    _send = send

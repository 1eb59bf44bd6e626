"""``--isolate``: media is decoded in processes of their own."""

from collections.abc import Iterator
from contextlib import contextmanager

ISOLATE = "Decode in processes of their own: one that crashes, hangs or takes over 2 GB costs its video, not the run"


@contextmanager
def isolated_if(asked: bool) -> Iterator[None]:
    """Within, if it was asked for."""
    if not asked:
        yield
        return
    from egoshift.isolation import isolated

    with isolated():
        yield

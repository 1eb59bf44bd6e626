from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from egoshift.remote.cache import forget_checks


@pytest.fixture
def fs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MemoryFileSystem]:
    """An empty store in memory, and a cache of our own."""
    monkeypatch.setenv("EGOSHIFT_CACHE", str(tmp_path / "cache"))
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    forget_checks()
    yield fs
    fs.store.clear()

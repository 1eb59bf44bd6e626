from pathlib import Path

import pytest

from egoshift.world import write_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest world: two videos of ten seconds a split of every data set, with sensors."""
    out = tmp_path_factory.mktemp("world")
    write_world(out, seed=5, scale=0.05)
    return out

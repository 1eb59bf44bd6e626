"""Small trained runs, made once; not to be changed."""

from pathlib import Path

import pytest

from tests.fixtures.trained_runs import train_fusions, train_xmic


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See ``train_xmic``."""
    return train_xmic(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def fusions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See ``train_fusions``."""
    return train_fusions(tmp_path_factory.mktemp("fusions"))

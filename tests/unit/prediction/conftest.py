"""Small trained runs, made once; not to be changed."""

from pathlib import Path

import pytest

from egoshift.prediction import Predictor
from tests.fixtures.trained_runs import TEMPERATURES, train_fusions, train_xmic


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See ``train_xmic``."""
    return train_xmic(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def fusions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See ``train_fusions``."""
    return train_fusions(tmp_path_factory.mktemp("fusions"))


@pytest.fixture(scope="module")
def predictor(pictures: Path) -> Predictor:
    """That of pictures, at temperatures that are known."""
    found = Predictor.from_pretrained(pictures / "xmic")
    for model in found.package.models:
        assert model.fit is not None
        fitted = {
            label: value.model_copy(update={"temperature": TEMPERATURES[label]})
            for label, value in model.fit.calibration.items()
        }
        model.fit = model.fit.model_copy(update={"calibration": fitted})
    return found

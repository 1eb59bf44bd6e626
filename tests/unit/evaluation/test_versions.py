import pytest
import torch

from egoshift.evaluation import library_versions
from egoshift.evaluation import versions as module


def test_versions_name_what_can_change_a_number() -> None:
    versions = library_versions()
    assert versions["torch"] == torch.__version__.split("+")[0] or versions["torch"] == torch.__version__
    assert {"python", "egoshift", "numpy"} <= versions.keys()


def test_a_library_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIBRARIES", ("torch", "no-such-library", "numpy"))
    assert set(library_versions()) == {"python", "torch", "numpy"}

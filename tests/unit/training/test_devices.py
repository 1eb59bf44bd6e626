import pytest
import torch

from egoshift.errors import ConfigError
from egoshift.training import devices as module
from egoshift.training.devices import choose_precision, open_fabric


def test_fp16_on_a_cpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="'16-mixed' is for CUDA devices"):
        open_fabric("cpu", 1, 1, "16-mixed")


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_is_bf16_where_the_processor_has_it(native: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cpu_has_bfloat16", lambda: native)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert choose_precision("auto", "cpu") == expected == choose_precision("auto", "cuda")
    assert choose_precision("32-true", "cpu") == "32-true"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_where_there_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="torch sees no CUDA device"):
        open_fabric("cuda", 1, 1, "auto")


def test_two_devices_without_two_processes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"is 2, but 1 process.* started; .*torchrun --nproc-per-node 2"):
        open_fabric("cpu", 2, 1, "32-true")


def test_two_processes_for_one_device_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="is 1, but 2 process"):
        open_fabric("cpu", 1, 1, "32-true")

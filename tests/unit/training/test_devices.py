import pytest
import torch

from egoshift.errors import ConfigError
from egoshift.training import devices as module
from egoshift.training.devices import choose_precision, open_fabric, own_device


def test_fp16_on_a_cpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="'16-mixed' is for CUDA devices"):
        open_fabric("cpu", "16-mixed")


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_is_bf16_where_the_processor_has_it(native: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cpu_has_bfloat16", lambda: native)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert choose_precision("auto", "cpu") == expected == choose_precision("auto", "cuda")
    assert choose_precision("32-true", "cpu") == "32-true"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_where_there_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="torch sees no CUDA device"):
        open_fabric("cuda", "auto")


def test_machines_with_unlike_numbers_of_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="3 processes were started, but 2 on this machine; start as many on each"):
        open_fabric("cpu", "32-true")


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "RANK": "3", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert own_device("auto") == torch.device("cuda:1")
    assert own_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"2 processes were started on this machine, but torch sees 1 CUDA device"):
        own_device("cuda")

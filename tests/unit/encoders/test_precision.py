"""Types and attention by device."""

import pytest
import torch

from egoshift.encoders.precision import choose_attention, choose_dtype, cpu_has_bfloat16, open_device
from egoshift.errors import ConfigError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx512_f": True, "avx512_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_a_cpu_computes_in_bfloat16_where_it_has_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert choose_dtype(CPU, "auto") is expected


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not cpu_has_bfloat16()


@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_gpu_computes_in_bfloat16_where_it_is_native(
    monkeypatch: pytest.MonkeyPatch, native: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert choose_dtype(CUDA, "auto") is expected


def test_what_is_asked_for_is_taken() -> None:
    assert choose_dtype(CPU, "float32") is torch.float32
    assert choose_dtype(CPU, "bfloat16") is torch.bfloat16
    assert choose_dtype(CUDA, "float16") is torch.float16


def test_float16_on_a_cpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="precision float16 is not usable on a CPU"):
        choose_dtype(CPU, "float16")


def test_an_unknown_precision_is_refused_with_the_known_ones_named() -> None:
    with pytest.raises(ConfigError, match="precision 'int8' is not known; use one of auto, float32, bfloat16, float16"):
        choose_dtype(CPU, "int8")


def test_explicit_attention_is_for_bfloat16_on_a_cpu_only() -> None:
    assert choose_attention(CPU, torch.bfloat16) == "eager"
    assert choose_attention(CPU, torch.float32) == "sdpa"
    assert choose_attention(CUDA, torch.bfloat16) == "sdpa"


@pytest.mark.parametrize("name", ["cuda:63", "teapot", "xpu"])
def test_a_device_that_is_not_here_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match=f"device '{name}' cannot be used here .*; use cpu") as error:
        open_device(name)
    assert "\n" not in str(error.value)


def test_the_cpu_is_always_here() -> None:
    assert open_device("cpu") == CPU

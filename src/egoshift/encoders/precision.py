"""In which type a tower computes, and by which attention, on which device."""

from typing import Literal

import torch

from egoshift.errors import ConfigError

Precision = Literal["auto", "float32", "bfloat16", "float16"]
"""In what an encoder computes; ``auto`` is the fastest that the device has instructions for."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def name_device(device: str) -> str:
    """What ``auto`` stands for here (``cuda`` where there is one, else ``cpu``), or the device asked for."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def open_device(device: str | torch.device) -> torch.device:
    """A device by its name.

    Raises:
        ConfigError: There is no such device here.
    """
    try:
        opened = torch.device(device)
        torch.empty(0, device=opened)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"device {str(device)!r} cannot be used here ({reason}); use cpu, or cuda where there is one"
        ) from error
    return opened


def choose_dtype(device: torch.device, precision: str) -> torch.dtype:
    """The type to compute in: what was asked for, or by ``"auto"`` the fastest that the device has instructions for.

    Raises:
        ConfigError: No such precision, or float16 on a CPU, whose products run hundreds of times slower than float32.
    """
    if precision == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        return torch.bfloat16 if device.type == "cpu" and cpu_has_bfloat16() else torch.float32
    if precision not in DTYPES:
        raise ConfigError(f"precision {precision!r} is not known; use one of auto, {', '.join(DTYPES)}")
    if precision == "float16" and device.type == "cpu":
        raise ConfigError("precision float16 is not usable on a CPU (its products are not vectorised); use auto")
    return DTYPES[precision]


def cpu_has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself; without it bfloat16 is slower than float32."""
    if not hasattr(torch.cpu, "get_capabilities"):  # older torch cannot say, and float32 is never wrong
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def choose_attention(device: torch.device, dtype: torch.dtype) -> Literal["eager", "sdpa"]:
    """Which attention is faster: explicit products for bfloat16 on a CPU (twice as fast at 197 tokens), else sdpa."""
    return "eager" if device.type == "cpu" and dtype is torch.bfloat16 else "sdpa"

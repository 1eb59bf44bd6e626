"""The one form in which a benchmark reports."""

import json
import os
import platform
from pathlib import Path

import torch


def machine() -> str:
    """The processor, its cores and the torch build, in words."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {os.cpu_count()} cores, torch {torch.__version__}"


def report(name: str, value: float, unit: str, bar: str, command: str, **extra: object) -> None:
    """Print one JSON line: what was measured, the bar it is held against, where and by which command."""
    line = {"name": name, "value": round(value, 4), "unit": unit, "bar": bar, "machine": machine(), "command": command}
    print(json.dumps(line | extra), flush=True)

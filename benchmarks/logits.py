"""X-MIC's logits: two matrix products (``adapted_logits``) against batch x classes x dim (``adapted_logits_direct``).

Forward and backward in float32, as in training: gradients to the shift and the scale; text and video are frozen.
Each form runs in its own process, turn by turn, because a process that has once held the memory gets it back faster.

Time is processor time on one thread, the best of several calls in several turns, so that a busy machine changes it
little. Extra peak memory is what the process
held at its fullest moment beyond what it held just before its first call: ``VmHWM`` of /proc, set back through
/proc/self/clear_refs, so it counts whatever any library allocates (Linux only). Both are measured with malloc as it
comes, where large blocks are fresh memory each time and page faults burden the direct form, and with malloc keeping
them, as the command line of egoshift sets it, which is the harder comparison for time.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional

from benchmarks.report import report
from egoshift.allocator import keep_large_blocks
from egoshift.methods import adapted_logits, adapted_logits_direct

FORMS = {"direct": adapted_logits_direct, "factored": adapted_logits}
DIM, TURNS, SECONDS = 512, 3, 1.0
# At 7,099 classes one batch x classes x dim tensor of 256 clips takes 3.7 GB and training holds several; of 32, 0.5 GB.
SIZES = ((256, 521), (32, 7099))


def memory_bytes(field: str) -> int:
    """``VmRSS`` or ``VmHWM`` of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def measure(form: str, batch: int, classes: int) -> dict[str, float]:
    """Milliseconds of the fastest call, and MiB of the first call at its peak beyond what was held before."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    text = 8 / DIM**0.5 * torch.randn(classes, DIM, generator=generator)
    shift = torch.rand(batch, DIM, generator=generator).requires_grad_()
    video = functional.normalize(torch.randn(batch, DIM, generator=generator), dim=-1)
    scale = torch.tensor(100.0).requires_grad_()
    gradient = torch.randn(batch, classes, generator=generator)

    def step(rows: int, columns: int) -> None:
        shift.grad = scale.grad = None
        logits = FORMS[form](text[:columns], shift[:rows], video[:rows], scale)
        torch.autograd.backward(logits, gradient[:rows, :columns])

    step(2, 4)  # loads the libraries' code
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_bytes("VmRSS")
    step(batch, classes)
    extra = memory_bytes("VmHWM") - before
    times: list[float] = []
    while len(times) < 2 or sum(times) < SECONDS:
        start = time.process_time()
        step(batch, classes)
        times.append(time.process_time() - start)
    return {"ms": 1e3 * min(times), "MiB": extra / 2**20}


def in_own_process(form: str, malloc: str, batch: int, classes: int) -> dict[str, float]:
    """``measure`` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.logits", form, malloc, str(batch), str(classes)]
    measured: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return measured


def main() -> None:
    """Print one line for time and one for memory, per size and malloc."""
    for batch, classes in SIZES:
        for malloc in ("default", "tuned"):
            turns = [{form: in_own_process(form, malloc, batch, classes) for form in FORMS} for _ in range(TURNS)]
            for quantity, unit in (("time", "ms"), ("memory", "MiB")):
                direct, factored = (min(turn[form][unit] for turn in turns) for form in FORMS)
                report(
                    f"logits-{classes}-classes-{quantity}-{malloc}-malloc",
                    direct / factored,
                    "times less",
                    ">= 50",
                    "python -m benchmarks.logits",
                    size=f"B={batch} C={classes} D={DIM} float32, forward and backward, one thread",
                    **{f"direct_{unit}": round(direct, 2), f"factored_{unit}": round(factored, 2)},
                )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        if sys.argv[2] == "tuned":
            keep_large_blocks()
        print(json.dumps(measure(sys.argv[1], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        main()

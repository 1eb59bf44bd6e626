"""How fast the small encoders learn from step to step, and when they stop."""

import math
import time
from collections.abc import Iterator

WARM_UP_STEPS = 100


def learning_rates(steps: int, minutes: float, peak: float) -> Iterator[tuple[int, float]]:
    """Each step's number, from 1, and its learning rate: a short warm-up, then half a cosine down to zero.

    The cosine follows the steps done or the time spent, whichever is further, so that training is complete however
    slow the machine is. Where time decides, the weights depend on the machine.

    Args:
        steps: How many at most.
        minutes: How long at most.
        peak: The greatest learning rate.
    """
    started = time.monotonic()
    for step in range(1, steps + 1):
        done = max(step / steps, (time.monotonic() - started) / (60 * minutes))
        if done > 1:
            return
        yield step, peak * min(1, step / WARM_UP_STEPS) * (0.5 + 0.5 * math.cos(math.pi * done))

"""What tells one training from another: method, settings, clips, labels, classes and features, by digests."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue
from torch import Tensor

from egoshift.errors import CheckpointError
from egoshift.records import Label
from egoshift.training.objectives import Objective
from egoshift.training.settings import FitSettings

_NUMBERS = 4
_TOLERANCE = 0.01
"""Between sketches of the same, which differ by a thousandth or less if computed elsewhere; of others, by about one."""


class Job(BaseModel):
    """What must be the same for an interrupted training to be taken up, or a finished one to be read back.

    What is computed, class text and the features of the first clip, is there as sketches: see ``sketch``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    method_settings: dict[str, JsonValue]
    settings: FitSettings
    objective: Objective = Objective()
    clips: int
    training_clips: str
    validation_clips: str
    classes: dict[Label, int]
    sketches: dict[str, tuple[float, ...]]
    frozen_weights: dict[str, str]
    made_from: JsonValue
    processes: int
    precision: str

    def check(self, asked: "Job", place: Path, *, finished: bool = False) -> None:
        """See that a training that is asked for is this one.

        Args:
            asked: What is asked for.
            place: Where this one was found.
            finished: Whether it ran to its end. Then it does not matter on how many devices, in which arithmetic these
                compute, nor what else the feature stores hold by now.

        Raises:
            CheckpointError: It is another; the line names each value that differs, settings one by one.
        """
        passing = {"processes", "precision"} if finished else set()
        theirs, ours = (_flat(job.model_dump(mode="json", exclude={"sketches", *passing})) for job in (self, asked))
        different = [
            f"{name} was {theirs.get(name)!r}, is {ours.get(name)!r}"
            for name in dict.fromkeys((*theirs, *ours))
            if theirs.get(name) != ours.get(name)
            and not (finished and name.startswith("made_from.") and ".arrays." in name)
        ]
        sketched = dict.fromkeys((*self.sketches, *asked.sketches))
        different += [f"{name} is another" for name in sketched if not _close(self.sketches, asked.sketches, name)]
        if different:
            raise CheckpointError(
                f"{place}: is of another training or other settings: {'; '.join(different)}; train again without "
                "resuming"
            )


def sketch(values: Tensor) -> tuple[float, ...]:
    """Some numbers that tell tensors apart, but for rounding: the logarithm of its norm, and sums with random weights.

    Digests of what is computed would differ with the kind of processor and the number of threads.
    """
    rows = np.nan_to_num(values.detach().float().cpu().flatten(1).numpy(), posinf=0.0, neginf=0.0)
    norm = float(np.linalg.norm(rows))
    if norm == 0:
        return (0.0,) * (1 + _NUMBERS)
    draw = np.random.default_rng(0)
    left, right = (draw.standard_normal((_NUMBERS, length)) for length in rows.shape)
    sums = [float(a @ (rows @ b.astype(np.float32))) / norm for a, b in zip(left, right, strict=True)]
    return (math.log(norm), *sums)


def _close(some: Mapping[str, tuple[float, ...]], others: Mapping[str, tuple[float, ...]], name: str) -> bool:
    one, other = some.get(name, ()), others.get(name, ())
    return len(one) == len(other) and bool(np.allclose(one, other, rtol=0, atol=_TOLERANCE))


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat

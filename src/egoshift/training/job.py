"""What tells one training from another: method, settings, clips, labels, classes and features, by digests."""

from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue

from egoshift.errors import CheckpointError
from egoshift.records import Label
from egoshift.training.objectives import Objective
from egoshift.training.settings import FitSettings


class Job(BaseModel):
    """What must be the same for an interrupted training to be taken up, or a finished one to be read back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    method_settings: dict[str, JsonValue]
    settings: FitSettings
    objective: Objective = Objective()
    clips: int
    training_clips: str
    validation_clips: str
    classes: dict[Label, int]
    text_digest: str
    frozen_weights: dict[str, str]
    made_from: JsonValue
    processes: int
    precision: str

    def check(self, asked: "Job", place: Path, *, but: Collection[str] = ()) -> None:
        """See that a training that is asked for is this one.

        Args:
            asked: What is asked for.
            place: Where this one was found.
            but: Fields that do not matter.

        Raises:
            CheckpointError: It is another; the line names each value that differs, settings one by one.
        """
        theirs, ours = (_flat(job.model_dump(mode="json", exclude=set(but))) for job in (self, asked))
        different = [
            f"{name} was {theirs.get(name)!r}, is {ours.get(name)!r}"
            for name in dict.fromkeys((*theirs, *ours))
            if theirs.get(name) != ours.get(name)
        ]
        if different:
            raise CheckpointError(
                f"{place}: is of another training or other settings: {'; '.join(different)}; train again without "
                "resuming"
            )


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat

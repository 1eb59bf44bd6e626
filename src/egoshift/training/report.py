"""What training tells: while it runs, and when it is done."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field

from egoshift.evaluation.result import Calibration, EpochRow, Frozen, Selection
from egoshift.records import Label
from egoshift.training.objectives import Objective
from egoshift.training.settings import FitSettings


@dataclass(frozen=True)
class FitProgress:
    """Where training is.

    Attributes:
        epoch: The epoch, from 0.
        num_epochs: Epochs in all.
        step: Steps done of this epoch.
        num_steps: Steps of an epoch.
        loss: Of the latest step.
        clips_per_s: Training clips per second in this epoch.
        seconds_left: Expected until the end, validation included.
    """

    epoch: int
    num_epochs: int
    step: int
    num_steps: int
    loss: float
    clips_per_s: float
    seconds_left: float


OnProgress = Callable[[FitProgress], None]


class FitReport(Frozen):
    """What training did.

    Attributes:
        selection: How the weights were chosen; ``none`` where there was nothing to train.
        settings: What was asked for.
        objective: The losses.
        epoch: The epoch whose weights the classifier has now, from 0; None where there was nothing to train.
        score: Its validation score: the mean over kinds of labels of micro top-1 in percent; None without validation.
        history: One row per epoch.
        clips: Labelled clips trained on.
        unlabelled: Clips left out because no kind of label asked for is annotated.
        dropped: Clips left out because nothing can be read of them, by kind of fault.
        splits: The splits of the data set that these are of, from which all comes that was learned, statistics of
            sensors included; none where that is not known.
        parameters: Numbers trained.
        precision: The arithmetic used.
        device: The accelerator used.
        processes: How many devices shared the work.
        resumed_at: The epoch at which an interrupted run was taken up; None where it ran through.
        seconds: Time of all epochs.
        clip_s: How long a training clip is, in the median; None where that is not known.
        calibration: Per kind of label the temperature fitted on the clips that the epoch was chosen by; none where no
            clips of the source were held out.
        note: What a reader should know, such as why nothing was trained; empty for an ordinary run.
    """

    selection: Selection
    settings: FitSettings
    objective: Objective = Objective()
    epoch: int | None = None
    score: float | None = None
    history: tuple[EpochRow, ...] = ()
    clips: int = 0
    unlabelled: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    splits: tuple[str, ...] = ()
    parameters: int = 0
    precision: str = ""
    device: str = ""
    processes: int = 1
    resumed_at: int | None = None
    seconds: float = 0.0
    clip_s: float | None = None
    calibration: dict[Label, Calibration] = Field(default_factory=dict)
    note: str = ""

"""What extracting and training would cost at so many hours of video: arithmetic on measured rates, and nothing else.

Every number scales with the hours, since extraction goes frame by frame and training clip by clip; what does not (a
cluster's start, a disk that is full) is not in it.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from egoshift.errors import ConfigError
from egoshift.features.layout import layout_of
from egoshift.features.manifest import View
from egoshift.features.rows import row_bytes

DEFAULT_HOURS = (100.0, 10_000.0, 1_000_000.0)
CLIPS_PER_HOUR = 900.0
"""As EPIC-KITCHENS-100 has: 89,977 segments in 100 hours."""


@dataclass(frozen=True)
class Rates:
    """What one machine does in a second.

    Attributes:
        frames_per_s: Frames of one view, from video files into a store.
        clips_per_s: Clips in training, of both views and 16 frames.
        cores: Processor cores that were at work.
        gpus: GPUs that were at work.
        dim: Length of a stored feature.
    """

    EXAMPLE: ClassVar[str] = '{"frames_per_s": 20, "clips_per_s": 900, "cores": 2}'

    frames_per_s: float
    clips_per_s: float
    cores: int = 1
    gpus: int = 0
    dim: int = 512

    @classmethod
    def of(cls, given: Mapping[str, Any], source: str) -> "Rates":
        """Rates from names and numbers.

        Args:
            given: By the names of the attributes; the first two are needed.
            source: Where they come from, for messages.

        Raises:
            ConfigError: A name is unknown or missing, or a number is not positive (``gpus`` may be 0).
        """
        known = [field.name for field in fields(cls)]
        faults = [f"{name!r} is no rate" for name in given if name not in known]
        for name in known:
            if name in given or name in ("frames_per_s", "clips_per_s"):
                faults += _rate_faults(name, given.get(name))
        if faults:
            raise ConfigError(f"{source}: {'; '.join(faults)}; give rates such as {cls.EXAMPLE}")
        return cls(**given)


def _rate_faults(name: str, value: object) -> list[str]:
    kinds = (int, float) if name.endswith("_per_s") else (int,)
    least = 0 if name == "gpus" else math.ulp(0.0)
    if isinstance(value, kinds) and not isinstance(value, bool) and least <= value < math.inf:
        return []
    return [f"{name} is {value!r}, expected a {'number' if float in kinds else 'count'} above 0"]


@dataclass(frozen=True)
class Job:
    """What is to be done with the video.

    Attributes:
        rate_hz: Frames encoded per second of video.
        views: What is encoded of each frame.
        clips_per_hour: Labelled clips in an hour of video.
        epochs: Passes over the clips.
        num_models: Models trained on them (one for nouns, one for verbs).
    """

    rate_hz: float = 4.0
    views: tuple[View, ...] = ("full", "hand")
    clips_per_hour: float = CLIPS_PER_HOUR
    epochs: int = 15
    num_models: int = 2


@dataclass(frozen=True)
class Cost:
    """What so many hours of video cost.

    Attributes:
        video_hours: Hours of video.
        frames: Frames, each encoded in every view.
        clips: Labelled clips.
        store_bytes: Size of the store's arrays.
        extract_machine_hours: Hours that one machine extracts.
        train_machine_hours: Hours that one machine trains.
        core_hours: Hours of processor cores, of both.
        gpu_hours: Hours of GPUs, of both.
        dollars: What both cost; None without a price.
    """

    video_hours: float
    frames: float
    clips: float
    store_bytes: float
    extract_machine_hours: float
    train_machine_hours: float
    core_hours: float
    gpu_hours: float
    dollars: float | None


def cost_of(
    video_hours: float, rates: Rates, job: Job | None = None, *, dollars_per_machine_hour: float | None = None
) -> Cost:
    """The cost of extracting and training at so many hours of video.

    Every view of a frame is reckoned as a frame of its own, although views share their decoding: extraction costs at
    most this. Machines side by side share the hours and leave their sum.

    Args:
        video_hours: Hours of video, all of it extracted.
        rates: Of one machine.
        job: What is done; by default what X-MIC's released training does.
        dollars_per_machine_hour: The price of such a machine.

    >>> cost = cost_of(100, Rates(frames_per_s=80, clips_per_s=1000, cores=2), dollars_per_machine_hour=0.1)
    >>> cost.extract_machine_hours, cost.train_machine_hours, round(cost.dollars, 3)
    (10.0, 0.75, 1.075)
    """
    job = job or Job()
    frames, clips = video_hours * 3600 * job.rate_hz, video_hours * job.clips_per_hour
    extract_hours = frames * len(job.views) / rates.frames_per_s / 3600
    train_hours = clips * job.epochs * job.num_models / rates.clips_per_s / 3600
    machine_hours = extract_hours + train_hours
    return Cost(
        video_hours=video_hours,
        frames=frames,
        clips=clips,
        store_bytes=frames * bytes_per_frame(job.views, rates.dim),
        extract_machine_hours=extract_hours,
        train_machine_hours=train_hours,
        core_hours=machine_hours * rates.cores,
        gpu_hours=machine_hours * rates.gpus,
        dollars=None if dollars_per_machine_hour is None else machine_hours * dollars_per_machine_hour,
    )


def bytes_per_frame(views: tuple[View, ...], dim: int) -> int:
    """What a frame takes in a store of features: its time, its features in float16, and where the hands were.

    >>> bytes_per_frame(("full", "hand"), 512)
    2073
    """
    return sum(row_bytes(dtype, shape) for dtype, shape in layout_of(views, np.dtype("<f2"), dim).values())


def plan_document(rates: Rates, job: Job, costs: list[Cost]) -> dict[str, object]:
    """Rates, job and costs as one JSON object."""
    return {"rates": asdict(rates), "job": asdict(job), "costs": [asdict(cost) for cost in costs]}

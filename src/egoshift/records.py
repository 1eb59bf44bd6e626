"""The nouns that travel between rooms: vocabularies, data sets of clips, scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import polars as pl
from torch import Tensor

from egoshift.errors import Fault

Label = Literal["verb", "noun", "action"]
"""A kind of label. An action is a (verb, noun) pair."""

LABELS: tuple[Label, ...] = get_args(Label)

Split = Literal["train", "val", "test", "unlabelled"]
"""The data set's own split. Where ``test`` is not annotated (EPIC-KITCHENS-100, Ego4D), ``val`` is reported on.
``unlabelled`` clips have no class; they are for training without labels."""

SensorLayout = Literal["av", "ego4d", "epic", "gopro", "wear", "aria", "classyglass"]
"""How a sensor's file is laid out, by what reads it: a video or sound file (FFmpeg), Ego4D's inertial table,
EPIC-KITCHENS' two, a GoPro's telemetry as tables, WEAR's table, a Project Aria recording, ClassyGlass's archive."""

CLIP_SCHEMA = pl.Schema(
    {
        "clip_id": pl.String,  # unique in the data set; the data set's own id where it has one
        "video_id": pl.String,  # a key of Dataset.videos
        "start_s": pl.Float64,  # seconds from the first frame shown of the video
        "stop_s": pl.Float64,  # > start_s
        "split": pl.String,  # a Split
        "verb": pl.Int64,  # index into the verb vocabulary; null where not annotated
        "noun": pl.Int64,
        "action": pl.Int64,
        "file": pl.String,  # the annotation file the row came from
        "row": pl.Int64,  # its line there as an editor counts; null where the format has no lines
    }
)
"""The columns of every table of clips, whatever data set it came from."""


@dataclass(frozen=True)
class Vocabulary:
    """The classes of one kind of label; a class's index is its position.

    Attributes:
        label: Which kind of label.
        names: Cleaned class names, as shown to a text encoder; unique.
        synonyms: Per class, further names that mean the same; empty where the data set gives none.
    """

    label: Label
    names: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class SensorFile:
    """Where that lies what one sensor recorded.

    Attributes:
        path: The file; for ``epic`` the folder of the tables; for ``gopro`` a table, or the folder of one recording's.
        layout: How to read it.
        part: Which part of it, where it holds several sensors (``"imu-left"`` of an Aria recording) or several
            recordings (``"12"``, the entry of an archive; ``"P01_101"`` in a folder of EPIC-KITCHENS' tables); empty
            where all of it is meant.
        begin_s: Where the recording begins in the file, in seconds of the file: other than 0 where the recording was
            cut from a longer one that the file is about.
    """

    path: Path
    layout: SensorLayout
    part: str = ""
    begin_s: float = 0.0

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold it: one, or several tables; either of EPIC-KITCHENS' two may lack.

        Examples:
            >>> [path.name for path in SensorFile(Path("P01/meta_data"), "epic", "P01_101").files]
            ['P01_101-accl.csv', 'P01_101-gyro.csv']
        """
        if self.layout == "epic":
            return tuple(self.path / f"{self.part}-{kind}.csv" for kind in ("accl", "gyro"))
        if self.layout == "gopro" and self.path.is_dir():
            return tuple(sorted(self.path.glob("*.csv")))
        return (self.path,)


@dataclass(frozen=True)
class Dataset:
    """A data set as read from its annotation files: clips, vocabularies and where the videos are.

    Attributes:
        name: What to call it in tables, such as ``"epic-kitchens-100"``.
        clips: The usable clips, columns ``CLIP_SCHEMA``, in the order of the annotation files.
        vocabularies: One per kind of label that the data set annotates.
        videos: Where each ``video_id`` used by a clip lies: a video file or a folder of numbered frames. An id
            whose media was not found is absent here and named in ``faults``.
        frame_rates_hz: For videos whose annotations or frames need it (numbered frames carry no times).
        faults: Every row or file that was left out and why.
        num_annotated: Clips in the annotation files, left out or not; none where nobody counted.
        sensors: For data sets of several sensors: by ``video_id``, then by the sensor's name (``"video"``, ``"audio"``,
            ``"imu"``, ...), where it lies. What did not record is absent; a recording need not have a video.
        novel_classes: The classes that are for few-shot tests and that nothing is trained on, where the data set says
            so; all others are base classes.
    """

    name: str
    clips: pl.DataFrame
    vocabularies: Mapping[Label, Vocabulary]
    videos: Mapping[str, Path]
    frame_rates_hz: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    num_annotated: int | None = None
    sensors: Mapping[str, Mapping[str, SensorFile]] = field(default_factory=dict)
    novel_classes: Mapping[Label, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Scores:
    """What a classifier said about n clips, for one kind of label.

    Attributes:
        label: The kind of label.
        logits: ``(n, classes)`` float32.
        targets: ``(n,)`` int64 class indices, all valid.
        groups: The video each clip came from, length n; intervals are taken over these.
        names: Class names, length ``classes``.
    """

    label: Label
    logits: Tensor
    targets: Tensor
    groups: tuple[str, ...]
    names: tuple[str, ...]

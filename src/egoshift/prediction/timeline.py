"""What was recognised in a recording: per kind of label a track of segments, and the numbers behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from pydantic import BaseModel, ConfigDict, Field

from egoshift.records import Label

BACKGROUND = ""
"""The name of a segment in which no class is sure enough."""


class Guess(BaseModel):
    """A class and how sure the model is of it.

    Attributes:
        name: The class.
        confidence: Its probability, 0 to 1; by the model's fitted temperature where it has one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    confidence: float = Field(ge=0, le=1)


class Segment(BaseModel):
    """A stretch of the recording in which one class leads, or none.

    Attributes:
        start_s: Where it begins, in seconds from the first frame shown.
        stop_s: Where it ends.
        name: The class that leads; ``BACKGROUND`` where none is as sure as the threshold.
        guesses: The most likely classes over the segment, the best first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_s: float
    stop_s: float
    name: str
    guesses: tuple[Guess, ...] = Field(min_length=1)

    @property
    def is_background(self) -> bool:
        """Whether no class was sure enough."""
        return self.name == BACKGROUND

    @property
    def confidence(self) -> float:
        """Of the class that leads; of the likeliest one where none is sure enough."""
        return self.guesses[0].confidence


class Timeline(BaseModel):
    """All that was recognised in one recording; what files of any format are written from.

    Attributes:
        video: The recording, as it was given.
        duration_s: How long it is.
        covered_s: How much of its beginning was looked at; less than ``duration_s`` where it is partial.
        model: Which model.
        classes: Per kind of label the classes chosen among.
        tracks: Per kind of label the segments, one after another, without gaps but where nothing could be read.
        sensors: Per stream of the model, whether it was used, and if not, why.
        calibrated: Per kind of label, whether confidences are by a temperature fitted on held-out source videos.
        window_s: How much of the recording one answer is about.
        stride_s: How far apart answers are.
        threshold: Below which confidence a segment is background.
        partial: Whether something is missing: the rest after an interruption, or a stretch that cannot be decoded.
        notices: What a person should know, one line each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["egoshift-timeline"] = "egoshift-timeline"
    schema_version: Literal[1] = 1
    video: str
    duration_s: float
    covered_s: float
    model: str
    classes: dict[Label, tuple[str, ...]]
    tracks: dict[Label, tuple[Segment, ...]]
    sensors: dict[str, str] = Field(default_factory=dict)
    calibrated: dict[Label, bool] = Field(default_factory=dict)
    window_s: float
    stride_s: float
    threshold: float = 0.0
    partial: bool = False
    notices: tuple[str, ...] = ()

    @property
    def leading(self) -> Label:
        """The track that says most: actions, else nouns, else verbs."""
        order: tuple[Label, ...] = ("action", "noun", "verb")
        return next(label for label in order if label in self.tracks)


@dataclass(frozen=True)
class Evidence:
    """The numbers behind a timeline.

    Attributes:
        times_s: The middle of each step of the timeline.
        probabilities: Per kind of label, ``(steps, classes)``; NaN where a step could not be read.
        hand_times_s: When the hand crops were looked at; empty without a hand view.
        hand_boxes: Left, top, right, bottom of each, as shares of the frame.
        hand_origins: Where each came from, an index into ``egoshift.media.ORIGINS``.
    """

    times_s: Float64[np.ndarray, " steps"]
    probabilities: Mapping[Label, Float32[np.ndarray, "steps _"]]
    hand_times_s: Float64[np.ndarray, " crops"] = field(default_factory=lambda: np.zeros(0))
    hand_boxes: Float32[np.ndarray, "crops 4"] = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    hand_origins: UInt8[np.ndarray, " crops"] = field(default_factory=lambda: np.zeros(0, np.uint8))


@dataclass(frozen=True)
class Prediction:
    """A timeline with the numbers behind it.

    Attributes:
        path: The recording.
        timeline: What was recognised.
        evidence: From what.
        interrupted: Whether the recording was not looked at to its end, because somebody wanted it so.
    """

    path: Path
    timeline: Timeline
    evidence: Evidence
    interrupted: bool = False

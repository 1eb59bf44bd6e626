"""What a timeline shall be about: classes, windows, threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from egoshift.errors import ConfigError
from egoshift.prediction.words import Pairs
from egoshift.records import Label

STRIDES_A_WINDOW, SMOOTHING_SHARE = 6, 2 / 3
"""How many answers there are to a window's length, and over which share of it they are averaged, unless asked for
otherwise: of four windows and four widths the best on *kitchen*'s training videos (``benchmarks/timeline.py``)."""


@dataclass(frozen=True)
class Asked:
    """What a timeline shall be about.

    Attributes:
        verbs: The verbs to choose among; none takes the model's own.
        nouns: The nouns.
        actions: Pairs of verb and noun that occur; none allows every pair. Of a model of actions, their names
            ``"verb noun"`` are what it chooses among.
        synonyms: Further names, cleaned, and the class that each means.
        window_s: How much of the recording one answer is about; none takes three quarters of a training clip.
        stride_s: How far apart answers are; none takes a sixth of a window.
        smoothing_s: Over how much answers are averaged; none takes two thirds of a window, 0 does not.
        threshold: Below which confidence a segment is background.
        top_k: How many classes a segment names.
        segments: Stretches to judge instead of windows, in seconds.
    """

    verbs: Sequence[str] | None = None
    nouns: Sequence[str] | None = None
    actions: Pairs | None = None
    synonyms: Mapping[str, str] = field(default_factory=dict)
    window_s: float | None = None
    stride_s: float | None = None
    smoothing_s: float | None = None
    threshold: float = 0.0
    top_k: int = 5
    segments: Sequence[tuple[float, float]] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.verbs, str) or isinstance(self.nouns, str):
            raise ConfigError("verbs and nouns are lists of names, such as ['cup', 'knife']; a string was given")
        for name in ("window_s", "stride_s"):
            value = getattr(self, name)
            if value is not None and not 0.05 <= value <= 3600:
                raise ConfigError(f"{name} is {value:g}; give 0.05 to 3600 seconds")
        if self.smoothing_s is not None and not 0 <= self.smoothing_s <= 3600:
            raise ConfigError(f"smoothing_s is {self.smoothing_s:g}; give 0 to 3600 seconds")
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"threshold is {self.threshold:g}; a confidence is from 0 to 1")
        if self.top_k < 1:
            raise ConfigError(f"top_k is {self.top_k}; give 1 or more")
        for start_s, stop_s in self.segments or ():
            if not 0 <= start_s < stop_s:
                raise ConfigError(f"a segment lasts from {start_s:g} to {stop_s:g} s; give a start before its stop")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Asked":
        """From fields by name.

        Raises:
            ConfigError: There is no such field; names the nearest one.
        """
        known = [each.name for each in fields(cls)]
        for name in values:
            if name not in known:
                close = get_close_matches(name, known, n=1) or known
                raise ConfigError(f"predict has no option {name!r}; did you mean {close[0]!r}?")
        return cls(**values)

    def smoothing_steps(self, window_s: float, stride_s: float) -> int:
        """Over how many steps answers are averaged: an odd number, at least 1."""
        over_s = SMOOTHING_SHARE * window_s if self.smoothing_s is None else self.smoothing_s
        return 2 * max(0, round((over_s / stride_s - 1) / 2)) + 1

    def names(self, labels: Sequence[Label], predictor: str) -> dict[Label, Sequence[str]]:
        """The classes that are asked for, by kind of label.

        Args:
            labels: What the predictor answers.
            predictor: Its name.

        Raises:
            ConfigError: Classes of a kind that it does not answer.
        """
        asked: dict[Label, Sequence[str] | None] = {"verb": self.verbs, "noun": self.nouns}
        given = {label: names for label, names in asked.items() if names is not None}
        if self.actions is not None and "action" in labels:
            given["action"] = [f"{verb} {noun}" for verb, noun in self.actions]
        answered = " and ".join(labels)
        for label in given:
            if label not in labels:
                raise ConfigError(
                    f"{predictor} answers {answered}, not {label}; leave the {label}s out, or take a model that was "
                    "trained for them"
                )
        if self.actions is not None and "action" not in labels and not {"verb", "noun"} <= set(labels):
            raise ConfigError(f"{predictor} answers {answered}; actions need a verb and a noun")
        return given

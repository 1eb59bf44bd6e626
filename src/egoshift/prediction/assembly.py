"""Probabilities become a timeline: which classes were chosen among, actions, segments, and what is missing."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from egoshift.errors import ConfigError, DataError, Fault
from egoshift.prediction.asked import Asked
from egoshift.prediction.features import Features
from egoshift.prediction.recording import Recording
from egoshift.prediction.segments import Probabilities, Spans, actions_of, track_of
from egoshift.prediction.timeline import Evidence, Prediction, Timeline
from egoshift.prediction.words import Words, indices_of
from egoshift.records import Label
from egoshift.training import TrainedModel


@dataclass(frozen=True)
class Judged:
    """What a model says of a recording, step by step.

    Attributes:
        steps: From when to when each step lasts.
        given: Per kind of label, ``(steps, classes)``; NaN where a step could not be read.
        names: Per kind of label, the classes.
        window_s: How much of the recording one answer is about.
        stride_s: How far apart answers are.
    """

    steps: Spans
    given: Mapping[Label, Probabilities]
    names: Mapping[Label, tuple[str, ...]]
    window_s: float
    stride_s: float

    def with_actions(self, asked: Asked) -> "Judged":
        """With actions, where these follow from verbs and nouns."""
        if "action" in self.given or not {"verb", "noun"} <= self.given.keys():
            return self
        verbs, nouns = self.names["verb"], self.names["noun"]
        valid = None if asked.actions is None else indices_of(asked.actions, verbs, nouns)
        pairs, joint = actions_of(self.given["verb"], self.given["noun"], valid, asked.top_k)
        actions = tuple(f"{verbs[verb]} {nouns[noun]}" for verb, noun in pairs.tolist())
        given, names = {**self.given, "action": joint}, {**self.names, "action": actions}
        return Judged(self.steps, given, names, self.window_s, self.stride_s)


def assemble(features: Features, asked: Asked, judged: Judged, *, model: str, calibrated: Set[Label]) -> Prediction:
    """A timeline with the numbers behind it.

    Args:
        features: Of the recording.
        asked: What the timeline shall be about.
        judged: What the model says.
        model: Its name.
        calibrated: The kinds of label with a fitted temperature.
    """
    recording, steps = features.recording, judged.steps
    read = np.all([np.isfinite(values).all(1) for values in judged.given.values()], 0)
    judged = judged.with_actions(asked)
    timeline = Timeline(
        video=str(recording.path),
        duration_s=round(recording.duration_s, 6),
        covered_s=round(float(steps[read, 1].max()) if read.any() else 0.0, 6),
        model=model,
        classes=dict(judged.names),
        tracks={
            label: track_of(
                steps,
                values,
                judged.names[label],
                threshold=asked.threshold,
                top_k=asked.top_k,
                merge=asked.segments is None,
            )
            for label, values in judged.given.items()
        },
        sensors=dict(features.state),
        calibrated={
            label: calibrated >= {label} or (label == "action" and calibrated >= {"verb", "noun"})
            for label in judged.given
        },
        window_s=judged.window_s,
        stride_s=judged.stride_s,
        threshold=asked.threshold,
        partial=not bool(read.all()) or features.stopped,
        notices=(*features.notices, *_gaps(steps, read, features.stopped)),
    )
    evidence = Evidence(steps.mean(1), judged.given, *features.crops())
    return Prediction(recording.path, timeline, evidence, interrupted=features.stopped)


def chosen_words(
    predictor: str, label: Label, model: TrainedModel, given: Sequence[str] | None, synonyms: Mapping[str, str]
) -> Words:
    """The classes to choose among: those given, or the model's own.

    Args:
        predictor: Its name, for errors.
        label: The kind of label.
        model: What answers it.
        given: The classes; none takes the model's own.
        synonyms: Further names of classes, for models that compare with class text.

    Raises:
        ConfigError: There are none, or the model's are fixed and are others.
    """
    own = model.text[label].names
    if given is None and not own:
        raise ConfigError(f"{predictor} was trained without the names of its {label}s; give them")
    if given is None or model.text_encoder:
        return Words.of(own if given is None else given, synonyms if model.text_encoder else {})
    known = {name.lower(): name for name in own}
    if strange := [name for name in given if name.lower() not in known]:
        raise ConfigError(
            f"{predictor} has a fixed list of {len(known)} {label}s without {strange[0]!r}; choose among those, or "
            "take a model that compares with class text"
        )
    return Words.of([known[name.lower()] for name in given])


def spans_within(segments: Sequence[tuple[float, float]], recording: Recording) -> Spans:
    """Segments as spans, in the order given.

    Raises:
        DataError: One ends after the recording, by more than a few frames; names each.
        ConfigError: There is none.
    """
    faults = [
        Fault(
            "past-the-end",
            recording.path,
            f"segment {start_s:g} to {stop_s:g} s ends after the recording ({recording.duration_s:.3f} s)",
            "correct it",
        )
        for start_s, stop_s in segments
        if stop_s > recording.duration_s + 0.1
    ]
    if faults:
        raise DataError(faults)
    spans = np.array(segments, dtype=np.float64).reshape(-1, 2)
    if not len(spans):
        raise ConfigError("no segment is given; give at least one, or leave segments out to look at all of it")
    return np.minimum(spans, recording.duration_s)


def _gaps(steps: Spans, read: Bool[np.ndarray, " steps"], stopped: bool) -> list[str]:
    """A line for what is missing."""
    if read.all():
        return []
    lost_s = float((steps[~read, 1] - steps[~read, 0]).sum())
    why = "it was interrupted; the same command goes on from there" if stopped else "it could not be read"
    return [f"{lost_s:.1f} s of the recording are missing: {why}"]

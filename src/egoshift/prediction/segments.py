"""From windows to segments: which windows are asked, how answers are smoothed, joined to actions and merged."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int

from egoshift.prediction.timeline import BACKGROUND, Guess, Segment

MOST_ACTIONS = 2000
"""Pairs of verb and noun that are looked at together where no list of valid ones is given."""

CELLS_AT_ONCE = 2**20
"""Steps times classes that are smoothed together: 8 MiB of each sum."""

Spans = Float64[np.ndarray, "steps 2"]
Probabilities = Float32[np.ndarray, "steps classes"]


def steps_of(duration_s: float, stride_s: float) -> Spans:
    """A recording cut into steps of equal length, the last as long as what is left of it, but no sliver.

    >>> steps_of(2.6, 1.0).tolist()
    [[0.0, 1.0], [1.0, 2.0], [2.0, 2.6]]
    """
    number = max(1, round(duration_s / stride_s + 0.4))  # what is left counts from a tenth of a step on
    edges = np.append(np.arange(number) * stride_s, duration_s)
    return np.stack([edges[:-1], edges[1:]], 1)


def windows_of(steps: Spans, window_s: float, duration_s: float) -> Spans:
    """The window that each step is judged by: so long, around its middle, within the recording."""
    middle = steps.mean(1)
    starts = np.clip(middle - window_s / 2, 0.0, max(0.0, duration_s - window_s))
    return np.stack([starts, np.minimum(starts + window_s, duration_s)], 1)


def smoothed(probabilities: Probabilities, num_steps: int) -> Probabilities:
    """The mean over so many neighbouring steps, as many before as after; of those that could be read.

    A step that could not be read stays NaN, so that a gap is not papered over.

    Args:
        probabilities: Per step and class; NaN where a step could not be read.
        num_steps: Odd; 1 changes nothing.
    """
    half = num_steps // 2
    if half == 0:
        return probabilities
    there = np.isfinite(probabilities).all(1)
    counts = np.concatenate([[0], np.cumsum(there)])
    first = np.maximum(np.arange(len(there)) - half, 0)
    stop = np.minimum(np.arange(len(there)) + half + 1, len(there))
    values = np.full_like(probabilities, np.nan)
    # Some classes at a time, since the sums are float64 and there are several of them.
    step = max(1, CELLS_AT_ONCE // max(1, len(there)))
    for start in range(0, probabilities.shape[1], step):
        part = probabilities[:, start : start + step]
        sums = np.cumsum(np.vstack([np.zeros((1, part.shape[1])), np.where(there[:, None], part, 0)]), 0)
        means = (sums[stop] - sums[first]) / np.maximum(counts[stop] - counts[first], 1)[:, None]
        # Differences of long sums may leave a last bit outside of what a probability can be.
        values[there, start : start + step] = np.clip(means, 0, 1)[there]
    return values


def actions_of(
    verbs: Float32[np.ndarray, "steps verbs"],
    nouns: Float32[np.ndarray, "steps nouns"],
    valid: Sequence[tuple[int, int]] | None,
    top_k: int,
) -> tuple[Int[np.ndarray, "actions 2"], Float32[np.ndarray, "steps actions"]]:
    """Actions as pairs of a verb and a noun, and their joint probabilities, taking the two as independent.

    Args:
        verbs: Probabilities of the verbs.
        nouns: Probabilities of the nouns.
        valid: The pairs that occur; probabilities are then shared out among these. None allows all pairs: those of the
            ``top_k`` best verbs and nouns of any step are given, the ``MOST_ACTIONS`` likeliest of them.
        top_k: As above.

    Returns:
        The pairs as indices, and per step the probability of each.
    """
    if valid is not None:
        pairs = np.array(sorted(set(valid)), dtype=np.int64).reshape(-1, 2)
        joint = verbs[:, pairs[:, 0]] * nouns[:, pairs[:, 1]]
        total = joint.sum(1, keepdims=True)
        return pairs, np.where(total > 0, joint / np.where(total > 0, total, 1), joint).astype(np.float32)
    read = np.isfinite(verbs).all(1) & np.isfinite(nouns).all(1)
    best = [np.argsort(-given[read], 1, kind="stable")[:, :top_k] for given in (verbs, nouns)]
    shape = (len(best[0]), best[0].shape[1], best[1].shape[1])
    found = np.stack([np.broadcast_to(best[0][:, :, None], shape), np.broadcast_to(best[1][:, None, :], shape)], -1)
    pairs = np.unique(found.reshape(-1, 2), axis=0)
    if len(pairs) > MOST_ACTIONS:
        highest = [np.nanmax(verbs[:, verb] * nouns[:, noun]) if read.any() else 0.0 for verb, noun in pairs.tolist()]
        pairs = pairs[np.sort(np.argsort(-np.array(highest), kind="stable")[:MOST_ACTIONS])]
    return pairs, (verbs[:, pairs[:, 0]] * nouns[:, pairs[:, 1]]).astype(np.float32)


def track_of(
    steps: Spans,
    probabilities: Probabilities,
    names: Sequence[str],
    *,
    threshold: float = 0.0,
    top_k: int = 5,
    merge: bool = True,
) -> tuple[Segment, ...]:
    """Segments in each of which one class leads, or none is sure enough.

    Args:
        steps: From when to when each step lasts.
        probabilities: Per step and class; steps of NaN give no segment.
        names: Of the classes.
        threshold: Below which confidence a segment is background; neighbours that both are become one. Judged before
            merging, single steps would cut good segments into pieces.
        top_k: How many classes a segment names.
        merge: Whether neighbours in which the same class leads become one; their probabilities are averaged.
    """
    read: Bool[np.ndarray, " steps"] = np.isfinite(probabilities).all(1) if len(names) else np.zeros(len(steps), bool)
    if not read.any():
        return ()
    values = probabilities.astype(np.float64)
    lengths_s, leads = np.diff(steps, axis=1)[:, 0], np.nan_to_num(values).argmax(1)
    joins = read[1:] & read[:-1] & np.isclose(steps[1:, 0], steps[:-1, 1]) & merge
    for run in _runs(leads, read, joins):
        if np.average(values[run], axis=0, weights=lengths_s[run]).max() < threshold:
            leads[run] = -1
    segments = []
    for run in _runs(leads, read, joins):
        lead, means = int(leads[run.start]), np.average(values[run], axis=0, weights=lengths_s[run])
        segments.append(
            Segment(
                start_s=round(float(steps[run.start, 0]), 6),
                stop_s=round(float(steps[run.stop - 1, 1]), 6),
                name=BACKGROUND if lead < 0 else names[lead],
                guesses=_best(means, names, top_k, lead),
            )
        )
    return tuple(segments)


def _runs(
    leads: Int[np.ndarray, " steps"], read: Bool[np.ndarray, " steps"], joins: Bool[np.ndarray, " borders"]
) -> list[slice]:
    """Neighbouring steps in which the same class leads, as slices; steps that could not be read are in none."""
    follows = (leads[1:] == leads[:-1]) & joins
    first = np.flatnonzero(np.concatenate([[True], ~follows]) & read)
    stops = np.flatnonzero(np.concatenate([~follows, [True]]) & read) + 1
    return [slice(start, stop) for start, stop in zip(first.tolist(), stops.tolist(), strict=True)]


def _best(means: Float[np.ndarray, " classes"], names: Sequence[str], top_k: int, leads: int) -> tuple[Guess, ...]:
    """The likeliest classes; of equally likely ones the one that leads, then the first."""
    order = np.argsort(-means, kind="stable")[:top_k].tolist()
    if leads >= 0 and order[0] != leads:
        order = [leads, *(index for index in order if index != leads)][:top_k]
    return tuple(Guess(name=names[index], confidence=min(1.0, max(0.0, float(means[index])))) for index in order)

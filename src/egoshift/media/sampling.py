"""Which times of a video to look at: bins of clips, a fixed grid, and the union over overlapping clips.

All functions are vectorised over clips and know nothing of files; times are seconds from the first frame shown.
"""

import numpy as np
import torch
from jaxtyping import Float64
from numpy.typing import ArrayLike


def bin_centres(start_s: ArrayLike, stop_s: ArrayLike, num_frames: int) -> Float64[np.ndarray, "*clips num_frames"]:
    """The centres of ``num_frames`` equal bins of each clip.

    Args:
        start_s: Start of the clip, or of each clip.
        stop_s: Its end; not before the start.
        num_frames: How many bins to cut each clip into.

    Returns:
        Ascending times: ``(num_frames,)`` for one clip, ``(clips, num_frames)`` for an array of clips.

    Examples:
        >>> bin_centres(0.0, 4.0, 4).tolist()
        [0.5, 1.5, 2.5, 3.5]
    """
    return _in_bins(start_s, stop_s, np.full(num_frames, 0.5))


def random_in_bins(
    start_s: ArrayLike, stop_s: ArrayLike, num_frames: int, generator: torch.Generator
) -> Float64[np.ndarray, "*clips num_frames"]:
    """One uniformly random time in each of ``num_frames`` equal bins of each clip, drawn independently.

    Args:
        start_s: Start of the clip, or of each clip.
        stop_s: Its end; not before the start.
        num_frames: How many bins to cut each clip into.
        generator: Where the randomness comes from.

    Returns:
        Ascending times: ``(num_frames,)`` for one clip, ``(clips, num_frames)`` for an array of clips.
    """
    shape = (*np.shape(start_s), num_frames)
    return _in_bins(start_s, stop_s, torch.rand(shape, dtype=torch.float64, generator=generator).numpy())


def grid_times(starts_s: ArrayLike, stops_s: ArrayLike, rate_hz: float) -> Float64[np.ndarray, " times"]:
    """The times ``k / rate_hz`` that fall into any of the clips, each once.

    A clip shorter than the grid's step may contain none; it gets the grid time nearest its centre that does not lie
    after its end (so that a clip at the very end of a video asks for no frame past it).

    Args:
        starts_s: Start of each clip.
        stops_s: End of each clip; grid times from the start up to, not including, the end are taken.
        rate_hz: Grid times per second; positive.

    Returns:
        Ascending, distinct times.

    Examples:
        >>> grid_times([0.0, 0.5], [1.0, 1.5], rate_hz=2.0).tolist()
        [0.0, 0.5, 1.0]
    """
    starts, stops = np.atleast_1d(np.asarray(starts_s, np.float64)), np.atleast_1d(np.asarray(stops_s, np.float64))
    assert rate_hz > 0, "a grid has a positive rate"
    assert bool(np.all(starts <= stops)), "a clip ends no earlier than it starts"
    slack = 1e-6  # of a step: 0.7 * 10 is a little more than 7 in floating point, and still grid time 7
    first = np.ceil(starts * rate_hz - slack).astype(np.int64)
    stop = np.ceil(stops * rate_hz - slack).astype(np.int64)
    nearest = np.minimum(np.rint((starts + stops) * (rate_hz / 2)), np.floor(stops * rate_hz + slack)).astype(np.int64)
    lonely = stop <= first
    first, stop = np.where(lonely, nearest, first), np.where(lonely, nearest + 1, stop)
    counts = stop - first
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.unique(np.repeat(first, counts) + offsets) / rate_hz


def exact_times(starts_s: ArrayLike, stops_s: ArrayLike, num_frames: int) -> Float64[np.ndarray, " times"]:
    """The bin centres of all clips, sorted, each distinct time once.

    Args:
        starts_s: Start of each clip.
        stops_s: End of each clip; not before the start.
        num_frames: How many bins to cut each clip into.

    Returns:
        Ascending, distinct times; every element of ``bin_centres`` is found among them exactly.
    """
    return np.unique(bin_centres(starts_s, stops_s, num_frames))


def _in_bins(
    start_s: ArrayLike, stop_s: ArrayLike, position: Float64[np.ndarray, "..."]
) -> Float64[np.ndarray, "*clips num_frames"]:
    start, stop = np.asarray(start_s, np.float64)[..., None], np.asarray(stop_s, np.float64)[..., None]
    assert bool(np.all(start <= stop)), "a clip ends no earlier than it starts"
    num_frames = position.shape[-1]
    times: Float64[np.ndarray, "*clips num_frames"] = start + (np.arange(num_frames) + position) * (
        (stop - start) / num_frames
    )
    return times

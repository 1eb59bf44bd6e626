"""From a fast sensor to a slower grid, without what the grid cannot hold folding back into it.

The readings are first brought onto a fine uniform grid, ``OVERSAMPLING`` times as fine as they are dense, and then
averaged with a windowed sinc (Kaiser's window, see Oppenheim and Schafer, *Discrete-Time Signal Processing*, section
on FIR design by windowing) around each time of the grid. In shares of the grid's Nyquist frequency:

* pass band: up to 0.8 (80 Hz on a grid of 200 Hz), where the filter's own gain is within 0.006 dB of 1;
* half height (-6 dB) at 0.9;
* stop band: from 1.0, at least 64 dB down.

With the interpolation onto the fine grid, measured with sines on a grid of 200 Hz:

* up to 80 Hz, they keep their height within 0.02 dB in 800 readings a second and more, within 0.25 dB in 400;
* above 100 Hz, they are 64 dB down and more on an even clock. On a clock whose steps are off by up to a tenth, those
  up to a quarter of the sensor's rate are 40 dB down, those at the very end of what it can hold only 19 dB.
"""

import math

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from egoshift.media.inertial.interpolation import interpolate

CUTOFF = 0.9
"""Where the filter is at half height, as a share of the grid's Nyquist frequency."""

HALF_WIDTH = 20
"""How many steps of the grid the filter looks to either side."""

KAISER_BETA = 6.2
"""The shape of Kaiser's window."""

OVERSAMPLING = 4
"""Points of the fine grid for each reading, at least."""

_BLOCK = 4096  # times filtered at once; memory grows with it
_MARGIN = 3  # readings beyond those between which a time lies, that the curve there depends on, and one to spare


def taps(factor: int) -> Float64[Tensor, " taps"]:
    """The filter on a grid ``factor`` times as fine as the one wanted: symmetric, and its sum is 1.

    Args:
        factor: How many times as fine; at least 1.
    """
    reach = HALF_WIDTH * factor
    steps = torch.arange(-reach, reach + 1, dtype=torch.float64) / factor
    window = torch.kaiser_window(2 * reach + 1, periodic=False, beta=KAISER_BETA, dtype=torch.float64)
    weights = torch.sinc(CUTOFF * steps) * window
    return weights / weights.sum()


def filtered(
    times_s: Float64[np.ndarray, " readings"],
    values: Float64[np.ndarray, "readings axes"],
    first: int,
    stop: int,
    *,
    rate_hz: float,
    source_hz: float,
) -> Float64[np.ndarray, "times axes"]:
    """The readings at the grid times ``first / rate_hz`` up to, not including, ``stop / rate_hz``, low-passed.

    Before the first and after the last reading, that one's value goes on: a constant stays one up to the edges.

    Args:
        times_s: Strictly ascending and without gaps.
        values: The readings.
        first: The first point of the grid.
        stop: The one after the last.
        rate_hz: Points of the grid a second.
        source_hz: Readings a second.
    """
    factor = max(1, math.ceil(OVERSAMPLING * source_hz / rate_hz))
    weights = taps(factor)
    reach = HALF_WIDTH * factor
    blocks = [np.empty((0, values.shape[1]))]
    for start in range(first, stop, _BLOCK):
        end = min(start + _BLOCK, stop)
        fine_s = np.arange(start * factor - reach, (end - 1) * factor + reach + 1) / (factor * rate_hz)
        left, right = np.searchsorted(times_s, fine_s[[0, -1]])
        near = slice(max(0, min(left, len(times_s)) - _MARGIN), right + _MARGIN)
        fine = torch.from_numpy(interpolate(times_s[near], values[near], fine_s).T.copy())
        blocks.append(_strided(fine, weights, factor, end - start).T.numpy())
    return np.concatenate(blocks)


def _strided(
    fine: Float64[Tensor, "axes points"], weights: Float64[Tensor, " taps"], factor: int, num_times: int
) -> Float64[Tensor, "axes times"]:
    """The weighted sums that begin at every ``factor``-th point.

    Rows of ``factor`` points are multiplied with rows of weights as matrices: row r + k of the points with row k of the
    weights counts towards sum r, which is a diagonal of the product. This copies nothing, unlike ``conv1d``.
    """
    num_rows = -(-len(weights) // factor)
    rows = num_times + num_rows - 1
    padded = torch.nn.functional.pad(fine, (0, rows * factor - fine.shape[1]))
    padded_weights = torch.nn.functional.pad(weights, (0, num_rows * factor - len(weights)))
    products = (padded.reshape(len(fine), rows, factor) @ padded_weights.reshape(num_rows, factor).T).contiguous()
    diagonals = products.as_strided((len(fine), num_times, num_rows), (rows * num_rows, num_rows, num_rows + 1))
    return diagonals.sum(dim=-1)

"""Log-mel filterbanks as Kaldi defines them, for whole batches.

Every 10 ms, 25 ms of sound are freed of their mean, preemphasised (y[t] = x[t] - 0.97 x[t - 1]), multiplied by a
symmetric Hann window, padded to 512 samples and transformed; the power spectrum is summed under triangles that stand at
equal distances on the mel scale 1127 ln(1 + f / 700) from 20 Hz to half the sample rate, and the natural logarithm is
taken, from 2**-23 up. No dither, no energy, and no frame that reaches beyond the sound (``snip_edges``): 10 s give 998
frames. The AST's own code first takes each sound's mean away, which changes nothing: every frame loses its own.

Two identities make it fast. A symmetric Hann window begins with zero, so the first sample of a frame, whose predecessor
Kaldi invents, never counts, and the whole sound can be preemphasised before it is cut into overlapping frames. The mean
m of a frame then weighs 0.03 m in each of its samples, and is subtracted where the window is multiplied.

Sources: Kaldi, feat/feature-window.cc, feature-fbank.cc and mel-computations.cc; its settings in the AST (Gong et al.,
2021, arXiv 2104.01778) and in ``ASTFeatureExtractor`` of ``transformers``.

Single precision comes within 1e-6 to 3e-5 of double precision in the mean and within 5e-3 at most for the sounds of the
tests (0.05 where a full-scale tone sweeps through silence). Where digits matter, give float64: two and a half times as
slow.

Deviations: Kaldi refuses 128 triangles at 16 kHz, because the fourth triangle holds no frequency of a spectrum of
512; here, as in ``transformers`` and torchaudio, it is kept and gives the logarithm's floor. Samples lie between -1 and
1, as both use them for the AST, not between -32768 and 32767.
"""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SAMPLES = 512
PREEMPHASIS = 0.97
LOWEST_HZ = 20.0
FLOOR = 2.0**-23

STEP_SAMPLES = 80
"""What both a frame and a hop are made of."""

CHUNK_FRAMES = 512
"""So many frames are transformed at once on a CPU: few enough to stay in its cache."""

CHUNK_FRAMES_ELSEWHERE = 2**16

NUM_BANDS = 4
"""Into so many groups the triangles are cut: a group needs only its stretch of the spectrum, a third of the work."""


def num_frames(num_samples: int) -> int:
    """How many frames fit into so many samples.

    Examples:
        >>> num_frames(160_000), num_frames(400), num_frames(399)
        (998, 1, 0)
    """
    return max(0, 1 + (num_samples - FRAME_SAMPLES) // HOP_SAMPLES)


def log_mel(
    waveforms: Float[Tensor, "batch samples"], *, num_bins: int = 128
) -> Float[Tensor, "batch frames {num_bins}"]:
    """Kaldi's log-mel filterbank of each waveform; see the head of this file. No gradient passes.

    Args:
        waveforms: Sound at 16,000 samples a second, from -1 to 1; float32, or float64 for more digits.
        num_bins: How many triangles.

    Returns:
        Natural logarithms, at least ln 2**-23 = -15.94, for ``num_frames(samples)`` frames; frame k spans the
        samples from 160 k up to 160 k + 400.
    """
    with torch.no_grad():
        batch, frames = len(waveforms), num_frames(waveforms.shape[1])
        output = waveforms.new_empty(batch, frames, num_bins)
        chunk = CHUNK_FRAMES if waveforms.device.type == "cpu" else CHUNK_FRAMES_ELSEWHERE
        rows = max(1, chunk // max(1, frames))
        bank = _FilterBank(num_bins, waveforms)
        for row in range(0, batch, rows):
            for first in range(0, frames, chunk):
                part = output[row : row + rows, first : first + chunk]
                begin = first * HOP_SAMPLES
                end = begin + (part.shape[1] - 1) * HOP_SAMPLES + FRAME_SAMPLES
                bank.apply(waveforms[row : row + rows, begin:end], part)
        return output


def frames_present(present: Bool[Tensor, "batch samples"]) -> Bool[Tensor, "batch frames"]:
    """Which frames were heard whole: those of whose 400 samples none is absent.

    Args:
        present: Which samples of each waveform were recorded.
    """
    batch, samples = present.shape
    frames = num_frames(samples)
    if not frames:
        return present.new_empty(batch, 0)
    return _by_frame(_by_step(present, frames).all(dim=2)).all(dim=2)


class _FilterBank:
    """The window and the triangles in the precision and place of some waveforms, with memory to work in."""

    def __init__(self, num_bins: int, like: Tensor):
        window, bands = _window(), _bands(num_bins)
        self._window = window[1:].to(like)  # its first value is zero
        self._bands = tuple((rows, columns, weights.to(like)) for rows, columns, weights in bands)
        self._windowed = like.new_zeros(0, FFT_SAMPLES)

    def apply(self, waveforms: Float[Tensor, "rows samples"], output: Float[Tensor, "rows frames bins"]) -> None:
        """Write the log-mel values of waveforms that end with their last frame."""
        rows, frames, bins = output.shape
        waveforms = waveforms - waveforms.mean(dim=1, keepdim=True)  # frames lose their means anyway: for the rounding
        sums = _by_frame(_by_step(waveforms, frames).sum(dim=2)).sum(dim=2)
        emphasised = torch.sub(waveforms[:, 1:], waveforms[:, :-1], alpha=PREEMPHASIS)
        framed = emphasised.unfold(1, FRAME_SAMPLES - 1, HOP_SAMPLES)
        if len(self._windowed) < rows * frames:
            self._windowed = waveforms.new_zeros(rows * frames, FFT_SAMPLES)
        windowed = self._windowed[: rows * frames]
        filled = windowed.view(rows, frames, FFT_SAMPLES)[:, :, : FRAME_SAMPLES - 1]
        torch.sub(framed, sums[:, :, None], alpha=(1 - PREEMPHASIS) / FRAME_SAMPLES, out=filled)
        filled *= self._window
        squares = torch.view_as_real(torch.fft.rfft(windowed)).square_()
        power = squares[..., 0] + squares[..., 1]
        energies = output.view(rows * frames, bins)
        for spectrum, triangles, weights in self._bands:
            torch.mm(power[:, spectrum], weights, out=energies[:, triangles])
        energies.clamp_(min=FLOOR).log_()


def _by_step(values: Shaped[Tensor, "rows samples"], frames: int) -> Shaped[Tensor, "rows steps step"]:
    """So many samples as the frames need, in the steps that both a frame and a hop are made of."""
    steps = ((frames - 1) * HOP_SAMPLES + FRAME_SAMPLES) // STEP_SAMPLES
    return values[:, : steps * STEP_SAMPLES].reshape(len(values), steps, STEP_SAMPLES)


def _by_frame(values: Shaped[Tensor, "rows steps"]) -> Shaped[Tensor, "rows frames steps_each"]:
    """The steps of each frame."""
    return values.unfold(1, FRAME_SAMPLES // STEP_SAMPLES, HOP_SAMPLES // STEP_SAMPLES)


@lru_cache(maxsize=1)
def _window() -> Tensor:
    return torch.hann_window(FRAME_SAMPLES, periodic=False, dtype=torch.float64)


@lru_cache(maxsize=8)
def _triangles(num_bins: int) -> Tensor:
    """The weight of each frequency of the spectrum in each triangle, ``(257, num_bins)`` float64."""
    half = FFT_SAMPLES // 2
    mels = _mel(np.arange(half + 1) * (SAMPLE_RATE_HZ / FFT_SAMPLES))
    lowest, highest = _mel(np.array([LOWEST_HZ, SAMPLE_RATE_HZ / 2]))
    corners = np.linspace(lowest, highest, num_bins + 2)
    rising = (mels[:, None] - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - mels[:, None]) / (corners[2:] - corners[1:-1])
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[half] = 0  # half the sample rate is the last triangle's foot; rounding must not lift it
    return torch.from_numpy(weights)


@lru_cache(maxsize=8)
def _bands(num_bins: int) -> tuple[tuple[slice, slice, Tensor], ...]:
    """The triangles in groups: which frequencies each group needs, which triangles it holds, and their weights."""
    weights = _triangles(num_bins)
    bands = []
    for group in torch.arange(num_bins).tensor_split(NUM_BANDS):
        columns = slice(int(group[0]), int(group[-1]) + 1)
        used = weights[:, columns].any(dim=1).nonzero()
        rows = slice(int(used[0]), int(used[-1]) + 1)
        bands.append((rows, columns, weights[rows, columns].contiguous()))
    return tuple(bands)


def _mel(hertz: np.ndarray) -> np.ndarray:
    mels: np.ndarray = 1127.0 * np.log1p(hertz / 700.0)
    return mels

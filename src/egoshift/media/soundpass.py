"""One decoding pass over a sound track: decoded, mixed, resampled and put in its place on the video's clock.

Samples are placed by counting, since containers round their stamps (Matroska to milliseconds), and by the stamps
wherever the two differ by more than ``JUMP_S``, where a packet was lost or the rate changes. What lies between such
stretches is absent; nothing is shifted to close a gap.

Output sample k is heard at k / rate seconds from the first frame shown, whatever part of the track is read: each
stretch is led in by as many zeros as put the resampler in step with that grid, and these are cut off again.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from jaxtyping import Float32

from egoshift.isolation import is_isolated
from egoshift.media.container import media_error
from egoshift.media.soundapart import ChildTrack
from egoshift.media.soundtrack import Piece, Track, open_sound

Samples = Float32[np.ndarray, " samples"]
Ready = Float32[np.ndarray, " ready"]

NOTHING: Samples = np.empty(0, np.float32)

JUMP_S = 0.01
"""Stamps may differ by so much from the samples counted: more than any container rounds, less than a frame's time."""

LEAD_IN_S = 0.5
"""So long before a wanted time decoding begins: longer than any codec or the resampler takes to settle."""

TAIL_S = 0.05
"""So many zeros push the last sample through the resampler; flushing it loses sounds shorter than its filter."""

BLOCK_S = 0.25
"""So much sound is resampled at once; decoders give too little at a time to be quick about it."""


class SoundBlock(NamedTuple):
    """Sound without a gap.

    Attributes:
        first: Where it begins: its sample k is heard (first + k) / rate seconds from the first frame shown.
        samples: From -1 to 1.
    """

    first: int
    samples: Samples


class SoundPass:
    """Reads a stretch of the sound of a file from beginning to end, a little at a time; made for one run.

    Args:
        path: A file with sound, with pictures or without.
        start_s: Where the stretch begins, in seconds from the first frame shown (from the first sample in a file
            without pictures); at least 0.
        stop_s: Where it ends; None for the end of the sound.
        sample_rate_hz: Samples a second of what is given.
        channel: Which channel to take, from 0; None for the mean of all, whatever their layout.
        opened: What opens the track; None for FFmpeg.

    Attributes:
        path: The file.
        sample_rate_hz: Samples a second of what is given.
        first: The first sample of the stretch.
        stop: The sample after its last; None for the end of the sound.
        num_corrupt: How many packets of the stretch read so far were damaged and left out.
        num_repeated: How many samples read so far were left out because there was sound at their time already.

    Raises:
        MediaError: The times are none.
    """

    def __init__(
        self,
        path: Path,
        start_s: float = 0.0,
        stop_s: float | None = None,
        *,
        sample_rate_hz: int = 16_000,
        channel: int | None = None,
        opened: Callable[[Path], Track] | None = None,
    ):
        assert sample_rate_hz > 0, "a sample rate is positive"
        assert channel is None or channel >= 0, "channels count from 0"
        if not (math.isfinite(start_s) and start_s >= 0 and (stop_s is None or start_s <= stop_s < math.inf)):
            message = f"sound was asked for from {start_s} to {stop_s} s"
            remedy = "give times of which the first is at least 0 and no later than the second"
            raise media_error("time-outside-sound", path, message, remedy)
        self.path, self.sample_rate_hz, self._channel, self._start_s = path, sample_rate_hz, channel, start_s
        self._opened = opened or _ffmpeg_track
        self.first = round(start_s * sample_rate_hz)
        self.stop = None if stop_s is None else self.first + round((stop_s - start_s) * sample_rate_hz)
        self.num_corrupt = self.num_repeated = 0
        self._position = self.first  # up to here everything is given or absent

    def blocks(self) -> Iterator[SoundBlock]:
        """The sound that is there, in order; what no block covers is absent.

        Raises:
            MediaError: There is no sound track, or nothing in it, or nothing that can be decoded; there is no such
                channel; or the file ends well before its header says, raised after everything before was given.
        """
        with self._opened(self.path) as track:
            for first, samples in self._resampled(track.pieces(self._start_s - LEAD_IN_S)):
                block = self._clipped(first, samples)
                if len(block.samples):
                    yield block
                if self.stop is not None and self._position >= self.stop:
                    return
            track.check_end()

    def _resampled(self, pieces: Iterator[Piece]) -> Iterator[tuple[int, Samples]]:
        """Samples of the wanted rate and where they begin, from before the stretch to after it, overlaps and all."""
        run: _Run | None = None
        end_s = 0.0
        for piece in pieces:
            if piece.samples is None:
                self._count_corrupt(piece)
            if run is not None and not run.goes_on_with(piece):
                yield run.ready(is_last=True)
                run = None
            if piece.samples is not None:
                begin_s = end_s if piece.begin_s is None else piece.begin_s
                run = run or _Run(round(begin_s * piece.rate_hz), piece.rate_hz, self.sample_rate_hz)
                run.push(self._mixed(piece.samples))
                end_s = run.end_s
                if run.is_full:
                    yield run.ready()
        if run is not None:
            yield run.ready(is_last=True)

    def _count_corrupt(self, piece: Piece) -> None:
        when_s = self._start_s if piece.begin_s is None else piece.begin_s
        self.num_corrupt += when_s >= self._start_s and (self.stop is None or when_s * self.sample_rate_hz < self.stop)

    def _mixed(self, samples: Float32[np.ndarray, "channels samples"]) -> Samples:
        if self._channel is None:
            total: Samples = samples[0].copy()
            for other in samples[1:]:  # several times as quick as a mean across such short rows
                total += other
            total /= len(samples)
            return total
        if self._channel >= len(samples):
            message = f"its sound has {len(samples)} channels, so there is no channel {self._channel}"
            remedy = f"give a channel from 0 to {len(samples) - 1}, or none for the mean of all"
            raise media_error("no-such-channel", self.path, message, remedy)
        chosen: Samples = samples[self._channel]
        return chosen

    def _clipped(self, first: int, samples: Samples) -> SoundBlock:
        """What of the samples is wanted and not given yet."""
        end = first + len(samples)
        self.num_repeated += max(0, min(end, self._position) - max(first, self.first))
        skip = max(0, self._position - first)
        wanted = samples[skip : None if self.stop is None else max(0, self.stop - first)]
        self._position = max(self._position, end)
        return SoundBlock(first + skip, wanted)


def _ffmpeg_track(path: Path) -> Track:
    if is_isolated() and not path.is_dir():
        return ChildTrack(path)
    track = open_sound(path)
    if track is None:
        remedy = "give the file that holds the sound, or leave the sound out"
        raise media_error("no-sound-track", path, "holds no sound", remedy)
    return track


class _Run:
    """Sound without a gap on its way through the resampler.

    Args:
        begin: Where it begins, in samples from the first frame shown.
        rate_hz: Samples a second.
        wanted_hz: Samples a second to give.
    """

    def __init__(self, begin: int, rate_hz: int, wanted_hz: int):
        self._rate_hz, self._wanted_hz = rate_hz, wanted_hz
        self._begin = self._end = begin
        lead_in = begin % (rate_hz // math.gcd(rate_hz, wanted_hz))
        self._next = (begin - lead_in) * wanted_hz // rate_hz  # a whole number: both grids meet here
        self._pending = [np.zeros(lead_in, np.float32)]
        self._num_pending = 0
        self._resampler = av.AudioResampler("flt", "mono", wanted_hz) if rate_hz != wanted_hz else None

    @property
    def end_s(self) -> float:
        """When the sound pushed so far ends."""
        return self._end / self._rate_hz

    def goes_on_with(self, piece: Piece) -> bool:
        """Whether a piece follows without a gap."""
        follows = piece.begin_s is None or abs(piece.begin_s - self.end_s) <= JUMP_S
        return follows and piece.samples is not None and piece.rate_hz == self._rate_hz

    @property
    def is_full(self) -> bool:
        """Whether enough was pushed to be worth resampling."""
        return self._num_pending > BLOCK_S * self._rate_hz

    def push(self, samples: Samples) -> None:
        """Take more sound."""
        self._pending.append(samples)
        self._num_pending += len(samples)
        self._end += len(samples)

    def ready(self, *, is_last: bool = False) -> tuple[int, Ready]:
        """Where what was pushed since begins, and its samples; the last few only when nothing follows."""
        tail = np.zeros(round(TAIL_S * self._rate_hz) if is_last else 0, np.float32)
        sound = np.concatenate([*self._pending, tail])
        self._pending, self._num_pending = [], 0
        ready = sound if self._resampler is None else _through(self._resampler, sound, self._rate_hz)
        last = -(-self._end * self._wanted_hz // self._rate_hz)
        first, self._next = self._next, min(self._next + len(ready), last)
        early = max(0, -(-self._begin * self._wanted_hz // self._rate_hz) - first)
        return first + early, ready[early : max(0, last - first)]


def _through(resampler: av.AudioResampler, sound: Samples, rate_hz: int) -> Ready:
    if not len(sound):
        return NOTHING
    frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
    frame.sample_rate = rate_hz
    return np.concatenate([NOTHING, *(given.to_ndarray()[0] for given in resampler.resample(frame))])

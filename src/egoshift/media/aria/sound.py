"""The sound of a recording: blocks of interleaved channels into waveforms without gaps."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from egoshift.media.aria.opus import OpusDecoder
from egoshift.media.aria.readings import NANOSECONDS, Waveform
from egoshift.media.aria.vrs import layout_bytes, payload_bytes
from egoshift.media.container import FETCH_AGAIN, media_error

MAX_SLIP_S = 0.001
"""How far stamps and rate of one waveform may disagree. Where blocks are missing or clocks drift, another begins."""

_PLAIN, _OPUS = 1, 2
_FIELDS = ("audio_muted", "audio_sample_count", "capture_timestamps_ns")

Block = tuple[Int64[np.ndarray, " _"], Float32[np.ndarray, "_ _"]]
"""The stamp of each sample in nanoseconds, and the samples, a column a channel."""


class SoundReader:
    """Turns the records of one recording's microphones into samples, in order.

    The second generation's sound is in Opus. Version 1.2.2 of the ``vrs`` package hands its bytes out as if they were
    samples, with a length that is not theirs; so the length is worked out from the file. Later versions give the bytes.

    Args:
        path: The file.
        settings: The configuration of the microphones.
        kind: Their kind of device, as records name it.

    Attributes:
        rate_hz: Samples a second.

    Raises:
        MediaError: The sound is coded in a way that is not read.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], kind: int):
        self._path, self._kind = path, kind
        self.rate_hz, self._num_channels = int(settings["audio_sample_rate"]), int(settings["audio_channel_count"])
        form = int(settings.get("audio_format", _PLAIN))
        if form not in (_PLAIN, _OPUS) or settings.get("audio_stereo_pair_count", 0):
            what = f"a form ({form}) that is not known" if form not in (_PLAIN, _OPUS) else "Opus, channels in pairs"
            raise media_error("unsupported-sound", path, f"its sound is in {what}", "leave the sound out")
        self._decoder = OpusDecoder(path, self._num_channels, self.rate_hz) if form == _OPUS else None
        self._sizes: dict[float, int] | None = None

    def read(self, record: Any) -> Block:
        """The stamps and samples of the next record.

        Raises:
            MediaError: The record has no sound, or none that can be decoded.
        """
        times_ns = np.array(record.metadata_blocks[0]["capture_timestamps_ns"], dtype=np.int64)
        content = np.asarray(record.audio_blocks[0]) if len(record.audio_blocks) else np.empty((0, self._num_channels))
        if self._decoder is None:
            samples = _scaled(content)
        else:
            samples = self._decoder.decode(self._packet(record, content, len(times_ns)))
        if samples.shape != (len(times_ns), self._num_channels):
            expected = len(times_ns), self._num_channels
            message = f"a block of sound is {samples.shape} in samples and channels, expected {expected}"
            raise media_error("undecodable-sound", self._path, message, FETCH_AGAIN)
        return times_ns, samples

    def _packet(self, record: Any, content: np.ndarray, num_samples: int) -> bytes:
        if content.ndim == 1:
            return content.tobytes()
        if self._sizes is None:
            self._sizes = payload_bytes(self._path, self._kind)
        before = layout_bytes(self._path, _FIELDS, {"capture_timestamps_ns": num_samples})
        # The array begins with the bytes of the packet, and reaches beyond the memory that holds them.
        return content.view(np.uint8).reshape(-1)[: self._sizes[record.timestamp] - before].tobytes()


def stretches(blocks: Iterable[Block], rate_hz: int, origin_ns: int) -> tuple[Waveform, ...]:
    """Blocks in order joined to waveforms in which every sample is where its stamp says, within ``MAX_SLIP_S``.

    Args:
        blocks: Stamps and samples; no block is empty.
        rate_hz: Samples a second.
        origin_ns: The stamp at 0 s.
    """
    runs: list[tuple[int, list[np.ndarray]]] = []
    num_samples = 0
    for times_ns, samples in blocks:
        first_ns = int(times_ns[0])
        if not runs or abs(first_ns - runs[-1][0] - num_samples * NANOSECONDS / rate_hz) > MAX_SLIP_S * NANOSECONDS:
            runs.append((first_ns, []))
            num_samples = 0
        runs[-1][1].append(samples)
        num_samples += len(samples)
    return tuple(_waveform((start_ns - origin_ns) / NANOSECONDS, rate_hz, parts) for start_ns, parts in runs)


def _waveform(start_s: float, rate_hz: int, parts: Sequence[np.ndarray]) -> Waveform:
    return Waveform(start_s, rate_hz, np.concatenate(parts))


def _scaled(content: np.ndarray) -> Float32[np.ndarray, "samples channels"]:
    """Whole numbers as shares of full scale; a copy, for the record's own memory goes with it."""
    if np.issubdtype(content.dtype, np.signedinteger):
        return (content.astype(np.float64) / -float(np.iinfo(content.dtype).min)).astype(np.float32)
    return content.astype(np.float32)

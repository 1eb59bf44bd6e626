"""The sound of any file that FFmpeg reads, as one channel on the clock of its pictures.

Time zero is the first frame shown, as for ``egoshift.media.read_frames``; in a file without pictures it is the first
sample. Where there is no sound (a track that begins late or ends early, a packet that was lost, a gap in the stamps),
samples are zero and marked absent, which is not the same as silence. The first sound track is read; its channels are
averaged with equal weights, whatever their layout, unless one is named.

A file without a sound track is told apart from one whose track is empty, cannot be decoded or was cut off: for the
first, ``probe_sound`` gives None and ``read_sound`` an error of the kind ``no-sound-track``; the others are errors of
the kinds ``empty-sound``, ``undecodable-sound`` and ``truncated-sound``.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from egoshift.isolation import ask, is_isolated
from egoshift.media.soundpass import SoundPass
from egoshift.media.soundtrack import open_sound
from egoshift.remote import whole


@dataclass(frozen=True)
class SoundInfo:
    """What the sound of a file is, as far as it can be told without decoding it.

    Attributes:
        path: The file.
        start_s: When its first sample is heard, from the first frame shown; negative where that is before.
        stop_s: When its last sample ends. Sound may begin and end before or after the pictures do.
        sample_rate_hz: Samples a second, as stored.
        num_channels: Its channels, as stored.
        num_tracks: How many sound tracks there are; only the first is read.
        codec: Name of the coding, such as ``"aac"``.
    """

    path: Path
    start_s: float
    stop_s: float
    sample_rate_hz: int
    num_channels: int
    num_tracks: int
    codec: str


@dataclass(frozen=True)
class Sound:
    """A stretch of sound.

    Attributes:
        path: The file.
        start_s: When the first sample is heard, from the first frame shown.
        sample_rate_hz: Samples a second.
        samples: One channel, from -1 to 1; 0 where absent.
        present: Where there is sound: ascending (first, stop) ranges of samples with gaps between them.
        num_corrupt: How many packets of the stretch were damaged; their time is absent.
        num_repeated: How many samples were left out because there was sound at their time already, which happens
            where the stamps of a file go backwards.
    """

    path: Path
    start_s: float
    sample_rate_hz: int
    samples: Float32[np.ndarray, " samples"]
    present: tuple[tuple[int, int], ...]
    num_corrupt: int
    num_repeated: int

    @property
    def mask(self) -> Bool[np.ndarray, " samples"]:
        """Whether each sample is present."""
        mask = np.zeros(len(self.samples), dtype=bool)
        for first, stop in self.present:
            mask[first:stop] = True
        return mask


def probe_sound(path: Path) -> SoundInfo | None:
    """What the sound at ``path`` is; None where there is none (nor in a folder of frames).

    Decodes no more of it than its beginning.

    Args:
        path: A file with sound, with pictures or without.

    Raises:
        MediaError: The file cannot be read; its sound track is empty, cannot be decoded, or ends well before what the
            header announces.
    """
    if path.is_dir() or not is_isolated():
        return _probe(path)
    whole(path)
    told = ask(path, f"{__name__}:told_sound")
    return SoundInfo(**{**told, "path": path}) if told else None


def told_sound(path: str) -> Iterator[tuple[dict[str, Any], None]]:
    """What a child tells of sound: the fields of its ``SoundInfo``, nothing where there is none."""
    found = _probe(Path(path))
    yield {} if found is None else {**asdict(found), "path": path}, None


def _probe(path: Path) -> SoundInfo | None:
    track = open_sound(path)
    if track is None:
        return None
    with track:
        head = next((piece for piece in track.pieces() if piece.samples is not None), None)
        if head is not None:
            track.last_s()
        track.check_end()
        assert head is not None
        assert head.samples is not None
        return SoundInfo(
            path=path,
            start_s=head.begin_s or 0.0,
            stop_s=track.end_s,
            sample_rate_hz=head.rate_hz,
            num_channels=len(head.samples),
            num_tracks=track.num_tracks,
            codec=track.stream.codec_context.codec.canonical_name,
        )


def read_sound(
    path: Path,
    start_s: float = 0.0,
    stop_s: float | None = None,
    *,
    sample_rate_hz: int = 16_000,
    channel: int | None = None,
) -> Sound:
    """A stretch of the sound of a file, or all of it, in memory; ``SoundPass`` gives it a little at a time.

    Any stretch holds the same samples as the whole does there, where the container stores exact stamps; Matroska
    rounds them to milliseconds, and so does the place of a stretch. A stretch of the same length always has as many
    samples, present or absent.

    Args:
        path: A file with sound, with pictures or without.
        start_s: Where to begin, in seconds from the first frame shown; at least 0.
        stop_s: Where to end, which may be after the end of the sound; None for the end of the sound.
        sample_rate_hz: Samples a second to give. Resampled by FFmpeg's own resampler.
        channel: Which channel to take, from 0; None for the mean of all. The mean of two microphones that hear the
            same with opposite signs is nothing; that is what the choice is for.

    Raises:
        MediaError: The file cannot be read; there is no sound track, or nothing in it, or nothing that can be
            decoded; there is no such channel; the times are none; or the stretch goes beyond where the file was cut.
    """
    return gathered(SoundPass(path, start_s, stop_s, sample_rate_hz=sample_rate_hz, channel=channel))


def gathered(reading: SoundPass) -> Sound:
    """All that a pass, not yet begun, will give.

    Raises:
        MediaError: As ``SoundPass.blocks`` does.
    """
    blocks = [(first - reading.first, samples) for first, samples in reading.blocks()]
    present: list[tuple[int, int]] = []
    for first, samples in blocks:
        begin = present.pop()[0] if present and present[-1][1] == first else first
        present.append((begin, first + len(samples)))
    length = (present[-1][1] if present else 0) if reading.stop is None else reading.stop - reading.first
    output = np.zeros(length, np.float32)
    for first, samples in blocks:
        output[first : first + len(samples)] = samples
    return Sound(
        path=reading.path,
        start_s=reading.first / reading.sample_rate_hz,
        sample_rate_hz=reading.sample_rate_hz,
        samples=output,
        present=tuple(present),
        num_corrupt=reading.num_corrupt,
        num_repeated=reading.num_repeated,
    )

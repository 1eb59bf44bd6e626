"""The sound of a recording as a track that ``SoundPass`` reads."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from egoshift.media.aria.recording import AriaRecording
from egoshift.media.soundapart import tell
from egoshift.media.soundtrack import Piece

PIECE_S = 10.0
"""So much is read at once: seven microphones for 10 s are 13 MB."""

TOLD_PIECES = f"{__name__}:told_pieces"
"""What a child process is asked for, where media is read in one."""


class AriaTrack:
    """The microphones of a recording, a channel each; a context that closes it.

    Args:
        path: The ``.vrs`` file.

    Raises:
        ConfigError: The ``vrs`` package is not installed.
        MediaError: The file is missing, cut short, or no recording of Project Aria.
    """

    def __init__(self, path: Path):
        self._recording = AriaRecording(path)

    def __enter__(self) -> "AriaTrack":
        return self

    def __exit__(self, *_: object) -> None:
        self._recording.close()

    def pieces(self, from_s: float = 0.0) -> Iterator[Piece]:
        """Waveforms in order, from a time to the end of the sound.

        Raises:
            MediaError: No sound was recorded, or a block of it cannot be decoded.
        """
        span = self._recording.common_span(["mic"])
        first_s, last_s = ((stamp - self._recording.origin_ns) / 1e9 for stamp in (span.start_ns, span.stop_ns))
        begin_s = max(from_s, first_s)
        while begin_s <= last_s:
            for waveform in self._recording.sound(begin_s, begin_s + PIECE_S):
                yield Piece(waveform.start_s, waveform.sample_rate_hz, waveform.samples.T)
            begin_s += PIECE_S

    def check_end(self) -> None:
        """Nothing: a recording that was cut short is refused when it is opened."""


def told_pieces(path: str, from_s: float) -> Iterator[tuple[dict[str, Any], np.ndarray | None]]:
    """What a child tells of a recording's sound; see ``tell``."""
    yield from tell(AriaTrack(Path(path)), from_s)

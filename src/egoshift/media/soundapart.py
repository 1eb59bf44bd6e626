"""A sound track that a child process decodes."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from egoshift.errors import Fault, MediaError
from egoshift.isolation import stream
from egoshift.media.container import media_error
from egoshift.media.soundtrack import REENCODE_SOUND, Piece, Track, open_sound
from egoshift.remote import whole


class ChildTrack:
    """Gives what ``SoundTrack`` gives.

    Args:
        path: A file with sound.
        function: What the child is asked for, which gives what ``tell`` does.
    """

    def __init__(self, path: Path, function: str = f"{__name__}:told_pieces"):
        self._path, self._function, self._end = path, function, dict[str, str]()

    def __enter__(self) -> "ChildTrack":
        return self

    def __exit__(self, *_: object) -> None:
        pass  # the child closes the file with the last piece

    def pieces(self, from_s: float = 0.0) -> Iterator[Piece]:
        """See ``SoundTrack.pieces``."""
        whole(self._path)
        with closing(stream(self._path, self._function, from_s)) as told_pieces:
            for told, samples in told_pieces:
                if "kind" in told:
                    self._end = told
                    return
                if samples is not None and (samples.dtype != np.float32 or samples.ndim != 2):
                    message = "decoding gave what is no sound"
                    raise media_error("decoder-crash", self._path, message, REENCODE_SOUND)
                begin_s, rate_hz = told["begin_s"], int(told["rate_hz"])
                yield Piece(None if begin_s is None else float(begin_s), rate_hz, samples)

    def check_end(self) -> None:
        """See ``SoundTrack.check_end``."""
        if self._end["kind"]:
            raise MediaError(Fault(self._end["kind"], self._path, self._end["message"], self._end["remedy"]))


def told_pieces(path: str, from_s: float) -> Iterator[tuple[dict[str, Any], np.ndarray | None]]:
    """What a child tells of the sound of what FFmpeg reads."""
    track = open_sound(Path(path))
    if track is None:
        remedy = "give the file that holds the sound, or leave the sound out"
        raise media_error("no-sound-track", Path(path), "holds no sound", remedy)
    yield from tell(track, from_s)


def tell(track: Track, from_s: float) -> Iterator[tuple[dict[str, Any], np.ndarray | None]]:
    """What a child tells of a sound track: its pieces, and at the end what is wrong with that."""
    with track:
        for begin_s, rate_hz, samples in track.pieces(from_s):
            yield {"begin_s": begin_s, "rate_hz": rate_hz}, samples
        try:
            track.check_end()
        except MediaError as error:
            fault = error.fault
            yield {"kind": fault.kind, "message": fault.message, "remedy": fault.remedy}, None
        else:
            yield {"kind": ""}, None

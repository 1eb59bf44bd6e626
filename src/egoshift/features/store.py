"""The time-keyed feature store: one flat array per view, one list of times per video."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float16, Float32, Float64, UInt8

from egoshift.features.manifest import Manifest, View


class Store:
    """A finished feature store, memory-mapped.

    Per video and view it holds float16 features at a sorted list of times. A clip is a window into it.

    Attributes:
        path: Its folder.
        manifest: What made it and what is in it.
        offsets: ``(first_row, num_rows)`` by video id; rows of a video are sorted by time.
        times_s: The time of each row, in seconds.
    """

    path: Path
    manifest: Manifest
    offsets: Mapping[str, tuple[int, int]]
    times_s: Float64[np.ndarray, " rows"]

    @classmethod
    def open(cls, path: Path, *, expect: Mapping[str, object] | None = None) -> "Store":
        """Opens a finished store; reads the manifest and the times, maps the rest.

        Args:
            path: The folder that ``extract`` wrote.
            expect: Settings it must have been made with, by dotted manifest name, such as
                ``{"encoder.sha256": card.sha256}``.

        Raises:
            StoreError: Nothing is there, extraction is unfinished, a file is damaged, or settings differ.
        """
        raise NotImplementedError

    @property
    def views(self) -> tuple[View, ...]:
        """The views it holds."""
        return self.manifest.views

    @property
    def dim(self) -> int:
        """Length of a feature."""
        return self.manifest.encoder.dim

    def times(self, video_id: str) -> Float64[np.ndarray, " times"]:
        """The stored times of a video, in seconds, ascending."""
        raise NotImplementedError

    def array(self, view: View) -> Float16[np.ndarray, "rows dim"]:
        """The features of a view, all videos one after another, as a memory map."""
        raise NotImplementedError

    @property
    def hand_boxes(self) -> Float32[np.ndarray, "rows 4"]:
        """Left, top, right, bottom of what the hand view shows, as shares of the frame."""
        raise NotImplementedError

    @property
    def hand_origins(self) -> UInt8[np.ndarray, " rows"]:
        """Where each hand box came from, as an index into ``egoshift.media.hands.ORIGINS``."""
        raise NotImplementedError

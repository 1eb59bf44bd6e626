"""What exactly made a feature store: written beside it, compared before anyone reads or extends it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from egoshift.encoders import WeightCard
from egoshift.features.plan import FramePlan

View = Literal["full", "hand"]
"""What of a frame is encoded: all of it, or the part with the hands and what they touch."""


class VideoEntry(BaseModel):
    """One video of a store.

    Attributes:
        rows: How many times of it are stored.
        duration_s: As its container says.
        num_bytes: Size of the file, or of all frames of the folder.
        fingerprint: xxh3-64 of the first and the last 64 KiB of the file (for a folder: of its file names and sizes).
        times_hash: xxh3-64 of the stored times.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    duration_s: float
    num_bytes: int
    fingerprint: str
    times_hash: str


class Manifest(BaseModel):
    """Everything that decides the numbers in a store, and what is in it.

    Attributes:
        schema_version: Of this file.
        encoder: Weights and preprocessing.
        views: Which views are stored.
        plan: Which times are stored.
        hand: What decides the hand boxes; none without the hand view.
        libraries: Versions that wrote rows, by library; more than one where a store was extended later.
        arrays: xxh3-128 of each array's bytes, by file name.
        videos: By video id, sorted; rows lie in the arrays in this order.
        failed: Videos that could not be encoded and why (a fault's kind).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    encoder: WeightCard
    views: tuple[View, ...]
    plan: FramePlan
    hand: dict[str, object] | None = None
    libraries: dict[str, tuple[str, ...]] = {}
    arrays: dict[str, str] = {}
    videos: dict[str, VideoEntry] = {}
    failed: dict[str, str] = {}

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Reads ``manifest.json``.

        Raises:
            StoreError: It is not there, or is not a manifest of this version.
        """
        raise NotImplementedError

    def expect(self, path: Path, settings: Mapping[str, object]) -> None:
        """Refuses to go on when the store was made with other settings.

        Args:
            path: The store, for the message.
            settings: Expected values by dotted name, such as ``{"encoder.sha256": "…", "plan": plan}``.

        Raises:
            StoreError: One line per difference: the field, both values and what to do.
        """
        raise NotImplementedError

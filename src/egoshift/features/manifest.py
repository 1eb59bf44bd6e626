"""What exactly made a feature store: written beside it, compared before anyone reads or extends it."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from egoshift.encoders import SensorCard, WeightCard
from egoshift.encoders.card import Runtime
from egoshift.errors import StoreError
from egoshift.features.plan import FramePlan
from egoshift.sealed import ALTERED, is_as_sealed, sealed

View = Literal["full", "hand", "window"]
"""What is encoded: of a frame all of it, or the part with the hands and what they touch; of another sensor, or by an
encoder of clips, a window around each time."""


class VideoEntry(BaseModel):
    """One video of a store.

    Attributes:
        rows: How many times of it are stored.
        duration_s: As its container says.
        num_bytes: Size of the file, or of all frames of the folder.
        fingerprint: xxh3-64 of the first and the last 64 KiB of the file; for a folder of frames, of its file names and
            sizes; for several tables, of the name, the size and the fingerprint of each.
        times_hash: xxh3-64 of the stored times.
        hashes: xxh3-64 of its rows of each other array; empty in stores that were written before these were kept.
        read_as: How a sensor's file was read: its layout, which part of it, where the recording begins, the rate of its
            frames. Empty for pictures, and in older stores.
        hands: Fingerprint of the hand detections of the video. Empty without the hand view, where ``hand`` of the
            manifest has their hash or a detector was run, and in older stores, which therefore do not notice
            corrected detections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    duration_s: float
    num_bytes: int
    fingerprint: str
    times_hash: str
    hashes: dict[str, str] = {}
    read_as: str = ""
    hands: str = ""

    def all_hashes(self) -> dict[str, str]:
        """The hash of its rows of each array; empty where only that of the times is known."""
        return {"times": self.times_hash} | self.hashes if self.hashes else {}


class FeatureError(BaseModel):
    """How far features lie from those of the same tower in float32 by torch, on the first frames of a store.

    Attributes:
        mean: Of 1 - cosine, over the frames; two digits, since more of them would depend on the number of threads.
        max: Its largest.
        frames: How many frames were compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    max: float
    frames: int


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
        error: Of the encoder's arithmetic, as measured when the first rows were written; none where it was not, or
            where the features are those of float32 by torch.
        checksum: In the file, xxh3-128 of it with nothing between these quotes; empty in older ones and in memory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    encoder: WeightCard | SensorCard
    views: tuple[View, ...]
    plan: FramePlan
    hand: dict[str, JsonValue] | None = None
    libraries: dict[str, tuple[str, ...]] = {}
    arrays: dict[str, str] = {}
    videos: dict[str, VideoEntry] = {}
    failed: dict[str, str] = {}
    error: FeatureError | None = None
    checksum: str = ""

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Reads a manifest file.

        Raises:
            StoreError: It cannot be read, or is not a manifest of this version.
        """
        try:
            content = path.read_bytes()
            manifest = cls.model_validate_json(content)
        except OSError as error:
            raise StoreError(f"{path}: cannot be read ({error.strerror}); {_anew(path)}") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            raise StoreError(
                f"{path}: not a manifest of schema version 1 ({place}: {first['msg']}, {error.error_count()} faults); "
                f"use the version of egoshift that wrote it, or {_anew(path)}"
            ) from None
        if not is_as_sealed(content, manifest.checksum):
            raise StoreError(f"{path}: {ALTERED}; put back a copy, or {_anew(path)}")
        return manifest.model_copy(update={"checksum": ""})

    def text(self) -> str:
        """As it is written: the same text for the same content."""
        return sealed(self.model_copy(update={"checksum": ""}).model_dump_json(indent=1) + "\n")

    def settings(self) -> dict[str, object]:
        """What two stores must share to hold the same numbers, as it is compared."""
        return self.model_dump(mode="json", include={"encoder", "views", "plan", "hand"})

    def expect(self, path: Path, settings: Mapping[str, object]) -> None:
        """Refuses to go on when the store was made with other settings.

        Where weights came from (``encoder.id``) may differ as long as their hash does not.

        Args:
            path: The store, for the message.
            settings: Expected values by dotted name, such as ``{"encoder.sha256": "…", "plan": plan}``.

        Raises:
            StoreError: One line per difference: the field, both values and what to do.
        """
        faults = [
            f"{path}: {name} is {stored} in this store, but {asked} is asked for; "
            f"ask for what is stored, or give another folder for a new store"
            for name, stored, asked in self.differences(settings)
        ]
        if faults:
            raise StoreError("\n".join(faults))

    def differences(self, settings: Mapping[str, object]) -> list[tuple[str, str, str]]:
        """What differs from expected settings: the dotted name, this store's value and the expected one."""
        stored = _flat("", self.settings())
        asked: dict[str, str] = {}
        for name, value in settings.items():
            asked |= _flat(name, value)
            asked |= {key: _ABSENT for key in stored if key.startswith(f"{name}.") and key not in asked}
        return [
            (name, stored.get(name, _ABSENT), value)
            for name, value in asked.items()
            if name not in _NAMES_ONLY and stored.get(name, _ABSENT) != value
        ]


_ABSENT = "nothing"
_NAMES_ONLY = ("encoder.id", "encoder.licence", "encoder.preprocessing_source")


def _flat(name: str, value: object) -> dict[str, str]:
    """Values by dotted name, each as JSON text."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, Mapping) and value:
        parts = [_flat(f"{name}.{key}" if name else str(key), item) for key, item in value.items()]
        return {key: item for part in parts for key, item in part.items()}
    return {name: _ABSENT if value is None else json.dumps(value)}


def _anew(path: Path) -> str:
    """What can be done about a manifest that nothing can be read of: without it no row of its store has a name."""
    return f"delete {path.parent} and extract again"


@cache
def library_versions(runtime: Runtime = "torch") -> dict[str, tuple[str, ...]]:
    """Versions of what turns a file into features."""
    more = ("openvino",) if runtime == "openvino" else ()
    return {name: (version(name),) for name in sorted(("av", "egoshift", "numpy", "torch", "transformers", *more))}

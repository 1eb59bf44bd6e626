"""A tiny encoder whose features tell which frame they show, and data sets and stores to go with it."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor

from egoshift.encoders import AbstractImageEncoder, WeightCard
from egoshift.features.draft import Draft
from egoshift.features.extract import make_settings
from egoshift.features.manifest import Manifest, View
from egoshift.features.plan import FramePlan
from egoshift.features.source import Source
from egoshift.features.store import Store
from egoshift.features.wanted import Wanted
from egoshift.media import AbstractHandLocator, HandBoxes, VideoInfo
from egoshift.records import CLIP_SCHEMA, Dataset, Vocabulary

BLOCKS_CARD = WeightCard(
    id="blocks",
    family="clip",
    sha256="0" * 64,
    licence="MIT",
    activation="none",
    pooling="mean of each block",
    dim=16,
    has_text=False,
    dtype="float32",
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    size=16,
    resize="squash",
    resize_to=16,
)


class BlockEncoder(AbstractImageEncoder):
    """The mean grey of each of 16 blocks, in which ``tests.fixtures.videos`` writes a frame's number.

    Attributes:
        num_images: How many images were encoded, padding included.
        batch_sizes: Sizes of the batches that were encoded.
    """

    def __init__(self, card: WeightCard = BLOCKS_CARD):
        self.card = card
        self.num_images = 0
        self.batch_sizes: list[int] = []
        self._lock = threading.Lock()

    def encode(self, images: Tensor) -> Tensor:
        with self._lock:
            self.num_images += len(images)
            self.batch_sizes.append(len(images))
        blocks = images.float().mean(1).view(len(images), 4, 4, 4, 4).mean((2, 4))
        return blocks.view(len(images), 16) / 255


class NaNEncoder(BlockEncoder):
    """Gives NaN for the frame with this number."""

    def __init__(self, index: int):
        super().__init__()
        self.index = index

    def encode(self, images: Tensor) -> Tensor:
        features = super().encode(images)
        bad = torch.tensor([shown_index(row) == self.index for row in features.numpy()])
        return torch.where(bad[:, None], torch.nan, features)


class LeftHalf(AbstractHandLocator):
    """The left half of the frame from ``first_s`` on; before that, nothing detected."""

    def __init__(self, first_s: float = 0.0, missing: Sequence[str] = (), corrected: Sequence[str] = ()):
        self.first_s = first_s
        self.corrected = corrected
        self.missing = missing
        self.calls: list[tuple[str, int, int]] = []

    @property
    def description(self) -> dict[str, object]:
        return {"kind": "left-half", "first_s": self.first_s}

    def fingerprint(self, video_id: str) -> str:
        return "corrected" if video_id in self.corrected else "published"

    def faults(self, video_ids):
        from egoshift.errors import Fault

        missing = [video_id for video_id in video_ids if video_id in self.missing]
        return tuple(Fault("missing-detections", Path("hands"), f"no {video}", "make it") for video in missing)

    def locate(self, video_id: str, times_s, frames, info: VideoInfo) -> HandBoxes:
        self.calls.append((video_id, len(times_s), len(frames)))
        seen = times_s >= self.first_s
        boxes = np.where(seen[:, None], [0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 1.0, 1.0]).astype(np.float32)
        return HandBoxes(boxes, seen.astype(np.uint8))


def shown_index(feature: np.ndarray) -> int:
    """The number of the frame that a feature of ``BlockEncoder`` shows."""
    bits = feature > 0.5
    return int(sum(int(bit) << place for place, bit in enumerate(bits[1:-1])))


def clip_table(clips: Sequence[tuple[str, float, float]], verbs: Sequence[int | None] | None = None) -> pl.DataFrame:
    """Clips of (video, start, stop)."""
    rows = [
        {
            "clip_id": f"{video_id}_{number}",
            "video_id": video_id,
            "start_s": float(start_s),
            "stop_s": float(stop_s),
            "split": "train",
            "verb": None if verbs is None else verbs[number],
            "noun": None,
            "action": None,
            "file": "annotations.csv",
            "row": number + 2,
        }
        for number, (video_id, start_s, stop_s) in enumerate(clips)
    ]
    return pl.DataFrame(rows, schema=CLIP_SCHEMA)


def example_dataset(videos: Mapping[str, Path], clips: Sequence[tuple[str, float, float]]) -> Dataset:
    """A data set of these videos and clips."""
    return Dataset("example", clip_table(clips), {"verb": Vocabulary("verb", ("take",))}, videos)


def make_store(
    path: Path,
    times_s: Mapping[str, Sequence[float]],
    *,
    views: tuple[View, ...] = ("full",),
    plan: FramePlan | None = None,
    dim: int = 4,
    durations_s: Mapping[str, float] | None = None,
) -> Store:
    """A store with these times; the feature of row r of video v in the view w is (v, r, w, time)."""
    card = BLOCKS_CARD.model_copy(update={"dim": dim})
    settings = make_settings(BlockEncoder(card), plan or FramePlan(), views, LeftHalf())
    path.mkdir(parents=True, exist_ok=True)
    draft = Draft.begin(path, settings)
    draft.open()
    for rank, (video_id, times) in enumerate(sorted(times_s.items())):
        seconds = np.asarray(times, np.float64)
        duration_s = (durations_s or {}).get(video_id, float(seconds[-1]) + 0.25)
        info = VideoInfo(path / video_id, duration_s, 96, 64, 30.0, None, 0, "h264")
        rows: dict[str, np.ndarray] = {"times": seconds}
        for number, view in enumerate(views):
            features = np.zeros((len(seconds), dim), np.float16)
            features[:, 0], features[:, 1] = rank, np.arange(len(seconds))
            features[:, 2], features[:, 3] = number, seconds
            rows[view] = features
        if "hand" in views:
            rows["hand_boxes"] = np.tile(np.array([0, 0, 0.5, 1], np.float32), (len(seconds), 1))
            rows["hand_origins"] = np.ones(len(seconds), np.uint8)
        draft.add(Wanted(video_id, info, 1, seconds, seconds, Source(1, "f")), rows)
    return draft.finish(set(times_s), {}, ())


def make_sensor_store(path: Path, present: Mapping[str, Sequence[bool]], *, rate_hz: float = 2.0) -> Store:
    """A store of a sensor's windows at ``k / rate_hz``; the feature of row r of video v is (v, r, time, 1)."""
    card = BLOCKS_CARD.model_copy(update={"dim": 4})
    path.mkdir(parents=True, exist_ok=True)
    plan = FramePlan(rate_hz=rate_hz)
    draft = Draft.begin(path, Manifest(encoder=card, views=("window",), plan=plan))
    draft.open()
    for rank, (video_id, there) in enumerate(sorted(present.items())):
        seconds = np.arange(len(there)) / rate_hz
        columns = [np.full(len(there), rank), np.arange(len(there)), seconds, np.ones(len(there))]
        features = np.where(np.asarray(there)[:, None], np.stack(columns, 1), 0).astype(np.float16)
        info = VideoInfo(path / video_id, len(there) / rate_hz, 96, 64, 30.0, None, 0, "h264")
        rows: dict[str, np.ndarray] = {"times": seconds, "window": features, "present": np.asarray(there, np.uint8)}
        draft.add(Wanted(video_id, info, 1, seconds, seconds, Source(1, "f")), rows)
    return draft.finish(set(present), {}, ())


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store."""
    return {str(file.relative_to(store)): file.read_bytes() for file in sorted(store.rglob("*")) if file.is_file()}


def slow_rows(store: Store, video_id: str, start_s: float, stop_s: float, asked_s: Sequence[float]) -> list[int]:
    """Which rows show a clip at some times, read aloud: one time at a time, in whole microseconds.

    Rows in which nothing was recorded are not there; of a video that has no others, any row will do.
    """
    first, _ = store.offsets[video_id]
    recorded = set(store.recorded.tolist())
    stored = {
        row: round(time * 1e6) for row, time in enumerate(store.times(video_id).tolist()) if first + row in recorded
    }
    start, stop = round(start_s * 1e6), round(stop_s * 1e6)
    inside = [row for row, time in stored.items() if start <= time < stop]
    if not inside:
        centre = (start + stop) // 2
        inside = [min(stored, key=lambda row: (abs(stored[row] - centre), row))]
    return [first + min(inside, key=lambda row: (abs(stored[row] - round(time * 1e6)), row)) for time in asked_s]

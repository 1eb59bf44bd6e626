"""What a model saw of a clip: frames at stored times, and the hand crops beside them."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float, Int64, UInt8

from egoshift.encoders import PIXELS, SIGNAL
from egoshift.features import Store
from egoshift.features.windows import Windows
from egoshift.media import ORIGINS, bin_centres, crop, read_frames
from egoshift.recipes.modalities.frames import HEIGHT, NUM_FRAMES, small, video_of
from egoshift.recipes.run import Run
from egoshift.recipes.stores import Opened

Picture = UInt8[np.ndarray, "_ _ 3"]


@dataclass(frozen=True)
class Moment:
    """One frame that the model saw.

    Attributes:
        time_s: When in the video.
        frame: The frame, made small.
        has_hands: Whether the model reads hand crops; where nothing was detected it sees the full frame instead.
        box: What the hand crop shows, as shares of the frame: left, top, right, bottom; None where there is none.
        crop: That part of the frame, made small; likewise.
    """

    time_s: float
    frame: Picture
    has_hands: bool = False
    box: tuple[float, float, float, float] | None = None
    crop: Picture | None = None


def moments_of(run: Run, opened: Opened, video: str, start_s: float, stop_s: float) -> tuple[Moment, ...]:
    """Frames of a clip that the model saw: at those stored times that are nearest to the middles of its equal parts.

    Args:
        run: Which streams the model reads; one of sensors alone saw no frames, and the middles themselves are shown.
        opened: The data set with its features.
        video: The id of the clip's video.
        start_s: Where the clip begins.
        stop_s: Where it ends.

    Returns:
        At most ``NUM_FRAMES``; none where there is no video.

    Raises:
        MediaError: The video cannot be read.
    """
    path = video_of(opened.dataset, video)
    if path is None or not path.exists():
        return ()
    times_s, store = bin_centres(start_s, stop_s, NUM_FRAMES), None
    if (seen := _seen(run, opened)) is not None:
        store, has_hands = seen
        clip = pl.DataFrame({"video_id": [video], "start_s": [start_s], "stop_s": [stop_s]})
        rows = np.unique(Windows.of(store, clip).nearest(np.zeros(1, np.int64), times_s[None])[0])
        times_s = store.times_s[rows]
    boxes = _boxes(store, rows) if store is not None and has_hands else None
    frames = [frame for _, frame in read_frames(path, times_s, opened.dataset.frame_rates_hz.get(video))]
    return tuple(
        _moment(time_s, frame, None if boxes is None else boxes[number])
        for number, (time_s, frame) in enumerate(zip(times_s.tolist(), frames, strict=True))
    )


def _seen(run: Run, opened: Opened) -> tuple[Store, bool] | None:
    """The store of frames that the run reads, one with hand crops first, and whether it reads these."""
    refs = [ref for ref in run.streams.values() if ref.view in ("full", "hand") and not ref.encoder.startswith(SIGNAL)]
    refs.sort(key=lambda ref: (ref.view != "hand", ref.encoder.startswith(PIXELS)))
    return (opened.stores[refs[0].encoder], refs[0].view == "hand") if refs else None


def _boxes(store: Store, rows: Int64[np.ndarray, " rows"]) -> Float[np.ndarray, "rows 4"]:
    """The hand boxes of some rows; NaN where none was detected."""
    boxes = np.array(store.hand_boxes[rows], np.float64)
    boxes[store.hand_origins[rows] == ORIGINS.index("full frame")] = np.nan
    return boxes


def _moment(time_s: float, frame: Picture, box: Float[np.ndarray, "4"] | None) -> Moment:
    shown = small(frame, HEIGHT)
    if box is None or np.isnan(box).any():
        return Moment(time_s, shown, has_hands=box is not None)
    left, top, right, bottom = (float(edge) for edge in box)
    return Moment(time_s, shown, True, (left, top, right, bottom), small(crop(frame, box), HEIGHT))

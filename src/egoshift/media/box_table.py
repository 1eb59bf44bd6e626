"""A plain table of boxes, CSV or Parquet: for detections of one's own.

One row a box:

* ``video``: the video's id;
* ``time_s``, seconds from the first shown frame, or ``frame``, counted from 0;
* ``left``, ``top``, ``right``, ``bottom`` as shares of the frame's width and height, or ``left_px``, ``top_px``,
  ``right_px``, ``bottom_px`` in pixels of the frame as shown. A row with all four empty says that this frame was looked
  at and shows no hand;
* optional ``kind``: ``hand`` (the default) or ``object``;
* optional ``score`` in [0, 1] (default 1);
* optional ``contact``, for objects: whether a hand touches it (default true). Hands count whether they touch or not.

The box of a frame is the union of its hands that score at least the hand threshold and, where there is such a hand, of
its objects in contact that score at least the object threshold.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import polars as pl

from egoshift.errors import DataError, Fault, MediaError
from egoshift.media.hands import union_per_frame
from egoshift.media.plain_table import read_csv, read_parquet
from egoshift.media.tracks import (
    MAX_GAP_S,
    AbstractTrackLocator,
    BoxTrack,
    NumberingRate,
    describe_rate,
    numbering_rate_hz,
)
from egoshift.media.video import VideoInfo

EDGES = ("left", "top", "right", "bottom")

_SHOWN_ROWS = 20  # per kind of fault; the rest is counted
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_ROUNDING = 1e-3  # how far a share may lie outside [0, 1]


def read_box_table(path: Path) -> pl.DataFrame:
    """The rows of a table of boxes, with the columns in one form and all optional ones present.

    Returns:
        Columns ``video``, ``time_s`` or ``frame``, the four edges (``left_px`` and so on where in pixels), ``kind``,
        ``score``, ``contact``.

    Raises:
        DataError: The file cannot be read, lacks a column or has faulty rows; names all of them.
    """
    raw = _read(path)
    columns = raw.columns
    numbers = [name for name in columns if name not in ("video", "kind", "contact")]
    table = raw.with_columns(
        *(_as_number(raw[name]) for name in numbers),
        pl.col("video").cast(pl.String),
        *(pl.col(name).cast(pl.String).str.to_lowercase() for name in ("kind", "contact") if name in columns),
    )
    unreadable = {name: _is_unreadable(raw[name], table[name]) for name in numbers}
    faults: list[Fault] = []
    sound = pl.Series([True]).new_from_index(0, len(table))
    for name, wrong in unreadable.items():
        faults += _at_rows(path, "no-number", wrong, f"{name} is no finite number", "write a number", raw[name])
        sound &= ~wrong
    for kind, wrong, message, remedy, values in _faulty(table, columns[1], columns[2:6]):
        faults += _at_rows(path, kind, wrong & sound, message, remedy, values)
    if faults:
        raise DataError(faults)
    return table.select(
        *columns[:6],
        pl.col("kind").fill_null("hand") if "kind" in columns else pl.lit("hand").alias("kind"),
        pl.col("score").fill_null(1.0) if "score" in columns else pl.lit(1.0).alias("score"),
        pl.col("contact").replace_strict(_TRUTHS, return_dtype=pl.Boolean).fill_null(True)
        if "contact" in columns
        else pl.lit(True).alias("contact"),
    ).with_columns(pl.col("video").cast(pl.Categorical))


def _read(path: Path) -> pl.DataFrame:
    """The columns to read, as text unless the file itself says that they are numbers, so that others can be named."""
    try:
        if path.suffix.lower() == ".parquet":
            return read_parquet(path, partial(_columns, path))
        table = read_csv(path, infer_schema=False)
        return table.select(_columns(path, table.columns))
    except MediaError as error:
        raise DataError([error.fault]) from None
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).splitlines()[0]
        fault = Fault("unreadable-file", path, f"is no readable table ({reason})", "give a CSV or a Parquet file")
        raise DataError([fault]) from None


def _as_number(given: pl.Series) -> pl.Series:
    # Told by its digits: the score 0.7 of single precision is to be 0.7, as in a CSV file, and not a little less.
    given = given.cast(pl.String) if given.dtype == pl.Float32 else given
    return (given.str.strip_chars() if given.dtype == pl.String else given).cast(pl.Float64, strict=False)


def _columns(path: Path, present: Sequence[str]) -> list[str]:
    """The columns to read: video, time, four edges, then the optional ones."""
    pixels = tuple(f"{edge}_px" for edge in EDGES)
    choices = {"video": ("video",), "time_s or frame": ("time_s", "frame")}
    faults = []
    columns = []
    for wanted, names in choices.items():
        found = [name for name in names if name in present]
        columns += found
        if len(found) != 1:
            what = f"has no column {wanted}" if not found else f"has both columns {' and '.join(names)}"
            faults.append(Fault("columns", path, what, f"it has: {', '.join(present)}; keep exactly one"))
    systems = [names for names in (EDGES, pixels) if any(name in present for name in names)]
    missing = [name for name in (systems[0] if systems else EDGES) if name not in present]
    if missing or len(systems) > 1:
        what = "has boxes both as shares and in pixels" if len(systems) > 1 else f"has no column {', '.join(missing)}"
        remedy = f"give {', '.join(EDGES)} as shares of the frame, or {', '.join(pixels)} in pixels"
        faults.append(Fault("columns", path, what, remedy))
    if faults:
        raise DataError(faults)
    return [*columns, *systems[0], *(name for name in ("kind", "score", "contact") if name in present)]


def _is_unreadable(given: pl.Series, number: pl.Series) -> pl.Series:
    infinite = ~number.is_finite().fill_null(True)
    if given.dtype != pl.String:
        return infinite
    return (number.is_null() & (given.str.strip_chars() != "")).fill_null(False) | infinite


_Check = tuple[str, pl.Series, str, str, pl.Series | None]  # kind, which rows are wrong, message, remedy, what to show


def _faulty(table: pl.DataFrame, time: str, edges: Sequence[str]) -> Iterator[_Check]:
    """Faults of values that were read as what they should be."""
    left, top, right, bottom = (table[edge] for edge in edges)
    given = pl.DataFrame([table[edge].is_not_null() for edge in edges]).sum_horizontal()
    yield "no-video", table["video"].is_null(), "names no video", "write its id", None
    late = table[time].is_null() | (table[time] < 0)
    yield "time", late, f"{time} is empty or negative", "write when the box was seen", table[time]
    yield "partial-box", given.is_in([1, 2, 3]), "has some edges and not others", "write all four, or none", None
    yield "swapped-edges", (left > right) | (top > bottom), "left > right or top > bottom", "swap them", None
    if edges[0] == "left":
        outside = table.select(pl.any_horizontal(~pl.col(edges).is_between(-_ROUNDING, 1 + _ROUNDING))).to_series()
        remedy = "give shares of the frame, or name the columns left_px, top_px, right_px, bottom_px"
        yield "box-range", outside, "has an edge outside [0, 1]", remedy, None
    if "kind" in table.columns:
        unknown = ~table["kind"].is_in(["hand", "object"])
        yield "kind", unknown, "unknown kind", "write hand or object", table["kind"]
    if "score" in table.columns:
        outside = ~table["score"].is_between(0, 1)
        yield "score", outside, "score outside [0, 1]", "rescale it", table["score"]
    if "contact" in table.columns:
        unknown = ~table["contact"].is_in(list(_TRUTHS))
        yield "contact", unknown, "unknown contact", "write true or false", table["contact"]


def _at_rows(
    path: Path, kind: str, wrong: pl.Series, message: str, remedy: str, values: pl.Series | None = None
) -> Iterator[Fault]:
    """A fault for each of the first rows where ``wrong`` is true, and one that counts the rest."""
    first_row = 1 if path.suffix.lower() == ".parquet" else 2  # an editor shows the header of a CSV as row 1
    rows = wrong.fill_null(False).arg_true().to_list()
    for row in rows[:_SHOWN_ROWS]:
        shown = message if values is None else f"{message} ({values[row]!r})"
        yield Fault(kind, path, shown, remedy, first_row + row)
    if len(rows) > _SHOWN_ROWS:
        yield Fault(kind, path, f"{message}, in {len(rows) - _SHOWN_ROWS} more rows", remedy)


class BoxTable(AbstractTrackLocator):
    """Hand boxes from a plain table, read once and interpolated between the frames that it has rows for.

    Args:
        path: A ``.parquet`` or ``.csv`` file; the columns are described at the top of this module.
        hand_threshold: Hands that score at least this count.
        object_threshold: Objects in contact that score at least this count.
        frame_rate_hz: For tables that number frames: how many there are in a second, of all videos or by
            video; by default the video's own rate.
        max_gap_s: See ``boxes_at``.

    Raises:
        DataError: On first use, if the table is faulty; names all faults.
    """

    def __init__(
        self,
        path: Path,
        *,
        hand_threshold: float = 0.8,
        object_threshold: float = 0.01,
        frame_rate_hz: NumberingRate = None,
        max_gap_s: float = MAX_GAP_S,
    ):
        super().__init__(max_gap_s=max_gap_s)
        self._path = path
        self._hand_threshold = hand_threshold
        self._object_threshold = object_threshold
        self._frame_rate_hz = frame_rate_hz

    @cached_property
    def _outcome(self) -> pl.DataFrame | DataError:
        try:
            return read_box_table(self._path)
        except DataError as error:
            return error

    @cached_property
    def _listed(self) -> frozenset[str]:
        return frozenset(self._table["video"].cast(pl.String))

    @property
    def _table(self) -> pl.DataFrame:
        if isinstance(self._outcome, DataError):
            raise self._outcome
        return self._outcome

    @cached_property
    def description(self) -> dict[str, object]:
        """Format, thresholds, the file's name and hash."""
        return {
            "kind": "boxes",
            "source": self._path.name,
            "sha256": hashlib.sha256(self._path.read_bytes()).hexdigest(),
            "hand_threshold": self._hand_threshold,
            "object_threshold": self._object_threshold,
            "frame_rate_hz": describe_rate(self._frame_rate_hz),
            "max_gap_s": self._max_gap_s,
        }

    def faults(self, video_ids: Sequence[str]) -> tuple[Fault, ...]:
        """The table's own faults, or one fault for each video that it has no row of."""
        if isinstance(self._outcome, DataError):
            return self._outcome.faults
        remedy = "use the ids of the data set; a row with empty edges says that no hand was seen"
        return tuple(
            Fault("missing-detections", self._path, f"has no row of video {video_id!r}", remedy)
            for video_id in video_ids
            if video_id not in self._listed
        )

    def read_track(self, video_id: str, info: VideoInfo) -> BoxTrack:
        """The union of hands and touched objects at the frames that have rows.

        Raises:
            DataError: The table is faulty.
            MediaError: The table has no row of this video.
        """
        rows = self._table.filter(pl.col("video") == video_id)
        if rows.is_empty():
            raise MediaError(self.faults([video_id])[0])
        times_s = rows.to_series(1).to_numpy()
        if rows.columns[1] == "frame":
            times_s = times_s / numbering_rate_hz(self._frame_rate_hz, video_id, info)
        seen_s, frame = np.unique(times_s, return_inverse=True)
        boxes = rows.select(rows.columns[2:6]).to_numpy()
        if rows.columns[2] == "left_px":
            boxes = boxes / np.array([info.width, info.height, info.width, info.height])
        score, is_hand = rows["score"].to_numpy(), (rows["kind"] == "hand").to_numpy()
        there = ~np.isnan(boxes[:, 0])
        visible = there & is_hand & (score >= self._hand_threshold)
        shows_hand = np.isin(frame, frame[visible])
        touched = there & ~is_hand & rows["contact"].to_numpy() & (score >= self._object_threshold) & shows_hand
        used = visible | touched
        return BoxTrack(seen_s, union_per_frame(len(seen_s), frame[used], boxes[used]))

"""The hand and object boxes published for EgoClip (Ego4D): four frames of every clip.

Source: https://github.com/Chuhanxx/helping_hand_for_egocentric_videos, made with the 100DOH detector at 640 pixels.
The layout is not described there; it is what their loader reads (``data_loader/EgoClip_EgoMCQ_dataset.py``):

* one file per 600 s of video, ``<video_uid>/<number>.handobj.pkl``: a pickled dict from a clip's start in seconds
  (three decimals) to a dict of its frames 0 to 3 and ``"info"`` (``height`` and ``width`` of the image in pixels);
* a frame holds ``"hand_dets"`` and ``"obj_dets"``: an array with a row per box, or None. A row is left, top, right,
  bottom in pixels and the score; in the output of the detector's ``demo.py`` there follow the contact state, the
  offset to the touched object (length, then direction) and the side;
* clip ends are not in these files but in EgoClip's own ``egoclip.csv``, which is therefore needed beside them.

**Deviations**

* ours: the four frames are taken to lie at the centres of four equal parts of the clip; theirs: the same, rounded to
  frames at 30 frames/s.
* ours: an object counts where a visible hand in contact reaches for it; theirs: the two best hands and the two best
  objects, whatever their score. Files without contact columns give hands only.

EgoClip leaves out the validation and test videos of Ego4D's benchmarks, so these files do not cover them.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float

from egoshift.errors import Fault, MediaError
from egoshift.media.hands import Detections, centres, union_boxes
from egoshift.media.identity import fingerprint_of
from egoshift.media.plain_pickle import as_array, load_plain_pickle
from egoshift.media.plain_table import read_csv
from egoshift.media.tracks import MAX_GAP_S, AbstractTrackLocator, BoxTrack
from egoshift.media.video import VideoInfo

FRAMES_PER_CLIP = 4

_START_TOLERANCE_S = 0.0015  # their loader also tries one unit of the last decimal to either side
_OFFSET_PIXELS = 10_000  # an offset's length in the detector's units, in pixels (lib/model/utils/matching.py there)
_BOX_COLUMNS, _CONTACT_COLUMNS = 5, 10

_Seen = tuple[float, np.ndarray, np.ndarray]  # when, hands, objects: rows of _CONTACT_COLUMNS in shares of the frame


def read_egoclip_boxes(folder: Path, clips: Mapping[float, float]) -> Detections:
    """The detections of one video.

    Args:
        folder: The video's folder of ``.handobj.pkl`` files.
        clips: The video's clips, from start to end in seconds.

    Raises:
        MediaError: A file cannot be used, or most of its clips are not among ``clips``.
    """
    seen: list[_Seen] = []
    unknown, total = 0, 0
    for path in sorted(folder.glob("*.handobj.pkl")):
        for start_s, frames in _entries(path):
            stop_s = _stop_of(start_s, clips)
            total += 1
            if stop_s is None:
                unknown += 1
            else:
                seen.extend(_frames(path, max(start_s, 0.0), stop_s, frames))
    if 2 * unknown > total:
        raise _fault(
            folder,
            f"{unknown} of {total} entries start at no clip of egoclip.csv",
            "put the egoclip.csv beside them that the boxes were made from",
        )
    return _flatten(seen)


def _fault(path: Path, message: str, remedy: str = "download it again from where it was published") -> MediaError:
    return MediaError(Fault("not-egoclip-boxes", path, message, remedy))


def _entries(path: Path) -> Iterator[tuple[float, Mapping[object, object]]]:
    entries = load_plain_pickle(path, arrays=True)
    if not isinstance(entries, dict):
        raise _fault(path, "holds something else than a dict of clips")
    for start_s, frames in entries.items():
        if not isinstance(start_s, int | float) or not abs(start_s) < 1e9 or not isinstance(frames, dict):
            raise _fault(path, f"entry {start_s!r} is not the start of a clip with its frames")
        yield float(start_s), frames


def _stop_of(start_s: float, clips: Mapping[float, float]) -> float | None:
    for shift_s in (0.0, -0.001, 0.001):
        key = round(start_s + shift_s, 3)
        if key in clips:
            return clips[key]
    return None


def _frames(path: Path, start_s: float, stop_s: float, frames: Mapping[object, object]) -> Iterator[_Seen]:
    info = frames.get("info")
    size = [info.get(name) for name in ("width", "height")] if isinstance(info, dict) else []
    if len(size) != 2 or not all(isinstance(pixels, int | float) and 0 < pixels < 1e6 for pixels in size):
        raise _fault(path, f"the clip at {start_s:g} s does not say its image's width and height")
    for index in range(FRAMES_PER_CLIP):
        found = frames.get(index)
        if isinstance(found, dict):
            time_s = start_s + (index + 0.5) / FRAMES_PER_CLIP * (stop_s - start_s)
            hands, objects = (
                _rows(path, start_s, found.get(name), np.array(size, dtype=np.float64))
                for name in ("hand_dets", "obj_dets")
            )
            yield time_s, hands, objects


def _rows(
    path: Path, start_s: float, value: object, size: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "boxes columns"]:
    """Boxes as shares of the frame; where the file has no contact columns, no hand is in contact."""
    rows = np.zeros((0, _CONTACT_COLUMNS)) if value is None else as_array(value)
    if rows is None or rows.ndim != 2 or rows.shape[1] < _BOX_COLUMNS or not np.isfinite(rows).all():
        raise _fault(path, f"the clip at {start_s:g} s has boxes that are not rows of at least 5 finite numbers")
    full = np.zeros((len(rows), _CONTACT_COLUMNS))
    columns = _CONTACT_COLUMNS if rows.shape[1] >= _CONTACT_COLUMNS else _BOX_COLUMNS
    full[:, :columns] = rows[:, :columns]
    full[:, :4] /= np.tile(size, 2)
    full[:, 7:9] *= full[:, 6:7] * _OFFSET_PIXELS / size
    return full


def _flatten(seen: Sequence[_Seen]) -> Detections:
    times_s, frame = np.unique(np.array([time_s for time_s, _, _ in seen]), return_inverse=True)
    none = np.zeros((0, _CONTACT_COLUMNS))
    hands = np.concatenate([none, *(rows for _, rows, _ in seen)])
    objects = np.concatenate([none, *(rows for _, _, rows in seen)])
    return Detections(
        times_s=times_s,
        hand_frame=np.repeat(frame, [len(rows) for _, rows, _ in seen]),
        hand_box=hands[:, :4],
        hand_score=hands[:, 4],
        hand_contact=hands[:, 5] > 0,
        hand_reach=centres(hands[:, :4]) + hands[:, 7:9],
        object_frame=np.repeat(frame, [len(rows) for _, _, rows in seen]),
        object_box=objects[:, :4],
        object_score=objects[:, 4],
    )


class EgoClipBoxes(AbstractTrackLocator):
    """Hand boxes from a folder of EgoClip boxes, interpolated between the four frames of each clip.

    Args:
        path: The folder, holding ``<video_uid>/<number>.handobj.pkl``; ``egoclip.csv`` lies in it or beside it.
        hand_threshold: A hand is visible if it scores at least this; X-MIC's file names say 0.5 for Ego4D.
        object_threshold: An object can be touched if it scores at least this.
        max_gap_s: See ``boxes_at``.
    """

    def __init__(
        self,
        path: Path,
        *,
        hand_threshold: float = 0.8,
        object_threshold: float = 0.01,
        max_gap_s: float = MAX_GAP_S,
    ):
        super().__init__(max_gap_s=max_gap_s)
        self._path = path
        self._hand_threshold = hand_threshold
        self._object_threshold = object_threshold

    @property
    def description(self) -> dict[str, object]:
        """Format, thresholds and the folder's name; for the detections see ``fingerprint``."""
        return {
            "kind": "egoclip",
            "source": self._path.name,
            "hand_threshold": self._hand_threshold,
            "object_threshold": self._object_threshold,
            "max_gap_s": self._max_gap_s,
        }

    def faults(self, video_ids: Sequence[str]) -> tuple[Fault, ...]:
        """One fault for each video without files of boxes."""
        return tuple(
            Fault(
                "missing-detections",
                self._path,
                f"no hand detections for video {video_id!r} (expected {video_id}/0.handobj.pkl)",
                "make boxes for it and give them as a table, or use the palm detector",
            )
            for video_id in video_ids
            if not any((self._path / video_id).glob("*.handobj.pkl"))
        )

    def fingerprint(self, video_id: str) -> str:
        """Of the video's files and of ``egoclip.csv``, which says when the clips of all videos end."""
        files = [*(self._path / video_id).glob("*.handobj.pkl")]
        return fingerprint_of([*files, *filter(None, [self._clip_table])]) if files else ""

    def read_track(self, video_id: str, info: VideoInfo) -> BoxTrack:
        """The union of hands and touched objects at the frames that were looked at; see ``union_boxes``.

        Raises:
            MediaError: There are no files for this video, they cannot be used, or ``egoclip.csv`` is missing.
        """
        for fault in self.faults([video_id]):
            raise MediaError(fault)
        clips = self._clips.filter(pl.col("video_uid") == video_id)
        starts_s = clips["clip_start"].round(3).to_list()
        # Of clips with one start, the boxes are those of the first that EgoClip lists.
        detections = read_egoclip_boxes(
            self._path / video_id, dict(zip(reversed(starts_s), reversed(clips["clip_end"].to_list()), strict=True))
        )
        boxes = union_boxes(detections, hand_threshold=self._hand_threshold, object_threshold=self._object_threshold)
        return BoxTrack(detections.times_s, boxes)

    @property
    def _clip_table(self) -> Path | None:
        candidates = (self._path / "egoclip.csv", self._path.parent / "egoclip.csv")
        return next((path for path in candidates if path.is_file()), None)

    @cached_property
    def _clips(self) -> pl.DataFrame:
        path = self._clip_table
        if path is None:
            remedy = (
                f"put EgoClip's egoclip.csv at {self._path / 'egoclip.csv'}: the boxes do not say when their clips end"
            )
            raise MediaError(Fault("missing-file", self._path, "holds no egoclip.csv", remedy))
        return read_clip_ends(path)


def read_clip_ends(path: Path) -> pl.DataFrame:
    """The columns ``video_uid``, ``clip_start`` and ``clip_end`` of EgoClip's tab-separated ``egoclip.csv``.

    Raises:
        MediaError: A column is missing or has no numbers.
    """
    schema = {"video_uid": pl.Categorical, "clip_start": pl.Float64, "clip_end": pl.Float64}
    try:
        # Captions, which follow these columns, may hold stray tabs.
        return read_csv(path, separator="\t", columns=list(schema), schema_overrides=schema, truncate_ragged_lines=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise _fault(path, f"does not have the columns {', '.join(schema)} as EgoClip writes them ({reason})") from None

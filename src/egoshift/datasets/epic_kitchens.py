"""EPIC-KITCHENS-100: the CSV files of https://github.com/epic-kitchens/epic-kitchens-100-annotations.

Times and frames. A row gives its segment twice: as timestamps and as frame numbers. The timestamps hold for the video
files. The frame numbers count the frames that EPIC-KITCHENS extracted itself, at 60 frames a second for the videos of
2018 (``P01_01``) and at 50 for those of 2020 (``P01_101``), *whatever the rate of the video file* (59.94, 50, 29.97,
47.95 or 90 in ``EPIC_100_video_info.csv``). Measured on 64,990 rows of the published files: ``start_frame`` is
``start_timestamp`` times 60 or 50 within one frame in every row, while the file's rate is off by up to 220 frames at
59.94 Hz and by thousands at the other rates. So the timestamps are used throughout, and a folder of numbered frames is
read at the rate that its rows' own numbers agree with.
"""

import ast
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import polars as pl

from egoshift.datasets.assembly import Sensors, assemble
from egoshift.datasets.card import DataCard
from egoshift.datasets.checks import Sieve
from egoshift.datasets.inertial_files import epic_imus
from egoshift.datasets.sensors import found_sensors
from egoshift.datasets.tables import Column, Reads, Table, read_csv
from egoshift.datasets.videos import by_stem, find_media
from egoshift.datasets.vocabulary import build_vocabulary, clean_epic_name
from egoshift.errors import DataError, Fault
from egoshift.records import Dataset, Label, Vocabulary

SPLIT_FILES = {"train": "EPIC_100_train.csv", "val": "EPIC_100_validation.csv"}
"""The unannotated test segments are not read."""

# v2 adds five nouns that no segment has; the published label space is that of the first.
CLASS_FILES: Mapping[Label, tuple[str, ...]] = {
    "verb": ("EPIC_100_verb_classes.csv", "EPIC_100_verb_classes_v2.csv"),
    "noun": ("EPIC_100_noun_classes.csv", "EPIC_100_noun_classes_v2.csv"),
}
INFO_FILE = "EPIC_100_video_info.csv"

FRAME_TIME_TOLERANCE_S = 0.5

_SEGMENT_COLUMNS = {
    "narration_id": Column("text"),
    "video_id": Column("text"),
    "start_timestamp": Column("seconds"),
    "stop_timestamp": Column("seconds"),
    "start_frame": Column("integer", required=False, blank=True),
    "verb_class": Column("integer"),
    "noun_class": Column("integer"),
}
_CLASS_COLUMNS = {
    "id": Column("integer"),
    "key": Column("text"),
    "instances": Column("text", required=False, blank=True),
}
_INFO_COLUMNS = {"video_id": Column("text"), "fps": Column("number")}
_NAMES = {
    "narration_id": "clip_id",
    "start_timestamp": "start_s",
    "stop_timestamp": "stop_s",
    "verb_class": "verb",
    "noun_class": "noun",
}


def read_epic_kitchens(card: DataCard, need_videos: bool) -> Dataset:
    """Reads the train and validation segments, the class files and, where it is there, the video information.

    Only a segment's first noun (``noun_class``) counts. Either of the two segment files is enough. Videos are found by
    name anywhere under ``videos``: ``P01_01.MP4``, ``P01/videos/P01_01.MP4``, ``P01/rgb_frames/P01_01/`` and so on.
    Their sensors are the pictures, the sound of the file where it has a track, and the IMU where there is a table
    ``P01/meta_data/P01_101-accl.csv`` or ``-gyro.csv`` under ``videos`` or beside it; that there is none is no fault.

    Args:
        card: Says where the files lie.
        need_videos: Leave out clips whose video is not there, unless its IMU is. Sensors are looked for only then,
            since whether a video has sound is known by opening it.

    Raises:
        DataError: Files are missing or unusable; names all that is wrong with them.
    """
    assert card.annotations is not None, "the card checks it"
    folder, reads = card.annotations, Reads()
    paths = reads.attempt(partial(_segment_files, folder)) or {}
    tables = {split: reads.attempt(partial(read_csv, path, _SEGMENT_COLUMNS)) for split, path in paths.items()}
    vocabularies = [reads.attempt(partial(_read_classes, folder, label)) for label in CLASS_FILES]
    info = reads.attempt(partial(_read_info, folder / INFO_FILE))
    media = by_stem(reads.attempt(partial(find_media, card.videos, required=need_videos)) or ())
    reads.finish()
    segments = {split: table for split, table in tables.items() if table is not None}
    rows = pl.concat(table.rows.with_columns(split=pl.lit(split)) for split, table in segments.items()).rename(_NAMES)
    rates = numbering_rates(rows, dict(info.rows.select("video_id", "fps").iter_rows()) if info else {})
    rows, frame_faults = _check_frames(card, rows, media, rates)
    faults = [fault for table in (*segments.values(), info) if table for fault in table.faults] + frame_faults
    return assemble(
        card,
        rows,
        {vocabulary.label: vocabulary for vocabulary in vocabularies if vocabulary},
        media,
        rates,
        faults=faults,
        num_annotated=sum(table.num_rows for table in segments.values()),
        need_videos=need_videos,
        sensors=_sensors(card, rows, media) if need_videos else None,
    )


def _sensors(card: DataCard, rows: pl.DataFrame, media: Mapping[str, Path]) -> Sensors:
    used = sorted(set(rows["video_id"]))
    imus = epic_imus((card.videos, card.videos.parent), used)
    return found_sensors({video: media[video] for video in used if video in media}, imus)


def numbering_rates(rows: pl.DataFrame, file_rates_hz: Mapping[str, float]) -> dict[str, float]:
    """How many numbered frames a second of each video has, as its own rows say.

    Candidates are EPIC-KITCHENS's own rates (60 for ``P01_01``, 50 for ``P01_101``) and the rate of the video file;
    the first is taken unless the second agrees better, by a frame and more, with the rows' frames and timestamps.

    Args:
        rows: ``video_id``, ``start_s`` and ``start_frame`` (null where not given).
        file_rates_hz: The rate of the video file by video id.
    """
    rates = {video: _own_rate(video) or file_rates_hz.get(video) for video in rows["video_id"].unique()}
    candidates = pl.DataFrame(
        [(video, rate, file_rates_hz.get(video, rate)) for video, rate in rates.items() if rate is not None],
        schema={"video_id": pl.String, "own_hz": pl.Float64, "file_hz": pl.Float64},
        orient="row",
    )
    errors = (
        rows.join(candidates, on="video_id")
        .group_by("video_id", "own_hz", "file_hz")
        .agg(
            own_error=(pl.col("start_frame") - pl.col("start_s") * pl.col("own_hz")).abs().median(),
            file_error=(pl.col("start_frame") - pl.col("start_s") * pl.col("file_hz")).abs().median(),
        )
    )
    is_file = (pl.col("file_error") + 1 < pl.col("own_error")).fill_null(False)
    chosen = errors.select("video_id", pl.when(is_file).then("file_hz").otherwise("own_hz").alias("rate"))
    return dict(chosen.iter_rows())


def _own_rate(video_id: str) -> float | None:
    if re.fullmatch(r"P\d+_\d\d", video_id):
        return 60.0
    return 50.0 if re.fullmatch(r"P\d+_1\d\d", video_id) else None


def _segment_files(folder: Path) -> dict[str, Path]:
    paths = {split: folder / name for split, name in SPLIT_FILES.items() if (folder / name).exists()}
    if not paths:
        message = f"neither {' nor '.join(SPLIT_FILES.values())} is here"
        raise DataError([Fault("missing-file", folder, message, "put one there, or correct 'annotations'")])
    return paths


def _read_info(path: Path) -> Table | None:
    return read_csv(path, _INFO_COLUMNS) if path.exists() else None


def _read_classes(folder: Path, label: Label) -> Vocabulary:
    paths = [folder / name for name in CLASS_FILES[label]]
    path = next((path for path in paths if path.exists()), paths[0])
    table = read_csv(path, _CLASS_COLUMNS)
    classes = table.rows.sort("id")
    faults = list(table.faults)
    if not faults and classes["id"].to_list() != list(range(len(classes))):
        faults.append(Fault("class-ids", path, "ids are not 0, 1, 2 and so on", "use the original file"))
    names = [clean_epic_name(key) for key in classes["key"]]
    synonyms = []
    for name, text, row in zip(names, classes["instances"], classes["row"], strict=True):
        instances = _instances(text)
        if instances is None:
            message = f"instances is {text[:40]!r}, expected a list such as ['tap', 'tap:water']"
            faults.append(Fault("bad-value", path, message, "correct it", row))
        synonyms.append(tuple(each for each in dict.fromkeys(instances or ()) if each != name))
    if faults:
        raise DataError(faults)
    return build_vocabulary(label, path, names, synonyms)


def _instances(text: str | None) -> list[str] | None:
    """The names that were merged into a class, cleaned; none where the text is no list of strings."""
    try:
        instances = ast.literal_eval(text or "[]")
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # the last two where it is nested too deeply
        return None
    if not isinstance(instances, list) or not all(isinstance(each, str) for each in instances):
        return None
    return [clean_epic_name(each) for each in instances]


def _check_frames(
    card: DataCard, rows: pl.DataFrame, media: Mapping[str, Path], rates_hz: Mapping[str, float]
) -> tuple[pl.DataFrame, list[Fault]]:
    """Leaves out rows whose frame number and timestamp disagree, where folders of numbered frames are read by them.

    Video files carry their own times, and with a rate on the card the frames are the user's own: there the numbers of
    the annotation files mean nothing.
    """
    sieve = Sieve(rows)
    if card.frame_rate_hz is None:
        folders = {video: rate for video, rate in rates_hz.items() if video in media and media[video].is_dir()}
        rate = pl.col("video_id").replace_strict(folders, default=None, return_dtype=pl.Float64)
        frame_s = pl.col("start_frame") / rate
        sieve.check(
            (frame_s - pl.col("start_s")).abs() > FRAME_TIME_TOLERANCE_S,
            "frame-time-mismatch",
            pl.format("frame {} is at {} s but the timestamp is {} s", "start_frame", frame_s.round(2), "start_s"),
            "correct the row, or set frame_rate_hz in the data card if you extracted the frames yourself",
        )
    return sieve.kept, sieve.faults

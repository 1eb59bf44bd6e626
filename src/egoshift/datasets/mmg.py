"""Clips of several sensors, with base and novel classes: what MMG-Ego4D's protocols need, in CSV files of ours.

The annotations and class names of MMG-Ego4D (https://arxiv.org/abs/2305.07214) are not public, so there is no format of
its own to read. In one folder:

* ``clips.csv``: ``clip_id,video,start_s,stop_s,class,group,split``. ``split`` is train, val, test or unlabelled, and
  ``class`` is empty where it is unlabelled. ``group`` is base or novel, and may be left out; novel classes are in the
  split test only, for they are for few-shot tests.
* ``classes.csv``: ``id,name,group``, ids from 0. With it ``class`` is an id; without, ``class`` is a name, the classes
  are the names sorted, and ``group`` in the clips tells the novel ones.
* ``imu/<video>.csv``: the inertial tables, in Ego4D's columns; sound is in the videos.
* ``sensors.csv``: ``video,sensor,path,part,layout``, where files lie elsewhere; then nothing else is looked for.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from egoshift.datasets.assembly import Sensors, assemble
from egoshift.datasets.card import DataCard
from egoshift.datasets.checks import Sieve
from egoshift.datasets.inertial_files import ego4d_imus
from egoshift.datasets.sensors import SENSORS, absent_everywhere, found_sensors, listed_sensors, videos_of
from egoshift.datasets.tables import Column, Kind, Reads, Table, read_csv
from egoshift.datasets.videos import by_stem, find_media
from egoshift.datasets.vocabulary import build_vocabulary, clean_own_name
from egoshift.errors import DataError, Fault
from egoshift.records import Dataset, Split, Vocabulary

CLIPS_FILE, CLASSES_FILE, SENSORS_FILE = "clips.csv", "classes.csv", "sensors.csv"
GROUPS = ("base", "novel")
SPLITS: tuple[Split, ...] = ("train", "val", "test", "unlabelled")

_CLIP_COLUMNS = {
    "clip_id": Column("text"),
    "video": Column("text"),
    "start_s": Column("seconds"),
    "stop_s": Column("seconds"),
    "group": Column("text", required=False, blank=True),
    "split": Column("text"),
}
_CLASS_COLUMNS = {"id": Column("integer"), "name": Column("text"), "group": Column("text")}
_UNKNOWN_GROUP = (pl.format("group {} is unknown", "group"), "use base or novel")


def read_mmg(card: DataCard, need_videos: bool) -> Dataset:
    """Reads the clips, their classes, and where the files of each recording's sensors are.

    A sensor that a recording lacks is absent from ``Dataset.sensors``; one that no recording has is a fault. The
    classes are of the kind ``action``, and the novel ones are in ``Dataset.novel_classes``.

    Args:
        card: Says where the files lie; ``annotations`` is ``clips.csv`` or its folder.
        need_videos: Leave out clips of recordings of which no sensor is there.

    Raises:
        DataError: Files are missing or unusable; names all that is wrong with them.
    """
    assert card.annotations is not None, "the card checks it"
    clips_file = card.annotations / CLIPS_FILE if card.annotations.is_dir() else card.annotations
    folder, reads = clips_file.parent, Reads()
    is_listed = (folder / CLASSES_FILE).exists()
    classes = reads.attempt(partial(_read_classes, folder / CLASSES_FILE)) if is_listed else None
    table = reads.attempt(partial(_read_clips, clips_file, numbered=is_listed))
    found = reads.attempt(partial(_read_sensors, card, folder, required=need_videos))
    reads.finish()
    assert table is not None, "finish raises otherwise"
    assert found is not None, "finish raises otherwise"
    rows, (sensors, sensor_faults) = table.rows, found
    if classes is None:
        rows, classes = _numbered(clips_file, rows)
    rows, faults = _checked(rows, classes)
    dataset = assemble(
        card,
        rows,
        {"action": classes.names},
        videos_of(sensors),
        {},
        faults=[*table.faults, *faults, *sensor_faults],
        num_annotated=table.num_rows,
        need_videos=need_videos,
        sensors=sensors,
        novel_classes={"action": tuple(np.flatnonzero(np.array(classes.groups) == "novel").tolist())},
    )
    return _with_absences(card, folder, dataset) if need_videos else dataset


@dataclass(frozen=True)
class _Classes:
    """The classes, and of each whether it is base or novel."""

    names: Vocabulary
    groups: tuple[str, ...]


def _read_clips(path: Path, *, numbered: bool) -> Table:
    kind: Kind = "integer" if numbered else "text"
    table = read_csv(path, {**_CLIP_COLUMNS, "class": Column(kind, blank=True)})
    if not table.num_rows:
        raise DataError([Fault("empty-file", path, "holds no clip", "write one clip a line below its header")])
    rows = table.rows.rename({"video": "video_id", "class": "action"})
    labels = {label: pl.lit(None, pl.Int64) for label in ("verb", "noun")}
    return Table(path, rows.with_columns(**labels), table.faults, table.num_rows)


def _read_classes(path: Path) -> _Classes:
    table = read_csv(path, _CLASS_COLUMNS)
    sieve = Sieve(table.rows)
    sieve.check(~pl.col("group").is_in(GROUPS), "unknown-group", *_UNKNOWN_GROUP)
    faults = [*table.faults, *sieve.faults]
    if not faults and table.rows["id"].to_list() != list(range(len(table.rows))):
        faults.append(Fault("class-ids", path, "ids are not 0, 1, 2 and so on", "number the classes from 0, in order"))
    if not faults and not table.num_rows:
        faults.append(Fault("empty-file", path, "lists no class", "write one class a line, or remove the file"))
    if faults:
        raise DataError(faults)
    names = build_vocabulary("action", path, [clean_own_name(name) for name in table.rows["name"]])
    return _Classes(names, tuple(table.rows["group"]))


def _numbered(path: Path, rows: pl.DataFrame) -> tuple[pl.DataFrame, _Classes]:
    """Rows with numbers for class names, and the classes: the names, sorted; a class's group is the first told."""
    cleaned = {text: clean_own_name(text) for text in rows["action"].drop_nulls().unique()}
    names = build_vocabulary("action", path, sorted(set(cleaned.values())))
    position = {name: index for index, name in enumerate(names.names)}
    numbers = {text: position[name] for text, name in cleaned.items()}
    rows = rows.with_columns(action=pl.col("action").replace_strict(numbers, default=None, return_dtype=pl.Int64))
    told = rows.drop_nulls(["action", "group"]).filter(pl.col("group").is_in(GROUPS)).group_by("action")
    groups = dict(told.agg(pl.first("group")).iter_rows())
    return rows, _Classes(names, tuple(groups.get(index, "base") for index in range(len(names))))


def _checked(rows: pl.DataFrame, classes: _Classes) -> tuple[pl.DataFrame, list[Fault]]:
    """The rows whose split, class and group fit together, and a fault for each other."""
    groups, names = (dict(enumerate(values)) for values in (classes.groups, classes.names.names))
    rows = rows.with_columns(
        own_group=pl.col("action").replace_strict(groups, default=None, return_dtype=pl.String),
        name=pl.col("action").replace_strict(names, default=None, return_dtype=pl.String),
    )
    sieve = Sieve(rows)
    split, is_unlabelled = pl.col("split"), pl.col("split") == "unlabelled"
    message = pl.format("split {} is unknown", "split")
    sieve.check(~split.is_in(SPLITS), "unknown-split", message, "use train, val, test or unlabelled")
    sieve.check(pl.col("group").is_not_null() & ~pl.col("group").is_in(GROUPS), "unknown-group", *_UNKNOWN_GROUP)
    sieve.check(
        ~is_unlabelled & split.is_in(SPLITS) & pl.col("action").is_null(),
        "no-class",
        pl.format("clip {} of the split {} has no class", "clip_id", "split"),
        "name its class, or put it in the split unlabelled",
    )
    sieve.check(
        is_unlabelled & pl.col("action").is_not_null(),
        "class-of-unlabelled",
        pl.format("clip {} is unlabelled but has the class {}", "clip_id", pl.col("name").fill_null("?")),
        "leave its class empty, or put it in another split",
    )
    sieve.check(
        pl.col("group").is_in(GROUPS) & (pl.col("group") != pl.col("own_group")),
        "wrong-group",
        pl.format("clip {} is {}, but its class {} is {}", "clip_id", "group", "name", "own_group"),
        "correct the group or the class; a class is in one group",
    )
    sieve.check(
        (pl.col("own_group") == "novel") & split.is_in(["train", "val"]),
        "novel-in-training",
        pl.format("clip {} of the novel class {} is in the split {}", "clip_id", "name", "split"),
        "put it in the split test, or make its class base",
    )
    return sieve.kept.drop("own_group", "name"), sieve.faults


def _read_sensors(card: DataCard, folder: Path, *, required: bool) -> tuple[Sensors, list[Fault]]:
    listing = folder / SENSORS_FILE
    if listing.exists():
        return listed_sensors(listing)
    media = by_stem(find_media(card.videos, required=required))
    return found_sensors(media, ego4d_imus([folder])), []


def _with_absences(card: DataCard, folder: Path, dataset: Dataset) -> Dataset:
    """The data set with a fault for each sensor that no recording of it has."""
    listing = folder / SENSORS_FILE
    looked_for = {
        "video": f"looked for {card.videos}/<video>.mp4 and the like",
        "audio": "no video has a sound track",
        "imu": f"looked for {folder / 'imu'}/<video>.csv",
    }
    if listing.exists():
        looked_for = dict.fromkeys(SENSORS, f"none is listed in {SENSORS_FILE}")
    faults = absent_everywhere(listing if listing.exists() else folder, dataset, looked_for)
    return replace(dataset, faults=(*dataset.faults, *faults))

"""ClassyGlass: four sensors in the frame of glasses, 27 people, 15 activities.

Source: https://github.com/MU-Smart/ClassyGlass (CC BY 4.0), brought into one ``.npz``: ``meta`` is a JSON list with an
entry a recording (``set``, ``user``, ``exp``, ``label``, ``name``, ``seconds``, ``sensors``), and recording i has the
arrays ``{i}_acc``, ``{i}_gyr``, ``{i}_mag`` and ``{i}_pre``; one that is not there is a sensor that did not record.

A recording shows one activity, about two minutes of it; it is cut into windows of ``clip_s`` seconds from its start,
and what remains at its end is not used. **Nobody is in two splits**: of each part of the study (1A, 1B), a fifth of the
users is left out for the test and a fifth for validation, at least one each. Who that is follows from ``split_seed``;
``test_users`` and ``val_users`` name them instead.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from egoshift.datasets.assembly import Sensors, assemble
from egoshift.datasets.card import DataCard
from egoshift.datasets.checks import Sieve
from egoshift.datasets.sensors import absent_everywhere
from egoshift.datasets.tables import Column, read_entries
from egoshift.datasets.vocabulary import build_vocabulary, clean_own_name
from egoshift.errors import DataError, Fault
from egoshift.foreign import check_sizes, parse_json
from egoshift.records import Dataset, SensorFile, Split, Vocabulary

ARRAYS = {
    "accelerometer": ("acc", "Accelerometer"),
    "gyroscope": ("gyr", "Gyroscope"),
    "magnetometer": ("mag", "Magnetometer"),
    "barometer": ("pre", "Pressure"),
}
"""By sensor, how the names of its arrays end, and what ``meta`` calls it."""

LEFT_OUT_SHARE = 0.2
"""The share of users in the split test, and in the split val."""

_FIELDS = {
    "set": Column("text"),
    "user": Column("integer"),
    "exp": Column("integer"),
    "label": Column("integer"),
    "name": Column("text"),
    "seconds": Column("number"),
}
_AGAIN = "download the archive again"


def read_classyglass(card: DataCard, need_videos: bool) -> Dataset:
    """Reads the list of recordings and which sensors each has; there are no videos.

    Recordings are called by part, user and number in the study, such as ``1A-u03-e07``. The classes are of the kind
    ``action``.

    Args:
        card: Says where the archive is, how long windows are and who is left out.
        need_videos: Leave out windows of recordings of which no sensor is there.

    Raises:
        DataError: The archive cannot be used, or users are named who are not in it.
    """
    assert card.annotations is not None, "the card checks it"
    path = card.annotations
    listed, arrays = _read_archive(path)
    table = read_entries(path, listed, _FIELDS)
    recordings, names, faults = _recordings(path, table.rows)
    sensors, sensor_faults = _sensors(path, recordings, listed, arrays)
    splits = _splits(card, path, recordings)
    rows, short = _windows(recordings, card.clip_s)
    rows = rows.with_columns(split=pl.col("user").replace_strict(splits, return_dtype=pl.String))
    dataset = assemble(
        card,
        rows,
        {"action": names},
        {},
        {},
        faults=[*table.faults, *faults, *short, *sensor_faults],
        num_annotated=len(rows),
        need_videos=need_videos,
        sensors=sensors,
    )
    looked_for = {name: f"there is no array such as 0_{ending}" for name, (ending, _) in ARRAYS.items()}
    return replace(dataset, faults=(*dataset.faults, *absent_everywhere(path, dataset, looked_for)))


def split_users(
    users_by_part: Mapping[str, Collection[int]], seed: int, test: Collection[int] = (), val: Collection[int] = ()
) -> dict[int, Split]:
    """The split of each user.

    Of those who are not named, a fifth of each part (at least one) is drawn for the test, unless test users are named,
    and as many for validation, unless those are; the others are for training. They are drawn in the order of a hash of
    seed and user, so that it is the same everywhere and always.

    Args:
        users_by_part: The users of each part of the study.
        seed: Another draws others.
        test: Users who are for the test.
        val: Users who are for validation.

    >>> split_users({"1A": range(1, 6)}, seed=0, test=[2])
    {2: 'test', 4: 'val', 1: 'train', 5: 'train', 3: 'train'}
    """
    splits: dict[int, Split] = {**dict.fromkeys(test, "test"), **dict.fromkeys(val, "val")}
    for users in users_by_part.values():
        number = max(1, round(len(users) * LEFT_OUT_SHARE))
        num_test, num_val = 0 if test else number, 0 if val else number
        free = [user for user in users if user not in test and user not in val]
        drawn = sorted(free, key=lambda user: hashlib.sha256(f"{seed}/{user}".encode()).hexdigest())
        for place, user in enumerate(drawn):
            splits[user] = "test" if place < num_test else "val" if place < num_test + num_val else "train"
    return splits


def _read_archive(path: Path) -> tuple[list[Any], frozenset[str]]:
    """The list of recordings, and the names of the arrays, none of which is read."""
    try:
        # NumPy leaves a file open that it opened itself and then finds to be no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            check_sizes(archive)
            listed = parse_json(str(archive["meta"]))
            arrays = frozenset(archive.files)
    except FileNotFoundError:
        raise DataError(
            [Fault("missing-file", path, "no such file", "put it there, or correct the data card")]
        ) from None
    except json.JSONDecodeError as error:
        raise DataError([Fault("bad-json", path, f"its array 'meta' is not JSON ({error.msg})", _AGAIN)]) from None
    except Exception:  # NumPy and zipfile name no complete list of what a damaged file causes
        message = "is no .npz archive with an array 'meta' of text"
        raise DataError([Fault("not-an-archive", path, message, _AGAIN)]) from None
    if not isinstance(listed, list) or not listed:
        raise DataError([Fault("empty-file", path, "its array 'meta' lists no recording", _AGAIN)])
    return listed, arrays


def _recordings(path: Path, rows: pl.DataFrame) -> tuple[pl.DataFrame, Vocabulary, list[Fault]]:
    """The recordings with ids and class indices, the classes, and a fault for each that does not fit the others."""
    named = {label: name for label, name in rows.select("label", "name").reverse().iter_rows()}
    if sorted(named) != list(range(len(named))):
        raise DataError([Fault("class-ids", path, f"labels are {sorted(named)}, expected 0, 1, 2 and so on", _AGAIN)])
    names = build_vocabulary("action", path, [clean_own_name(named[label]) for label in range(len(named))])
    two = pl.col("user").cast(pl.String).str.zfill(2), pl.col("exp").cast(pl.String).str.zfill(2)
    rows = rows.with_columns(
        video_id=pl.format("{}-u{}-e{}", "set", *two),
        own_name=pl.col("label").replace_strict(named, return_dtype=pl.String),
    )
    sieve = Sieve(rows)
    message = pl.format("label {} is called {} but also {}", "label", "name", "own_name")
    sieve.check(pl.col("name") != pl.col("own_name"), "conflicting-labels", message, "correct one of the two")
    message = pl.format("recording {} is already listed above", "video_id")
    sieve.check(~pl.col("video_id").is_first_distinct(), "duplicate-recording", message, "remove one of the two")
    labels = {label: pl.lit(None, pl.Int64) for label in ("verb", "noun")}
    return sieve.kept.drop("own_name").rename({"label": "action"}).with_columns(**labels), names, sieve.faults


def _sensors(
    path: Path, recordings: pl.DataFrame, listed: Sequence[Any], arrays: Collection[str]
) -> tuple[Sensors, list[Fault]]:
    """The sensors of each recording, and a fault for each that is listed but has no array."""
    sensors, faults = {}, []
    for video, entry in recordings.select("video_id", "entry").iter_rows():
        having = [name for name, (ending, _) in ARRAYS.items() if f"{entry}_{ending}" in arrays]
        sensors[video] = {name: SensorFile(path, "classyglass", str(entry)) for name in having}
        said = listed[entry].get("sensors")
        for name, (ending, listed_as) in ARRAYS.items():
            if name not in having and isinstance(said, list) and listed_as in said:
                message = f"entry {entry}: lists {listed_as} but has no array {entry}_{ending}"
                faults.append(Fault("missing-array", path, message, f"the sensor counts as absent; {_AGAIN}"))
    return sensors, faults


def _splits(card: DataCard, path: Path, recordings: pl.DataFrame) -> dict[int, Split]:
    """The split of each user, who belongs to the part that lists them first."""
    parts = recordings.unique("user", keep="first", maintain_order=True).sort("user")
    users_by_part = dict(parts.group_by("set", maintain_order=True).agg("user").iter_rows())
    users = set(parts["user"])
    unknown = sorted({*card.test_users, *card.val_users} - users)
    if unknown:
        message = f"user {', '.join(map(str, unknown))} is not here; users are {', '.join(map(str, sorted(users)))}"
        raise DataError([Fault("unknown-user", path, message, "correct test_users and val_users in the data card")])
    splits = split_users(users_by_part, card.split_seed, card.test_users, card.val_users)
    if "train" not in splits.values():
        message = f"no user is left to train on: {len(users)} in all"
        raise DataError([Fault("no-training-users", path, message, "leave out fewer users in the data card")])
    return splits


def _windows(recordings: pl.DataFrame, clip_s: float) -> tuple[pl.DataFrame, list[Fault]]:
    """Every recording as windows of equal length; one that is shorter than a window is a fault."""
    slack = 1e-6  # of a window, for lengths that are a whole number of windows but for rounding
    recordings = recordings.with_columns(number=(pl.col("seconds") / clip_s + slack).floor().cast(pl.Int64))
    sieve = Sieve(recordings)
    message = pl.format("recording {} lasts {} s, less than a window of {} s", "video_id", "seconds", pl.lit(clip_s))
    sieve.check(pl.col("number") == 0, "too-short", message, "leave it out, or set a smaller clip_s in the data card")
    windows = sieve.kept.with_columns(window=pl.int_ranges(0, pl.col("number"))).explode("window")
    windows = windows.with_columns(start_s=pl.col("window") * clip_s, stop_s=(pl.col("window") + 1) * clip_s)
    return windows.with_columns(clip_id=pl.format("{}:{}", "video_id", "window")), sieve.faults

"""Ego4D, forecasting hands and objects (FHO), version 2: https://ego4d-data.org/docs/data/annotations-schemas.

Times. A segment's ``action_clip_start_sec`` and ``action_clip_end_sec`` in ``fho_lta_*.json`` count from the start of
the *clip* (five minutes, ``clip_uid``), which begins at ``clip_parent_start_sec`` of the full *video* (``video_uid``).
Both deliveries of the videos can be used: ``<video_uid>.mp4`` (times are shifted by the parent's start) and
``<clip_uid>.mp4`` (times as they are).

Classes are the taxonomy's own, by position. X-MIC's released code numbers them by the order of a Python set, which
differs from run to run; compare its classes by name.

Segments are 8 s long. X-MIC's released code uses the middle 4 s: ``window_s: 4`` in the data card.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from egoshift.datasets.assembly import Sensors, assemble
from egoshift.datasets.card import DataCard
from egoshift.datasets.checks import Sieve
from egoshift.datasets.ego4d_files import (
    LTA_FILES,
    MAIN_FILE,
    read_lta,
    read_main,
    read_metadata,
    read_taxonomy,
    some_lta,
)
from egoshift.datasets.inertial_files import ego4d_imus, ego4d_imus_of_clips
from egoshift.datasets.sensors import found_sensors
from egoshift.datasets.tables import Reads, Table
from egoshift.datasets.videos import by_stem, find_media
from egoshift.datasets.vocabulary import build_vocabulary, clean_ego4d_name, ego4d_synonyms
from egoshift.errors import Fault
from egoshift.records import Dataset, Label, Vocabulary


def read_ego4d_fho(card: DataCard, need_videos: bool) -> Dataset:
    """Reads ``fho_lta_train.json`` and ``fho_lta_val.json``, or else ``fho_main.json``, each with its taxonomy.

    One of the two lta files is enough. ``fho_main.json`` is read only where neither is there; its splits are those of
    ``ego4d.json``. Rejected and invalid actions in it are no annotations and are passed over. ``ego4d.json`` is looked
    for beside the annotations and up to two folders above, where the download puts it; it also says which videos have
    sound. Sensors are the pictures, that sound, and the IMU where there is a table ``imu/<video_uid>.csv`` beside the
    videos, as ``v2/imu``; that there is none is no fault.

    Args:
        card: Says where the files lie.
        need_videos: Leave out clips whose video is not there, unless its IMU is. Sensors are looked for only then.

    Raises:
        DataError: Files are missing or unusable; names all that is wrong with them.
    """
    assert card.annotations is not None, "the card checks it"
    folder, reads = card.annotations, Reads()
    is_main = (folder / MAIN_FILE).exists() and not any((folder / name).exists() for name in LTA_FILES.values())
    taxonomy = folder / ("fho_main_taxonomy.json" if is_main else "fho_lta_taxonomy.json")
    names = reads.attempt(partial(read_taxonomy, taxonomy)) or {}
    vocabularies = [reads.attempt(partial(_vocabulary, taxonomy, label, names[label])) for label in names]
    metadata = reads.attempt(partial(read_metadata, folder, required=is_main))
    if is_main:
        tables = [reads.attempt(partial(read_main, folder / MAIN_FILE, names, metadata))]
    else:
        paths = reads.attempt(partial(some_lta, folder)) or {}
        tables = [reads.attempt(partial(read_lta, path, split)) for split, path in paths.items()]
    media = by_stem(reads.attempt(partial(find_media, card.videos, required=need_videos)) or ())
    reads.finish()
    found = [table for table in tables if table is not None]
    rows, faults = _check(pl.concat(table.rows for table in found), names)
    rows, place_faults = _place(rows, card, media)
    return assemble(
        card,
        rows,
        {vocabulary.label: vocabulary for vocabulary in vocabularies if vocabulary},
        media,
        _rates(rows, metadata),
        faults=[fault for table in found for fault in table.faults] + faults + place_faults,
        num_annotated=sum(table.num_rows for table in found),
        need_videos=need_videos,
        sensors=_sensors(card, rows, media, metadata) if need_videos else None,
    )


def _vocabulary(path: Path, label: Label, names: Sequence[str]) -> Vocabulary:
    cleaned = [clean_ego4d_name(name) for name in names]
    return build_vocabulary(label, path, cleaned, [ego4d_synonyms(name) for name in names])


def _check(rows: pl.DataFrame, names: Mapping[Label, Sequence[str]]) -> tuple[pl.DataFrame, list[Fault]]:
    """Leaves out segments whose class index and class name contradict each other: another version's taxonomy."""
    sieve = Sieve(rows)
    for label, entries in names.items():
        expected = pl.col(label).replace_strict(dict(enumerate(entries)), default=None, return_dtype=pl.String)
        given = pl.col(f"{label}_name")
        indexless = given.is_not_null() & pl.col(label).is_null()
        sieve.check(
            indexless, "unknown-class", pl.format("{} {} is not in the taxonomy", pl.lit(label), given), _REMEDY
        )
        message = pl.format("{} is {}, but class {} of the taxonomy is {}", pl.lit(label), given, label, expected)
        sieve.check(given != expected, "unknown-class", message, _REMEDY)
    return sieve.kept, sieve.faults


_REMEDY = "use the taxonomy of the same release as the annotations"


def _place(rows: pl.DataFrame, card: DataCard, media: Mapping[str, Path]) -> tuple[pl.DataFrame, list[Fault]]:
    """Rows with ``video_id`` and times in that video: the full video where it is there, else the clip."""
    has_full, has_clip = (pl.col(name).is_in(list(media)) for name in ("video_uid", "clip_uid"))
    is_full = {"auto": has_full | ~has_clip.fill_null(False), "full": pl.lit(True), "clip": pl.lit(False)}[card.unit]
    rows = rows.with_columns(is_full=is_full)
    sieve = Sieve(rows)
    needed = pl.when("is_full").then("parent_start_s").otherwise(pl.lit(0.0))
    remedy = "correct it, or set unit: clip in the data card and give the clips"
    sieve.check(needed.is_null(), "bad-value", pl.lit("clip_parent_start_sec is empty"), remedy)
    sieve.check(~pl.col("is_full") & pl.col("clip_uid").is_null(), "bad-value", pl.lit("clip_uid is empty"), "give it")
    rows = sieve.kept.with_columns(
        video_id=pl.when("is_full").then("video_uid").otherwise("clip_uid"),
        start_s=pl.col("clip_start_s") + needed,
        stop_s=pl.col("clip_stop_s") + needed,
    )
    return rows, sieve.faults


def _sensors(card: DataCard, rows: pl.DataFrame, media: Mapping[str, Path], metadata: Table | None) -> Sensors:
    """Pictures, sound where ``ego4d.json`` or else the file says so, and the IMU, on the clock of the full video."""
    assert card.annotations is not None, "the card checks it"
    first = rows.unique("video_id", keep="first", maintain_order=True).sort("video_id")
    begin_s = pl.when("is_full").then(0.0).otherwise("parent_start_s")
    places = list(first.select("video_id", "video_uid", begin_s).drop_nulls().iter_rows())
    told = {} if metadata is None else dict(metadata.rows.select("video_uid", "has_sound").drop_nulls().iter_rows())
    heard = {video_id: bool(told[video_uid]) for video_id, video_uid, _ in places if video_uid in told}
    imus = ego4d_imus((card.videos, card.videos.parent, card.annotations.parent))
    used = {video: media[video] for video in first["video_id"] if video in media}
    return found_sensors(used, ego4d_imus_of_clips(imus, places), heard)


def _rates(rows: pl.DataFrame, metadata: Table | None) -> dict[str, float]:
    """The rate of each full video as ``ego4d.json`` gives it; a clip has its video's."""
    if metadata is None:
        return {}
    rates = metadata.rows.select("video_uid", "fps").drop_nulls()
    by_video = rows.select("video_uid", "video_id").unique().join(rates, on="video_uid")
    return dict(by_video.select("video_id", "fps").iter_rows())

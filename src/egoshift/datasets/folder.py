"""A user's own folder: videos, and optionally a CSV file of segments ``video,start,stop,verb,noun``.

* ``video`` names a file by its path from the videos' folder or by its name, with or without suffix.
* ``start`` and ``stop`` are seconds or HH:MM:SS, from the first frame.
* ``verb``, ``noun`` and ``action`` hold names, are each optional, and may be empty in a row. Names are compared in
  lower case with underscores as spaces. With verbs and nouns and no column ``action``, actions are their pairs.
* ``split`` (train, val or test) is optional; without it all segments are ``train``.
* The classes of a label are the lines of ``verbs.txt``, ``nouns.txt``, ``actions.txt`` beside the CSV, in that order;
  where there is no such file, the names in the CSV, sorted.
* Without a CSV file every video is cut into clips of equal length, as near ``clip_s`` as can be, in the split ``test``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from egoshift.datasets.assembly import assemble
from egoshift.datasets.card import DataCard
from egoshift.datasets.checks import Sieve
from egoshift.datasets.files import read_lines
from egoshift.datasets.tables import Column, Reads, read_csv
from egoshift.datasets.videos import FRAME_SUFFIXES, VIDEO_SUFFIXES, find_media, media_id
from egoshift.datasets.vocabulary import build_vocabulary, clean_own_name
from egoshift.errors import DataError, Fault
from egoshift.headers import announced_s
from egoshift.records import CLIP_SCHEMA, LABELS, Dataset, Label, Vocabulary

_COLUMNS = {
    "video": Column("text"),
    "start": Column("seconds"),
    "stop": Column("seconds"),
    "verb": Column("text", required=False, blank=True),
    "noun": Column("text", required=False, blank=True),
    "action": Column("text", required=False, blank=True),
    "split": Column("text", required=False, blank=True),
}
_SPLITS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "test": "test"}


def read_folder(card: DataCard, need_videos: bool) -> Dataset:
    """Reads the CSV of segments where the card names one; else cuts each video into unlabelled clips.

    Args:
        card: Says where the files lie.
        need_videos: Leave out clips whose video is not there.

    Raises:
        DataError: Files are missing or unusable; names all that is wrong with them.
    """
    if card.annotations is None:
        return _cut_videos(card)
    reads = Reads()
    table = reads.attempt(partial(read_csv, card.annotations, _COLUMNS))
    lists = {label: reads.attempt(partial(_class_list, card.annotations.parent, label)) for label in LABELS}
    media = _relative(card.videos, reads.attempt(partial(find_media, card.videos, required=need_videos)) or ())
    reads.finish()
    assert table is not None, "finish raises otherwise"
    if not table.num_rows:
        remedy = "write one segment a line below its header, or leave 'annotations' out of the data card"
        raise DataError([Fault("empty-file", card.annotations, "holds no segment", remedy)])
    rows, video_faults = _with_video_ids(card.videos, table.rows, media)
    rows, split_faults = _with_splits(rows)
    rows, vocabularies, label_faults = _with_labels(card.annotations, rows, lists)
    rows = rows.rename({"start": "start_s", "stop": "stop_s"}).with_columns(
        clip_id=pl.format("{}:{}-{}", "video_id", pl.col("start_s").round(3), pl.col("stop_s").round(3))
    )
    return assemble(
        card,
        rows,
        vocabularies,
        media,
        {},
        faults=[*table.faults, *video_faults, *split_faults, *label_faults],
        num_annotated=table.num_rows,
        need_videos=need_videos,
    )


def _relative(folder: Path, media: Sequence[Path]) -> dict[str, Path]:
    """Media by their path from the folder without suffix; with it where two files differ in nothing else."""
    plain = {path: (path.parent / media_id(path)).relative_to(folder).as_posix() for path in media}
    shared = Counter(plain.values())
    return {plain[path] if shared[plain[path]] == 1 else path.relative_to(folder).as_posix(): path for path in media}


def _with_video_ids(folder: Path, rows: pl.DataFrame, media: Mapping[str, Path]) -> tuple[pl.DataFrame, list[Fault]]:
    """Rows with the id of the one video that their text names; its text as id where no video is there."""
    names: dict[str, set[str]] = {}
    for video, path in media.items():
        for name in {video, path.relative_to(folder).as_posix(), path.name, media_id(path)}:
            names.setdefault(name, set()).add(video)
    ids: dict[str, str | None] = {}
    for text in rows["video"].unique():
        name = text.replace("\\", "/").removeprefix("./")
        found = {name} & set(media) or names.get(name, {name})
        ids[text] = next(iter(found)) if len(found) == 1 else None
    rows = rows.with_columns(video_id=pl.col("video").replace_strict(ids, return_dtype=pl.String))
    sieve = Sieve(rows)
    message = pl.format("video {} could be several files here", "video")
    sieve.check(pl.col("video_id").is_null(), "ambiguous-video", message, "give its path from the videos' folder")
    return sieve.kept, sieve.faults


def _with_splits(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Fault]]:
    known = pl.col("split").str.to_lowercase().replace_strict(_SPLITS, default=None, return_dtype=pl.String)
    rows = rows.with_columns(known=known.fill_null(pl.when(pl.col("split").is_null()).then(pl.lit("train"))))
    sieve = Sieve(rows)
    message = pl.format("split {} is unknown", "split")
    sieve.check(pl.col("known").is_null(), "unknown-split", message, "use train, val or test")
    return sieve.kept.with_columns(split="known"), sieve.faults


def _class_list(folder: Path, label: Label) -> Vocabulary | None:
    path = folder / f"{label}s.txt"
    if not path.exists():
        return None
    names = [clean_own_name(line) for _, line in read_lines(path)]
    if not names:
        raise DataError([Fault("empty-file", path, "lists no class", "write one name a line, or remove the file")])
    return build_vocabulary(label, path, names)


def _with_labels(
    path: Path, rows: pl.DataFrame, lists: Mapping[Label, Vocabulary | None]
) -> tuple[pl.DataFrame, dict[Label, Vocabulary], list[Fault]]:
    """Rows with class indices for names, the vocabularies, and a fault for each name that is in no class list."""
    vocabularies: dict[Label, Vocabulary] = {}
    sieve = Sieve(rows)
    indices = {}
    for label in LABELS:
        cleaned = {text: clean_own_name(text) for text in rows[label].drop_nulls().unique()}
        vocabulary = lists[label]
        if vocabulary is None and cleaned:
            vocabulary = build_vocabulary(label, path, sorted(set(cleaned.values())))
        position = {} if vocabulary is None else {name: index for index, name in enumerate(vocabulary.names)}
        known = {text: position[name] for text, name in cleaned.items() if name in position}
        indices[label] = pl.col(label).replace_strict(known, default=None, return_dtype=pl.Int64)
        message = pl.format("{} {} is not in {}s.txt", pl.lit(label), label, pl.lit(label))
        unknown = pl.col(label).is_not_null() & indices[label].is_null()
        sieve.check(unknown, "unknown-class", message, f"add it to {label}s.txt, or correct it")
        if vocabulary is not None:
            vocabularies[label] = vocabulary
    return sieve.kept.with_columns(**indices), vocabularies, sieve.faults


def _cut_videos(card: DataCard) -> Dataset:
    """Every video as clips of equal length, without labels; class lists beside the videos give the vocabularies."""
    reads = Reads()
    lists = [reads.attempt(partial(_class_list, card.videos, label)) for label in LABELS]
    media = _relative(card.videos, reads.attempt(partial(find_media, card.videos)) or ())
    reads.finish()
    if not media:
        message = f"no video ({', '.join(VIDEO_SUFFIXES)}) and no folder of frames is here"
        raise DataError([Fault("no-videos", card.videos, message, "put videos there, or give another folder")])
    rows, faults = [], []
    for video, path in sorted(media.items()):
        duration_s = _duration_s(path, card.frame_rate_hz)
        if isinstance(duration_s, Fault):
            faults.append(duration_s)
            continue
        number = max(1, round(duration_s / card.clip_s))
        for index in range(number):
            start_s, stop_s = (duration_s * edge / number for edge in (index, index + 1))
            clip_id = f"{video}:{round(start_s, 3)}-{round(stop_s, 3)}"
            rows.append((clip_id, video, start_s, stop_s, "test", None, None, None, str(path), None, None))
    schema = pl.Schema({**CLIP_SCHEMA, "entry": pl.Int64()})
    return assemble(
        card,
        pl.DataFrame(rows, schema=schema, orient="row"),
        {vocabulary.label: vocabulary for vocabulary in lists if vocabulary},
        media,
        {},
        faults=faults,
        num_annotated=len(rows),
        need_videos=True,
    )


def _duration_s(path: Path, frame_rate_hz: float | None) -> float | Fault:
    if path.is_dir():
        if frame_rate_hz is None:
            return Fault("unknown-rate", path, "the frames have no known rate", "set frame_rate_hz in the data card")
        return sum(entry.suffix.lower() in FRAME_SUFFIXES for entry in path.iterdir()) / frame_rate_hz
    duration_s = announced_s(path)
    if duration_s <= 0:
        return Fault("unreadable-video", path, "no video stream with a length", "replace or remove the file")
    return duration_s

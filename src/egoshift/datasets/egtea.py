"""EGTEA Gaze+: the text files of ``action_annotation.zip`` from https://cbs.ic.gatech.edu/fpv.

Files. ``verb_idx.txt``, ``noun_idx.txt`` and ``action_idx.txt`` hold a name and its number, from 1, on each line
(``Divide/Pull Apart 13``). A line of ``train_split1.txt`` and the like is ``<clip> <action> <verb> <noun> ...``.
Classes here are numbered from 0: 19 verbs, 53 nouns, 106 actions. X-MIC's released code keeps the numbers from 1 and so
has one more class, 0, with an empty name (its "20 verbs" and "54 nouns"); no clip has it, but it takes part in its
softmax.

Times. A clip's name ends in its segment twice: in milliseconds and in frames at 24 Hz, such as
``OP01-R01-PastaSalad-66680-68130-F001597-F001639``. The frames are those of the cut clip: the segment with a tenth of
its length added on each side (checked on published names). Clips are used whole, as is usual; in a video of the full
session the same stretch is used.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import polars as pl

from egoshift.datasets.assembly import assemble
from egoshift.datasets.card import DataCard
from egoshift.datasets.checks import Sieve
from egoshift.datasets.files import read_lines
from egoshift.datasets.tables import Reads, Table
from egoshift.datasets.videos import by_stem, find_media
from egoshift.datasets.vocabulary import build_vocabulary, clean_egtea_name
from egoshift.errors import DataError, Fault
from egoshift.records import LABELS, Dataset, Label, Vocabulary

FRAME_RATE_HZ = 24.0

_CLIP_NAME = re.compile(r"(?P<session>.+)-\d+-\d+-F(?P<first>\d{1,12})-F(?P<last>\d{1,12})", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}")
_SCHEMA = {
    "clip_id": pl.String,
    "session": pl.String,
    "first": pl.Int64,
    "last": pl.Int64,
    "action": pl.Int64,
    "verb": pl.Int64,
    "noun": pl.Int64,
    "file": pl.String,
    "row": pl.Int64,
    "entry": pl.Int64,
}


def read_egtea(card: DataCard, need_videos: bool) -> Dataset:
    """Reads the class lists and every ``train_split*.txt`` and ``test_split*.txt`` that is there.

    As in X-MIC, the test clips are those of all test files together, each once; the train clips are those of the train
    files that are in no test file. For one of the official splits alone, keep only its two files in the folder. Only a
    clip's first noun counts; a clip may have none.

    Args:
        card: Says where the files lie.
        need_videos: Leave out clips whose video is not there.

    Raises:
        DataError: Files are missing or unusable; names all that is wrong with them.
    """
    assert card.annotations is not None, "the card checks it"
    folder, reads = card.annotations, Reads()
    vocabularies = [reads.attempt(partial(_read_classes, folder / f"{label}_idx.txt", label)) for label in LABELS]
    tests = reads.attempt(partial(_split_files, folder, "test_split*.txt", required=True)) or []
    trains = reads.attempt(partial(_split_files, folder, "train_split*.txt", required=False)) or []
    test_tables = [reads.attempt(partial(_read_split, path)) for path in tests]
    train_tables = [reads.attempt(partial(_read_split, path)) for path in trains]
    media = by_stem(reads.attempt(partial(find_media, card.videos, required=need_videos)) or ())
    reads.finish()
    tables = [table for table in (*test_tables, *train_tables) if table]
    splits = ["test"] * len(tests) + ["train"] * len(trains)
    rows = pl.concat(table.rows.with_columns(split=pl.lit(split)) for table, split in zip(tables, splits, strict=True))
    unreadable = [fault for table in tables for fault in table.faults]
    rows, faults = _each_once(rows)
    rows = _place(rows, card, media)
    return assemble(
        card,
        rows,
        {vocabulary.label: vocabulary for vocabulary in vocabularies if vocabulary},
        media,
        dict.fromkeys(rows["video_id"].unique(), FRAME_RATE_HZ),
        faults=unreadable + faults,
        num_annotated=len(rows) + len(unreadable),
        need_videos=need_videos,
    )


def _split_files(folder: Path, pattern: str, *, required: bool) -> list[Path]:
    paths = sorted(folder.glob(pattern))
    if required and not paths:
        fault = Fault("missing-file", folder, f"no {pattern} is here", "put one there, or correct 'annotations'")
        raise DataError([fault])
    return paths


def _read_classes(path: Path, label: Label) -> Vocabulary:
    names, faults = [], []
    for row, line in read_lines(path):
        name, _, number = line.rpartition(" ")
        names.append(clean_egtea_name(name))
        if number != str(len(names)):
            message = f"{line!r} should end in the class number {len(names)}"
            faults.append(Fault("class-ids", path, message, "use the original file", row))
    if faults:
        raise DataError(faults)
    return build_vocabulary(label, path, names)


def _read_split(path: Path) -> Table:
    """The clips of one split file; class numbers from 0."""
    rows, faults = [], []
    for row, line in read_lines(path):
        name, *numbers = re.sub(r"[(),]", " ", line).split() or [""]
        match = _CLIP_NAME.fullmatch(name)
        if match is None:
            message = f"{name!r} is no clip name, expected such as OP01-R01-PastaSalad-66680-68130-F001597-F001639"
            faults.append(Fault("bad-value", path, message, "correct it", row))
        elif len(numbers) < 2 or not all(_NUMBER.fullmatch(number) for number in numbers):
            message = f"{' '.join(numbers)!r} is not '<action> <verb> <noun> ...' in numbers"
            faults.append(Fault("bad-value", path, message, "correct it", row))
        else:
            action, verb, *nouns = (int(number) - 1 for number in numbers)
            noun = nouns[0] if nouns else None
            frames = (int(match["first"]), int(match["last"]))
            rows.append((name, match["session"], *frames, action, verb, noun, str(path), row, None))
    return Table(path, pl.DataFrame(rows, schema=_SCHEMA, orient="row"), tuple(faults), len(rows) + len(faults))


def _each_once(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Fault]]:
    """Every clip once, where it comes first (test files are read first); the same clip in other files is no fault."""
    firsts = rows.unique("clip_id", keep="first", maintain_order=True)
    labels = firsts.select("clip_id", action_first="action", verb_first="verb", noun_first="noun")
    sieve = Sieve(rows.join(labels, on="clip_id", maintain_order="left"))
    same = pl.all_horizontal(pl.col(label).eq_missing(pl.col(f"{label}_first")) for label in LABELS)
    remedy = "use the original files"
    sieve.check(~same, "conflicting-labels", pl.format("clip {} has other labels in another place", "clip_id"), remedy)
    again = ~pl.struct("file", "clip_id").is_first_distinct()
    sieve.check(again & same, "duplicate-clip", pl.format("clip {} is already listed above", "clip_id"), remedy)
    return firsts, sieve.faults


def _place(rows: pl.DataFrame, card: DataCard, media: Mapping[str, Path]) -> pl.DataFrame:
    """Rows with ``video_id`` and times in that video: the cut clip where it is there, else the full session."""
    is_clip = {
        "auto": pl.col("clip_id").is_in(list(media)) | ~pl.col("session").is_in(list(media)),
        "clip": pl.lit(True),
        "full": pl.lit(False),
    }[card.unit]
    start = pl.when(is_clip).then(0).otherwise("first")
    stop = pl.when(is_clip).then(pl.col("last") - pl.col("first")).otherwise("last")
    return rows.with_columns(
        video_id=pl.when(is_clip).then("clip_id").otherwise("session"),
        start_s=start / FRAME_RATE_HZ,
        stop_s=stop / FRAME_RATE_HZ,
    )

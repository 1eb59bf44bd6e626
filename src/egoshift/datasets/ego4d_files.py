"""Ego4D's JSON files as tables of segments, each with the same columns.

``clip_id``, ``video_uid``, ``clip_uid``, ``parent_start_s`` (where the clip begins in the video), ``clip_start_s`` and
``clip_stop_s`` (in the clip), ``verb``, ``verb_name``, ``noun``, ``noun_name``, ``split`` and the row's place.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from egoshift.datasets.checks import Sieve
from egoshift.datasets.files import read_json
from egoshift.datasets.tables import Column, Table, read_entries
from egoshift.errors import DataError, Fault
from egoshift.records import Label

LTA_FILES = {"train": "fho_lta_train.json", "val": "fho_lta_val.json"}
"""Long-term anticipation: what X-MIC trains and tests on. The unannotated test segments are not read."""

MAIN_FILE = "fho_main.json"
METADATA_FILE = "ego4d.json"

_LTA_FIELDS = {
    "video_uid": Column("text"),
    "clip_uid": Column("text"),
    "action_idx": Column("integer"),
    "clip_parent_start_sec": Column("number", required=False, blank=True),
    "action_clip_start_sec": Column("number"),
    "action_clip_end_sec": Column("number"),
    "verb": Column("text", required=False, blank=True),
    "verb_label": Column("integer"),
    "noun": Column("text", required=False, blank=True),
    "noun_label": Column("integer"),
}
_MAIN_FIELDS = {
    **_LTA_FIELDS,
    "clip_uid": Column("text", blank=True),
    "verb_label": Column("integer", blank=True),
    "noun_label": Column("integer", blank=True),
}
_METADATA_FIELDS = {
    "video_uid": Column("text"),
    "fps": Column("number", required=False, blank=True),
    "split_fho": Column("text", required=False, blank=True),
    "has_sound": Column("integer", required=False, blank=True),
}


def some_lta(folder: Path) -> dict[str, Path]:
    """The lta files that are there, by split.

    Raises:
        DataError: None is.
    """
    paths = {split: folder / name for split, name in LTA_FILES.items() if (folder / name).exists()}
    if not paths:
        message = f"none of {', '.join((*LTA_FILES.values(), MAIN_FILE))} is here"
        raise DataError([Fault("missing-file", folder, message, "put one there, or correct 'annotations'")])
    return paths


def read_lta(path: Path, split: str) -> Table:
    """The segments of one ``fho_lta_*.json``."""
    table = read_entries(path, _field(path, read_json(path), "clips"), _LTA_FIELDS)
    return _named(table, pl.lit(split))


def read_main(path: Path, names: Mapping[Label, Sequence[str]], metadata: Table | None) -> Table:
    """The valid actions of ``fho_main.json``, with the splits of ``ego4d.json``.

    An action's noun is that of the object of change in its frame of no return.

    Args:
        path: The file.
        names: The taxonomy's entries; an action names its classes, and its indices are looked up here.
        metadata: What ``ego4d.json`` says; actions of videos without a split become faults.
    """
    videos = _field(path, read_json(path), "videos")
    indices = {label: {name: index for index, name in enumerate(entries)} for label, entries in names.items()}
    try:
        entries = list(_main_entries(videos, indices))
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        message = f"not laid out as fho_main.json of version 2 ({type(error).__name__}: {error})"
        raise DataError([Fault("wrong-type", path, message, "download the file again")]) from None
    table = read_entries(path, entries, _MAIN_FIELDS)
    splits = {} if metadata is None else dict(metadata.rows.select("video_uid", "split_fho").iter_rows())
    split = pl.col("video_uid").replace_strict(splits, default=None, return_dtype=pl.String)
    sieve = Sieve(table.rows.with_columns(split=split))
    sieve.check(
        ~pl.col("split").is_in(["train", "val", "test"]).fill_null(False),
        "unknown-split",
        pl.format("video {} has the split {}, expected train, val or test", "video_uid", pl.col("split").fill_null("")),
        f"give the videos split_fho in {METADATA_FILE}, or use the fho_lta files",
    )
    kept = Table(path, sieve.kept, (*table.faults, *sieve.faults), table.num_rows)
    return _named(kept, pl.col("split"))


def read_taxonomy(path: Path) -> dict[Label, list[str]]:
    """The class names of a taxonomy file as they stand; a class's index is its position.

    Raises:
        DataError: The file is missing, or is not two lists of names.
    """
    contents = read_json(path)
    taxonomy: dict[Label, list[str]] = {
        "verb": _field(path, contents, "verbs"),
        "noun": _field(path, contents, "nouns"),
    }
    if not all(names and all(isinstance(name, str) for name in names) for names in taxonomy.values()):
        fault = Fault("wrong-type", path, "'verbs' and 'nouns' must be lists of names", "download the file again")
        raise DataError([fault])
    return taxonomy


def read_metadata(folder: Path, *, required: bool) -> Table | None:
    """Frame rate, split and ``has_sound`` (1, 0, or null where it is not said) of each video, from ``ego4d.json``.

    The file lies in the folder or up to two above.

    Raises:
        DataError: It is required and not there, or is not laid out as expected.
    """
    candidates = [place / METADATA_FILE for place in (folder, *folder.resolve().parents[:2])]
    path = next((path for path in candidates if path.exists()), candidates[0])
    if not path.exists() and not required:
        return None
    videos = _field(path, read_json(path), "videos")
    flat = [{**video, **_of_the_file(video)} if isinstance(video, dict) else video for video in videos]
    return read_entries(path, flat, _METADATA_FIELDS)


def _of_the_file(video: Mapping[str, Any]) -> dict[str, object]:
    given = video.get("video_metadata")
    metadata = given if isinstance(given, dict) else {}
    is_told = "audio_start_sec" in metadata  # null says that there is no sound
    return {
        "fps": metadata.get("fps"),
        "has_sound": int(metadata["audio_start_sec"] is not None) if is_told else None,
    }


def _field(path: Path, contents: object, name: str) -> list[Any]:
    value = contents.get(name) if isinstance(contents, dict) else None
    if not isinstance(value, list):
        raise DataError([Fault("missing-column", path, f"no list {name!r}", "download the file again")])
    return value


def _named(table: Table, split: pl.Expr) -> Table:
    rows = table.rows.select(
        "video_uid",
        "clip_uid",
        clip_id=pl.concat_str(pl.col("clip_uid").fill_null(pl.col("video_uid")), "action_idx", separator="_"),
        parent_start_s="clip_parent_start_sec",
        clip_start_s="action_clip_start_sec",
        clip_stop_s="action_clip_end_sec",
        verb="verb_label",
        verb_name="verb",
        noun="noun_label",
        noun_name="noun",
        split=split,
        file="file",
        row="row",
        entry="entry",
    )
    return Table(table.path, rows, table.faults, table.num_rows)


def _main_entries(videos: Sequence[Any], indices: Mapping[Label, Mapping[str, int]]) -> Iterator[dict[str, object]]:
    """The valid actions, as entries of the same fields as those of the lta files."""
    for video in videos:
        number = -1
        for interval in video["annotated_intervals"]:
            parent_start_s = interval["clip_parent_start_sec"]
            for action in interval.get("narrated_actions") or ():
                number += 1
                if action["is_rejected"] or not action["is_valid_action"]:
                    continue
                verb, noun = action.get("structured_verb"), _object_of_change(action)
                yield {
                    "video_uid": video["video_uid"],
                    "clip_uid": interval["clip_uid"],
                    "action_idx": number,
                    "clip_parent_start_sec": parent_start_s,
                    "action_clip_start_sec": action["start_sec"] - parent_start_s,
                    "action_clip_end_sec": action["end_sec"] - parent_start_s,
                    "verb": verb,
                    "verb_label": indices.get("verb", {}).get(verb or ""),
                    "noun": noun,
                    "noun_label": indices.get("noun", {}).get(noun or ""),
                }


def _object_of_change(action: Mapping[str, Any]) -> str | None:
    frames = [frame for frame in action.get("frames") or () if frame["frame_type"] == "pnr_frame"]
    boxes = [box for frame in frames for box in frame["boxes"] if box["object_type"] == "object_of_change"]
    return next((box["structured_noun"] for box in boxes if box["structured_noun"] is not None), None)

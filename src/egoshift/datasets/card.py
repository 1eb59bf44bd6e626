"""The data card: which files a data set is made of, as one small YAML file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from egoshift.errors import DataError, Fault
from egoshift.foreign import parse_yaml
from egoshift.remote import here, path_of
from egoshift.remote.fields import Place

Format = Literal["epic-kitchens", "ego4d-fho", "egtea", "mmg", "classyglass", "folder"]
"""How the annotation files are laid out."""

HandsFormat = Literal["epic-hoa", "egoclip", "boxes", "palm"]
"""How the hand detections are laid out."""

_WITHOUT_VIDEOS = ("classyglass",)

_PATH_FIELDS = ("annotations", "videos", "hands", "features")


class DataCard(BaseModel):
    """Where a data set's files lie and how to read them.

    Attributes:
        name: What to call the data set in tables.
        format: The layout of the annotation files.
        annotations: The folder of annotation files (for ``folder`` and ``mmg``: the CSV file; for ``classyglass``: the
            archive); none means unlabelled videos.
        videos: The folder of video files or of folders of numbered frames; ``classyglass`` has none.
        hands: Hand detections; a folder or a file, for ``palm`` an ONNX model.
        hands_format: How to read ``hands``.
        hand_threshold: The lowest score at which a detected hand counts; by default the format's own (0.8; palm 0.5).
        object_threshold: The lowest score at which a detected object counts; by default 0.01.
        features: Where feature stores of this data set go; by default ``features/<name>`` beside the card.
        frame_rate_hz: The rate of folders of numbered frames, where the annotations do not say it.
        unit: Whether ``videos`` holds full videos or clips cut from them, where the data set comes as both (Ego4D,
            EGTEA Gaze+); ``auto`` takes what is there, the full video first for Ego4D and the clip first for EGTEA.
        window_s: Use only the middle so many seconds of every annotated segment; none uses the whole segment.
            X-MIC's released code uses the middle 4 s of Ego4D's 8 s segments.
        clip_s: For videos without annotations and for recordings of one activity: the length of the clips that they
            are cut into.
        test_users: For ``classyglass``: whom to leave out for the test; by default, drawn by ``split_seed``.
        val_users: Whom to leave out for validation; drawn likewise.
        split_seed: Another number draws others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    format: Format
    annotations: Place | None = None
    videos: Place
    hands: Place | None = None
    hands_format: HandsFormat | None = None
    hand_threshold: float | None = Field(default=None, ge=0, le=1)
    object_threshold: float | None = Field(default=None, ge=0, le=1)
    features: Place = Path("features")
    frame_rate_hz: float | None = Field(default=None, gt=0)
    unit: Literal["auto", "full", "clip"] = "auto"
    window_s: float | None = Field(default=None, gt=0)
    clip_s: float = Field(default=4.0, gt=0)
    test_users: tuple[int, ...] = ()
    val_users: tuple[int, ...] = ()
    split_seed: int = Field(default=0, ge=0)

    @field_validator("name")
    @classmethod
    def _name_is_part_of_file_names(cls, name: str) -> str:
        if name in (".", "..") or not {os.sep, os.altsep, "\0"}.isdisjoint(name):
            raise ValueError("files are named after it, so it can be no path")
        return name

    @model_validator(mode="before")
    @classmethod
    def _name_features_after_the_data_set(cls, values: object) -> object:
        if isinstance(values, Mapping) and values.get("features") is None and "name" in values:
            return {**values, "features": Path("features") / str(values["name"])}
        return values

    @model_validator(mode="before")
    @classmethod
    def _need_no_folder_of_videos_without_videos(cls, values: object) -> object:
        if isinstance(values, Mapping) and values.get("format") in _WITHOUT_VIDEOS and values.get("annotations"):
            return {"videos": values["annotations"], **values}
        return values

    @model_validator(mode="after")
    def _fields_fit_together(self) -> "DataCard":
        if self.annotations is None and self.format != "folder":
            raise ValueError(f"annotations: format {self.format!r} needs the folder of its annotation files")
        if (self.hands is None) != (self.hands_format is None):
            raise ValueError("hands: give hands and hands_format together, or neither")
        if self.format != "classyglass" and (self.test_users or self.val_users or self.split_seed):
            raise ValueError("test_users, val_users, split_seed: only format 'classyglass' splits by users")
        if both := sorted({*self.test_users} & {*self.val_users}):
            raise ValueError(f"test_users and val_users share {', '.join(map(str, both))}; name each user once")
        return self

    @classmethod
    def read(cls, path: Path) -> "DataCard":
        """Reads a YAML data card, or takes a folder of videos as one.

        Paths in the card are relative to the card and may be addresses. A folder stands for a card of format
        ``folder`` with the folder's name, its ``segments.csv`` (or its only CSV file) where there is one, and
        ``features`` inside it.

        Args:
            path: The YAML file or the folder.

        Raises:
            DataError: The file is missing or is not YAML, or fields do not fit; one line per field.
        """
        if here(path).is_dir():
            return cls.model_validate(_folder_as_card(path))
        values = _yaml_mapping(path)
        for key in _PATH_FIELDS:
            if isinstance(values.get(key), str):
                values[key] = path.parent / path_of(str(values[key])).expanduser()
        values.setdefault("name", path.stem)
        values.setdefault("features", path.parent / "features" / str(values["name"]))
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise DataError(_field_faults(path, error)) from None


def _folder_as_card(folder: Path) -> dict[str, object]:
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv")
    preferred = [path for path in tables if path.name == "segments.csv"] or tables
    if len(preferred) > 1:
        found = ", ".join(path.name for path in preferred)
        message = f"found {len(preferred)} CSV files ({found}), expected one"
        raise DataError([Fault("many-tables", folder, message, "name the one with the segments segments.csv")])
    return {
        "name": folder.resolve().name,
        "format": "folder",
        "videos": folder,
        "annotations": preferred[0] if preferred else None,
        "features": folder / "features",
    }


def _yaml_mapping(path: Path) -> dict[str, object]:
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fault = Fault(
            "missing-file", path, "no such data card or folder", "give a YAML data card or a folder of videos"
        )
        raise DataError([fault]) from None
    except (ValueError, OSError) as error:
        problem, row = getattr(error, "problem", None) or str(error), getattr(error, "row", None)
        raise DataError([Fault("bad-yaml", path, f"not a YAML file ({problem})", "correct the YAML", row)]) from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        message = f"holds {type(values).__name__}, expected fields such as 'format: folder'"
        raise DataError([Fault("bad-yaml", path, message, "write one 'field: value' a line")])
    return values


def _field_faults(path: Path, error: ValidationError) -> list[Fault]:
    faults = []
    for item in error.errors():
        field = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            message, remedy = f"unknown field {field!r}", f"use one of: {', '.join(DataCard.model_fields)}"
        elif item["type"] == "missing":
            message, remedy = f"field {field!r} is missing", f"add '{field}: ...' to the card"
        else:
            text = item["msg"].removeprefix("Value error, ")
            message = f"field {field!r} is {item['input']!r}: {text}" if field else text
            remedy = "correct the field"
        faults.append(Fault("card-field", path, message, remedy))
    return faults

"""A data set in the files of Ego4D version 2: ``ego4d.json``, ``fho_lta_*.json``, and a table of hand boxes.

Fields are those of https://ego4d-data.org/docs/data/annotations-schemas. Two things differ from the real data set:
segments last as long as their action instead of eight seconds each, and a video is one clip.
"""

import json
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from egoshift.world.detections import FrameDetections
from egoshift.world.script import Action, Script
from egoshift.world.vocabulary import EGO4D_NOUN_NAMES, EGO4D_VERB_NAMES, Classes

EVERY = 3
"""Hand boxes are given for every third frame."""
BOX_SCHEMA = pl.Schema(
    {
        "video": pl.String,
        "time_s": pl.Float64,
        "left": pl.Float64,
        "top": pl.Float64,
        "right": pl.Float64,
        "bottom": pl.Float64,
        "kind": pl.String,
        "score": pl.Float64,
        "contact": pl.Boolean,
    }
)


def make_uid(*parts: object) -> str:
    """An identifier in the form of Ego4D's (a UUID) that depends only on ``parts``."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "egoshift world/" + "/".join(map(str, parts))))


def video_path(root: Path, script: Script) -> Path:
    """Where a video lies: ``videos/<uid>.mp4``."""
    return root / "videos" / f"{script.video_id}.mp4"


def write_annotations(folder: Path, scripts: Sequence[Script], classes: Classes) -> None:
    """Write ``ego4d.json``, the taxonomy and the segments of both splits."""
    folder.mkdir(parents=True, exist_ok=True)
    verbs = [EGO4D_VERB_NAMES.get(name, name) for name in classes.verbs]
    nouns = [EGO4D_NOUN_NAMES.get(name, name) for name in classes.nouns]
    _write_json(folder / "fho_lta_taxonomy.json", {"verbs": verbs, "nouns": nouns})
    for split in ("train", "val"):
        chosen = [script for script in scripts if script.split == split]
        clips = [_segment(s, n, action, verbs, nouns, classes) for s in chosen for n, action in enumerate(s.actions)]
        head = {"version": "2.0", "date": "", "description": "FHO LTA Annotation, generated", "split": split}
        _write_json(folder / f"fho_lta_{split}.json", {**head, "clips": clips})
    head = {"date": "", "version": "2.0", "description": "Generated data in the layout of Ego4D"}
    _write_json(folder / "ego4d.json", {**head, "videos": [_video(script) for script in scripts]})


def write_boxes(path: Path, script: Script, found: Sequence[FrameDetections]) -> None:
    """Write the hand boxes of one video; a frame without a hand has one empty row."""
    rows: list[tuple[object, ...]] = []
    for index in range(0, len(found), EVERY):
        frame, time_s = found[index], index / script.style.rate_hz
        for hand in frame.hands:
            rows.append((script.video_id, time_s, *hand.box, "hand", hand.score, hand.touches))
        for thing in frame.objects:
            rows.append((script.video_id, time_s, *thing.box, "object", thing.score, True))
        if not frame.hands:
            rows.append((script.video_id, time_s, None, None, None, None, "hand", 0.0, False))
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, schema=BOX_SCHEMA, orient="row").write_parquet(path)


def join_boxes(parts: Path, path: Path) -> None:
    """Make one table of the tables in the folder ``parts``, in the order of their names, and remove them."""
    pl.concat(pl.read_parquet(part) for part in sorted(parts.glob("*.parquet"))).write_parquet(path)
    shutil.rmtree(parts)


def _segment(
    script: Script, number: int, action: Action, verbs: Sequence[str], nouns: Sequence[str], classes: Classes
) -> dict[str, object]:
    rate = script.style.rate_hz
    verb_label, noun_label = classes.verbs.index(action.verb), classes.nouns.index(action.noun)
    spans = {
        "interval": (0.0, script.duration_s),
        "action_clip": (action.noted_start_s, action.noted_stop_s),
        "clip_parent": (0.0, script.duration_s),
    }
    times: dict[str, object] = {}
    for name, (start_s, stop_s) in spans.items():
        times |= {f"{name}_start_sec": start_s, f"{name}_end_sec": stop_s}
        times |= {f"{name}_start_frame": int(start_s * rate), f"{name}_end_frame": int(stop_s * rate)}
    return {
        "video_uid": script.video_id,
        "clip_uid": make_uid("clip", script.video_id),
        "action_idx": number,
        **times,
        "verb": verbs[verb_label],
        "noun": nouns[noun_label],
        "verb_label": verb_label,
        "noun_label": noun_label,
    }


def _video(script: Script) -> dict[str, object]:
    width, height = script.style.size
    duration_s = script.num_frames / script.style.rate_hz
    metadata = {
        "fps": float(script.style.rate_hz),
        "num_frames": script.num_frames,
        "video_codec": "h264",
        "audio_codec": None,
        "display_resolution_width": width,
        "display_resolution_height": height,
        "sample_resolution_width": width,
        "sample_resolution_height": height,
        "mp4_duration_sec": duration_s,
        "video_start_sec": 0.0,
        "video_duration_sec": duration_s,
        "audio_start_sec": None,
        "audio_duration_sec": None,
    }
    return {
        "video_uid": script.video_id,
        "duration_sec": duration_s,
        "scenarios": ["Cleaning / laundry", "Cooking"],
        "video_metadata": metadata,
        "split_fho": script.split,
        "split_av": None,
        "split_em": None,
        "fb_participant_id": int(script.participant_id),
        "device": "generated",
        "video_source": "egoshift",
        "is_stereo": False,
        "has_imu": False,
        "has_gaze": False,
        "physical_setting_name": None,
        "redacted_intervals": [],
        "gaps": [],
    }


def _write_json(path: Path, contents: object) -> None:
    path.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")

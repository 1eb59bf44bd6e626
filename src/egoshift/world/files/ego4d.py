"""A data set in the files of Ego4D version 2: ``ego4d.json``, ``fho_lta_*.json``, ``<uid>.mp4``.

Fields are those of https://ego4d-data.org/docs/data/annotations-schemas. Two things differ from the real data set:
segments last as long as their action instead of eight seconds each, and a video is one clip.
"""

import json
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path

from egoshift.files import write_atomically
from egoshift.world.script import Action, Script
from egoshift.world.vocabulary import EGO4D_NOUN_NAMES, EGO4D_VERB_NAMES, Classes


def make_uid(*parts: object) -> str:
    """An identifier in the form of Ego4D's (a UUID) that depends only on ``parts``."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "egoshift world/" + "/".join(map(str, parts))))


def video_path(root: Path, script: Script) -> Path:
    """Where a video lies: ``videos/<uid>.mp4``."""
    return root / "videos" / f"{script.video_id}.mp4"


def write_annotations(
    folder: Path,
    scripts: Sequence[Script],
    classes: Classes,
    *,
    heard: Collection[str] = (),
    felt: Collection[str] = (),
) -> None:
    """Write ``ego4d.json``, the taxonomy and the segments of both splits.

    Args:
        folder: Where they go.
        scripts: All videos.
        classes: Verbs and nouns.
        heard: The ids of the videos that have sound.
        felt: The ids of those that have a file of inertial measurements.
    """
    folder.mkdir(parents=True, exist_ok=True)
    verbs = [EGO4D_VERB_NAMES.get(name, name) for name in classes.verbs]
    nouns = [EGO4D_NOUN_NAMES.get(name, name) for name in classes.nouns]
    _write_json(folder / "fho_lta_taxonomy.json", {"verbs": verbs, "nouns": nouns})
    for split in ("train", "val"):
        chosen = [script for script in scripts if script.split == split]
        clips = [_segment(s, n, action, verbs, nouns, classes) for s in chosen for n, action in enumerate(s.actions)]
        head = {"version": "2.0", "date": "", "description": "FHO LTA Annotation, generated", "split": split}
        _write_json(folder / f"fho_lta_{split}.json", {**head, "clips": clips})
    videos = [_video(script, script.video_id in heard, script.video_id in felt) for script in scripts]
    head = {"date": "", "version": "2.0", "description": "Generated data in the layout of Ego4D"}
    _write_json(folder / "ego4d.json", {**head, "videos": videos})


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


def _video(script: Script, has_sound: bool, has_imu: bool) -> dict[str, object]:
    width, height = script.style.size
    duration_s = script.num_frames / script.style.rate_hz
    metadata = {
        "fps": float(script.style.rate_hz),
        "num_frames": script.num_frames,
        "video_codec": "h264",
        "audio_codec": "aac" if has_sound else None,
        "display_resolution_width": width,
        "display_resolution_height": height,
        "sample_resolution_width": width,
        "sample_resolution_height": height,
        "mp4_duration_sec": duration_s,
        "video_start_sec": 0.0,
        "video_duration_sec": duration_s,
        "audio_start_sec": 0.0 if has_sound else None,
        "audio_duration_sec": duration_s if has_sound else None,
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
        "has_imu": has_imu,
        "has_gaze": False,
        "physical_setting_name": None,
        "video_components": [
            {
                "video_component_uid": make_uid("component", script.video_id),
                "component_idx": 0,
                "canonical_video_start_sec": 0.0,
                "canonical_video_end_sec": duration_s,
            }
        ],
        "redacted_intervals": [],
        "gaps": [],
    }


def _write_json(path: Path, contents: object) -> None:
    write_atomically(path, (json.dumps(contents, indent=1) + "\n").encode())

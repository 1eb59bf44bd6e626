"""Small data sets in exactly the files and columns that the real ones have."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

EPIC_SEGMENT_HEADER = (
    "narration_id",
    "participant_id",
    "video_id",
    "narration_timestamp",
    "start_timestamp",
    "stop_timestamp",
    "start_frame",
    "stop_frame",
    "narration",
    "verb",
    "verb_class",
    "noun",
    "noun_class",
    "all_nouns",
    "all_noun_classes",
)
EPIC_VERBS = (("take", ["grab", "pick-up", "take"]), ("put", ["place", "put"]), ("turn-on", ["turn-on"]))
EPIC_NOUNS = (("tap", ["tap", "tap:water", "faucet"]), ("board:chopping", ["board:chopping"]), ("cup", ["cup", "mug"]))

LTA_TAXONOMY = {
    "nouns": ["cup_(cup,_mug,_tumbler)", "faucet_(faucet,_tap)", "nut_(food)", "nut_(tool)"],
    "verbs": ["put_(place,_leave,_drop)", "take_(pick,_grab,_get)"],
}


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def epic_row(
    narration_id: str,
    start: str = "00:00:01.00",
    stop: str = "00:00:02.50",
    *,
    verb: object = 0,
    noun: object = 0,
    start_frame: object = 60,
    narration: str = "take the tap",
) -> list[object]:
    video_id = narration_id.rpartition("_")[0]
    names = ("take", verb, "tap", noun, "['tap']", f"[{noun}]")
    return [narration_id, video_id[:3], video_id, "", start, stop, start_frame, 150, narration, *names]


def write_epic(
    folder: Path,
    train: Iterable[Sequence[object]] = (),
    val: Iterable[Sequence[object]] = (),
    *,
    rates: Mapping[str, float] | None = None,
) -> None:
    write_rows(folder / "EPIC_100_train.csv", EPIC_SEGMENT_HEADER, train)
    write_rows(folder / "EPIC_100_validation.csv", EPIC_SEGMENT_HEADER, val)
    for name, classes in (("verb", EPIC_VERBS), ("noun", EPIC_NOUNS)):
        rows = [(index, key, str(instances), "any") for index, (key, instances) in enumerate(classes)]
        write_rows(folder / f"EPIC_100_{name}_classes.csv", ("id", "key", "instances", "category"), rows)
    if rates is not None:
        info = [(video, 100.0, rate, "1920x1080") for video, rate in rates.items()]
        write_rows(folder / "EPIC_100_video_info.csv", ("video_id", "duration", "fps", "resolution"), info)


def write_json(path: Path, contents: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contents), encoding="utf-8")


def lta_entry(clip: str = "clip-a", index: int = 0, start_s: float = 4.0, **changes: object) -> dict[str, object]:
    entry: dict[str, object] = {
        "action_clip_end_frame": int((start_s + 8) * 30),
        "action_clip_end_sec": start_s + 8.0,
        "action_clip_start_frame": int(start_s * 30),
        "action_clip_start_sec": start_s,
        "action_idx": index,
        "clip_parent_end_frame": 12000,
        "clip_parent_end_sec": 400.0,
        "clip_parent_start_frame": 3000,
        "clip_parent_start_sec": 100.0,
        "clip_uid": clip,
        "interval_end_frame": 12000,
        "interval_end_sec": 400.0,
        "interval_start_frame": 3000,
        "interval_start_sec": 100.0,
        "noun": "faucet_(faucet,_tap)",
        "noun_label": 1,
        "verb": "take_(pick,_grab,_get)",
        "verb_label": 1,
        "video_uid": clip.replace("clip", "video"),
    }
    return {**entry, **changes}


def write_lta(folder: Path, train: Sequence[object] = (), val: Sequence[object] = ()) -> None:
    for split, clips in (("train", train), ("val", val)):
        contents = {"version": "v2", "date": "230208", "description": "lta", "split": split, "clips": clips}
        write_json(folder / f"fho_lta_{split}.json", contents)
    write_json(folder / "fho_lta_taxonomy.json", LTA_TAXONOMY)


def write_metadata(path: Path, videos: Mapping[str, str | None], fps: float = 30.0) -> None:
    entries = [
        {
            "video_uid": uid,
            "duration_sec": 500.0,
            "video_metadata": {"fps": fps, "num_frames": 15000},
            "split_fho": split,
        }
        for uid, split in videos.items()
    ]
    write_json(path, {"date": "230208", "version": "v2", "description": "all", "videos": entries})


def write_egtea(folder: Path, splits: Mapping[str, Sequence[str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    verbs = ("Inspect/Read", "Open", "Turn on", "Divide/Pull Apart")
    nouns = ("recipe", "fridge", "eating_utensil")
    actions = ("Inspect/Read recipe", "Open fridge", "Divide/Pull Apart eating_utensil,recipe")
    for name, classes in (("verb", verbs), ("noun", nouns), ("action", actions)):
        lines = [f"{text} {number}" for number, text in enumerate(classes, start=1)]
        (folder / f"{name}_idx.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, clips in splits.items():
        (folder / f"{name}.txt").write_text("".join(f"{clip} \n" for clip in clips), encoding="utf-8")


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

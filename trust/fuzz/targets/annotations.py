"""What people write: annotations, data cards, run files, class lists, tables of segments."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

from trust.fuzz.target import Target

_SCALE = 0.05


def _cast(name: str) -> tuple:  # type: ignore[type-arg]
    from egoshift.world.casts import write_cast

    return write_cast(name, seed=5, scale=_SCALE)


def _write_card(folder: Path, format: str, **fields: object) -> None:
    card = {"name": "x", "format": format, "annotations": "annotations", "videos": "videos", **fields}
    (folder / "card.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
    (folder / "videos").mkdir(parents=True, exist_ok=True)


def load(folder: Path) -> None:
    """Reads a data set's annotation files."""
    from egoshift.datasets.card import DataCard
    from egoshift.datasets.readers import load_dataset

    load_dataset(DataCard.read(folder / "card.yaml"), need_videos=False)


def _epic(place: Path) -> None:
    from egoshift.world.files import epic
    from egoshift.world.vocabulary import KITCHEN

    epic.write_annotations(place / "a" / "annotations", _cast("kitchen"), KITCHEN)
    _write_card(place / "a", "epic-kitchens")


def _ego4d(place: Path) -> None:
    from egoshift.world.files import ego4d
    from egoshift.world.vocabulary import HOME

    ego4d.write_annotations(place / "a" / "annotations", _cast("home"), HOME)
    _write_card(place / "a", "ego4d-fho")


def _egtea(place: Path) -> None:
    from egoshift.world.files import egtea
    from egoshift.world.vocabulary import BENCH

    egtea.write_annotations(place / "a" / "annotations", _cast("bench"), BENCH)
    _write_card(place / "a", "egtea", unit="full")


def _mmg(place: Path) -> None:
    from egoshift.world.files import multimodal
    from egoshift.world.vocabulary import ACTIVITIES

    multimodal.write_annotations(place / "a" / "annotations", _cast("multimodal"), ACTIVITIES)
    (place / "a" / "annotations" / "sensors.csv").write_text(
        "video,sensor,path\nW01,video,../videos/W01.mp4\nW01,imu,../imu/W01.csv\n", encoding="utf-8"
    )
    _write_card(place / "a", "mmg")


def _folder(place: Path) -> None:
    rows = [["video", "start", "stop", "verb", "noun", "split"]]
    rows += [[f"v{k % 3}.mp4", f"{k}", f"00:00:{k + 2:02d}.50", "wash", f"cup {k % 4}", "train"] for k in range(9)]
    (place / "a").mkdir()
    with (place / "a" / "segments.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    _write_card(place / "a", "folder", annotations="segments.csv")


def write_glasses(path: Path) -> None:
    """Writes a small archive of head-worn sensors."""
    entries = [
        {"set": "1A", "user": user, "exp": 0, "label": user % 2, "name": ["sit", "walk"][user % 2], "seconds": 2.0}
        | {"sensors": ["Accelerometer", "Gyroscope", "Magnetometer", "Pressure"]}
        for user in range(4)
    ]
    shapes = {"acc": (20, 3), "gyr": (20, 3), "mag": (8, 3), "pre": (3, 1)}
    arrays = {
        f"{index}_{name}": np.ones(shape, np.int16) for index in range(len(entries)) for name, shape in shapes.items()
    }
    np.savez(path, meta=np.array(json.dumps(entries)), **arrays)  # type: ignore[arg-type]


def _glasses(place: Path) -> None:
    (place / "a").mkdir()
    write_glasses(place / "a" / "glasses.npz")
    _write_card(place / "a", "classyglass", annotations="glasses.npz")


def _cards(place: Path) -> None:
    (place / "a").mkdir()
    _write_card(place / "a", "epic-kitchens", hands="h", hands_format="epic-hoa", window_s=4.0, frame_rate_hz=30.0)
    (place / "b").mkdir()
    _write_card(place / "b", "classyglass", test_users=[1], val_users=[2], split_seed=3)


def _read_card(folder: Path) -> None:
    from egoshift.datasets.card import DataCard

    DataCard.read(folder / "card.yaml")


def _runs(place: Path) -> None:
    from egoshift.recipes import RECIPES
    from egoshift.recipes.run_files import write_run

    for name in ("xmic", "mmg_many_shot"):
        (place / name).mkdir()
        write_run(RECIPES[name](Path("kitchen.yaml"), (Path("home.yaml"),)), place / name / "run.yaml")


def _read_run(folder: Path) -> None:
    from egoshift.recipes.run_files import read_run

    read_run(folder / "run.yaml")


_LISTS = {
    "nouns.txt": "cup\nknife\nchopping board\n",
    "pairs.csv": "verb,noun\nwash,cup\ncut,knife\n",
    "synonyms.csv": "name,canonical\ncutting board,chopping board\nmug,cup\n",
    "segments.csv": "video,start,stop\nv.mp4,0,1.5\nv.mp4,00:00:02,3\n",
}


def _lists(place: Path) -> None:
    for name, text in _LISTS.items():
        folder = place / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text(text, encoding="utf-8")


def _read_list(folder: Path) -> None:
    from egoshift.datasets.vocabulary import read_synonyms
    from egoshift.prediction.segment_table import read_segments
    from egoshift.prediction.words import read_pairs, read_words

    (path,) = folder.iterdir()
    match path.name:
        case "nouns.txt":
            read_words(str(path), "nouns")
        case "pairs.csv":
            read_pairs(path, ("wash", "cut"), ("cup", "knife", "chopping board"))
        case "synonyms.csv":
            read_synonyms(path)
        case _:
            read_segments(path)


def _data_set(name: str, share: int, prepare: Callable[[Path], object], files: tuple[str, ...]) -> Target:
    return Target(name, share, prepare, load, files, guided=True)


TARGETS = (
    _data_set("epic-kitchens", 8000, _epic, ("annotations/*",)),
    _data_set("ego4d", 8000, _ego4d, ("annotations/*",)),
    _data_set("egtea", 8000, _egtea, ("annotations/*",)),
    _data_set("mmg", 6000, _mmg, ("annotations/*",)),
    _data_set("folder", 8000, _folder, ("segments.csv",)),
    _data_set("classyglass", 5000, _glasses, ("glasses.npz",)),
    Target("cards", 8000, _cards, _read_card, guided=True),
    Target("runs", 8000, _runs, _read_run, guided=True),
    Target("lists", 10_000, _lists, _read_list, guided=True),
)

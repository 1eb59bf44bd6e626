"""``egoshift world make``: every file that it writes is read back through the ordinary readers."""

import json
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from egoshift.cli import main
from egoshift.datasets import DataCard, load_dataset
from egoshift.media import open_hand_locator, probe, read_frames
from tests.flows.conftest import Command

SETS = ("kitchen", "home", "bench", "multimodal")
SIZES = {"kitchen": (144, 256), "home": (192, 256), "bench": (192, 256), "multimodal": (192, 256)}
ANNOTATIONS = {
    "kitchen": {
        *("EPIC_100_train.csv", "EPIC_100_validation.csv", "EPIC_100_video_info.csv"),
        *("EPIC_100_verb_classes.csv", "EPIC_100_noun_classes.csv"),
    },
    "home": {"ego4d.json", "fho_lta_taxonomy.json", "fho_lta_train.json", "fho_lta_val.json"},
    "bench": {
        *("action_idx.txt", "noun_idx.txt", "verb_idx.txt"),
        *("test_split1.txt", "test_split2.txt", "test_split3.txt"),
    },
}
EPIC_INERTIAL = {
    "accl": ["Milliseconds", "AcclX", "AcclY", "AcclZ"],
    "gyro": ["Milliseconds", "GyroX", "GyroY", "GyroZ"],
}
EGO4D_INERTIAL = [
    *("component_idx", "component_timestamp_ms", "canonical_timestamp_ms"),
    *("gyro_x", "gyro_y", "gyro_z", "accl_x", "accl_y", "accl_z"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest world of all data sets, as the command line makes it. Not to be changed."""
    out = tmp_path_factory.mktemp("made") / "world"
    answer = CliRunner().invoke(main.application(), ["world", "make", str(out), "--scale", "0.02", "--seed", "3"])
    assert answer.exit_code == 0, answer.output
    assert f"next: egoshift data check {' '.join(str(out / f'{name}.yaml') for name in SETS)}" in answer.stderr
    lines = answer.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == list(SETS)
    assert lines[2].startswith("bench: 2 videos, 0.3 minutes, ")
    return out


def test_every_file_is_read_back_and_none_is_left_over(made: Path) -> None:
    unread = {path.relative_to(made) for path in made.rglob("*") if path.is_file()}
    num_files = len(unread)
    for readers in (_cards, _videos, _hands, _inertial, _multimodal):
        read = {path.relative_to(made) for path in readers(made)}
        assert read
        assert read <= unread, f"read again: {sorted(read - unread)}"
        unread -= read
    assert unread == set()
    # 16 + 2 videos, 4 + 3 files of hands, 2 * 4 + 4 + 8 of motion; cards, annotations, tables.
    assert num_files == 18 + 7 + 20 + 4 + 5 + 4 + 6 + 2


def test_data_check_finds_nothing_wrong(egoshift: Command, made: Path) -> None:
    answer = egoshift("data", "check", *(made / f"{name}.yaml" for name in SETS), "--json")
    assert answer.code == 0
    reports = {report["name"]: report for report in json.loads(answer.out)}
    usable = {name: report["videos_usable"] for name, report in reports.items()}
    assert usable == {"kitchen": 4, "home": 4, "bench": 2, "multimodal": 8}
    for report in reports.values():
        assert report["clips_usable"] == report["clips"] > 0
        assert report["faults"] == []


def _cards(world: Path) -> Iterator[Path]:
    for name, expected in ANNOTATIONS.items():
        card = DataCard.read(world / f"{name}.yaml")
        yield world / f"{name}.yaml"
        dataset = load_dataset(card)
        assert dataset.faults == ()
        assert len(dataset.clips) > 0
        assert card.annotations is not None
        assert {path.name for path in card.annotations.iterdir()} == expected
        yield from card.annotations.iterdir()


def _videos(world: Path) -> Iterator[Path]:
    for name in SETS:
        paths = sorted(path for path in (world / name / "videos").rglob("*") if path.suffix.lower() == ".mp4")
        assert len(paths) == {"bench": 2, "multimodal": 8}.get(name, 4)
        for path in paths:
            info = probe(path)
            assert info.duration_s == pytest.approx(10.0, abs=0.05)
            frames = [frame for _, frame in read_frames(path, np.array([0.0, 5.0, 9.8]))]
            assert [np.asarray(frame).shape for frame in frames] == [(*SIZES[name], 3)] * 3
            assert all(np.asarray(frame).std() > 5 for frame in frames)
            samples = _sound(path)
            assert len(samples) / 48000 == pytest.approx(info.duration_s, abs=0.1)
            assert 1e-4 < np.sqrt(np.mean(samples**2)) < 0.5
            yield path


def _sound(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.start_time) == ("aac", 48000, 0)
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])


def _hands(world: Path) -> Iterator[Path]:
    tables = {name: world / name / "hands.parquet" for name in ("home", "bench", "multimodal")}
    for name, path in {"kitchen": world / "kitchen" / "hand-objects", **tables}.items():
        hands_format = "epic-hoa" if name == "kitchen" else "boxes"
        locator = open_hand_locator(hands_format, path, hand_threshold=0.8, object_threshold=0.01)
        times, origins = np.arange(1.0, 9.0), []
        for video in sorted((world / name / "videos").rglob("*.[mM][pP]4")):
            frames = [frame for _, frame in read_frames(video, times)]
            origins += locator.locate(video.stem, times, frames, probe(video)).origin.tolist()
            if name == "kitchen":
                yield path / video.stem.partition("_")[0] / f"{video.stem}.pkl"
        assert np.mean(np.array(origins) > 0) > 0.5
        if name != "kitchen":
            yield path


def _inertial(world: Path) -> Iterator[Path]:
    for video in sorted((world / "kitchen" / "videos").rglob("*.MP4")):
        for sensor, columns in EPIC_INERTIAL.items():
            path = video.parent.parent / "meta_data" / f"{video.stem}-{sensor}.csv"
            table = pl.read_csv(path)
            assert table.columns == columns
            _check_readings(table["Milliseconds"], table.select(columns[1:]))
            yield path
    for name in ("home", "multimodal"):
        for video in sorted((world / name / "videos").iterdir()):
            path = world / name / "imu" / f"{video.stem}.csv"
            table = pl.read_csv(path)
            assert table.columns == EGO4D_INERTIAL
            _check_readings(table["canonical_timestamp_ms"], table.select(EGO4D_INERTIAL[3:]))
            yield path


def _check_readings(stamps_ms: pl.Series, readings: pl.DataFrame) -> None:
    """About 200 a second from the beginning of the ten seconds to their end, in order, all of them numbers."""
    steps = np.diff(stamps_ms.to_numpy())
    assert np.all(steps > 0)
    assert np.max(steps) < 20
    assert len(stamps_ms) == pytest.approx(2000, rel=0.05)
    assert stamps_ms[-1] == pytest.approx(10_000, abs=100)
    assert np.isfinite(readings.to_numpy()).all()


def _multimodal(world: Path) -> Iterator[Path]:
    root = world / "multimodal"
    classes, clips = pl.read_csv(root / "classes.csv"), pl.read_csv(root / "clips.csv")
    assert classes.columns == ["id", "name", "group"]
    assert clips.columns == ["clip_id", "video", "start_s", "stop_s", "class", "group", "split"]
    assert classes["id"].to_list() == list(range(len(classes)))
    assert classes["name"].n_unique() == len(classes)
    assert clips["clip_id"].n_unique() == len(clips)
    lengths = {path.stem: probe(path).duration_s for path in (root / "videos").iterdir()}
    assert set(clips["video"]) == lengths.keys()
    assert clips.select((pl.col("start_s") < pl.col("stop_s")).all()).item()
    ends = clips["video"].replace_strict(lengths, return_dtype=pl.Float64)
    assert (clips["stop_s"] <= ends + 0.05).all()
    assert clips.group_by("video").agg(pl.col("split").n_unique())["split"].max() == 1
    labelled, rest = clips.filter(pl.col("split") != "unlabelled"), clips.filter(pl.col("split") == "unlabelled")
    assert set(labelled["split"]) == {"train", "val", "test"}
    joined = labelled.join(classes, left_on="class", right_on="id", suffix="_of_class")
    assert len(joined) == len(labelled)
    assert (joined["group"] == joined["group_of_class"]).all()
    assert set(joined.filter(pl.col("group") == "novel")["split"]) == {"test"}
    assert len(rest) == rest["class"].null_count() == rest["group"].null_count() > 0
    dataset = load_dataset(DataCard.read(world / "multimodal.yaml"))
    assert dataset.faults == ()
    assert len(dataset.clips) == len(clips)
    yield from (root / "classes.csv", root / "clips.csv", world / "multimodal.yaml")


def test_make_says_what_it_made_and_what_to_do_next(egoshift: Command, tmp_path: Path) -> None:
    out = tmp_path / "w"
    answer = egoshift("world", "make", out, "--scale", "0.02", "--sets", "bench", "--defects", "--json")
    assert answer.code == 0
    document = json.loads(answer.out)
    assert document["cards"] == [str(out / "bench.yaml")]
    (bench,) = document["sets"]
    dataset = load_dataset(DataCard.read(out / "bench.yaml"))
    assert (bench["name"], bench["videos"], bench["segments"]) == ("bench", 2, len(dataset.clips))
    assert (bench["verbs"], bench["nouns"]) == (dataset.clips["verb"].n_unique(), dataset.clips["noun"].n_unique())
    defects = json.loads((out / "bench" / "defects.json").read_text())
    assert [entry["defect"] for entry in defects.values()] == ["no sound"]
    for path in (out / "bench" / "videos").iterdir():
        with av.open(str(path)) as container:
            assert len(container.streams.audio) == (0 if path.stem in defects else 1)
    again = egoshift("world", "make", out, "--scale", "0.02", "--sets", "bench")
    assert (again.code, again.lines) == (1, [f"{out / 'bench'} is there already; remove it, or give another folder"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scale", "0"), "scale is 0.0, expected a positive number; 1.0 is the ordinary size"),
        (("--scale", "-1"), "scale is -1.0, expected a positive number; 1.0 is the ordinary size"),
        (("--sets", "kitchen,garden"), "sets are kitchen, garden; expected some of kitchen, home, bench, multimodal"),
        (("--sets", ""), "sets are none; expected some of kitchen, home, bench, multimodal, each once"),
        (("--seed", "-4"), "seed is -4, expected 0 or more"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(
    egoshift: Command, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    answer = egoshift("world", "make", tmp_path / "w", *arguments)
    assert answer.code == 1
    assert len(answer.lines) == 1
    assert answer.lines[0].startswith(said)
    assert not (tmp_path / "w").exists()


def test_a_file_is_no_place_for_a_world(egoshift: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    for out in (tmp_path / "taken", tmp_path / "taken" / "world"):
        answer = egoshift("world", "make", out)
        assert (answer.code, answer.lines) == (
            1,
            [f"{tmp_path / 'taken'} is a file; give a folder to write the world into"],
        )

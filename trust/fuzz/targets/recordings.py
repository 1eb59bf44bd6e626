"""What devices and detectors write: sensors, hand boxes, Aria recordings, video, sound, pictures."""

import pickle
from pathlib import Path

import numpy as np

from trust.fuzz.target import Target
from trust.fuzz.targets.annotations import write_glasses

_FEW_LINES = 40


def _cut(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:_FEW_LINES]), encoding="utf-8")


def _inertial(place: Path) -> None:
    from egoshift.world.casts import write_cast
    from egoshift.world.files import sensors

    home, kitchen = (write_cast(name, seed=5, scale=0.05)[0] for name in ("home", "kitchen"))
    sensors.write_ego4d(place / "ego4d", home)
    sensors.write_epic(place / "epic", kitchen)
    for path in place.rglob("*.csv"):
        _cut(path)
    limbs = [f"{limb}_acc_{axis}" for limb in ("right_arm", "right_leg", "left_leg", "left_arm") for axis in "xyz"]
    rows = [",".join(["0", *("0.5" for _ in limbs), "jogging" if k % 3 else ""]) for k in range(20)]
    (place / "wear").mkdir()
    (place / "wear" / "sbj_0.csv").write_text("\n".join([",".join(["sbj_id", *limbs, "label"]), *rows]) + "\n")
    rows = [f"{k * 10},0.1,0.2,9.8" for k in range(20)]
    (place / "mapped").mkdir()
    (place / "mapped" / "own.csv").write_text("\n".join(["t,x,y,z", *rows]) + "\n")
    (place / "glasses").mkdir()
    write_glasses(place / "glasses" / "glasses.npz")


def _read_inertial(folder: Path) -> None:
    from egoshift.media import SensorReader
    from egoshift.media.inertial import ColumnMap, SensorColumns, onto_grid, read_mapped
    from egoshift.records import SensorFile

    tables = tuple(sorted(folder.rglob("*.csv")))
    if folder.name == "mapped":
        read_mapped(tables[0], ColumnMap("t", "ms", (SensorColumns("accelerometer", ("x", "y", "z"), "m/s^2"),)))
        return
    with SensorReader() as reader:
        if folder.name == "glasses":
            reader.inertial(SensorFile(folder / "glasses.npz", "classyglass", "1"))
            return
        if folder.name == "epic":
            found = reader.inertial(SensorFile(tables[0].parent, "epic", tables[0].stem.rpartition("-")[0]))
        else:
            found = reader.inertial(SensorFile(tables[0], folder.name))  # type: ignore[arg-type]
    if folder.name != "wear":
        onto_grid(found.sensors, 2.0)


def _boxes(place: Path) -> None:
    import polars as pl

    table = pl.DataFrame(
        {
            "video": ["v0", "v0", "v1"],
            "time_s": [0.0, 0.5, 1.0],
            "left": [0.1, 0.2, 0.3],
            "top": [0.1, 0.2, 0.3],
            "right": [0.5, 0.6, 0.7],
            "bottom": [0.5, 0.6, 0.7],
            "kind": ["hand", "object", "hand"],
            "score": [0.9, 0.5, 1.0],
            "contact": [True, False, True],
        }
    )
    for name in ("csv", "parquet"):
        (place / name).mkdir()
    table.write_csv(place / "csv" / "hands.csv")
    table.write_parquet(place / "parquet" / "hands.parquet")


def _read_boxes(folder: Path) -> None:
    from egoshift.media.box_table import read_box_table

    read_box_table(next(folder.iterdir()))


_UID = "002c3b5c-ed86-4af3-99a1-4b497b7c8a86"


def _detections(place: Path) -> None:
    from egoshift.world.detections import DetectedHand, DetectedObject, FrameDetections
    from egoshift.world.files.epic import frame_message

    hand = DetectedHand((0.1, 0.2, 0.3, 0.4), 0.9, True, True, (0.1, 0.1))
    frames = [FrameDetections((hand,), (DetectedObject((0.2, 0.2, 0.4, 0.4), 0.7),))] * 3
    messages = [frame_message("P01_101", number, frame) for number, frame in enumerate(frames, 1)]
    (place / "epic").mkdir()
    (place / "epic" / "P01_101.pkl").write_bytes(pickle.dumps(messages))
    boxes = np.array([[64.0, 48.0, 128.0, 96.0, 0.9, 3.0, 0.02, 1.0, 0.0, 1.0]], np.float32)
    clip: dict[object, object] = {"info": {"height": 480, "width": 640}}
    clip |= {k: {"hand_dets": boxes if k % 2 else None, "obj_dets": boxes} for k in range(4)}
    for protocol in (2, 4):
        folder = place / f"egoclip{protocol}" / _UID
        folder.mkdir(parents=True)
        (folder / "0.handobj.pkl").write_bytes(pickle.dumps({10.0: clip}, protocol))
        header = "video_uid\tvideo_dur\tnarration_source\tnarration_ind\tnarration_time\tclip_start\tclip_end"
        line = f"{_UID}\t700.0\tnarration_pass_1\t0\t5.0\t10.0\t14.0\tC says\t[1]"
        (folder.parent / "egoclip.csv").write_text(f"{header}\tclip_text\ttag_verb\n{line}\n")


def _read_detections(folder: Path) -> None:
    from egoshift.media import VideoInfo
    from egoshift.media.egoclip_boxes import EgoClipBoxes
    from egoshift.media.epic_hoa import read_epic_hoa

    if folder.name == "epic":
        read_epic_hoa(folder / "P01_101.pkl", "P01_101", 50.0)
        return
    info = VideoInfo(Path("v.mp4"), 700.0, 1920, 1440, 30.0, 21_000, 0, "h264")
    EgoClipBoxes(folder).read_track(_UID, info)


def _videos(place: Path) -> None:
    from tests.fixtures.sounds import write_sound
    from tests.fixtures.videos import write_frames, write_video

    for suffix, codec in (
        ("mp4", "libx264"),
        ("mkv", "libx264"),
        ("webm", "libvpx-vp9"),
        ("avi", "libx264"),
        ("ts", "libx264"),
    ):
        (place / suffix).mkdir()
        b_frames = 2 if suffix in ("mp4", "mkv") else 0
        write_video(
            place / suffix / f"v.{suffix}", 12, 10, codec=codec, gop=4, b_frames=b_frames, audio=suffix == "mp4"
        )
    sound = np.sin(np.arange(8000) / 20) / 2
    for suffix, codec in (("wav", "pcm_s16le"), ("mka", "aac"), ("flac", "flac")):
        (place / suffix).mkdir()
        write_sound(place / suffix / f"s.{suffix}", sound, 16_000, codec=codec)
    for suffix in ("jpg", "png"):
        write_frames(place / suffix, range(1, 4), f"frame_{{:010d}}.{suffix}".format)


def _read_video(folder: Path) -> None:
    from egoshift.errors import EgoshiftError
    from egoshift.media import probe, probe_sound, read_frames, read_sound

    if folder.name in ("jpg", "png"):
        info = probe(folder, 10.0)
        for _ in read_frames(folder, np.array([0.0, 0.1, 0.2]), 10.0):
            pass
        return
    path = next(folder.iterdir())
    if folder.name in ("wav", "mka", "flac"):
        if probe_sound(path) is not None:
            read_sound(path, 0.0, 0.5)
        return
    try:
        if probe_sound(path) is not None:
            read_sound(path, 0.0, 0.5)
    except EgoshiftError:
        pass  # what the pictures are is another question
    info = probe(path)
    for _ in read_frames(path, np.array([0.0, min(0.5, info.duration_s / 2)]), threads=1):
        pass


ARIA = Path(__file__).parents[4] / "shared" / "assets" / "aria" / "vrs"
"""Real recordings; absent outside the developers' machines."""


def _aria(place: Path) -> None:
    for name in ("video", "recording"):
        (place / name).mkdir()
        (place / name / f"{name}.vrs").write_bytes((ARIA / f"{name}.vrs").read_bytes())


def _read_aria(folder: Path) -> None:
    from egoshift.media import SensorReader, sound_pass
    from egoshift.records import SensorFile

    path = next(folder.iterdir())
    with SensorReader() as reader:
        reader.video_info(SensorFile(path, "aria", "camera-rgb"))
        reader.inertial(SensorFile(path, "aria", "imu-right"))
        if reader.sound_info(SensorFile(path, "aria", "mic")) is not None:
            for _ in sound_pass(SensorFile(path, "aria", "mic"), 0.0, 0.2).blocks():
                pass


TARGETS = (
    Target("inertial", 8000, _inertial, _read_inertial),
    Target("boxes", 6000, _boxes, _read_boxes),
    Target("detections", 8000, _detections, _read_detections, guided=True),
    Target("media", 6000, _videos, _read_video),
    *((Target("aria", 1500, _aria, _read_aria, apart=True),) if ARIA.is_dir() else ()),
)

"""Media that a child process reads: the same, bit for bit, and the same faults."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import DataError, MediaError
from egoshift.headers import announced_s, has_sound_track, is_list
from egoshift.isolation import Walls, isolated
from egoshift.media import (
    SensorReader,
    SoundPass,
    grid_times,
    probe,
    probe_sound,
    read_frames,
    read_inertial,
    read_sound,
    read_sound_file,
)
from egoshift.media.inertial.wear import AXES, LIMBS
from egoshift.records import SensorFile, SensorLayout
from tests.fixtures.predictors import write_colourful
from tests.fixtures.videos import textured_frames, write_audio, write_frames, write_video


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colourful(tmp_path_factory.mktemp("films") / "film.mp4", seconds=4)


def told(work: Callable[[], object]) -> object:
    """What comes of it, or the fault."""
    try:
        return work()
    except MediaError as error:
        return error.fault


def both(work: Callable[[], object]) -> tuple[object, object]:
    """Here and in a child."""
    here = told(work)
    with isolated():
        return here, told(work)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9"])
def test_frames_are_the_same_bit_for_bit(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "film.mkv", textured_frames(40), codec=codec)
    times_s = np.array([0.0, 0.0, 0.01, 0.2, 0.2, 0.5, 1.0, 1.2])
    assert probe(path).duration_s > 1.2

    def frames() -> list[tuple[int, bytes, tuple[int, ...]]]:
        return [(index, frame.tobytes(), frame.shape) for index, frame in read_frames(path, times_s, threads=2)]

    here, there = both(frames)
    assert len(frames()) == len(times_s)
    assert here == there


def test_times_on_one_frame_get_the_same_array(film: Path) -> None:
    with isolated():
        (_, first), (_, second), (_, third) = read_frames(film, np.array([0.0, 0.0, 1.0]))
    assert first is second
    assert first is not third


def test_what_files_are_is_the_same(film: Path, tmp_path: Path) -> None:
    sound = write_audio(tmp_path / "sound.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[:3000])
    playlist = tmp_path / "list.mp4"
    playlist.write_text("ffconcat version 1.0\nfile film.mp4\n")
    nothing = tmp_path / "none.mp4"
    for path in (film, sound, cut, playlist, nothing):
        for look in (probe, probe_sound, announced_s, has_sound_track, is_list):
            here, there = both(lambda path=path, look=look: look(path))  # type: ignore[misc]
            assert here == there
    assert probe(film).path == film


@pytest.mark.parametrize("stretch", [(0.0, None), (1.9, 3.1), (3.5, 9.0)])
def test_sound_is_the_same_bit_for_bit(film: Path, stretch: tuple[float, float | None]) -> None:
    here, there = both(lambda: read_sound(film, *stretch, sample_rate_hz=11_025))
    assert here.samples.tobytes() == there.samples.tobytes()  # type: ignore[attr-defined]
    assert here.present == there.present  # type: ignore[attr-defined]


def test_faults_of_sound_are_the_same_and_come_after_what_can_be_heard(film: Path, tmp_path: Path) -> None:
    silent = write_colourful(tmp_path / "silent.mp4", seconds=2, beep=False)
    cut = tmp_path / "cut.mkv"
    whole = tmp_path / "whole.mkv"
    write_audio(whole)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for path in (silent, cut, tmp_path / "none.mp4"):
        given: list[list[tuple[int, bytes]]] = []

        def listen(path: Path = path, given: list[list[tuple[int, bytes]]] = given) -> None:
            given.append([])
            for first, samples in SoundPass(path).blocks():
                given[-1].append((first, samples.tobytes()))

        here, there = both(listen)
        assert here == there
        assert given[0] == given[1]


def test_a_reader_that_takes_some_frames_leaves_the_rest(film: Path) -> None:
    with isolated():
        index, _ = next(iter(read_frames(film, grid_times(0.0, 4.0, 10.0))))
        assert index == 0
        assert probe(film).width == 96


def test_what_the_file_has_made_too_large_is_a_fault_of_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4", textured_frames(3, (1920, 1088)))
    with isolated(Walls(memory_mb=12)), pytest.raises(MediaError, match=r"film.mp4: .*; (write it anew|leave)"):
        list(read_frames(path, np.array([0.0])))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_pictures_of_a_folder_are_the_same(tmp_path: Path, suffix: str) -> None:
    folder = write_frames(tmp_path / "frames", range(1, 6), f"frame_{{:010d}}.{suffix}".format)
    (folder / f"frame_0000000004.{suffix}").write_bytes(b"no picture")
    times_s = np.array([0.0, 0.1, 0.15, 0.3])
    given: list[list[tuple[int, bytes]]] = []

    def look() -> None:
        given.append([])
        for index, frame in read_frames(folder, times_s, 10.0):
            given[-1].append((index, frame.tobytes()))

    here, there = both(look)
    assert here == there
    assert given[0] == given[1]
    assert len(given[0]) == 3, "the fourth cannot be decoded"
    head, head_there = both(lambda: probe(folder, 10.0))
    assert head == head_there


def test_pictures_of_a_folder_are_opened_in_the_child_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    folder = write_frames(tmp_path / "frames", range(1, 3))
    monkeypatch.setattr(Image, "open", None)
    with isolated():
        assert len(list(read_frames(folder, np.array([0.0, 0.1]), 10.0))) == 2


GEN1, GEN2 = "recording.vrs", "aria_gen2_unit_test_sequence_with_bluetooth.vrs"


@pytest.fixture(scope="module")
def vrs(assets: Path) -> Path:
    pytest.importorskip("pyvrs", reason='the vrs package is not installed; pip install "egoshift[aria]"')
    return assets / "aria" / "vrs"


def readings(path: Path) -> list[object]:
    """What an IMU of an Aria recording felt, or the fault."""

    def read() -> list[object]:
        with SensorReader() as reader:
            found = reader.inertial(SensorFile(path, "aria", "imu-right"))
        return [found.faults] + [
            (one.name, one.axes, one.unit, one.times_s.tobytes(), one.values.tobytes(), one.defects)
            for one in found.sensors.values()
        ]

    return list(both(read))


@pytest.mark.parametrize("name", [GEN1, GEN2])
def test_an_aria_recording_is_the_same(vrs: Path, name: str) -> None:
    path = vrs / name
    here, there = readings(path)
    assert here == there
    sound = SensorFile(path, "aria", "mic")
    one, other = both(lambda: read_sound_file(sound, 0.05, 0.3))
    assert one.samples.tobytes() == other.samples.tobytes()  # type: ignore[attr-defined]
    camera = SensorFile(path, "aria", "camera-rgb")

    def look() -> list[object]:
        with SensorReader() as reader:
            info = reader.video_info(camera)
            pictures = [(time_s, frame.tobytes()) for time_s, frame in reader.spaced_frames(camera, info, 0.2)]
            return [info, reader.sound_info(sound), pictures]

    here, there = both(look)
    assert here == there


def test_an_aria_recording_is_opened_in_the_child_alone(vrs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyvrs.reader

    monkeypatch.setattr(pyvrs.reader, "SyncVRSReader", None)
    with isolated():
        with SensorReader() as reader:
            assert reader.inertial(SensorFile(vrs / GEN1, "aria", "imu-left")).sensors
        assert len(read_sound_file(SensorFile(vrs / GEN1, "aria", "mic"), 0.0, 0.1).samples) == 1600


def test_a_damaged_aria_recording_has_the_same_faults(vrs: Path, tmp_path: Path) -> None:
    whole = (vrs / GEN1).read_bytes()
    for name, content in (("cut", whole[:-5000]), ("no", b"nothing"), ("head", whole[:8] + bytes(30) + whole[38:])):
        path = tmp_path / f"{name}.vrs"
        path.write_bytes(content)
        here, there = readings(path)
        assert here == there
        one, other = both(lambda path=path: read_sound_file(SensorFile(path, "aria", "mic")))  # type: ignore[misc]
        assert one == other


EGO4D = b"component_idx,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z\n"
WEAR = ",".join(f"{limb}_acc_{axis}" for limb in LIMBS for axis in AXES).encode()
READINGS = b"".join(b"0,%d,0.1,-0.25,3e-2,9.8,,1\n0,%d,1,2,3,4,5,6\n" % (time, time + 3) for time in range(0, 500, 5))
MOTION = b"Milliseconds,AcclX,AcclY,AcclZ\n3,1,2,3\n1,4,5,6\n1,x,5,6\n"

TABLES: dict[str, tuple[SensorLayout, str, bytes]] = {
    "ego4d": ("ego4d", "a.csv", EGO4D + READINGS),
    "ego4d without columns": ("ego4d", "a.csv", b"a,b\n1,2\n"),
    "ego4d without readings": ("ego4d", "a.csv", EGO4D),
    "ego4d that is no text": ("ego4d", "a.csv", b"\xff\xfe"),
    "ego4d that is not there": ("ego4d", "b.csv", b""),
    "epic": ("epic", "P01_101-accl.csv", MOTION),
    "epic with neither table": ("epic", "P01_102-accl.csv", MOTION),
    "epic with a bad table": ("epic", "P01_101-accl.csv", b"a\n"),
    "gopro": ("gopro", "a.csv", MOTION),
    "gopro in a folder": ("gopro", "", MOTION),
    "gopro without a table": ("gopro", "", b""),
    "wear": ("wear", "a.csv", b"sbj_id," + WEAR + b",label\n" + 5 * (b"1," + b"0.5," * 12 + b"jog\n")),
    "wear of persons with endless names": (
        "wear",
        "a.csv",
        b"sbj_id," + WEAR + b",label\n" + b"".join(name * 3_000_000 + b"," * 13 + b"\n" for name in (b"a", b"b")),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_the_same_with_the_same_faults(tmp_path: Path, name: str) -> None:
    layout, file, content = TABLES[name]
    place = tmp_path / ("a.csv" if layout in ("ego4d", "wear") or file == "a.csv" else "")
    if content:
        (tmp_path / (file or "GX010001.csv")).write_bytes(content)
    here, there = both(lambda: read(SensorFile(place, layout, "P01_101" if layout == "epic" else "")))
    assert here == there


def read(file: SensorFile) -> object:
    """What the tables of a recording say, or the line that refuses them."""
    try:
        found = read_inertial(file)
    except DataError as error:
        return str(error)
    return [str(fault) for fault in found.faults], [
        (one.name, one.axes, one.unit, one.times_s.tobytes(), one.values.tobytes(), one.defects)
        for one in found.sensors.values()
    ]


def test_tables_are_opened_in_the_child_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import polars

    path = tmp_path / "a.csv"
    path.write_bytes(EGO4D + READINGS)
    monkeypatch.setattr(polars, "read_csv", None)
    with isolated():
        assert set(read_inertial(SensorFile(path, "ego4d")).sensors) == {"accelerometer", "gyroscope"}


def test_a_table_that_takes_too_much_costs_that_table(tmp_path: Path) -> None:
    path, large = tmp_path / "a.csv", tmp_path / "large.csv"
    path.write_bytes(EGO4D + READINGS)
    large.write_bytes(EGO4D + b"1,,,,,,,\n" * 2_000_000)
    with isolated(Walls(memory_mb=400)):
        with pytest.raises(DataError, match=r"large.csv: reading (takes|crash).*; cut it into shorter ones, or export"):
            read_inertial(SensorFile(large, "ego4d"))
        assert read_inertial(SensorFile(path, "ego4d")).sensors


def test_what_a_child_needs_for_tables_loads_no_pytorch() -> None:
    loaded = "import sys, egoshift.media.inertial.apart; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0


STRANGE = [None, np.zeros((3, 5)), np.zeros((4, 5), np.float32), np.zeros((4, 5, 1))]


@pytest.mark.parametrize("given", STRANGE, ids=["none", "an axis short", "narrow", "deep"])
def test_what_a_child_gives_of_a_recording_is_not_believed(
    vrs: Path, monkeypatch: pytest.MonkeyPatch, given: np.ndarray | None
) -> None:
    from egoshift.media.aria import apart
    from egoshift.media.inertial import apart as tables

    with isolated():
        recording = apart.RecordingApart(vrs / GEN1)
    told = {"name": "gyroscope", "axes": ["x", "y", "z"], "unit": "rad/s", "defects": {}, "time_s": 0.0}
    monkeypatch.setattr(apart, "stream", lambda *_: iter([(told, given)]))
    with pytest.raises(MediaError, match="not readings; copy it"):
        recording.inertial("imu-left")
    monkeypatch.setattr(tables, "stream", lambda *_: iter([(told, given)]))
    with isolated(), pytest.raises(DataError, match="reading crashed: what came is not readings; cut it"):
        read_inertial(SensorFile(vrs / "a.csv", "ego4d"))
    monkeypatch.setattr(apart, "stream", lambda *_: (piece for piece in [(told, given)]))
    with pytest.raises(MediaError, match="not a picture; copy it"):
        list(recording.pictures())

"""Media that a child process reads: the same, bit for bit, and the same faults."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import MediaError
from egoshift.headers import announced_s, has_sound_track, is_list
from egoshift.isolation import isolated
from egoshift.media import SoundPass, grid_times, probe, probe_sound, read_frames, read_sound
from tests.fixtures.predictors import write_colourful
from tests.fixtures.videos import textured_frames, write_audio, write_video


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
    from egoshift.isolation import Walls

    path = write_video(tmp_path / "film.mp4", textured_frames(3, (1920, 1088)))
    with isolated(Walls(memory_mb=12)), pytest.raises(MediaError, match=r"film.mp4: .*; (write it anew|leave)"):
        list(read_frames(path, np.array([0.0])))

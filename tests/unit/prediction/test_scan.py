"""A recording is encoded once, piece by piece; what is finished outlives interruptions and damage."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egoshift.errors import MediaError
from egoshift.features import ExtractProgress, FramePlan, Store, View, extract
from egoshift.prediction.recording import HandsOf, open_recording
from egoshift.prediction.scan import RECORDING, Scanned, Stopped, cache_of, default_cache, scan_pictures
from tests.fixtures.videos import write_frames, write_video
from tests.unit.features.examples import (
    BLOCKS_CARD,
    BlockEncoder,
    LeftHalf,
    contents,
    example_dataset,
    shown_index,
)

from .recordings import RATE_HZ, damage, write_long

DURATION_S = 80.0


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 seconds, which are three pieces. Not to be changed."""
    return write_long(tmp_path_factory.mktemp("long") / "walk.mp4", DURATION_S)


def scan(
    path: Path,
    folder: Path,
    encoder: BlockEncoder | None = None,
    *,
    hands: LeftHalf | None = None,
    rate_hz: float = 4.0,
    progress: Callable[[ExtractProgress], None] | None = None,
    frame_rate_hz: float | None = None,
) -> Scanned:
    return scan_pictures(
        open_recording(path, frame_rate_hz=frame_rate_hz),
        encoder or BlockEncoder(),
        folder,
        views=("full",) if hands is None else ("full", "hand"),
        hands=HandsOf(path, hands),
        rate_hz=rate_hz,
        progress=progress,
    )


def indices(store: Store) -> list[int]:
    return [shown_index(row) for row in store.array("full")]


@pytest.mark.parametrize("hands", [None, LeftHalf(40.1)])
def test_pieces_are_what_one_extraction_of_the_whole_gives(video: Path, tmp_path: Path, hands: LeftHalf | None):
    """Bit for bit, though the whole is encoded in other batches."""
    (tmp_path / "cache").mkdir()
    found = scan(video, tmp_path / "cache", hands=hands)
    dataset = example_dataset({RECORDING: video}, [(RECORDING, 0.0, DURATION_S)])
    views: tuple[View, ...] = ("full",) if hands is None else ("full", "hand")
    whole = extract(dataset, BlockEncoder(), tmp_path / "whole", views=views, locator=hands).store
    assert (found.faults, found.stopped) == ((), False)
    assert len(whole) == round(4 * DURATION_S)
    for store in (found.store, found.store.in_memory()):
        np.testing.assert_array_equal(store.times(RECORDING), whole.times(RECORDING))
        for view in views:
            np.testing.assert_array_equal(store.array(view), whole.array(view))
    if hands is not None:
        np.testing.assert_array_equal(found.store.hand_boxes, whole.hand_boxes)
        np.testing.assert_array_equal(found.store.hand_origins, whole.hand_origins)
    assert indices(found.store) == [int(time * RATE_HZ + 1e-6) for time in whole.times(RECORDING)]
    (stored,) = (tmp_path / "cache").iterdir()
    assert len(Store.open(stored).offsets) == 3, "in pieces"


def ends_after(frames: int, error: type[BaseException]) -> Callable[[ExtractProgress], None]:
    def tell(state: ExtractProgress) -> None:
        if state.frames_done >= frames:
            raise error

    return tell


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stopped])
def test_what_is_finished_outlives_an_interruption(video: Path, tmp_path: Path, error: type[BaseException]):
    first = BlockEncoder()
    stopped = scan(video, tmp_path, first, progress=ends_after(250, error))
    assert stopped.stopped
    kept = len(stopped.store)
    assert 100 <= kept < 320
    assert indices(stopped.store) == [int(time * RATE_HZ + 1e-6) for time in stopped.store.times(RECORDING)]

    second, told = BlockEncoder(), list[ExtractProgress]()
    resumed = scan(video, tmp_path, second, progress=told.append)
    assert not resumed.stopped
    assert told[0].frames_done >= kept
    # Each picture is encoded once (20 frames of 5 a second are 16 of the 4 that are asked); batches are padded.
    assert second.num_images <= 320 - kept + 16
    third = BlockEncoder()
    again = scan(video, tmp_path, third)
    assert third.num_images == 0, "nothing is encoded twice"
    (tmp_path / "undisturbed").mkdir()
    scan(video, tmp_path / "undisturbed")
    (theirs,) = (tmp_path / "undisturbed").iterdir()
    assert contents(again.store.path) == contents(theirs)


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stopped])
def test_an_interruption_before_the_first_piece_leaves_nothing_and_the_next_call_does_all(
    video: Path, tmp_path: Path, error: type[BaseException]
):
    with pytest.raises(error):
        scan(video, tmp_path, progress=ends_after(1, error))
    assert len(scan(video, tmp_path).store) == 320


def test_a_damaged_middle_loses_only_what_is_damaged(video: Path, tmp_path: Path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(video.read_bytes())
    damage(broken, 0.48, 0.52)
    (tmp_path / "cache").mkdir()
    found = scan(broken, tmp_path / "cache")
    assert found.faults
    assert all(fault.path == broken for fault in found.faults)
    times_s = found.store.times(RECORDING)
    lost = sorted(set(range(320)) - {round(4 * time) for time in times_s.tolist()})
    assert 0 < len(lost) <= 4 * 12, "a few splinters"
    assert 30 < lost[0] / 4 < 45
    assert lost == list(range(lost[0], lost[-1] + 1)), "in one stretch"
    assert indices(found.store) == [int(time * RATE_HZ + 1e-6) for time in times_s]
    # The second call finds what is there, and looks at no more than the damaged splinters again.
    encoder = BlockEncoder()
    again = scan(broken, tmp_path / "cache", encoder)
    np.testing.assert_array_equal(again.store.times(RECORDING), times_s)
    assert encoder.num_images <= 120, "no more than the piece that is damaged"


def test_an_interruption_among_splinters_keeps_what_is_finished(tmp_path: Path):
    """A recording of one piece alone, so that splinters are all that there is to keep."""
    broken = write_long(tmp_path / "short.mp4", 20.0)
    damage(broken, 0.78, 0.85)
    (tmp_path / "cache").mkdir()
    seen = list[ExtractProgress]()

    def tell(state: ExtractProgress) -> None:
        seen.append(state)
        if state.videos_total > 1 and state.videos_done >= 2:
            raise Stopped

    found = scan(broken, tmp_path / "cache", progress=tell)
    assert found.stopped
    assert len(found.store) >= 16
    assert indices(found.store) == [int(time * RATE_HZ + 1e-6) for time in found.store.times(RECORDING)]


def test_nothing_but_damage_is_one_fault(tmp_path: Path):
    broken = write_long(tmp_path / "broken.mp4", 10.0)
    damage(broken, 0.01, 1.0)
    (tmp_path / "cache").mkdir()
    with pytest.raises(MediaError) as error:
        scan(broken, tmp_path / "cache")
    assert "broken.mp4" in str(error.value)
    assert "\n" not in str(error.value)


def test_folders_are_named_after_what_is_in_the_file(video: Path, tmp_path: Path):
    copy, other = tmp_path / "other name.mp4", tmp_path / "walk.mp4"
    copy.write_bytes(video.read_bytes())
    write_video(other, 20, 10)
    with (
        cache_of(open_recording(video), tmp_path / "c") as first,
        cache_of(open_recording(video), tmp_path / "c") as again,
    ):
        assert first == again
    with cache_of(open_recording(other), tmp_path / "c") as changed:
        assert changed != first
    with cache_of(open_recording(copy), tmp_path / "c") as copied:
        assert copied.name.split("-", 2)[2] == first.name.split("-", 1)[1]
    assert first.is_dir()


def test_a_changed_file_is_encoded_anew(tmp_path: Path):
    path = write_video(tmp_path / "a.mp4", 30, 10)
    for count in (30, 40):
        write_video(path, count, 10)
        encoder = BlockEncoder()
        with cache_of(open_recording(path), tmp_path / "c") as folder:
            found = scan(path, folder, encoder)
        assert encoder.num_images > 0
        assert len(found.store) == round(4 * count / 10)


def test_another_encoder_rate_or_detector_never_finds_the_wrong_features(tmp_path: Path):
    path = write_video(tmp_path / "a.mp4", 30, 10)
    other = BLOCKS_CARD.model_copy(update={"sha256": "1" * 64})
    ways: list[dict[str, Any]] = [
        {},
        {"encoder": BlockEncoder(other)},
        {"rate_hz": 2.0},
        {"hands": LeftHalf(1.0)},
        {"hands": LeftHalf(2.0)},
        {"hands": LeftHalf(2.0, corrected=["a"])},
    ]
    stores = set()
    for way in ways:
        encoder = way.pop("encoder", BlockEncoder())
        found = scan(path, tmp_path, encoder, **way)
        assert encoder.num_images > 0, "none of the earlier ones serves"
        stores.add(found.store.path)
    assert len(stores) == len(ways)
    encoder = BlockEncoder()
    assert scan(path, tmp_path, encoder).store.path in stores
    assert encoder.num_images == 0


def test_a_folder_of_frames_is_a_recording(tmp_path: Path):
    folder = write_frames(tmp_path / "frames", range(1, 41))
    with cache_of(open_recording(folder, frame_rate_hz=10), tmp_path / "c") as place:
        found = scan(folder, place, frame_rate_hz=10)
    assert indices(found.store) == [int(k / 4 * 10 + 1e-6) for k in range(16)]


def test_a_folder_of_frames_at_another_rate_is_encoded_anew(tmp_path: Path):
    folder = write_frames(tmp_path / "frames", range(1, 41))
    for rate_hz in (0.5, 1.0):  # the first is more pieces long
        with cache_of(open_recording(folder, frame_rate_hz=rate_hz), tmp_path / "c") as place:
            found = scan(folder, place, frame_rate_hz=rate_hz)
        assert indices(found.store) == [int(k / 4 * rate_hz + 1e-6) for k in range(round(160 / rate_hz))]


def test_without_a_cache_the_folder_is_gone_afterwards(video: Path):
    with cache_of(open_recording(video), None) as folder:
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(KeyboardInterrupt), cache_of(open_recording(video), None) as folder:
        raise KeyboardInterrupt
    assert not folder.exists()


def test_the_cache_is_where_the_system_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "egoshift" / "predict"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_cache() == Path(os.path.expanduser("~/.cache/egoshift/predict"))


def test_a_plan_at_the_edges_of_pieces_asks_for_each_time_once(video: Path, tmp_path: Path):
    """26.67 s, where a piece ends, is no time of the grid; 40 s, where one of two would, is."""
    for rate_hz in (0.3, 3.0, 7.0):
        found = scan(video, tmp_path, rate_hz=rate_hz)
        plan = FramePlan(rate_hz=rate_hz).times(np.array([0.0]), np.array([DURATION_S]), DURATION_S)
        np.testing.assert_allclose(found.store.times(RECORDING), plan, atol=1e-6)

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from egoshift.errors import ConfigError, DataError, StoreError
from egoshift.features import ExtractProgress, FramePlan, Store, View, extract
from egoshift.features.layout import NEXT, UNFINISHED
from egoshift.features.lock import writing
from egoshift.features.parts import write_part
from tests.fixtures.videos import write_frames, write_video

from .examples import BLOCKS_CARD, BlockEncoder, LeftHalf, NaNEncoder, contents, example_dataset, shown_index

RATE_HZ = 10
CLIPS = [("v1", 0.0, 1.0), ("v1", 0.5, 2.0), ("v2", 1.0, 1.9), ("v3", 0.1, 0.2), ("v3", 0.9, 1.5)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {name: write_video(folder / f"{name}.mp4", 20, RATE_HZ) for name in ("v1", "v2", "v3")}


@pytest.fixture
def dataset(videos):
    return example_dataset(videos, CLIPS)


def indices(store: Store, video_id: str, view: View = "full") -> list[int]:
    first, num_rows = store.offsets[video_id]
    return [shown_index(row) for row in store.array(view)[first : first + num_rows]]


def test_every_row_shows_the_frame_of_its_time(dataset, tmp_path):
    report = extract(dataset, BlockEncoder(), tmp_path / "store", batch_size=4)
    store = report.store
    assert list(store.offsets) == ["v1", "v2", "v3"]
    assert store.times("v1").tolist() == [k / 4 for k in range(8)]
    assert store.times("v2").tolist() == [1.0, 1.25, 1.5, 1.75]
    assert store.times("v3").tolist() == [0.0, 1.0, 1.25]
    for video_id in store.offsets:
        assert indices(store, video_id) == [int(time * RATE_HZ + 1e-6) for time in store.times(video_id)]
    assert (report.videos_total, report.videos_encoded, report.videos_kept) == (3, 3, 0)
    assert (report.frames_encoded, report.clips_total, report.clips_usable) == (15, 5, 5)
    assert report.faults == ()
    assert report.notices == ()
    assert store.array("full").dtype == np.float16
    store.verify()


def test_the_exact_plan_stores_the_bin_centres_of_each_clip(dataset, tmp_path):
    plan = FramePlan(kind="exact", num_frames=4)
    store = extract(dataset, BlockEncoder(), tmp_path / "store", plan=plan).store
    np.testing.assert_allclose(store.times("v2"), [1.1125, 1.3375, 1.5625, 1.7875])
    assert indices(store, "v2") == [11, 13, 15, 17]


def test_hand_view_shows_the_crop_and_says_where_it_came_from(dataset, tmp_path):
    locator = LeftHalf(first_s=0.6)
    store = extract(dataset, BlockEncoder(), tmp_path / "s", views=("full", "hand"), locator=locator).store
    first, num_rows = store.offsets["v1"]
    rows = slice(first, first + num_rows)
    seen = store.times("v1") >= 0.6
    assert store.hand_origins[rows].tolist() == seen.astype(int).tolist()
    np.testing.assert_array_equal(store.hand_boxes[rows][seen], np.tile([0, 0, 0.5, 1], (seen.sum(), 1)))
    full, hand = store.array("full")[rows], store.array("hand")[rows]
    np.testing.assert_array_equal(full[~seen], hand[~seen])
    # The left half stretched to the whole shows each of the two left columns of blocks twice.
    expected = full[seen].reshape(-1, 4, 4)[:, :, [0, 0, 1, 1]].reshape(-1, 16)
    np.testing.assert_allclose(hand[seen], expected, atol=0.06)
    assert store.manifest.hand == {"kind": "left-half", "first_s": 0.6}


def test_equal_pictures_are_encoded_once(dataset, tmp_path):
    encoder = BlockEncoder()
    plan = FramePlan(rate_hz=40)  # four times a frame
    extract(dataset, encoder, tmp_path / "s", plan=plan, views=("full", "hand"), locator=LeftHalf(99), batch_size=1)
    assert encoder.num_images == 20 + 9 + (1 + 6)  # the hand view shows the full frame


def test_batches_span_videos_and_are_all_of_one_size(dataset, tmp_path):
    encoder = BlockEncoder()
    extract(dataset, encoder, tmp_path / "s", batch_size=8)
    assert encoder.batch_sizes == [8, 8]


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batch_size_does_not_change_what_is_stored(dataset, tmp_path, batch_size):
    extract(dataset, BlockEncoder(), tmp_path / "one", batch_size=5)
    extract(dataset, BlockEncoder(), tmp_path / "two", batch_size=batch_size)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_second_call_encodes_nothing_and_changes_nothing(dataset, tmp_path):
    extract(dataset, BlockEncoder(), tmp_path / "s")
    before = contents(tmp_path / "s")
    encoder = BlockEncoder()
    report = extract(dataset, encoder, tmp_path / "s")
    assert encoder.num_images == 0
    assert (report.videos_kept, report.videos_encoded, report.frames_encoded) == (3, 0, 0)
    assert contents(tmp_path / "s") == before


def test_more_videos_are_merged_as_if_all_had_been_there(videos, dataset, tmp_path):
    extract(example_dataset({"v2": videos["v2"]}, [CLIPS[2]]), BlockEncoder(), tmp_path / "grown")
    report = extract(dataset, BlockEncoder(), tmp_path / "grown")
    assert (report.videos_kept, report.videos_encoded) == (1, 2)
    extract(dataset, BlockEncoder(), tmp_path / "whole")
    assert contents(tmp_path / "grown") == contents(tmp_path / "whole")


def test_new_clips_of_a_video_encode_only_the_missing_times(videos, tmp_path):
    extract(example_dataset(videos, [("v1", 0.5, 1.0)]), BlockEncoder(), tmp_path / "s")
    encoder = BlockEncoder()
    both = example_dataset(videos, [("v1", 0.5, 1.0), ("v1", 0.0, 1.5)])
    report = extract(both, encoder, tmp_path / "s", batch_size=1)
    assert encoder.num_images == 4
    assert report.frames_encoded == 4
    extract(both, BlockEncoder(), tmp_path / "whole")
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


def test_another_file_under_the_same_id_is_encoded_again_with_a_notice(videos, tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(videos["v1"].read_bytes())
    data = example_dataset({"v": path}, [("v", 0.0, 1.0)])
    extract(data, BlockEncoder(), tmp_path / "s")
    path.unlink()
    write_video(path, [np.full((64, 96, 3), 200, np.uint8)] * 20, RATE_HZ)
    report = extract(data, BlockEncoder(), tmp_path / "s")
    assert report.notices == (f"{path}: is not the file that was stored as 'v' before; it was encoded again",)
    np.testing.assert_allclose(report.store.array("full"), 200 / 255, atol=0.02)


def test_another_file_that_cannot_be_encoded_is_not_said_to_have_been(videos, tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(videos["v2"].read_bytes())
    data = example_dataset({"v": path}, [("v", 0.0, 1.5)])
    before = extract(data, BlockEncoder(), tmp_path / "s").store.array("full").copy()
    path.write_bytes(videos["v1"].read_bytes())
    report = extract(data, NaNEncoder(7), tmp_path / "s")
    said = f"{path}: is not the file that was stored as 'v' before; it cannot be encoded, and what was stored stays"
    assert (report.notices, [fault.kind for fault in report.faults]) == ((said,), ["not-finite"])
    np.testing.assert_array_equal(report.store.array("full"), before)


def test_other_settings_are_refused_with_both_values(dataset, tmp_path):
    extract(dataset, BlockEncoder(), tmp_path / "s")
    with pytest.raises(StoreError, match=r"plan.rate_hz is 4.0 in this store, but 5.0 is asked for; ask for what is"):
        extract(dataset, BlockEncoder(), tmp_path / "s", plan=FramePlan(rate_hz=5))
    other = BLOCKS_CARD.model_copy(update={"sha256": "1" * 64, "id": "elsewhere"})
    with pytest.raises(StoreError, match=f'encoder.sha256 is "{"0" * 64}" in this store, but "{"1" * 64}"') as caught:
        extract(dataset, BlockEncoder(other), tmp_path / "s")
    assert "encoder.id" not in str(caught.value)
    with pytest.raises(StoreError, match=r"hand.kind is nothing in this store"):
        extract(dataset, BlockEncoder(), tmp_path / "s", views=("full", "hand"), locator=LeftHalf())


def test_the_same_weights_under_another_name_are_taken(dataset, videos, tmp_path):
    extract(example_dataset(videos, CLIPS[:1]), BlockEncoder(), tmp_path / "s")
    renamed = BlockEncoder(BLOCKS_CARD.model_copy(update={"id": "copy", "licence": "unknown"}))
    report = extract(dataset, renamed, tmp_path / "s")
    assert report.store.manifest.encoder.id == "blocks"


def test_a_video_that_cannot_be_decoded_is_named_and_the_others_go_on(videos, tmp_path):
    short = tmp_path / "short.mp4"
    content = write_video(short, 20, RATE_HZ, container_options={"movflags": "faststart"}).read_bytes()
    short.write_bytes(content[: len(content) * 3 // 5])
    zero = tmp_path / "zero.mp4"
    zero.write_bytes(b"")
    data = example_dataset(
        {**videos, "short": short, "zero": zero},
        [("short", 0.0, 1.9), *CLIPS, ("zero", 0.0, 1.0), ("v1", 1.0, 9.0), ("gone", 0.0, 1.0)],
    )
    report = extract(data, BlockEncoder(), tmp_path / "s")
    assert list(report.store.offsets) == ["v1", "v2", "v3"]
    assert sorted(report.store.manifest.failed) == ["gone", "short", "zero"]
    assert (report.clips_total, report.clips_usable) == (9, 5)
    assert sorted(fault.path.name for fault in report.faults) == [
        "annotations.csv",
        "annotations.csv",
        "short.mp4",
        "zero.mp4",
    ]
    assert report.videos_encoded == 3
    extract(example_dataset(videos, CLIPS), BlockEncoder(), tmp_path / "clean")
    for name in ("full.npy", "times.npy"):
        assert (tmp_path / "s" / name).read_bytes() == (tmp_path / "clean" / name).read_bytes()


def test_a_video_that_failed_is_tried_again_and_then_no_longer_named(videos, tmp_path):
    path = tmp_path / "late.mp4"
    path.write_bytes(b"")
    data = example_dataset({**videos, "late": path}, [*CLIPS, ("late", 0.0, 1.0)])
    assert list(extract(data, BlockEncoder(), tmp_path / "s").store.manifest.failed) == ["late"]
    path.write_bytes(videos["v1"].read_bytes())
    report = extract(data, BlockEncoder(), tmp_path / "s")
    assert report.store.manifest.failed == {}
    assert report.videos_encoded == 1


def test_a_failure_after_all_was_stored_is_noted_in_the_manifest(videos, dataset, tmp_path):
    extract(dataset, BlockEncoder(), tmp_path / "s")
    more = example_dataset(videos, [*CLIPS, ("gone", 0.0, 1.0)])
    report = extract(more, BlockEncoder(), tmp_path / "s")
    assert report.store.manifest.failed == {"gone": "missing-video"}
    report = extract(dataset, BlockEncoder(), tmp_path / "s")
    assert report.store.manifest.failed == {"gone": "missing-video"}


def test_nan_from_the_encoder_fails_that_video_alone(dataset, tmp_path):
    report = extract(dataset, NaNEncoder(7), tmp_path / "s")
    assert list(report.store.offsets) == ["v2", "v3"]
    assert report.store.manifest.failed == {"v1": "not-finite"}
    (fault,) = report.faults
    assert "v1.mp4: the encoder gave NaN, or more than float16 holds, for the full view at 0.750 s" in str(fault)
    assert (report.clips_total, report.clips_usable) == (5, 3)


def test_nothing_usable_is_an_error_that_names_all_faults(tmp_path):
    zero = tmp_path / "zero.mp4"
    zero.write_bytes(b"")
    data = example_dataset({"zero": zero}, [("zero", 0.0, 1.0), ("gone", 0.0, 1.0)])
    with pytest.raises(DataError, match="no clip of the data set can be used") as caught:
        extract(data, BlockEncoder(), tmp_path / "s")
    assert len(caught.value.faults) == 3
    with pytest.raises(StoreError, match="no feature store is here"):
        Store.open(tmp_path / "s")


def test_videos_without_hand_detections_are_left_out_of_the_hand_view(dataset, tmp_path):
    locator = LeftHalf(missing=["v2"])
    report = extract(dataset, BlockEncoder(), tmp_path / "s", views=("full", "hand"), locator=locator)
    assert list(report.store.offsets) == ["v1", "v3"]
    assert [fault.kind for fault in report.faults] == ["missing-detections"]
    assert list(extract(dataset, BlockEncoder(), tmp_path / "t", locator=locator).store.offsets) == ["v1", "v2", "v3"]


def test_folders_of_numbered_frames_are_encoded_like_files(tmp_path):
    folder = write_frames(tmp_path / "P01_01", range(1, 21))
    data = example_dataset({"P01_01": folder}, [("P01_01", 0.0, 2.0)])
    with_rate = type(data)(data.name, data.clips, data.vocabularies, data.videos, {"P01_01": float(RATE_HZ)})
    store = extract(with_rate, BlockEncoder(), tmp_path / "s").store
    assert indices(store, "P01_01") == [int(time * RATE_HZ + 1e-6) for time in store.times("P01_01")]


@pytest.mark.parametrize(
    ("views", "message"), [((), "got none"), (("full", "full"), "got full, full"), (("hand",), "needs hand detections")]
)
def test_views_that_cannot_be_are_refused(dataset, tmp_path, views, message):
    with pytest.raises(ConfigError, match=message):
        extract(dataset, BlockEncoder(), tmp_path / "s", views=views)


def test_progress_counts_up_to_everything(dataset, tmp_path):
    states: list[ExtractProgress] = []
    extract(dataset, BlockEncoder(), tmp_path / "s", progress=states.append, batch_size=2)
    assert (states[-1].videos_done, states[-1].videos_total) == (3, 3)
    assert (states[-1].frames_done, states[-1].frames_total, states[-1].seconds_left) == (15, 15, 0.0)
    assert [state.frames_done for state in states] == sorted(state.frames_done for state in states)
    assert states[-1].frames_per_s > 0


def test_an_interrupted_call_leaves_its_finished_videos(dataset, tmp_path):
    def stop_after_one(state: ExtractProgress) -> None:
        if state.videos_done == 1:
            raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        extract(dataset, BlockEncoder(), tmp_path / "s", progress=stop_after_one, batch_size=1)
    assert threading.active_count() == threads
    assert len(list((tmp_path / "s" / UNFINISHED).glob("*.safetensors"))) == 1
    with pytest.raises(StoreError, match=r"extraction is unfinished \(1 videos wait to be added\); run the same"):
        Store.open(tmp_path / "s")
    report = extract(dataset, BlockEncoder(), tmp_path / "s")
    assert (report.videos_kept, report.videos_encoded) == (1, 2)
    extract(dataset, BlockEncoder(), tmp_path / "whole")
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


class Killed(BaseException):
    """Stands for the end of the process."""


def kill_at(monkeypatch, step: int) -> None:
    """Ends the process, so to speak, at the given one of all steps that change what lies on disk."""
    steps = iter(range(10_000))

    def dying(call):
        def wrapped(*arguments, **options):
            if next(steps) == step:
                raise Killed
            return call(*arguments, **options)

        return wrapped

    monkeypatch.setattr(Path, "replace", dying(Path.replace))
    monkeypatch.setattr(Path, "mkdir", dying(Path.mkdir))
    monkeypatch.setattr(shutil, "rmtree", dying(shutil.rmtree))
    monkeypatch.setattr(os, "fsync", dying(os.fsync))


def test_a_kill_at_any_step_of_writing_ends_in_the_same_bytes(videos, dataset, tmp_path, monkeypatch):
    old = example_dataset(videos, CLIPS[:1])
    extract(dataset, BlockEncoder(), tmp_path / "whole")
    extract(old, BlockEncoder(), tmp_path / "old")
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # no power is cut here, and it takes most of the time
    for step in range(100):
        store = tmp_path / f"killed{step}"
        shutil.copytree(tmp_path / "old", store)
        with monkeypatch.context() as patch:
            kill_at(patch, step)
            try:
                extract(dataset, BlockEncoder(), store)
            except Killed:
                pass
            else:
                break
        if not any((store / name).exists() for name in (UNFINISHED, NEXT)):
            assert contents(store) in (contents(tmp_path / "old"), contents(tmp_path / "whole"))
        extract(dataset, BlockEncoder(), store)
        assert contents(store) == contents(tmp_path / "whole")
    assert step > 20


def test_a_crash_in_a_thread_comes_out_where_extract_was_called(dataset, tmp_path):
    class Broken(BlockEncoder):
        def encode(self, images):
            raise RuntimeError("out of memory")

    threads = threading.active_count()
    with pytest.raises(RuntimeError, match="out of memory"):
        extract(dataset, Broken(), tmp_path / "s")
    assert threading.active_count() == threads


def test_the_number_of_torch_threads_is_as_before(dataset, tmp_path):
    before = torch.get_num_threads()
    extract(dataset, BlockEncoder(), tmp_path / "s")
    assert torch.get_num_threads() == before
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_store_that_is_being_written_is_left_alone(dataset, tmp_path):
    (tmp_path / "s").mkdir()
    with writing(tmp_path / "s"), pytest.raises(StoreError, match=f"process {os.getpid()} on .* is writing this store"):
        extract(dataset, BlockEncoder(), tmp_path / "s")
    assert extract(dataset, BlockEncoder(), tmp_path / "s").videos_encoded == 3


def test_a_full_disk_is_one_line_and_keeps_what_was_finished(dataset, tmp_path, monkeypatch):
    written: list[str] = []

    def full_after_one(store, video_id, entry, sources):
        if written:
            raise OSError(28, "No space left on device")
        written.append(video_id)
        return write_part(store, video_id, entry, sources)

    monkeypatch.setattr("egoshift.features.draft.write_part", full_after_one)
    with pytest.raises(StoreError, match=r"s: cannot be written \(No space left on device\); make room or choose"):
        extract(dataset, BlockEncoder(), tmp_path / "s")
    monkeypatch.undo()
    assert extract(dataset, BlockEncoder(), tmp_path / "s").videos_kept == 1


def test_a_grid_of_another_rate_shares_nothing_with_the_clip_table(dataset, tmp_path):
    report = extract(dataset, BlockEncoder(), tmp_path / "s", plan=FramePlan(rate_hz=1))
    assert report.store.times("v1").tolist() == [0.0, 1.0]
    assert report.clips_usable == dataset.clips.select(pl.len()).item()


class ByteEncoder(BlockEncoder):
    """Gives whole numbers up to 255, as what encodes pictures does."""

    def __init__(self):
        super().__init__(BLOCKS_CARD.model_copy(update={"family": "pixels"}))

    def encode(self, images):
        return (super().encode(images) * 255).round()


@pytest.mark.parametrize("views", [("full",), ("hand",), ("full", "hand")])
def test_pictures_are_stored_as_bytes_and_added_to_later(dataset, videos, tmp_path, views):
    half = extract(dataset, BlockEncoder(), tmp_path / "half", views=views, locator=LeftHalf(0.5)).store
    part = example_dataset(videos, CLIPS[2:3])
    extract(part, ByteEncoder(), tmp_path / "bytes", views=views, locator=LeftHalf(0.5), batch_size=4)
    store = extract(dataset, ByteEncoder(), tmp_path / "bytes", views=views, locator=LeftHalf(0.5), batch_size=4).store
    store.verify()
    for view in views:
        array = store.array(view)
        assert array.dtype == np.uint8
        np.testing.assert_allclose(array, half.array(view).astype(np.float64) * 255, rtol=0, atol=1)
        assert [shown_index(row / 255) for row in array] == [shown_index(row) for row in half.array(view)]


def test_a_folder_of_frames_at_another_rate_is_encoded_again_with_a_notice(tmp_path):
    folder = write_frames(tmp_path / "frames", range(1, 41))
    data = example_dataset({"v": folder}, [("v", 0.0, 1.0)])
    extract(replace(data, frame_rates_hz={"v": 10.0}), BlockEncoder(), tmp_path / "s")
    twice = replace(data, frame_rates_hz={"v": 20.0})
    report = extract(twice, BlockEncoder(), tmp_path / "s")
    assert [shown_index(row) for row in report.store.array("full")] == [0, 5, 10, 15]
    notice = f"{folder}: has another frame rate than what was stored as 'v' before; it was encoded again"
    assert report.notices == (notice,)
    again = extract(twice, BlockEncoder(), tmp_path / "s")
    assert (again.videos_encoded, again.notices) == (0, ())


def test_only_videos_whose_hand_detections_changed_are_encoded_again(videos, tmp_path):
    data = example_dataset(videos, [(video, 0.0, 1.0) for video in videos])
    views: tuple[View, ...] = ("full", "hand")
    extract(data, BlockEncoder(), tmp_path / "s", views=views, locator=LeftHalf())
    again = extract(data, BlockEncoder(), tmp_path / "s", views=views, locator=LeftHalf())
    assert (again.videos_encoded, again.notices) == (0, ())
    corrected = LeftHalf(corrected=["v1"])
    report = extract(data, BlockEncoder(), tmp_path / "s", views=views, locator=corrected)
    assert (report.videos_encoded, {video for video, _, _ in corrected.calls}) == (1, {"v1"})
    notice = f"{videos['v1']}: has other hand detections than what was stored as 'v1' before; it was encoded again"
    assert report.notices == (notice,)


def test_without_the_hand_view_other_detections_change_nothing(videos, tmp_path):
    data = example_dataset(videos, [("v1", 0.0, 1.0)])
    extract(data, BlockEncoder(), tmp_path / "s", locator=LeftHalf())
    before = contents(tmp_path / "s")
    assert extract(data, BlockEncoder(), tmp_path / "s", locator=LeftHalf(corrected=["v1"])).notices == ()
    assert contents(tmp_path / "s") == before

"""Recordings as rows, and windows of them: which rows, and what they hold."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from egoshift.encoders import SignalSpec
from egoshift.errors import DataError
from egoshift.features import SignalFeatures
from egoshift.features.recordings import Signal, read_signal, windows_of
from egoshift.records import SensorFile
from tests.fixtures.sounds import write_sound
from tests.fixtures.videos import write_video

from .sensing import AUDIO, IMU, VIDEO, dataset, write_ramp


def spec_of(rows: str, num_rows: int) -> SignalSpec:
    if rows == "frames":
        return SignalSpec(sensor="video", rows="frames", rate_hz=1.0, num_rows=num_rows, size=1)
    if rows == "log-mel":
        return SignalSpec(sensor="audio", rows="log-mel", rate_hz=1.0, num_rows=num_rows, num_mels=3)
    return SignalSpec(sensor="imu", rows="readings", rate_hz=1.0, num_rows=num_rows, layout={"accelerometer": 3})


def slow_window(
    signal: Signal, first: int, stop: int, centre: int, spec: SignalSpec
) -> tuple[list[list[float]], float]:
    """One window, a row at a time."""
    window, present = [], 0
    for place in range(spec.num_rows):
        row = centre - spec.num_rows // 2 + place
        if spec.rows == "frames":
            window.append(signal.rows[min(max(row, first), stop - 1)].float().flatten().tolist())
            present += 1
        elif first <= row < stop and signal.present[row]:
            window.append(signal.rows[row].float().tolist())
            present += 1
        else:
            window.append([float("nan")] * spec.row_dim)
    return window, present / spec.num_rows


@settings(max_examples=60, deadline=None)
@given(
    rows=st.sampled_from(["frames", "log-mel", "readings"]),
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=3),
    num_rows=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_windows_equal_their_slow_twin(rows: str, lengths: list[int], num_rows: int, seed: int) -> None:
    spec, generator = spec_of(rows, num_rows), torch.Generator().manual_seed(seed)
    shape = (sum(lengths), *spec.row_shape)
    values = torch.randint(256, shape, generator=generator)
    signal = Signal(
        values.to(torch.uint8) if rows == "frames" else values.float(),
        torch.rand(len(values), generator=generator) < (1.1 if rows == "frames" else 0.7),
    )
    edges = np.cumsum([0, *lengths]).tolist()
    asked = [
        (first, stop, first + int(torch.randint(-4, 12, (), generator=generator)))
        for first, stop in pairwise(edges)
        for _ in range(3)
    ]
    first, stop, centres = (torch.tensor(column) for column in zip(*asked, strict=True))
    windows, share = windows_of(signal, first, stop, centres, spec)
    expected = [slow_window(signal, *one, spec) for one in asked]
    torch.testing.assert_close(windows, torch.tensor([one for one, _ in expected]), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(share, torch.tensor([there for _, there in expected]))


def test_windows_do_not_write_into_the_recording() -> None:
    spec = spec_of("readings", 2)
    signal = Signal(torch.ones(4, 3), torch.tensor([True, False, True, True]))
    windows_of(signal, torch.tensor([0]), torch.tensor([4]), torch.tensor([1]), spec)
    assert (signal.rows == 1).all()


def test_row_k_of_a_log_mel_begins_at_a_hundredth_of_k(tmp_path: Path) -> None:
    sound = np.zeros(32_000, np.float32)
    sound[12_000:12_160] = 0.9  # 0.75 s to 0.76 s
    signal = read_signal(SensorFile(write_sound(tmp_path / "click.wav", sound, 16_000), "av"), AUDIO)
    assert signal.rows.shape == (198, 16)
    assert signal.present.all()
    heard = (signal.rows > -10).any(1).nonzero()[:, 0].tolist()
    assert heard == [73, 74, 75]  # of 25 ms each: those that overlap with it, from 0.73 s to 0.775 s


def test_row_k_of_an_imu_is_at_k_by_its_rate(tmp_path: Path) -> None:
    spec = IMU.model_copy(update={"rate_hz": 200.0})
    file = SensorFile(write_ramp(tmp_path / "imu.csv", 2.0, gap_s=(0.5, 1.0)), "ego4d")
    signal = read_signal(file, spec)
    assert signal.rows.shape == (397, 6)
    times = torch.arange(397) / 200
    # Accelerometer first, which is the second in the file. Present to half a step of 20 ms beside each reading.
    expected = times[:, None] * torch.tensor([4.0, 5, 6, 1, 2, 3])
    there = (times <= 0.48) | (times >= 1.0)
    torch.testing.assert_close(signal.rows[there], expected[there], rtol=0, atol=1e-4)
    assert signal.present[there].all()
    assert not signal.present[(times > 0.5) & (times < 0.98)].any()


def test_a_sensor_of_the_layout_that_is_not_in_the_file_is_nan_and_the_other_is_present(tmp_path: Path) -> None:
    path = write_ramp(tmp_path / "imu.csv", 1.0)
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([head, *(",".join(line.split(",")[:6]) + ",,," for line in lines)]) + "\n")
    signal = read_signal(SensorFile(path, "ego4d"), IMU)
    assert signal.rows[:, :3].isnan().all()
    assert signal.rows[:, 3:].isfinite().all()
    assert signal.present.all()


def test_row_k_of_a_video_shows_the_frame_at_k_by_its_rate(tmp_path: Path) -> None:
    file = SensorFile(write_video(tmp_path / "v.mp4", 20, 10, lossless=True), "av")
    every = read_signal(file, VIDEO.model_copy(update={"rate_hz": 10.0}))
    assert every.rows.shape == (20, 3, 32, 32)
    assert every.rows.dtype == torch.uint8
    assert len({row.numpy().tobytes() for row in every.rows}) == 20
    assert torch.equal(read_signal(file, VIDEO).rows, every.rows[::2])
    assert torch.equal(read_signal(file, VIDEO.model_copy(update={"rate_hz": 2.0})).rows, every.rows[::5])


CLIPS = [("x", 0.5, 2.5), ("x", 1.0, 1.4), ("y", 0.0, 3.0), ("y", 3.0, 5.0)]


@pytest.fixture
def ramps(tmp_path: Path) -> SignalFeatures:
    files = {"x": write_ramp(tmp_path / "x.csv", 4.0), "y": write_ramp(tmp_path / "y.csv", 5.0)}
    data = dataset(files, IMU, CLIPS)
    return SignalFeatures(data, data.clips, IMU, ["verb"])


def times_in(windows: Tensor) -> Tensor:
    """When each row of windows of ``ramp`` was recorded; NaN where it was not."""
    return windows[..., 3]


def test_a_sample_is_the_window_around_its_clips_middle(ramps: SignalFeatures) -> None:
    assert (len(ramps), ramps.dims, ramps.groups) == (4, {"imu": 6}, ("x", "x", "y", "y"))
    batch = ramps.batch(torch.tensor([3, 0, 1]), num_frames=99)
    assert batch.targets["verb"].tolist() == [0, 0, 1]
    middles = torch.tensor([4.0, 1.5, 1.2])
    expected = middles[:, None] - 0.5 + torch.arange(50) / 50
    torch.testing.assert_close(times_in(batch.streams["imu"]), expected, rtol=0, atol=1e-4)


def test_random_windows_lie_inside_long_clips_and_around_short_ones_and_come_from_the_seed(
    ramps: SignalFeatures,
) -> None:
    begins = []
    for seed in range(60):
        batch = ramps.batch(torch.arange(4), num_frames=1, generator=torch.Generator().manual_seed(seed))
        again = ramps.batch(torch.arange(4), num_frames=1, generator=torch.Generator().manual_seed(seed))
        torch.testing.assert_close(batch.streams["imu"], again.streams["imu"], rtol=0, atol=0, equal_nan=True)
        times = times_in(batch.streams["imu"])
        begins.append(times[:, 0])
        for index, (_, start_s, stop_s) in enumerate(CLIPS):
            begin, end = float(times[index].nan_to_num(9).min()), float(times[index].nan_to_num(-9).max()) + 0.02
            if stop_s - start_s > 1:
                assert start_s - 0.011 <= begin <= end <= stop_s + 0.011
            else:
                assert begin - 0.011 <= start_s < stop_s <= end + 0.011
    found = torch.stack(begins)
    # They reach both ends of where they may begin: 0.5 to 1.5 s, and 0.4 to 1.0 s.
    torch.testing.assert_close(found.min(0).values[:2], torch.tensor([0.5, 0.4]), rtol=0, atol=0.1)
    torch.testing.assert_close(found.max(0).values[:2], torch.tensor([1.5, 1.0]), rtol=0, atol=0.1)


def test_a_subset_gives_the_windows_of_its_samples(ramps: SignalFeatures) -> None:
    chosen = ramps.subset(torch.tensor([3, 1]))
    assert (len(chosen), chosen.groups, len(ramps)) == (2, ("y", "x"), 4)
    assert chosen.clips["clip_id"].to_list() == ["y_3", "x_1"]
    expected = ramps.batch(torch.tensor([1, 3]), num_frames=1)
    batch = chosen.batch(torch.tensor([1, 0]), num_frames=1)
    torch.testing.assert_close(batch.streams["imu"], expected.streams["imu"], equal_nan=True)
    assert batch.targets["verb"].tolist() == expected.targets["verb"].tolist()


def test_clips_without_the_sensor_are_left_out_and_each_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text("no,such,columns\n")
    files = {"x": write_ramp(tmp_path / "x.csv", 6.0, gap_s=(2.0, 4.0)), "broken": tmp_path / "broken.csv"}
    clips = [("x", 0.0, 1.0), ("x", 2.5, 3.5), ("nowhere", 0.0, 1.0), ("broken", 0.0, 1.0), ("x", 1.1, 2.7)]
    data = dataset(files, IMU, clips)
    seen: list[tuple[int, int]] = []
    source = SignalFeatures(data, data.clips, IMU, progress=lambda *state: seen.append(state))
    assert source.clips["clip_id"].to_list() == ["x_0", "x_4"]  # of the last, 0.6 s of the second in its middle
    assert [(fault.kind, fault.row) for fault in source.dropped] == [("sensor-absent", row) for row in (3, 4, 5)]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    share = (~times_in(source.batch(torch.arange(2), num_frames=1).streams["imu"]).isnan()).float().mean(1)
    torch.testing.assert_close(share, torch.tensor([1.0, 0.6]), rtol=0, atol=0.03)


def test_a_data_set_without_the_sensor_is_an_error_that_names_the_clips() -> None:
    data = dataset({}, IMU, [("x", 0.0, 1.0)])
    with pytest.raises(DataError, match="no clip has imu; give a data set that has this sensor") as caught:
        SignalFeatures(data, data.clips, IMU)
    assert "clip x_0: imu is absent" in str(caught.value)


def test_a_click_is_in_the_window_of_its_clip_and_in_no_other(tmp_path: Path) -> None:
    sound = np.zeros(64_000, np.float32)
    sound[40_000:40_160] = 0.9  # at 2.5 s
    files = {"v": write_sound(tmp_path / "v.wav", sound, 16_000)}
    data = dataset(files, AUDIO, [("v", 0.0, 2.0), ("v", 2.0, 3.0), ("v", 3.2, 4.0)])
    source = SignalFeatures(data, data.clips, AUDIO)
    windows = source.batch(torch.arange(3), num_frames=1).streams["audio"]
    loud = (windows > -10).any(2)
    assert loud.any(1).tolist() == [False, True, False]
    # The window begins 32 frames before the middle, and the frames that hear it are those from 2.48 s on.
    assert loud[1].nonzero()[:, 0].tolist() == [30, 31, 32]


def test_frames_beyond_the_end_are_the_last_one(tmp_path: Path) -> None:
    data = dataset({"v": write_video(tmp_path / "v.mp4", 10, 10)}, VIDEO, [("v", 0.0, 0.2), ("v", 0.9, 1.0)])
    source = SignalFeatures(data, data.clips, VIDEO)
    windows = source.batch(torch.arange(2), num_frames=1).streams["video"]
    assert windows.shape == (2, 4, 3 * 32 * 32)
    assert torch.equal(windows[0, 0], windows[0, 1])
    assert torch.equal(windows[1, 1], windows[1, 3])
    assert not torch.equal(windows[0, 2], windows[0, 3])

"""One decoding pass against seeking to every clip: a 5-minute 720p H.264 video, 16 frames a clip of 2 to 8 seconds.

Dense: 300 overlapping clips. Sparse: 10 clips with long gaps, where seeking has its best case. Both ways run in turns,
in one process, keep the file open, decode with the same threads, convert only the frames they want, and must give the
same frames. Time is processor time over all threads, so that a busy machine changes it little; the ratio of the clocks
on the wall stands beside it. ``share_of_limit`` is what bare decoding of the whole video takes (``benchmarks.limits``)
divided by what the pass takes; above 1, the pass skipped frames that nobody wanted.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image

from benchmarks.limits import decode, seconds
from benchmarks.report import report
from egoshift.isolation import isolated
from egoshift.media import bin_centres, exact_times, read_frames

SIZE = (1280, 720)
RATE_HZ = 30
LOOP_S = 15
VIDEO_S = 300
GOP = 30
NUM_FRAMES = 16
SOUGHT = 60
"""So many of the 300 clips are measured by seeking, in random order; every clip costs the same on average."""

COMMAND = "python -m benchmarks.decoding"


def main() -> None:
    """Measure both cases and report them."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = write_video(Path(folder) / "video.mp4")
        dense, sparse = random_clips(random, 300), spread_clips(random, 10)
        ratio, wall = compare(path, dense, [random.permutation(300)[:SOUGHT]])
        share = round(seconds(lambda: decode(path, 0)) / seconds(lambda: one_pass(path, dense)), 3)
        note = f"seeking measured on {SOUGHT} random ones of 300 clips, times {300 // SOUGHT}"
        bar = ">= 5 times the speed of seeking per clip"
        report("decoding-dense", ratio, "times", bar, COMMAND, wall=wall, gop=GOP, note=note, share_of_limit=share)
        share, wall = apart(path, dense)
        bar = ">= 0.5 times the speed without --isolate, starting the process included"
        report("decoding-isolated", share, "times", bar, COMMAND, wall=wall, gop=GOP)
        ratio, wall = compare(path, sparse, [np.arange(10)] * 3)
        bar = ">= 1 times the speed of seeking per clip, 10 clips with long gaps"
        report("decoding-sparse", ratio, "times", bar, COMMAND, wall=wall, gop=GOP)


def compare(path: Path, clips: np.ndarray, turns: Sequence[np.ndarray]) -> tuple[float, float]:
    """How many times as fast one pass is as seeking to each clip, in processor time and on the wall; medians.

    In each turn, only the named clips are sought, and the time is scaled to all.
    """
    ratios = []
    for part in turns:
        begun = clocks()
        by_seeking = seek_per_clip(path, clips[part])
        sought = clocks()
        by_pass = one_pass(path, clips)
        passed = clocks()
        assert by_seeking == [by_pass[index] for index in part], "both ways give the same frames"
        ratios.append((sought - begun) * len(clips) / len(part) / (passed - sought))
    processor, wall = np.median(ratios, axis=0).tolist()
    return processor, round(wall, 4)


def apart(path: Path, clips: np.ndarray) -> tuple[float, float]:
    """How quickly frames come out of a child process, as a share of how quickly they do without: processor and wall.

    Of the processor's time, the child's is a part. Both ways run in turns and give the same frames.
    """
    ratios = []
    for _ in range(2):
        begun = all_clocks()
        here = one_pass(path, clips)
        between = all_clocks()
        with isolated():
            there = one_pass(path, clips)
        ended = all_clocks()
        assert here == there, "both ways give the same frames"
        ratios.append((between - begun) / (ended - between))
    processor, wall = np.median(ratios, axis=0).tolist()
    return round(processor, 4), round(wall, 4)


def all_clocks() -> np.ndarray:
    """Seconds of processor time, that of ended children included, and on the wall."""
    times = os.times()
    return np.array([times.user + times.system + times.children_user + times.children_system, time.perf_counter()])


def clocks() -> np.ndarray:
    """Seconds of processor time, and on the wall."""
    return np.array([time.process_time(), time.perf_counter()])


def one_pass(path: Path, clips: np.ndarray) -> list[list[int]]:
    """A checksum of each of the 16 frames of each clip, from one pass."""
    times = exact_times(clips[:, 0], clips[:, 1], NUM_FRAMES)
    sums = np.empty(len(times), np.int64)
    last: tuple[np.ndarray | None, int] = (None, 0)
    for index, frame in read_frames(path, times):
        if frame is not last[0]:
            last = (frame, checksum(frame))
        sums[index] = last[1]
    places = np.searchsorted(times, bin_centres(clips[:, 0], clips[:, 1], NUM_FRAMES))
    chosen: list[list[int]] = sums[places].tolist()
    return chosen


def seek_per_clip(path: Path, clips: np.ndarray) -> list[list[int]]:
    """The same the ordinary way: seek to before each clip and decode up to its last wanted frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return [list(_sought(container, stream, clip)) for clip in clips]


def _sought(container: av.container.InputContainer, stream: VideoStream, clip: np.ndarray) -> Iterator[int]:
    assert stream.time_base is not None
    wanted = [int(time_s / stream.time_base) for time_s in bin_centres(clip[0], clip[1], NUM_FRAMES)]
    container.seek(wanted[0], stream=stream)
    shown = None
    for frame in container.decode(stream):
        while wanted and shown is not None and frame.pts is not None and frame.pts > wanted[0]:
            wanted.pop(0)
            yield checksum(shown.to_ndarray(format="rgb24"))
        if not wanted:
            return
        shown = frame
    for _ in wanted:
        assert shown is not None
        yield checksum(shown.to_ndarray(format="rgb24"))


def checksum(frame: np.ndarray) -> int:
    """A cheap fingerprint: every 16th row."""
    return crc32(frame[::16].tobytes())


def random_clips(random: np.random.Generator, count: int) -> np.ndarray:
    """Clips of 2 to 8 seconds anywhere in the video: start and stop."""
    lengths = random.uniform(2, 8, count)
    starts = random.uniform(0, VIDEO_S - lengths)
    return np.stack([starts, starts + lengths], axis=1)


def spread_clips(random: np.random.Generator, count: int) -> np.ndarray:
    """Clips of 2 to 8 seconds, one in each of ``count`` equal stretches of the video."""
    stretch = VIDEO_S / count
    lengths = random.uniform(2, 8, count)
    starts = np.arange(count) * stretch + random.uniform(0, stretch - lengths)
    return np.stack([starts, starts + lengths], axis=1)


def write_video(path: Path) -> Path:
    """Five minutes that cost as much to decode as a head camera's: a wandering view, sensor noise, things that move.

    A quarter of a minute is encoded and its packets repeated.
    """
    with tempfile.TemporaryDirectory() as folder:
        loop = Path(folder) / "loop.mp4"
        with av.open(str(loop), "w") as container:
            stream = container.add_stream("libx264", rate=RATE_HZ, options={"preset": "veryfast", "g": str(GOP)})
            assert isinstance(stream, VideoStream)
            stream.width, stream.height = SIZE
            stream.pix_fmt, stream.bit_rate = "yuv420p", 5_000_000
            for picture in scenes(LOOP_S * RATE_HZ):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        repeat(loop, path, VIDEO_S // LOOP_S)
    return path


def repeat(loop: Path, path: Path, times: int) -> None:
    """Write the packets of a video several times over, one after the other."""
    with av.open(str(path), "w") as container:
        out = None
        for turn in range(times):
            with av.open(str(loop)) as source:
                stream = source.streams.video[0]
                assert stream.time_base is not None
                out = out or container.add_stream_from_template(stream)
                shift = round(turn * LOOP_S / stream.time_base)
                for packet in source.demux(stream):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = out
                        container.mux(packet)


def scenes(count: int) -> Iterator[np.ndarray]:
    """A window that wanders over a large picture, with noise that differs from frame to frame and a moving block."""
    random = np.random.default_rng(0)
    width, height = SIZE
    spots = Image.fromarray(random.integers(0, 256, (48, 80, 3), dtype=np.uint8))
    wide = np.asarray(spots.resize((width + 512, height + 256), Image.Resampling.BICUBIC), np.int16)
    noises: Sequence[np.ndarray] = [random.normal(0, 6, (height, width, 1)).astype(np.int16) for _ in range(7)]
    for index in range(count):
        left, top = int(256 + 200 * np.sin(index / 40)), int(128 + 100 * np.cos(index / 25))
        picture = np.clip(wide[top : top + height, left : left + width] + noises[index % 7], 0, 255).astype(np.uint8)
        x, y = (index * 7) % (width - 200), 200 + index % 200
        picture[y : y + 120, x : x + 200] = ((index * 3) % 255, 80, 160)
        yield picture


if __name__ == "__main__":
    main()

"""Drawing EgoWorld's frames at 256 x 192 in two processes, held against the 300 frames a second that are wanted.

What is timed is ``Renderer.frame``: room, hands, things, motion blur, light and noise; not the encoding as H.264, whose
cost on the same frames is given beside it, nor drawing each video's room and things once, which is given too. The three
data sets that have frames of 256 x 192 are drawn in turn.
"""

import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.report import report
from egoshift.world.casts import write_cast
from egoshift.world.film import encode
from egoshift.world.render import Renderer
from egoshift.world.script import Script

SETS, PROCESSES, FRAMES, WANTED_HZ = ("home", "bench", "multimodal"), 2, 1500, 300.0
SIZE = (256, 192)


def draw(script: Script) -> tuple[float, float]:
    """Seconds to set a video's renderer up, and to draw its first ``FRAMES`` frames."""
    start = time.perf_counter()
    renderer = Renderer(script)
    ready = time.perf_counter()
    for index in range(min(FRAMES, script.num_frames)):
        renderer.frame(index)
    return ready - start, time.perf_counter() - ready


def main() -> None:
    """Print one line."""
    scripts = [script for name in SETS for script in write_cast(name, 0, 1.0)[:PROCESSES]]
    assert all(script.style.size == SIZE for script in scripts)
    frames = sum(min(FRAMES, script.num_frames) for script in scripts)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(time.sleep, [0.1] * PROCESSES))  # processes start and import before the clock does
        list(pool.map(draw, scripts[:PROCESSES]))
        start = time.perf_counter()
        spent = list(pool.map(draw, scripts))
        wall_s = time.perf_counter() - start
    some = [Renderer(scripts[0]).frame(index)[0] for index in range(300)]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        encode(Path(folder) / "video.mp4", some, SIZE, scripts[0].style.rate_hz)
        encode_ms = (time.perf_counter() - start) / len(some) * 1e3
    report(
        "rendering",
        frames / wall_s / WANTED_HZ,
        f"times {WANTED_HZ:g} frames/s of {SIZE[0]}x{SIZE[1]} in {PROCESSES} processes",
        ">= 1",
        "python -m benchmarks.rendering",
        frames=frames,
        frames_per_s=round(frames / wall_s),
        draw_ms=round(1e3 * sum(drawn for _, drawn in spent) / frames, 2),
        prepare_s_per_video=round(sum(ready for ready, _ in spent) / len(spent), 2),
        encode_ms_one_thread=round(encode_ms, 2),
    )


if __name__ == "__main__":
    main()

"""One video from script to file: every frame drawn, encoded as H.264, and looked at by the detector."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from egoshift.world.detections import FrameDetections, detect
from egoshift.world.render import Renderer
from egoshift.world.script import Script


def film(script: Script, path: Path) -> list[FrameDetections]:
    """Write the video and give the detections on each of its frames."""
    renderer = Renderer(script)
    rng = np.random.default_rng([*script.seed, 4])
    found: list[FrameDetections] = []

    def frames() -> Iterable[np.ndarray]:
        for index in range(script.num_frames):
            picture, seen = renderer.frame(index)
            found.append(detect(seen, script.style.size, rng))
            yield picture

    encode(path, frames(), script.style.size, script.style.rate_hz)
    return found


def encode(path: Path, frames: Iterable[np.ndarray], size: tuple[int, int], rate_hz: int) -> None:
    """Write frames ``(height, width, 3)`` as an H.264 file; complete or not there at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}.part{path.suffix.lower()}")
    with av.open(str(unfinished), "w", format="mp4") as container:
        # One thread: the same bytes on every machine, and a process per video keeps the cores busy.
        stream = container.add_stream("libx264", rate=Fraction(rate_hz), options={"preset": "superfast", "crf": "24"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = 4 * rate_hz
        for picture in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    unfinished.replace(path)

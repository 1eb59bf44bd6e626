"""One video from script to file: every frame drawn and looked at by the detector, encoded as H.264 with AAC sound."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import Float32

from egoshift.files import replacing
from egoshift.world.detections import FrameDetections, detect
from egoshift.world.noises import SOUND_RATE_HZ
from egoshift.world.render import Renderer
from egoshift.world.script import Script

SOUND_BITS_PER_S = 64_000

Samples = Float32[np.ndarray, " samples"]


def film(script: Script, path: Path, samples: Samples | None = None) -> list[FrameDetections]:
    """Write the video, with its sound where given, and give the detections on each of its frames."""
    renderer = Renderer(script)
    rng = np.random.default_rng([*script.seed, 4])
    found: list[FrameDetections] = []

    def frames() -> Iterable[np.ndarray]:
        for index in range(script.num_frames):
            picture, seen = renderer.frame(index)
            found.append(detect(seen, script.style.size, rng))
            yield picture

    encode(path, frames(), script.style.size, script.style.rate_hz, samples)
    return found


def encode(
    path: Path, frames: Iterable[np.ndarray], size: tuple[int, int], rate_hz: int, samples: Samples | None = None
) -> None:
    """Write frames ``(height, width, 3)`` and sound as an mp4 file; complete or not there at all.

    Args:
        path: The file.
        frames: Red, green and blue of 0 to 255.
        size: Width and height.
        rate_hz: Frames a second.
        samples: One channel at ``SOUND_RATE_HZ`` from the first frame on; none makes a video without a sound track.
    """
    with replacing(path) as unfinished, av.open(str(unfinished), "w", format="mp4") as container:
        # One thread: the same bytes on every machine, and a process per video keeps the cores busy.
        stream = container.add_stream("libx264", rate=Fraction(rate_hz), options={"preset": "superfast", "crf": "24"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = 4 * rate_hz
        sound = _sound_packets(container, samples, rate_hz) if samples is not None else iter(())
        for picture in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
            container.mux(next(sound, []))
        for packet in stream.encode():
            container.mux(packet)
        for packets in sound:
            container.mux(packets)


def _sound_packets(
    container: av.container.OutputContainer, samples: Samples, frame_rate_hz: int
) -> Iterator[list["av.Packet[av.AudioStream]"]]:
    """What the sound of one frame after the other is encoded as; last, what the encoder held back.

    The encoder begins with a block of silence, which mp4 notes and players leave out: nothing is shifted here.
    """
    stream = container.add_stream("aac", rate=SOUND_RATE_HZ, layout="mono")
    stream.codec_context.thread_count = 1
    stream.codec_context.bit_rate = SOUND_BITS_PER_S
    # Opened at once, since the file's head, written with the first packet, describes both tracks.
    stream.codec_context.open()
    return _encoded(stream, samples, SOUND_RATE_HZ // frame_rate_hz)


def _encoded(stream: av.AudioStream, samples: Samples, step: int) -> Iterator[list["av.Packet[av.AudioStream]"]]:
    for first in range(0, len(samples), step):
        frame = av.AudioFrame.from_ndarray(samples[None, first : first + step], format="fltp", layout="mono")
        frame.sample_rate = SOUND_RATE_HZ
        frame.time_base = Fraction(1, SOUND_RATE_HZ)
        frame.pts = first
        yield stream.encode(frame)
    yield stream.encode()

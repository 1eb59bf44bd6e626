"""A recording with what was recognised in it, as a video that plays anywhere (H.264 in an mp4).

Every frame is shown at its own time, upright; below it stands a panel with the names that lead, how sure they are, and
the timeline with a cursor. The box of the hands that the model looked at is drawn on the picture where one was found.
The recording's sound is kept.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from egoshift.errors import ConfigError
from egoshift.files import replacing
from egoshift.media.container import first_frame, freed, open_video
from egoshift.prediction.overlay_frames import OverlayFrames
from egoshift.prediction.sound_copy import AnyPacket, SoundCopy, can_carry
from egoshift.prediction.timeline import Prediction

Progress = Callable[[float, float], None]

TICKS_HZ = 90_000
"""Fine enough for the times of any camera's frames."""

ENCODER = {"preset": "veryfast", "crf": "22"}


def write_overlay(prediction: Prediction, out: Path, progress: Progress | None = None) -> tuple[str, ...]:
    """Writes the recording with its timeline drawn in.

    An interruption by ctrl-C finishes the file where it is, so that it plays until there, and is then passed on.
    Whatever else goes wrong leaves no file, or the one that was there before.

    Args:
        prediction: The recording and what was recognised in it.
        out: The mp4 file to write; missing folders are made.
        progress: Called with seconds done and seconds in all.

    Returns:
        What a person should know, one line each: characters without a font, pictures that could not be decoded.

    Raises:
        ConfigError: The recording is a folder of frames, ``out`` is no mp4 file or is the recording, or cannot be
            written.
        MediaError: The recording cannot be read.
        KeyboardInterrupt: After the file was finished early.
    """
    _check(prediction.path, out)
    try:
        drawing = _Drawing(prediction, progress)
        with replacing(out) as unfinished:
            drawing.run(unfinished)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"{out}: cannot be written ({reason}); free some space, or choose another place"
        raise ConfigError(message) from None
    if drawing.was_interrupted:
        raise KeyboardInterrupt
    return drawing.notices


class _Drawing:
    """One pass from a recording to its overlay."""

    def __init__(self, prediction: Prediction, progress: Progress | None):
        self._path, self._progress = prediction.path, progress
        self._duration_s = prediction.timeline.duration_s
        container, stream = open_video(self._path, threads=1)
        with container:
            self._clock, frame = first_frame(self._path, container, stream)
            self._frames = OverlayFrames(prediction, frame, stream.sample_aspect_ratio)
        self._last_tick = -1
        self._lost: dict[str, int] = {}
        self._notices: list[str] = []
        self.was_interrupted = False

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know, once it has run."""
        lost = [f"{count} packets of {what} could not be decoded" for what, count in self._lost.items() if count]
        return (*self._notices, *lost, *self._frames.notices)

    def run(self, out: Path) -> None:
        """Read, draw and write everything."""
        container, stream = open_video(self._path)
        # The index first, so that it plays while it is being fetched; fine ticks, or sound shifts by a millisecond.
        options = {"movflags": "+faststart", "movie_timescale": str(TICKS_HZ)}
        with container, av.open(f"file:{out}", "w", format="mp4", container_options=options) as output:
            video = self._frames.add_stream(output, self._clock.rate_hz, TICKS_HZ, ENCODER)
            sound = self._sound(container, output)
            try:
                for packet in _packets(container, [stream] if sound is None else [stream, sound.stream]):
                    if sound is not None and packet.stream.index == sound.stream.index:
                        sound.take(packet)
                    else:
                        self._take(packet, video, output)
            except KeyboardInterrupt:
                if self._last_tick < 0:  # nothing to finish
                    raise
                self.was_interrupted = True
            output.mux(video.encode(None))
            if sound is not None:
                sound.finish()
                self._lost["sound"] = sound.num_lost

    def _take(self, packet: AnyPacket, video: VideoStream, output: OutputContainer) -> None:
        try:
            frames = packet.decode()
        except av.FFmpegError:
            self._lost["pictures"] = self._lost.get("pictures", 0) + 1
            return
        for frame in frames:
            if isinstance(frame, VideoFrame) and frame.pts is not None:
                time_s = self._clock.seconds(frame.pts)
                drawn = self._frames.drawn(frame, time_s)
                # Two frames at one time, which damaged files have, must follow each other.
                self._last_tick = drawn.pts = max(round(time_s * TICKS_HZ), self._last_tick + 1)
                output.mux(video.encode(drawn))
                if self._progress is not None:
                    self._progress(min(time_s, self._duration_s), self._duration_s)

    def _sound(self, container: InputContainer, output: OutputContainer) -> SoundCopy | None:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            return None
        if not can_carry(stream):
            self._notices.append("the sound is left out: its coding has no decoder here")
            return None
        stream.discard = Discard.default
        return SoundCopy(stream, output, self._clock.origin * self._clock.time_base)


def _packets(container: InputContainer, streams: list[VideoStream | AudioStream]) -> Iterator[AnyPacket]:
    """The file's packets, as far as it can be read."""
    packets = freed(container.demux(*streams))
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        yield packet


def _check(path: Path, out: Path) -> None:
    if path.is_dir():
        message = f"{path}: is a folder of frames, and an overlay is drawn on a video file"
        raise ConfigError(f"{message}; make one with `ffmpeg -framerate RATE -i PATTERN OUT.mp4`")
    if out.suffix.lower() != ".mp4" or out.is_dir():
        raise ConfigError(f"{out}: an overlay is written as mp4; give a file name that ends in .mp4")
    if out.exists() and path.exists() and out.samefile(path):
        raise ConfigError(f"{out}: is the recording itself; choose another name for the overlay")

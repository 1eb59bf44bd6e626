"""Videos to try the page with: those of a folder, or one of EgoWorld, generated when it is first asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from egoshift.app.recordings import VIDEO_SUFFIXES, Recording, Recordings, Stretch, Truth
from egoshift.app.refusals import RefusedError
from egoshift.app.uploads import shown_name
from egoshift.errors import ConfigError

if TYPE_CHECKING:
    from egoshift.world.script import Script

SAMPLE_S = 45.0
SAMPLE_SEED = 4
GENERATED = {"home": "Sample at home", "activities": "Sample of activities"}
"""What can be generated, and what the page calls it: verbs and nouns, or activities as wholes."""

VIDEO_ID = "sample"


@dataclass(frozen=True)
class GeneratedVideo:
    """A video of EgoWorld with all that belongs to it."""

    video: Path
    imu: Path
    hands: Path
    truth: Truth


class Samples:
    """The samples of a server, by number.

    Args:
        folder: Where the generated one goes.
        given: A folder of videos; none for the generated one.

    Raises:
        ConfigError: The folder holds no video.
    """

    def __init__(self, folder: Path, given: Path | None = None):
        self._folder, self._videos = folder, [] if given is None else _videos_in(given)
        self._generated: dict[str, GeneratedVideo] = {}
        self._lock = Lock()

    @property
    def names(self) -> list[str]:
        """What the page calls them."""
        return [shown_name(path.name) for path in self._videos] or list(GENERATED.values())

    def open(self, number: int, recordings: Recordings, owner: str = "") -> Recording:
        """A recording of a sample, for a client; generates it where needed.

        Raises:
            RefusedError: There is none of that number, or it cannot be read.
        """
        if not 0 <= number < len(self.names):
            raise RefusedError(404, "there is no such sample")
        folder = recordings.new_folder(owner)
        if self._videos:
            recording = recordings.add(folder, self._videos[number], self.names[number])
            recording.sensors.update(_beside(recording.path))
            return recording
        try:
            video = self._generate_once(list(GENERATED)[number])
        except BaseException:
            recordings.give_up(folder)
            raise
        recording = recordings.add(folder, video.video, self.names[number], video.truth)
        recording.sensors["imu"], recording.hands = video.imu, video.hands
        return recording

    def _generate_once(self, kind: str) -> GeneratedVideo:
        with self._lock:
            if kind not in self._generated:
                self._generated[kind] = generate_video(self._folder / kind, kind)
            return self._generated[kind]


def generate_video(folder: Path, kind: str, *, duration_s: float = SAMPLE_S, seed: int = SAMPLE_SEED) -> GeneratedVideo:
    """A video of EgoWorld with sound, inertial measurements, hand detections and what truly happens in it.

    Args:
        folder: The folder to write into.
        kind: A key of ``GENERATED``.
        duration_s: How long.
        seed: The same seed gives the same video.
    """
    from egoshift.world.files import boxes, sensors
    from egoshift.world.film import film
    from egoshift.world.sound import synthesise

    script = _script(kind, duration_s, (seed, seed, seed))
    video, hands = folder / f"{VIDEO_ID}.mp4", folder / "hands.parquet"
    boxes.write_boxes(hands, script, film(script, video, synthesise(script)))
    sensors.write_ego4d(folder, script)
    return GeneratedVideo(video, sensors.ego4d_path(folder, script), hands, _truth(script))


def _script(kind: str, duration_s: float, seed: tuple[int, int, int]) -> "Script":
    from egoshift.world.script import write_activities, write_script
    from egoshift.world.style import HOME_STYLE, MULTIMODAL_STYLE
    from egoshift.world.vocabulary import ACTIVITIES

    if kind == "home":
        return write_script(VIDEO_ID, VIDEO_ID, "test", HOME_STYLE, duration_s, seed)
    return write_activities(VIDEO_ID, VIDEO_ID, "test", MULTIMODAL_STYLE, duration_s, seed, ACTIVITIES)


def _truth(script: "Script") -> Truth:
    def track(names: Sequence[str]) -> list[Stretch]:
        return [
            Stretch(start_s=action.start_s, stop_s=action.stop_s, name=name)
            for action, name in zip(script.actions, names, strict=True)
        ]

    activities = [action.activity for action in script.actions if action.activity is not None]
    if activities:
        return {"action": track(activities)}
    verbs, nouns = [action.verb for action in script.actions], [action.noun for action in script.actions]
    pairs = [f"{verb} {noun}" for verb, noun in zip(verbs, nouns, strict=True)]
    return {"verb": track(verbs), "noun": track(nouns), "action": track(pairs)}


def _beside(video: Path) -> dict[str, Path]:
    """The files of sensors that a prediction would take because they lie beside the video, so that the page tells."""
    from egoshift.prediction.recording import open_recording

    return {name: file.path for name, file in open_recording(video).sensors.items() if file.path != video}


def _videos_in(folder: Path) -> list[Path]:
    videos = sorted(path for path in folder.glob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
    if not videos:
        raise ConfigError(f"{folder}: holds no video ({', '.join(VIDEO_SUFFIXES[:5])} ...); give a folder of some")
    return videos

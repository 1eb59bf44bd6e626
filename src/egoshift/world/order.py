"""An order for a world, and what one video of it needs: pictures, sound, motion and detections, each in its file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from egoshift.world.casts import Defect, spread_defects, write_cast
from egoshift.world.files import boxes, ego4d, egtea, epic, multimodal, sensors
from egoshift.world.film import film
from egoshift.world.script import Script
from egoshift.world.sound import synthesise

PARTS = ".boxes"
"""The folder in a data set's own where each video's hand boxes wait to be joined to one table."""

WITH_MOTION = ("kitchen", "home", "multimodal")
GAP = (0.4, 0.55)
"""From when to when readings are missing where that is a defect, as shares of the video."""
DESYNC_S = 0.7

VIDEO_PATHS = {
    "kitchen": epic.video_path,
    "home": ego4d.video_path,
    "bench": egtea.video_path,
    "multimodal": multimodal.video_path,
}


@dataclass(frozen=True)
class Order:
    """Which world to write: the folder, its seed and scale, whether with sensors, and whether these have defects."""

    out: str
    seed: int
    scale: float
    sensors: bool
    defects: bool

    def to_text(self) -> str:
        """The order as an argument of the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> "Order":
        """The order that ``to_text`` gave."""
        return cls(**json.loads(text))

    def cast(self, name: str) -> tuple[Script, ...]:
        """The videos of a data set."""
        return write_cast(name, self.seed, self.scale)

    def defects_of(self, name: str) -> dict[str, Defect]:
        """The defect of each video of a data set that has one."""
        return spread_defects(name, self.cast(name)) if self.defects else {}

    def say_defects(self, name: str) -> dict[str, dict[str, object]]:
        """What ``defects.json`` says: by video its defect, with the times that belong to it."""
        scripts = {script.video_id: script for script in self.cast(name)}
        said: dict[str, dict[str, object]] = {}
        for video, defect in self.defects_of(name).items():
            faults = {key: value for key, value in asdict(faults_of(defect, scripts[video])).items() if value}
            said[video] = {"defect": defect, **faults}
        return said


def faults_of(defect: Defect | None, script: Script) -> sensors.Defects:
    """What a video's defect does to its file of inertial measurements; nothing where it is another's."""
    start_s, stop_s = (round(share * script.duration_s, 2) for share in GAP)
    return {
        "gap": sensors.Defects(gap_s=(start_s, stop_s)),
        "null times": sensors.Defects(null_canonical=True),
        "no accelerometer": sensors.Defects(no_acceleration=True),
        "out of order": sensors.Defects(non_monotonic=True),
        "desync": sensors.Defects(desync_s=DESYNC_S),
    }.get(defect or "", sensors.FAULTLESS)


def film_one(order: Order, name: str, number: int) -> None:
    """Write one video of a data set, its detections and its sensor files, whatever else there is already."""
    script = order.cast(name)[number]
    defect = order.defects_of(name).get(script.video_id)
    root = Path(order.out) / name
    has_sound = order.sensors and defect != "no sound"
    found = film(script, VIDEO_PATHS[name](root, script), synthesise(script) if has_sound else None)
    if name == "kitchen":
        epic.write_detections(root / "hand-objects", script, found)
    else:
        boxes.write_boxes(root / PARTS / f"{number:04d}.parquet", script, found)
    if name in WITH_MOTION:
        _write_motion(root, script, order.sensors, defect)


def _write_motion(root: Path, script: Script, sensors_on: bool, defect: Defect | None) -> None:
    is_epic = script.style.name == "kitchen"
    if is_epic:
        root = root / "videos"  # as in the download: a participant's folder holds both
        paths = [sensors.epic_path(root, script, kind) for kind in sensors.EPIC_RATES_HZ]
    else:
        paths = [sensors.ego4d_path(root, script)]
    for path in paths:
        # What an earlier world left here would else stand for a file that is missing on purpose.
        path.unlink(missing_ok=True)
    if sensors_on and defect != "no file":
        (sensors.write_epic if is_epic else sensors.write_ego4d)(root, script, faults_of(defect, script))

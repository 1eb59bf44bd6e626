"""The commands that are killed and disturbed, on small generated data, and what they must end with."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures.checkpoints import write_clip
from tests.fixtures.trained_runs import settings, write_segments

from trust.crash.faults import Call
from trust.crash.forks import Ended, Forks

NUM_VIDEOS = 4
TOWER = "clip"
_FIELDS = (
    *("fit.epochs=3", "fit.num_frames=4", "fit.batch_size=8", "fit.precision=32-true", "fit.warmup_epochs=0"),
    *("fit.selection=best", "held_out=0.3"),
)
_TIMES = re.compile(rb'"(seconds|created|resumed_at)": ("[^"]*"|[0-9.e+-]+|null)')
"""What a result says of when and how long, and which epoch was gone on from: it alone may differ,
and the checksum of what says it."""

_CHECKSUM = re.compile(rb'"checksum": "[0-9a-f]{32}"')


@dataclass(frozen=True)
class Scenario:
    """A command, what is there before, and what it must end with.

    Attributes:
        name: Its name.
        arguments: What follows ``egoshift``; the same command resumes.
        target: The folder that it writes into.
        start: What the folder holds before; None where it is not there.
        whole: What it holds after an undisturbed run, but for times.
        calls: What that run changed on disk.
        seconds: How long that run took.
        videos: How many videos that run encoded; 0 where it encodes none.
    """

    name: str
    arguments: tuple[str, ...]
    target: Path
    start: Path | None
    whole: dict[str, bytes]
    calls: Sequence[Call]
    seconds: float
    videos: int

    def reset(self) -> None:
        """Puts the folder as it is before."""
        shutil.rmtree(self.target, ignore_errors=True)
        if self.start is not None:
            shutil.copytree(self.start, self.target)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file and folder below a folder, without times in JSON files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = _timeless(content) if path.suffix == ".json" else content
    return found


def _timeless(content: bytes) -> bytes:
    timeless, times = _TIMES.subn(rb'"\1": 0', content)
    return _CHECKSUM.sub(b'"checksum": ""', timeless) if times else content


def write_data(place: Path) -> None:
    """Writes the videos and the tower."""
    write_clip(place / TOWER)
    write_segments(place / "kitchen", num_videos=NUM_VIDEOS)
    for name in ("filmed", "grown"):
        shutil.copytree(place / "kitchen", place / name)
    write_segments(place / "later", num_videos=2, first=NUM_VIDEOS)


def scenarios(place: Path, forks: Forks) -> list[Scenario]:
    """Each command, after an undisturbed run of it.

    Args:
        place: Where ``write_data`` wrote.
        forks: Runs the commands.
    """
    tower = place / TOWER
    run = place / "runs" / "xmic"
    data = ("--on", f"{place / 'kitchen'}", "--encoder", f"{tower}")
    _run(forks, _extract(place / "kitchen", tower), place / "kitchen", learn=True)
    extract = _scenario("extract", _extract(place / "filmed", tower), place / "filmed" / "features", None, forks)
    training = ("train", "xmic_full", *data, *settings(*_FIELDS), "--out", f"{run}", "--resume")
    train = _scenario("train", training, run, None, forks)
    trained = _kept(run, place / "trained")
    _run(forks, _extract(place / "later", tower), place / "later", learn=True)
    stores = [f"{place / name / 'features' / tower.name}" for name in ("kitchen", "later")]
    joined = place / "joined" / "store"
    joined.parent.mkdir()
    return [
        extract,
        _scenario("merge", extract.arguments, extract.target, _before_merge(extract, place / "encoded", forks), forks),
        _scenario("add", _extract(place / "grown", tower), place / "grown" / "features", _small(place, forks), forks),
        train,
        _scenario("evaluate", ("evaluate", f"{run}"), run, trained, forks),
        _scenario("join", ("store", "merge", *stores, "--out", f"{joined}"), joined, None, forks),
    ]


def _extract(data: Path, tower: Path) -> tuple[str, ...]:
    return ("extract", f"{data}", "--encoder", f"{tower}", "--batch-size", "8", "--json")


def _scenario(name: str, arguments: tuple[str, ...], target: Path, start: Path | None, forks: Forks) -> Scenario:
    """Runs the command twice: once to import what it needs, once to know how long it takes."""
    for learn in (True, False):
        before = Scenario(name, arguments, target, start, {}, (), 0.0, 0)
        before.reset()
        ended = _run(forks, arguments, target, learn=learn)
    videos = encoded(ended) if arguments[0] == "extract" else 0
    return Scenario(name, arguments, target, start, contents(target), ended.calls, ended.seconds, videos)


def encoded(ended: Ended) -> int:
    """How many videos an extraction encoded."""
    return sum(one["videos_encoded"] for one in json.loads(ended.out))


def _run(forks: Forks, arguments: tuple[str, ...], watched: Path, *, learn: bool = False) -> Ended:
    ended = forks.run(arguments, watched.parent, learn=learn)
    if ended.code != 0:
        raise RuntimeError(f"egoshift {' '.join(arguments)} ended undisturbed with {ended.code}: {ended.err}")
    return ended


def _before_merge(extract: Scenario, kept: Path, forks: Forks) -> Path:
    """A store of which every video is encoded, and none merged."""
    begins = next(call.number for call in extract.calls if Path(call.path).name == "next")
    extract.reset()
    forks.run(extract.arguments, extract.target.parent, at=begins, action="kill")
    return _kept(extract.target, kept)


def _small(place: Path, forks: Forks) -> Path:
    """A finished store of all videos but one, and of one the first half."""
    data, table = place / "grown", place / "grown" / "segments.csv"
    whole = table.read_text(encoding="utf-8")
    rows = [row for row in whole.splitlines() if not row.startswith("v1.mp4") and not row.startswith("v2.mp4,3.")]
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    _run(forks, _extract(data, place / TOWER), data)
    table.write_text(whole, encoding="utf-8")
    return _kept(data / "features", place / "small")


def _kept(folder: Path, copy: Path) -> Path:
    return Path(shutil.copytree(folder, copy))

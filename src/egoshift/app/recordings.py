"""The recordings that the page works on: each in a folder of its own, found by an id that cannot be guessed."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from pydantic import BaseModel, ConfigDict

from egoshift.app.checks import check_no_playlist, has_sound
from egoshift.app.folder import remove_folder
from egoshift.app.limits import Limits
from egoshift.app.refusals import RefusedError, gone
from egoshift.app.uploads import not_written
from egoshift.errors import EgoshiftError

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".3gp", ".ogv")
"""Endings that a file on disk may have; others get none. Nothing else of a given name reaches the disk."""

TABLE_SUFFIXES = (".csv",)

_SOON_S, _LATER_S = 5, 60
"""After how long it is worth to try again."""


class Stretch(BaseModel):
    """When a class truly happens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_s: float
    stop_s: float
    name: str


Truth = Mapping[str, Sequence[Stretch]]
"""By kind of label what happens when."""


@dataclass
class Recording:
    """A video and what belongs to it.

    Attributes:
        id: What the page calls it by.
        name: What the person calls it; only ever shown.
        folder: Its own folder, which goes with it.
        path: The video; in ``folder``, or a sample elsewhere, which stays.
        duration_s: How long it is.
        width: In pixels, as shown.
        height: In pixels, as shown.
        owner: The client that opened it.
        has_sound: Whether it has a sound track that can be read.
        sensors: Files of other sensors, by the sensor.
        hands: Stored hand detections.
        truth: What truly happens, where that is known.
        seen_s: When its page was last heard of, on the monotonic clock.
        is_removed: Whether it is to be forgotten.
    """

    id: str
    name: str
    folder: Path
    path: Path
    duration_s: float
    width: int
    height: int
    has_sound: bool
    owner: str = ""
    sensors: dict[str, Path] = field(default_factory=dict)
    hands: Path | None = None
    truth: Truth = field(default_factory=dict)
    seen_s: float = field(default_factory=time.monotonic)
    is_removed: bool = False

    @property
    def cache(self) -> Path:
        """Where features of it are kept, so that another run is quick."""
        return self.folder / "cache"

    def told(self) -> dict[str, object]:
        """What the page is told of it."""
        return {
            "id": self.id,
            "name": self.name,
            "duration_s": self.duration_s,
            "width": self.width,
            "height": self.height,
            "sensors": ["video", *(["audio"] if self.has_sound else []), *self.sensors],
            "truth": {label: [one.model_dump() for one in track] for label, track in self.truth.items()},
        }

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """What goes wrong meanwhile is told in texts that name no path of the server."""
        try:
            yield
        except RefusedError:
            raise
        except EgoshiftError as error:
            raise RefusedError(422, self.public(str(error))) from None

    def public(self, text: str) -> str:
        """A text in which the recording's files go by names that a person knows."""
        others = {**self.sensors, **({"hands": self.hands} if self.hands else {})}
        for name, path in others.items():
            text = text.replace(str(path), f"the {name} file")
        return text.replace(str(self.path), self.name).replace(f"{self.folder}/", "")


class Recordings:
    """All recordings of a server.

    Args:
        folder: The private folder, in which each gets one of its own.
        limits: How many, how large, how long.
        left: Called with each that is removed, before its files go.
    """

    def __init__(self, folder: Path, limits: Limits, left: Callable[[Recording], None]):
        self._folder, self._limits, self._left = folder, limits, left
        self._held: dict[str, Recording] = {}
        self._coming: dict[Path, str] = {}  # whose
        self._tables: dict[str, str] = {}  # of which recording one is on its way, and who sends it
        self._lock = Lock()

    def new_folder(self, owner: str = "") -> Path:
        """Room for one more; give it to ``add`` or ``give_up``.

        Args:
            owner: Which client it is for.

        Raises:
            RefusedError: There are as many as the server holds, or holds for one client; or the disk is full.
        """
        folder, limits = self._folder / secrets.token_hex(16), self._limits
        with self._lock:
            if len(self._held) + len(self._coming) >= limits.most_recordings:
                text = f"all {limits.most_recordings} places are taken; try again later"
                raise RefusedError(503, text, retry_s=_LATER_S)
            self._check_sending(owner)
            owners = [*self._coming.values(), *(recording.owner for recording in self._held.values())]
            held = owners.count(owner)
            if held >= limits.each_recordings:
                raise RefusedError(429, f"{held} of your videos are open; close one first", retry_s=_LATER_S)
            self._coming[folder] = owner
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            self.give_up(folder)
            raise not_written("the video", error) from None
        return folder

    def give_up(self, folder: Path) -> None:
        """Free the room that ``new_folder`` gave."""
        with self._lock:
            self._coming.pop(folder, None)
        remove_folder(folder)

    def add(self, folder: Path, path: Path, name: str, truth: Truth | None = None) -> Recording:
        """Look at a video and keep it; frees its room where it cannot be used.

        Raises:
            EgoshiftError: It is no video that can be read, or too long; names the file as the person does.
        """
        try:
            recording = self._looked_at(folder, path, name, truth or {})
        except EgoshiftError as error:
            self.give_up(folder)
            status = error.status if isinstance(error, RefusedError) else 422
            raise RefusedError(status, str(error).replace(str(path), name)) from None
        except BaseException:
            self.give_up(folder)
            raise
        with self._lock:
            recording.owner = self._coming.pop(folder)
            self._held[recording.id] = recording
        return recording

    @contextmanager
    def new_table(self, recording: Recording, owner: str = "") -> Iterator[Path]:
        """Where the table of an IMU goes; the recording's own once the block ends well, else removed.

        Args:
            recording: Which has none yet.
            owner: Which client sends it.

        Raises:
            RefusedError: The recording has a table, or one is on its way; it was removed meanwhile; or the client
                sends as many files as it may.
        """
        with self._lock:
            if "imu" in recording.sensors:
                raise RefusedError(409, "this video has an IMU table already; open it again to give another")
            if recording.id in self._tables:
                text = "an IMU table of this video is on its way; wait for it"
                raise RefusedError(409, text, retry_s=_SOON_S)
            self._check_sending(owner)
            self._tables[recording.id] = owner
        path = recording.folder / f"imu-{secrets.token_hex(8)}.csv"
        try:
            yield path
            with self._lock:
                if recording.id not in self._held:
                    raise gone("video")
                recording.sensors = {**recording.sensors, "imu": path}  # others go through the dict meanwhile
        except BaseException as error:
            path.unlink(missing_ok=True)
            if recording.is_removed:
                remove_folder(recording.folder)  # which a file that came late may have kept
                if isinstance(error, EgoshiftError):
                    raise gone("video") from None
            raise
        finally:
            with self._lock:
                del self._tables[recording.id]

    def _check_sending(self, owner: str) -> None:
        sending = [*self._coming.values(), *self._tables.values()].count(owner)
        if sending >= self._limits.each_uploads:
            text = f"{sending} of your files are on their way; wait for one of them"
            raise RefusedError(429, text, retry_s=_SOON_S)

    def _looked_at(self, folder: Path, path: Path, name: str, truth: Truth) -> Recording:
        # Nothing of the library is imported before it is needed: the page is there long before PyTorch is.
        from egoshift.media import probe

        check_no_playlist(path, name)
        info = probe(path)
        if info.duration_s > self._limits.max_s:
            minutes = f"{info.duration_s / 60:.1f} minutes long, and this page takes {self._limits.max_minutes:g}"
            raise RefusedError(413, f"{name}: is {minutes}; cut it, or use `egoshift predict`, which takes any length")
        if info.width * info.height > self._limits.most_megapixels * 1e6:
            pixels = (
                f"{info.width} x {info.height} pixels, and this page takes {self._limits.most_megapixels:g} million"
            )
            raise RefusedError(413, f"{name}: is of {pixels}; make it smaller")
        id, size = secrets.token_urlsafe(16), (info.width, info.height)
        return Recording(id, name, folder, path, info.duration_s, *size, has_sound(path), truth=truth)

    def get(self, id: str) -> Recording:
        """The recording with this id; it is kept for longer now.

        Raises:
            RefusedError: There is none.
        """
        with self._lock:
            recording = self._held.get(id)
        if recording is None:
            raise gone("video")
        recording.seen_s = time.monotonic()
        return recording

    def remove(self, id: str) -> None:
        """Forget a recording and remove its files; an unknown one is forgotten already."""
        with self._lock:
            recording = self._held.pop(id, None)
        if recording is not None:
            recording.is_removed = True
            self._left(recording)
            remove_folder(recording.folder)

    def remove_old(self) -> None:
        """Forget what no page has asked for in a long time."""
        oldest_s = time.monotonic() - 60 * self._limits.keep_minutes
        with self._lock:
            old = [recording.id for recording in self._held.values() if recording.seen_s < oldest_s]
        for id in old:
            self.remove(id)

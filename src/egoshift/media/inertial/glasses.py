"""ClassyGlass: four head-worn sensors of glasses, as arrays of whole numbers with a rate and a scale each.

Source: https://github.com/MU-Smart/ClassyGlass (CC BY 4.0), brought into one ``.npz``: ``meta`` is a JSON list with
an entry a recording, and recording i has the arrays ``{i}_acc``, ``{i}_gyr``, ``{i}_mag`` and ``{i}_pre``. An array
that is not there is a sensor that was truly missing.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from egoshift.errors import Fault
from egoshift.foreign import check_sizes, parse_json
from egoshift.media.inertial.samples import RawReadings, Recording, Samples, Unit, arrange
from egoshift.media.inertial.table import data_error


@dataclass(frozen=True)
class Coding:
    """How the arrays of one sensor are to be read.

    Attributes:
        sensor: What it is called here.
        listed_as: What it is called in ``meta``.
        axes: What its columns are.
        rate_hz: Readings a second, from the start of the recording.
        per_unit: What one ``unit`` is stored as.
        unit: What the readings are in, once divided by ``per_unit``.
    """

    sensor: str
    listed_as: str
    axes: tuple[str, ...]
    rate_hz: float
    per_unit: float
    unit: Unit


CODINGS: Mapping[str, Coding] = {
    "acc": Coding("accelerometer", "Accelerometer", ("x", "y", "z"), 50.0, 4096.0, "g"),
    "gyr": Coding("gyroscope", "Gyroscope", ("x", "y", "z"), 50.0, 16.0, "deg/s"),
    "mag": Coding("magnetometer", "Magnetometer", ("x", "y", "z"), 20.0, 1e7, "T"),
    "pre": Coding("barometer", "Pressure", ("0",), 7.0, 1.0, "Pa"),
}
"""By the end of an array's name."""

LAYOUT = {coding.sensor: len(coding.axes) for coding in CODINGS.values()}
"""The sensors and how many axes each has."""


@dataclass(frozen=True)
class Entry:
    """What is known of one recording.

    Attributes:
        index: Its number in the file, from 0.
        part: Which part of the study it is of, ``"1A"`` or ``"1B"``.
        user: Who wore the glasses.
        experiment: Its number in the study.
        label: The activity, 0 to 14.
        name: The activity's name.
        duration_s: How long it is.
    """

    index: int
    part: str
    user: int
    experiment: int
    label: int
    name: str
    duration_s: float


def read_glasses(path: Path) -> Iterator[tuple[Entry, Recording]]:
    """The recordings of the file, one after the other.

    Raises:
        DataError: The file cannot be read, or is not this one.
    """
    with GlassesArchive(path) as archive:
        for entry in archive.entries:
            yield entry, archive.recording(entry.index)


class GlassesArchive:
    """The file, open; use it in a ``with`` statement, or close it.

    Args:
        path: The ``.npz`` file.

    Attributes:
        entries: What is known of each recording.

    Raises:
        DataError: The file cannot be read, or is not this one.
    """

    def __init__(self, path: Path):
        self._path = path
        with ExitStack() as stack:
            try:
                self._archive = np.load(stack.enter_context(path.open("rb")), allow_pickle=False)
                check_sizes(self._archive)
            except FileNotFoundError:
                raise data_error("missing-file", path, "no such file", "put it there, or correct the path") from None
            except Exception:  # NumPy and zipfile name no complete list
                raise data_error("not-an-archive", path, "is no .npz archive", "download it again") from None
            try:
                self._listed = parse_json(str(self._archive["meta"]))
                self.entries = tuple(_entry(index, one) for index, one in enumerate(self._listed))
            except Exception:
                message = "has no list of recordings (an array 'meta' of JSON text)"
                raise data_error("missing-meta", path, message, "download it again") from None
            self._open = stack.pop_all()

    def __enter__(self) -> "GlassesArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._open.close()

    def recording(self, index: int) -> Recording:
        """The sensors of one recording.

        Raises:
            DataError: There is no such recording, or one of its arrays cannot be read.
        """
        if not 0 <= index < len(self.entries):
            message = f"has no recording {index}, only 0 to {len(self.entries) - 1}"
            raise data_error("no-such-recording", self._path, message, "name another entry")
        keys = {name: f"{index}_{name}" for name in CODINGS}
        try:
            arrays = {name: self._archive[key] for name, key in keys.items() if key in self._archive}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("it is none")
        except Exception as error:
            message = f"an array of recording {index} cannot be read ({str(error) or type(error).__name__})"
            raise data_error("not-an-archive", self._path, message, "download it again") from None
        return glasses_recording(self._path, index, arrays, self._listed[index].get("sensors"))


def glasses_recording(
    path: Path, index: int, arrays: Mapping[str, np.ndarray], listed: list[str] | None = None
) -> Recording:
    """The arrays of one recording as sensors in SI units.

    Args:
        path: The file, for the faults.
        index: The recording's number, for the faults.
        arrays: Whole numbers or numbers, ``(readings, axes)``, by the keys of ``CODINGS``.
        listed: The sensors that the recording is said to have; a fault names each that has no array.

    Raises:
        DataError: An array has another number of axes.
    """
    sensors: dict[str, Samples] = {}
    faults: list[Fault] = []
    for name, coding in CODINGS.items():
        if name not in arrays:
            if listed is not None and coding.listed_as in listed:
                message = f"recording {index}: {coding.sensor} is listed but has no array {index}_{name}"
                remedy = "it counts as absent; download the file again"
                faults.append(Fault("missing-array", path, message, remedy))
            continue
        values = arrays[name]
        if values.dtype.kind not in "iufb":
            message = f"{index}_{name} holds {values.dtype}, expected numbers"
            raise data_error("wrong-type", path, message, "download the file again")
        if values.ndim != 2 or values.shape[1] != len(coding.axes):
            message = f"{index}_{name} has shape {values.shape}, expected (readings, {len(coding.axes)})"
            raise data_error("wrong-shape", path, message, "download the file again")
        column = RawReadings(coding.sensor, coding.axes, coding.unit, values.astype(np.float64) / coding.per_unit)
        found = arrange(path, np.arange(len(values)) / coding.rate_hz, [column])
        sensors |= found.sensors
        faults += found.faults
    return Recording(sensors, tuple(faults))


def _entry(index: int, one: Mapping[str, object]) -> Entry:
    return Entry(
        index=index,
        part=str(one["set"]),
        user=int(str(one["user"])),
        experiment=int(str(one["exp"])),
        label=int(str(one["label"])),
        name=str(one["name"]),
        duration_s=float(str(one["seconds"])),
    )

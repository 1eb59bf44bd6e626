"""Tables of readings that a child process reads, where media is read in one: a small file can ask for much work."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from egoshift.errors import MOST_LINE, DataError, Fault, MediaError
from egoshift.isolation import is_isolated, stream
from egoshift.media.inertial.ego4d import read_ego4d_imu
from egoshift.media.inertial.gopro import read_gopro, read_those_there
from egoshift.media.inertial.samples import Recording, Samples
from egoshift.media.inertial.table import data_error
from egoshift.media.inertial.wear import read_wear

if TYPE_CHECKING:
    from egoshift.records import SensorFile

LAYOUTS = ("ego4d", "epic", "gopro", "wear")
"""Those that are tables."""

_REMEDY = "cut it into shorter ones, or export it again"

_TOLD = {"name", "axes", "unit", "defects"}

Told = Iterator[tuple[dict[str, Any], np.ndarray | None]]


def read_tables(file: "SensorFile") -> Recording:
    """The readings of one recording, read here or in a child.

    Args:
        file: Of one of ``LAYOUTS``.

    Raises:
        DataError: Nothing of it can be read.
    """
    if not file.files:
        message = "holds no table (.csv)"
        raise data_error("missing-file", file.path, message, "put the recording's tables there, or remove its row")
    return _of_child(file.layout, file.files) if is_isolated() else _read(file.layout, file.files)


def told_tables(first: str, layout: str, others: Sequence[str]) -> Told:
    """What a child tells of tables: their faults, and each sensor; see ``told_samples``."""
    try:
        recording = _read(layout, [Path(first), *map(Path, others)])
    except DataError as error:
        yield from _told_faults(error.faults)
        yield {"refused": True}, None
        return
    yield from _told_faults(recording.faults)
    for samples in recording.sensors.values():
        yield told_samples(samples)


def told_samples(samples: Samples) -> tuple[dict[str, Any], np.ndarray]:
    """What a child tells of a sensor: all but its readings, and these, times first."""
    told = {"name": samples.name, "axes": samples.axes, "unit": samples.unit, "defects": dict(samples.defects)}
    return told, np.concatenate([samples.times_s[None], samples.values.T])


def samples_of(told: Mapping[str, Any], columns: np.ndarray | None) -> Samples | None:
    """The sensor that a child tells of; None where what came is something else."""
    if columns is None or told.keys() != _TOLD:
        return None
    if columns.dtype != np.float64 or columns.shape[:-1] != (1 + len(told["axes"]),):
        return None
    values = np.ascontiguousarray(columns[1:].T)
    return Samples(**{**told, "axes": tuple(told["axes"])}, times_s=columns[0], values=values)


def _read(layout: str, paths: Sequence[Path]) -> Recording:
    if layout == "ego4d":
        return read_ego4d_imu(paths[0])
    if layout == "wear":
        return read_wear(paths[0])[0]
    return read_those_there(paths) if layout == "epic" else read_gopro(paths)


def _of_child(layout: str, paths: Sequence[Path]) -> Recording:
    sensors: dict[str, Samples] = {}
    faults: list[Fault] = []
    try:
        for told, columns in stream(paths[0], f"{__name__}:told_tables", layout, [str(path) for path in paths[1:]]):
            if "message" in told:
                faults.append(_fault(paths, told))
            elif "refused" in told and faults:
                raise DataError(faults)
            else:
                samples = samples_of(told, columns)
                if samples is None:
                    raise data_error("decoder-crash", paths[0], "reading crashed: what came is not readings", _REMEDY)
                sensors[samples.name] = samples
    except MediaError as error:
        message = error.fault.message.replace("decoding", "reading")
        raise data_error(error.fault.kind, paths[0], message, _REMEDY) from None
    return Recording(sensors, tuple(faults))


def _told_faults(faults: Sequence[Fault]) -> Told:
    for fault in faults:
        message = fault.message
        if len(message) > 2 * MOST_LINE:  # it quotes a cell, of which no line shows more than its ends
            message = message[:MOST_LINE] + message[-MOST_LINE:]
        yield {**asdict(fault), "path": str(fault.path), "message": message}, None


def _fault(paths: Sequence[Path], told: Mapping[str, Any]) -> Fault:
    path = next((one for one in paths if str(one) == told["path"]), paths[0])
    row = None if told["row"] is None else int(told["row"])
    return Fault(str(told["kind"]), path, str(told["message"]), str(told["remedy"]), row)

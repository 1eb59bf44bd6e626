"""A sensor's files in, readings on one uniform grid out; what is missing stays missing."""

from typing import TYPE_CHECKING, Any

from egoshift.lazy import lazy

if TYPE_CHECKING:
    from egoshift.media.inertial.checks import (
        Finding,
        SensorReport,
        absent_everywhere,
        examine,
        examine_all,
        present_spans,
    )
    from egoshift.media.inertial.desync import Desync, desync_finding, estimate_desync
    from egoshift.media.inertial.ego4d import read_ego4d_imu
    from egoshift.media.inertial.glasses import GlassesArchive, glasses_recording, read_glasses
    from egoshift.media.inertial.gopro import read_epic_imu, read_gopro
    from egoshift.media.inertial.grid import HEAD_LAYOUT, Gridded, Layout, channel_names, onto_grid
    from egoshift.media.inertial.mapped import ColumnMap, SensorColumns, read_mapped
    from egoshift.media.inertial.samples import RawReadings, Recording, Samples, Unit, arrange, joined
    from egoshift.media.inertial.wear import read_wear

__all__ = [
    "HEAD_LAYOUT",
    "ColumnMap",
    "Desync",
    "Finding",
    "GlassesArchive",
    "Gridded",
    "Layout",
    "RawReadings",
    "Recording",
    "Samples",
    "SensorColumns",
    "SensorReport",
    "Unit",
    "absent_everywhere",
    "arrange",
    "channel_names",
    "desync_finding",
    "estimate_desync",
    "examine",
    "examine_all",
    "glasses_recording",
    "joined",
    "onto_grid",
    "present_spans",
    "read_ego4d_imu",
    "read_epic_imu",
    "read_glasses",
    "read_gopro",
    "read_mapped",
    "read_wear",
]

# Imported when first asked for: a child process that reads tables needs no PyTorch, which only the grid does.
_MODULES = {
    "checks": ("Finding", "SensorReport", "absent_everywhere", "examine", "examine_all", "present_spans"),
    "desync": ("Desync", "desync_finding", "estimate_desync"),
    "ego4d": ("read_ego4d_imu",),
    "glasses": ("GlassesArchive", "glasses_recording", "read_glasses"),
    "gopro": ("read_epic_imu", "read_gopro"),
    "grid": ("HEAD_LAYOUT", "Gridded", "Layout", "channel_names", "onto_grid"),
    "mapped": ("ColumnMap", "SensorColumns", "read_mapped"),
    "samples": ("RawReadings", "Recording", "Samples", "Unit", "arrange", "joined"),
    "wear": ("read_wear",),
}


def __getattr__(name: str) -> Any:
    return lazy(__name__, _MODULES, name)


def __dir__() -> list[str]:
    return sorted(__all__)

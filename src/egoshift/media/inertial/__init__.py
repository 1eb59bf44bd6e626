"""A sensor's files in, readings on one uniform grid out; what is missing stays missing."""

from egoshift.media.inertial.checks import Finding, SensorReport, absent_everywhere, examine, examine_all
from egoshift.media.inertial.desync import Desync, desync_finding, estimate_desync
from egoshift.media.inertial.ego4d import ego4d_imu_path, read_ego4d_imu
from egoshift.media.inertial.glasses import glasses_recording, read_glasses
from egoshift.media.inertial.gopro import epic_imu_paths, read_epic_imu, read_gopro
from egoshift.media.inertial.grid import HEAD_LAYOUT, Gridded, Layout, channel_names, onto_grid
from egoshift.media.inertial.mapped import ColumnMap, SensorColumns, read_mapped
from egoshift.media.inertial.samples import RawReadings, Recording, Samples, Unit, arrange, joined
from egoshift.media.inertial.statistics import (
    ChannelStatistics,
    from_json,
    no_statistics,
    standardised,
    statistics_of,
)
from egoshift.media.inertial.wear import read_wear

__all__ = [
    "HEAD_LAYOUT",
    "ChannelStatistics",
    "ColumnMap",
    "Desync",
    "Finding",
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
    "ego4d_imu_path",
    "epic_imu_paths",
    "estimate_desync",
    "examine",
    "examine_all",
    "from_json",
    "glasses_recording",
    "joined",
    "no_statistics",
    "onto_grid",
    "read_ego4d_imu",
    "read_epic_imu",
    "read_glasses",
    "read_gopro",
    "read_mapped",
    "read_wear",
    "standardised",
    "statistics_of",
]

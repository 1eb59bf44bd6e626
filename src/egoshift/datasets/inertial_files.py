"""Where data sets have the tables of their head-worn IMUs: one rule for each layout."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from egoshift.records import SensorFile

EGO4D_FOLDER, EPIC_FOLDER = "imu", "meta_data"


def ego4d_imu(root: Path, video_uid: str) -> SensorFile:
    """Where a video's table lies in the folder of a version: ``<root>/imu/<video_uid>.csv``."""
    return SensorFile(root / EGO4D_FOLDER / f"{video_uid}.csv", "ego4d")


def epic_imu(root: Path, video_id: str) -> SensorFile:
    """Where EPIC-KITCHENS has a video's tables: ``<root>/P01/meta_data/P01_103-accl.csv`` and ``-gyro.csv``."""
    return SensorFile(root / video_id.partition("_")[0] / EPIC_FOLDER, "epic", video_id)


def ego4d_imus(roots: Iterable[Path]) -> dict[str, SensorFile]:
    """All tables in Ego4D's layout, by video, in the first of some folders that has a folder ``imu``."""
    root = next((root for root in roots if (root / EGO4D_FOLDER).is_dir()), None)
    stems = [] if root is None else sorted(path.stem for path in (root / EGO4D_FOLDER).glob("*.csv"))
    return {} if root is None else {stem: ego4d_imu(root, stem) for stem in stems}


def ego4d_imus_of_clips(
    imus: Mapping[str, SensorFile], clips: Iterable[tuple[str, str, float]]
) -> dict[str, SensorFile]:
    """The tables of recordings that may be cut from the videos that the tables are about.

    Args:
        imus: Tables by ``video_uid``.
        clips: A recording, its ``video_uid`` and where it begins there in seconds (0 for the video itself).
    """
    return {
        recording: SensorFile(imus[video].path, "ego4d", begin_s=begin_s)
        for recording, video, begin_s in clips
        if video in imus
    }


def epic_imus(roots: Collection[Path], video_ids: Iterable[str]) -> dict[str, SensorFile]:
    """The tables of EPIC-KITCHENS' videos that have at least one of the two, under the first folder that has it."""
    found = {}
    for video in video_ids:
        files = (epic_imu(root, video) for root in roots)
        file = next((file for file in files if any(path.exists() for path in file.files)), None)
        if file is not None:
            found[video] = file
    return found

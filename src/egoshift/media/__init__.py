"""A file and a time in, pixels, sound and hand boxes out."""

from typing import TYPE_CHECKING, Any

from egoshift.lazy import lazy

if TYPE_CHECKING:
    from egoshift.media.hands import ORIGINS, AbstractHandLocator, HandBoxes, crop
    from egoshift.media.locators import HAND_LOCATORS, open_hand_locator
    from egoshift.media.logmel import frames_present, log_mel
    from egoshift.media.motion import motion_energy, spaced_frames
    from egoshift.media.sampling import bin_centres, exact_times, grid_times, random_in_bins
    from egoshift.media.sensors import SensorReader, read_inertial, read_sound_file, sound_pass
    from egoshift.media.sound import Sound, SoundInfo, probe_sound, read_sound
    from egoshift.media.soundpass import SoundPass
    from egoshift.media.video import VideoInfo, probe, read_frames

__all__ = [
    "HAND_LOCATORS",
    "ORIGINS",
    "AbstractHandLocator",
    "HandBoxes",
    "SensorReader",
    "Sound",
    "SoundInfo",
    "SoundPass",
    "VideoInfo",
    "bin_centres",
    "crop",
    "exact_times",
    "frames_present",
    "grid_times",
    "log_mel",
    "motion_energy",
    "open_hand_locator",
    "probe",
    "probe_sound",
    "random_in_bins",
    "read_frames",
    "read_inertial",
    "read_sound",
    "read_sound_file",
    "sound_pass",
    "spaced_frames",
]

# Imported when first asked for: a child process that decodes needs no PyTorch, which takes seconds to load.
_MODULES = {
    "hands": ("ORIGINS", "AbstractHandLocator", "HandBoxes", "crop"),
    "locators": ("HAND_LOCATORS", "open_hand_locator"),
    "logmel": ("frames_present", "log_mel"),
    "motion": ("motion_energy", "spaced_frames"),
    "sampling": ("bin_centres", "exact_times", "grid_times", "random_in_bins"),
    "sensors": ("SensorReader", "read_inertial", "read_sound_file", "sound_pass"),
    "sound": ("Sound", "SoundInfo", "probe_sound", "read_sound"),
    "soundpass": ("SoundPass",),
    "video": ("VideoInfo", "probe", "read_frames"),
}


def __getattr__(name: str) -> Any:
    return lazy(__name__, _MODULES, name)


def __dir__() -> list[str]:
    return sorted(__all__)

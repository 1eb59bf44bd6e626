"""The generated data, and the small encoder trained on it."""

from egoshift.world.clip import clip_folder
from egoshift.world.write import write_world

__all__ = ["clip_folder", "write_world"]

"""EgoWorld: generated egocentric data sets as real files, and the small encoders trained on the world's pictures."""

from egoshift.world.weights import clip_folder, dino_folder, large_clip_folder, lavila_file
from egoshift.world.write import write_world

__all__ = ["clip_folder", "dino_folder", "large_clip_folder", "lavila_file", "write_world"]

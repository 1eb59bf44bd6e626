"""Checkpoints in the layouts that their makers wrote, each read into the towers that this room runs."""

from egoshift.encoders.layouts.converted import Converted, TowerParts
from egoshift.encoders.layouts.detect import convert_file

__all__ = ["Converted", "TowerParts", "convert_file"]

"""Pictures stored as features."""

PIXELS = "pixels:"
"""What the name of an encoder begins with that gives prepared pictures themselves."""

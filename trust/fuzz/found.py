"""Inputs that once were found fault with; the tests repeat them."""

FOUND = (
    ("ego4d", 1474),  # polars formats texts of rows of two files: panic
    ("ego4d", 1964),  # half of a surrogate pair in a class name: UnicodeEncodeError
    ("ego4d", 3744),  # the same among sensors
    ("epic-kitchens", 2919),  # as the first
)
"""The target and the number, with seed 0."""

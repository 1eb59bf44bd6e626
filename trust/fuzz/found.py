"""Inputs that once were found fault with; the tests repeat them."""

FOUND = (
    ("ego4d", 1474),  # polars formats texts of rows of two files: panic
    ("ego4d", 1964),  # half of a surrogate pair in a class name: UnicodeEncodeError
    ("ego4d", 3744),  # the same among sensors
    ("epic-kitchens", 2919),  # as the first
    ("inertial", 500),  # an entry of an .npz file that is no array: AttributeError
    ("inertial", 7715),  # one whose head asks for 80 GiB
    ("media", 624),  # a chunk of a PNG that is said to have gigabytes
    ("boxes", 658),  # a damaged Parquet file: panic
    ("resume", 503),  # moments that lack their step: KeyError
)
"""The target and the number, with seed 0."""

"""Times as people write them in tables: seconds, MM:SS or HH:MM:SS, with fractions."""

import polars as pl

_PATTERN = r"^(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)$"


def seconds(text: pl.Expr) -> pl.Expr:
    """Seconds from text such as ``"75.5"``, ``"1:15.5"`` or ``"00:01:15.50"``; null where it is none of these.

    Minutes after hours and seconds after minutes must be below 60. Negative times are null.
    """
    parts = text.str.strip_chars().str.extract_groups(_PATTERN)
    hours, minutes, rest = (parts.struct.field(str(group)).cast(pl.Float64) for group in (1, 2, 3))
    in_range = (hours.is_null() | (minutes < 60)) & (minutes.is_null() | (rest < 60))
    total = hours.fill_null(0) * 3600 + minutes.fill_null(0) * 60 + rest
    return pl.when(in_range & total.is_finite()).then(total)

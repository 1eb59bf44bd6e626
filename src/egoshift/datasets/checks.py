"""What can be wrong with a clip, each fault named once, in the words that a person can act on."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from egoshift.errors import Fault
from egoshift.records import Dataset


class Sieve:
    """Rows under examination: each check names the rows it finds bad; ``kept`` is what no check found bad."""

    def __init__(self, rows: pl.DataFrame):
        self._rows = rows
        self._good = pl.Series([True] * len(rows), dtype=pl.Boolean)
        self.faults: list[Fault] = []

    def check(self, bad: pl.Expr, kind: str, message: pl.Expr, remedy: str) -> None:
        """Marks the rows where ``bad`` is true and notes one fault for each.

        Args:
            bad: A condition on the rows; null counts as false.
            kind: The faults' name to count by.
            message: What was found and what was expected, as text from the row's columns.
            remedy: What to do about it.
        """
        is_bad = self._rows.select(bad.fill_null(False).alias("bad"))["bad"]
        self._good &= ~is_bad
        place = pl.format("entry {}: ", pl.col("entry")).fill_null("")
        # In one piece: polars 2.1 panics where it formats texts of several pieces, such as rows of two files.
        found = self._rows.filter(is_bad).rechunk().select("file", "row", text=pl.concat_str(place, message))
        self.faults += [Fault(kind, Path(file), text, remedy, row) for file, row, text in found.iter_rows()]

    @property
    def kept(self) -> pl.DataFrame:
        """The rows that no check found bad."""
        return self._rows.filter(self._good)


def media_faults(dataset: Dataset, durations_s: Mapping[str, float], *, tolerance_s: float = 0.05) -> tuple[Fault, ...]:
    """One fault for each clip that stops after its video does.

    Args:
        dataset: The data set as read.
        durations_s: Duration by video id, in seconds; clips of videos that are not named here are not judged.
        tolerance_s: How far a clip may reach past the end: about a frame, since files round their durations.
    """
    lengths = pl.DataFrame(
        {"video_id": list(durations_s), "duration_s": list(durations_s.values())},
        schema={"video_id": pl.String, "duration_s": pl.Float64},
    )
    clips = dataset.clips.join(lengths, on="video_id", how="left", maintain_order="left")
    sieve = Sieve(clips.with_columns(entry=pl.lit(None, pl.Int64)))
    sieve.check(
        pl.col("stop_s") > pl.col("duration_s") + tolerance_s,
        "past-the-end",
        pl.format(
            "clip {} stops at {} s but video {} ends at {} s",
            "clip_id",
            pl.col("stop_s").round(3),
            "video_id",
            pl.col("duration_s").round(3),
        ),
        "correct the times, or replace the video if it is cut short",
    )
    return tuple(sieve.faults)

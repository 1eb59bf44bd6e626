"""Times in text against a slow reading of them."""

import polars as pl
import pytest

from egoshift.datasets.times import seconds

READ = {
    "75.5": 75.5,
    "0": 0.0,
    " 12 ": 12.0,
    "1:15.5": 75.5,
    "00:00:03.37": 3.37,
    "01:02:03.25": 3723.25,
    "120:00": 7200.0,
    "1e-3": 0.001,
}
REFUSED = ("", "abc", "-1", "00:61:00", "00:00:60", "1:75", "1,5", "1:2:3:4", "nan", "inf", "00:01:-2", None)


def slow_seconds(text: str) -> float:
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total


def read(*texts: str | None) -> list[float | None]:
    return pl.DataFrame({"t": texts}, schema={"t": pl.String}).select(s=seconds(pl.col("t")))["s"].to_list()


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_a_time_is_read_as_a_person_reads_it(text: str, expected: float) -> None:
    assert read(text) == [pytest.approx(expected)]
    assert slow_seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_time_is_null(text: str | None) -> None:
    assert read(text) == [None]


def test_every_hundredth_of_two_hours_reads_as_the_slow_twin_reads_it() -> None:
    texts = [
        f"{cs // 360000:02d}:{cs // 6000 % 60:02d}:{cs // 100 % 60:02d}.{cs % 100:02d}" for cs in range(0, 720000, 97)
    ]
    assert read(*texts) == pytest.approx([slow_seconds(text) for text in texts])

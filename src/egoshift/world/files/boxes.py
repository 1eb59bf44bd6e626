"""Hand boxes as one Parquet table: a row for each hand and each touched object, for the data sets without pickles."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from egoshift.files import replacing
from egoshift.world.detections import FrameDetections
from egoshift.world.script import Script

STEP_S = 0.25
"""Hand boxes are given this far apart; a frame in between has those of its neighbours."""

BOX_SCHEMA = pl.Schema(
    {
        "video": pl.String,
        "time_s": pl.Float64,
        "left": pl.Float64,
        "top": pl.Float64,
        "right": pl.Float64,
        "bottom": pl.Float64,
        "kind": pl.String,
        "score": pl.Float64,
        "contact": pl.Boolean,
    }
)


def write_boxes(path: Path, script: Script, found: Sequence[FrameDetections]) -> None:
    """Write the hand boxes of one video; a frame without a hand has one empty row."""
    rows: list[tuple[object, ...]] = []
    for index in range(0, len(found), round(STEP_S * script.style.rate_hz)):
        frame, time_s = found[index], index / script.style.rate_hz
        for hand in frame.hands:
            rows.append((script.video_id, time_s, *hand.box, "hand", hand.score, hand.touches))
        for thing in frame.objects:
            rows.append((script.video_id, time_s, *thing.box, "object", thing.score, True))
        if not frame.hands:
            rows.append((script.video_id, time_s, None, None, None, None, "hand", 0.0, False))
    with replacing(path) as unfinished:
        pl.DataFrame(rows, schema=BOX_SCHEMA, orient="row").write_parquet(unfinished)


def join_boxes(parts: Path, path: Path) -> None:
    """Make one table of the tables in the folder ``parts``, in the order of their names, and remove them."""
    with replacing(path) as unfinished:
        pl.concat(pl.read_parquet(part) for part in sorted(parts.glob("*.parquet"))).write_parquet(unfinished)
    shutil.rmtree(parts)

"""Numbers printed in the papers, transcribed once, to stand beside ours under the word "reported".

They are references, never test oracles. ``hm`` is the harmonic mean as printed. Slips of the X-MIC paper: section 4.3
quotes CLIP-Adapter's within-EPIC noun scores with and without temporal attention the other way round from Table 1
(33.21 without, 34.40 with); Table 2 prints Vita-CLIP's novel verbs as 4.11 where 20 of 486 clips are 4.12.
"""

from dataclasses import dataclass
from typing import Literal

from egoshift.records import Label

EGO4D, EPIC, EGTEA = "ego4d-fho", "epic-kitchens-100", "egtea"
"""Names that a data card must carry for its results to be printed beside reported ones."""


@dataclass(frozen=True)
class Reported:
    """One printed number, in percent, with the table and row it stands in."""

    table: int
    row: str
    method: str
    train: str
    test: str
    label: Label
    metric: Literal["top1", "hm"]
    subset: str
    value: float


# Columns of Tables 1 and 2: nouns then verbs, trained on Ego4D; nouns then verbs, trained on EPIC-KITCHENS-100.
# Table 1 gives (within, across, hm), Table 2 (shared, novel, hm) on the data set not trained on.
_TABLE_1 = {
    "ZS CLIP": ("zero_shot", (5.89, 8.74, 7.03, 2.18, 4.25, 2.88, 8.74, 5.89, 7.03, 4.25, 2.18, 2.88)),
    "CoOp": ("coop", (28.22, 10.87, 15.70, 22.57, 20.42, 21.44, 21.56, 9.37, 13.06, 30.91, 13.35, 18.64)),
    "Co-CoOp": ("cocoop", (30.00, 9.51, 14.44, 21.31, 12.99, 16.14, 24.23, 9.27, 13.41, 34.16, 14.17, 20.03)),
    "CLIP-Adapter": (
        "clip_adapter",
        (30.00, 8.95, 13.78, 22.82, 19.94, 21.28, 33.21, 5.73, 9.77, 36.70, 16.09, 22.37),
    ),
    "CLIP-Adapter*": (
        "clip_adapter_temporal",
        (31.26, 10.00, 15.16, 27.32, 22.28, 24.54, 34.40, 4.67, 8.22, 48.69, 15.52, 23.54),
    ),
    "A5": ("a5", (31.39, 7.84, 12.55, 26.31, 22.77, 24.41, 32.04, 3.31, 5.99, 46.05, 17.93, 25.81)),
    "Vita-CLIP": ("vita_clip", (33.52, 10.61, 16.11, 22.66, 25.81, 24.13, 34.41, 9.52, 14.91, 48.78, 13.47, 21.11)),
    "X-MIC": ("xmic", (33.54, 15.35, 21.06, 28.93, 26.48, 27.65, 30.64, 12.32, 17.57, 50.01, 18.10, 26.58)),
    "X-MIC+DINO": ("xmic_dino", (35.85, 18.96, 24.80, 28.27, 29.49, 28.86, 44.07, 11.45, 18.17, 53.02, 16.01, 24.60)),
}
_TABLE_2 = {
    "ZS CLIP": ("zero_shot", (10.38, 13.58, 11.77, 12.32, 4.32, 6.40, 11.38, 10.49, 10.92, 2.73, 9.84, 4.27)),
    "CoOp": ("coop", (16.86, 16.02, 16.43, 25.03, 5.97, 9.64, 15.77, 10.11, 12.32, 20.22, 5.69, 8.89)),
    "CoCoOp": ("cocoop", (16.35, 11.51, 13.51, 24.34, 0.00, 0.00, 17.31, 11.46, 13.79, 15.32, 6.46, 9.09)),
    "CLIP-Adapter": ("clip_adapter", (12.46, 5.99, 8.09, 21.48, 3.09, 5.40, 8.72, 7.42, 8.02, 19.60, 3.00, 5.20)),
    "CLIP-Adapter*": (
        "clip_adapter_temporal",
        (16.24, 12.22, 13.95, 25.29, 1.23, 2.35, 14.67, 7.68, 10.08, 24.17, 4.50, 7.59),
    ),
    "A5": ("a5", (15.25, 5.24, 7.80, 27.90, 3.09, 5.56, 13.54, 5.71, 8.03, 24.29, 0.55, 1.07)),
    "Vita-CLIP": ("vita_clip", (15.84, 6.15, 8.86, 27.22, 4.11, 7.14, 14.60, 9.76, 11.69, 16.46, 6.58, 9.40)),
    "X-MIC": ("xmic", (20.04, 21.51, 20.75, 29.01, 7.00, 11.27, 19.66, 12.24, 15.09, 23.00, 7.16, 10.92)),
    "X-MIC+DINO": ("xmic_dino", (25.56, 20.52, 22.76, 31.92, 6.38, 10.63, 18.91, 10.67, 13.65, 20.55, 6.48, 9.85)),
}


# What the three numbers of a block are: on the data set trained on or on the other, which metric, which subset.
_Columns = tuple[tuple[bool, Literal["top1", "hm"], str], ...]
_COLUMNS_1: _Columns = ((True, "top1", "all"), (False, "top1", "all"), (False, "hm", "all"))
_COLUMNS_2: _Columns = ((False, "top1", "shared"), (False, "top1", "novel"), (False, "hm", "novel"))


def _cells(table: int, columns: _Columns, row: str, method: str, values: tuple[float, ...]) -> list[Reported]:
    cells = []
    for block, (train, other) in enumerate(((EGO4D, EPIC), (EPIC, EGO4D))):
        for kind, label in enumerate[Label](("noun", "verb")):
            printed = values[6 * block + 3 * kind :][:3]
            for (within, metric, subset), value in zip(columns, printed, strict=True):
                test = train if within else other
                cells.append(Reported(table, row, method, train, test, label, metric, subset, value))
    return cells


REPORTED: tuple[Reported, ...] = tuple(
    cell
    for number, table, columns in ((1, _TABLE_1, _COLUMNS_1), (2, _TABLE_2, _COLUMNS_2))
    for row, (method, values) in table.items()
    for cell in _cells(number, columns, row, method, values)
)
"""Tables 1 and 2 of X-MIC (CVPR 2024)."""


def reported_value(method: str, train: str, test: str, label: Label, metric: str, subset: str) -> float | None:
    """The number that the paper prints for this cell, or None where it prints none."""
    for cell in REPORTED:
        if (cell.method, cell.train, cell.test) == (method, train, test) and (
            (cell.label, cell.metric, cell.subset) == (label, metric, subset)
        ):
            return cell.value
    return None

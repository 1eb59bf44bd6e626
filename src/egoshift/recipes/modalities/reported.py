"""Numbers printed in MMG-Ego4D (CVPR 2023, https://arxiv.org/abs/2305.07214), transcribed once from its slides.

They are references, never test oracles, and stand under the word "reported". The paper's clips, classes and splits are
not public. On other data no number of ours can be compared with them.

A slip of the paper (``SLIP``): few-shot from audio and IMU to video is 50.80 in the table of zero-shot pairs and 51.40
in the ablation, whose line without the cross-modal prototypical loss prints 50.80.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from egoshift.evaluation.modality_result import Task
from egoshift.losses.subsets import Modalities
from egoshift.recipes.sizes import REPORTED_SIZES, ReportedSize

MMG_EGO4D = "mmg-ego4d"
"""The name that a data card must carry for results on it to be printed beside reported ones."""

TITLE = "reported (MMG-Ego4D)"
"""The heading of reported numbers where they stand apart from ours."""

EPISODES = "5-way 5-shot"
"""The paper's few-shot episodes."""

SLIP = (
    "Few-shot audio+imu -> video is reported as 50.80 in the main table and as 51.40 in the ablation, where 50.80 is "
    "the line without the cross-modal prototypical loss."
)
NOT_COMPARABLE = (
    f"“{TITLE}”: printed in the paper. Its clips, classes and splits are not public, so that no number here can be "
    "compared with its own."
)

FULL, NO_ALIGN, MLP, NO_PROTO = "full", "no-align", "mlp", "no-proto"
"""The ablation's lines: attention, alignment and cross-modal prototypes; the same without alignment; with an MLP for
attention; without cross-modal prototypes."""

_VIDEO, _AUDIO, _IMU = ("video",), ("audio",), ("imu",)
_AUDIO_IMU, _ALL = ("audio", "imu"), ("video", "audio", "imu")


@dataclass(frozen=True)
class ReportedPair:
    """One printed accuracy, in percent.

    Attributes:
        task: Top-1 of many-shot, or the accuracy of 5-way 5-shot episodes.
        support: What training clips, or the support, were seen by.
        query: What the clips to recognise were seen by.
        value: The number.
        ablation: Whether it stands in the ablation; else in the tables of one model.
        row: The line of the ablation; the other tables are of ``FULL``.
    """

    task: Task
    support: Modalities
    query: Modalities
    value: float
    ablation: bool = False
    row: str = FULL


@dataclass(frozen=True)
class ReportedEncoder:
    """One line of the table of encoders.

    Attributes:
        title: As printed.
        modality: What it sees.
        few_shot: 5-way 5-shot accuracy, in percent.
        many_shot: Top-1, in percent.
        size: Its printed size.
    """

    title: str
    modality: str
    few_shot: float
    many_shot: float
    size: ReportedSize


def _full_support(task: Task, values: Mapping[Modalities, float]) -> list[ReportedPair]:
    return [ReportedPair(task, _ALL, query, value) for query, value in values.items()]


def _zero_shot(task: Task, values: tuple[float, ...]) -> list[ReportedPair]:
    pairs = (
        (_AUDIO, _VIDEO),
        (_IMU, _VIDEO),
        (_AUDIO_IMU, _VIDEO),
        (_VIDEO, _AUDIO),
        (_VIDEO, _IMU),
        (_VIDEO, _AUDIO_IMU),
    )
    return [ReportedPair(task, *pair, value) for pair, value in zip(pairs, values, strict=True)]


# Columns: regular, missing (audio and IMU), zero-shot (audio and IMU to video), each many-shot and few-shot.
_ABLATION: Mapping[str, tuple[float | None, ...]] = {
    FULL: (55.66, 63.00, 37.07, 50.77, 25.03, 51.40),
    NO_ALIGN: (52.18, 61.16, 21.32, 40.87, 2.37, 33.93),
    MLP: (52.79, 58.67, 32.89, 49.00, 24.54, 51.08),
    NO_PROTO: (None, 62.37, None, 50.03, None, 50.80),
}


def _ablation() -> list[ReportedPair]:
    pairs = ((_ALL, _ALL), (_ALL, _AUDIO_IMU), (_AUDIO_IMU, _VIDEO))
    tasks: tuple[Task, ...] = ("many-shot", "few-shot")
    columns = [(task, support, query) for support, query in pairs for task in tasks]
    return [
        ReportedPair(task, support, query, value, ablation=True, row=row)
        for row, values in _ABLATION.items()
        for (task, support, query), value in zip(columns, values, strict=True)
        if value is not None
    ]


REPORTED: tuple[ReportedPair, ...] = (
    *_full_support(
        "few-shot",
        {
            _ALL: 63.00,
            ("video", "audio"): 61.76,
            _AUDIO_IMU: 50.77,
            ("video", "imu"): 62.79,
            _VIDEO: 62.68,
            _AUDIO: 43.65,
            _IMU: 47.48,
        },
    ),
    *_zero_shot("few-shot", (46.90, 42.07, 50.80, 44.01, 46.56, 49.37)),
    *_full_support("many-shot", {_ALL: 55.66, ("video", "audio"): 55.47, _AUDIO_IMU: 37.07, ("video", "imu"): 54.57}),
    *_zero_shot("many-shot", (30.98, 20.00, 25.03, 43.43, 35.67, 41.02)),
    *_ablation(),
)

REPORTED_ENCODERS: tuple[ReportedEncoder, ...] = (
    ReportedEncoder("MViT-B", "video", 58.89, 52.40, REPORTED_SIZES["mvit", "base"]),
    ReportedEncoder("AST", "audio", 31.06, 39.48, REPORTED_SIZES["ast", "paper"]),
    ReportedEncoder("IMU Transformer", "imu", 40.07, 29.78, REPORTED_SIZES["inertial", "base"]),
)
"""Encoders trained alone, each on its own modality."""


def reported_value(
    task: Task, support: Modalities, query: Modalities, *, ablation: bool = False, row: str = FULL
) -> float | None:
    """The number that the paper prints for this pair of subsets, or None where it prints none.

    Args:
        task: Many-shot or few-shot.
        support: What the labelled clips were seen by; the order of the names does not matter.
        query: What the clips to recognise were seen by, likewise.
        ablation: In the ablation's table, which contradicts the other in one number (``SLIP``).
        row: Of which model; all but ``FULL`` stand in the ablation only.
    """
    for cell in REPORTED:
        if (cell.task, cell.ablation, cell.row) == (task, ablation, row) and (
            (set(cell.support), set(cell.query)) == (set(support), set(query))
        ):
            return cell.value
    return None


def is_slip(task: Task, support: Modalities, query: Modalities) -> bool:
    """Whether the paper prints two numbers for this pair (``SLIP``)."""
    return task == "few-shot" and (set(support), set(query)) == (set(_AUDIO_IMU), set(_VIDEO))

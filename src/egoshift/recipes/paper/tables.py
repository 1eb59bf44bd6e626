"""The seven tables of X-MIC (Kukleva et al., CVPR 2024) as data: which run stands for a row, which number in a column.

Rows and their printed numbers are those of ``egoshift.recipes.reported``; what other people would try too is appended
to the comparisons of methods, Tables 1 to 3. Columns name data sets by the part they play, so that the same tables are
printed of the paper's data sets and of the generated world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from egoshift.errors import ConfigError
from egoshift.recipes.reported import EGO4D, EGTEA, EPIC, REPORTED
from egoshift.records import Label

Role = Literal["ego4d", "epic", "egtea"]

Cast = Mapping[Role, str]
"""Which data set plays which part."""

REAL: Cast = {"ego4d": EGO4D, "epic": EPIC, "egtea": EGTEA}
GENERATED: Cast = {"ego4d": "home", "epic": "kitchen", "egtea": "bench"}


@dataclass(frozen=True)
class Row:
    """A line of a table: its title, and the names of the runs in it (two where columns are of different methods)."""

    title: str
    variants: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """One number per row and kind of label.

    Attributes:
        heading: ``{test}`` in it stands for the data set tested on.
        train: The part of the data set trained on.
        test: The part of the data set tested on.
        metric: Which number. ``hm`` with subset ``all`` joins the ``top1`` on ``train`` and on ``test``.
        subset: Over which clips.
        variant: Which of the row's runs.
    """

    heading: str
    train: Role
    test: Role
    metric: Literal["top1", "hm"]
    subset: str
    variant: int = 0


@dataclass(frozen=True)
class PaperTable:
    """One table of the paper.

    Attributes:
        number: As printed.
        title: What is compared.
        rows: The lines, the paper's first.
        columns: The columns, those of one training data set after those of the other.
        labels: The kinds of label that have numbers in it.
        note: What a reader must know to read it rightly.
    """

    number: int
    title: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    labels: tuple[Label, ...] = ("noun", "verb")
    note: str = ""


def _rows(number: int) -> tuple[Row, ...]:
    """The rows that the paper prints in this table."""
    titles: dict[str, dict[str, None]] = {}
    for cell in REPORTED:
        if cell.table == number:
            titles.setdefault(cell.row, {})[cell.method] = None
    return tuple(Row(title, tuple(variants)) for title, variants in titles.items())


def _joined(train: Role, other: Role) -> tuple[Column, ...]:
    return (
        Column("{test}", train, train, "top1", "all"),
        Column("{test}", train, other, "top1", "all"),
        Column("hm", train, other, "hm", "all"),
    )


def _split(train: Role, other: Role) -> tuple[Column, ...]:
    return (
        Column("shared", train, other, "top1", "shared"),
        Column("novel", train, other, "top1", "novel"),
        Column("hm", train, other, "hm", "novel"),
        Column("shared, all classes", train, other, "top1", "shared-generalised"),
        Column("novel, all classes", train, other, "top1", "novel-generalised"),
        Column("hm, all classes", train, other, "hm", "novel-generalised"),
    )


_BEYOND = (
    Row("Tip-Adapter", ("tip_adapter",)),
    Row("Tip-Adapter-F", ("tip_adapter_f",)),
    Row("CLIP-LoRA", ("clip_lora",)),
    Row("Linear probe", ("linear_probe",)),
)
_BEYOND_NOTE = "The rows from Tip-Adapter on are not in the paper."

PAPER_TABLES: tuple[PaperTable, ...] = (
    PaperTable(
        1,
        "methods within and across data sets",
        (*_rows(1), *_BEYOND),
        _joined("ego4d", "epic") + _joined("epic", "ego4d"),
        note=_BEYOND_NOTE,
    ),
    PaperTable(
        2,
        "classes shared with the training data set, and novel ones",
        (*_rows(2), *_BEYOND),
        _split("ego4d", "epic") + _split("epic", "ego4d"),
        note="Shared and novel are the clips of these classes with only these classes to choose from, as in the paper; "
        f"“all classes” are the same clips with every class to choose from, which the paper lacks. {_BEYOND_NOTE}",
    ),
    PaperTable(
        3,
        "methods on EGTEA, without training there",
        (*_rows(3), *_BEYOND),
        _joined("ego4d", "egtea"),
        note="EGTEA has 19 verbs and 53 nouns. The paper's 20 and 54 come of keeping its class numbers, which begin "
        "with 1: class 0 has an empty name and no clips, but can be answered. Here it is left out. The paper's hm of "
        "verbs for ZS CLIP, 3.51, does not follow from its parts (3.90), and its nouns on Ego4D for CoOp, Co-CoOp, "
        f"CLIP-Adapter* and A5 are other numbers than in Table 1. {_BEYOND_NOTE}",
    ),
    PaperTable(
        4,
        "full frames (F) and hand crops (H)",
        _rows(4),
        _joined("ego4d", "epic"),
        note="F and H are alone in both places: F also classifies the full frames, H and F+H classify the hand crops, "
        "as the released code does.",
    ),
    PaperTable(
        5,
        "backbones",
        _rows(5),
        _joined("ego4d", "epic"),
        note="ZS is zero-shot. The paper's hm of verbs for X-MIC on Lavila, 16.37, does not follow from its parts "
        "(16.40).",
    ),
    PaperTable(
        6,
        "normalisation",
        _rows(6),
        _joined("ego4d", "epic"),
        labels=("noun",),
        note="Brought to unit length: n1 the features before the adapter, n2 the X-MIC vector and n3 the text "
        "embeddings before they are added.",
    ),
    PaperTable(
        7,
        "prompts of the text encoder",
        _rows(7),
        (
            Column("ZS, {test}", "ego4d", "ego4d", "top1", "all"),
            Column("ZS, {test}", "ego4d", "epic", "top1", "all"),
            Column("X-MIC, {test}", "ego4d", "ego4d", "top1", "all", variant=1),
            Column("X-MIC, {test}", "ego4d", "epic", "top1", "all", variant=1),
            Column("X-MIC, hm", "ego4d", "epic", "hm", "all", variant=1),
        ),
        note="ZS is zero-shot. Prompts are word for word the paper's, in which two lack a word.",
    ),
)


def find_tables(numbers: Sequence[int] = ()) -> tuple[PaperTable, ...]:
    """The tables of these numbers, in the paper's order; all where none is given.

    Raises:
        ConfigError: There is no table of such a number.
    """
    known = [table.number for table in PAPER_TABLES]
    for number in numbers:
        if number not in known:
            raise ConfigError(f"--table: the paper has no table {number}; it has {known[0]} to {known[-1]}")
    return tuple(table for table in PAPER_TABLES if not numbers or table.number in numbers)

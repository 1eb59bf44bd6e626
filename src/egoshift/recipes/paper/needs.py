"""What the paper's tables need to be filled: each variant once per kind of label and data set trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from egoshift.recipes.paper.tables import GENERATED, PaperTable, Role
from egoshift.recipes.worlds import Job
from egoshift.records import Label

CHOSEN_ON: Mapping[Role, Role] = MappingProxyType({"ego4d": "epic", "epic": "ego4d"})
"""Per data set trained on, the one that the released code chooses the epoch on."""


@dataclass(frozen=True)
class Need:
    """One training: a variant for one kind of label on the data set that plays this part."""

    variant: str
    label: Label
    train: Role


def needs_of(tables: Sequence[PaperTable]) -> dict[Need, tuple[Role, ...]]:
    """Every training that the tables need, each once, and the data sets that it is tested on, its own first."""
    tested: dict[Need, dict[Role, None]] = {}
    for table in tables:
        for column in table.columns:
            for row in table.rows:
                for label in table.labels:
                    need = Need(row.variants[column.variant], label, column.train)
                    tested.setdefault(need, {column.train: None})[column.test] = None
    return {need: tuple(roles) for need, roles in tested.items()}


def jobs_of(tables: Sequence[PaperTable]) -> tuple[Job, ...]:
    """The same in a generated world, where each job is tested on all that its models are ever tested on."""
    return tuple(Job(need.variant, need.label, GENERATED[need.train]) for need in needs_of(tables))

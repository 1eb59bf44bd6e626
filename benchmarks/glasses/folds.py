"""Who is tested and who validates in each fold, as data cards."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from egoshift.datasets import DataCard, load_dataset
from egoshift.errors import ConfigError

WINDOW_S = 4


@dataclass(frozen=True)
class Plan:
    """What is to be trained; what is kept in a folder belongs to one plan.

    Attributes:
        archive: The file of ClassyGlass.
        folds: Of the people.
        seed: Of who is in which fold, and of the trainings.
        encoder_epochs: Of the encoder of a sensor.
        fusion_epochs: Of a fusion.
    """

    archive: str
    folds: int = 5
    seed: int = 0
    encoder_epochs: int = 8
    fusion_epochs: int = 10


@dataclass(frozen=True)
class Fold:
    """One fold: two data cards that differ in who is tested, which share their features.

    Attributes:
        number: From 0.
        folder: Where everything of the fold lies.
        test: The card whose test users are the fold's.
        validation: The card whose test users are those for validation.
        people: The users by split.
    """

    number: int
    folder: Path
    test: Path
    validation: Path
    people: Mapping[str, tuple[int, ...]]


def groups_of(users_by_part: Mapping[str, Sequence[int]], folds: int, seed: int = 0) -> list[tuple[int, ...]]:
    """The people of each part of the study dealt to groups as if they were cards, each person to one.

    >>> groups_of({"1A": [1, 2], "1B": [3, 4, 5]}, folds=2)
    [(1, 3, 4), (2, 5)]

    Raises:
        ConfigError: There are not three groups, or fewer people than groups.
    """
    number = sum(map(len, users_by_part.values()))
    if not 3 <= folds <= number:
        raise ConfigError(f"{folds} folds of {number} people; give 3 or more, since one tests and another validates")
    groups: list[list[int]] = [[] for _ in range(folds)]
    dealt = 0
    for _, users in sorted(users_by_part.items()):
        for user in sorted(users, key=lambda user: hashlib.sha256(f"{seed}/{user}".encode()).hexdigest()):
            groups[dealt % folds].append(user)
            dealt += 1
    return [tuple(sorted(group)) for group in groups]


def open_folds(plan: Plan, out: Path) -> list[Fold]:
    """Every fold; its validation people are the next one's test people."""
    everyone = DataCard.model_validate({"name": "classyglass", "format": "classyglass", "annotations": plan.archive})
    by_part: dict[str, set[int]] = {}
    for name in set(load_dataset(everyone).clips["video_id"]):
        by_part.setdefault(name.partition("-")[0], set()).add(user_of(name))
    groups = groups_of({part: sorted(users) for part, users in by_part.items()}, plan.folds, plan.seed)
    return [
        _open_fold(plan, out, number, group, groups[(number + 1) % len(groups)], set().union(*groups))
        for number, group in enumerate(groups)
    ]


def user_of(recording: str) -> int:
    """Who wore the glasses in a recording.

    >>> user_of("1A-u03-e07")
    3
    """
    return int(recording.split("-u")[1].partition("-")[0])


def _open_fold(
    plan: Plan, out: Path, number: int, test: tuple[int, ...], val: tuple[int, ...], everyone: set[int]
) -> Fold:
    folder = out / f"fold{number + 1}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, tested, other in (("test", test, val), ("val", val, test)):
        card = {
            "name": "classyglass" if name == "test" else "classyglass-val",
            "format": "classyglass",
            "annotations": plan.archive,
            "clip_s": float(WINDOW_S),
            "features": "features",
            "test_users": list(tested),
            "val_users": list(other),
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
    people = {"train": tuple(sorted(everyone - {*test, *val})), "val": val, "test": test}
    return Fold(number, folder, folder / "test.yaml", folder / "val.yaml", people)

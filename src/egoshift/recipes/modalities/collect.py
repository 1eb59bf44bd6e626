"""Results of models of several modalities in, one number per run and pair of subsets out, several seeds as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple, TypeVar

from egoshift.evaluation.modality_result import Clips, ModalityResult, Setting, SubsetRow, SweepRow, Task
from egoshift.losses.subsets import Modalities, modality_subsets
from egoshift.recipes.seeds import mean_interval
from egoshift.recipes.tables import number_text, twice
from egoshift.records import Label

_Row = TypeVar("_Row", SubsetRow, SweepRow)


class Place(NamedTuple):
    """Where a number belongs.

    Attributes:
        run: Whose it is.
        task: Many-shot or few-shot.
        support: What the labelled clips were seen by.
        query: What the clips to recognise were seen by.
        clips: Of which classes they are.
        episodes: What few-shot episodes are, such as ``5-way 5-shot``; empty for many-shot, or where nothing says.
    """

    run: str
    task: Task
    support: Modalities
    query: Modalities
    clips: Clips
    episodes: str


class SweepPlace(NamedTuple):
    """Where a number of the missing-rate sweep belongs: whose, without which modality, in what share of samples."""

    run: str
    missing: str
    rate: float


@dataclass(frozen=True)
class Number:
    """An accuracy in percent.

    Attributes:
        value: The mean over seeds.
        low: The lower end of its 95% interval: over seeds where several were run, else the result's own.
        high: The upper end, likewise.
        n: Clips or episodes behind it, of all seeds together.
        seeds: How many.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    seeds: int

    def text(self, most_seeds: int, reported: float | None = None) -> str:
        """As a table shows it; says where it is of fewer seeds than others."""
        ours, theirs = number_text(self.value, self.low, self.high, None), number_text(None, None, None, reported)
        fewer = "" if self.seeds == most_seeds else f"({self.seeds} of {most_seeds} seeds)"
        return " ".join(filter(None, (ours, fewer, theirs)))


@dataclass(frozen=True)
class Collection:
    """All that results say of one kind of label on one pair of data sets.

    Attributes:
        train: The data set trained on.
        test: The data set evaluated on.
        label: The kind of label.
        modalities: Of all runs together, in the first run's order.
        runs: In the order of the results.
        own: Per run, all modalities of its model.
        numbers: By place.
        settings: The paper's setting of each place.
        sweep: Of the missing-rate sweep, by run, modality and rate.
    """

    train: str
    test: str
    label: Label
    modalities: Modalities
    runs: tuple[str, ...]
    own: Mapping[str, Modalities]
    numbers: Mapping[Place, Number]
    settings: Mapping[Place, Setting]
    sweep: Mapping[SweepPlace, Number]

    @property
    def most_seeds(self) -> int:
        """Of the run with the most."""
        return max((number.seeds for number in (*self.numbers.values(), *self.sweep.values())), default=1)

    @property
    def where(self) -> str:
        """For captions."""
        if self.train == self.test:
            return f"trained and tested on {self.train}"
        return f"trained on {self.train}, tested on {self.test}"

    def rank(self, subset: Modalities) -> int:
        """The place of a subset where subsets stand in order, the largest first."""
        return modality_subsets(self.modalities).index(subset)


def collect(results: Sequence[ModalityResult]) -> list[Collection]:
    """The results by data sets and kind of label.

    Results of one run that were trained on different subsets (the paper's zero-shot needs a training for each) count as
    one run, for their numbers have different places.

    Raises:
        ResultError: Two results of one run and seed claim the same place.
    """
    groups: dict[tuple[str, str, Label], list[ModalityResult]] = {}
    for result in results:
        for label in dict.fromkeys([*(row.label for row in result.rows), *(point.label for point in result.sweep)]):
            groups.setdefault((result.train, result.test, label), []).append(result)
    return [_collection(*place, members) for place, members in groups.items()]


def run_title(result: ModalityResult) -> str:
    """What tables call a result's run."""
    return (result.variant or result.method) + (" (oracle)" if result.selection == "oracle" else "")


def _collection(train: str, test: str, label: Label, results: Sequence[ModalityResult]) -> Collection:
    everything = tuple(dict.fromkeys(name for result in results for name in result.modalities))
    rows: dict[Place, dict[int, SubsetRow]] = {}
    sweep: dict[SweepPlace, dict[int, SweepRow]] = {}
    settings: dict[Place, Setting] = {}
    own: dict[str, set[str]] = {}
    for result in results:
        run = run_title(result)
        own.setdefault(run, set()).update(result.modalities)
        for row in (row for row in result.rows if row.label == label):
            support, query = (_ordered(subset, everything) for subset in (row.support, row.query))
            episodes = _episodes(result) if row.task == "few-shot" else ""
            place = Place(run, row.task, support, query, row.clips, episodes)
            _add(rows.setdefault(place, {}), row, result, label)
            settings[place] = result.setting(row)
        for point in (point for point in result.sweep if point.label == label):
            _add(sweep.setdefault(SweepPlace(run, point.missing, point.rate), {}), point, result, label)
    return Collection(
        train,
        test,
        label,
        everything,
        tuple(own),
        {run: _ordered(names, everything) for run, names in own.items()},
        {place: _number(list(seeds.values())) for place, seeds in rows.items()},
        settings,
        {place: _number(list(seeds.values())) for place, seeds in sweep.items()},
    )


def _add(seeds: dict[int, _Row], row: _Row, result: ModalityResult, label: Label) -> None:
    if result.seed in seeds:
        raise twice(f"{run_title(result)}, seed {result.seed}", label, result.train, result.test)
    seeds[result.seed] = row


def _number(rows: Sequence[SubsetRow] | Sequence[SweepRow]) -> Number:
    values = [row.value for row in rows]
    ends = (rows[0].low, rows[0].high) if len(rows) == 1 else mean_interval(values)
    low, high = ends or (None, None)
    return Number(fmean(values), low, high, sum(row.n for row in rows), len(rows))


def _ordered(subset: Sequence[str] | set[str], everything: Modalities) -> Modalities:
    return tuple(name for name in everything if name in subset)


def _episodes(result: ModalityResult) -> str:
    """``5-way 5-shot``; empty where the result does not say."""
    return " ".join(f"{result.episodes[key]}-{key[:-1]}" for key in ("ways", "shots") if key in result.episodes)

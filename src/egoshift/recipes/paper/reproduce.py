"""The paper's tables on the generated worlds, with the runs that ``egoshift claims`` makes too."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from egoshift.errors import ConfigError, ResultError
from egoshift.evaluation import Result
from egoshift.recipes.pages import changed_text, filled
from egoshift.recipes.paper.cells import FilledTable, fill
from egoshift.recipes.paper.needs import CHOSEN_ON, jobs_of
from egoshift.recipes.paper.render import PAPER_FORMATS, cells
from egoshift.recipes.paper.tables import GENERATED, Cast, PaperTable
from egoshift.recipes.variants import check_assignments
from egoshift.recipes.worlds import Failures, Job, OnWork, Replicate, Step, do_all, steps_of, train_jobs
from egoshift.recipes.worlds.replicate import OnShare

PAGE, CELLS = "papers.md", "papers.json"
MARKS = ("<!-- tables:begin -->", "<!-- tables:end -->")


@dataclass(frozen=True)
class Reproduction:
    """The tables, and what is missing in them.

    Attributes:
        tables: Filled.
        not_run: Names of runs that stand empty, by the reason.
    """

    tables: tuple[FilledTable, ...]
    not_run: dict[str, tuple[str, ...]]

    @property
    def remarks(self) -> tuple[str, ...]:
        """Each reason in a line."""
        return remarks_on(self.not_run)


def remarks_on(not_run: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What was not run, each reason in a line."""
    return tuple(f"not run: {', '.join(names)}: {reason}" for reason, names in not_run.items())


def reproduce_in_worlds(
    tables: Sequence[PaperTable],
    out: Path,
    *,
    seeds: Sequence[int],
    scale: float = 1.0,
    assignments: Sequence[str] = (),
    oracle: bool = False,
    progress: OnWork,
) -> Reproduction:
    """Do under ``out/seed-N`` whatever the tables need, and fill them; what is there is used again.

    Args:
        tables: Which.
        out: Where worlds, features, models and results go; those of ``check_claims`` are the same.
        seeds: One world and one training each.
        scale: How much video each world has; 1 is about an hour.
        assignments: ``fit.field=value``, for every run alike.
        oracle: Also train what chooses its epoch on the target, under ``out/seed-N/oracle``.
        progress: Called as the work goes on.

    Raises:
        ConfigError: An assignment is not for all runs alike, or ``out`` holds worlds of another scale.
        ResultError: Nothing could be run.
    """
    check_settings(assignments)
    jobs, failures = jobs_of(tables), Failures()
    replicates = [Replicate(out / f"seed-{seed}", seed, scale, tuple(assignments)) for seed in seeds]
    steps = ((replicate, step) for replicate in replicates for step in _steps(replicate, jobs, failures, oracle))
    do_all(steps, progress)
    results = [result for replicate in replicates for result in _results(replicate, jobs, failures, oracle)]
    not_run = {
        reason: tuple(dict.fromkeys(job.variant for job in lost)) for reason, lost in failures.by_reason().items()
    }
    if not results:
        raise nothing_run(remarks_on(not_run))
    return filled_tables(results, tables, GENERATED, not_run, oracle=oracle, changed=changed_text(assignments))


def nothing_run(remarks: Iterable[str]) -> ResultError:
    """There is no result to fill a table with; each remark is a line."""
    return ResultError("\n".join((*remarks, "nothing could be run, so there are no tables")))


def check_settings(assignments: Sequence[str]) -> None:
    """See that overrides hold for every run alike and leave the choice of the epoch alone.

    Raises:
        ConfigError: They do not.
    """
    for assignment in assignments:
        if assignment.partition("=")[0].strip() == "fit.selection":
            raise ConfigError(f"--set {assignment}: the tables choose this themselves; use --selection oracle")
    check_assignments(assignments)


def filled_tables(
    results: Sequence[Result],
    tables: Sequence[PaperTable],
    cast: Cast,
    not_run: dict[str, tuple[str, ...]],
    *,
    oracle: bool,
    changed: str = "",
) -> Reproduction:
    """The tables of these results, of which there must be some; what was changed for all runs stands in their notes."""
    tables = [_with_note(table, changed) for table in tables]
    if oracle and any(result.selection == "oracle" for result in results):
        chosen = [_with_place_of_choice(table, cast) for table in tables]
        return Reproduction(tuple(fill(results, chosen, oracle=True)), not_run)
    return Reproduction(tuple(fill(results, tables)), not_run)


def page_text(reproduction: Reproduction, *, scale: float, seeds: Sequence[int]) -> str:
    """The generated part of ``papers.md``."""
    settings = f"Worlds of scale {scale:g}; seeds {', '.join(map(str, seeds))}."
    missing = tuple(remark.replace("\n", " ") for remark in reproduction.remarks)
    return "\n\n".join((settings, PAPER_FORMATS["md"](reproduction.tables).rstrip("\n"), *missing))


def cells_text(reproduction: Reproduction) -> str:
    """What the page's tables hold, for ``papers.json``: a cell a line, as numbers."""
    lines = [json.dumps(asdict(cell), ensure_ascii=False) for cell in cells(reproduction.tables)]
    return "[\n " + ",\n ".join(lines) + "\n]\n"


def page_with(folder: Path, text: str) -> str:
    """``papers.md`` with this text between its marks.

    Raises:
        ConfigError: The page is not there, or has not one place for it.
    """
    return filled(folder / PAGE, MARKS, text)


def _steps(replicate: Replicate, jobs: Sequence[Job], failures: Failures, oracle: bool) -> Iterator[Step]:
    yield from steps_of(replicate, jobs, failures)
    if oracle:
        train = partial(_train_oracle, replicate, jobs, failures)
        yield Step("training, epochs chosen on the target", 5 * len(jobs), train)


def _train_oracle(replicate: Replicate, jobs: Sequence[Job], failures: Failures, report: OnShare) -> None:
    train_jobs(replace(replicate, oracle=True), _with_epochs(replicate, jobs, failures), failures, report)


def _with_epochs(replicate: Replicate, jobs: Sequence[Job], failures: Failures) -> tuple[Job, ...]:
    """The jobs that were run and in which there was an epoch to choose."""
    lost = failures.among(replicate, jobs)
    run = (job for job in jobs if job not in lost)
    return tuple(job for job in run if replicate.results(job)[job.source].selection != "none")


def _results(replicate: Replicate, jobs: Sequence[Job], failures: Failures, oracle: bool) -> Iterator[Result]:
    lost = failures.among(replicate, jobs)
    for job in jobs:
        if job not in lost:
            yield from replicate.results(job).values()
    if oracle:
        yield from _results(replace(replicate, oracle=True), _with_epochs(replicate, jobs, failures), failures, False)


def _with_place_of_choice(table: PaperTable, cast: Cast) -> PaperTable:
    """The table with a note where epochs were not chosen on the data set of its columns."""
    notes = []
    for column in table.columns:
        if column.test not in (column.train, CHOSEN_ON.get(column.train)):
            chosen = cast[CHOSEN_ON[column.train]]
            notes.append(f"Here “oracle” epochs were chosen on {chosen}, not on {cast[column.test]}.")
    return _with_note(table, *dict.fromkeys(notes))


def _with_note(table: PaperTable, *notes: str) -> PaperTable:
    return replace(table, note=" ".join(filter(None, (table.note, *notes))))

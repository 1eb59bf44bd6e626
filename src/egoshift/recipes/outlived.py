"""Results that outlived their model: what lies beside them was trained anew, and their numbers are not its own."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from egoshift.errors import CheckpointError, ConfigError, ResultError
from egoshift.evaluation import ModalityResult, Result
from egoshift.recipes.execute import MODELS, RUN_FILE
from egoshift.recipes.run import Run
from egoshift.recipes.run_files import read_run, validated
from egoshift.training import read_config
from egoshift.training.checkpoint import CONFIG_FILE


def check_current(results: Iterable[tuple[Path, Result | ModalityResult]]) -> None:
    """See that no result is of a model that another one has replaced.

    Raises:
        ResultError: Some are; a line for each run that they lie beside.
    """
    outlived = outlived_results(results)
    if outlived:
        raise ResultError("\n".join(outlived_line(folder, files) for folder, files in outlived.items()))


def outlived_results(results: Iterable[tuple[Path, Result | ModalityResult]]) -> dict[Path, list[Path]]:
    """The files of results whose models were replaced, by the folder of the run whose models lie there now.

    Of results without their models beside them, and of those of before a model's digests were kept, nothing is known:
    they are as good as ever.
    """
    run_in, models_of = cache(_run_in), cache(_models_of)
    found: dict[Path, list[Path]] = {}
    for path, result in results:
        home = path.absolute().parent.parent
        folder: Path | None = home
        if not (home / RUN_FILE).is_file():  # the results of many runs, whose models are apart
            run = _run_of(path, result)
            folders = sorted((home / MODELS).glob("*")) if run is not None and result.provenance.model else []
            folder = next((folder for folder in folders if run_in(folder) == run), None)
        there = models_of(folder) if folder is not None and result.provenance.model else []
        if folder is not None and there and result.provenance.model not in there:
            found.setdefault(folder, []).append(path)
    return found


def outlived_line(folder: Path, files: list[Path]) -> str:
    """What is told of results that a run's models have outlived."""
    own = files[0].absolute().parent.parent == folder
    again = f"`egoshift evaluate {folder}`" if own else "the command that wrote them"
    names = ", ".join(file.name for file in files)
    return (
        f"{files[0].parent}: the model was trained again since these results of it were written: {names}; write them "
        f"again with {again}, or remove them"
    )


def _run_of(path: Path, result: Result | ModalityResult) -> Run | None:
    try:
        return validated(result.provenance.run, place=str(path))
    except ConfigError:
        return None


def _run_in(folder: Path) -> Run | None:
    try:
        return read_run(folder / RUN_FILE)
    except ConfigError:
        return None


def _models_of(folder: Path) -> list[dict[str, str]]:
    """The digests of each model of a run; none where one cannot be read, and nothing can be said of results."""
    try:
        return [read_config(file.parent).digests for file in sorted((folder / MODELS).glob(f"*/{CONFIG_FILE}"))]
    except CheckpointError:
        return []

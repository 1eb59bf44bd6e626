"""Runs as files, and runs with some fields replaced."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from egoshift.errors import ConfigError
from egoshift.files import write_atomically
from egoshift.foreign import parse_yaml
from egoshift.recipes.run import Run, nearest


def read_run(path: Path) -> Run:
    """A run from a YAML file; paths in it are relative to the file.

    Raises:
        ConfigError: The file is missing, is not YAML, or has fields that do not fit (all of them named).
    """
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give a run file or a recipe's name") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not YAML: {error}; correct it") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected fields such as 'train' and 'method', got {type(values).__name__}")
    run = validated(values, place=str(path))
    return _with_paths(run, lambda given: path.parent / given)


def absolute(run: Run) -> Run:
    """The same run with paths that hold from any folder."""
    return _with_paths(run, Path.absolute)


def _with_paths(run: Run, change: Callable[[Path], Path]) -> Run:
    episodes = run.few_shot
    if episodes is not None and episodes.path is not None:
        episodes = episodes.model_copy(update={"path": change(episodes.path)})
    return run.model_copy(
        update={
            "train": change(run.train),
            "test": tuple(change(card) for card in run.test),
            "synonyms": None if run.synonyms is None else change(run.synonyms),
            "start": tuple(change(folder) for folder in run.start),
            "few_shot": episodes,
        }
    )


def write_run(run: Run, path: Path) -> None:
    """Write the run, defaults included, as a YAML file that ``read_run`` takes; paths become absolute."""
    fields = absolute(run).model_dump(mode="json")
    write_atomically(path, yaml.safe_dump(fields, sort_keys=False).encode())


def override(run: Run, assignments: Sequence[str]) -> Run:
    """The run with fields replaced, each assignment being ``field.field=value`` with the value in YAML.

    Examples:
        >>> override(run, ["fit.epochs=3", "method.options.alpha=1.0"])  # doctest: +SKIP

    Raises:
        ConfigError: An assignment without ``=``, a field that does not exist, or a value that does not fit.
    """
    values = run.model_dump()
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment}: expected field=value, such as fit.epochs=5")
        *parents, leaf = name.strip().split(".")
        place = values
        for parent in parents:
            place = _child(place, parent, assignment)
        if not (name.startswith("method.options.") and len(parents) == 2):  # options are checked by MethodSpec
            _child(place, leaf, assignment, leaf=text.strip() not in _NOTHING)
        try:
            place[leaf] = parse_yaml(text)
        except ValueError as error:
            raise ConfigError(f"--set {assignment}: the value is not YAML: {error}") from None
    return validated(values, place="--set " + " ".join(assignments)) if assignments else run


def validated(values: Mapping[str, Any], *, place: str) -> Run:
    """The run that these values describe; ``place`` is named in the error.

    Raises:
        ConfigError: One line per field that does not fit.
    """
    try:
        return Run.model_validate(values)
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            field = ".".join(str(part) for part in fault["loc"])
            hint = nearest(str(fault["loc"][-1]), Run.model_fields) if fault["type"] == "extra_forbidden" else ""
            lines.append(f"{place}: {field or 'run'}: {fault['msg'].removeprefix('Value error, ')}{hint}")
        raise ConfigError("\n".join(lines)) from error


_NOTHING = ("null", "~")
"""What takes a whole group away, where the group may be absent; if it may not, validation says so."""


def _child(place: Any, name: str, assignment: str, *, leaf: bool = False) -> Any:
    if not isinstance(place, dict) or name not in place:
        known = place if isinstance(place, dict) else {}
        raise ConfigError(f"--set {assignment}: there is no field {name!r}{nearest(name, known)}")
    if isinstance(place[name], dict) and leaf:
        raise ConfigError(f"--set {assignment}: {name!r} is a group; set one of its fields: {', '.join(place[name])}")
    return place[name]

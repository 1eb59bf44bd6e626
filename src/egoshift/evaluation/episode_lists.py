"""Lists of episodes as JSON, by the ids of samples and the names of classes.

A list is drawn once, so that another model, another subset of the modalities or another person is measured on exactly
the same. Each episode is one line::

    {"format": "egoshift-episodes", "version": 1, "ways": 2, "shots": 1, "queries": 2, "episodes": [
    {"classes": ["cut", "wash"], "support": [["c07"], ["c31"]], "query": [["c02", "c15"], ["c40", "c33"]]},
    ...
    ]}
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

import torch
from jaxtyping import Int
from torch import Tensor

from egoshift.errors import ConfigError, DataError, Fault
from egoshift.evaluation.episodes import Episodes
from egoshift.files import write_atomically
from egoshift.foreign import parse_json

FORMAT = "egoshift-episodes"
FAULTS_TOLD = 20
"""Of a file with more faults, as many are told, and how many there are."""

_REMEDY = "draw the episodes again, or give the samples and classes that they were drawn from"


def write_episodes(path: Path, episodes: Episodes, *, ids: Sequence[str], names: Sequence[str]) -> None:
    """Writes a list as JSON, whole or not at all; folders are made.

    Args:
        path: The file.
        episodes: What to write.
        ids: What to call each sample: one different name each, such as the ids of the clips.
        names: What to call each class, likewise.

    Raises:
        ConfigError: If an id or a name is given twice, or a sample or class has none.
    """
    _numbered("ids", ids, max(int(episodes.support.max()), int(episodes.query.max())) + 1)
    _numbered("names", names, int(episodes.classes.max()) + 1)
    columns = (episodes.classes.tolist(), episodes.support.tolist(), episodes.query.tolist())
    lines = [
        json.dumps(
            {
                "classes": [names[one] for one in classes],
                "support": [[ids[row] for row in way] for way in support],
                "query": [[ids[row] for row in way] for way in query],
            },
            ensure_ascii=False,
        )
        for classes, support, query in zip(*columns, strict=True)
    ]
    ways, shots, queries = *episodes.support.shape[1:], episodes.query.shape[2]
    head = {"format": FORMAT, "version": 1, "ways": ways, "shots": shots, "queries": queries}
    text = json.dumps(head)[:-1] + ', "episodes": [\n' + ",\n".join(lines) + "\n]}\n"
    write_atomically(path, text.encode())


def read_episodes(
    path: Path, *, ids: Sequence[str], names: Sequence[str], labels: Int[Tensor, " samples"] | None = None
) -> Episodes:
    """Reads a list that ``write_episodes`` made; samples and classes may stand in another order by now, or be more.

    Args:
        path: The file.
        ids: The name of each sample.
        names: The name of each class.
        labels: The class of each sample, to be held against the list; none looks at no labels.

    Raises:
        DataError: If the file is no such list, an episode is not of the size that it states, names what is not there,
            has a sample twice, or one that is of another class now; tells every such episode, up to ``FAULTS_TOLD``.
        ConfigError: If an id or a name is given twice.
    """
    samples, classes = _numbered("ids", ids), _numbered("names", names)
    content = _content(path)
    sizes = tuple(content.get(name) for name in ("ways", "shots", "queries"))
    faults: list[Fault] = []
    rows = []
    for number, entry in enumerate(content["episodes"]):
        found = _fault(entry, sizes, samples, classes, None if labels is None else labels.tolist())
        if found is not None:
            faults.append(Fault(found[0], path, f"episode {number} {found[1]}", _REMEDY))
        else:
            support, query = ([[samples[name] for name in way] for way in entry[part]] for part in ("support", "query"))
            rows.append(([classes[name] for name in entry["classes"]], support, query))
    if not content["episodes"]:
        faults.append(Fault("no-episodes", path, "holds no episode", _REMEDY))
    if len(faults) > FAULTS_TOLD:
        more = f"{len(faults) - FAULTS_TOLD} more episodes have faults"
        faults = [*faults[:FAULTS_TOLD], Fault("more-faults", path, more, _REMEDY)]
    if faults:
        raise DataError(faults)
    return Episodes(*(torch.tensor(list(column)) for column in zip(*rows, strict=True)))


def _numbered(what: str, names: Sequence[str], least: int = 0) -> dict[str, int]:
    numbers = {name: number for number, name in enumerate(names)}
    if len(numbers) != len(names) or len(names) < least:
        wanted = f"; the episodes have numbers up to {least - 1}" if least else ""
        raise ConfigError(
            f"{len(names)} {what}, {len(numbers)} of them different{wanted}; give one name for each, all different"
        )
    return numbers


def _content(path: Path) -> dict[str, Any]:
    remedy = "give a file that write_episodes made"
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError([Fault("unreadable", path, f"cannot be read ({error.strerror})", remedy)]) from None
    except ValueError as error:  # neither UTF-8 nor JSON
        raise DataError([Fault("unreadable", path, f"is not JSON text ({error})", remedy)]) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != 1:
        raise DataError([Fault("wrong-format", path, f"is not a list of episodes ({FORMAT}, version 1)", remedy)])
    if not isinstance(content.get("episodes"), list):
        raise DataError([Fault("wrong-format", path, "has no list under 'episodes'", remedy)])
    if content["episodes"] and not all(type(content.get(name)) is int for name in ("ways", "shots", "queries")):
        raise DataError([Fault("wrong-format", path, "'ways', 'shots' and 'queries' are no whole numbers", remedy)])
    return content


def _fault(
    entry: Any, sizes: tuple[Any, ...], samples: dict[str, int], classes: dict[str, int], labels: list[int] | None
) -> tuple[str, str] | None:
    """The kind of the first fault of an episode and what it is; None where it can be used."""
    parts = entry if isinstance(entry, dict) else {}
    named, support, query = (parts.get(name) for name in ("classes", "support", "query"))
    if not (_is_names(named) and _is_lists(support) and _is_lists(query)):
        return "wrong-format", "has no lists of names under 'classes', 'support' and 'query'"
    ways, shots, queries = sizes
    lengths = {len(named), len(set(named)), len(support), len(query)}
    if lengths != {ways} or {len(way) for way in support} != {shots} or {len(way) for way in query} != {queries}:
        return "wrong-size", f"is not of {ways} ways, {shots} shots and {queries} queries, which the file states"
    flat = [(name, one) for part in (support, query) for one, way in zip(named, part, strict=True) for name in way]
    for name, one in flat:
        if name not in samples or one not in classes:
            return "unknown-name", f"has {name if name not in samples else one!r}, which is not among those given"
        if labels is not None and labels[samples[name]] != classes[one]:
            return "other-class", f"has {name!r} as {one!r}, but it is labelled otherwise now"
    names = [name for name, _ in flat]
    twice = next((name for name in names if names.count(name) > 1), None)
    return None if twice is None else ("sample-twice", f"has {twice!r} more than once")


def _is_names(given: Any) -> TypeGuard[list[str]]:
    return isinstance(given, list) and all(isinstance(name, str) for name in given)


def _is_lists(given: Any) -> TypeGuard[list[list[str]]]:
    return isinstance(given, list) and all(_is_names(way) for way in given)

"""Measured numbers in the sentences of README and pages: ``docs/numbers.yaml`` says which figure each one is.

A phrase is a piece of a page with ``{name:format}`` where a figure of ``trust.results.figures`` stands, so that the
page itself stays plain text: ``loses most where the barometer is alone ({glasses/one each/bar/behind/value:.1f})``.
Numbers that look measured and are in no phrase must be among the page's given ones, with a reason: a paper's, a
default, a size.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from egoshift.errors import ConfigError
from trust.results.derived import Value
from trust.results.figures import DOCS

_PLACEHOLDER = re.compile(r"\{([^{}]+):([^{}:]+)\}")
_NUMBER = r"([-+]?\d+(?:,\d{3})*(?:\.\d+)?)"
_UNITS = (
    r"%|points?\b|times\b|[kMG]i?B\b|m?s\b|seconds?\b|minutes?\b|hours?\b|h\b|(?:frames|clips|images)/s|k?Hz\b|people\b|"
    r"recordings\b|epochs\b|[GT]FLOP|g\b"
)
_MEASURED = re.compile(
    rf"(?<![\w.\-/])[-+]?\d[\d,]*\.\d+(?:e-?\d+)?(?![\w.]*\d)|(?<![\w.\-/])[-+]?\d[\d,]*(?=\s?(?:{_UNITS}))"
)
_NOT_PROSE = re.compile(r"^ *```.*?^ *```$|`[^`]*`|\]\([^)]*\)|<!--.*?-->", flags=re.DOTALL | re.MULTILINE)
_GENERATED = re.compile(r"<!-- (\w+):begin -->.*?<!-- \1:end -->", flags=re.DOTALL)


@dataclass(frozen=True)
class Numbers:
    """What ``docs/numbers.yaml`` says of one page.

    Attributes:
        measured: Phrases with figures in them.
        given: Phrases whose numbers nobody measured here, by the reason.
    """

    measured: tuple[str, ...]
    given: Mapping[str, tuple[str, ...]]


def read_numbers(path: Path = DOCS / "numbers.yaml") -> dict[str, Numbers]:
    """By page, what its numbers are; under ``everywhere`` what may stand on any.

    Raises:
        ConfigError: The file is not of this form.
    """
    pages = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = {}
    for page, parts in pages.items():
        if not isinstance(parts, dict) or set(parts) - {"measured", "given"}:
            raise ConfigError(f"{path}: {page}: expected the fields measured and given, got {parts!r:.60}")
        given = {why: tuple(phrases) for why, phrases in (parts.get("given") or {}).items()}
        found[page] = Numbers(tuple(parts.get("measured") or ()), given)
    return found


def pattern(phrase: str) -> re.Pattern[str]:
    """What finds a phrase on its page, whatever its numbers are now and wherever its lines break."""
    parts = _PLACEHOLDER.split(phrase)
    texts = [r"\s+".join(map(re.escape, re.split(r"\s+", text))) for text in parts[::3]]
    holes = [r"([^\n]*[^\s|])" if form.endswith("s") else _NUMBER for form in parts[2::3]]
    return re.compile("".join(text + hole for text, hole in zip(texts, [*holes, ""], strict=True)))


def values(phrase: str, figures: Mapping[str, Value]) -> list[str]:
    """What a phrase's places must hold, in order.

    Raises:
        ConfigError: A figure is not there.
    """
    found = []
    for name, form in _PLACEHOLDER.findall(phrase):
        known = name.removeprefix("-")
        if known not in figures:
            raise ConfigError(f"docs/numbers.yaml: no figure {known}; it is in none of the JSON files of docs/")
        value = figures[known]
        found.append(format(-value if name.startswith("-") and not isinstance(value, str) else value, form))
    return found


def rewritten(text: str, phrases: Sequence[str], figures: Mapping[str, Value]) -> str:
    """A page with today's figures in its phrases.

    Raises:
        ConfigError: A phrase is not on the page exactly once, or a figure is not there.
    """
    for phrase in phrases:
        place = _once(text, phrase)
        for number, value in reversed(list(enumerate(values(phrase, figures), 1))):
            text = text[: place.start(number)] + value + text[place.end(number) :]
    return text


def faults(text: str, numbers: Numbers, everywhere: Numbers, figures: Mapping[str, Value]) -> Iterator[str]:
    """What is wrong with a page's numbers, one line each: other than measured, or of no known origin."""
    covered = []
    for phrase in (*numbers.measured, *(phrase for given in numbers.given.values() for phrase in given)):
        try:
            place, expected = _once(text, phrase), values(phrase, figures)
        except ConfigError as error:
            yield str(error)
            continue
        covered.append(place.span())
        for found, value in zip(place.groups(), expected, strict=True):
            if found != value:
                yield f"says {found} where {value} was measured: {' '.join(place[0].split())}"
    for given in everywhere.given.values():
        covered += [place.span() for phrase in given for place in pattern(phrase).finditer(text)]
    yield from _unknown(text, covered)


def _unknown(text: str, covered: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Numbers outside code, generated parts and the covered stretches."""
    stretches = [*covered, *(part.span() for form in (_NOT_PROSE, _GENERATED) for part in form.finditer(text))]
    for number in _MEASURED.finditer(text):
        if not any(start <= number.start() < stop for start, stop in stretches):
            line = text[text.rfind("\n", 0, number.start()) + 1 :].split("\n", 1)[0].strip()
            yield f"{number[0]} is in no phrase of docs/numbers.yaml: {line:.110}"


def _once(text: str, phrase: str) -> re.Match[str]:
    found = list(pattern(phrase).finditer(text))
    if len(found) != 1:
        raise ConfigError(f"says {len(found)} times, expected once (docs/numbers.yaml): {phrase}")
    return found[0]

"""The list of survivors that is kept in the repository, each with the reason why no test kills it.

Two lines an entry: the file with the line and the change, and, indented, the reason. An entry is known by its file and
change; the line says where it stood when it was written down. A rule has a regular expression after a star instead: it
gives the reason of every survivor whose two sides are the same but for what the expression finds in them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

LISTED = Path(__file__).parents[1] / "survivors.txt"
UNKNOWN = "?"


@dataclass(frozen=True)
class Rule:
    """A reason that many survivors share.

    Attributes:
        pattern: What in a change makes no difference.
        reason: Why.
    """

    pattern: str
    reason: str

    def explains(self, survivor: "Survivor") -> bool:
        """Whether the change is one of what makes no difference, and of nothing else."""
        bare = re.sub(rf"(, )?({self.pattern})", "", survivor.change)
        # Of an argument that a mutant leaves out, its comma is left.
        before, _, after = re.sub(r", (?=\))|(?<=\(), ", "", bare).partition(" -> ")
        return bare != survivor.change and before == after


@dataclass(frozen=True)
class Survivor:
    """A fault that no test notices.

    Attributes:
        path: Its file, from the repository's root.
        line: Where it begins, counted from one.
        change: The lines before and after.
        reason: Why it may live; ``?`` where nobody has said so.
    """

    path: str
    line: int
    change: str
    reason: str = UNKNOWN

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by."""
        return self.path, self.change


def read(path: Path = LISTED) -> tuple[list[Rule], list[Survivor]]:
    """The rules, and the listed survivors.

    Raises:
        ValueError: If an entry is not two lines.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines = [line for line in lines if line and not line.startswith("#")]
    rules, listed = [], []
    for head, reason in zip(lines[::2], lines[1::2], strict=True):
        if head.startswith("* ") and reason.startswith("    "):
            rules.append(Rule(head[2:], reason.strip()))
            continue
        place, _, change = head.partition(" ")
        file, _, number = place.rpartition(":")
        if not number.isdigit() or not reason.startswith("    "):
            raise ValueError(
                f"{path}: {head!r} and {reason!r} are no entry; write 'file:line change', then '    reason'"
            )
        listed.append(Survivor(file, int(number), change, reason.strip()))
    return rules, listed


def text(rules: Iterable[Rule], survivors: Iterable[Survivor]) -> str:
    """Rules and entries as they stand in the file."""
    ordered = sorted(survivors, key=lambda each: (each.path, each.line, each.change))
    return "".join(
        [
            *(f"* {rule.pattern}\n    {rule.reason}\n" for rule in rules),
            *(f"{each.path}:{each.line} {each.change}\n    {each.reason}\n" for each in ordered),
        ]
    )


def unexplained(found: Iterable[Survivor], rules: Sequence[Rule]) -> list[Survivor]:
    """The survivors that no rule gives a reason of, which are to be listed one by one."""
    return [each for each in found if not any(rule.explains(each) for rule in rules)]


def faults(found: Iterable[Survivor], listed: Iterable[Survivor], ran: Iterable[tuple[str, str]]) -> list[str]:
    """Where the list and a run disagree, a line each.

    Args:
        found: The run's survivors.
        listed: The list's.
        ran: The keys of all mutants that were run; of others nothing is known.
    """
    here, there = Counter(each.key for each in found), Counter(each.key for each in listed)
    places = {each.key: each.line for each in (*listed, *found)}
    reached = set(ran)
    return [
        *(f"not listed: {key[0]}:{places[key]} {key[1]}" for key in sorted((here - there).keys())),
        *(f"no longer alive: {key[0]}:{places[key]} {key[1]}" for key in sorted((there - here).keys() & reached)),
        *(f"no reason: {each.path}:{each.line} {each.change}" for each in listed if each.reason == UNKNOWN),
    ]


def joined(found: Iterable[Survivor], listed: Iterable[Survivor], ran: Iterable[tuple[str, str]]) -> list[Survivor]:
    """The list brought up to date: new ones with an unknown reason, those without that were killed."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for each in listed:
        reasons.setdefault(each.key, []).append(each.reason)
    reached = set(ran)
    kept = [each for each in listed if each.key not in reached]
    for each in found:
        known = reasons.get(each.key, [])
        reason = known.pop(0) if len(known) > 1 else (known[0] if known else UNKNOWN)
        kept.append(Survivor(each.path, each.line, each.change, reason))
    return kept

"""``python -m trust.mutants [ROOM…]``: how many faults the tests notice."""

import argparse
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from trust.mutants.children import CRASHED, KILLED, SURVIVED, TIMED_OUT
from trust.mutants.measured import measure
from trust.mutants.mutations import Mutant, mutants_of
from trust.mutants.rooms import ROOT, Room, all_rooms
from trust.mutants.server import finish
from trust.mutants.survivors import LISTED, Survivor, faults, joined, read, text, unexplained
from trust.mutants.trial import NO_TESTS, Outcome, Trial, begin, deal, kept, trials_of

BAR = 90.0
_KILLS = (KILLED, TIMED_OUT, CRASHED)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the mutants of some rooms, prints what became of them, and says by its number whether all is as listed."""
    rooms = all_rooms()
    asked = _asked(arguments, list(rooms))
    ran: list[tuple[Trial, Outcome]] = []
    facts = {}
    for name in asked.rooms or rooms:
        mine = run_room(rooms[name], asked.runs, jobs=asked.jobs, sample=asked.sample, afresh=asked.afresh)
        facts[name] = counts(mine)
        print(f"{name}: {_line(facts[name])}", file=sys.stderr, flush=True)
        ran += mine
    found = [
        Survivor(trial.path, trial.mutant.first_line, trial.mutant.change)
        for trial, outcome in ran
        if outcome.outcome in (SURVIVED, NO_TESTS)
    ]
    keys = [(trial.path, trial.mutant.change) for trial, _ in ran]
    rules, listed = read()
    found = unexplained(found, rules)
    if asked.list:
        listed = joined(found, listed, keys)
        LISTED.write_text(_HEAD + text(rules, listed), encoding="utf-8")
    wrong = faults(found, listed, keys)
    print("\n".join(wrong), file=sys.stderr)
    if not asked.sample:
        write(facts, list(rooms))
    return 1 if wrong or any(share(each) < BAR for each in facts.values()) else 0


def run_room(
    room: Room, runs: Path, *, jobs: int = 1, sample: int | None = None, afresh: bool = False
) -> list[tuple[Trial, Outcome]]:
    """Runs the mutants of a room, but for those whose outcome is kept.

    Args:
        room: Its files and tests.
        runs: The folder of what is kept: measurements of tests, and a line per mutant.
        jobs: Processes side by side.
        sample: How many mutants a file, drawn at random with the file's name as the seed; none: all.
        afresh: Whether kept outcomes are run again.

    Returns:
        Each mutant with its outcome.
    """
    measured = measure(room, runs / "measured")
    results = runs / f"{room.name}.jsonl"
    if afresh:
        results.unlink(missing_ok=True)
    trials = [trial for path in room.sources for trial in trials_of(room, path, _drawn(path, room, sample), measured)]
    parts = deal(trials, jobs, kept(results, room.root, trials))
    missing = sum(len(part) for part in parts)
    print(f"{room.name}: {len(trials)} mutants, {missing} to run", file=sys.stderr, flush=True)
    finish([begin(room, part, measured, results) for part in parts])
    known = kept(results, room.root, trials)
    if len(known) < len({trial.key for trial in trials}):
        raise SystemExit(f"files of {room.name} or of its tests changed while mutants ran; run it again, it will go on")
    return [(trial, known[trial.key]) for trial in trials]


def counts(ran: Sequence[tuple[Trial, Outcome]]) -> dict[str, int]:
    """How many mutants there were and what became of them."""
    outcomes = Counter(outcome.outcome for _, outcome in ran)
    return {"mutants": len(ran), **{each: outcomes[each] for each in (*_KILLS, SURVIVED, NO_TESTS)}}


def share(counted: Mapping[str, int]) -> float:
    """The mutants that were noticed, in percent of all."""
    return 100.0 * sum(counted[each] for each in _KILLS) / max(1, counted["mutants"])


def _drawn(path: str, room: Room, sample: int | None) -> list[Mutant]:
    mutants = mutants_of((room.root / path).read_text(encoding="utf-8"))
    if sample is None or sample >= len(mutants):
        return mutants
    chosen = random.Random(path).sample(range(len(mutants)), sample)
    return [mutants[number] for number in sorted(chosen)]


def _line(counted: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counted.items()) + f": {share(counted):.1f} % noticed"


def write(facts: Mapping[str, Mapping[str, int]], rooms: Sequence[str], docs: Path = ROOT / "docs") -> None:
    """Records the counts of some rooms beside those that others had when they were run last; all take hours."""
    from trust.ledger import Figure, record  # which loads files that get faults

    before = json.loads((docs / "trust.json").read_text(encoding="utf-8")).get("mutants", {}).get("rooms", {})
    known = {**before, **facts}
    facts = {name: known[name] for name in rooms if name in known}
    total = {what: sum(each[what] for each in facts.values()) for what in next(iter(facts.values()))}
    named = {**facts, "all"[: 3 * (len(facts) > 1)]: total}
    figures = [
        Figure(f"mutants noticed, {name}", f"{share(each):.1f} % of {each['mutants']:,}", f"{BAR:g} %")
        for name, each in named.items()
        if name
    ]
    record("mutants", figures, "make mutants", docs=docs, rooms=facts)


_HEAD = """\
# Faults that no test notices, and why each may live. `make mutants` holds this list against what it finds.
# An entry: the file, the line and the change; indented, the reason. After a star, what in a change makes no difference.
"""


def _asked(arguments: Sequence[str] | None, rooms: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trust.mutants", description=__doc__)
    parser.add_argument("rooms", nargs="*", choices=[*rooms, []], metavar="ROOM", help=f"of {', '.join(rooms)}; all")
    parser.add_argument("--sample", type=int, help="that many mutants a file, the same each time; records nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "mutants", help="where outcomes are kept")
    parser.add_argument("--afresh", action="store_true", help="run again what is kept")
    parser.add_argument("--list", action="store_true", help="bring trust/survivors.txt up to date; new reasons are '?'")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

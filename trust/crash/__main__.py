"""Kills and disk faults over extract, merge, train and evaluate: what each leaves behind, resuming makes whole.

``python -m trust.crash`` (``make crash``) runs each command undisturbed, then again and again: killed at random times,
killed before every call that changes the disk, and with every such call failing (no space, an input/output error, half
a write). After each, the same command runs again, and must end with the same bytes as the undisturbed run.

A run is a fork of a process that has imported everything; nothing else differs from ``egoshift`` on a command line.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from trust.crash.faults import build, compiler
from trust.crash.forks import Forks
from trust.crash.power_cut import unsafe
from trust.crash.scenarios import TOWER, Scenario, scenarios, write_data
from trust.crash.trials import Trial, Verdict, judge, plan
from trust.ledger import Figure, record

KILLS = 500
SEED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all trials, or some, and says what was wrong; the exit code says whether anything was."""
    parser = argparse.ArgumentParser("python -m trust.crash", description="Kills and disk faults.")
    parser.add_argument("--only", type=_numbers, help="these trials alone, such as 12 or 100-199; records nothing")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--kills", type=int, default=KILLS, help="at least so many")
    asked = parser.parse_args(arguments)
    if compiler() is None:
        print("faults are injected by a small C library: Linux and a C compiler (cc) are needed", file=sys.stderr)
        return 2
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="egoshift-crash-") as folder:
        place = Path(folder)
        write_data(place)
        (place / "logs").mkdir()
        with Forks(build(place), place / "logs", place / TOWER) as forks:
            found = scenarios(place, forks)
            wrong = [f"{scenario.name}: {line}" for scenario in found for line in unsafe(scenario.calls)]
            trials = plan(found, asked.seed, asked.kills)
            chosen = trials if asked.only is None else [trials[number] for number in asked.only if number < len(trials)]
            verdicts = [_judged(trial, len(trials), forks) for trial in chosen]
    for line in wrong:
        print(f"a power cut could lose it: {line}", file=sys.stderr)
    failed = [verdict for verdict in verdicts if verdict.wrong]
    print(f"{len(verdicts) - len(failed)} of {len(verdicts)} trials survived, seed {asked.seed}", file=sys.stderr)
    if asked.only is None:
        _record(found, verdicts, len(wrong), (time.monotonic() - started_s) / 60, asked.seed)
    return int(bool(failed or wrong))


def _numbers(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _judged(trial: Trial, total: int, forks: Forks) -> Verdict:
    try:
        verdict = judge(trial, forks)
    except TimeoutError as error:
        verdict = Verdict(trial, True, str(error), 0)
    if verdict.wrong:
        print(f"{trial}: {verdict.wrong}", file=sys.stderr, flush=True)
    elif trial.number % 50 == 0:
        print(f"{trial.number} of {total}", file=sys.stderr, flush=True)
    return verdict


def _record(found: Sequence[Scenario], verdicts: Sequence[Verdict], power_cuts: int, minutes: float, seed: int) -> None:
    """Puts the figures into docs/trust.json and docs/trust.md."""
    met = [verdict for verdict in verdicts if verdict.met]
    kills = [verdict for verdict in met if verdict.trial.action == "kill"]
    faults = [verdict for verdict in met if verdict.trial.action != "kill"]
    syncs = sum(call.operation == "rename" for scenario in found for call in scenario.calls)
    figures = [
        Figure("kills survived", f"{_survived(kills)} of {len(kills)}", f"all of at least {KILLS}"),
        Figure("disk faults survived", f"{_survived(faults)} of {len(faults)}", "all"),
        Figure("finished videos encoded again", f"{sum(verdict.again for verdict in met)}", "0"),
        Figure("what a power cut could lose", f"{power_cuts} of {syncs} renamed files", "0"),
        Figure("time", f"{minutes:.0f} minutes"),
    ]
    kinds = Counter(f"{one.trial.scenario.name} {_kind(one.trial)}" for one in met)
    record("crash", figures, "make crash", seed=seed, by_kind=dict(sorted(kinds.items())))


def _survived(verdicts: Sequence[Verdict]) -> int:
    return sum(not verdict.wrong for verdict in verdicts)


def _kind(trial: Trial) -> str:
    if trial.action == "kill":
        return "kill at a call" if trial.at else "kill at a time"
    return {"full": "ENOSPC", "faulty": "EIO", "short": "short write, then ENOSPC"}[trial.action]


if __name__ == "__main__":
    sys.exit(main())

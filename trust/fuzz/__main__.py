"""``python -m trust.fuzz``: hands mutated inputs to every reader, and puts what came of them on the page of trust."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from trust.fuzz.crew import Tally, run_target
from trust.fuzz.found import FOUND
from trust.fuzz.targets import TARGETS
from trust.ledger import DOCS, Figure, record

EVERY_S = 0.5
"""So often progress is shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m trust.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all, or some of {', '.join(TARGETS)}")
    parser.add_argument("--seed", type=int, default=0, help="another draws other inputs")
    parser.add_argument("--inputs", type=int, help="so many of each target, and nothing is recorded")
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("--findings", type=Path, default=Path("runs/fuzz"), help="where found inputs are kept")
    parser.add_argument("--atheris", action="store_true", help="inputs found by coverage instead, by atheris")
    parser.add_argument("--minutes", type=float, default=5.0, help="for how long, with --atheris")
    asked = parser.parse_args(arguments)
    asked.findings = asked.findings.absolute()  # a reader works in a folder of its own
    names = asked.targets or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"unknown targets {', '.join(unknown)}; choose some of {', '.join(TARGETS)}")
    if asked.atheris:
        from trust.fuzz.guided import run_guided

        return max(run_guided(name, asked.minutes, asked.findings) for name in names)
    begun_s = time.monotonic()
    tallies = [_run(name, asked) for name in names]
    minutes = (time.monotonic() - begun_s) / 60
    found = sum(tally.num_findings for tally in tallies)
    if asked.inputs is None and not asked.targets:
        _record(tallies, minutes)
    return int(found > 0)


def _run(name: str, asked: argparse.Namespace) -> Tally:
    last = asked.first + (TARGETS[name].share if asked.inputs is None else asked.inputs)
    begun_s = time.monotonic()

    shown_s = begun_s

    def told(tally: Tally, *, last: bool = False) -> None:
        nonlocal shown_s
        if not last and (time.monotonic() < shown_s + EVERY_S or not sys.stderr.isatty()):
            return
        shown_s = time.monotonic()
        rate = tally.num_inputs / max(1e-9, time.monotonic() - begun_s)
        line = f"{name}: {tally.num_inputs:,} inputs, {tally.counts['refused']:,} refused, {rate:.0f}/s"
        found = f", {tally.num_findings} FOUND" if tally.num_findings else ""
        over = "\r" if sys.stderr.isatty() else ""
        print(f"{over}{line}{found}   ", end="", file=sys.stderr, flush=True)

    tally = run_target(name, asked.first, last, seed=asked.seed, findings=asked.findings, told=told)
    told(tally, last=True)
    print(file=sys.stderr)
    for kind, (number, words) in tally.findings.items():
        last_line = words.strip().splitlines()[-1][:300] if words.strip() else ""
        print(f"  {tally.counts[kind]} x {kind}, such as {name}-{number}: {last_line}", file=sys.stderr)
    return tally


def _record(tallies: Sequence[Tally], minutes: float, docs: Path = DOCS) -> None:
    total = sum(tally.num_inputs - tally.num_findings for tally in tallies)
    figures = [
        Figure("mutated inputs read, or refused in one line", f"{total:,}", "100,000"),
        Figure("tracebacks, hangs, deaths, memory above 2 GB", str(sum(t.num_findings for t in tallies)), "0"),
        Figure("readers under test", str(len(tallies))),
        Figure("inputs once found fault with, repeated in the tests", str(len(FOUND))),
        Figure("time", f"{minutes:.0f} minutes"),
    ]
    counts = {tally.name: dict(sorted(tally.counts.items())) for tally in tallies}
    record("fuzz", figures, "make fuzz", docs=docs, inputs=counts)


if __name__ == "__main__":
    sys.exit(main())

"""A process that reads changed inputs, told which by lines on its standard input.

A line is ``first last``; for each number between it writes ``+ number`` before and, as one line of JSON, what came of
it after. So whoever listens knows which input was being read when nothing comes any more.
"""

import json
import os
import resource
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from random import Random

from egoshift.isolation import Walls, isolated
from trust.fuzz.target import Bench, attempt
from trust.fuzz.targets import find_target

MOST_MEMORY = 2 << 30
"""Above what the process takes before the first changed input."""

MOST_SILENT_S = 10.0
"""For a child that reads, where there is one."""

PLAIN = ("read", "refused")


def limit_memory() -> None:
    """Lets the process take ``MOST_MEMORY`` bytes of addresses more than now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def work(name: str, seed: int, findings: Path, place: Path) -> None:
    """Reads inputs in a folder of its own until standard input ends."""
    warnings.simplefilter("ignore")
    target = find_target(name)
    # What readers and their libraries print would stand between our lines.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if "EGOSHIFT_FUZZ_LOUD" not in os.environ:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    bench = Bench(target, place)
    bench.read_whole()
    os.chdir(place)
    limit_memory()
    print("ready", file=answers)
    with isolated(Walls(silent_s=MOST_SILENT_S)) if target.apart else nullcontext():
        for line in sys.stdin:
            first, last = map(int, line.split())
            for number in range(first, last):
                print(f"+ {number}", file=answers)
                folder = bench.lay(Random(f"{seed} {name} {number}"))
                kind, words = attempt(target, folder)
                words = words.replace(str(place), "PLACE")
                if kind not in PLAIN:
                    facts = {"target": name, "seed": seed, "number": number, "kind": kind, "words": words}
                    bench.keep(findings / f"{target.name}-{number}", facts)
                print(json.dumps([number, kind, words if kind not in PLAIN else ""]), file=answers)


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))

"""``python -m trust.soak [--minutes 120]``: both processes under load; fails if what they hold grows."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event

import psutil

from egoshift.world import write_world
from egoshift.world.weights import clip_folder
from trust.ledger import DOCS, Figure, record
from trust.soak.picture import draw
from trust.soak.visitors import Visitor, total
from trust.soak.watch import Held, growth_per_hour, held

MOST_GROWTH = 0.02
"""Of the memory held, in an hour; handles, threads and temporary files are whole and may not grow by one."""

SECONDS_BETWEEN_LOOKS = 10.0
NUM_VISITORS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the load and says what grew; 1 if anything did."""
    parser = argparse.ArgumentParser(prog="python -m trust.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--out", type=Path, default=Path("runs/soak"))
    parser.add_argument("--docs", type=Path, default=DOCS, help="where trust.json and trust.md lie")
    given = parser.parse_args(arguments)
    out = given.out.absolute()
    world = _prepared(out)
    series, counts, rounds = soak(world, out, given.minutes)
    (out / "samples.json").write_text(json.dumps({name: [asdict(one) for one in of] for name, of in series.items()}))
    grown = growths(series)
    faults = [f"{name}: {what} grew by {value:.3g} an hour" for (name, what), value in grown.items() if value > 0]
    draw(series, given.docs / "trust-soak.png")
    requests = sum(number for what, number in counts.items() if what.isdigit())
    hours = series["page"][-1].minute / 60
    record(
        "soak",
        [
            Figure("hours of extract, train, evaluate, predict and page under load", f"{hours:.2f}", "2"),
            Figure("rounds of extract, train, evaluate, predict in one process", f"{rounds}"),
            Figure("requests to the page", f"{requests:,}"),
            *(
                Figure(
                    f"memory of the {name} process: growth an hour",
                    f"{_memory_growth(of):+.1%}",
                    f"< {MOST_GROWTH:.0%}",
                )
                for name, of in series.items()
            ),
            Figure("growing counts of handles, threads and temporary files", f"{_growing_counts(grown)}", "0"),
        ],
        "make soak",
        docs=given.docs,
        answers=counts,
        memory_MiB={name: {"first": of[len(of) // 4].MiB, "last": of[-1].MiB} for name, of in series.items()},
    )
    print("\n".join(faults) or "nothing grew")
    return 1 if faults else 0


def soak(world: Path, out: Path, minutes: float) -> tuple[dict[str, list[Held]], dict[str, int], int]:
    """Load on both for so long, and until each has done its work once: what was held, the page's answers, rounds."""
    until = time.monotonic() + 60 * minutes
    began = time.monotonic()
    series: dict[str, list[Held]] = {"work": [], "page": []}
    stop, rounds = Event(), 0
    with ExitStack() as ending:
        work = ending.enter_context(_started("work", out, "-m", "trust.soak.work", str(world), str(out / "round")))
        model = out / "model"
        page = ending.enter_context(
            _started("page", out, "-m", "egoshift", "app", "--model", str(model), "--max-mb", "5")
        )
        assert page.stdout is not None
        assert work.stdout is not None
        assert work.stdin is not None
        address = page.stdout.readline().strip()
        video = sorted((world / "home").rglob("*.mp4"), key=lambda path: path.stat().st_size)[0]
        visitors = [Visitor(address, video, seed, stop) for seed in range(NUM_VISITORS)]
        for visitor in visitors:
            visitor.start()
        ending.callback(stop.set)
        os.set_blocking(work.stdout.fileno(), False)
        while time.monotonic() < until or not rounds or not total(visitors).get("visits"):
            time.sleep(SECONDS_BETWEEN_LOOKS)
            minute = (time.monotonic() - began) / 60
            if work.stdout.readline():  # a round has ended, and the process waits: each look is at the same place
                rounds += 1
                series["work"].append(held(psutil.Process(work.pid), minute, out / "tmp-work"))
                work.stdin.write("\n")
                work.stdin.flush()
            series["page"].append(held(psutil.Process(page.pid), minute, out / "tmp-page"))
            failed = [visitor.failure for visitor in visitors if visitor.failure is not None]
            if failed or work.poll() is not None or page.poll() is not None:
                raise SystemExit(f"the load ended early: {failed or 'a process ended; see work.log and page.log'}")
            print(f"\r{minute:.0f} of {minutes:g} min, {rounds} rounds, {_told(series)}", end="", file=sys.stderr)
        stop.set()
        for visitor in visitors:
            visitor.join(300)
    print(file=sys.stderr)
    return series, total(visitors), rounds


def growths(series: Mapping[str, Sequence[Held]]) -> dict[tuple[str, str], float]:
    """What grew, by process and kind: an hour's growth, or 0 where it is within the bar."""
    found = {}
    for name, of in series.items():
        memory = _memory_growth(of)
        found[name, "memory"] = memory if memory >= MOST_GROWTH else 0.0
        for what in ("handles", "threads", "files"):
            slope = growth_per_hour([one.minute for one in of], [getattr(one, what) for one in of])
            found[name, what] = slope if slope >= 1 else 0.0
    return found


def _memory_growth(of: Sequence[Held]) -> float:
    slope = growth_per_hour([one.minute for one in of], [one.MiB for one in of])
    return slope / of[-1].MiB


def _growing_counts(grown: Mapping[tuple[str, str], float]) -> int:
    return sum(value > 0 for (_, what), value in grown.items() if what != "memory")


def _told(series: Mapping[str, Sequence[Held]]) -> str:
    return ", ".join(f"{name} {of[-1].MiB:.0f} MiB {of[-1].handles} handles" for name, of in series.items() if of)


def _prepared(out: Path) -> Path:
    """A small world, and a model for the page."""
    world = out / "world"
    if not (out / "model").is_dir():
        write_world(world, scale=0.1, sets=("kitchen", "home"), sensors=False)
        card, encoder = world / "kitchen.yaml", str(clip_folder())
        for words in (
            ("extract", str(card), "--encoder", encoder),
            (
                "train",
                "xmic",
                "--on",
                str(card),
                "--encoder",
                encoder,
                "--set",
                "fit.epochs=2",
                "--out",
                str(out / "model"),
            ),
        ):
            subprocess.run([sys.executable, "-m", "egoshift", *words], check=True, stdout=subprocess.DEVNULL)
    return world


@contextmanager
def _started(name: str, out: Path, *words: str) -> "Iterator[subprocess.Popen[str]]":
    """A process with a folder of its own for temporary files and a file for its complaints; it ends with this."""
    temporary = out / f"tmp-{name}"
    temporary.mkdir(parents=True, exist_ok=True)
    with (
        (out / f"{name}.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"},
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())

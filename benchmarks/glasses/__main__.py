"""``python -m benchmarks.glasses ARCHIVE`` trains, scores and writes what docs/glasses.md shows.

Interrupted, the same command goes on where it was; what is trained lies in ``--out``, the numbers in ``--json``.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

import torch

from benchmarks.glasses.folds import Plan
from benchmarks.glasses.page import tables, write_page
from benchmarks.glasses.signals import signals
from benchmarks.glasses.work import run_all
from egoshift.errors import EgoshiftError

DOCS = Path(__file__).parents[2] / "docs"


def main() -> int:
    """Trains, scores and writes; 1 where what was given cannot be used."""
    parser = ArgumentParser(prog="python -m benchmarks.glasses", description=__doc__)
    parser.add_argument("archive", type=Path, help="classyglass_1ab.npz")
    parser.add_argument("--out", type=Path, default=Path("runs/glasses"), help="where trainings are kept")
    parser.add_argument("--page", type=Path, default=DOCS / "glasses.md", help="gets the tables; .json, .png beside it")
    parser.add_argument("--folds", type=int, default=Plan("").folds)
    parser.add_argument("--seed", type=int, default=Plan("").seed)
    parser.add_argument("--encoder-epochs", type=int, default=Plan("").encoder_epochs)
    parser.add_argument("--fusion-epochs", type=int, default=Plan("").fusion_epochs)
    given = parser.parse_args()
    torch.set_num_threads(1)
    archive = str(given.archive.resolve())
    plan = Plan(archive, given.folds, given.seed, given.encoder_epochs, given.fusion_epochs)
    try:
        result = run_all(plan, given.out.resolve(), lambda line: print(line, file=sys.stderr, flush=True))
    except EgoshiftError as error:
        print(error, file=sys.stderr)
        return 1
    result["signals"] = signals(given.archive)
    write_page(result, given.page)
    print(tables(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

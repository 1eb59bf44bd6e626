"""One process that does the whole job over and over by the command line's own verbs; what a round made is removed."""

import contextlib
import shutil
import sys
from pathlib import Path

from egoshift.cli.main import application
from egoshift.world.weights import clip_folder

QUICK = ("--set", "fit.epochs=2", "--set", "fit.warmup_epochs=0")


def one_round(world: Path, out: Path) -> None:
    """Extracts, trains, evaluates and predicts anew."""
    encoder = ("--encoder", str(clip_folder()))
    kitchen, home = world / "kitchen.yaml", world / "home.yaml"
    for left in (world / "features", out):
        shutil.rmtree(left, ignore_errors=True)
    for card in (kitchen, home):
        _run("extract", str(card), *encoder)
    run = str(out / "run")
    _run("train", "xmic", "--on", str(kitchen), "--test", str(home), *encoder, *QUICK, "--out", run)
    _run("evaluate", run)
    video = sorted((world / "home").rglob("*.mp4"))[0]
    _run("predict", str(video), "--model", run, "--out", str(out), "--cache", str(out / "cache"), "--format", "srt")
    shutil.rmtree(out)


def _run(*words: str) -> None:
    application()(list(words), standalone_mode=False)


def main(world: Path, out: Path) -> None:
    """Works until standard input ends; after each round a line goes to standard output."""
    told = sys.stdout
    number = 0
    while True:
        number += 1
        with (
            (out.parent / "round.log").open("w") as log,
            contextlib.redirect_stdout(log),
            contextlib.redirect_stderr(log),
        ):
            one_round(world, out)
        print(number, file=told, flush=True)
        if not sys.stdin.readline():
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

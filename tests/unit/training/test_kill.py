"""Training is killed by SIGKILL, and goes on from its last saved point with the same losses to the same weights.

The killed processes are forks of one that has imported everything (this file as a program). Each writes a line a step:
epoch, step, and the loss to the last bit.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from egoshift.training import FitProgress, FitSettings, epochs, fit
from egoshift.training.resume import save_resume_point
from tests.unit.evaluation.toy import toy, toy_clips, toy_text
from tests.unit.training.test_objectives import OBJECTIVES, TEXT, clips, fusion
from tests.unit.training.test_shards import InShards

ROOT = Path(__file__).parents[3]
SETTINGS = FitSettings(epochs=3, batch_size=16, num_frames=3, lr=0.02, precision="32-true", warmup_epochs=1)
KINDS = ("dropout", "episodes", "shards")
KILLS = (1, 2, 3)
"""After so many steps of its own each attempt is killed; a fourth runs to the end."""


def train(kind: str, folder: Path, killed_at: int) -> None:
    """Trains with frames drawn at random, saving after every second step; or is killed after some step."""
    saves, steps = itertools.count(), itertools.count(1)
    change = pytest.MonkeyPatch()  # undone by the end of the process
    change.setattr(epochs, "SECONDS_BETWEEN_SAVES", -1.0)
    change.setattr(epochs, "save_resume_point", lambda *given: save_resume_point(*given) if next(saves) % 2 else None)
    log = open(folder.parent / f"{kind}.log", "w")

    def progress(at: FitProgress) -> None:
        log.write(f"{at.epoch} {at.step} {at.loss.hex()}\n")
        log.flush()
        if next(steps) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    options: dict[str, Any] = {"settings": SETTINGS, "checkpoint": folder, "resume": True, "progress": progress}
    if kind == "episodes":
        fit(fusion(train_temperature=True), clips(), TEXT, objective=OBJECTIVES["all"], **options)
        return
    source = InShards() if kind == "shards" else toy_clips()
    fit(toy(0.3), source, toy_text("noun"), validation=toy_clips(25, seed=8), **options)


def attempt(kind: str, folder: Path, killed_at: int = 0) -> tuple[int, list[str]]:
    """Trains in a fork; how it ended, and its steps."""
    child = os.fork()
    if child == 0:
        train(kind, folder, killed_at)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, (folder.parent / f"{kind}.log").read_text().splitlines()


def main(place: Path) -> None:
    """Trains each kind undisturbed, and with kills, and prints all steps."""
    found = {}
    for kind in KINDS:
        whole = attempt(kind, place / f"{kind}-whole")
        found[kind] = [whole, *(attempt(kind, place / f"{kind}-killed", killed_at) for killed_at in (*KILLS, 0))]
    print(json.dumps(found))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("kills")
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.training.test_kill", str(place)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (place / "steps.json").write_text(done.stdout)
    return place


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_training_repeats_what_was_not_saved_and_goes_on_to_the_same_bits(kind: str, place: Path) -> None:
    (code, whole), *attempts = json.loads((place / "steps.json").read_text())[kind]
    assert code == 0
    assert len(whole) == len(set(whole)) >= sum(KILLS)
    assert [code for code, _ in attempts] == [-signal.SIGKILL] * len(KILLS) + [0]
    seen: list[str] = []
    for _, steps in attempts:
        begun = whole.index(steps[0])
        assert 0 <= len(seen) - begun <= 2, "more was lost than what came after the last point"
        assert steps[: len(seen) - begun] == seen[begun:][: len(steps)], "what is repeated is the same"
        seen = seen[:begun] + steps
    assert seen == whole
    for name in ("model.safetensors", "text.safetensors"):
        assert (place / f"{kind}-killed" / name).read_bytes() == (place / f"{kind}-whole" / name).read_bytes()
    assert sorted(os.listdir(place / f"{kind}-killed")) == sorted(os.listdir(place / f"{kind}-whole"))
    reports = [json.loads((place / f"{kind}-{how}" / "config.json").read_text())["fit"] for how in ("killed", "whole")]
    for report in reports:
        report["resumed_at"] = report["seconds"] = 0
        report["history"] = [row | {"seconds": 0} for row in report["history"]]
    assert reports[0] == reports[1]


if __name__ == "__main__":
    main(Path(sys.argv[1]))

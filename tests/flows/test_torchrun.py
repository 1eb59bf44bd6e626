"""Training and evaluation by torchrun: two processes do what one does, the first speaks, and none waits in vain."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from torch import distributed

from egoshift.training import FitReport, read_config
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.trained_runs import command, settings, write_segments

ROOT = Path(__file__).parents[2]
FIELDS = (
    *("fit.epochs=2", "fit.num_frames=3", "fit.batch_size=5", "fit.eval_batch_size=4", "fit.lr=0.01"),
    *("fit.precision=32-true", "fit.warmup_epochs=0", "held_out=0.3", "labels=[noun,verb]", "together=true"),
)

pytestmark = [
    pytest.mark.skipif(not distributed.is_available(), reason="this PyTorch has no torch.distributed"),
    pytest.mark.timeout(150),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos, their features, and a run that one process has trained and evaluated."""
    folder = tmp_path_factory.mktemp("torchrun")
    write_segments(folder / "kitchen")
    write_clip(folder / "clip")
    command("extract", folder / "kitchen", "--encoder", folder / "clip")
    command("train", *training(folder), "--out", folder / "one")
    command("evaluate", folder / "one")
    return folder


def training(place: Path) -> list[str]:
    return ["xmic_full", "--on", f"{place / 'kitchen'}", "--encoder", f"{place / 'clip'}", *settings(*FIELDS)]


def in_two(*arguments: object, module: str = "egoshift") -> subprocess.CompletedProcess[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", module]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [*launch, *map(str, arguments)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


def fitted(run: Path) -> FitReport:
    report = read_config(run / "models" / "noun+verb").fit
    assert report is not None
    return report


def results(run: Path) -> dict[str, list[str]]:
    """What result files say, but for who wrote them and when, and for the checksum of that."""
    found = {}
    for path in (run / "results").iterdir():
        lines = path.read_text().splitlines()
        found[path.name] = [line.partition('"command"')[0] for line in lines if not line.startswith('"checksum"')]
    return found


def files(run: Path) -> Sequence[str]:
    return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())


def test_two_processes_train_to_what_one_does_and_the_first_alone_speaks(place: Path) -> None:
    done = in_two("train", *training(place), "--out", place / "two", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (said,) = json.loads(done.stdout).values()  # one document, so one process
    assert said["processes"] == 2
    ours, theirs = fitted(place / "one"), fitted(place / "two")
    assert ours.processes == 1
    assert [row.loss for row in theirs.history] == pytest.approx([row.loss for row in ours.history], rel=1e-4)
    assert [row.validation for row in theirs.history] == [row.validation for row in ours.history]
    assert theirs.epoch == ours.epoch
    assert ours.history[0].loss != pytest.approx(ours.history[1].loss, rel=1e-3), "nothing was learned"
    command("evaluate", place / "two")
    assert files(place / "two") == files(place / "one")


def test_two_processes_evaluate_to_the_same_files(place: Path) -> None:
    shutil.copytree(place / "one", place / "shared")
    shutil.rmtree(place / "shared" / "results")
    done = in_two("evaluate", place / "shared")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("noun on kitchen") == done.stdout.count("next:") == 1
    expected = {
        name: [line.replace(f"{place / 'one'}", f"{place / 'shared'}") for line in lines]
        for name, lines in results(place / "one").items()
    }
    assert len(expected) == 1
    assert results(place / "shared") == expected


def test_an_error_of_the_second_process_is_seen_and_ends_both(place: Path, tmp_path: Path) -> None:
    done = in_two("train", *training(place), "--out", tmp_path / "run", module="tests.flows.failing_process")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("the second process cannot read on\n") == 1
    assert "another process of this job has ended" in done.stderr
    assert "RuntimeError" not in done.stderr
    assert not list((tmp_path / "run").rglob("config.json"))


def test_verbs_that_do_not_share_their_work_are_refused(place: Path) -> None:
    environment = os.environ | {"WORLD_SIZE": "2", "RANK": "0", "PYTHONPATH": str(ROOT / "src")}
    extract = [sys.executable, "-m", "egoshift", "extract", str(place / "kitchen"), "--encoder", str(place / "clip")]
    done = subprocess.run(extract, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("2 processes were started, which only train and evaluate share; start one")
    assert done.stderr.count("\n") == 1

"""The same seed on the same machine gives the same files, whatever the folder and the seed of Python's hashes.

But for time stamps and how long things took. Threads divide sums otherwise, so between one and two of them weights
differ in their last digits: ``LOSS`` is the bound for the loss of an epoch, and predictions must be the same here.
What two processes give is bounded in ``test_torchrun.py``.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.checkpoints import write_clip
from tests.fixtures.trained_runs import settings, write_segments

ROOT = Path(__file__).parents[2]
LOSS = 1e-4
"""Of an epoch, between one and two threads."""

FIELDS = (
    *("fit.epochs=3", "fit.num_frames=3", "fit.batch_size=5", "fit.lr=0.01", "fit.precision=32-true"),
    *("fit.warmup_epochs=0", "held_out=0.3", "labels=[noun,verb]"),
)
COMMANDS = (
    ["extract", "kitchen", "--encoder", "clip"],
    ["train", "xmic_full", "--on", "kitchen", "--encoder", "clip", *settings(*FIELDS), "--out", "run"],
    ["evaluate", "run"],
)
PROGRAM = """
import json, sys
from egoshift.cli import main
for command in json.loads(sys.argv[1]):
    sys.argv = ["egoshift", *command]
    try:
        main.run()
    except SystemExit as left:
        assert not left.code, command
"""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos with segments, and a tower. Not to be changed."""
    place = tmp_path_factory.mktemp("made")
    write_segments(place / "kitchen")
    write_clip(place / "clip")
    return place


def worked(place: Path, *, hash_seed: int, threads: int = 1, commands: Sequence[Sequence[str]] = COMMANDS) -> Path:
    """The commands in a process of its own."""
    environment = os.environ | {
        "PYTHONHASHSEED": str(hash_seed),
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",
        "PYTHONPATH": str(ROOT / "src"),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return place


def timeless(value: Any) -> Any:
    """A JSON document without what a clock says, and without its checksum, which is of that too."""
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in ("seconds", "created", "checksum")}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def documents(place: Path) -> dict[str, Any]:
    """Every JSON file of the run and of its features, in places' own names."""
    return {
        str(path.relative_to(place)): timeless(json.loads(path.read_text().replace(str(place), "PLACE")))
        for path in sorted(place.rglob("*.json"))
        if "clip" not in path.relative_to(place).parts[:1]
    }


def arrays(place: Path) -> dict[str, bytes]:
    found = [path for kind in ("run/**/*.safetensors", "kitchen/**/*.npy") for path in sorted(place.glob(kind))]
    return {str(path.relative_to(place)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def first(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("first")
    return worked(Path(shutil.copytree(made, place, dirs_exist_ok=True)), hash_seed=1)


def test_the_same_commands_elsewhere_and_with_other_hashes_write_the_same(
    made: Path, first: Path, tmp_path: Path
) -> None:
    second = worked(Path(shutil.copytree(made, tmp_path / "quite/another place")), hash_seed=2)
    ours, theirs = documents(first), documents(second)
    assert sorted(path.rpartition("/")[2] for path in ours) == [
        *["config.json"] * 2,
        "manifest.json",
        *[f"xmic_full-{label}--kitchen-to-kitchen.json" for label in ("noun", "verb")],
    ]
    assert theirs == ours
    assert len(arrays(first)) == 6
    assert arrays(second) == arrays(first)


def test_two_threads_train_to_the_same_answers_and_to_losses_within_the_bound(
    made: Path, first: Path, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(made, tmp_path / "two"))
    shutil.copytree(first / "kitchen/features", place / "kitchen/features")
    found = documents(worked(place, hash_seed=1, threads=2, commands=COMMANDS[1:]))
    for name, ours in documents(first).items():
        theirs = found[name]
        if "/results/" in name:
            assert [row["loss"] for row in theirs["history"]] == pytest.approx(
                [row["loss"] for row in ours["history"]], rel=0, abs=LOSS
            )
            assert theirs["outcomes"] == ours["outcomes"]
            assert theirs["rows"] == ours["rows"]

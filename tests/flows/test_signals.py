"""Ctrl-C and SIGTERM, sent to real processes: what is being done is finished or kept, and the same command goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from torch import distributed

from tests.fixtures.checkpoints import write_clip
from tests.fixtures.trained_runs import command, settings, write_segments

ROOT = Path(__file__).parents[2]
KEPT = "interrupted; what was finished is kept, and the same command "
EPOCHS = 60
FIELDS = (
    *(f"fit.epochs={EPOCHS}", "fit.num_frames=4", "fit.batch_size=4", "fit.precision=32-true", "labels=[noun]"),
    *("fit.warmup_epochs=0", "held_out=0.3", "fit.schedule=constant"),
)
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals")
    write_segments(folder / "kitchen")
    write_clip(folder / "clip")
    command("extract", folder / "kitchen", "--encoder", folder / "clip")
    command(*training(folder), "--out", folder / "whole")
    return folder


def training(place: Path) -> list[str]:
    data = ["--on", f"{place / 'kitchen'}", "--encoder", f"{place / 'clip'}"]
    return ["train", "xmic_full", *data, *settings(*FIELDS)]


def interrupted(
    arguments: Sequence[object],
    sent: signal.Signals,
    begun: Callable[[], object],
    *,
    launcher: Sequence[str] = (),
    background: bool = False,
) -> tuple[int, str]:
    """Starts a command, sends it a signal once it has begun, and gives its exit code and what it said.

    In the background ctrl-C is ignored, as shells have it.
    """
    process = subprocess.Popen(
        [sys.executable, *launcher, "-m", "egoshift", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_IGN if background else signal.SIG_DFL),
    )
    try:
        while not begun():
            assert process.poll() is None, "it ended before it was interrupted"
            time.sleep(0.01)
        process.send_signal(sent)
        _, said = process.communicate(timeout=100)
    finally:
        process.kill()
    return process.returncode, said


def losses(run: Path) -> list[tuple[float, float | None]]:
    report = json.loads((run / "models" / "noun" / "config.json").read_text())["fit"]
    return [(row["loss"], row["validation"].get("noun")) for row in report["history"]]


def header(point: Path) -> dict[str, Any]:
    with safe_open(point, "pt") as file:
        state: dict[str, Any] = json.loads(file.metadata()["state"])
    return state


def assert_goes_on(place: Path, run: Path) -> None:
    """The same command with --resume gives the model, and the history, of an undisturbed training."""
    command(*training(place), "--out", run, "--resume")
    assert losses(run) == losses(place / "whole")
    for name in ("model.safetensors", "text.safetensors"):
        path = Path("models", "noun", name)
        assert (run / path).read_bytes() == (place / "whole" / path).read_bytes()
    assert sorted(path.name for path in (run / "models" / "noun").iterdir()) == [
        *("config.json", "model.safetensors", "text.safetensors")
    ]


@pytest.mark.parametrize(
    ("sent", "background"), [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGTERM, True)]
)
def test_an_interrupted_training_is_saved_at_its_step_and_goes_on_to_the_same_model(
    place: Path, tmp_path: Path, sent: signal.Signals, background: bool
) -> None:
    run = tmp_path / "run"
    point = run / "models" / "noun" / "resume.safetensors"
    code, said = interrupted([*training(place), "--out", run], sent, point.exists, background=background)
    assert (code, said) == (CODES[sent], f"{KEPT}goes on from there with --resume\n")
    assert [path.name for path in point.parent.iterdir()] == [point.name]
    state = header(point)
    assert len(state["losses"]) == state["step"]
    assert state["epoch"] == len(state["history"]) < EPOCHS
    assert_goes_on(place, run)


@pytest.mark.skipif(not distributed.is_available(), reason="this PyTorch has no torch.distributed")
def test_two_processes_that_are_terminated_stop_at_the_same_step_and_save_it(place: Path, tmp_path: Path) -> None:
    """What one process would save cannot be compared: two sum in another order; but resuming repeats nothing."""
    run = tmp_path / "run"
    point = run / "models" / "noun" / "resume.safetensors"
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    code, said = interrupted([*training(place), "--out", run], signal.SIGTERM, point.exists, launcher=launcher)
    assert code != 0
    assert said.count(KEPT) == 1, said
    state = header(point)
    assert state["job"]["processes"] == 2
    assert len(state["losses"]) == state["step"] > 0, "saved within an epoch, not at its end"


def test_an_interrupted_extraction_keeps_what_is_done(place: Path, tmp_path: Path) -> None:
    data = tmp_path / "kitchen"
    shutil.copytree(place / "kitchen", data, ignore=shutil.ignore_patterns("features"))
    for number in range(100):  # enough videos for the signal to come in the middle
        shutil.copy(data / "v0.mp4", data / f"w{number}.mp4")
    rows = [f"w{number}.mp4,0,1,cut,cup,train" for number in range(100)]
    (data / "segments.csv").write_text("\n".join(["video,start,stop,verb,noun,split", *rows]) + "\n")
    arguments = ["extract", data, "--encoder", place / "clip"]
    store = data / "features" / "clip"
    code, said = interrupted(arguments, signal.SIGTERM, lambda: any((store / "unfinished").glob("*.safetensors")))
    assert (code, said) == (143, f"{KEPT}uses it again where it can\n")
    finished = len(list((store / "unfinished").glob("*.safetensors")))
    assert 0 < finished < 100
    (report,) = json.loads(command(*arguments, "--json"))
    assert (report["videos_kept"], report["videos_encoded"]) == (finished, 100 - finished)
    assert not list(store.rglob("*.tmp"))


def test_a_terminated_world_leaves_no_process_behind_and_is_written_by_the_same_command(tmp_path: Path) -> None:
    world = tmp_path / "world"
    code, said = interrupted(
        ["world", "make", world, "--scale", "0.5", "--sets", "kitchen"],
        signal.SIGTERM,
        lambda: any(world.rglob("*.MP4")),
    )
    assert (code, said) == (143, f"{KEPT}uses it again where it can\n")
    sizes = {path: path.stat().st_size for path in world.rglob("*.MP4")}
    time.sleep(0.5)
    assert {path: path.stat().st_size for path in world.rglob("*.MP4")} == sizes, "somebody is still filming"


def test_interrupted_predictions_are_whole_and_the_same_command_makes_the_rest(place: Path, tmp_path: Path) -> None:
    videos = [shutil.copy(place / "kitchen" / "v0.mp4", tmp_path / f"w{number:02}.mp4") for number in range(30)]
    run, out = place / "whole", tmp_path / "out"
    arguments = ["predict", *videos, "--model", run, "--format", "csv", "--cache", tmp_path / "cache", "--out"]
    command(*arguments, tmp_path / "undisturbed")
    shutil.rmtree(tmp_path / "cache")
    code, said = interrupted([*arguments, out], signal.SIGTERM, lambda: any(out.rglob("*.csv")))
    assert code == 143
    assert said.endswith(f"{KEPT}uses it again where it can\n")
    begun = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    whole = {path.name: path.read_bytes() for path in (tmp_path / "undisturbed").rglob("*.csv")}
    assert 0 < len(begun) < len(whole) == 30
    assert begun.items() <= whole.items(), "nothing is cut short, and nothing lies there but what is asked for"
    command(*arguments, out)
    assert {path.name: path.read_bytes() for path in out.rglob("*.csv")} == whole

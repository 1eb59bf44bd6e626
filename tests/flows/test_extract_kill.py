"""Extraction is killed at random moments, and the store ends with the same bytes.

The killed processes are forks of one that has imported everything (this file as a script), so that a kill costs no
start. They run a real tower, whose products of matrices would show it if features depended on their batch.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from egoshift.encoders import AbstractImageEncoder, load_image_encoder
from egoshift.features import ExtractProgress, extract
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.videos import write_video
from tests.unit.features.examples import LeftHalf, example_dataset

NUM_VIDEOS, NUM_KILLS = 24, 10
ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(280)
def test_a_killed_extraction_ends_in_the_same_bytes_and_redoes_nothing(tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    for number in range(NUM_VIDEOS):
        write_video(videos / f"v{number:02}.mp4", 16 + 3 * (number % 5), 8)
    write_clip(tmp_path / "clip")
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.test_extract_kill", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)

    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert set(contents(tmp_path / "whole")) == {
        *("manifest.json", "times.npy", "full.npy", "hand.npy", "hand_boxes.npy", "hand_origins.npy")
    }
    assert seen["kills"] >= 8, "the extraction was over before it was killed often enough"
    assert seen["parts"] == sorted(seen["parts"]), "a finished video was lost"
    assert seen["parts"][-1] > 0, "no video was finished before a kill: nothing was resumed"
    assert seen["rewritten"] == 0, "a finished video was encoded again"
    assert seen["kept"] == seen["parts"][-1]
    assert seen["kept"] + seen["encoded"] == NUM_VIDEOS


def contents(store: Path) -> dict[str, bytes]:
    return {str(file.relative_to(store)): file.read_bytes() for file in sorted(store.rglob("*")) if file.is_file()}


def run_extraction(
    encoder: AbstractImageEncoder, folder: Path, out: Path, started: Path | None = None
) -> dict[str, int]:
    """One extraction as a user would run it, slowed so that a kill meets it in the middle."""
    torch.set_num_threads(2)
    paths = {path.stem: path for path in sorted((folder / "videos").iterdir())}
    dataset = example_dataset(paths, [(name, start, start + 1.0) for name in paths for start in (0.0, 0.6, 1.0)])

    def slow_down(state: ExtractProgress) -> None:
        if started is not None:
            started.touch()
            time.sleep(0.004)

    report = extract(
        dataset,
        encoder,
        out,
        views=("full", "hand"),
        locator=LeftHalf(first_s=0.8),
        batch_size=8,
        progress=slow_down,
    )
    assert not report.faults, report.faults
    return {"kept": report.videos_kept, "encoded": report.videos_encoded}


def finished_parts(out: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of writing of each finished video that waits for the merge."""
    parts = (out / "unfinished").glob("*.safetensors")
    return {part.name: (part.stat().st_ino, part.stat().st_mtime_ns) for part in parts}


def kill_one(encoder: AbstractImageEncoder, folder: Path, out: Path, wait_s: float) -> bool:
    """Runs an extraction in a fork and kills it some time after it began to encode; whether it was still running."""
    started = folder / "started"
    started.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        run_extraction(encoder, folder, out, started)
        os._exit(0)
    while not started.exists() and os.waitpid(child, os.WNOHANG) == (0, 0):
        time.sleep(0.002)
    time.sleep(wait_s)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(folder: Path) -> None:
    """Kills, resumes, finishes, and prints what was seen."""
    encoder = load_image_encoder(str(folder / "clip"), precision="float32")
    generator = random.Random(2)
    out = folder / "killed"
    num_parts, rewritten, before = [], 0, finished_parts(out)
    for kill in range(NUM_KILLS):
        patience = 1 if before else 1 + kill  # on a busy machine the first video takes longer
        wait_s = patience * generator.uniform(0.0, 0.12)
        assert kill_one(encoder, folder, out, wait_s), "the extraction ended before it was killed"
        parts = finished_parts(out)
        rewritten += sum(parts.get(name) != stamp for name, stamp in before.items())
        num_parts.append(len(parts))
        before = parts
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, json.dumps(run_extraction(encoder, folder, out)).encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    report = json.loads(os.read(reader, 1000))
    shutil.rmtree(folder / "whole", ignore_errors=True)
    run_extraction(encoder, folder, folder / "whole")
    print(json.dumps(report | {"kills": len(num_parts), "parts": num_parts, "rewritten": rewritten}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

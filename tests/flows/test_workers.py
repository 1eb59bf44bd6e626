"""Extraction on a real Ray cluster of two machines, of which one is lost midway; and on this machine's own.

The store is compared, byte for byte, with the one that a single process makes.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from egoshift.datasets import DataCard
from egoshift.encoders import AbstractImageEncoder, load_image_encoder
from egoshift.errors import ConfigError
from egoshift.features import ExtractProgress, FramePlan, View, Workers, crew, extract, extract_sensor
from egoshift.media.palm import PalmLocator
from egoshift.recipes import fill_store
from egoshift.records import Dataset
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.videos import write_video
from tests.unit.features.examples import LeftHalf, contents, example_dataset
from tests.unit.features.sensing import IMU, write_ramp
from tests.unit.features.sensing import dataset as sensed
from tests.unit.features.sensing import tower as sensor_tower

NUM_VIDEOS = 24
ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed; pip install 'egoshift[ray]'"),
    pytest.mark.timeout(280),
]


class Trouble(AbstractImageEncoder):
    """A real tower in a process that has an accident: the first to come here, or whoever sees a white picture.

    Args:
        tower: What encodes.
        folder: Where processes leave their numbers.
        accidents: ``kill`` and ``hang`` happen to the first processes, amid a video; ``white`` to each that sees white.
        together: How many processes must have come before any goes on.
    """

    def __init__(self, tower: AbstractImageEncoder, folder: Path, *accidents: str, together: int = 1):
        self.card, self.tower, self.folder = tower.card, tower, folder
        self.accidents, self.together = accidents, together
        self.calls, self.doomed_to = 0, ""

    def encode(self, images: Tensor) -> Tensor:
        self.calls += 1
        (self.folder / str(os.getpid())).touch()
        while len(list(self.folder.iterdir())) < self.together:
            time.sleep(0.05)
        if "white" in self.accidents and any(picture.float().mean() > 250 for picture in images):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.doomed_to:
            time.sleep(600 if self.doomed_to == "hang" else 0.3)
            os.kill(os.getpid(), signal.SIGKILL)
        for accident in self.accidents:
            if accident != "white" and self.calls > 1 and not self.doomed_to and self.first_to(accident):
                self.doomed_to = accident
                time.sleep(1.2)  # so that what is encoded of the video so far is told of, and would count twice
        time.sleep(0.03)
        return self.tower.encode(images)

    def first_to(self, accident: str) -> bool:
        try:
            (self.folder / accident).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two machines of one core each, as far as Ray can tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT / "src"), str(ROOT))))
        from ray.cluster_utils import Cluster

        machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        machines.add_node(num_cpus=1)
        yield machines
        machines.shutdown()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos, a tower, and the store that one process makes of them."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "videos").mkdir()
    for number in range(NUM_VIDEOS):
        write_video(folder / "videos" / f"v{number:02}.mp4", 16 + 3 * (number % 5), 8)
    write_clip(folder / "clip")
    run(folder, folder / "whole", tower(folder))
    return folder


def tower(place: Path) -> AbstractImageEncoder:
    return load_image_encoder(str(place / "clip"), precision="float32")


def dataset(place: Path, *more: Path) -> Dataset:
    paths = {path.stem: path for path in (*sorted((place / "videos").iterdir()), *more)}
    return example_dataset(paths, [(name, start, start + 1.0) for name in paths for start in (0.0, 0.6, 1.0)])


def run(place: Path, out: Path, encoder: AbstractImageEncoder, *more: Path, **options: Any):
    hands = LeftHalf(first_s=0.8)
    views: tuple[View, ...] = ("full", "hand")
    return extract(dataset(place, *more), encoder, out, views=views, locator=hands, batch_size=8, **options)


def test_a_machine_is_lost_midway_and_the_store_has_the_same_bytes(cluster, place, tmp_path):
    met = tmp_path / "met"
    met.mkdir()
    done_when_lost: list[int] = []
    second = next(iter(cluster.worker_nodes))

    def lose_the_second(state: ExtractProgress) -> None:
        if not done_when_lost and len(list(met.iterdir())) == 2:
            done_when_lost.append(state.videos_done)
            cluster.remove_node(second, allow_graceful=False)

    encoder = Trouble(tower(place), met, together=2)
    workers = Workers(address=cluster.address)
    report = run(place, tmp_path / "store", encoder, workers=workers, progress=lose_the_second)
    cluster.add_node(num_cpus=1)
    assert done_when_lost, "the machine was not lost"
    assert done_when_lost[0] < NUM_VIDEOS / 2
    assert (report.faults, report.videos_encoded) == ((), NUM_VIDEOS)
    assert contents(tmp_path / "store") == contents(place / "whole")
    again = run(place, tmp_path / "store", tower(place))
    assert (again.videos_kept, again.frames_encoded) == (NUM_VIDEOS, 0)


def test_a_worker_that_is_killed_and_one_that_hangs_cost_nothing(cluster, place, tmp_path, monkeypatch):
    monkeypatch.setattr(crew, "_LEAST_SLOW_S", 0.5)
    met = tmp_path / "met"
    met.mkdir()
    states: list[ExtractProgress] = []
    encoder = Trouble(tower(place), met, "kill", "hang")
    workers = Workers(2, cluster.address)
    report = run(place, tmp_path / "store", encoder, workers=workers, progress=states.append)
    assert {"kill", "hang"} < {file.name for file in met.iterdir()}
    assert (report.faults, report.videos_encoded) == ((), NUM_VIDEOS)
    assert (states[-1].frames_done, states[-1].videos_done) == (states[-1].frames_total, NUM_VIDEOS)
    assert all(state.frames_done <= state.frames_total for state in states)
    assert contents(tmp_path / "store") == contents(place / "whole")


def test_windows_of_sensors_are_encoded_by_workers(cluster, tmp_path):
    files = {f"r{k}": write_ramp(tmp_path / f"r{k}.csv", 3.0 + k, gap_s=(1.0, 1.0 + k / 2)) for k in range(5)}
    recordings = sensed(files, IMU, [(name, 0.0, 3.0) for name in files])
    report = extract_sensor(recordings, sensor_tower(IMU), tmp_path / "store", workers=Workers(2, cluster.address))
    assert (report.faults, report.videos_encoded) == ((), 5)
    extract_sensor(recordings, sensor_tower(IMU), tmp_path / "whole")
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")


def test_workers_open_their_own_palm_detector(cluster, place, assets, tmp_path):
    with np.load(assets / "aria" / "extracted" / "gen2_unit_test.npz") as recording:
        names = [name for name in recording.files if name.startswith("rgb_jpg_")]
        frames = [np.asarray(Image.open(io.BytesIO(recording[name].tobytes())).convert("RGB")) for name in names]
    videos = {f"g{k}": write_video(tmp_path / f"g{k}.mp4", frames * 3, 4) for k in range(2)}
    seen = example_dataset(videos, [(name, 0.0, 2.0) for name in videos])
    views: tuple[View, ...] = ("full", "hand")
    for out, workers in (("store", Workers(2, cluster.address)), ("whole", None)):
        locator = PalmLocator(assets / "hands" / "palm_detection_lite.onnx")
        extract(seen, tower(place), tmp_path / out, views=views, locator=locator, workers=workers)
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")
    boxes = np.load(tmp_path / "store" / "hand_boxes.npy")
    assert (boxes != [0, 0, 1, 1]).any(), "no hand was found"


def test_what_cannot_be_encoded_is_named_and_an_interrupted_run_goes_on(cluster, place, tmp_path):
    broken, white, met = tmp_path / "broken.mp4", tmp_path / "white.mp4", tmp_path / "met"
    met.mkdir()
    content = write_video(broken, 20, 10, container_options={"movflags": "faststart"}).read_bytes()
    broken.write_bytes(content[: len(content) * 3 // 5])
    write_video(white, [np.full((64, 96, 3), 255, np.uint8)] * 20, 8)

    def interrupt(state: ExtractProgress) -> None:
        if state.videos_done == 5:
            raise KeyboardInterrupt

    encoder, workers = Trouble(tower(place), met, "white"), Workers(1, cluster.address)
    with pytest.raises(KeyboardInterrupt):
        run(place, tmp_path / "store", encoder, broken, workers=workers, progress=interrupt)
    kept = len(list((tmp_path / "store" / "unfinished").glob("*.safetensors")))
    assert kept >= 5
    report = run(place, tmp_path / "store", encoder, broken, white, workers=workers)
    assert report.videos_kept == kept
    assert report.store.manifest.failed == {"broken": "undecodable-frame", "white": "lost-worker"}
    assert sorted(fault.path for fault in report.faults) == [broken, white]
    assert "the worker that encoded it was lost 3 times" in str(report.faults)
    for name in ("full.npy", "hand.npy", "hand_boxes.npy", "times.npy"):
        assert (tmp_path / "store" / name).read_bytes() == (place / "whole" / name).read_bytes()
    assert not (tmp_path / "store" / "unfinished").exists()


def test_more_workers_than_cores_and_no_cluster_are_refused(cluster, place, tmp_path):
    with pytest.raises(ConfigError, match="3 workers need a core each, and there are 2; ask for fewer"):
        run(place, tmp_path / "store", tower(place), workers=Workers(3, cluster.address))
    with pytest.raises(ConfigError, match="a Ray client cannot do this; give host:port"):
        run(place, tmp_path / "store", tower(place), workers=Workers(address="ray://127.0.0.1:10001"))


def processes(session: int) -> dict[int, str]:
    """What runs in a session of processes, by number."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if os.getsid(int(folder.name)) == session and "Z" not in (folder / "stat").read_text().split()[2]:
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
    return found


def listening(pids: set[int]) -> set[str]:
    """The addresses, as the kernel writes them, on which some processes accept connections."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(os.readlink(link).removeprefix("socket:[").removesuffix("]"))
            except OSError:
                continue
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    return {line[1].rpartition(":")[0] for line in lines[1:] if line[3] == "0A" and line[9] in inodes}


def test_ctrl_c_ends_workers_that_this_machine_alone_could_reach_and_the_command_goes_on(place, tmp_path):
    write_videos(tmp_path / "videos")
    (tmp_path / "clips.csv").write_text("video,start,stop,noun\n" + "".join(f"v{n},0.0,30.0,cup\n" for n in range(4)))
    fields = {"name": "mine", "format": "folder", "annotations": "clips.csv", "videos": "videos"}
    (tmp_path / "card.yaml").write_text(json.dumps(fields))
    command = [sys.executable, "-c", "from egoshift.cli.main import run; run()", "extract", "card.yaml", "--json"]
    command += ["--encoder", str(place / "clip"), "--rate", "20", "--precision", "float32", "--workers"]
    environment = os.environ | {"OMP_NUM_THREADS": "2", "PYTHONPATH": str(ROOT / "src")}

    with subprocess.Popen(
        [*command, "2"], cwd=tmp_path, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as running:
        while not list(tmp_path.glob("**/unfinished/shards/*")) and running.poll() is None:
            time.sleep(0.005)
        session = processes(running.pid)
        heard = listening(set(session))
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert said.startswith("interrupted; what was finished is kept")
    assert sum("ray::" in line for line in session.values()) >= 2, "the workers were not seen"
    assert heard
    assert all(address.endswith("0100007F") for address in heard), "others than this machine could reach Ray"
    until_s = time.monotonic() + 30
    while (left := processes(running.pid)) and time.monotonic() < until_s:
        time.sleep(0.2)
    assert left == {}

    done = subprocess.run([*command, "2"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    (document,) = json.loads(done.stdout)
    assert (document["videos"], document["faults"]) == (4, [])
    store = tmp_path / document["store"]
    by_workers = contents(store)
    shutil.rmtree(store)
    fill_store(
        DataCard.read(tmp_path / "card.yaml"), str(place / "clip"), plan=FramePlan(rate_hz=20), precision="float32"
    )
    assert contents(store) == by_workers


def write_videos(folder: Path) -> None:
    """Four long ones."""
    folder.mkdir()
    first = write_video(folder / "v0.mp4", 600, 20)
    for number in range(1, 4):
        shutil.copyfile(first, folder / f"v{number}.mp4")

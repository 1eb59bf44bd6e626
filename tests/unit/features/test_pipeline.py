from pathlib import Path

import numpy as np
import pytest
import torch

from egoshift.features import extract
from egoshift.features.jobs import Finished, Job
from egoshift.features.pipeline import Pipeline, Threads, cpu_threads, gpu_threads
from egoshift.media import probe
from tests.fixtures.videos import write_video

from .examples import BlockEncoder, LeftHalf, contents, example_dataset


@pytest.mark.parametrize(
    ("cores", "threads"),
    [(1, Threads(1, 1, 1)), (2, Threads(1, 2, 1)), (16, Threads(8, 16, 1)), (64, Threads(32, 16, 4))],
)
def test_a_processor_encodes_a_batch_a_core(cores, threads):
    assert cpu_threads(cores) == threads


def test_a_gpu_is_fed_by_all_cores():
    assert gpu_threads(16) == Threads(15, 2, 1)
    assert gpu_threads(1) == Threads(1, 2, 1)


def test_a_video_that_is_handed_over_takes_no_more_memory(tmp_path):
    path = write_video(tmp_path / "v.mp4", 20, 10)
    jobs = [Job(f"v{number}", probe(path), np.arange(5) / 4) for number in range(3)]
    events = Pipeline(BlockEncoder(), ["full"], None, 4, tmp_path).run(jobs)
    finished = [event for event in events if isinstance(event, Finished)]
    assert sorted(event.video_id for event in finished) == ["v0", "v1", "v2"]
    assert all(event.rows["full"].shape == (5, 16) for event in finished)
    assert all(job.rows == {} for job in jobs)


@pytest.fixture
def many_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_the_number_of_threads_does_not_change_what_is_stored(tmp_path, many_threads):
    videos: dict[str, Path] = {}
    for number in range(9):
        videos[f"v{number}"] = write_video(tmp_path / f"v{number}.mp4", 12 + number, 10)
    data = example_dataset(videos, [(name, 0.0, 1.0) for name in videos] + [(name, 0.5, 1.2) for name in videos])
    stores = []
    for threads in (1, 6):
        many_threads(threads)
        store = tmp_path / f"store{threads}"
        extract(data, BlockEncoder(), store, views=("full", "hand"), locator=LeftHalf(0.4), batch_size=4)
        stores.append(contents(store))
    assert stores[0] == stores[1]

"""One worker without Ray around it: what it writes, and what the store takes of that."""

import pickle
import shutil
from pathlib import Path

import pytest
import torch

from egoshift.features import Workers, extract, missing
from egoshift.features.cluster import Share
from egoshift.features.crew import _Crew
from egoshift.features.extract import FrameWork
from egoshift.features.jobs import Encoded
from egoshift.features.work import Written
from egoshift.features.worker import Worker
from tests.fixtures.videos import write_video

from .examples import BlockEncoder, contents, example_dataset
from .test_cluster import wanted


@pytest.fixture
def here(monkeypatch):
    """Workers are one, in this process; its work is pickled all the same. Gives what it says."""
    said = []

    def run(work, todo, shards, workers):
        worker = Worker(pickle.loads(pickle.dumps(work)), shards / "one", Path.cwd(), torch.get_num_threads())
        for news in worker.encode(todo):
            said.append(news)
            yield news

    monkeypatch.setattr(BlockEncoder, "__reduce__", lambda self: (BlockEncoder, (self.card,)))
    monkeypatch.setattr(missing, "run_on_workers", run)
    return said


@pytest.fixture
def videos(tmp_path) -> dict[str, Path]:
    return {name: write_video(tmp_path / f"{name}.mp4", 20, 10) for name in ("v1", "v2")}


def test_rows_that_a_worker_adds_to_a_video_are_merged_with_those_that_were_there(videos, tmp_path, here):
    extract(example_dataset(videos, [("v1", 0.5, 1.0)]), BlockEncoder(), tmp_path / "grown")
    both = example_dataset(videos, [("v1", 0.5, 1.0), ("v1", 0.0, 1.5), ("v2", 0.0, 1.0)])
    report = extract(both, BlockEncoder(), tmp_path / "grown", workers=Workers(1))
    assert [news.video_id for news in here if isinstance(news, Written)] == ["v1", "v2"]
    assert sum(news.num_rows for news in here if isinstance(news, Encoded)) == report.frames_encoded == 8
    extract(both, BlockEncoder(), tmp_path / "whole")
    assert contents(tmp_path / "grown") == contents(tmp_path / "whole")


def test_a_worker_that_was_given_up_writes_nothing(videos, tmp_path, here, monkeypatch):
    encode = Worker.encode

    def given_up(worker, todo):
        shutil.rmtree(tmp_path / "store" / "unfinished" / "shards")
        yield from encode(worker, todo)

    monkeypatch.setattr(Worker, "encode", given_up)
    with pytest.raises(Exception, match="this worker was given up"):
        extract(example_dataset(videos, [("v1", 0.0, 1.0)]), BlockEncoder(), tmp_path / "store", workers=Workers(1))
    assert {path.name for path in (tmp_path / "store" / "unfinished").iterdir()} == {"manifest.json"}


class NoRay:
    """What a crew needs of Ray before it hires anyone."""

    remote = put = staticmethod(lambda given: given)


def test_rows_that_are_encoded_again_after_a_loss_are_told_of_once(tmp_path):
    video = wanted("v", 9)
    crew = _Crew(
        NoRay(), FrameWork(BlockEncoder(), ("full",), None, 1, {}, {}), [video], tmp_path, [Share(1, 0), Share(1, 0)]
    )
    first, second = crew._posts
    told = [
        [news.num_rows for news in crew._tell(post, Encoded("v", num_rows)) if isinstance(news, Encoded)]
        for post, num_rows in [(first, 3), (first, 2), (second, 4), (second, 4), (first, 2), (first, 2)]
    ]
    assert told == [[3], [2], [], [3], [], [1]]
    assert len(list(crew._tell(second, Written("v", tmp_path)))) == 1
    assert list(crew._tell(first, Written("v", tmp_path))) == []

"""How machines are shared among workers; with Ray itself in ``tests/flows/test_workers.py``."""

import builtins
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from egoshift.errors import ConfigError
from egoshift.features import Workers
from egoshift.features.cluster import Share, cluster, shares
from egoshift.features.crew import in_tasks
from egoshift.features.source import Source
from egoshift.features.wanted import Wanted
from egoshift.media import VideoInfo


def wanted(name: str, num_rows: int) -> Wanted:
    times = np.arange(num_rows) / 4
    return Wanted(name, VideoInfo(Path(name), 9.0, 96, 64, 30.0, None, 0, "h264"), 1, times, times, Source(1, "f"))


@pytest.mark.parametrize("number", [None, 1, 2, 3, 5, 12])
@pytest.mark.parametrize("sizes", [[(8, 0)], [(8, 0), (4, 0), (4, 0)], [(6, 2), (0, 4), (8, 0)]])
@pytest.mark.parametrize("on_gpu", [False, True])
def test_no_machine_is_given_more_than_it_has(sizes, number, on_gpu):
    usable = [(cpus, gpus) for cpus, gpus in sizes if cpus and (gpus or not on_gpu)]
    try:
        own = shares(sizes, number, on_gpu=on_gpu)
    except ConfigError:
        assert not usable or (number is not None and number > min(cpus for cpus, _ in usable))
        return
    assert number is None or len(own) == number
    assert sum(share.cpus for share in own) <= sum(cpus for cpus, _ in usable)
    assert sum(share.gpus for share in own) <= sum(gpus for _, gpus in usable)
    assert all(share.cpus >= 1 and (share.gpus > 0) == on_gpu for share in own)


def test_workers_of_a_gpu_share_it():
    assert shares([(8, 1)], 2, on_gpu=True) == [Share(4, 0.5), Share(4, 0.5)]
    assert shares([(8, 3)], 2, on_gpu=True) == [Share(4, 1), Share(4, 1)]


@pytest.mark.parametrize(("gpus", "number"), [(1, 1), (1, 6), (2, 3), (3, 7), (4, 5), (2, 12)])
def test_every_worker_finds_room_on_one_gpu_as_ray_counts(gpus, number):
    room = [10_000] * gpus
    for share in shares([(16, gpus)], number, on_gpu=True):
        units = round(share.gpus * 10_000)
        first = next(place for place, left in enumerate(room) if left >= units)
        room[first] -= units


@pytest.mark.timeout(60)
@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "nowhere.invalid:6379", "6379", "127.0.0.1:ray"])
def test_an_address_where_no_cluster_is_heard_is_one_line_at_once(address):
    pytest.importorskip("ray", reason="Ray is not installed; pip install 'egoshift[ray]'")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        pytest.raises(
            ConfigError, match=r"^--ray \S+: (no Ray cluster answers there \(.*\)|is no host:port); give host"
        ),
        cluster(Workers(address=address.format(port=port)), torch.device("cpu")),
    ):
        pass


def test_without_a_machine_that_can_be_used_there_are_no_workers():
    with pytest.raises(ConfigError, match="no machine with a free GPU; add one to it"):
        shares([(8, 0)], None, on_gpu=True)


def test_a_numbered_gpu_is_refused():
    with (
        pytest.raises(ConfigError, match="device cuda:1 cannot be asked for with workers"),
        cluster(Workers(2), torch.device("cuda:1")),
    ):
        pass


def test_without_ray_the_command_that_installs_it_is_named(monkeypatch):
    real = builtins.__import__

    def without_ray(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    with pytest.raises(ConfigError, match=r"workers need Ray, which is not installed; pip install 'egoshift\[ray\]'"):
        with cluster(Workers(2), torch.device("cpu")):
            pass


def test_every_video_is_in_one_task_the_longest_first_and_short_ones_together():
    videos = [wanted(f"v{number}", rows) for number, rows in enumerate([3, 900, 20, 1, 1, 400, 2, 5])]
    tasks = in_tasks(videos, 1)
    assert sorted(video.video_id for task in tasks for video in task) == sorted(video.video_id for video in videos)
    sizes = [[len(video.missing_s) for video in task] for task in tasks]
    assert sizes == [[900], [400], [20, 5, 3, 2, 1, 1]]
    assert [len(task) for task in in_tasks(videos[2:5], 8)] == [1, 1, 1]

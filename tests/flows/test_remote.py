"""The whole way through an object store: a data set, its features, a run and its results, against the local way."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto.server import ThreadedMotoServer

from egoshift.evaluation import Result
from egoshift.remote.cache import forget_checks
from tests.fixtures.videos import write_video
from tests.flows.conftest import Command

TRAIN = "labels=[noun] fit.epochs=1 fit.warmup_epochs=0 fit.num_frames=2".split()
DATA = "s3://data/world"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def fs(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The store, empty but for its buckets, and a cache of our own."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "EGOSHIFT_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    fs = s3fs.S3FileSystem(use_listings_cache=False)
    for bucket in ("data", "work"):
        if fs.exists(bucket):
            fs.rm(bucket, recursive=True)
        fs.mkdir(bucket)
    forget_checks()
    return fs


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Two data sets of four short videos, each with its card."""
    for name in ("mine", "yours"):
        videos = tmp_path / "world" / name / "videos"
        videos.mkdir(parents=True)
        for video in "abcd":
            write_video(videos / f"{video}.mp4", 40, rate_hz=10)
        rows = [
            f"{video},{part},{part + 1},{'carrot' if part % 2 else 'pot'},{'val' if video == 'd' else 'train'}"
            for video in "abcd"
            for part in range(4)
        ]
        (videos.parent / "segments.csv").write_text("\n".join(["video,start,stop,noun,split", *rows]))
        card = {"format": "folder", "annotations": f"{name}/segments.csv", "videos": f"{name}/videos"}
        (tmp_path / "world" / f"{name}.yaml").write_text(yaml.safe_dump(card))
    return tmp_path / "world"


@pytest.fixture
def there(fs: Any, own: Path) -> Any:
    """The store with the two data sets in it."""
    fs.put(f"{own}/", DATA, recursive=True)
    return fs


@pytest.fixture
def anew(egoshift: Command) -> Callable[..., Any]:
    """Runs a command as another process would: every store is asked again."""

    def command(*words: object) -> Any:
        forget_checks()
        return egoshift(*words)

    return command


def train(egoshift: Command, data: str, tower: Path, out: str) -> None:
    settings = [word for setting in TRAIN for word in ("--set", setting)]
    card, other = f"{data}/mine.yaml", f"{data}/yours.yaml"
    answer = egoshift("train", "xmic_full", "--on", card, "--test", other, "--encoder", tower, "--out", out, *settings)
    assert answer.code == 0, answer.err


def folder(fs: Any, url: str) -> Mapping[str, bytes]:
    """All objects under an address."""
    start = url.removeprefix("s3://") + "/"
    return {name.removeprefix(start): fs.cat_file(name) for name in fs.find(start)}


def local(path: Path) -> Mapping[str, bytes]:
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def test_a_data_set_a_store_a_run_and_its_results_are_the_same_through_addresses(
    anew: Command, there: Any, own: Path, tower: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for data in (str(own), DATA):
        answer = anew("extract", f"{data}/mine.yaml", f"{data}/yours.yaml", "--encoder", tower)
        assert answer.code == 0, answer.err
    assert f"in {DATA}/features/" in answer.out
    for name in ("mine", "yours"):
        stores = f"features/{name}"
        mine, theirs = local(own / stores), folder(there, f"{DATA}/{stores}")
        assert mine == theirs, "byte for byte, the manifest too"
        assert len(mine) >= 3

    train(anew, str(own), tower, str(tmp_path / "run"))
    train(anew, DATA, tower, "s3://work/runs/a")
    weights = "models/noun/model.safetensors"
    assert folder(there, "s3://work/runs/a")[weights] == (tmp_path / "run" / weights).read_bytes()

    # Another machine: nothing is in its cache, and no path of this one is in what it reads.
    monkeypatch.setenv("EGOSHIFT_CACHE", str(tmp_path / "other"))
    assert anew("evaluate", tmp_path / "run").code == 0
    answer = anew("evaluate", "s3://work/runs/a")
    assert answer.code == 0, answer.err
    objects = folder(there, "s3://work/runs/a")
    assert not any(str(tmp_path / place).encode() in text for place in ("cache", "other") for text in objects.values())
    results = sorted(name for name in objects if name.startswith("results/"))
    assert results == sorted(f"results/{path.name}" for path in (tmp_path / "run/results").iterdir())
    for name in results:
        (tmp_path / "theirs.json").write_bytes(objects[name])
        assert Result.read(tmp_path / "theirs.json").rows == Result.read(tmp_path / "run" / name).rows
    assert len(results) == 2

    assert anew("tables", "s3://work/runs/a", "--format", "csv", "-o", "s3://work/t.csv").code == 0
    anew("tables", tmp_path / "run", "--format", "csv", "-o", tmp_path / "t.csv")
    assert there.cat_file("work/t.csv") == (tmp_path / "t.csv").read_bytes()


def test_an_upload_that_fails_loses_nothing_and_goes_on(
    anew: Command, there: Any, tower: Path, monkeypatch: pytest.MonkeyPatch
):
    put = type(there).put_file

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("reset by peer")

    monkeypatch.setattr(type(there), "put_file", fail)
    answer = anew("extract", f"{DATA}/mine.yaml", "--encoder", tower)
    assert answer.code == 1
    assert answer.lines[-1].startswith(f"{DATA}/features/mine/tiny-clip/full.npy: cannot be reached (reset by peer); ")
    assert answer.lines[-1].endswith("and run the same command again")
    assert not there.exists(f"{DATA}/features")
    monkeypatch.setattr(type(there), "put_file", put)
    answer = anew("extract", f"{DATA}/mine.yaml", "--encoder", tower, "--json")
    assert answer.code == 0, answer.err
    assert '"frames_encoded": 0' in answer.out
    assert {"manifest.json", "full.npy", "times.npy"} == set(folder(there, f"{DATA}/features/mine/tiny-clip"))


def test_a_video_that_changed_is_encoded_again_and_a_damaged_copy_fetched_again(
    anew: Command, there: Any, own: Path, tower: Path, tmp_path: Path
):
    assert anew("extract", f"{DATA}/mine.yaml", "--encoder", tower).code == 0
    write_video(own / "mine/videos/a.mp4", 45, rate_hz=10)
    there.put_file(own / "mine/videos/a.mp4", f"{DATA}/mine/videos/a.mp4")
    (tmp_path / "cache/files/s3/data/world/mine/segments.csv").write_text("spoilt")
    answer = anew("extract", f"{DATA}/mine.yaml", "--encoder", tower)
    assert answer.code == 0, answer.err
    assert f"{DATA}/mine/segments.csv: the copy here was damaged and is fetched again" in answer.lines
    assert "1 videos encoded, 3 were there" in answer.out
    assert anew("extract", own / "mine.yaml", "--encoder", tower).code == 0
    mine, theirs = local(own / "features/mine"), folder(there, f"{DATA}/features/mine")
    assert mine == theirs


def test_what_cannot_be_read_is_one_line(anew: Command, fs: Any):
    def told(*words: object) -> str:
        answer = anew(*words)
        assert answer.code == 1
        (line,) = answer.lines
        return line

    assert told("data", "check", "s3://nowhere/card.yaml") == (
        "s3://nowhere/card.yaml: there is no such bucket; make it, or correct the address"
    )
    assert told("data", "check", "s3://data/card.yaml") == (
        "s3://data/card.yaml: no such data card or folder; give a YAML data card or a folder of videos"
    )
    assert "give a folder of this machine" in told("train", "xmic", "--tensorboard", "s3://work/t")
    assert "give a folder of this machine" in told("claims", "--write", "s3://work/docs")
    assert "worlds are made on this machine" in told("world", "make", "s3://work/world")

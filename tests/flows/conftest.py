"""What the flows share: the command line in this process, a small generated world, and features by a random tower."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from egoshift.cli import main
from egoshift.world import write_world
from tests.fixtures.checkpoints import write_clip


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


Command = Callable[..., Answer]


@pytest.fixture
def egoshift(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs ``egoshift`` with these arguments, as its entry point does; never lets a traceback pass."""

    def command(*arguments: object) -> Answer:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["egoshift", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main.run()
        written = capfd.readouterr()
        assert "Traceback" not in written.err
        return Answer(int(left.value.code or 0), written.out, written.err)

    return command


@pytest.fixture(scope="session")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random CLIP of a few thousand parameters in Hugging Face's layout."""
    return write_clip(tmp_path_factory.mktemp("towers") / "tiny-clip")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated world: data cards, annotations, mp4 files, detections. Not to be changed."""
    out = tmp_path_factory.mktemp("world")
    write_world(out, scale=0.1, sets=("kitchen", "home"), sensors=False)
    return out


@pytest.fixture
def own_world(world: Path, tmp_path: Path) -> Path:
    """A copy of the world to spoil."""
    return Path(shutil.copytree(world, tmp_path / "world"))

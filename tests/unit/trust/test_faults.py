"""The library that stands before the C library sees what Python, Rust and FFmpeg change on disk, and can disturb it."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from trust.crash.faults import Action, Call, build, compiler, preloaded, read_log

ROOT = Path(__file__).parents[3]
PROGRAM = """
import os, sys
from pathlib import Path
import numpy, safetensors.numpy
from tests.fixtures.videos import write_video
from egoshift.files import write_atomically
from trust.crash.faults import arm
place, log, at, action = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
arm(place, log, at, action)
try:
    write_atomically(place / "new" / "python", b"0123456789")
    safetensors.numpy.save_file({"rows": numpy.zeros(1000)}, place / "rust")
    write_video(place / "ffmpeg.mp4", 3, 8)
    handle = os.open(place / "grown", os.O_WRONLY | os.O_CREAT)
    os.writev(handle, [b"ab", b"cd"])
    os.pwrite(handle, b"e", 4)
    os.ftruncate(handle, 3)
    os.posix_fallocate(handle, 0, 100)
    os.fdatasync(handle)
    os.link(place / "rust", place / "kept")
    os.unlink(place / "rust")
except OSError as error:
    sys.exit(f"{type(error).__name__} {error.errno}: {error.filename}")
"""

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs Linux and a C compiler")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("library"))


def run(
    library: Path, place: Path, at: int = 0, action: Action = "none", before: tuple[str, ...] = ()
) -> tuple[subprocess.CompletedProcess[str], list[Call]]:
    folder = place / "watched"
    folder.mkdir()
    command = [*before, sys.executable, "-c", PROGRAM, str(folder), str(place / "log"), str(at), action]
    environment = preloaded(library) | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    return done, list(read_log(place / "log"))


def of(calls: list[Call], name: str) -> list[str]:
    return [call.operation for call in calls if Path(call.path).name == name]


def test_every_writer_is_seen(library: Path, tmp_path: Path) -> None:
    done, calls = run(library, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [call.number for call in calls] == list(range(1, len(calls) + 1))
    assert of(calls, "python.tmp") == ["open", "truncate", "open", "write", "fsync", "rename"]
    assert of(calls, "new") == ["mkdir", "fsync"]
    assert of(calls, "grown") == ["open", "write", "write", "truncate", "reserve", "fsync"]
    rust = [call for call in calls if Path(call.path).name.startswith(".tmp")]
    assert {call.operation for call in rust} >= {"open", "write"}
    assert sum(call.num_bytes for call in rust) == (tmp_path / "watched" / "kept").stat().st_size > 8000
    assert of(calls, "rust") == ["remove"]
    ffmpeg = of(calls, "ffmpeg.mp4")
    assert ffmpeg[0] == "open"
    assert "write" in ffmpeg
    written = Counter[str]()
    for call in calls:
        written[Path(call.path).name] += call.num_bytes
    assert written["python.tmp"] == 10
    assert written["grown"] == 5
    assert written["ffmpeg.mp4"] >= (tmp_path / "watched" / "ffmpeg.mp4").stat().st_size > 0


@pytest.mark.parametrize(
    ("action", "code", "says"),
    [("kill", -9, ""), ("full", 1, "OSError 28"), ("faulty", 1, "OSError 5"), ("short", 1, "OSError 28")],
)
def test_a_write_is_disturbed(library: Path, tmp_path: Path, action: Action, code: int, says: str) -> None:
    _, calls = run(library, tmp_path)
    shutil.rmtree(tmp_path / "watched")
    at = next(call.number for call in calls if call.operation == "write")
    done, met = run(library, tmp_path, at, action)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(says)
    assert met[at - 1].operation == "write"
    place = tmp_path / "watched" / "new"
    assert not (place / "python").exists()
    if action == "kill":
        assert (place / "python.tmp").read_bytes() == b"", "it was killed before it wrote"
        assert len(met) == at
    else:
        assert list(place.iterdir()) == [], "what could not be written is removed"
        assert str(place / "python") in done.stderr, "the error names the file"


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, to count by another way")
def test_the_kernel_counts_the_same(library: Path, tmp_path: Path) -> None:
    """Calls of the process itself on the folder, as strace sees them, but for those that change nothing."""
    trace = tmp_path / "trace"
    names = "write,pwrite64,writev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,mkdir,unlink"
    done, calls = run(library, tmp_path, before=("strace", "-f", "-y", "-qq", "-e", f"trace={names}", "-o", str(trace)))
    if "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    seen = [line for line in trace.read_text().splitlines() if str(tmp_path / "watched") in line]
    own = [line for line in seen if "/.tmp" in line and "rename" in line]
    assert len(own) == 1, "safetensors asks the kernel itself for one rename"
    assert len(seen) - len(own) == sum(call.operation != "open" for call in calls)

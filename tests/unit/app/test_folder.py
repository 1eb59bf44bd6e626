import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from egoshift.app.folder import make_private_folder, remove_folder


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_private_folder_is_for_its_user_alone(tmp_path: Path) -> None:
    folder = make_private_folder()
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    remove_folder(folder)
    assert not folder.exists()


def test_what_a_killed_server_left_is_removed_and_what_a_running_one_has_is_not(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, held = tmp_path / f"egoshift-app-{ended.pid}-a", tmp_path / f"egoshift-app-{os.getpid()}-b"
    other, file = tmp_path / "egoshift-app-notes", tmp_path / f"egoshift-app-{ended.pid}-file"
    for folder in (left, held, other):
        folder.mkdir()
        (folder / "video.mp4").write_bytes(b"x")
    file.write_bytes(b"x")
    make_private_folder()
    assert not left.exists()
    assert all(path.exists() for path in (held, other, file))


def test_a_link_that_another_user_could_have_put_there_is_not_followed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    (tmp_path / f"egoshift-app-{ended.pid}-link").symlink_to(precious)
    make_private_folder()
    assert (precious / "file").exists()

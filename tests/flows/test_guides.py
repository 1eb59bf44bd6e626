"""The guides are followed in a copy of the repository: files are written, lines changed, commands run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.fixtures.checkpoints import write_clip
from tests.fixtures.multimodal import write_multimodal
from tests.fixtures.videos import write_video
from tests.flows.documented import CLIP, LESS, NOT_OURS, ONLY_PARSED
from tests.flows.pages import GUIDES, ROOT, Block, blocks

ONE_PROCESS = """
import shlex, sys
import pytest

for line in sys.stdin.read().splitlines():
    program, *words = shlex.split(line)
    if program == "pytest":
        # Without the checks of shapes, which hold what is imported first and cannot be asked for twice.
        code = pytest.main([*words, "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts="])
    else:
        from egoshift.cli import main
        sys.argv = [program, *words]
        try:
            main.run()
        except SystemExit as left:
            code = left.code
    if code:
        sys.exit(f"{line}: {code}")
"""
"""Runs the commands of a guide one after another; Python starts once."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the code and its tests, as links until something is changed."""
    place = tmp_path / "repository"
    for folder in ("src", "tests"):
        shutil.copytree(ROOT / folder, place / folder, copy_function=os.link)
    shutil.copy(ROOT / "pyproject.toml", place)
    return place


def follow(page: str, place: Path) -> None:
    """Writes and changes the files that the page says, then runs its commands."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "diff":
            change(place / block.file, block)
        elif block.language in ("python", "yaml"):
            write(place / block.file, block.text)
        lines += [line for line in block.commands if line not in {**ONLY_PARSED, **NOT_OURS}]
    less = [[line, *(added for start, added in LESS.items() if line.startswith(start))] for line in lines]
    run(place, "\n".join(map(" ".join, less)).replace(CLIP, str(place / "clip")))


def change(path: Path, block: Block) -> None:
    """Puts in what a block adds, behind or in place of the lines that it shows."""
    lines = block.text.splitlines()
    assert block.file, f"{block.page}: no file is named for {block.text!r}"
    before = "\n".join(line[1:] for line in lines if line[:1] in (" ", "-", "")) + "\n"
    after = "\n".join(line[1:] for line in lines if line[:1] in (" ", "+", "")) + "\n"
    text = path.read_text(encoding="utf-8")
    assert before != after, f"{block.page}: changes nothing: {block.text!r}"
    assert len(re.findall("^" + re.escape(before), text, re.MULTILINE)) == 1, f"{path.name} lacks or repeats:\n{before}"
    write(path, re.sub("^" + re.escape(before), lambda _: after, text, flags=re.MULTILINE))


def write(path: Path, text: str) -> None:
    """A file of the copy's own: what it was linked to stays as it is."""
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")


def run(place: Path, lines: str) -> None:
    """All must end well."""
    environment = os.environ | {"PYTHONPATH": str(place / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    program = [sys.executable, "-c", ONE_PROCESS]
    answer = subprocess.run(
        program, cwd=place, env=environment, input=lines, capture_output=True, text=True, timeout=280, check=False
    )
    assert answer.returncode == 0, f"{answer.stdout[-3000:]}\n{answer.stderr[-3000:]}"


def test_there_are_three_guides():
    assert GUIDES == ("docs/add-a-dataset.md", "docs/add-a-method.md", "docs/add-an-encoder.md")


@pytest.mark.timeout(300)
def test_a_method_is_added_as_the_guide_says(copy: Path, world: Path):
    shutil.copytree(world, copy / "my_world")
    follow("docs/add-a-method.md", copy)
    assert sorted(path.name for path in (copy / "runs/scale_shift/models").iterdir()) == ["noun", "verb"]
    assert len(list((copy / "runs/scale_shift/results").glob("*.json"))) == 4


@pytest.mark.timeout(300)
def test_a_data_set_is_added_as_the_guide_says(copy: Path):
    write_charades(copy)
    write_clip(copy / "clip")
    follow("docs/add-a-dataset.md", copy)
    assert (copy / "runs/xmic_full/models/action").is_dir()


@pytest.mark.timeout(300)
def test_an_encoder_is_added_as_the_guide_says(copy: Path):
    (copy / "my_world").mkdir()
    write_multimodal(copy / "my_world", "multimodal")
    follow("docs/add-an-encoder.md", copy)
    run_file = yaml.safe_load((copy / "runs/mmg_imu/run.yaml").read_text())
    assert run_file["method"]["options"]["preset"] == "tiny"


def write_charades(place: Path) -> None:
    """Three videos in the files of Charades-Ego."""
    (place / "CharadesEgo").mkdir()
    (place / "CharadesEgo_v1_480").mkdir()
    classes = "c000 Holding some clothes\nc001 Putting clothes somewhere\n"
    (place / "CharadesEgo/Charades_v1_classes.txt").write_text(classes)
    segments = ";".join(f"c00{start % 2} {start:.2f} {start + 1.5:.2f}" for start in range(4))
    for split, names in {"train": ("AAAAAEGO", "BBBBBEGO"), "test": ("CCCCCEGO",)}.items():
        rows = ["id,subject,scene,actions,length,egocentric,charades_video"]
        for name in names:
            write_video(place / "CharadesEgo_v1_480" / f"{name}.mp4", 60, rate_hz=10)
            rows.append(f"{name},S1,Bedroom,{segments},6.0,Yes,X0001")
        (place / f"CharadesEgo/CharadesEgo_v1_{split}_only1st.csv").write_text("\n".join(rows))

"""What README and the pages of ``docs/`` show runs as written, in a folder with tiny data; guides: test_guides.py."""

import ast
import re
import shlex
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest
import yaml

from egoshift.datasets import DataCard
from egoshift.recipes import Run, demo
from egoshift.recipes.egoworld import egoworld_settings
from tests.fixtures.multimodal import write_multimodal
from tests.fixtures.videos import write_video
from tests.flows.conftest import Command
from tests.flows.documented import CLIP, IN_PLACE_OF, LESS, NOT_OURS, NOT_RUN, ONLY_PARSED
from tests.flows.pages import GUIDES, LANGUAGES, PAGES, PROGRAMS, ROOT, blocks, command_of, commands, parse
from tests.flows.pages import inline_commands as inline

READ = tuple(page for page in PAGES if page not in GUIDES)
WITH_BLOCKS = [page for page in READ if any(block.commands or block.language == "python" for block in blocks(page))]


def write_own(place: Path) -> None:
    """Two folders of videos with segments, one video of each to measure on, and a video without any."""
    for folder in ("my_videos", "other_videos"):
        (place / folder).mkdir()
        for name in ("a.mp4", "b.mp4"):
            write_video(place / folder / name, 60, rate_hz=10)
        words = [("cut", "carrot"), ("stir", "pot"), ("cut", "pot")]
        rows = [
            ",".join([f"{video}.mp4", str(half / 2), str(half / 2 + 0.5), *words[half % 3], split])
            for video, split in (("a", "train"), ("b", "val"))
            for half in range(12)
        ]
        (place / folder / "segments.csv").write_text("\n".join(["video,start,stop,verb,noun,split", *rows]))
    write_video(place / "walk.mp4", 40, rate_hz=10)
    (place / "nouns.txt").write_text("carrot\npot\nspoon\n")
    (place / "segments.csv").write_text("start,stop\n0,1\n1,3.5\n")


def write_readme(place: Path, run: Callable[[str], str]) -> None:
    """The demo has run, and the other data set is extracted, as the README says."""
    write_own(place)
    run(f"egoshift extract other_videos/ --encoder {CLIP}")
    run("egoshift demo --out runs/demo")
    words = [("cut", "carrot"), ("stir", "pot"), ("cut", "pot")]
    rows = [",".join(["walk.mp4", str(k / 2), str(k / 2 + 0.5), *words[k % 3]]) for k in range(8)]
    (place / "my.csv").write_text("\n".join(["video,start,stop,verb,noun", *rows]))


def write_sensors(place: Path, run: Callable[[str], str]) -> None:
    """A card of several sensors, and the recordings that ``data.md`` speaks of."""
    card = yaml.safe_load(write_multimodal(place / "cards", "mine").read_text())
    fields = {field: f"cards/{card[field]}" for field in ("annotations", "videos")}
    (place / "kitchens.yaml").write_text(yaml.safe_dump(card | fields))


def write_data(place: Path, run: Callable[[str], str]) -> None:
    """That, and videos of one's own."""
    write_sensors(place, run)
    write_own(place)


def write_claims(place: Path, run: Callable[[str], str]) -> None:
    """A trained X-MIC where ``egoshift claims`` leaves three variants."""
    run("egoshift extract world/kitchen.yaml --encoder egoworld")
    models = "runs/claims/seed-1/models"
    run(
        f"egoshift train xmic --on world/kitchen.yaml --encoder egoworld --out {models}/xmic-noun-kitchen "
        "--set labels=[noun]"
    )
    for variant in ("xmic-n1+n2", "xmic-n1+n3"):
        shutil.copytree(place / models / "xmic-noun-kitchen", place / models / f"{variant}-noun-kitchen")


BEFORE: dict[str, Callable[[Path, Callable[[str], str]], None]] = {
    "README.md": write_readme,
    "docs/videos.md": lambda place, run: write_own(place),
    "docs/sensors.md": write_sensors,
    "docs/data.md": write_data,
    "docs/claims.md": write_claims,
}
"""What a reader of a page has already."""

SAID = {
    "README.md": ["(Segment(start_s=0.0,", "top1", "top5", "macro", "f1"],
    "docs/sensors.md": ["video+audio+imu", "video+audio", "video+imu", "audio+imu", "video", "audio", "imu"],
    "docs/claims.md": ["xmic", "xmic-n1+n2", "xmic-n1+n3"],
}
"""How the lines begin that the programs of a page print; those of ``videos.md`` are in time."""


@pytest.fixture
def short_demo(monkeypatch: pytest.MonkeyPatch, world: Path) -> None:
    """``egoshift demo`` takes the tests' world and trains two epochs; test_command_line.py runs it whole."""

    def write_world(out: Path, **_: object) -> list[Path]:
        shutil.copytree(world, out, dirs_exist_ok=True)
        return [out / "kitchen.yaml", out / "home.yaml"]

    def settings(run: Run) -> Run:
        run = egoworld_settings(run)
        return run.model_copy(update={"fit": run.fit.model_copy(update={"epochs": 2, "warmup_epochs": 0})})

    monkeypatch.setattr(demo, "write_world", write_world)
    monkeypatch.setattr(demo, "egoworld_settings", settings)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("short_demo")
@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_all_that_a_page_shows_runs_in_its_order(
    page: str, egoshift: Command, tower: Path, tmp_path: Path, world: Path, monkeypatch: pytest.MonkeyPatch
):
    def ours(text: str) -> str:
        for theirs, mine in IN_PLACE_OF.items():
            text = text.replace(theirs, mine.format(clip=tower))
        return text

    def run(line: str) -> str:
        less = [added for start, added in LESS.items() if line.startswith(start)]
        answer = egoshift(*shlex.split(ours(" ".join([line, *less])))[1:])
        assert answer.code == 0, f"{line}\n{answer.err}"
        return answer.out

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(world, tmp_path / "world")
    BEFORE.get(page, lambda place, run: None)(tmp_path, run)
    names: dict[str, object] = {}
    said = StringIO()
    for block in blocks(page):
        if block.language == "python" and block.text.splitlines()[0] not in NOT_RUN:
            with redirect_stdout(said):
                exec(compile(ours(block.text), page, "exec"), names)
        for line in block.commands:
            if line.split()[0] == "egoshift" and line not in ONLY_PARSED:
                run(with_files(line))
    if page == "docs/videos.md":
        assert {line.split(":")[0].split()[-1] for line in said.getvalue().splitlines()} == {"verb", "noun", "action"}
        return
    first = [line.split()[0] for line in said.getvalue().splitlines()]
    assert first == SAID.get(page, []), "the first word of each line"


def with_files(line: str) -> str:
    """The line with the first of the files that a pattern stands for, of which a shell would give all."""
    return shlex.join(str(min(Path().glob(word))) if "*" in word else word for word in shlex.split(line))


def test_the_readme_has_five_commands_for_ones_own_videos():
    (five,) = [block for block in blocks("README.md") if any("own_videos" in line for line in block.commands)]
    assert len(five.commands) == 5


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one_that_the_program_takes(page: str):
    for line in commands(page):
        program = line.split()[0]
        if program != "egoshift":
            assert program in ("pytest", *PROGRAMS)
            assert program == "pytest" or line in NOT_OURS, line
        else:
            parse(line)


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_name_verbs_and_options_that_are_there(page: str):
    for line in inline(page):
        command, given = command_of(line.split()[1:])
        options = {name for parameter in command.params for name in parameter.opts}
        assert not hasattr(command, "commands") or given in ([], ["--help"], ["VERB", "--help"]), line
        assert {word for word in given if word.startswith("-")} <= options | {"--help"}, line


def test_the_examples_of_every_command_are_ones_that_it_takes():
    from tests.flows.site_hooks import load_hook

    examples = 0
    for name, command in load_hook("commands").commands():
        found = [line.strip() for line in command.epilog.splitlines() if line.strip().startswith("egoshift ")]
        assert found, name
        for line in found:
            assert line.startswith(f"egoshift {name}"), line
            parse(line)
            examples += 1
    assert examples >= 30


def test_what_is_not_run_is_on_a_page_and_the_makefile_and_modules_have_it():
    shown = {line for page in PAGES for line in commands(page)}
    assert set(ONLY_PARSED) <= shown
    assert set(NOT_OURS) <= shown
    assert all(any(line.startswith(start) for line in shown) for start in LESS)
    first = {block.text.splitlines()[0] for page in PAGES for block in blocks(page)}
    assert set(NOT_RUN) <= first
    rules = re.findall(r"^(\w[\w ]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    targets = [target for rule in rules for target in rule.split()]
    for line in NOT_OURS:
        if line.startswith("make "):
            assert line.split()[1] in targets, line
        if line.startswith("python -m "):
            assert find_spec(line.split()[2]), line
        if line.startswith("torchrun "):
            parse(f"egoshift {line.partition(' -m egoshift ')[2]}")


def test_programs_that_are_not_run_compile_and_import():
    for block in (block for page in PAGES for block in blocks(page) if block.language == "python"):
        tree = ast.parse(block.text)
        if block.text.splitlines()[0] in NOT_RUN:
            tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
            exec(compile(tree, block.page, "exec"), {})


def test_every_block_is_of_a_kind_that_is_looked_at():
    for block in (block for page in PAGES for block in blocks(page)):
        assert block.language in LANGUAGES, f"{block.page}: {block.text[:40]!r}"
        assert block.language != "sh" or block.commands, f"{block.page}: {block.text[:40]!r}"


def test_every_data_card_on_a_page_is_a_card(tmp_path: Path):
    cards = 0
    for block in (block for page in READ for block in blocks(page) if block.language == "yaml"):
        (tmp_path / "card.yaml").write_text(block.text)
        assert DataCard.read(tmp_path / "card.yaml").format in block.text
        cards += 1
    assert cards == 5

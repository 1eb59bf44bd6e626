"""The report by the command line: what is on the page, and that its commands give the same numbers again."""

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from egoshift.evaluation import ModalityResult, Result
from egoshift.evaluation.result import Frozen
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.multimodal import write_multimodal
from tests.flows.conftest import Command
from tests.flows.test_modalities import SHAPES, encoder, run, settings, trained

QUICK = ("--set", "fit.epochs=2", "--set", "fit.num_frames=2", "--set", "fit.warmup_epochs=0")


def commands_of(page: Path, folder: Path) -> list[list[str]]:
    """The words of each command of a page, as a shell in that folder reads them; files that it writes are written."""
    (script,) = re.findall(r'<pre class="commands">(.*?)</pre>', page.read_text(), re.DOTALL)
    spoken = 'egoshift() { printf "%s\\0" "$@"; printf "\\0"; }\n' + html.unescape(script)
    said = subprocess.run(["bash", "-ec", spoken], cwd=folder, capture_output=True, check=True, text=True).stdout
    return [command.split("\0") for command in said.removesuffix("\0\0").split("\0\0")]


def clips_of(page: Path) -> list[str]:
    return re.findall(r'<section class="clip">.*?</section>', page.read_text(), re.DOTALL)


def rows_of(runs: Path) -> dict[str, object]:
    """All that each result measured, by its file's name."""
    found: dict[str, object] = {}
    for path in sorted(runs.rglob("results/*.json")):
        kind: type[Frozen] = ModalityResult if "--modalities" in path.name else Result
        fields = kind.model_validate_json(path.read_text()).model_dump()
        found[path.name] = {name: fields[name] for name in ("rows", "outcomes", "sweep", "examples") if name in fields}
    return found


def run_again(egoshift: Command, page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    folder.mkdir()
    monkeypatch.chdir(folder)
    commands = commands_of(page, folder)
    for words in commands:
        answer = egoshift(*words)
        assert answer.code == 0, (words, answer.err)
    return commands


def test_the_commands_of_the_page_give_the_same_numbers_in_a_fresh_folder(
    egoshift: Command, own_world: Path, tower: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kitchen, home = own_world / "kitchen.yaml", own_world / "home.yaml"
    for card in (kitchen, home):
        assert egoshift("extract", card, "--encoder", tower, "--rate", "3", "--precision", "float32").code == 0
    runs = tmp_path / "runs"
    for recipe, card in (("zero_shot", kitchen), ("xmic", kitchen), ("xmic", home)):
        target = home if card == kitchen else kitchen
        options = ("--on", card, "--test", target, "--encoder", tower, *QUICK, "--set", "fit.lr=1e-3")
        out = runs / f"{recipe}-{card.stem}"
        assert egoshift("train", recipe, *options, "--out", out, "--set", "labels=[noun]").code == 0
        assert egoshift("evaluate", out).code == 0
    page = tmp_path / "report.html"
    written = egoshift("report", runs, "-o", page, "--examples", "4")
    assert written.code == 0, written.err
    text = page.read_text()
    assert len(clips_of(page)) > 8, "up to four clips for each of four pairs of data sets"
    assert text.count("hand crop at") > 0
    assert "No clips are shown" not in text
    assert "http" not in text
    assert "<script" not in text

    for card in (kitchen, home):
        shutil.rmtree(own_world / "features" / card.stem)
    commands = run_again(egoshift, page, tmp_path / "fresh", monkeypatch)
    verbs = [words[0] for words in commands]
    assert verbs == [*["extract"] * 2, *["train", "evaluate"] * 3, "tables", "report"]
    assert rows_of(tmp_path / "fresh") == rows_of(runs) != {}
    assert clips_of(tmp_path / "fresh" / "report.html") == clips_of(page)


def test_models_that_others_begin_with_are_trained_first(
    egoshift: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    card = write_multimodal(place)
    write_clip(place / "clip")
    run("extract", card, "--encoder", place / "clip", "--rate", "1")
    for sensor, options in SHAPES.items():
        fields = ("fit.epochs=1", "method.options.preset=tiny", f"method.options.options={options}")
        run("train", f"mmg_{sensor}", "--on", card, *settings(*fields), "--out", place / "runs" / f"mmg_{sensor}")
        run("extract", card, "--encoder", encoder(place, sensor))
    many = trained(place, "mmg_many_shot", place / "runs" / "many", "fit.epochs=1") / "models" / "action"
    few = [f"few_shot.{field}" for field in ("ways=2", "shots=1", "queries=1", "num_episodes=5")]
    few += [f"objective.prototypes.{field}" for field in ("ways=3", "shots=1", "queries=1")]
    out = trained(place, "mmg_few_shot", place / "runs" / "few", f"start=[{many}]", "fit.epochs=1", *few)
    run("evaluate", out)
    page = tmp_path / "report.html"
    assert egoshift("report", out, "-o", page).code == 0
    text = page.read_text()
    assert "data:image/jpeg" in text, "the clips of episodes have frames"
    assert '<h2 id="tables">' not in text, "there are no results of one modality"

    before = rows_of(place / "runs")
    shutil.rmtree(place / "runs")
    shutil.rmtree(place / "features")
    commands = run_again(egoshift, page, tmp_path / "fresh", monkeypatch)
    assert [" ".join(words[:2]) for words in commands if words[0] == "train"] == [
        *("train mmg_audio", "train mmg_imu", "train mmg_many_shot", "train mmg_few_shot")
    ]
    assert rows_of(tmp_path / "fresh") == before != {}

"""``egoshift report`` on one small trained run: what is missing, what cannot be used, and event files."""

import errno
import html
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from egoshift.evaluation import Result
from egoshift.recipes.reports.found import card_name
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.videos import write_video
from tests.flows.conftest import Command
from tests.flows.test_modalities import run
from tests.flows.test_report import clips_of, commands_of, rows_of, run_again

NAMES = ("cup", "cut", "jar")
FIELDS = ("labels=[noun]", "fit.epochs=2", "fit.selection=last", "fit.num_frames=2", "fit.batch_size=4")
SETS = [word for field in FIELDS for word in ("--set", field)]


def write_card(place: Path, name: str) -> Path:
    (place / name / "videos").mkdir(parents=True)
    rows = ["video,start,stop,noun,split"]
    for number, video in enumerate("uvwx"):
        write_video(place / name / "videos" / f"{video}.mp4", 40, 10)
        split = "train" if number < 2 else "test"
        rows += [f"{video},{step},{step + 1}.0,{NAMES[(number + step) % 3]},{split}" for step in range(4)]
    (place / name / "clips.csv").write_text("\n".join(rows) + "\n")
    fields = {"name": name, "format": "folder", "annotations": f"{name}/clips.csv", "videos": f"{name}/videos"}
    (place / f"{name}.yaml").write_text(yaml.safe_dump(fields))
    return place / f"{name}.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets with their features, and a run trained on the first. Not to be changed."""
    place = tmp_path_factory.mktemp("report")
    write_clip(place / "clip")
    for card in (write_card(place, "mine"), write_card(place, "other")):
        run("extract", card, "--encoder", place / "clip")
    out = place / "runs" / "small"
    run("train", "xmic_full", "--on", place / "mine.yaml", "--encoder", place / "clip", *SETS, "--out", out)
    run("evaluate", out)
    return place


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """The run's folder to spoil."""
    return Path(shutil.copytree(made / "runs" / "small", tmp_path / "small"))


def page_of(egoshift: Command, folder: Path, *options: object) -> Path:
    answer = egoshift("report", folder, "-o", folder.parent / "page.html", *options)
    assert answer.code == 0, answer.err
    return folder.parent / "page.html"


def note_of(page: Path) -> str:
    (note,) = re.findall(r"No clips are shown of (.*?)</p>", page.read_text(), re.DOTALL)
    return html.unescape(note)


def test_clips_are_those_of_the_result_wherever_the_folder_lies(egoshift: Command, own: Path) -> None:
    (path,) = (own / "results").iterdir()
    clips = clips_of(page_of(egoshift, own, "--examples", "100"))
    (outcomes,) = Result.read(path).outcomes
    right = [target == said for target, said in zip(outcomes.targets, outcomes.predicted, strict=True)]
    assert len(clips) == len(right) == 8
    assert sum('<span class="mark right">' in clip for clip in clips) == sum(right)
    assert all(clip.count("data:image/jpeg") == 3 for clip in clips)
    assert len(clips_of(page_of(egoshift, own, "--examples", "3"))) == 3
    few = clips_of(page_of(egoshift, own, "--examples", "3", "--seed", "5"))
    assert set(few) < set(clips)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda own: shutil.rmtree(own / "models"), "holds no trained model"),
        (lambda own: (own / "run.yaml").unlink(), "its trained model does not lie beside it"),
        (lambda own: _change(own, "targets"), "the clips of mine are not those that it is of"),
        (lambda own: _change(own, "predicted"), "answers otherwise by now; evaluate it again"),
    ],
)
def test_why_no_clips_are_shown_is_said_in_a_line(egoshift: Command, own: Path, spoil: object, said: str) -> None:
    assert callable(spoil)
    spoil(own)
    page = page_of(egoshift, own)
    assert clips_of(page) == []
    note = note_of(page)
    assert note.startswith("noun, mine: ")
    assert said in note
    assert "\n" not in note


def _change(own: Path, name: str) -> None:
    (path,) = (own / "results").iterdir()
    result = Result.read(path)
    (outcomes,) = result.outcomes
    changed = {name: tuple((index + 1) % 3 for index in getattr(outcomes, name))}
    result.model_copy(update={"outcomes": (outcomes.model_copy(update=changed),)}).write(path)


def test_features_and_videos_that_are_gone_are_spoken_of(egoshift: Command, made: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(made, tmp_path / "place"))
    shutil.rmtree(place / "runs")
    out = place / "runs" / "small"
    run("train", "xmic_full", "--on", place / "mine.yaml", "--encoder", place / "clip", *SETS, "--out", out)
    run("evaluate", out)
    for video in (place / "mine" / "videos").iterdir():
        video.unlink()
    page = page_of(egoshift, out)
    assert "its video is not there" in page.read_text() or "videos" in note_of(page)
    shutil.rmtree(place / "features")
    page = page_of(egoshift, out)
    assert "no features of mine by" in note_of(page)
    (place / "features" / "mine").mkdir(parents=True)
    shutil.copytree(made / "features" / "mine" / "clip", place / "features" / "mine" / "other")
    assert "(there are those of other); run `egoshift extract" in note_of(page_of(egoshift, out))
    assert "are not there any more; the command makes them at the default rate" in page.read_text()


def test_a_run_that_no_recipe_makes_is_repeated_from_a_run_file(
    egoshift: Command, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = yaml.safe_load((made / "runs" / "small" / "run.yaml").read_text())
    fields |= {"name": "own+run", "streams": {"whole": fields["streams"]["full"]}}
    for streams in ("classify_streams", "condition_streams"):
        fields["method"]["options"][streams] = ["whole"]
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(fields))
    out = tmp_path / "runs" / "mine"
    run("train", tmp_path / "run.yaml", "--out", out)
    run("evaluate", out)
    run("evaluate", out, "--test", made / "other.yaml")
    page = page_of(egoshift, out)
    commands = run_again(egoshift, page, tmp_path / "fresh", monkeypatch)
    assert ["train", "own+run.yaml", "--out", "runs/own+run"] in commands
    assert ["evaluate", "runs/own+run", "--test", str(made / "other.yaml")] in commands
    assert rows_of(tmp_path / "fresh") == rows_of(out)
    assert len(rows_of(out)) == 2


def test_a_data_card_that_is_gone_is_spoken_of(egoshift: Command, made: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(made / "runs" / "small", tmp_path / "runs" / "small"))
    other = Path(shutil.copy(made / "other.yaml", made / "gone.yaml"))
    assert egoshift("evaluate", out, "--test", other).code == 0
    page = page_of(egoshift, out)
    assert ["evaluate", "runs/xmic_full", "--test", str(other)] in commands_of(page, tmp_path)
    other.unlink()
    card_name.cache_clear()
    page = page_of(egoshift, out)
    assert "xmic_full was evaluated on other, whose data card is not there any more" in page.read_text()
    assert "its data card is not there any more" in note_of(page)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.json"], "nowhere.json: cannot be read"),
        (["empty"], "empty: holds no results; `egoshift evaluate` writes them"),
        (["newer.json"], "newer.json: has result schema version 2, this egoshift reads version 1"),
        (["run.yaml"], "run.yaml: is not a result file"),
        (["small", "-o", "empty"], "empty: is a folder; give the page a name, such as empty/report.html"),
        (["small", "-o", "run.yaml/page.html"], "run.yaml/page.html: cannot be written"),
        (["small", "small/results/again.json"], "two results are called xmic_full (noun)"),
        (["small", "--tensorboard", "run.yaml"], "cannot be written (Not a directory); give another folder"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line_and_the_old_page_stays(
    egoshift: Command, own: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(own.parent)
    Path("empty").mkdir()
    (path,) = (own / "results").iterdir()
    Path("newer.json").write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    Path("run.yaml").write_text("name: x\n")
    Path("report.html").write_text("old")
    if "small/results/again.json" in arguments:
        shutil.copy(path, "small/results/again.json")
    answer = egoshift("report", *arguments, "--examples", "0")
    assert answer.code == 1
    assert [line for line in answer.lines if message in line] == answer.lines
    assert Path("report.html").read_text() == "old"


def test_a_full_disk_leaves_the_old_page(egoshift: Command, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = own.parent / "page.html"
    page.write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    answer = egoshift("report", own, "-o", page, "--examples", "0")
    assert (answer.code, answer.lines) == (
        1,
        [f"{page}: cannot be written (No space left on device); give -o another place"],
    )
    assert page.read_text() == "old"
    assert list(own.parent.glob("*.tmp")) == []


def test_event_files_are_written_while_training_and_from_results(
    egoshift: Command, made: Path, own: Path, tmp_path: Path
) -> None:
    options = ("--on", made / "mine.yaml", "--encoder", made / "clip", *SETS, "--out", tmp_path / "new")
    assert egoshift("train", "xmic_full", *options, "--tensorboard", tmp_path / "live").code == 0
    live = EventAccumulator(str(tmp_path / "live" / "xmic_full-noun"))
    live.Reload()
    assert [one.step for one in live.Scalars("step/loss")] == [1, 2, 3, 4], (
        "two epochs of eight clips in batches of four"
    )
    answer = egoshift("report", own, "-o", tmp_path / "page.html", "--tensorboard", tmp_path / "done")
    assert answer.code == 0
    assert "wrote the curves of 1 models" in answer.err
    (folder,) = (tmp_path / "done").iterdir()
    done = EventAccumulator(str(folder))
    done.Reload()
    (path,) = (own / "results").iterdir()
    losses = [row.loss for row in Result.read(path).history]
    assert [one.value for one in done.Scalars("train/loss")] == pytest.approx(losses)
    assert [one.value for one in live.Scalars("train/loss")] == pytest.approx(losses), "the same training"

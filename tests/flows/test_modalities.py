"""Several sensors by the command line: encoders are trained, their features stored, fused, evaluated and tabled."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from egoshift.cli import main
from egoshift.evaluation import ModalityResult, Result
from egoshift.features import Store
from egoshift.recipes import evaluate
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.multimodal import BASE, CLASSES, write_multimodal
from tests.flows.conftest import Command

ALL = ("video", "audio", "imu")
QUICK = ("fit.selection=last", "fit.precision=32-true", "fit.batch_size=16", "fit.num_frames=2", "fit.warmup_epochs=0")

SHAPES = {
    "audio": "{num_frames: 64, hidden_size: 16, intermediate_size: 16, num_hidden_layers: 1}",
    "imu": "{num_samples: 200, hidden_size: 16, intermediate_size: 16, num_hidden_layers: 1}",
}


def run(*arguments: object) -> str:
    answer = CliRunner().invoke(main.application(), [str(one) for one in arguments])
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def settings(*fields: str) -> list[str]:
    return [part for field in (*QUICK, *fields) for part in ("--set", field)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, two trained encoders, and the features of all three sensors. Not to be changed."""
    place = tmp_path_factory.mktemp("modalities")
    card = write_multimodal(place)
    write_clip(place / "clip")
    for sensor, options in SHAPES.items():
        fields = ("fit.epochs=2", "method.options.preset=tiny", f"method.options.options={options}")
        run("train", f"mmg_{sensor}", "--on", card, *settings(*fields), "--out", place / "runs" / f"mmg_{sensor}")
        run("extract", card, "--encoder", encoder(place, sensor))
    run("extract", card, "--encoder", place / "clip", "--rate", "1")
    return place


def encoder(place: Path, sensor: str) -> str:
    return f"{sensor}:{place / 'runs' / f'mmg_{sensor}' / 'models' / 'action'}"


def trained(place: Path, recipe: str, out: Path, *fields: str) -> Path:
    streams = [f"streams.{sensor}.encoder={encoder(place, sensor)}" for sensor in ("audio", "imu")]
    if recipe in ("mmg_align", "mmg_zero_shot"):  # these train the encoders
        own = ", ".join(f"{sensor}: {{preset: tiny, options: {shape}}}" for sensor, shape in SHAPES.items())
        streams = [f"method.options.encoders={{{own}}}"]
    small = ("method.options.width=16", "method.options.num_layers=1", "method.options.num_heads=2")
    options = ("--on", place / "small.yaml", "--encoder", place / "clip")
    run("train", recipe, *options, *settings(*streams, *small, "fit.epochs=2", *fields), "--out", out)
    return out


def test_from_recordings_to_the_papers_tables(egoshift: Command, place: Path, tmp_path: Path) -> None:
    out = trained(place, "mmg_many_shot", tmp_path / "runs" / "many")
    answer = egoshift("evaluate", out)
    assert answer.code == 0, answer.err
    assert "action on small: " in answer.out
    assert "video+audio+imu on small: " in answer.out
    assert "7 numbers of 7 subsets" in answer.out
    (path,) = (out / "results").glob("*--modalities.json")
    assert str(path) in answer.out.replace("\n", "")
    result = ModalityResult.read(path)
    assert (result.modalities, result.variant, result.test) == (ALL, "mmg_many_shot", "small")
    assert {row.query for row in result.rows} == {
        tuple(name for number, name in enumerate(ALL) if bits >> number & 1) for bits in range(1, 8)
    }
    # 28 test clips, of which 16 are of base classes; of these two of the video without readings at its end.
    num_clips = {row.query: row.n for row in result.rows}
    assert num_clips[ALL] == num_clips["audio",] == num_clips["video",] > num_clips["imu",]
    assert result.provenance.run["objective"]["alignment"]["weight"] == 1.0  # type: ignore[index,call-overload]
    for form in ("md", "csv", "json", "latex"):
        assert egoshift("tables", tmp_path / "runs", "--paper", "mmg", "--format", form).code == 0
    page = tmp_path / "page.html"
    assert egoshift("tables", tmp_path / "runs", "--format", "html", "-o", page).code == 0
    assert "audio" in page.read_text()
    printed = json.loads(egoshift("evaluate", out, "--json").out)
    assert {Path(name).name for name in printed} == {path.name, "mmg_many_shot-action--small-to-small.json"}


def test_few_shot_rows_are_of_the_novel_classes_and_nothing_else_is_scored(
    egoshift: Command, place: Path, tmp_path: Path
) -> None:
    many = trained(place, "mmg_many_shot", tmp_path / "many") / "models" / "action"
    few = ("few_shot.ways=2", "few_shot.shots=1", "few_shot.queries=1", "few_shot.num_episodes=5")
    episodes = ("objective.prototypes.ways=3", "objective.prototypes.shots=1", "objective.prototypes.queries=1")
    out = trained(place, "mmg_few_shot", tmp_path / "few", f"start=[{many}]", *few, *episodes)
    answer = egoshift("evaluate", out)
    assert answer.code == 0, answer.err
    assert len(answer.out.splitlines()) == 2
    assert "49 numbers of 7 subsets" in answer.out
    assert "all clips of the source" not in answer.out
    (path,) = (out / "results").iterdir()
    result = ModalityResult.read(path)
    assert len(result.rows) == 7 * 7
    assert {(row.task, row.clips, row.n) for row in result.rows} == {("few-shot", "all", 5)}
    assert result.episodes == {"ways": 2, "shots": 1, "queries": 1, "episodes": 5, "seed": 0}
    named = {name for example in result.examples for name in example.classes}
    assert named
    assert named <= set(CLASSES) - set(BASE)


def test_a_text_head_is_asked_for_the_novel_classes_too(egoshift: Command, place: Path, tmp_path: Path) -> None:
    out = trained(place, "xmic_sensors", tmp_path / "text")
    assert egoshift("evaluate", out).code == 0
    (path,) = (out / "results").glob("*--modalities.json")
    result = ModalityResult.read(path)
    kinds = {"all", "shared", "novel", "shared-generalised", "novel-generalised"}
    assert {row.clips for row in result.rows} == kinds
    counts = {row.clips: row.n for row in result.rows if row.query == ALL}
    assert counts == {"all": 28, "shared": 16, "shared-generalised": 16, "novel": 12, "novel-generalised": 12}
    # Of the classes trained on alone, as if nothing else had been asked.
    (plain,) = evaluate(out, results=tmp_path / "apart").values()
    written = Result.read(out / "results" / "xmic_sensors-action--small-to-small.json")
    assert (written.rows, written.counts) == (plain.rows, plain.counts)


def test_labels_from_one_sensor_recognise_the_others_clips(egoshift: Command, place: Path, tmp_path: Path) -> None:
    align = trained(place, "mmg_align", tmp_path / "align")
    answer = egoshift("evaluate", align)
    assert answer.code == 0, answer.err
    (said,) = answer.out.splitlines()
    assert said.startswith(f"{align}: nothing was trained by labels here, so there is nothing to evaluate; train a run")
    assert said.endswith(f"egoshift train mmg_zero_shot --set start=[{align}/models/action]")
    assert egoshift("evaluate", align, "--json").out.strip() == "{}"
    assert not (align / "results").exists()

    start = f"start=[{align}/models/action]"
    out = trained(place, "mmg_zero_shot", tmp_path / "zero", start, "seen_by=[imu]", "name=mmg_zero_shot.imu")
    assert egoshift("evaluate", out).code == 0
    (path,) = (out / "results").glob("*--modalities.json")
    result = ModalityResult.read(path)
    assert (result.variant, result.sweep) == ("mmg_zero_shot", ())
    assert {row.support for row in result.rows} == {("imu",)}
    settings_of = {row.query: result.setting(row) for row in result.rows}
    assert settings_of["video", "audio"] == "zero-shot"


def test_a_sensors_features_are_extracted_once_and_by_its_own_rate(egoshift: Command, place: Path) -> None:
    card, name = place / "small.yaml", encoder(place, "imu")
    (report,) = json.loads(egoshift("extract", card, "--encoder", name, "--json").out)
    assert report["frames_encoded"] == 0
    store = Store.open(Path(report["store"]))
    assert store.views == ("window",)
    assert store.manifest.plan.rate_hz == 2.0
    assert store.path.name.startswith("imu--mmg_imu-action--")
    assert len(store.recorded) < len(store)
    printed = egoshift("extract", card, "--encoder", name).out.replace("\n", " ")
    assert "0 windows in" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--views", "full"], "views are of frames, imu:"),
        (["--precision", "bfloat16"], "encoders of sensors run in float32, not in bfloat16; leave --precision out"),
        (["--rate", "4"], "rate_hz"),
    ],
)
def test_options_that_sensors_do_not_have_are_refused(
    egoshift: Command, place: Path, options: list[str], message: str
) -> None:
    answer = egoshift("extract", place / "small.yaml", "--encoder", encoder(place, "imu"), *options)
    assert answer.code == 1
    assert message in answer.err.replace("\n", " ")


def test_encoders_that_are_not_there_are_named_in_one_line(egoshift: Command, place: Path, tmp_path: Path) -> None:
    card = place / "small.yaml"
    for name, message in (
        ("imu:runs/nowhere", "runs/nowhere: holds no trained model, and there are no published weights for imu"),
        (f"imu:{encoder(place, 'audio').partition(':')[2]}", "holds an encoder of audio, asked for an encoder of imu"),
        ("audio:runs/nowhere", "runs/nowhere"),
    ):
        answer = egoshift("extract", card, "--encoder", name)
        assert answer.code == 1
        assert len(answer.lines) == 1
        assert message in answer.lines[0]
    options = ("--on", card, "--encoder", place / "clip", "--out", tmp_path / "run")
    answer = egoshift("train", "mmg_many_shot", *options)
    assert answer.code == 1
    assert "runs/mmg_audio/models/action" in answer.err


@pytest.mark.parametrize("name", ["mmg_video", "mmg_audio", "mmg_imu"])
def test_recipes_of_encoders_print_a_run_without_other_encoders(egoshift: Command, name: str) -> None:
    fields = json.loads(egoshift("recipes", name, "--json").out)
    sensor = name.removeprefix("mmg_")
    assert fields["streams"] == {sensor: {"encoder": f"signal:{sensor}", "view": "window"}}
    assert fields["method"] == {"name": "unimodal", "options": {"sensor": sensor}}
    assert fields["text_encoder"] == ""
    assert egoshift("recipes", name).code == 0

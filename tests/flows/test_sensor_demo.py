"""``egoshift demo --sensors`` on a world of a minute: every stage in its order, every subset, and nothing twice.

No test asserts how well anything is recognised.
"""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from egoshift.evaluation import ModalityResult
from egoshift.recipes import sensor_demo
from egoshift.recipes.worlds import Job, Replicate, work
from egoshift.recipes.worlds import replicate as replicates
from egoshift.recipes.worlds.sensor_variants import DEMO, SENSOR_VARIANTS, SensorVariant, levels_of
from egoshift.training.checkpoint import CONFIG_FILE
from tests.fixtures.multimodal import CLASSES, NOVEL, write_multimodal
from tests.flows.conftest import Command

SOME = ("mmg_many_shot", "mmg_few_shot", "mmg_zero_shot.audio+imu", "xmic_sensors", "xmic_video")
TRAINED = [name for level in levels_of(SOME) for name in level]
TINY = "{audio: {preset: tiny, options: {num_frames: 64}}, imu: {preset: tiny, options: {num_samples: 128}}}"
EPISODES = ("ways=3", "shots=1", "queries=1")


def quick(variant: SensorVariant) -> SensorVariant:
    """The variant with one epoch, small encoders and small episodes; full frames, since the world has no hand boxes."""
    sets = [*variant.sets, "fit.epochs=1", "fit.num_frames=2", "fit.warmup_epochs=0"]
    if variant.makes is not None:
        size = {"audio": "num_frames: 64", "imu": "num_samples: 128"}[variant.makes]
        return replace(variant, sets=(*sets, f"method.options.options={{{size}}}"))
    sets += ["streams.video.view=full", "method.options.width=16", "method.options.num_layers=1"]
    run = variant.recipe(Path("x.yaml"))
    if "encoders" in run.method.options:
        sets.append(f"method.options.encoders={TINY}")
    if run.few_shot is not None:
        sets += [f"few_shot.{field}" for field in (*EPISODES, "num_episodes=20")]
        sets += [f"objective.prototypes.{field}" for field in EPISODES]
    return replace(variant, sets=tuple(sets))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is trained, in a small world and in this process."""
    names: list[str] = []

    def write_world(folder: Path, **arguments: object) -> None:
        assert arguments["sets"] == ("multimodal",)
        write_multimodal(folder, "multimodal")

    def train_all(replicate: Replicate, jobs: Sequence[Job], told: Callable[[Job], None], failed: None = None) -> None:
        for job in jobs:
            replicate.train(job)
            names.append(job.variant)
            told(job)

    for name, variant in SENSOR_VARIANTS.items():
        monkeypatch.setitem(SENSOR_VARIANTS, name, quick(variant))
    monkeypatch.setattr(replicates, "write_world", write_world)
    monkeypatch.setattr(work, "train_all", train_all)
    monkeypatch.setattr(sensor_demo, "DEMO", SOME)
    monkeypatch.chdir(tmp_path)  # the models to begin with are named from the folder that one works in
    return names


@pytest.mark.timeout(300)
def test_the_whole_table_is_run_in_order_and_once(egoshift: Command, trained: list[str], tmp_path: Path) -> None:
    answer = egoshift("demo", "--sensors", "--out", "small")
    assert answer.code == 0, answer.err
    assert trained == TRAINED
    for setting in ("Few-shot", "Zero-shot", "missing"):
        assert setting.lower() in answer.out.lower()
    folder = tmp_path / "small" / "sensors"
    assert "data:image" in (folder / "report.html").read_text()
    _check_results(folder / "results")

    page = (folder / "report.html").read_bytes()
    rows = json.loads(egoshift("demo", "--sensors", "--out", "small", "--json").out)
    assert {row["method"] for row in rows} >= {"mmg_many_shot", "mmg_few_shot", "xmic_sensors"}
    assert trained == TRAINED, "what is there is used again"
    assert (folder / "report.html").read_bytes() == page

    align = folder / "models" / "mmg_align-action-multimodal"
    said = egoshift("evaluate", align)
    assert said.code == 0
    assert len(said.out.splitlines()) == 1
    assert "nothing was trained by labels here, so there is nothing to evaluate" in said.out
    assert not (align / "results").exists()

    shutil.rmtree(align)
    trained.clear()
    assert egoshift("demo", "--sensors", "--out", "small", "--seed", 0).code == 0
    assert trained == ["mmg_align"], "the same weights again, so that what begins with them is as it was"


def test_what_begins_with_another_model_is_trained_again(trained: list[str], tmp_path: Path) -> None:
    mine = Replicate(Path("small"), 0, 1.0, sensors=True)
    steps = [step for step in work.sensor_steps(mine, ["mmg_zero_shot.imu"])]
    work.do_all(((mine, step) for step in steps), lambda *_: None)
    assert trained == ["mmg_align", "mmg_zero_shot.imu"]
    job = Job("mmg_zero_shot.imu", "action", "multimodal")
    assert mine.is_done(job)
    config = tmp_path / "small/sensors/models/mmg_align-action-multimodal/models/action" / CONFIG_FILE
    text = re.sub(r'"checksum": "\w+"', '"checksum": ""', config.read_text())
    (digest,) = set(json.loads(text)["digests"].values()) & {json.loads(text)["digests"]["model.safetensors"]}
    config.write_text(text.replace(digest, digest[::-1]))
    assert not mine.is_done(job)
    config.write_text(text)
    assert mine.is_done(job)


def _check_results(folder: Path) -> None:
    plain = {path.name for path in folder.glob("*.json") if "--modalities" not in path.name}
    assert plain == {f"mmg_{sensor}-action--multimodal-to-multimodal.json" for sensor in ("audio", "imu")}
    found = {path.name.split("-action--")[0]: ModalityResult.read(path) for path in folder.glob("*--modalities.json")}
    assert set(found) == set(SOME) < set(DEMO)
    for name, result in found.items():
        base, _, seen = name.partition(".")
        assert result.variant == base
        assert bool(result.sweep) == (not seen and name != "mmg_few_shot"), "what did not see all of them has no sweep"
        many = {row.support for row in result.rows if row.task == "many-shot"}
        if seen:
            assert {frozenset(support) for support in many} == {frozenset(seen.split("+"))}
        text_head = name.startswith("xmic")
        assert ({row.clips for row in result.rows if row.task == "many-shot"} > {"all"}) == text_head
    few = found["mmg_few_shot"]
    assert {row.task for row in few.rows} == {"few-shot"}, "its classes were not trained by name"
    assert len(few.rows) == 7 * 7
    assert {name for example in few.examples for name in example.classes} <= set(NOVEL) < set(CLASSES)
    assert found["xmic_video"].modalities == ("video",)

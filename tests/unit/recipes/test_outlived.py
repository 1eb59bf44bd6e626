"""Results whose model was trained again since are named; those that nothing is known of are read as ever."""

import shutil
from pathlib import Path

import pytest

from egoshift.errors import ResultError
from egoshift.evaluation import Provenance
from egoshift.recipes import Run
from egoshift.recipes.reports import find_results
from egoshift.recipes.run_files import absolute, write_run
from egoshift.recipes.tables import read_results
from egoshift.training.checkpoint import CheckpointConfig
from tests.unit.recipes.results import made_up

FIELDS = {"train": "card.yaml", "method": {"name": "zero_shot"}, "streams": {"full": {"encoder": "clip"}}}


def digests(version: str) -> dict[str, str]:
    return {"model.safetensors": version, "text.safetensors": "text"}


def train(folder: Path, name: str, version: str, label: str = "noun") -> Run:
    """A run's folder with one model of a version."""
    run = absolute(Run.model_validate({"name": name, "text_encoder": "clip"} | FIELDS))
    (folder / "models" / label).mkdir(parents=True, exist_ok=True)
    write_run(run, folder / "run.yaml")
    streams = ("full",)
    config = CheckpointConfig(
        method="zero_shot", settings={}, streams=streams, vocabularies={}, digests=digests(version)
    )
    (folder / "models" / label / "config.json").write_text(config.model_dump_json())
    return run


def evaluate(run: Run, file: Path, version: str) -> Path:
    model = digests(version) if version else {}
    provenance = Provenance(run=run.model_dump(mode="json"), model=model)
    made_up("kitchen", "home", variant=run.name, provenance=provenance, num_resamples=10).write(file)
    return file


def test_a_result_of_a_model_that_was_trained_again_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    folder = tmp_path / "xmic"
    run = train(folder, "xmic", "first")
    file = evaluate(run, folder / "results" / "xmic-noun--kitchen-to-home.json", "first")
    train(folder, "xmic", "of verbs", label="verb")
    assert len(read_results([folder])) == 1
    train(folder, "xmic", "second")
    for read in (read_results, find_results):
        with pytest.raises(ResultError) as caught:
            read([folder])
        assert str(caught.value) == (
            f"{folder / 'results'}: the model was trained again since these results of it were written: {file.name}; "
            f"write them again with `egoshift evaluate {folder}`, or remove them"
        )
    config = folder / "models" / "noun" / "config.json"
    whole = config.read_text()
    config.write_text(whole.replace('"checksum":""', '"checksum":"0"'))
    assert len(read_results([folder])) == 1, "of a damaged model nothing can be said"
    config.write_text(whole)
    evaluate(run, file, "second")
    assert len(read_results([folder])) == len(find_results([folder])[0]) == 1


def test_of_the_results_of_many_runs_each_is_held_against_the_models_of_its_own(tmp_path: Path) -> None:
    files = {}
    for name in ("a", "b"):
        run = train(tmp_path / "models" / name, name, f"first of {name}")
        files[name] = evaluate(run, tmp_path / "results" / f"{name}.json", f"first of {name}")
    assert len(read_results([tmp_path])) == 2
    train(tmp_path / "models" / "b", "b", "second of b")
    with pytest.raises(ResultError, match=r"written: b\.json; write them again with the command that wrote them"):
        read_results([tmp_path])
    assert len(read_results([files["a"]])) == 1


def test_results_without_their_models_and_of_before_their_models_were_kept_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "xmic"
    run = train(folder, "xmic", "second")
    evaluate(run, folder / "results" / "old.json", "")
    assert len(read_results([folder])) == 1
    evaluate(run, folder / "results" / "old.json", "first")
    shutil.move(folder / "results", tmp_path / "elsewhere" / "results")
    assert len(read_results([tmp_path / "elsewhere"])) == 1
    shutil.copytree(tmp_path / "elsewhere" / "results", folder / "results")
    shutil.rmtree(folder / "models")
    assert len(read_results([folder])) == 1

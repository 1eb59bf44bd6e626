"""Models that travel: what is saved is what is loaded, wherever it lies; what is damaged is refused in one line."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub.errors import RepositoryNotFoundError

from egoshift.errors import CheckpointError, ConfigError, EgoshiftError
from egoshift.evaluation import Result
from egoshift.prediction import Predictor, package, packing
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.trained_runs import NOUNS
from tests.unit.prediction.test_fused import of
from tests.unit.recipes.results import made_up


@pytest.fixture(scope="module")
def video(pictures: Path) -> Path:
    return pictures / "kitchen" / "v4.mp4"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def same_answers(one: Predictor, other: Predictor, video: Path, **options: Any) -> None:
    first, second = one.predict(video, **options), other.predict(video, **options)
    assert first.timeline == second.timeline
    for label, values in first.evidence.probabilities.items():
        np.testing.assert_array_equal(values, second.evidence.probabilities[label])


def test_a_saved_predictor_says_the_same_wherever_it_lies(pictures: Path, video: Path, cache: Path, tmp_path: Path):
    made = Predictor.from_pretrained(pictures / "xmic")
    made.save_pretrained(tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")
    found = Predictor.from_pretrained(tmp_path / "two")
    same_answers(made, found, video, cache=cache)
    same_answers(made, found, video, cache=cache, nouns=["ladle", "cup"])
    found.save_pretrained(tmp_path / "three")
    shutil.rmtree(tmp_path / "two")
    third = Predictor.from_pretrained(tmp_path / "three")
    same_answers(made, third, video, cache=cache)
    assert third.package.results == made.package.results
    assert len(made.package.results) == 2
    assert third.window_s == made.window_s == 0.75
    assert third.temperature("noun") == made.temperature("noun") is not None


def test_results_of_strangers_name_no_place_to_write_at(pictures: Path, tmp_path: Path):
    made = Predictor.from_pretrained(pictures / "xmic").package
    results = tuple(one.model_copy(update={"train": "x/../../../../there/x"}) for one in made.results)
    packing.save_package(replace(made, results=results), tmp_path / "a" / "b")
    written = {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {("a", "b")}
    assert len(package.load_package(tmp_path / "a" / "b").results) == len(results)


@pytest.mark.parametrize("name", ["stored", "signals", "text"])
def test_encoders_of_sensors_travel_along(fusions: Path, tmp_path: Path, name: str):
    run = tmp_path / "runs"
    shutil.copytree(fusions, run)
    for path in (*run.rglob("*.yaml"), *run.rglob("*.json")):
        text = path.read_text().replace(str(fusions), str(run))
        path.write_text(re.sub(r'"checksum": "\w+"', '"checksum": ""', text))
    path, beside = of(fusions, "t1")
    options: dict[str, Any] = {"sensors": beside, "cache": tmp_path / "cache"}
    made = Predictor.from_pretrained(run / name)
    before = made.predict(path, **options)
    made.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved").rename(tmp_path / "moved")
    clip = Path(shutil.copytree(run / "clip", tmp_path / "clip"))
    shutil.rmtree(run)
    found = Predictor.from_pretrained(tmp_path / "moved", encoder=str(clip))
    after = found.predict(path, **(options | {"cache": tmp_path / "fresh"}))
    np.testing.assert_array_equal(before.evidence.probabilities["action"], after.evidence.probabilities["action"])
    assert (tmp_path / "moved" / "encoders").is_dir() == (name != "signals")
    # Saved once more from where it lies now, and over itself.
    found.save_pretrained(tmp_path / "moved")
    found.save_pretrained(tmp_path / "again")
    for folder in ("moved", "again"):
        third = Predictor.from_pretrained(tmp_path / folder, encoder=str(clip))
        assert third.predict(path, **options).timeline.tracks == before.timeline.tracks


def test_two_encoders_of_one_sensor_both_travel(fusions: Path, tmp_path: Path):
    made = Predictor.from_pretrained(fusions / "stored")
    audio, imu = (made.package.streams[sensor] for sensor in ("audio", "imu"))
    other = Path(shutil.copytree(fusions / "mmg_imu" / "models" / "action", tmp_path / "other"))
    streams = {"a": audio, "b": imu, "c": imu.model_copy(update={"encoder": f"imu:{other}"})}
    packing.save_package(replace(made.package, streams=streams), tmp_path / "saved")
    found = package.load_package(tmp_path / "saved")
    places = {name: Path(ref.encoder.partition(":")[2]) for name, ref in found.streams.items()}
    assert len(set(places.values())) == 3
    assert all(str(place).startswith(str(tmp_path / "saved")) for place in places.values())
    assert (places["c"] / "config.json").read_bytes() == (other / "config.json").read_bytes()


def test_a_predictor_over_another_leaves_nothing_of_it(pictures: Path, tmp_path: Path):
    Predictor.from_pretrained(pictures / "xmic").save_pretrained(tmp_path / "p")
    Predictor.from_pretrained(pictures / "actions").save_pretrained(tmp_path / "p")
    assert sorted(path.name for path in (tmp_path / "p" / "models").iterdir()) == ["action"]
    assert not (tmp_path / "p" / "results").exists()
    assert Predictor.from_pretrained(tmp_path / "p").labels == ("action",)


def changed(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_text("{"), "is not a predictor's"),
        (lambda path: path.write_text("[]"), "is not a predictor's"),
        (
            lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 2})),
            "schema_version",
        ),
        (lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"surprise": 1})), "surprise"),
        (lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"labels": []})), "labels"),
        (lambda path: path.write_text(path.read_text().replace('"{}"', '"a {}"')), "not as it was written"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "is not a predictor's"),
        (lambda path: shutil.rmtree(path.parent / "models"), "models"),
        (lambda path: (path.parent / "models" / "noun" / "model.safetensors").write_bytes(b"x"), "noun"),
    ],
    ids=["cut", "list", "newer", "unknown-field", "no-model", "changed", "bytes", "models-gone", "weights-damaged"],
)
def test_a_damaged_folder_is_refused_in_one_line(pictures: Path, tmp_path: Path, spoil: Any, message: str):
    Predictor.from_pretrained(pictures / "xmic").save_pretrained(tmp_path / "p")
    spoil(tmp_path / "p" / "predictor.json")
    with pytest.raises(CheckpointError) as error:
        Predictor.from_pretrained(tmp_path / "p")
    assert message in str(error.value)
    assert str(tmp_path / "p") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_predictor_never_reaches_out_of_its_folder(fusions: Path, tmp_path: Path):
    """What comes from the hub names folders within itself, and nothing else of this machine is read by it."""
    Predictor.from_pretrained(fusions / "stored").save_pretrained(tmp_path / "p")
    config = json.loads((tmp_path / "p" / "predictor.json").read_text())
    config["labels"] = ["../../elsewhere"]
    (tmp_path / "p" / "predictor.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"predictor\.json"):
        package.load_package(tmp_path / "p")


def test_other_weights_than_in_training_are_refused(pictures: Path, video: Path, cache: Path, tmp_path: Path):
    other = write_clip(tmp_path / "clip", dim=32)
    made = Predictor.from_pretrained(pictures / "xmic")
    assert made.package.weights
    swapped = Predictor.from_pretrained(pictures / "xmic", encoder=str(other))
    with pytest.raises(CheckpointError, match="the model was trained on features by"):
        swapped.predict(video, cache=cache)
    same = Path(shutil.copytree(pictures / "clip", tmp_path / "elsewhere"))
    same_answers(made, Predictor.from_pretrained(pictures / "xmic", encoder=str(same)), video, cache=tmp_path / "c")


def test_an_encoder_for_none_or_for_several_is_refused(fusions: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="reads 0 image encoders"):
        Predictor.from_pretrained(fusions / "mmg_audio", encoder=str(tmp_path))


def test_something_else_is_not_overwritten(pictures: Path, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="holds something else than a predictor; give another folder"):
        Predictor.from_pretrained(pictures / "xmic").save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(EgoshiftError):
        Predictor.from_pretrained(pictures / "xmic").save_pretrained(tmp_path / "notes.txt")


def test_one_models_folder_is_enough(pictures: Path, video: Path, cache: Path, tmp_path: Path):
    found = Predictor.from_pretrained(pictures / "xmic" / "models" / "noun")
    assert (found.labels, found.classes["noun"]) == (("noun",), NOUNS)
    assert len(found.package.results) == 1
    found.save_pretrained(tmp_path / "p")
    same_answers(found, Predictor.from_pretrained(tmp_path / "p"), video, cache=cache)


def test_a_model_that_does_not_say_what_made_its_features_is_refused(pictures: Path, tmp_path: Path):
    model = Predictor.from_pretrained(pictures / "xmic").package.models[0]
    model.provenance = {}
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(CheckpointError, match="does not say which encoders made its features"):
        Predictor.from_pretrained(tmp_path / "model")


def test_folders_without_a_model_and_ids_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with pytest.raises(CheckpointError, match="holds no model"):
        Predictor.from_pretrained(tmp_path)

    def unreachable(*_: Any, **__: Any) -> str:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(package, "snapshot_download", unreachable)
    for name in ("somebody/xmic", "runs/typo"):
        with pytest.raises(CheckpointError, match=f"{name}: is neither a folder here nor a model of the hub") as error:
            Predictor.from_pretrained(name)
        assert "\n" not in str(error.value)


def test_a_predictor_of_the_hub_is_downloaded_without_what_it_does_not_need(
    monkeypatch: pytest.MonkeyPatch, pictures: Path, tmp_path: Path
):
    Predictor.from_pretrained(pictures / "xmic").save_pretrained(tmp_path / "p")
    asked: dict[str, Any] = {}

    def download(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        return str(tmp_path / "p")

    monkeypatch.setattr(package, "snapshot_download", download)
    found = Predictor.from_pretrained("somebody/xmic", revision="v1", token="secret")
    assert found.labels == ("noun", "verb")
    assert (asked["name"], asked["revision"], asked["token"]) == ("somebody/xmic", "v1", "secret")
    matched = [
        str(path.relative_to(tmp_path / "p"))
        for path in (tmp_path / "p").rglob("*")
        if path.is_file() and any(path.match(pattern.replace("**", "*")) for pattern in asked["allow_patterns"])
    ]
    assert "predictor.json" in matched


class Hub:
    """What a push asks of the hub."""

    def __init__(self, error: BaseException | None = None):
        self.error, self.files, self.repo = error, dict[str, bytes](), ("", False)

    def __call__(self, token: str | None = None) -> "Hub":
        return self

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> str:
        assert exist_ok
        self.repo = (repo_id, private)
        return f"https://hub/{repo_id}"

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> None:
        if self.error is not None:
            raise self.error
        assert commit_message
        folder = Path(folder_path)
        self.files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_pushed_is_exactly_what_is_saved(monkeypatch: pytest.MonkeyPatch, pictures: Path, tmp_path: Path):
    hub = Hub()
    monkeypatch.setattr(packing, "HfApi", hub)
    predictor = Predictor.from_pretrained(pictures / "xmic")
    assert predictor.push_to_hub("somebody/xmic", private=True) == "https://hub/somebody/xmic"
    assert hub.repo == ("somebody/xmic", True)
    predictor.save_pretrained(tmp_path / "p")
    saved = {
        str(path.relative_to(tmp_path / "p")): path.read_bytes()
        for path in (tmp_path / "p").rglob("*")
        if path.is_file()
    }
    assert hub.files == saved
    assert set(saved) >= {"README.md", "predictor.json", "models/noun/model.safetensors", "models/verb/config.json"}


def test_a_push_that_is_refused_is_one_line(monkeypatch: pytest.MonkeyPatch, pictures: Path):
    response = type("Response", (), {"headers": {}, "request": None, "status_code": 404})()
    for error in (ConnectionError("no route\nto host"), RepositoryNotFoundError("no\nsuch", response=response)):
        monkeypatch.setattr(packing, "HfApi", Hub(error))
        with pytest.raises(CheckpointError, match=r"somebody/xmic: cannot be written to the hub") as said:
            Predictor.from_pretrained(pictures / "xmic").push_to_hub("somebody/xmic")
        assert "\n" not in str(said.value)


def card(predictor: Predictor, folder: Path) -> str:
    predictor.save_pretrained(folder)
    return (folder / "README.md").read_text()


def test_the_card_says_what_it_knows(pictures: Path, tmp_path: Path):
    predictor = Predictor.from_pretrained(pictures / "xmic")
    text = card(predictor, tmp_path / "p")
    assert text.startswith("---\nlibrary_name: egoshift\n")
    assert "kitchen" in text
    for label in ("verb", "noun"):
        classes = predictor.classes[label]
        assert f"{len(classes)} {label}s: {', '.join(classes)}." in text
    rows = [row for result in predictor.package.results for row in result.rows if row.metric == "top1"]
    assert rows
    for row in rows:
        if row.subset in ("all", "shared", "novel"):
            shown = f"{row.value:.1f}" + (
                "" if row.low is None or row.high is None else f" [{row.low:.1f}, {row.high:.1f}]"
            )
            assert f"| {row.label} | {row.subset} | {shown} | {row.n} |" in text
    assert "apache-2.0" in text, "the licence of the encoder"
    assert "It was not measured across data sets." in text
    assert "temperature" in text
    assert "Classes can be named freely" in text
    assert re.search(r"from_pretrained\(\"[^\"]+\"\)", text)


def test_the_card_of_a_fixed_vocabulary_says_so(fusions: Path, tmp_path: Path):
    text = card(Predictor.from_pretrained(fusions / "stored"), tmp_path / "p")
    assert "The classes of action are fixed." in text
    assert "Confidences are not calibrated" in text
    assert "None were measured" in text
    for line in ("- audio: an encoder of audio, in this folder", "- imu: an encoder of imu, in this folder"):
        assert line in text


def test_a_card_with_intervals_and_without_weights_at_hand(pictures: Path, tmp_path: Path):
    predictor = Predictor.from_pretrained(pictures / "xmic")
    (result, *_) = predictor.package.results
    rows = tuple(row.model_copy(update={"low": 12.34, "high": 56.78}) for row in result.rows)
    told = result.model_copy(update={"rows": rows, "test": "elsewhere"})
    assert isinstance(told, Result)
    made = replace(predictor.package, results=(told,)).with_encoder("somebody/clip")
    packing.save_package(made, tmp_path / "p")
    text = (tmp_path / "p" / "README.md").read_text()
    assert "[12.3, 56.8]" in text
    assert "It was not measured across data sets." not in text
    assert "`somebody/clip`, licence: unknown" in text


def test_a_folder_that_is_not_there_is_not_sought_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("egoshift.prediction.package.snapshot_download", lambda *_, **__: pytest.fail("no hub"))
    (tmp_path / "xmic-kitchen").mkdir()
    with pytest.raises(CheckpointError, match=r"no such folder; did you mean .*xmic-kitchen\?"):
        Predictor.from_pretrained(tmp_path / "xmic")
    with pytest.raises(CheckpointError, match="no such folder; give the folder of a run"):
        Predictor.from_pretrained("runs/nowhere/xmic")


def test_an_altered_result_is_left_out_and_told(pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    run = Path(shutil.copytree(pictures / "xmic", tmp_path / "run"))
    made_up("kitchen", "home").write(run / "results" / "r.json")
    whole = (run / "results" / "r.json").read_text()
    (run / "results" / "r.json").write_text(whole.replace('"n": ', '"n": 1', 1))
    assert package.load_package(run).results == package.load_package(pictures / "xmic").results
    assert "r.json: is not as it was written" in caplog.text


def test_whether_there_is_a_model_is_known_before_it_is_loaded(pictures: Path, tmp_path: Path):
    run = Path(shutil.copytree(pictures / "xmic", tmp_path / "run"))
    package.check_model(run)
    Predictor.from_pretrained(run).save_pretrained(tmp_path / "p")
    package.check_model(tmp_path / "p")
    model = sorted((run / "models").iterdir())[0]
    package.check_model(model)
    (model / "config.json").rename(model / "resume.safetensors")
    for place in (run, model):
        with pytest.raises(CheckpointError, match="but an unfinished training"):
            package.check_model(place)
    with pytest.raises(CheckpointError, match="give the folder of a run, such as runs/xmic"):
        package.check_model(model / "resume.safetensors")

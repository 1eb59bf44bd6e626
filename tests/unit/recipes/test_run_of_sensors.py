"""Runs of several sensors as data: their streams, stages and losses, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from egoshift.errors import ConfigError
from egoshift.recipes import Run, override, read_run, recipe
from egoshift.recipes.run import FewShot, StreamRef
from egoshift.recipes.run_files import absolute, validated
from egoshift.training import AlignmentTerm, Objective

CARD = Path("multimodal.yaml")


def run_of(name: str = "mmg_many_shot", **fields: Any) -> Run:
    return validated(recipe(name)(CARD).model_dump() | fields, place="test")


@pytest.mark.parametrize(
    ("encoder", "view"),
    [("signal:imu", "window"), ("audio:runs/a/models/action", "window"), ("./clip", "full"), ("pixels:./clip", "full")],
)
def test_sensors_are_stored_as_windows_and_pictures_as_frames(encoder: str, view: str) -> None:
    assert StreamRef(encoder=encoder).view == view
    assert StreamRef.model_validate({"encoder": encoder, "view": "hand"}).view == "hand"


def test_overrides_reach_the_losses_and_take_them_away() -> None:
    run = run_of()
    assert run.objective.alignment is not None
    changed = override(run, ["objective.alignment.negatives=recording", "objective.cross_entropy=0.5"])
    assert changed.objective == Objective(cross_entropy=0.5, alignment=AlignmentTerm(negatives="recording"))
    assert override(run, ["objective.alignment=null"]).objective == Objective()
    assert override(run, ["objective.alignment=~"]).objective == Objective()
    given = override(run_of("mmg_zero_shot"), ["objective.prototypes={ways: 3}", "seen_by=[video]"])
    assert given.objective.prototypes is not None
    assert (given.objective.prototypes.ways, given.seen_by) == (3, ("video",))
    assert override(run_of("mmg_few_shot"), ["few_shot=null"]).few_shot is None


@pytest.mark.parametrize(
    ("name", "assignment", "message"),
    [
        ("mmg_many_shot", "fit=null", "fit: Input should be"),
        ("mmg_many_shot", "objective=null", "objective: Input should be"),
        ("mmg_many_shot", "objective.alignment=1", "'alignment' is a group; set one of its fields: weight, anchor"),
        ("mmg_many_shot", "objective.alignment.tau=1", "there is no field 'tau'"),
        ("mmg_many_shot", "objective.prototypes.ways=3", "there is no field 'ways'"),
        (
            "mmg_many_shot",
            "objective.alignment.negatives=none",
            "objective.alignment.negatives: Input should be 'batch'",
        ),
        ("mmg_many_shot", "seen_by=[radar]", "seen_by names 'radar', the streams are video, audio, imu"),
        ("mmg_many_shot", "seen_by=[audio]", "align in a run before it, without losses that read labels"),
        ("mmg_many_shot", "seen_by=[video]", "align in a run before it, without losses that read labels"),
        (
            "mmg_many_shot",
            "streams.imu.encoder=signal:imu",
            "imu are signals, but method.options.encoders names none; give the same",
        ),
        ("mmg_align", "method.options.encoders={imu: {}}", "audio, imu are signals, but method.options.encoders names"),
        ("mmg_imu", "streams.imu.encoder=signal:audio", "'signal:audio' is the signal of another sensor than the"),
        ("mmg_imu", "method.options.sensor=audio", "unimodal of sensor 'audio' reads audio: signal:audio"),
        ("mmg_align", "splits=[]", "splits: Tuple should have at least 1 item"),
        ("mmg_align", "splits=[train, test]", "clips of the split 'test' are evaluated on; give train, unlabelled or"),
        ("mmg_zero_shot", "splits=[unlabelled]", "unlabelled clips alone have nothing for losses that read labels"),
        ("mmg_zero_shot", "start=nowhere", "start: Input should be a valid tuple"),
        ("mmg_imu", "method.name=fusion", "fusion has no option 'sensor'"),
        ("mmg_few_shot", "few_shot.ways=1", "few_shot.ways: Input should be greater than or equal to 2"),
        ("xmic", "text_encoder=", "text_encoder: xmic reads class text"),
        ("xmic", "text_encoder=''", "text_encoder: xmic reads class text; name the encoder that makes it"),
    ],
)
def test_an_override_that_does_not_fit_is_refused_in_one_line(name: str, assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(recipe(name)(CARD), [assignment])
    if assignment != "text_encoder=":  # YAML's nothing is no text
        assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_signals_are_read_by_encoders_of_the_same_sensors() -> None:
    fields: dict[str, Any] = {
        "streams": {"imu": {"encoder": "signal:imu"}},
        "method": {"name": "fusion"},
        "objective": {},
    }
    with pytest.raises(ConfigError, match=r"imu are signals, but method\.options\.encoders names none"):
        run_of(**fields)
    given = run_of(**fields | {"method": {"name": "fusion", "options": {"encoders": {"imu": {"preset": "tiny"}}}}})
    assert given.streams["imu"].view == "window"
    streams = {"pictures": {"encoder": "signal:video"}}
    with pytest.raises(ConfigError, match="'signal:video' is the signal of another sensor than the stream 'pictures'"):
        validated(recipe("mmg_video")(CARD).model_dump() | {"streams": streams}, place="test")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mmg_many_shot", True), ("mmg_imu", True), ("mmg_few_shot", True), ("mmg_align", False), ("xmic", True)],
)
def test_a_model_can_be_scored_where_labels_were_seen_or_episodes_are_asked_for(name: str, expected: bool) -> None:
    run = recipe(name)(CARD)
    assert run.has_results is expected
    if name == "mmg_few_shot":
        assert not override(run, ["few_shot=null"]).has_results


def test_models_to_begin_with_are_found_from_the_run_files_folder(tmp_path: Path) -> None:
    run = override(recipe("mmg_zero_shot")(CARD), ["start=[one, ../two]"])
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run.model_dump(mode="json")))
    assert read_run(tmp_path / "run.yaml").start == (tmp_path / "one", tmp_path / "../two")
    assert absolute(run).start == (Path("one").absolute(), Path("../two").absolute())


def test_the_stages_of_the_papers_table_have_its_losses_and_clips() -> None:
    align, zero, many, few = (recipe(f"mmg_{name}")(CARD) for name in ("align", "zero_shot", "many_shot", "few_shot"))
    assert (align.objective.cross_entropy, align.objective.needs_labels) == (0.0, False)
    assert set(align.splits) == {"unlabelled", "train"}
    assert (zero.objective, zero.seen_by) == (Objective(), ("audio", "imu"))
    assert [folder.parts[1] for folder in zero.start] == ["mmg_align"]
    assert many.objective == Objective(alignment=AlignmentTerm())
    assert (few.objective.cross_entropy, few.objective.alignment) == (0.0, None)
    assert few.objective.prototypes is not None
    assert [folder.parts[1] for folder in few.start] == ["mmg_many_shot"]
    assert few.few_shot == FewShot()


def test_episodes_are_of_one_kind_of_label_a_model() -> None:
    both: dict[str, Any] = {"labels": ["noun", "verb"], "few_shot": {}}
    assert run_of(**both).few_shot == FewShot()
    with pytest.raises(ConfigError, match="few_shot is of one kind of label a model; set together to false"):
        run_of(**both, together=True)


def test_a_list_of_episodes_is_found_from_the_run_files_folder(tmp_path: Path) -> None:
    fields = recipe("mmg_few_shot")(CARD).model_dump(mode="json")
    fields["few_shot"]["path"] = "episodes.json"
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(fields))
    run = read_run(tmp_path / "run.yaml")
    assert run.few_shot is not None
    assert run.few_shot.path == tmp_path / "episodes.json"
    moved = absolute(run.model_copy(update={"few_shot": FewShot(path=Path("here.json"))}))
    assert moved.few_shot is not None
    assert moved.few_shot.path == Path("here.json").absolute()

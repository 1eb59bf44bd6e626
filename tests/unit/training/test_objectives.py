"""Training by each objective: what is refused, what repeats, what is taken up again, and what the losses reach."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from egoshift.classifier import ClassText
from egoshift.errors import ConfigError
from egoshift.features import SeenBy, TensorFeatures
from egoshift.fusion import Fusion
from egoshift.records import Label
from egoshift.training import AlignmentTerm, FitProgress, FitReport, FitSettings, Objective, PrototypeTerm, fit, loop
from egoshift.training.objectives import check_objective
from tests.unit.evaluation.toy import toy, toy_clips, toy_text

DIMS = {"video": 6, "audio": 4}
CLASSES, CLIPS = 4, 40
NAMES: dict[Label, tuple[str, ...]] = {"verb": ("cut", "wash", "put", "stir")}
TEXT: dict[Label, ClassText] = {"verb": ClassText(torch.zeros(CLASSES, 0), NAMES["verb"])}
EPISODES = PrototypeTerm(ways=3, shots=2, queries=2)
OBJECTIVES = {
    "cross-entropy": Objective(),
    "with alignment": Objective(alignment=AlignmentTerm()),
    "alignment": Objective(cross_entropy=0.0, alignment=AlignmentTerm(negatives="other-recordings")),
    "prototypes": Objective(cross_entropy=0.0, prototypes=EPISODES),
    "all": Objective(cross_entropy=0.5, alignment=AlignmentTerm(weight=0.3), prototypes=EPISODES),
}
every_objective = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
SETTINGS = FitSettings(epochs=3, batch_size=8, num_frames=2, lr=1e-3, precision="32-true", selection="last")


def clips(labelled: bool = True, seed: int = 0) -> TensorFeatures:
    """Clips of five recordings whose streams lie near their class's, some without one stream."""
    generator = torch.Generator().manual_seed(seed)
    verbs = torch.arange(CLIPS) % CLASSES
    streams = {
        name: torch.randn(CLASSES, dim, generator=generator)[verbs][:, None]
        + torch.randn(CLIPS, 3, dim, generator=generator)
        for name, dim in DIMS.items()
    }
    lacking = torch.arange(CLIPS) % 5
    present = {"video": lacking != 1, "audio": lacking != 2}
    groups = [f"recording {number % 5}" for number in range(CLIPS)]
    return TensorFeatures(streams, {"verb": verbs if labelled else torch.full((CLIPS,), -1)}, groups, present)


def fusion(**options: object) -> Fusion:
    torch.manual_seed(0)
    given = {"modalities": DIMS, "width": 16, "num_layers": 1, "num_heads": 2, "classes": NAMES, "num_frames": 2}
    return Fusion(**{**given, **options})  # type: ignore[arg-type]


class Stopped(KeyboardInterrupt):
    """Ctrl-C at a chosen step."""


def fitted(
    objective: Objective | None,
    stop: tuple[int, int] | None = None,
    source: TensorFeatures | None = None,
    **options: object,
) -> tuple[Fusion, FitReport | None, list[float]]:
    losses: list[float] = []

    def progress(at: FitProgress) -> None:
        losses.append(at.loss)
        if (at.epoch, at.step) == stop:
            raise Stopped

    model, given = fusion(train_temperature=True), {"settings": SETTINGS, **options}
    try:
        report = fit(model, source or clips(), TEXT, objective=objective, progress=progress, **given)  # type: ignore[arg-type]
    except Stopped:
        return model, None, losses
    return model, report, losses


@every_objective
def test_the_same_seed_gives_the_same_losses_and_they_fall(objective: Objective) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 8, "lr": 3e-3})
    first, second = (fitted(objective, settings=settings) for _ in range(2))
    assert first[2] == second[2]
    assert fitted(objective, settings=settings.model_copy(update={"seed": 1}))[2] != first[2]
    report = first[1]
    assert report is not None
    assert report.objective == objective
    assert report.history[-1].loss < report.history[0].loss


@every_objective
@pytest.mark.parametrize("stop", [(0, 1), (1, 2), (2, 1)], ids=str)
def test_an_interrupted_training_goes_on_to_the_same_weights(
    objective: Objective, stop: tuple[int, int], tmp_path: Path
) -> None:
    whole, expected, losses = fitted(objective)
    _, _, before = fitted(objective, stop, checkpoint=tmp_path)
    resumed, report, after = fitted(objective, checkpoint=tmp_path, resume=True)
    assert before + after == losses
    assert report is not None
    assert expected is not None
    assert [row.loss for row in report.history] == [row.loss for row in expected.history]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_another_objective_is_not_taken_up(tmp_path: Path) -> None:
    fitted(OBJECTIVES["with alignment"], (1, 1), checkpoint=tmp_path)
    with pytest.raises(Exception, match=r"objective\.alignment\.weight was 1\.0, is 2\.0") as caught:
        fitted(Objective(alignment=AlignmentTerm(weight=2.0)), checkpoint=tmp_path, resume=True)
    assert "train again without resuming" in str(caught.value)
    fitted(OBJECTIVES["with alignment"], checkpoint=tmp_path, resume=True)
    with pytest.raises(Exception, match="is of another training or other settings: objective"):
        fitted(Objective(), checkpoint=tmp_path, resume=True)


def test_cross_entropy_alone_is_what_no_objective_is() -> None:
    assert fitted(None)[2] == fitted(Objective())[2]
    doubled = fitted(Objective(cross_entropy=2.0))[2]
    assert doubled[0] == pytest.approx(2 * fitted(None)[2][0], rel=1e-6)


def test_a_sum_of_losses_begins_with_the_sum_of_the_first_steps() -> None:
    parts = [fitted(OBJECTIVES[name])[2][0] for name in ("cross-entropy", "with alignment")]
    alignment = fitted(Objective(cross_entropy=0.0, alignment=AlignmentTerm()))[2][0]
    assert parts[1] == pytest.approx(parts[0] + alignment, rel=1e-5)


def test_alignment_reaches_the_temperature_and_cross_entropy_does_not() -> None:
    begun = fusion(train_temperature=True).log_temperature
    assert begun is not None
    for name, moves in (("cross-entropy", False), ("alignment", True)):
        trained = fitted(OBJECTIVES[name])[0].log_temperature
        assert trained is not None
        assert (not torch.equal(trained, begun)) == moves


def test_alignment_learns_from_clips_without_labels() -> None:
    model, report, losses = fitted(OBJECTIVES["alignment"], source=clips(labelled=False))
    assert report is not None
    assert (report.clips, report.unlabelled, report.selection) == (CLIPS, 0, "last")
    assert losses == fitted(OBJECTIVES["alignment"])[2]
    for name, value in model.head.state_dict().items():
        assert torch.equal(value, fusion().head.state_dict()[name])
    for name in ("cross-entropy", "prototypes", "with alignment"):
        with pytest.raises(ConfigError, match="none of the 40 training clips has a verb label"):
            fitted(OBJECTIVES[name], source=clips(labelled=False))


def test_a_step_by_prototypes_is_an_episode_whatever_the_batch_size() -> None:
    _, report, losses = fitted(OBJECTIVES["prototypes"])
    assert report is not None
    assert report.settings.batch_size == EPISODES.clips == 12
    assert len(losses) == 3 * (CLIPS // 12)
    assert (report.settings.selection, report.selection) == ("last", "last")


def test_validation_chooses_an_epoch_only_where_cross_entropy_is_trained() -> None:
    best = SETTINGS.model_copy(update={"selection": "best"})
    for name, expected in (("with alignment", "best"), ("alignment", "last"), ("prototypes", "last")):
        report = fitted(OBJECTIVES[name], settings=best, validation=clips(seed=1))[1]
        assert report is not None
        assert (report.selection, report.score is None) == (expected, expected == "last")


def test_episodes_are_of_the_kind_of_label_that_is_trained() -> None:
    verbs = clips()
    both = TensorFeatures(
        {name: verbs._streams[name] for name in DIMS},
        {"noun": [0] * CLIPS, "verb": verbs.targets["verb"]},
        verbs.groups,
        verbs.present,
    )
    assert fitted(OBJECTIVES["prototypes"], source=both)[2] == fitted(OBJECTIVES["prototypes"])[2]


def test_a_stream_that_is_not_seen_has_no_influence() -> None:
    seen = [
        fit(
            fusion(),
            SeenBy(source, ("audio",)).subset(torch.arange(CLIPS)[source.present["audio"]]),
            TEXT,
            settings=SETTINGS,
        )
        for source in (clips(), _with_other_pictures(clips()))
    ]
    assert [row.loss for row in seen[0].history] == [row.loss for row in seen[1].history]


def _with_other_pictures(source: TensorFeatures) -> TensorFeatures:
    streams = {**source._streams, "video": source._streams["video"] + 100}
    return TensorFeatures(streams, source.targets, source.groups, source.present)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (Objective(cross_entropy=0.0), "objective has no loss; set cross_entropy to 1"),
        (Objective(alignment=AlignmentTerm(anchor="imu")), "anchor is 'imu'; give one of video, audio"),
    ],
)
def test_an_objective_that_does_not_fit_is_refused(objective: Objective, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fitted(objective)


def test_losses_of_fusions_and_of_one_label_are_refused_elsewhere() -> None:
    for name in ("with alignment", "prototypes"):
        with pytest.raises(ConfigError, match=r"is for fusions; Toy trains by cross_entropy"):
            fit(toy(), toy_clips(), toy_text(), objective=OBJECTIVES[name])
    with pytest.raises(ConfigError, match="takes one kind of label, there are noun, verb"):
        check_objective(OBJECTIVES["prototypes"], fusion(), ("noun", "verb"))
    check_objective(OBJECTIVES["with alignment"], fusion(), ("noun", "verb"))


def test_too_few_classes_for_an_episode_are_one_clear_line() -> None:
    wanted = Objective(cross_entropy=0.0, prototypes=PrototypeTerm(ways=5, shots=2, queries=2))
    with pytest.raises(ConfigError, match=r"4 of 4 classes have 4 clips or more .* but 5 ways are asked for") as caught:
        fitted(wanted)
    assert "\n" not in str(caught.value)


def test_an_episode_is_not_shared_by_several_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "open_fabric", lambda *_: SimpleNamespace(world_size=2))
    with pytest.raises(ConfigError, match="an episode cannot be shared by several processes; start one"):
        fitted(OBJECTIVES["prototypes"])

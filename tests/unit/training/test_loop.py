"""fit as a user calls it."""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from egoshift.classifier import ClassText, StreamBatch
from egoshift.errors import CheckpointError, ConfigError, Fault, StoreError
from egoshift.evaluation import EpochRow, predict
from egoshift.features import TensorFeatures
from egoshift.methods import ZeroShot
from egoshift.records import Label
from egoshift.training import OPTIMISERS, FitProgress, FitReport, FitSettings, epochs, fit, load_checkpoint
from egoshift.training.job import sketch
from egoshift.training.report import OnProgress
from tests.unit.evaluation.toy import DIM, Toy, toy, toy_clips, toy_text

SETTINGS = FitSettings(epochs=4, batch_size=16, num_frames=3, lr=0.02, schedule="constant", precision="32-true")


RUINOUS = SETTINGS.model_copy(update={"lr": 30.0, "epochs": 5})


def timeless(history: tuple[EpochRow, ...]) -> list[EpochRow]:
    """The epochs without how long they took."""
    return [row.model_copy(update={"seconds": 0.0}) for row in history]


class Stopped(KeyboardInterrupt):
    """Ctrl-C at a chosen step."""


def stopping_at(epoch: int, step: int) -> OnProgress:
    def progress(at: FitProgress) -> None:
        if (at.epoch, at.step) == (epoch, step):
            raise Stopped

    return progress


def fitted(dropout: float = 0.3, **options: object) -> tuple[Toy, FitReport, list[float]]:
    """Fits the toy and gives it, the report and the loss of every step."""
    losses: list[float] = []
    options = {"settings": SETTINGS, "validation": toy_clips(25, seed=8)} | options
    inner = options.pop("progress", None)

    def progress(at: FitProgress) -> None:
        losses.append(at.loss)
        if callable(inner):
            inner(at)

    classifier = toy(dropout)
    try:
        report = fit(classifier, toy_clips(), toy_text("noun", "verb"), progress=progress, **options)  # type: ignore[arg-type]
    except Stopped:
        report = FitReport(selection="none", settings=SETTINGS)
    return classifier, report, losses


def test_training_lowers_the_loss_and_raises_the_score() -> None:
    settings = SETTINGS.model_copy(update={"epochs": 25})
    classifier, report, _ = fitted(dropout=0.0, settings=settings)
    first, last = report.history[0], report.history[-1]
    assert last.loss < 0.7 * first.loss
    assert report.score is not None
    assert first.score is not None
    assert report.score > first.score + 10
    assert not classifier.training
    assert (report.clips, report.unlabelled, report.parameters) == (40, 0, DIM * DIM + DIM)
    assert (report.device, report.precision, report.processes) == ("cpu", "32-true", 1)


def test_the_same_seed_gives_the_same_losses_and_weights_and_another_seed_others() -> None:
    first, second = fitted(), fitted()
    assert first[2] == second[2]
    assert torch.equal(first[0].layer.weight, second[0].layer.weight)
    assert fitted(settings=SETTINGS.model_copy(update={"seed": 1}))[2] != first[2]


def test_the_callers_random_numbers_do_not_matter_and_are_not_disturbed() -> None:
    weights = []
    for seed in (0, 1):
        classifier = toy(dropout=0.3)
        torch.manual_seed(seed)
        expected = torch.rand(3)
        torch.manual_seed(seed)
        fit(classifier, toy_clips(), toy_text(), settings=SETTINGS)
        assert torch.equal(torch.rand(3), expected)
        weights.append(classifier.layer.weight)
    assert torch.equal(weights[0], weights[1])


def test_among_equally_good_epochs_the_earliest_is_kept() -> None:
    _, report, _ = fitted(settings=SETTINGS.model_copy(update={"lr": 1e-30}))
    assert len({row.score for row in report.history}) == 1
    assert report.epoch == 0


def test_the_best_epoch_is_kept() -> None:
    classifier, report, _ = fitted()
    scores = [row.score for row in report.history]
    assert report.selection == "best"
    assert report.epoch == scores.index(max(score for score in scores if score is not None))
    assert report.score == max(score for score in scores if score is not None)
    found = predict(classifier, toy_clips(25, seed=8), toy_text("noun", "verb"), num_frames=3)
    tops = [(of.logits.argmax(1) == of.targets).double().mean() * 100 for of in found.values()]
    assert report.score == pytest.approx(float(sum(tops) / 2))


def test_the_best_epoch_is_kept_even_where_training_went_on_to_ruin_it() -> None:
    classifier, report, _ = fitted(settings=RUINOUS)
    scores = [row.score or 0.0 for row in report.history]
    assert scores[-1] < max(scores)
    found = predict(classifier, toy_clips(25, seed=8), toy_text("noun", "verb"), num_frames=3)
    tops = [(of.logits.argmax(1) == of.targets).double().mean() * 100 for of in found.values()]
    assert max(scores) == pytest.approx(float(sum(tops) / 2))


def test_the_last_epoch_is_kept_on_request_and_without_validation() -> None:
    last, report, _ = fitted(settings=SETTINGS.model_copy(update={"selection": "last"}))
    assert (report.selection, report.epoch, report.note) == ("last", 3, "")
    without, report, _ = fitted(validation=None)
    assert (report.selection, report.epoch, report.score) == ("last", 3, None)
    assert "no validation clips were given" in report.note
    assert torch.equal(last.layer.weight, without.layer.weight)


def test_selection_on_the_target_is_labelled() -> None:
    settings = SETTINGS.model_copy(update={"selection": "oracle"})
    _, report, _ = fitted(settings=settings, validation_text=toy_text("noun", "verb"))
    assert report.selection == "oracle"


@pytest.mark.parametrize(("epoch", "step"), [(0, 2), (0, 3), (1, 1), (2, 3), (3, 2)])
def test_an_interrupted_training_goes_on_with_the_same_losses_to_the_same_weights(
    epoch: int, step: int, tmp_path: Path
) -> None:
    whole, expected, losses = fitted()
    _, _, before = fitted(checkpoint=tmp_path, progress=stopping_at(epoch, step))
    assert len(before) == 3 * epoch + step
    resumed, report, after = fitted(checkpoint=tmp_path, resume=True)
    assert before + after == losses
    assert timeless(report.history) == timeless(expected.history)
    assert (report.epoch, report.score, report.resumed_at) == (expected.epoch, expected.score, epoch)
    assert torch.equal(resumed.layer.weight, whole.layer.weight)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors", "text.safetensors"]


def test_the_best_epoch_before_the_interruption_is_not_forgotten(tmp_path: Path) -> None:
    whole, expected, _ = fitted(settings=RUINOUS)
    assert expected.epoch is not None
    assert expected.epoch < 4
    fitted(settings=RUINOUS, checkpoint=tmp_path, progress=stopping_at(4, 1))
    resumed, report, _ = fitted(settings=RUINOUS, checkpoint=tmp_path, resume=True)
    assert report.epoch == expected.epoch
    assert torch.equal(resumed.layer.weight, whole.layer.weight)


def test_a_kill_costs_at_most_the_epoch(tmp_path: Path) -> None:
    _, expected, losses = fitted()

    def kill(at: FitProgress) -> None:
        if (at.epoch, at.step) == (2, 1):
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fitted(checkpoint=tmp_path, progress=kill)
    _, report, after = fitted(checkpoint=tmp_path, resume=True)
    assert after == losses[6:]
    assert timeless(report.history) == timeless(expected.history)


def test_of_a_long_epoch_a_kill_costs_only_the_steps_since_the_last_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "SECONDS_BETWEEN_SAVES", 0.0)
    losses = fitted()[2]

    def kill(at: FitProgress) -> None:
        if (at.epoch, at.step) == (1, 3):
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fitted(checkpoint=tmp_path, progress=kill)
    assert fitted(checkpoint=tmp_path, resume=True)[2] == losses[5:]


def test_a_finished_training_is_read_back(tmp_path: Path) -> None:
    classifier, report, _ = fitted(checkpoint=tmp_path)
    again, found, losses = fitted(checkpoint=tmp_path, resume=True)
    assert losses == []
    assert found == report
    assert torch.equal(again.layer.weight, classifier.layer.weight)


def test_a_training_that_was_never_begun_begins(tmp_path: Path) -> None:
    _, report, losses = fitted(checkpoint=tmp_path, resume=True)
    assert report.resumed_at is None
    assert losses == fitted()[2]


def test_resuming_with_other_settings_is_refused(tmp_path: Path) -> None:
    other = SETTINGS.model_copy(update={"lr": 0.5, "betas": (0.8, 0.9)})
    fitted(checkpoint=tmp_path, progress=stopping_at(1, 1))
    with pytest.raises(CheckpointError, match=r"other settings: settings.lr was 0.02, is 0.5; settings.betas was"):
        fitted(checkpoint=tmp_path, resume=True, settings=other)
    fitted(checkpoint=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=r"other settings: settings.lr was 0.02, is 0.5; .*; train again without"):
        fitted(checkpoint=tmp_path, resume=True, settings=other)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train": toy_clips(seed=9)}, "training_clips"),
        ({"train": toy_clips(30)}, "clips was 40, is 30"),
        ({"validation": toy_clips(25, seed=7)}, "validation_clips"),
        ({"text": {"noun": ClassText(toy_text()["noun"].vectors, tuple("abcde"))}}, "training_clips was"),
        ({"provenance": {"stores": {"clip": "other"}}}, "made_from"),
    ],
)
def test_a_finished_training_on_other_clips_labels_classes_or_features_is_not_read_back(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    given: dict[str, object] = {"train": toy_clips(), "text": toy_text(), "validation": toy_clips(25, seed=8)}
    options = {"settings": SETTINGS, "checkpoint": tmp_path, "provenance": {"stores": {"clip": "this"}}}
    fit(toy(), **options, **given)  # type: ignore[arg-type]
    classifier = toy()
    before = classifier.layer.weight.detach().clone()
    with pytest.raises(CheckpointError, match=rf"is of another training or other settings: .*{told}") as caught:
        fit(classifier, **options | given | changes | {"resume": True})  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{tmp_path}: ")
    assert torch.equal(classifier.layer.weight, before)


def test_a_finished_training_of_before_its_clips_were_kept_is_told_by_its_settings(tmp_path: Path) -> None:
    _, report, _ = fitted(checkpoint=tmp_path)
    file = tmp_path / "config.json"
    kept = json.loads(file.read_text())
    assert kept.pop("job")["clips"] == 40
    file.write_text(json.dumps(kept | {"checksum": ""}))
    assert fitted(checkpoint=tmp_path, resume=True)[1] == report
    with pytest.raises(CheckpointError, match="holds a finished training with other settings; train again without"):
        fitted(checkpoint=tmp_path, resume=True, settings=RUINOUS)


def test_resuming_with_other_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        fit(toy(), toy_clips(), toy_text(), settings=SETTINGS, checkpoint=tmp_path, progress=stopping_at(1, 1))
    with pytest.raises(CheckpointError, match=r"other settings: training_clips was '\w+', is '\w+'; features full is"):
        fit(toy(), toy_clips(seed=9), toy_text(), settings=SETTINGS, checkpoint=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=r"clips was 40, is 30; training_clips was"):
        fit(toy(), toy_clips(30), toy_text(), settings=SETTINGS, checkpoint=tmp_path, resume=True)


def test_resuming_with_the_labels_of_these_clips_but_other_features_is_refused(tmp_path: Path) -> None:
    clips = toy_clips()
    with pytest.raises(Stopped):
        fit(toy(), clips, toy_text(), settings=SETTINGS, checkpoint=tmp_path, progress=stopping_at(1, 1))
    other = TensorFeatures({"full": torch.randn(40, 6, DIM)}, clips.targets, clips.groups)
    with pytest.raises(CheckpointError, match="other settings: features full is another; train again"):
        fit(toy(), other, toy_text(), settings=SETTINGS, checkpoint=tmp_path, resume=True)


def test_epochs_are_not_chosen_by_two_sets_of_validation_clips(tmp_path: Path) -> None:
    def run(validation: TensorFeatures | None, *, resume: bool = False, progress: OnProgress | None = None) -> None:
        options = {"validation": validation, "checkpoint": tmp_path, "resume": resume, "progress": progress}
        fit(toy(), toy_clips(), toy_text(), settings=SETTINGS, **options)  # type: ignore[arg-type]

    with pytest.raises(Stopped):
        run(toy_clips(seed=3), progress=stopping_at(1, 1))
    for other in (toy_clips(seed=4), None):
        with pytest.raises(CheckpointError, match=r"other settings: validation_clips was '\w+', is '\w*'; validation "):
            run(other, resume=True)
    run(toy_clips(seed=3), resume=True)


def nearly(values: Tensor) -> Tensor:
    """As another machine computes them, or other threads."""
    return values * (1 + 1e-4 * torch.randn(values.shape, generator=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("finished", [False, True])
def test_text_and_features_that_another_machine_computes_are_the_same(tmp_path: Path, finished: bool) -> None:
    clips, text = toy_clips(), toy_text()["noun"]
    progress = None if finished else stopping_at(1, 1)
    with nullcontext() if finished else pytest.raises(Stopped):
        fit(toy(), clips, toy_text(), settings=SETTINGS, checkpoint=tmp_path, progress=progress)
    features = nearly(clips.batch(torch.arange(40), num_frames=6).streams["full"])
    there = TensorFeatures({"full": features}, clips.targets, clips.groups)
    words: dict[Label, ClassText] = {"noun": ClassText(nearly(text.vectors), text.names)}
    fit(toy(), there, words, settings=SETTINGS, checkpoint=tmp_path, resume=True)


def test_a_finished_training_is_read_back_though_its_stores_hold_more_by_now(tmp_path: Path) -> None:
    def run(weights: str, times: str, *, resume: bool) -> FitReport:
        provenance = {"card": "toy", "stores": {"clip": {"weights": weights, "arrays": {"times": times}}}}
        options = {"settings": SETTINGS, "checkpoint": tmp_path, "provenance": provenance, "resume": resume}
        return fit(toy(), toy_clips(), toy_text(), **options)  # type: ignore[arg-type]

    report = run("these", "few", resume=False)
    assert run("these", "more", resume=True) == report
    with pytest.raises(CheckpointError, match=r"made_from.clip.weights was 'these', is 'others'; train again"):
        run("others", "few", resume=True)


def test_a_resume_point_of_another_version_is_not_called_damaged(tmp_path: Path) -> None:
    fitted(checkpoint=tmp_path, progress=stopping_at(1, 1))
    path = tmp_path / "resume.safetensors"
    tensors, header = load_file(path), safe_open(path, framework="pt").metadata()
    state = json.loads(header["state"])
    state["job"]["labels_digest"] = state["job"].pop("training_clips")
    save_file(tensors, path, {**header, "state": json.dumps(state)})
    with pytest.raises(CheckpointError, match="resume with the version that wrote it, or train again without"):
        fitted(checkpoint=tmp_path, resume=True)


def test_a_sketch_tells_tensors_apart_but_for_rounding() -> None:
    values = torch.randn(300, 5, 16, generator=torch.Generator().manual_seed(4))
    other = values.clone()
    other[7] = torch.randn(5, 16)

    def distance(changed: Tensor) -> float:
        return max(abs(a - b) for a, b in zip(sketch(values), sketch(changed), strict=True))

    assert distance(nearly(values)) < 0.001
    for changed in (other, values.flip(0), 1.05 * values, values + 0.1):
        assert distance(changed) > 0.01
    assert sketch(torch.zeros(2, 3)) == sketch(torch.zeros(3, 0)) == (0.0,) * 5
    assert all(map(math.isfinite, sketch(torch.tensor([[torch.nan, torch.inf, 1.0]]))))


def test_a_damaged_resume_point_is_refused_in_one_line(tmp_path: Path) -> None:
    fitted(checkpoint=tmp_path, progress=stopping_at(1, 1))
    path = tmp_path / "resume.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match=r"resume.safetensors: is damaged .*; train again without") as caught:
        fitted(checkpoint=tmp_path, resume=True)
    assert "\n" not in str(caught.value)


def test_resuming_nowhere_is_refused() -> None:
    with pytest.raises(ConfigError, match="resume was asked for without a checkpoint folder"):
        fitted(resume=True)


def test_a_method_without_parameters_is_left_as_it_is_and_says_so(tmp_path: Path) -> None:
    report = fit(ZeroShot(), toy_clips(), toy_text(), checkpoint=tmp_path)
    assert (report.selection, report.epoch, report.history) == ("none", None, ())
    assert report.note == "ZeroShot has no trainable parameters: nothing was trained"
    assert load_checkpoint(tmp_path).config.fit == report


def test_frozen_parameters_stay_as_they_are() -> None:
    classifier = toy()
    classifier.layer.bias.requires_grad_(False)
    bias, weight = classifier.layer.bias.clone(), classifier.layer.weight.clone()
    report = fit(classifier, toy_clips(), toy_text(), settings=SETTINGS)
    assert report.parameters == DIM * DIM
    assert torch.equal(classifier.layer.bias, bias)
    assert not torch.equal(classifier.layer.weight, weight)


def test_clips_without_any_label_are_left_out_and_counted() -> None:
    report = fit(toy(), toy_clips(), toy_text("verb"), settings=SETTINGS)
    assert (report.clips, report.unlabelled) == (32, 8)


def test_the_gradient_is_clipped_on_request() -> None:
    clipped = fitted(settings=SETTINGS.model_copy(update={"clip_norm": 1e-6}))[2]
    assert clipped[0] == fitted()[2][0]
    assert clipped[-1] != fitted()[2][-1]


def test_bf16_training_runs_and_reads_features_and_text_in_float32() -> None:
    kinds = set()

    class Watching(Toy):
        def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
            kinds.add((batch.streams["full"].dtype, text["noun"].vectors.dtype, torch.is_autocast_enabled("cpu")))
            return super().forward(batch, text)

    settings = SETTINGS.model_copy(update={"precision": "bf16-mixed", "epochs": 1})
    report = fit(Watching(), toy_clips(), toy_text(), validation=toy_clips(), settings=settings)
    assert report.precision == "bf16-mixed"
    # The temperature is fitted as the model will be used: without autocast.
    assert kinds == {(torch.float32, torch.float32, True), (torch.float32, torch.float32, False)}


def test_the_report_says_how_long_clips_are_and_how_sure_the_model_may_be() -> None:
    report = fit(toy(), toy_clips(), toy_text(), validation=toy_clips(), settings=SETTINGS)
    assert set(report.calibration) == {"noun"}
    assert report.calibration["noun"].clips > 0
    assert report.clip_s is None  # tensors have no times
    assert not fit(toy(), toy_clips(), toy_text(), settings=SETTINGS).calibration
    oracle = SETTINGS.model_copy(update={"selection": "oracle"})
    assert not fit(toy(), toy_clips(), toy_text(), validation=toy_clips(), settings=oracle).calibration


def test_progress_counts_steps_and_tells_rate_and_time_left() -> None:
    seen: list[FitProgress] = []
    fitted(progress=seen.append)
    assert [(at.epoch, at.step) for at in seen] == [(epoch, step) for epoch in range(4) for step in (1, 2, 3)]
    assert {(at.num_epochs, at.num_steps) for at in seen} == {(4, 3)}
    assert all(at.clips_per_s > 0 and math.isfinite(at.loss) for at in seen)
    assert all(at.seconds_left > 0 for at in seen[:-1])
    assert dataclasses.asdict(seen[0]).keys() >= {"clips_per_s", "seconds_left"}


def test_a_label_that_no_clip_has_is_refused() -> None:
    clips = toy_clips()
    source = TensorFeatures({"full": torch.randn(3, DIM)}, {"noun": [0, 1, 2], "verb": [-1, -1, -1]})
    with pytest.raises(ConfigError, match="none of the 3 training clips has a verb label; leave verb out"):
        fit(toy(), source, toy_text("noun", "verb"))
    with pytest.raises(ConfigError, match="none of the 3 validation clips has a verb label, so no epoch can be"):
        fit(toy(), clips, toy_text("noun", "verb"), validation=source)


def test_validation_text_of_other_labels_is_refused() -> None:
    with pytest.raises(ConfigError, match="training is for noun, but validation_text is for verb"):
        fit(toy(), toy_clips(), toy_text(), validation=toy_clips(), validation_text=toy_text("verb"))


def test_a_loss_that_is_no_number_names_epoch_step_and_remedy() -> None:
    settings = SETTINGS.model_copy(update={"lr": 1e38})
    with pytest.raises(
        ConfigError, match=r"the loss became nan at epoch 0, step \d, with lr=1e\+38 and precision 32-true; lower lr or"
    ):
        fit(toy(), toy_clips(), toy_text(), settings=settings)


def test_features_that_are_no_numbers_are_named_instead() -> None:
    source = toy_clips()
    source._streams["full"][33] = math.nan  # as a damaged store would give it
    with pytest.raises(StoreError, match=r"stream 'full' hold NaN or infinity at clip 33 .video 'video 3'."):
        fit(toy(), source, toy_text(), settings=SETTINGS)


class Remembering(Toy):
    """Keeps the mean frame of every training clip, and how many there were."""

    def __init__(self, *, dim: int = DIM, dropout: float = 0.0, clips: int = 0):
        super().__init__(dim=dim, dropout=dropout)
        self.register_buffer("seen", torch.zeros(clips, dim))
        self.settings = {**self.settings, "clips": clips}

    def observe(self, clips: Iterable[StreamBatch], text: Mapping[Label, ClassText]) -> None:
        self.seen = torch.cat([batch.streams["full"].mean(1) for batch in clips])
        self.settings = {**self.settings, "clips": len(self.seen)}


def test_the_method_sees_the_labelled_training_clips_first_and_keeps_what_it_took(tmp_path: Path) -> None:
    classifier, clips = Remembering(), toy_clips()
    settings = SETTINGS.model_copy(update={"epochs": 2, "eval_batch_size": 7, "num_frames": 6})
    torch.manual_seed(0)
    report = fit(classifier, clips, toy_text("verb"), settings=settings, checkpoint=tmp_path)
    labelled = (clips.targets["verb"] >= 0).nonzero()[:, 0]
    expected = clips.batch(labelled, num_frames=6).streams["full"].mean(1)
    assert report.clips == len(expected) == 32
    assert torch.equal(classifier.seen, expected)
    found = load_checkpoint(tmp_path, into=Remembering(clips=32)).classifier
    assert torch.equal(found.get_buffer("seen"), expected)


@pytest.mark.parametrize("epoch", [0, 1])
def test_gradient_descent_with_momentum_trains_and_resumes(tmp_path: Path, epoch: int) -> None:
    settings = FitSettings.model_validate(
        {**OPTIMISERS["coop"], "epochs": 3, "batch_size": 16, "num_frames": 3, "precision": "32-true", "lr": 0.02}
    )
    whole, report, losses = fitted(settings=settings)
    assert report.history[-1].loss < report.history[0].loss
    fitted(settings=settings, checkpoint=tmp_path, progress=stopping_at(epoch, 2))
    resumed, _, after = fitted(settings=settings, checkpoint=tmp_path, resume=True)
    assert after == losses[-len(after) :]
    assert torch.equal(resumed.layer.weight, whole.layer.weight)


class Drawing(Toy):
    """Draws a buffer that is kept and never trained, as Vita-CLIP does."""

    def __init__(self, *, dim: int = DIM, dropout: float = 0.0):
        super().__init__(dim=dim, dropout=dropout)
        self.register_buffer("drawn", torch.randn(dim))

    drawn: Tensor

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        streams = {"full": batch.streams["full"] * self.drawn}
        return super().forward(StreamBatch(streams, batch.present, batch.targets), text)


def test_what_was_drawn_and_is_kept_is_that_of_the_interrupted_training(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = Drawing()
    drawn = first.drawn.clone()
    with pytest.raises(Stopped):
        fit(first, toy_clips(), toy_text(), settings=SETTINGS, checkpoint=tmp_path, progress=stopping_at(1, 1))
    resumed = Drawing()
    assert not torch.equal(resumed.drawn, drawn)
    fit(resumed, toy_clips(), toy_text(), settings=SETTINGS, checkpoint=tmp_path, resume=True)
    assert torch.equal(resumed.drawn, drawn)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"provenance": {"stores": {"clip": "other"}}}, "made_from"),
        ({"text": {"noun": ClassText(toy_text()["noun"].vectors, tuple("abcde"))}}, "training_clips was"),
        (
            {"text": {"noun": ClassText(toy_text()["noun"].vectors + 1, toy_text()["noun"].names)}},
            "text of noun is another",
        ),
    ],
)
def test_a_training_on_other_features_or_classes_is_not_taken_up(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    given: dict[str, object] = {"text": toy_text(), "provenance": {"stores": {"clip": "this"}}}
    with pytest.raises(Stopped):
        fit(toy(), toy_clips(), settings=SETTINGS, checkpoint=tmp_path, progress=stopping_at(1, 1), **given)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match=rf"is of another training or other settings: .*{told}"):
        fit(toy(), toy_clips(), settings=SETTINGS, checkpoint=tmp_path, resume=True, **given | changes)  # type: ignore[arg-type]


def test_a_training_that_never_leaves_its_warm_up_says_so() -> None:
    settings = SETTINGS.model_copy(update={"schedule": "released", "epochs": 2, "warmup_epochs": 5})
    assert (
        "all 2 epochs were warm-up, so that the learning rate never reached 0.02" in fitted(settings=settings)[1].note
    )
    assert fitted()[1].note == ""


def test_clips_of_which_nothing_can_be_read_are_counted(tmp_path: Path) -> None:
    class Damaged(TensorFeatures):
        @property
        def dropped(self) -> tuple[Fault, ...]:
            return (Fault("past-the-end", tmp_path, "", ""), Fault("past-the-end", tmp_path, "", ""))

    clips = toy_clips()
    clips.__class__ = Damaged
    _, report, _ = fitted(settings=SETTINGS.model_copy(update={"epochs": 1}))
    assert report.dropped == {}
    report = fit(
        toy(0.0), clips, toy_text("noun"), settings=SETTINGS.model_copy(update={"epochs": 1, "selection": "last"})
    )
    assert report.dropped == {"past-the-end": 2}
    report = fit(ZeroShot(streams=clips.streams), clips, toy_text("noun"), settings=SETTINGS)
    assert report.dropped == {"past-the-end": 2}

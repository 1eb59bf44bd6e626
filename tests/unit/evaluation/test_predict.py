import math

import pytest
import torch

from egoshift.classifier import ClassText
from egoshift.errors import CheckpointError, ConfigError, StoreError
from egoshift.evaluation import predict, predict_answers, predict_logits
from egoshift.features import TensorFeatures
from tests.unit.evaluation.toy import CLASSES, DIM, Toy, toy, toy_clips, toy_text


def test_scores_are_the_classifiers_logits_of_the_labelled_clips() -> None:
    classifier, source, text = toy(), toy_clips(), toy_text("noun", "verb")
    scores = predict(classifier, source, text, num_frames=6, batch_size=7)
    with torch.no_grad():
        expected = classifier.eval()(source.batch(torch.arange(40), num_frames=6), text)
    torch.testing.assert_close(scores["noun"].logits, expected["noun"])
    labelled = source.targets["verb"] >= 0
    torch.testing.assert_close(scores["verb"].logits, expected["verb"][labelled])
    assert torch.equal(scores["verb"].targets, source.targets["verb"][labelled])
    assert len(source) - len(scores["verb"].targets) == 8
    assert scores["verb"].groups == tuple(source.groups[clip] for clip in labelled.nonzero()[:, 0].tolist())
    assert scores["verb"].names == text["verb"].names


def test_as_many_frames_and_clips_are_read_at_once_as_are_asked_for() -> None:
    classifier, source, text = toy(), toy_clips(), toy_text()
    with torch.no_grad():
        expected, other = (
            classifier.eval()(source.batch(torch.arange(40), num_frames=n), text)["noun"] for n in (2, 6)
        )
    assert not torch.allclose(expected, other, atol=1e-2)
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    scores = predict(classifier, source, text, num_frames=2, batch_size=30, progress=progress)["noun"]
    logits = predict_logits(classifier, source, text, num_frames=2, batch_size=30, progress=progress)["noun"]
    answers = predict_answers(classifier, source, text, num_frames=2, batch_size=30, progress=progress)["noun"]
    torch.testing.assert_close(scores.logits, expected)
    torch.testing.assert_close(logits, expected)
    assert torch.equal(answers.predicted["all"], expected.argmax(1))
    assert seen == 3 * [(30, 40), (40, 40)]


def test_clips_without_any_of_the_labels_are_not_computed() -> None:
    seen: list[tuple[int, int]] = []
    scores = predict(toy(), toy_clips(), toy_text("verb"), batch_size=30, progress=lambda *at: seen.append(at))
    assert len(scores["verb"].targets) == 32
    assert seen == [(30, 32), (32, 32)]


def test_every_module_is_left_in_the_mode_it_came_in() -> None:
    classifier = toy(dropout=0.5)
    classifier.train()
    classifier.layer.eval()
    first = predict(classifier, toy_clips(), toy_text())["noun"].logits
    assert torch.equal(predict(classifier, toy_clips(), toy_text())["noun"].logits, first)
    assert classifier.training
    assert not classifier.layer.training
    assert not first.requires_grad


def test_the_mode_is_restored_after_an_error() -> None:
    classifier = toy()
    classifier.train()
    broken = TensorFeatures({"full": torch.zeros(2, 1, DIM + 1)}, {"noun": [0, 1]})
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        predict(classifier, broken, toy_text())
    assert classifier.training


def test_logits_need_no_labels() -> None:
    clips = toy_clips()
    source = TensorFeatures({"full": clips.batch(torch.arange(40), num_frames=6).streams["full"]})
    logits = predict_logits(toy(), source, toy_text(), num_frames=6)
    torch.testing.assert_close(logits["noun"], predict(toy(), clips, toy_text(), num_frames=6)["noun"].logits)


def test_a_source_without_clips_gives_empty_scores() -> None:
    scores = predict(toy(), toy_clips().subset(torch.zeros(0, dtype=torch.int64)), toy_text())
    assert scores["noun"].logits.shape == (0, CLASSES)


def test_classes_without_names_are_numbered() -> None:
    text = {"noun": ClassText(toy_text()["noun"].vectors)}
    assert predict(toy(), toy_clips(), text)["noun"].names == ("0", "1", "2", "3", "4")  # type: ignore[arg-type]


def test_a_label_the_clips_do_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no action labels .they have: noun, verb.; leave action out"):
        predict(toy(), toy_clips(), toy_text("action"))


def test_no_classes_at_all_are_refused() -> None:
    with pytest.raises(ConfigError, match="no class text given"):
        predict(toy(), toy_clips(), {})


def test_a_class_beyond_the_text_is_refused() -> None:
    text = toy_text()["noun"]
    with pytest.raises(ConfigError, match="noun class 4, but class text was given for classes 0 to 2"):
        predict(toy(), toy_clips(), {"noun": ClassText(text.vectors[:3], text.names[:3])})
    with pytest.raises(ConfigError, match="noun class 4, but class text was given for classes 0 to 3"):
        predict(toy(), toy_clips(), {"noun": ClassText(text.vectors[:4], text.names[:4])})


def test_a_missing_stream_is_refused() -> None:
    source = TensorFeatures({"hand": torch.zeros(2, DIM)}, {"noun": [0, 1]})
    with pytest.raises(ConfigError, match="Toy reads the streams full, but the features have hand; give full too"):
        predict(toy(), source, toy_text())


def test_features_that_are_not_finite_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    source = toy_clips()
    source._streams["full"][33, 2, 1] = math.nan  # as a damaged store would give it
    with pytest.raises(StoreError, match=r"stream 'full' hold NaN or infinity at clip 33 .video 'video 3'."):
        predict(toy(), source, toy_text(), num_frames=6, batch_size=8)


def test_weights_that_are_not_finite_are_told_from_features() -> None:
    classifier: Toy = toy()
    with torch.no_grad():
        next(classifier.parameters()).fill_(math.inf)
    with pytest.raises(CheckpointError, match="features are finite but the logits are not"):
        predict(classifier, toy_clips(), toy_text())

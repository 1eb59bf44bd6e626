"""Every subset in one pass against one clip, one subset and one forward at a time."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from egoshift.classifier import ClassText, StreamBatch
from egoshift.errors import CheckpointError, ConfigError, StoreError
from egoshift.evaluation import score_modalities
from egoshift.features import TensorFeatures
from tests.unit.evaluation.modal import ALL, CLASSES, CLIPS, SUBSETS, clips, fusion, scored, slow_clip, texts

LINEAR = {"head": "linear", "classes": {label: words.names for label, words in texts().items()}}
SHIFT = {"text_rule": "shift", "classify_streams": ["video"]}


@pytest.mark.parametrize(
    "options",
    [{}, LINEAR, SHIFT, {"fusion": "mlp"}, {"missing": "token"}, {"fusion": "mlp", "missing": "mean"}],
    ids=["compare", "linear", "shift", "mlp", "token", "mean"],
)
def test_each_clip_from_each_subset_equals_a_forward_of_its_own(options: dict[str, Any]) -> None:
    model, source = fusion(**options), clips()
    scores = score_modalities(model, source, texts(), batch_size=32)
    assert scores.subsets == SUBSETS
    assert scores.labels == ("noun", "verb")
    nothing = 0
    for subset in SUBSETS:
        for clip in range(CLIPS):
            expected = slow_clip(model, source, clip, subset)
            found = scores.embeddings[subset][clip], *(scores.logits[subset][label][clip] for label in texts())
            assert bool(scores.has(subset)[clip]) == (expected is not None)
            if expected is None:
                assert all(bool(values.isnan().all()) for values in found)
                nothing += 1
            else:
                for actual, wanted in zip(found, (expected[0], *expected[1].values()), strict=True):
                    torch.testing.assert_close(actual, wanted, rtol=1e-4, atol=1e-4)
    assert 50 < nothing < 200


def test_labels_videos_and_who_has_what_are_given_as_they_came() -> None:
    source, scores = clips(), scored()
    whole = source.batch(torch.arange(CLIPS), num_frames=1)
    assert all(torch.equal(scores.present[name], whole.present[name]) for name in ALL)
    assert all(torch.equal(scores.targets[label], values) for label, values in source.targets.items())
    assert (scores.groups, len(scores), scores.modalities) == (source.groups, CLIPS, ALL)
    assert scores.names == {label: words.names for label, words in texts().items()}
    assert not bool(scores.has(ALL).all())


def test_batches_do_not_matter_and_each_clip_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source, told = clips(), list[tuple[int, int]]()
    batch, read = source.batch, list[int]()

    def counted(indices: Tensor, *, num_frames: int, generator: torch.Generator | None = None) -> StreamBatch:
        read.extend(indices.tolist())
        return batch(indices, num_frames=num_frames, generator=generator)

    monkeypatch.setattr(source, "batch", counted)
    found = score_modalities(fusion(), source, texts(), batch_size=40, progress=lambda *at: told.append(at))
    assert read == list(range(CLIPS))
    assert told == [(40, 90), (80, 90), (90, 90)]
    for subset, values in scored().embeddings.items():
        torch.testing.assert_close(found.embeddings[subset], values, equal_nan=True, rtol=1e-4, atol=1e-5)


def test_some_subsets_and_no_text() -> None:
    asked = [("video",), ("video", "audio")]
    found = score_modalities(fusion(), clips(), {}, subsets=asked, names={"verb": ("cut", "wash", "put")})
    assert (found.subsets, found.labels) == (tuple(asked), ())
    assert found.names == {"noun": tuple("012345"), "verb": ("cut", "wash", "put")}
    for subset in asked:
        torch.testing.assert_close(
            found.embeddings[subset], scored().embeddings[subset], equal_nan=True, rtol=1e-4, atol=1e-5
        )


def test_a_stream_that_the_features_lack_altogether_nobody_has() -> None:
    source = clips()
    whole = source.batch(torch.arange(CLIPS), num_frames=16)
    less = TensorFeatures(
        {name: whole.streams[name] for name in ("audio", "video")},
        source.targets,
        source.groups,
        {name: whole.present[name] for name in ("audio", "video")},
    )
    found = score_modalities(fusion(), less, texts())
    assert not bool(found.present["imu"].any())
    assert bool(found.embeddings["imu",].isnan().all())
    torch.testing.assert_close(
        found.embeddings[ALL], scored().embeddings["video", "audio"], equal_nan=True, rtol=1e-4, atol=1e-5
    )


def test_the_mode_is_restored_and_dropout_does_not_act() -> None:
    model = fusion(modality_dropout=1.0).train()
    first = score_modalities(model, clips(), texts())
    assert model.training
    torch.testing.assert_close(first.embeddings[ALL], scored().embeddings[ALL], equal_nan=True, rtol=1e-4, atol=1e-5)


def test_no_clips_are_scored_too() -> None:
    nothing = clips().subset(torch.zeros(0, dtype=torch.int64))
    assert score_modalities(fusion(), nothing, {}).names == {"noun": (), "verb": ()}
    found = score_modalities(fusion(), nothing, texts())
    assert found.embeddings[ALL].shape == (0, 16)
    assert found.logits[ALL]["noun"].shape == (0, CLASSES)


def test_class_text_without_names_is_numbered_or_takes_the_names_given() -> None:
    bare = {"noun": ClassText(texts()["noun"].vectors)}
    assert score_modalities(fusion(), clips(), bare).names["noun"] == tuple("012345")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="2 noun class names for 6 classes; give one name for each"):
        score_modalities(fusion(), clips(), bare, names={"noun": ("cup", "pan")})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("subsets", "told"),
    [
        ([("gaze",)], r"asked for gaze; give some of video\+audio\+imu, video\+audio, .*, in this order"),
        ([("audio", "video")], r"asked for audio\+video; give some of"),
        ([()], r"asked for nothing; give some of"),
        ([], r"asked for no subset; give some of"),
    ],
)
def test_subsets_that_are_none_are_refused(subsets: list[tuple[str, ...]], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        score_modalities(fusion(), clips(), texts(), subsets=subsets)


def test_features_and_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="none of the modalities video, audio, imu, they have full; give features of"):
        score_modalities(fusion(), TensorFeatures({"full": torch.zeros(2, 3)}), {})
    with pytest.raises(ConfigError, match=r"the clips have no action labels \(they have: noun, verb\)"):
        score_modalities(fusion(), clips(), {"action": texts()["noun"]})


def test_numbers_that_are_none_are_laid_on_features_or_weights() -> None:
    source, model = clips(), fusion()
    clip = int(source.batch(torch.arange(CLIPS), num_frames=1).present["imu"].nonzero()[3, 0])
    source._streams["imu"][clip, 1, 2] = math.nan  # as a damaged store would give it
    with pytest.raises(StoreError, match=rf"stream 'imu' hold NaN or infinity at clip {clip} .video"):
        score_modalities(model, source, texts(), batch_size=16)
    with torch.no_grad():
        next(model.inputs.projections.parameters()).fill_(math.inf)
    with pytest.raises(CheckpointError, match="features are finite but the logits are not"):
        score_modalities(model, clips(), texts())

"""A predictor's probabilities are those of its model on the same frames, computed the slow way."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from egoshift.classifier import ClassText
from egoshift.encoders import class_text, load_image_encoder, load_text_encoder
from egoshift.errors import ConfigError, DataError
from egoshift.features import extract
from egoshift.prediction import Asked, Predictor, PredictProgress
from egoshift.prediction.recording import open_recording
from egoshift.prediction.scan import RECORDING
from egoshift.prediction.segments import steps_of, windows_of
from egoshift.records import Label
from egoshift.training import TrainedModel
from tests.fixtures.trained_runs import NOUNS, TEMPERATURES, VERBS
from tests.fixtures.videos import write_audio
from tests.unit.features.examples import example_dataset, slow_rows

from .recordings import damage, write_long


@pytest.fixture(scope="module")
def video(pictures: Path) -> Path:
    return pictures / "kitchen" / "v4.mp4"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def slow_probabilities(
    place: Path, video: Path, out: Path, label: Label, names: tuple[str, ...], windows: np.ndarray
) -> np.ndarray:
    """One window at a time: its frames are looked up one by one, its class text is made anew."""
    model = TrainedModel.from_pretrained(place / "xmic" / "models" / label)
    duration_s = open_recording(video).duration_s
    dataset = example_dataset({RECORDING: video}, [(RECORDING, 0.0, duration_s)])
    store = extract(dataset, load_image_encoder(str(place / "clip")), out).store
    text = class_text(load_text_encoder(str(place / "clip")), names, ("{}",))
    rows = []
    for start_s, stop_s in windows.tolist():
        width = (stop_s - start_s) / model.num_frames
        middles = [start_s + (k + 0.5) * width for k in range(model.num_frames)]
        chosen = slow_rows(store, RECORDING, start_s, stop_s, middles)
        features = torch.from_numpy(np.array(store.array("full")[chosen])).float()[None]
        logits = model.logits({"full": features}, {label: text})[label]
        rows.append((logits / TEMPERATURES[label]).softmax(1)[0].numpy())
    return np.stack(rows)


@pytest.mark.parametrize("label", ["verb", "noun"])
def test_windows_are_scored_as_clips_are(
    predictor: Predictor, pictures: Path, video: Path, cache: Path, tmp_path: Path, label: Label
):
    asked = Asked(smoothing_s=0.0, window_s=1.3, stride_s=0.4)
    found = predictor.predict(video, asked=asked, cache=cache)
    windows = windows_of(steps_of(6.0, 0.4), 1.3, 6.0)
    names = VERBS if label == "verb" else NOUNS
    expected = slow_probabilities(pictures, video, tmp_path / "whole", label, names, windows)
    assert found.timeline.classes[label] == names
    np.testing.assert_allclose(found.evidence.probabilities[label], expected, atol=2e-5)
    assert expected.std(0).max() > 0.05, "windows differ"
    assert found.timeline.calibrated == {"noun": True, "verb": True, "action": True}
    assert (found.timeline.partial, found.timeline.covered_s, found.timeline.notices) == (False, 6.0, ())


def test_other_classes_are_scored_by_their_text(
    predictor: Predictor, pictures: Path, video: Path, cache: Path, tmp_path: Path
):
    names = ("bowl", "carrot", "dough")
    found = predictor.predict(video, nouns=names, smoothing_s=0.0, stride_s=0.5, window_s=1.0, cache=cache)
    windows = windows_of(steps_of(6.0, 0.5), 1.0, 6.0)
    expected = slow_probabilities(pictures, video, tmp_path / "whole", "noun", names, windows)
    np.testing.assert_allclose(found.evidence.probabilities["noun"], expected, atol=2e-5)
    assert found.timeline.classes["verb"] == VERBS


def test_all_names_of_a_class_count_for_it(
    predictor: Predictor, pictures: Path, video: Path, cache: Path, tmp_path: Path
):
    options: dict[str, Any] = {"smoothing_s": 0.0, "stride_s": 0.5, "window_s": 1.0, "cache": cache}
    synonyms = {"mug": "cup", "tea cup": "cup", "cutlery": "spoon", "saw": "hammer", "carrot": "pot"}
    found = predictor.predict(video, asked=None, synonyms=synonyms, **options)
    spoken = (*NOUNS, "mug", "tea cup", "cutlery")
    windows = windows_of(steps_of(6.0, 0.5), 1.0, 6.0)
    every = slow_probabilities(pictures, video, tmp_path / "whole", "noun", spoken, windows)
    summed = np.stack([every[:, 0], every[:, 1] + every[:, 4] + every[:, 5], every[:, 2], every[:, 3] + every[:, 6]], 1)
    np.testing.assert_allclose(found.evidence.probabilities["noun"], summed, atol=2e-5)
    assert found.timeline.classes["noun"] == NOUNS, "further names are told by no name of their own"


def test_segments_are_judged_as_they_are_given(
    predictor: Predictor, pictures: Path, video: Path, cache: Path, tmp_path: Path
):
    segments = [(4.0, 5.0), (0.25, 1.0), (1.0, 6.0), (0.25, 1.0)]
    found = predictor.predict(video, segments=segments, cache=cache, top_k=2)
    expected = slow_probabilities(pictures, video, tmp_path / "whole", "verb", VERBS, np.array(segments))
    track = found.timeline.tracks["verb"]
    assert [(one.start_s, one.stop_s) for one in track] == segments, "neither merged nor sorted"
    for one, row in zip(track, expected, strict=True):
        assert one.name == VERBS[int(row.argmax())]
        assert [guess.confidence for guess in one.guesses] == pytest.approx(sorted(row.tolist())[::-1][:2], abs=2e-5)
    with pytest.raises(DataError) as error:
        predictor.predict(video, segments=[(0, 1), (5, 7), (8, 9)], cache=cache)
    assert len(error.value.faults) == 2


def test_actions_are_pairs_and_valid_pairs_share_all_of_it(predictor: Predictor, video: Path, cache: Path):
    free = predictor.predict(video, cache=cache, smoothing_s=0.0)
    verbs, nouns = (free.evidence.probabilities[label] for label in ("verb", "noun"))
    names = free.timeline.classes["action"]
    for column, name in enumerate(names):
        verb, noun = name.split()
        product = verbs[:, VERBS.index(verb)] * nouns[:, NOUNS.index(noun)]
        np.testing.assert_allclose(free.evidence.probabilities["action"][:, column], product, rtol=1e-5)
    pairs = [("cut", "carrot"), ("wash", "cup")]
    few = predictor.predict(video, cache=cache, actions=pairs)
    assert few.timeline.classes["action"] == ("cut carrot", "wash cup")
    np.testing.assert_allclose(few.evidence.probabilities["action"].sum(1), 1, atol=1e-5)
    with pytest.raises(ConfigError, match="'cut' 'bread' is not of the verbs and nouns"):
        predictor.predict(video, cache=cache, actions=[("cut", "bread")])


def test_a_model_of_actions_chooses_among_actions(pictures: Path, video: Path, cache: Path):
    predictor = Predictor.from_pretrained(pictures / "actions")
    assert predictor.labels == ("action",)
    own = predictor.predict(video, cache=cache).timeline
    assert set(own.tracks) == {"action"}
    assert own.classes["action"] == predictor.classes["action"]
    other = predictor.predict(video, cache=cache, actions=[("cut", "bread"), ("stir", "soup")]).timeline
    assert other.classes["action"] == ("cut bread", "stir soup")
    for label in ("verbs", "nouns"):
        with pytest.raises(ConfigError, match=f"answers action, not {label[:-1]}; leave the {label} out"):
            predictor.predict(video, cache=cache, **dict[str, Any]({label: ["cup"]}))


def test_a_single_model_of_a_run_answers_its_own_label(pictures: Path, video: Path, cache: Path):
    predictor = Predictor.from_pretrained(pictures / "xmic" / "models" / "noun")
    assert predictor.labels == ("noun",)
    assert set(predictor.predict(video, cache=cache).timeline.tracks) == {"noun"}
    with pytest.raises(ConfigError, match="answers noun, not verb"):
        predictor.predict(video, cache=cache, verbs=["cut"])
    with pytest.raises(ConfigError, match="actions need a verb and a noun"):
        predictor.predict(video, cache=cache, actions=[("cut", "cup")])


def test_ten_thousand_classes_are_ten_thousand_classes(predictor: Predictor, video: Path, cache: Path):
    names = [f"thing {number}" for number in range(10_000)]
    found = predictor.predict(video, nouns=names, cache=cache, stride_s=2.0)
    assert len(found.timeline.classes["noun"]) == 10_000
    assert len(found.timeline.classes["action"]) <= 2000
    np.testing.assert_allclose(found.evidence.probabilities["noun"].sum(1), 1, atol=1e-4)
    assert all(len(one.guesses) == 5 for label in ("noun", "action") for one in found.timeline.tracks[label])


def test_names_in_any_script_travel_through(predictor: Predictor, video: Path, cache: Path):
    names = ["سكين", "ملعقة", "🍅", "👩‍🍳 cook", "naïve", "日本語"]
    found = predictor.predict(video, nouns=names, cache=cache).timeline
    assert found.classes["noun"] == tuple(names)
    assert type(found).model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"nouns": []}, "at least one name"),
        ({"nouns": ["cup", "cup"]}, "'cup' given more than once"),
        ({"nouns": ["cup", " "]}, "' ' among them"),
        ({"nouns": "cup"}, "a string was given"),
        ({"noun": ["cup"]}, "did you mean 'nouns'"),
        ({"window_s": 0.0}, "window_s is 0"),
        ({"stride_s": float("nan")}, "stride_s is nan"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"top_k": 0}, "top_k is 0"),
        ({"segments": []}, "no segment is given"),
        ({"segments": [(2.0, 1.0)]}, "from 2 to 1 s"),
        ({"segments": [(0.0, float("nan"))]}, "nan"),
        ({"smoothing_s": -1.0}, "smoothing_s is -1"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(
    predictor: Predictor, video: Path, cache: Path, fields: dict[str, Any], message: str
):
    with pytest.raises(ConfigError) as error:
        predictor.predict(video, cache=cache, **fields)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_of_pictures_refuses_sound_in_one_line(predictor: Predictor, tmp_path: Path, cache: Path):
    with pytest.raises(ConfigError, match=r"talk\.m4a: the model reads video, which is not there \(holds no pictures"):
        predictor.predict(write_audio(tmp_path / "talk.m4a", 3.0), cache=cache)


def test_the_own_classes_without_names_have_to_be_given(pictures: Path, video: Path, cache: Path):
    nameless = Predictor.from_pretrained(pictures / "xmic")
    for model in nameless.package.models:
        model.text = {label: ClassText(text.vectors) for label, text in model.text.items()}
    with pytest.raises(ConfigError, match=r"was trained without the names of its (nouns|verbs); give them"):
        nameless.predict(video, cache=cache)
    assert nameless.predict(video, cache=cache, verbs=VERBS, nouns=NOUNS).timeline.tracks["noun"]


def test_without_a_temperature_confidences_are_said_not_to_be_calibrated(
    predictor: Predictor, pictures: Path, video: Path, cache: Path
):
    other = Predictor.from_pretrained(pictures / "xmic")
    for model in other.package.models:
        assert model.fit is not None
        model.fit = model.fit.model_copy(update={"calibration": {}})
    found = other.predict(video, cache=cache, smoothing_s=0.0)
    assert found.timeline.calibrated == {"noun": False, "verb": False, "action": False}
    ours = predictor.predict(video, cache=cache, smoothing_s=0.0).evidence.probabilities["noun"]
    temperature = predictor.temperature("noun")
    assert temperature is not None
    raw = torch.from_numpy(found.evidence.probabilities["noun"]).log() / temperature
    np.testing.assert_allclose(ours, raw.softmax(1), atol=1e-4)


def test_windows_follow_from_the_clips_trained_on(predictor: Predictor, video: Path, cache: Path):
    assert predictor.window_s == 0.75, "three quarters of a second"
    found = predictor.predict(video, cache=cache).timeline
    assert (found.window_s, found.stride_s) == (0.75, 0.125)


def test_a_gap_is_said_and_stays_a_gap(predictor: Predictor, tmp_path: Path):
    broken = write_long(tmp_path / "broken.mp4", 40.0)
    damage(broken, 0.45, 0.5)
    found = predictor.predict(broken, cache=tmp_path / "cache")
    timeline = found.timeline
    assert timeline.partial
    assert not found.interrupted
    assert "of the recording are missing: it could not be read" in timeline.notices[-1]
    assert any("broken.mp4" in notice for notice in timeline.notices[:-1])
    track = timeline.tracks["verb"]
    gaps = [(a.stop_s, b.start_s) for a, b in pairwise(track) if a.stop_s != b.start_s]
    assert len(gaps) == 1
    assert 12 < gaps[0][0] < gaps[0][1] < 20
    lost = float(timeline.notices[-1].split(" s of")[0])
    assert lost == pytest.approx(gaps[0][1] - gaps[0][0], abs=0.06)
    assert timeline.covered_s == pytest.approx(40.0)
    assert track[-1].stop_s == pytest.approx(40.0)


def test_stopping_keeps_what_is_done_and_the_next_call_completes_it(predictor: Predictor, tmp_path: Path):
    long, calls = write_long(tmp_path / "long.mp4", 80.0), list[int]()

    def enough() -> bool:
        calls.append(1)
        return len(calls) > 250  # it is asked after every frame

    first = predictor.predict(long, cache=tmp_path / "cache", stop=enough)
    assert first.interrupted
    assert first.timeline.partial
    assert "it was interrupted; the same command goes on from there" in first.timeline.notices[-1]
    assert 20 < first.timeline.covered_s < 80
    second = predictor.predict(long, cache=tmp_path / "cache")
    assert (second.interrupted, second.timeline.partial, second.timeline.covered_s) == (False, False, 80.0)
    whole = predictor.predict(long, cache=tmp_path / "other")
    assert second.timeline == whole.timeline


def test_segments_in_a_gap_alone_are_refused_in_one_line(predictor: Predictor, tmp_path: Path):
    broken = write_long(tmp_path / "broken.mp4", 40.0)
    damage(broken, 0.45, 0.5)
    with pytest.raises(DataError, match=r"broken\.mp4: nothing can be read of what is asked for, 15 to 17 s; ask for"):
        predictor.predict(broken, cache=tmp_path / "cache", segments=[(15.0, 16.0), (15.5, 17.0)])
    found = predictor.predict(broken, cache=tmp_path / "cache", segments=[(15.0, 16.0), (30.0, 31.0)]).timeline
    assert found.partial
    assert [one.start_s for one in found.tracks["noun"]] == [30.0]


def test_stopping_at_once_leaves_an_empty_timeline(predictor: Predictor, video: Path, tmp_path: Path):
    found = predictor.predict(video, cache=tmp_path, stop=lambda: True)
    assert found.interrupted
    assert found.timeline.partial
    assert found.timeline.covered_s == 0
    assert all(track == () for track in found.timeline.tracks.values())


def test_progress_ends_where_there_is_nothing_left(predictor: Predictor, video: Path, tmp_path: Path):
    told = list[PredictProgress]()
    predictor.predict(video, cache=tmp_path, progress=told.append)
    assert told[-1].done == told[-1].total == 24
    assert told[-1].frames_per_s > 0
    assert told[-1].seconds_left == 0
    assert "video" in told[-1].stage

"""Prototypes are class means, heads learn what can be told apart, and numbers are of segments never taught on."""

import copy
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from egoshift.errors import ConfigError
from egoshift.evaluation import bootstrap_interval
from egoshift.fusion import Fusion
from egoshift.prediction import Predictor
from egoshift.prediction.examples import Examples, read_examples
from egoshift.prediction.gain import Gain
from egoshift.prediction.holdout import held_out, seen_before
from egoshift.prediction.teaching import SETTINGS, Adapted, teach
from egoshift.records import Label
from egoshift.training import FitProgress
from tests.fixtures.multimodal import CLIP_S
from tests.fixtures.trained_runs import NOUNS, VERBS, write_segments
from tests.unit.prediction.test_fused import of

QUICK = SETTINGS.model_copy(update={"epochs": 3, "warmup_epochs": 0})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def predictor(pictures: Path) -> Predictor:
    return Predictor.from_pretrained(pictures / "xmic")


@pytest.fixture(scope="module")
def examples(pictures: Path, predictor: Predictor, cache: Path) -> Examples:
    return read_examples(pictures / "kitchen" / "segments.csv", None, predictor.features, cache=cache)


def table_of(fusions: Path, path: Path, videos: tuple[str, ...], classes: tuple[str, ...], each: int = 6) -> Path:
    """Segments of the data set of several sensors, in classes of one's own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ["video,start,stop,action"]
    for number, video in enumerate(videos):
        shutil.copy(of(fusions, video)[0], path.parent / f"{video}.mkv")
        shutil.copy(of(fusions, video)[1]["imu"], path.parent / f"{video}.imu.csv")
        for k in range(each):
            rows.append(f"{video}.mkv,{k * CLIP_S},{(k + 1) * CLIP_S},{classes[(number + k) % len(classes)]}")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def fused(fusions: Path, tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Predictor, Examples]:
    """A fusion of stored features, and segments in classes that it does not know."""
    folder = tmp_path_factory.mktemp("own")
    path = table_of(fusions, folder / "own.csv", ("t1", "a1", "a2", "a3", "b1"), ("knead", "grate", "whisk"), each=4)
    predictor = Predictor.from_pretrained(fusions / "stored")
    return predictor, read_examples(path, None, predictor.features, cache=cache)


def test_examples_are_the_rows_of_the_table(examples: Examples, pictures: Path):
    assert examples.names["verb"] == VERBS
    assert examples.names["noun"] == NOUNS
    assert len(examples.clips) == 30
    assert set(examples.features) == {f"v{number}" for number in range(5)}
    assert examples.faults == ()


def test_samples_are_in_the_order_of_the_rows(examples: Examples, predictor: Predictor):
    classifier = predictor.package.models[0].classifier
    shuffled = replace(examples, clips=examples.clips.sample(fraction=1.0, shuffle=True, seed=3))
    whole, mixed = (one.samples(classifier, ("verb", "noun")) for one in (examples, shuffled))
    order = [examples.clips["clip_id"].to_list().index(name) for name in shuffled.clips["clip_id"]]
    assert order != sorted(order)
    everything, again = (one.batch(torch.arange(30), num_frames=4) for one in (whole, mixed))
    torch.testing.assert_close(again.streams["full"], everything.streams["full"][order], rtol=0, atol=0)
    for label in ("verb", "noun"):
        torch.testing.assert_close(mixed.targets[label], whole.targets[label][order])
    assert [whole.groups[k] for k in order] == list(mixed.groups)


def test_a_sensor_that_one_recording_lacks_is_absent_there_alone(fused: tuple[Predictor, Examples]):
    predictor, examples = fused
    samples = examples.samples(predictor.package.models[0].classifier, ("action",))
    silent = torch.tensor([video == "a3" for video in samples.groups])
    assert silent.any()
    torch.testing.assert_close(samples.present["audio"], ~silent)


def test_before_is_what_the_predictor_says_of_the_same_segments(
    predictor: Predictor, examples: Examples, pictures: Path, cache: Path
):
    (model,) = [one for one in predictor.package.models if "noun" in one.labels]
    samples = examples.samples(model.classifier, ("noun",), model.num_frames)
    rows = [k for k, video in enumerate(samples.groups) if video == "v1"]
    batch = samples.batch(torch.tensor(rows), num_frames=model.num_frames)
    with torch.no_grad():
        logits = model.classifier(batch, model.text)["noun"] / (predictor.temperature("noun") or 1)
    spans = [(float(k), k + 1.0) for k in range(6)]
    found = predictor.predict(pictures / "kitchen" / "v1.mp4", segments=spans, cache=cache)
    np.testing.assert_allclose(found.evidence.probabilities["noun"], logits.softmax(1).numpy(), atol=1e-6)


def slow_gain(
    adapted: Adapted, predictor: Predictor, examples: Examples, mask: torch.Tensor, label: Label
) -> tuple[Gain, list[int], list[int]]:
    """Segment by segment: what each model answers, before and after."""
    rows = examples.clips.with_row_index("place").filter(pl.Series(mask.tolist()))
    (gain,) = [one for one in adapted.gains if one.label == label]
    right: dict[str, list[int]] = {"before": [], "after": []}
    for name, package in (("before", predictor.package), ("after", adapted.package)):
        model = next(one for one in package.models if label in one.labels)
        text = next(one for one in adapted.package.models if label in one.labels).text
        samples = examples.samples(model.classifier, model.labels, model.num_frames)
        for row in rows.iter_rows(named=True):
            batch = samples.batch(torch.tensor([row["place"]]), num_frames=model.num_frames)
            with torch.no_grad():
                logits = model.classifier(batch, text)[label][0]
            right[name].append(int(text[label].names[int(logits.argmax())] == examples.names[label][row[label]]))
    return gain, right["before"], right["after"]


def test_before_and_after_are_a_recount_of_segments_never_taught(predictor: Predictor, examples: Examples):
    adapted = teach(predictor, examples, settings=QUICK, seed=1)
    mask, words = held_out(examples, 0.3, 1)
    assert adapted.held_out == words
    assert "2 recordings" in words
    labels: tuple[Label, ...] = ("noun", "verb")
    for label in labels:
        gain, before, after = slow_gain(adapted, predictor, examples, mask, label)
        assert gain.before is not None
        assert gain.before == pytest.approx(100 * sum(before) / len(before))
        assert gain.after == pytest.approx(100 * sum(after) / len(after))
        assert gain.clips == len(before) == int(mask.sum()) == 12
        assert gain.classes == len(examples.names[label])
        # Of two recordings no interval over recordings can be known.
        groups = tuple(map(str, range(len(before))))
        paired = bootstrap_interval(torch.tensor(after) - torch.tensor(before), groups)
        assert paired is not None
        assert gain.difference == pytest.approx((gain.after - gain.before, *paired))
        assert gain.before_interval == pytest.approx(bootstrap_interval(torch.tensor(before), groups))
        assert gain.after_interval == pytest.approx(bootstrap_interval(torch.tensor(after), groups))


def test_what_is_held_out_is_never_taught_on(predictor: Predictor, examples: Examples):
    """Other labels for what is held out change nothing of what is learnt."""
    mask, _ = held_out(examples, 0.3, 0)
    pairs = zip(examples.clips["verb"], mask.tolist(), strict=True)
    other = pl.Series("verb", [(verb + 1) % len(VERBS) if held else verb for verb, held in pairs]).cast(pl.Int64)
    first = teach(predictor, examples, settings=QUICK)
    second = teach(predictor, replace(examples, clips=examples.clips.with_columns(verb=other)), settings=QUICK)
    for one, two in zip(first.package.models, second.package.models, strict=True):
        for name, value in one.classifier.state_dict().items():
            torch.testing.assert_close(two.classifier.state_dict()[name], value, rtol=0, atol=0)
    assert first.gains != second.gains


def test_segments_that_the_model_was_trained_on_before_are_told(
    predictor: Predictor, examples: Examples, pictures: Path
):
    mask, _ = held_out(examples, 0.3, 0)
    rows = pl.read_csv(pictures / "kitchen" / "segments.csv").filter(pl.Series(mask.numpy()))
    seen = len(rows.filter(pl.col("split") == "train"))
    assert 0 < seen < len(rows)
    note = teach(predictor, examples, settings=QUICK).note
    assert note.startswith(f"{seen} of these segments show what the model was trained on before")

    models = [copy.copy(model) for model in predictor.package.models]
    for model in models:
        model.provenance = {}
    assert seen_before(models, examples, mask) == "", "nothing is known of a model that came without its data"


def test_a_head_learns_what_can_be_told_apart(fusions: Path, tmp_path: Path, cache: Path):
    """Pictures' features are given by the class alone, and noise: taught, held-out segments are recognised."""
    names = ("knead", "grate", "whisk")
    path = table_of(fusions, tmp_path / "own" / "own.csv", ("t1", "t2", "a1", "a2"), names, each=8)
    predictor = Predictor.from_pretrained(fusions / "text")
    examples = read_examples(path, None, predictor.features, cache=cache)
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(len(names), 24, generator=generator)
    for video, features in examples.features.items():
        store, view = features.streams["video"]
        store = store.in_memory()
        rows = store.array(view)
        for row in examples.clips.filter(pl.col("video_id") == video).iter_rows(named=True):
            inside = (store.times_s >= row["start_s"]) & (store.times_s < row["stop_s"])
            noise = torch.randn(int(inside.sum()), 24, generator=generator)
            rows[inside] = (3 * directions[row["action"]] + noise).numpy()
        features.streams = {"video": (store, view)}
    settings = SETTINGS.model_copy(update={"epochs": 40, "lr": 5e-3})
    (gain,) = teach(predictor, examples, settings=settings).gains
    assert gain.before is not None
    assert gain.after > 80.0 > gain.before
    assert gain.clips == 16
    assert gain.verdict == "it helped"


def test_the_predictor_itself_stays_as_it_is(predictor: Predictor, examples: Examples):
    before = [copy.deepcopy(model.classifier.state_dict()) for model in predictor.package.models]
    adapted = teach(predictor, examples, settings=QUICK)
    for model, state in zip(predictor.package.models, before, strict=True):
        for name, value in model.classifier.state_dict().items():
            torch.testing.assert_close(value, state[name], rtol=0, atol=0)
    assert adapted.package.name == "xmic-adapted" or adapted.package.name.endswith("-adapted")
    assert adapted.package.results == ()


def test_a_taught_predictor_travels_and_keeps_its_window(
    predictor: Predictor, examples: Examples, pictures: Path, cache: Path, tmp_path: Path
):
    taught = Predictor(teach(predictor, examples, settings=QUICK).package)
    taught.save_pretrained(tmp_path / "p")
    found = Predictor.from_pretrained(tmp_path / "p")
    assert found.window_s == predictor.window_s == 0.75
    video = pictures / "kitchen" / "v4.mp4"
    assert found.predict(video, cache=cache).timeline == taught.predict(video, cache=cache).timeline
    assert found.package.models[0].provenance["adapted"]["examples"] == "segments.csv"  # type: ignore[index,call-overload]
    assert found.predict(video, cache=cache, nouns=["ladle", "cup"]).timeline.classes["noun"] == ("ladle", "cup")


def test_new_classes_come_after_the_old_where_these_are_kept(predictor: Predictor, examples: Examples):
    nouns = ("ladle", "cup", "pot", "whisk")
    own = replace(examples, names=examples.names | {"noun": nouns})
    kept = teach(predictor, own, settings=QUICK, keep_classes=True).package
    (model,) = [one for one in kept.models if "noun" in one.labels]
    assert model.text["noun"].names == (*NOUNS, "ladle", "whisk")
    alone = teach(predictor, own, settings=QUICK).package
    (model,) = [one for one in alone.models if "noun" in one.labels]
    assert model.text["noun"].names == nouns


def test_prototypes_are_the_nearest_class_means(fused: tuple[Predictor, Examples]):
    predictor, examples = fused
    adapted = teach(predictor, examples, way="prototypes", seed=2)
    mask, _ = held_out(examples, 0.3, 2)
    (old,), (new,) = predictor.package.models, adapted.package.models
    assert isinstance(old.classifier, Fusion)
    samples = examples.samples(old.classifier, ("action",), old.num_frames)
    embedded, means = [], {}
    for k in range(len(samples)):
        with torch.no_grad():
            embedded.append(
                old.classifier.embed(samples.batch(torch.tensor([k]), num_frames=old.num_frames))[0].numpy()
            )
    targets = samples.targets["action"].tolist()
    for kind in range(3):
        taught = [embedded[k] for k in range(len(samples)) if targets[k] == kind and not mask[k]]
        means[kind] = np.mean(taught, 0)
    for k in range(len(samples)):
        distances = [-float(((embedded[k] - means[kind]) ** 2).sum()) for kind in range(3)]
        with torch.no_grad():
            ours = new.classifier(samples.batch(torch.tensor([k]), num_frames=new.num_frames), new.text)["action"][0]
        # A linear layer leaves out the embedding's own square, which no class differs by.
        np.testing.assert_allclose(
            torch.softmax(ours, 0).numpy(), torch.softmax(torch.tensor(distances), 0).numpy(), atol=1e-4
        )
    (gain,) = adapted.gains
    assert (gain.before, gain.difference, gain.verdict) == (None, None, "new classes")
    hits = [
        int(np.argmin([((embedded[k] - means[kind]) ** 2).sum() for kind in range(3)]) == targets[k])
        for k in range(len(samples))
        if mask[k]
    ]
    assert gain.after == pytest.approx(100 * sum(hits) / len(hits))


@pytest.mark.parametrize("name", ["stored", "text", "signals"])
def test_a_predictor_of_prototypes_has_fixed_classes_and_its_old_window(
    fusions: Path, tmp_path: Path, cache: Path, name: str
):
    path = table_of(fusions, tmp_path / "own" / "own.csv", ("t1", "a1"), ("knead", "grate"), each=5)
    predictor = Predictor.from_pretrained(fusions / name)
    examples = read_examples(path, None, predictor.features, cache=cache)
    Predictor(teach(predictor, examples, way="prototypes").package).save_pretrained(tmp_path / "p")
    found = Predictor.from_pretrained(tmp_path / "p")
    assert not found.open_vocabulary
    assert found.window_s == predictor.window_s
    assert found.classes["action"] == ("grate", "knead")
    assert found.temperature("action") is not None
    video = path.parent / "t1.mkv"
    timeline = found.predict(video, cache=cache).timeline
    assert {segment.name for segment in timeline.tracks["action"]} <= {"grate", "knead"}
    with pytest.raises(ConfigError, match="has a fixed list of 2 actions without 'peel the carrot'"):
        found.predict(video, cache=cache, actions=[("peel", "the carrot")])


def test_signals_are_taught_by_whole_windows(fusions: Path, tmp_path: Path, cache: Path):
    """As the predictor reads them: the same segment has the same logits."""
    path = table_of(fusions, tmp_path / "own" / "own.csv", ("t1", "a1"), ("knead", "grate"), each=5)
    predictor = Predictor.from_pretrained(fusions / "signals")
    examples = read_examples(path, None, predictor.features, cache=cache)
    (model,) = predictor.package.models
    samples = examples.samples(model.classifier, ("action",), 2)
    rows = {name: value.shape[1] for name, value in samples.batch(torch.arange(2), num_frames=2).streams.items()}
    assert rows == {"video": 2, "audio": 64, "imu": 200}
    some = samples.subset(torch.tensor([7, 1])).batch(torch.tensor([1]), num_frames=2)
    one = samples.batch(torch.tensor([1]), num_frames=2)
    for name, value in one.streams.items():
        torch.testing.assert_close(some.streams[name], value, rtol=0, atol=0, equal_nan=True)
    with torch.no_grad():
        logits = model.classifier(samples.batch(torch.arange(5), num_frames=2), model.text)["action"]
    spans = [(row["start_s"], row["stop_s"]) for row in examples.clips.head(5).iter_rows(named=True)]
    found = predictor.predict(path.parent / "t1.mkv", segments=spans, cache=cache)
    np.testing.assert_allclose(found.evidence.probabilities["action"], logits.softmax(1).numpy(), atol=2e-5)
    (gain,) = teach(predictor, examples, way="prototypes").gains
    assert 0 <= gain.after <= 100


def test_a_class_without_a_segment_to_teach_is_never_answered(fused: tuple[Predictor, Examples]):
    predictor, examples = fused
    mask, _ = held_out(examples, 0.3, 2)
    verbs = examples.clips["action"].to_list()
    # One class appears among the held-out segments alone.
    moved = [3 if held and verb == 0 else verb for verb, held in zip(verbs, mask.tolist(), strict=True)]
    own = replace(
        examples,
        clips=examples.clips.with_columns(action=pl.Series("action", moved).cast(pl.Int64)),
        names={"action": (*examples.names["action"], "sieve")},
    )
    adapted = teach(predictor, own, way="prototypes", seed=2)
    (model,) = adapted.package.models
    samples = own.samples(model.classifier, ("action",))
    with torch.no_grad():
        logits = model.classifier(samples.batch(torch.arange(len(samples)), num_frames=model.num_frames), model.text)
    assert "sieve" not in model.text["action"].names or not (logits["action"].argmax(1) == 3).any()


def test_what_cannot_be_taught_is_refused_in_one_line(
    predictor: Predictor, examples: Examples, fused: tuple[Predictor, Examples], pictures: Path
):
    linear, own = fused
    cases = [
        (predictor, examples, "prototypes", "prototypes are of fusions; teach its head instead"),
        (linear, own, "head", "has trained parameters for each of its classes, which new ones have not"),
        (predictor, own, "head", "has action labels, xmic_full answers noun and verb; add such a column"),
        (predictor, replace(examples, clips=examples.clips.head(3)), "head", "3 segments are too few"),
        (
            predictor,
            replace(examples, clips=examples.clips.with_columns(noun=pl.lit(None, dtype=pl.Int64))),
            "head",
            "too few segments have a noun; label more of them",
        ),
    ]
    for asked, segments, way, message in cases:
        with pytest.raises(ConfigError) as error:
            teach(asked, segments, way=way, settings=QUICK)  # type: ignore[arg-type]
        assert message in str(error.value), str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("share", "num_videos"), [(0.3, 5), (0.1, 5), (0.9, 5), (0.3, 2), (0.05, 1)])
def test_what_is_held_out_is_whole_recordings_where_there_are_enough(examples: Examples, share: float, num_videos: int):
    videos = [f"v{number}" for number in range(num_videos)]
    some = replace(examples, clips=examples.clips.filter(pl.col("video_id").is_in(videos)))
    mask, words = held_out(some, share, 0)
    again, _ = held_out(some, share, 0)
    assert torch.equal(mask, again)
    assert 2 <= int(mask.sum()) < len(mask)
    held = {video for video, there in zip(some.clips["video_id"], mask.tolist(), strict=True) if there}
    taught = {video for video, there in zip(some.clips["video_id"], mask.tolist(), strict=True) if not there}
    assert taught
    if num_videos >= 4:
        assert not held & taught
        assert f"{len(held)} recordings that it was not taught on" in words
    else:
        assert "of the same recordings" in words


@pytest.mark.parametrize("selection", ["best", "oracle"])
def test_an_epoch_is_not_chosen_by_the_segments_measured_on(predictor: Predictor, examples: Examples, selection: str):
    with pytest.raises(ConfigError, match=f"'{selection}' would choose the epoch by the segments that the gain is"):
        teach(predictor, examples, settings=QUICK.model_copy(update={"selection": selection}))


def test_progress_is_told_and_the_same_seed_learns_the_same(predictor: Predictor, examples: Examples):
    told: list[tuple[str, FitProgress]] = []
    first = teach(predictor, examples, settings=QUICK, progress=lambda labels, state: told.append((labels, state)))
    second = teach(predictor, examples, settings=QUICK)
    assert {labels for labels, _ in told} == {"noun", "verb"}
    assert max(state.epoch for _, state in told) == 2
    assert first.gains == second.gains


def test_recordings_and_rows_that_cannot_be_used_are_named(pictures: Path, predictor: Predictor, tmp_path: Path):
    path = write_segments(tmp_path / "own", num_videos=2)
    (tmp_path / "own" / "broken.mp4").write_bytes(b"no video")
    path.write_text(path.read_text() + "broken.mp4,0,1,cut,cup,\ngone.mp4,0,1,cut,cup,\nv0.mp4,5,99,cut,cup,\n")
    seen = []
    found = read_examples(
        path, None, predictor.features, cache=tmp_path / "c", progress=lambda *state: seen.append(state)
    )
    text = "\n".join(map(str, found.faults))
    assert "broken.mp4" in text
    assert "gone.mp4" in text
    assert len(found.clips) == 12
    assert seen[0] == ("v0", 0, len(seen))
    assert "99" in text
    assert len(found.samples(predictor.package.models[0].classifier, ("noun",))) == 12

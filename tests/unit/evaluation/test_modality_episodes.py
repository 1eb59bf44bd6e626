"""Few-shot rows and examples against one episode, one clip and one forward at a time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from egoshift.errors import ConfigError, DataError
from egoshift.evaluation import Episodes, FewShotSettings, few_shot_rows, write_episodes
from egoshift.evaluation.modality_episodes import (
    example_pairs,
    few_shot_examples,
    few_shot_labels,
    few_shot_subset_rows,
    make_episodes,
)
from egoshift.evaluation.modality_result import LeftOut
from egoshift.losses import Modalities
from tests.unit.evaluation.modal import ALL, CLIPS, IDS, SUBSETS, clips, fusion, scored, slow_clip, texts

NOVEL = (1, 2, 4, 5)
SETTINGS = FewShotSettings(label="noun", classes=NOVEL, ways=3, shots=2, queries=3, num_episodes=12, num_examples=4)


def slow_nearest(
    vectors: dict[tuple[int, Modalities], Tensor],
    episodes: Episodes,
    number: int,
    pair: tuple[Modalities, Modalities],
    query: int,
    settings: FewShotSettings,
) -> int:
    """The nearest class mean, by loops over classes and clips."""

    def vector(clip: int, subset: Modalities) -> Tensor:
        found = vectors[clip, subset].double()
        return functional.normalize(found, dim=0) if settings.normalise else found

    near = []
    for support in episodes.support[number].tolist():
        mean = torch.stack([vector(clip, pair[0]) for clip in support]).mean(0)
        asked = vector(query, pair[1])
        cosine = float(functional.cosine_similarity(mean, asked, dim=0))
        near.append(cosine if settings.distance == "cosine" else -float((mean - asked).square().sum()))
    return near.index(max(near))


def slow_vectors(episodes: Episodes) -> dict[tuple[int, Modalities], Tensor]:
    """Each clip of the episodes from each subset by a forward of its own."""
    model, source, found = fusion(), clips(), {}
    for clip in {*episodes.support.flatten().tolist(), *episodes.query.flatten().tolist()}:
        for subset in SUBSETS:
            scores = slow_clip(model, source, clip, subset)
            assert scores is not None
            found[clip, subset] = scores[0]
    return found


@pytest.mark.parametrize("options", [{}, {"distance": "cosine"}, {"normalise": True}], ids=str)
def test_all_pairs_of_subsets_and_the_examples_equal_the_loops(options: dict[str, Any]) -> None:
    scores, settings = scored(), replace(SETTINGS, **options)
    episodes = make_episodes(scores, settings, IDS)
    vectors, rows = slow_vectors(episodes), few_shot_subset_rows(scores, episodes, settings)
    assert [(row.support, row.query) for row in rows] == [(s, q) for s in SUBSETS for q in SUBSETS]
    for row in rows:
        right = [
            slow_nearest(vectors, episodes, number, (row.support, row.query), query, settings) == way
            for number in range(len(episodes))
            for way, queries in enumerate(episodes.query[number].tolist())
            for query in queries
        ]
        assert row.value == pytest.approx(100 * sum(right) / len(right))
        assert (row.task, row.label, row.clips, row.n) == ("few-shot", "noun", "all", 12)
    examples = few_shot_examples(scores, episodes, settings, IDS)
    assert len(examples) == 4 * 10
    for place, example in enumerate(examples):
        number, pair = place // 10, (example.support_modalities, example.query_modalities)
        query = int(episodes.query[number, number % 3, 0])
        assert (example.query, example.target) == (IDS[query], number % 3)
        assert example.predicted == slow_nearest(vectors, episodes, number, pair, query, settings)
        assert example.support == tuple(tuple(IDS[clip] for clip in way) for way in episodes.support[number].tolist())
        assert example.classes == tuple(f"noun {one}" for one in episodes.classes[number].tolist())
        assert example.classes[example.target] == f"noun {int(scores.targets['noun'][query])}"
    assert {example.predicted == example.target for example in examples} == {True, False}


@pytest.mark.parametrize("options", [{}, {"distance": "cosine"}, {"normalise": True}], ids=str)
def test_lengths_of_embeddings_matter_as_they_are_asked_to(options: dict[str, Any]) -> None:
    scores, settings = scored(), replace(SETTINGS, **options)
    lengths = 0.1 + 10 * torch.rand(CLIPS, 1, generator=torch.Generator().manual_seed(6))
    scores = replace(scores, embeddings={subset: lengths * vectors for subset, vectors in scores.embeddings.items()})
    episodes = make_episodes(scores, settings, IDS)
    rows = few_shot_subset_rows(scores, episodes, settings)
    expected = few_shot_rows(scores.embeddings, episodes, **options)
    assert [row.value for row in rows] == [row.accuracy for row in expected]
    for example in few_shot_examples(scores, episodes, settings, IDS, [(ALL, ALL)]):
        support = torch.tensor([[IDS.index(clip) for clip in way] for way in example.support])
        vectors = scores.embeddings[ALL].double()
        vectors = functional.normalize(vectors, dim=1) if settings.normalise else vectors
        means, asked = vectors[support].mean(1), vectors[IDS.index(example.query)]
        near = -(means - asked).square().sum(1)
        if settings.distance == "cosine":
            near = functional.cosine_similarity(means, asked[None])
        assert example.predicted == int(near.argmax())


def test_examples_are_of_all_of_each_and_across_modalities() -> None:
    pairs = example_pairs(scored())
    assert pairs[:4] == ((ALL, ALL), (ALL, ("video",)), (ALL, ("audio",)), (ALL, ("imu",)))
    assert set(pairs[4:]) == {((one,), (other,)) for one in ALL for other in ALL if one != other}
    assert example_pairs(
        replace(scored(), embeddings={ALL: torch.zeros(CLIPS, 2), ("imu",): torch.zeros(CLIPS, 2)})
    ) == (
        (ALL, ALL),
        (ALL, ("imu",)),
    )
    single = replace(scored(), modalities=("imu",), embeddings={("imu",): torch.zeros(CLIPS, 2)})
    assert example_pairs(single) == ((("imu",), ("imu",)),)


def test_no_more_examples_than_episodes() -> None:
    scores, settings = scored(), replace(SETTINGS, num_episodes=2, num_examples=9)
    episodes = make_episodes(scores, settings, IDS)
    assert len(few_shot_examples(scores, episodes, settings, IDS, [(ALL, ALL)])) == 2
    assert few_shot_examples(scores, episodes, replace(settings, num_examples=0), IDS) == ()


def test_episodes_are_of_the_classes_asked_for_and_of_clips_that_have_every_modality() -> None:
    scores = scored()
    labels, left_out = few_shot_labels(scores, SETTINGS)
    reasons = dict.fromkeys(("unlabelled", "other-class", "lacks-a-modality"), 0)
    for clip in range(CLIPS):
        target, whole = int(scores.targets["noun"][clip]), all(bool(scores.present[name][clip]) for name in ALL)
        kept = target in NOVEL and whole
        assert int(labels[clip]) == (target if kept else -1)
        if not kept:
            reasons["unlabelled" if target < 0 else "lacks-a-modality" if target in NOVEL else "other-class"] += 1
    assert [(part.reason, part.n) for part in left_out] == list(reasons.items())
    assert all(
        part == LeftOut(task="few-shot", label="noun", query=ALL, reason=part.reason, n=part.n) for part in left_out
    )
    episodes = make_episodes(scores, SETTINGS, IDS)
    assert set(episodes.classes.flatten().tolist()) == set(NOVEL)
    assert bool((labels[episodes.query.flatten()] >= 0).all())
    everything = replace(SETTINGS, classes=None)
    rows = few_shot_subset_rows(scores, make_episodes(scores, everything, IDS), everything)
    assert {row.clips for row in rows} == {"all"}
    assert [part.reason for part in few_shot_labels(scores, everything)[1]] == ["unlabelled", "lacks-a-modality"]


def test_by_default_episodes_are_the_papers() -> None:
    paper = {"label": "action", "classes": None, "ways": 5, "shots": 5, "queries": 15, "num_episodes": 1000}
    others = {"seed": 0, "path": None, "distance": "squared-euclidean", "normalise": False, "num_examples": 3}
    assert vars(FewShotSettings()) == paper | others


def test_the_seed_draws_the_episodes_and_rows_keep_their_intervals() -> None:
    scores, other = scored(), replace(SETTINGS, seed=1)
    drawn = make_episodes(scores, SETTINGS, IDS)
    assert torch.equal(make_episodes(scores, SETTINGS, IDS).query, drawn.query)
    assert not torch.equal(make_episodes(scores, other, IDS).query, drawn.query)
    rows = few_shot_subset_rows(scores, drawn, SETTINGS)
    assert [(row.low, row.high) for row in rows] == [(r.low, r.high) for r in few_shot_rows(scores.embeddings, drawn)]


def test_a_list_of_clips_that_are_of_another_class_by_now_is_refused(tmp_path: Path) -> None:
    scores, path = scored(), tmp_path / "episodes.json"
    episodes = make_episodes(scores, SETTINGS, IDS)
    write_episodes(path, episodes, ids=IDS, names=texts()["noun"].names)
    targets = scores.targets["noun"].clone()
    targets[episodes.query.flatten()[0]] = 0
    with pytest.raises(DataError, match=r"episodes\.json: "):
        make_episodes(replace(scores, targets={**scores.targets, "noun": targets}), replace(SETTINGS, path=path), IDS)


def test_a_list_gives_the_rows_that_it_was_drawn_for(tmp_path: Path) -> None:
    scores, path = scored(), tmp_path / "episodes.json"
    episodes = make_episodes(scores, SETTINGS, IDS)
    write_episodes(path, episodes, ids=IDS, names=texts()["noun"].names)
    given = replace(SETTINGS, path=path, ways=9, seed=5)
    read = make_episodes(scores, given, IDS)
    assert few_shot_subset_rows(scores, read, given) == few_shot_subset_rows(scores, episodes, SETTINGS)
    with pytest.raises(ConfigError, match=r"episodes.json: has episodes of 'noun 1', which is not among the 2 classes"):
        make_episodes(scores, replace(given, classes=(2, 4)), IDS)
    with pytest.raises(DataError, match="which is not among those given"):
        make_episodes(scores, given, [f"other {number}" for number in range(CLIPS)])


def test_a_list_with_clips_that_lack_a_modality_is_one_line(tmp_path: Path) -> None:
    scores, path = scored(), tmp_path / "episodes.json"
    whole = replace(scores, present={name: torch.ones(CLIPS, dtype=torch.bool) for name in ALL})
    write_episodes(path, make_episodes(whole, SETTINGS, IDS), ids=IDS, names=texts()["noun"].names)
    given = replace(SETTINGS, path=path)
    with pytest.raises(
        ConfigError, match=r"samples of the episodes have no embedding from .* draw episodes of samples"
    ):
        few_shot_subset_rows(scores, make_episodes(scores, given, IDS), given)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"ways": 5}, "5 ways, but there are 4 classes; give fewer ways or more classes"),
        ({"shots": 50}, r"4 of 4 classes have fewer than the 53 samples .*: noun 1 \(\d+\), noun 2"),
        ({"label": "action"}, r"the clips have no action labels \(they have: noun, verb\); give label=one of these"),
    ],
)
def test_episodes_that_cannot_be_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make_episodes(scored(), replace(SETTINGS, **options), IDS)

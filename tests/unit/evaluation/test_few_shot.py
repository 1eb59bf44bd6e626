"""Few-shot accuracy: chunks, ties, missing modalities, and what is refused."""

import pytest
import torch
from torch import Tensor

from egoshift.errors import ConfigError
from egoshift.evaluation import draw_episodes, episode_accuracies, few_shot, few_shot_rows, mean_interval
from egoshift.losses import Modalities

LABELS = torch.arange(8).repeat(10)
VIDEO, SOUND, BOTH = ("video",), ("audio",), ("video", "audio")
EPISODES = draw_episodes(LABELS, num_episodes=40, ways=4, shots=2, queries=5)


def embeddings(noise: float = 1.0) -> dict[Modalities, Tensor]:
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(8, 6, generator=generator)
    return {
        subset: centres[LABELS] + noise * torch.randn(80, 6, generator=generator) for subset in (BOTH, VIDEO, SOUND)
    }


def test_one_episode_at_a_time_gives_what_all_at_once_give(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = episode_accuracies(embeddings(), EPISODES)
    monkeypatch.setattr(few_shot, "BYTES_AT_ONCE", 1)
    found = episode_accuracies(embeddings(), EPISODES)
    assert all(torch.equal(found[pair], values) for pair, values in expected.items())
    assert len(found) == 9


def test_single_pairs_give_what_all_pairs_give() -> None:
    everything = episode_accuracies(embeddings(), EPISODES)
    asked = [(SOUND, VIDEO), (BOTH, SOUND), (SOUND, VIDEO)]
    found = episode_accuracies(embeddings(), EPISODES, pairs=asked)
    assert list(found) == asked[:2]
    assert all(torch.equal(values, everything[pair]) for pair, values in found.items())


def test_clear_classes_are_all_recognised_and_shuffled_ones_by_chance() -> None:
    for distance in ("squared-euclidean", "cosine"):
        rows = few_shot_rows(embeddings(noise=0.01), EPISODES, distance=distance)
        assert all((row.accuracy, row.low, row.high) == (100.0, 100.0, 100.0) for row in rows)
    generator = torch.Generator().manual_seed(1)
    shuffled = {subset: value[torch.randperm(80, generator=generator)] for subset, value in embeddings().items()}
    many = draw_episodes(LABELS, num_episodes=400, ways=4, shots=2, queries=5)
    assert all(abs(row.accuracy - 25.0) < 10 for row in few_shot_rows(shuffled, many))


def test_of_equally_near_classes_the_first_is_taken() -> None:
    same: dict[Modalities, Tensor] = {VIDEO: torch.ones(80, 3)}
    for distance in ("squared-euclidean", "cosine"):
        values = episode_accuracies(same, EPISODES, distance=distance)[VIDEO, VIDEO]
        assert torch.equal(values, torch.full((40,), 25.0, dtype=torch.float64))


def test_samples_that_no_episode_uses_may_lack_an_embedding() -> None:
    labels = LABELS.clone()
    labels[:16] = -1
    episodes = draw_episodes(labels, num_episodes=10, ways=4, shots=2, queries=5)
    given = embeddings()
    expected = episode_accuracies(given, episodes)
    for value in given.values():
        value[:16] = torch.nan
    found = episode_accuracies(given, episodes)
    assert all(torch.equal(found[pair], values) for pair, values in expected.items())
    with pytest.raises(
        ConfigError, match=r"16 of 7\d samples of the episodes have no embedding from video\+audio \(NaN"
    ):
        episode_accuracies(given, EPISODES)


def test_a_sample_that_lacks_a_modality_counts_only_where_it_is_used() -> None:
    given = embeddings()
    asked = EPISODES.query.flatten().unique()
    only_query = [row for row in asked.tolist() if row not in EPISODES.support[:1].flatten().tolist()]
    one = type(EPISODES)(EPISODES.classes[:1], EPISODES.support[:1], EPISODES.query[:1])
    given[SOUND][only_query] = torch.nan
    assert len(episode_accuracies(given, one, pairs=[(SOUND, VIDEO)])) == 1
    with pytest.raises(ConfigError, match=r"20 of 20 samples of the episodes have no embedding from audio"):
        episode_accuracies(given, one, pairs=[(VIDEO, SOUND)])


def test_half_precision_embeddings_are_taken_and_left_as_they_were() -> None:
    halves = {subset: value.half() for subset, value in embeddings(0.3).items()}
    before = {subset: value.clone() for subset, value in halves.items()}
    singles = {subset: value.float() for subset, value in halves.items()}
    expected = episode_accuracies(singles, EPISODES)
    assert all(torch.equal(v, expected[pair]) for pair, v in episode_accuracies(halves, EPISODES).items())
    assert all(torch.equal(halves[subset], value) for subset, value in before.items())


def test_an_interval_stays_within_the_possible_and_one_episode_has_none() -> None:
    assert mean_interval(torch.tensor([40.0], dtype=torch.float64)) == (40.0, None, None)
    mean, low, high = mean_interval(torch.tensor([100.0, 100.0, 0.0], dtype=torch.float64))
    assert mean == pytest.approx(200 / 3)
    assert high == 100.0
    assert low == pytest.approx(200 / 3 - 1.959964 * 57.735 / 3**0.5, abs=1e-3)
    assert mean_interval(torch.tensor([0.0, 0.0, 0.0, 20.0], dtype=torch.float64))[1] == 0.0
    two = mean_interval(torch.tensor([40.0, 50.0], dtype=torch.float64))
    assert two == pytest.approx((45.0, 45.0 - 1.959964 * 5, 45.0 + 1.959964 * 5), abs=1e-3)


def test_rows_are_of_the_pairs_and_of_the_lengths_that_are_asked_for() -> None:
    lengths = 0.1 + 10 * torch.rand(80, 1, generator=torch.Generator().manual_seed(5))
    given = {subset: lengths * value for subset, value in embeddings().items()}
    asked = [(SOUND, VIDEO), (BOTH, SOUND)]
    rows = few_shot_rows(given, EPISODES, pairs=asked, normalise=True)
    assert [(row.support, row.query) for row in rows] == asked
    expected = episode_accuracies(given, EPISODES, normalise=True)
    assert [row.accuracy for row in rows] == pytest.approx([expected[pair].mean().item() for pair in asked])
    assert [row.accuracy for row in rows] != [row.accuracy for row in few_shot_rows(given, EPISODES, pairs=asked)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"distance": "euclidean"}, r"distance is 'euclidean'; give one of"),
        ({"pairs": [(VIDEO, ("imu",))]}, r"there are no embeddings from imu, but from video\+audio, video, audio"),
        ({"pairs": []}, r"0 pairs of subsets and 40 episodes; give at least one of each"),
    ],
)
def test_what_cannot_be_measured_is_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        episode_accuracies(embeddings(), EPISODES, **options)  # type: ignore[arg-type]


def test_embeddings_of_other_samples_are_refused() -> None:
    few: dict[Modalities, Tensor] = {VIDEO: embeddings()[VIDEO][:50]}
    with pytest.raises(ConfigError, match=r"an episode has sample 79, but there are 50 embeddings from video"):
        episode_accuracies(few, EPISODES)

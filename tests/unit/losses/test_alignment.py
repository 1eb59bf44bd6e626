"""The alignment loss: what counts, what does not, and what is refused."""

import doctest
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from egoshift.errors import ConfigError
from egoshift.losses import alignment, alignment_loss, other_moments

SIZE, DIM = 6, 8
NOBODY, EVERYBODY = torch.zeros(SIZE, dtype=torch.bool), torch.ones(SIZE, dtype=torch.bool)


def embeddings(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(SIZE, DIM, generator=generator) for name in ("video", "audio", "imu")}


def gradients(given: dict[str, Tensor], **options: object) -> tuple[Tensor, dict[str, Tensor]]:
    leaves = {name: value.clone().requires_grad_() for name, value in given.items()}
    loss = alignment_loss(leaves, **options).loss  # type: ignore[arg-type]
    return loss.detach(), dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def test_equal_embeddings_of_unlike_clips_have_a_loss_near_zero_and_shuffled_ones_a_high_one() -> None:
    same = torch.eye(SIZE, DIM)
    assert alignment_loss({"video": same, "audio": same}).loss.item() == pytest.approx(
        5 * math.exp(-1 / 0.07), abs=1e-5
    )
    assert alignment_loss({"video": same, "audio": same.roll(1, 0)}).loss.item() > 14


def test_without_any_anchor_the_loss_is_zero_with_a_gradient_of_zero_and_no_positive() -> None:
    given = embeddings()
    for present in ({"video": NOBODY}, {"audio": NOBODY, "imu": NOBODY}):
        found = alignment_loss(given, present=present)
        assert (found.loss.item(), found.num_positives) == (0.0, 0)
        _, slopes = gradients(given, present=present)
        assert all(torch.equal(slope, torch.zeros(SIZE, DIM)) for slope in slopes.values())


def test_between_all_pairs_clips_without_video_still_align_sound_and_motion() -> None:
    found = alignment_loss(embeddings(), present={"video": NOBODY}, pairs="all")
    assert found.loss.item() > 0
    assert {pair: int(count) for pair, count in found.counts.items()} == {
        ("video", "audio"): 0,
        ("video", "imu"): 0,
        ("audio", "imu"): SIZE,
    }


def test_the_anchor_alone_has_nothing_to_align_with() -> None:
    found = alignment_loss({"video": embeddings()["video"]})
    assert (found.loss.item(), dict(found.counts)) == (0.0, {})
    assert torch.equal(gradients({"video": embeddings()["video"]})[1]["video"], torch.zeros(SIZE, DIM))


def test_one_clip_alone_counts_but_has_a_term_of_zero() -> None:
    found = alignment_loss({name: value[:1] for name, value in embeddings().items()})
    assert (found.loss.item(), found.num_positives) == (0.0, 2)


def test_what_an_absent_embedding_holds_has_no_influence() -> None:
    given, some = embeddings(), torch.tensor([True, False, True, True, False, True])
    present = {"video": some.roll(1), "audio": some}
    expected = gradients(given, present=present, pairs="all", symmetric=True)
    spoilt = {name: value.clone() for name, value in given.items()}
    for name, here in present.items():
        spoilt[name][~here] = torch.nan
    loss, slopes = gradients(spoilt, present=present, pairs="all", symmetric=True)
    assert torch.equal(loss, expected[0])
    assert all(torch.equal(slope, expected[1][name]) for name, slope in slopes.items())


def test_a_clip_without_video_is_still_a_negative() -> None:
    given, first = embeddings(), torch.tensor([True] + [False] * (SIZE - 1))
    alone = alignment_loss({name: value[:1] for name, value in given.items()}).loss
    assert alignment_loss(given, present={"video": first}).loss > alone
    both = {"video": first, "audio": first, "imu": first}
    assert torch.equal(alignment_loss(given, present=both).loss, alone)


def test_the_order_of_clips_and_of_modalities_does_not_matter() -> None:
    given = embeddings()
    expected = alignment_loss(given, pairs="all").loss
    order = torch.randperm(SIZE, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(alignment_loss({n: v[order] for n, v in given.items()}, pairs="all").loss, expected)
    assert torch.equal(alignment_loss(dict(reversed(given.items())), pairs="all").loss, expected)


def test_another_anchor_takes_the_part_of_the_video() -> None:
    given = embeddings()
    renamed = {"audio": given["video"], "video": given["audio"], "imu": given["imu"]}
    assert torch.equal(alignment_loss(renamed, anchor="audio").loss, alignment_loss(given).loss)
    assert list(alignment_loss(renamed, anchor="audio", pairs="all").counts) == [
        ("audio", "imu"),
        ("audio", "video"),
        ("imu", "video"),
    ]


def test_length_matters_only_without_normalisation() -> None:
    given = embeddings()
    longer = {name: 3 * value for name, value in given.items()}
    torch.testing.assert_close(alignment_loss(longer).loss, alignment_loss(given).loss)
    assert alignment_loss(longer, normalise=False).loss != alignment_loss(given, normalise=False).loss


def test_a_trained_temperature_gets_a_gradient_and_lowers_the_loss() -> None:
    log_tau, given = torch.tensor(0.0, requires_grad=True), embeddings()
    given["audio"] = given["imu"] = given["video"]
    optimiser, losses = torch.optim.SGD([log_tau], lr=0.5), []
    for _ in range(5):
        loss = alignment_loss(given, temperature=log_tau.exp()).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert log_tau.item() < -0.5


def test_training_on_it_brings_moments_together() -> None:
    generator = torch.Generator().manual_seed(0)
    moments = torch.randn(40, DIM, generator=generator)
    heard = moments @ torch.randn(DIM, DIM, generator=generator)
    torch.manual_seed(0)
    layer = torch.nn.Linear(DIM, DIM, bias=False)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.02)

    def found() -> float:
        scores = functional.normalize(layer(heard), dim=-1) @ functional.normalize(moments, dim=-1).T
        return (scores.argmax(1) == torch.arange(40)).float().mean().item()

    before = found()
    for _ in range(200):
        loss = alignment_loss({"video": moments, "audio": layer(heard)}).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert before < 0.2
    assert found() > 0.9


def test_under_autocast_it_stays_in_single_precision() -> None:
    given = embeddings()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(alignment_loss(given).loss, alignment_loss(given).loss.float())
        assert torch.equal(alignment_loss(given).loss, alignment_loss({n: v.float() for n, v in given.items()}).loss)
    halves = {name: value.half() for name, value in given.items()}
    assert alignment_loss(halves).loss.dtype == torch.float32


def test_windows_that_touch_are_other_moments_and_those_that_overlap_are_not() -> None:
    recordings = torch.tensor([1, 1, 1, 2])
    starts, stops = torch.tensor([0.0, 2.0, 1.5, 0.0]), torch.tensor([2.0, 4.0, 2.5, 2.0])
    assert other_moments(recordings, starts, stops).tolist() == [
        [False, True, False, True],
        [True, False, False, True],
        [False, False, False, True],
        [True, True, True, False],
    ]
    assert other_moments(recordings, starts, stops, within="recording").sum() == 2
    assert other_moments(recordings, starts, stops, within="other-recordings").sum() == 6


def test_a_window_around_the_same_moment_no_longer_pushes_it_away() -> None:
    given = embeddings()
    twice = {name: torch.cat([value, value[:1]]) for name, value in given.items()}
    times = torch.cat([torch.arange(SIZE).double(), torch.tensor([0.25])])
    negatives = other_moments(torch.zeros(SIZE + 1, dtype=torch.int64), times, times + 1)
    assert not bool(negatives[0, SIZE])
    assert alignment_loss(twice, negatives=negatives).loss < alignment_loss(twice).loss


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"anchor": "sight"}, r"anchor is 'sight', but the embeddings are of video, audio, imu"),
        ({"pairs": "both"}, r"pairs is 'both'; give one of 'video-anchored', 'all'"),
        ({"temperature": 0.0}, r"temperature is 0; give a number above zero"),
        ({"temperature": torch.tensor(-0.5)}, r"temperature is -0.5"),
        ({"temperature": math.nan}, r"temperature is nan"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        alignment_loss(embeddings(), **options)  # type: ignore[arg-type]


def test_clips_that_end_before_they_start_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"1 of 2 clips do not end after they start, clip 1 lasts from 3 s to 3 s"):
        other_moments(torch.tensor([0, 0]), torch.tensor([0.0, 3.0]), torch.tensor([1.0, 3.0]))
    with pytest.raises(ConfigError, match=r"within is 'video'; give one of 'batch', 'recording', 'other-recordings'"):
        other_moments(torch.tensor([0]), torch.tensor([0.0]), torch.tensor([1.0]), within="video")


def test_the_examples_give_what_they_say() -> None:
    assert doctest.testmod(alignment) == (0, 4)

"""Modality dropout by its probabilities, and the fusion modules by what a mask may and may not change."""

from collections import Counter

import pytest
import torch
from torch import Tensor

from egoshift.fusion import AttentionFusion, MLPFusion, drop_modalities

WIDTH, SIZE = 16, 5
LENGTHS = (3, 1, 4)


def everyone(size: int, num_modalities: int = 3) -> Tensor:
    return torch.ones(size, num_modalities, dtype=torch.bool)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.5, 0.9, 1.0])
def test_subsets_are_kept_as_often_as_stated(probability: float) -> None:
    size, p = 20_000, probability
    kept = Counter(map(tuple, drop_modalities(everyone(size), p, generator()).tolist()))
    for subset in [(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)]:
        num = sum(subset)
        expected = (1 - p) ** num * p ** (3 - num) + (p**3 / 3 if num == 1 else 0.0)
        # Five standard deviations of a share among 20,000.
        tolerance = 5 * (expected * (1 - expected) / size) ** 0.5
        assert abs(kept[subset] / size - (expected if num else 0.0)) <= tolerance


def test_the_stated_shares_at_a_probability_of_three_tenths_hold() -> None:
    counts = drop_modalities(everyone(50_000), 0.3, generator()).sum(1)
    shares = [100 * float((counts == num).float().mean()) for num in (3, 2, 1, 0)]
    assert shares == pytest.approx([34, 44, 22, 0], abs=1.0)


def test_only_present_modalities_are_kept_and_one_always_is() -> None:
    present = torch.rand(3000, 4, generator=generator(1)) < 0.4
    for probability in (0.0, 0.5, 1.0):
        kept = drop_modalities(present, probability, generator())
        assert not bool((kept & ~present).any())
        assert torch.equal(kept.any(1), present.any(1))
    assert bool((drop_modalities(present, 1.0, generator()).sum(1) == present.any(1)).all())


def test_a_probability_of_zero_keeps_everything() -> None:
    present = torch.rand(100, 3, generator=generator(1)) < 0.5
    assert torch.equal(drop_modalities(present, 0.0), present)


def test_the_only_modality_of_a_sample_is_never_dropped() -> None:
    present = torch.eye(3, dtype=torch.bool).repeat(200, 1)
    assert torch.equal(drop_modalities(present, 0.9, generator()), present)


def test_dropping_follows_the_generator_or_the_global_seed_and_changes_nothing_given() -> None:
    present = everyone(50)
    first, again, other = (drop_modalities(present, 0.5, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(4)
    drawn = drop_modalities(present, 0.5)
    torch.manual_seed(4)
    assert torch.equal(drop_modalities(present, 0.5), drawn)
    assert bool(present.all())


def attention(**options: object) -> AttentionFusion:
    torch.manual_seed(0)
    given: dict[str, object] = {
        "num_layers": 2,
        "num_heads": 4,
        "hidden_dim": 32,
        "num_frames": 6,
        "pooling": "cls",
        "missing": "mask",
    }
    return AttentionFusion(3, WIDTH, **{**given, **options})  # type: ignore[arg-type]


def mlp(missing: str = "zeros") -> MLPFusion:
    torch.manual_seed(0)
    return MLPFusion(3, WIDTH, num_layers=2, hidden_dim=32, missing=missing)


MODULES = [
    pytest.param(attention(), id="attention"),
    pytest.param(attention(pooling="mean"), id="attention-mean"),
    pytest.param(attention(missing="token"), id="attention-token"),
    pytest.param(attention(missing="token", pooling="mean", num_frames=None), id="attention-token-mean"),
    pytest.param(mlp(), id="mlp"),
    pytest.param(mlp("token"), id="mlp-token"),
    pytest.param(mlp("mean"), id="mlp-mean"),
]
every_module = pytest.mark.parametrize("module", MODULES)


def sequences(seed: int = 0) -> list[Tensor]:
    return [torch.randn(SIZE, length, WIDTH, generator=generator(seed + length)) for length in LENGTHS]


PATTERNS = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 1], [1, 1, 0]], dtype=torch.bool)


@every_module
def test_tokens_of_an_absent_modality_have_no_influence(module: AttentionFusion | MLPFusion) -> None:
    first, second = sequences(0), sequences(50)
    mixed = [torch.where(PATTERNS[:, number].view(-1, 1, 1), first[number], second[number]) for number in range(3)]
    assert torch.equal(module(first, PATTERNS), module(mixed, PATTERNS))
    assert not torch.equal(module(first, PATTERNS), module(second, PATTERNS))


@every_module
def test_a_modality_that_nobody_has_may_be_left_out(module: AttentionFusion | MLPFusion) -> None:
    given, present = sequences(), everyone(SIZE)
    present[:, 1] = False
    torch.testing.assert_close(
        module([given[0], None, given[2]], present), module(given, present), rtol=1e-5, atol=1e-6
    )


@every_module
def test_each_sample_is_fused_on_its_own(module: AttentionFusion | MLPFusion) -> None:
    together = module(sequences(), PATTERNS)
    for row in range(SIZE):
        alone = module([tokens[row : row + 1] for tokens in sequences()], PATTERNS[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], rtol=1e-5, atol=1e-6)


@every_module
def test_every_parameter_gets_a_gradient_from_samples_with_and_without_each_modality(
    module: AttentionFusion | MLPFusion,
) -> None:
    weights = torch.randn(SIZE, WIDTH, generator=generator(9))
    gradients = torch.autograd.grad((module(sequences(), PATTERNS) * weights).sum(), list(module.parameters()))
    for (name, _), gradient in zip(module.named_parameters(), gradients, strict=True):
        assert bool(gradient.isfinite().all()), name
        assert bool((gradient != 0).any()), name


def test_attention_tells_which_modality_and_which_frame_a_token_is_of() -> None:
    module = attention(num_frames=4)
    tokens = torch.randn(SIZE, 4, WIDTH, generator=generator())
    swapped = module([tokens, tokens.flip(1), None], everyone(SIZE))
    assert not torch.allclose(module([tokens.flip(1), tokens, None], everyone(SIZE)), swapped, atol=1e-4)
    assert not torch.allclose(module([tokens, tokens, None], everyone(SIZE)), swapped, atol=1e-4)


def test_without_positions_the_order_of_frames_does_not_matter() -> None:
    module, given = attention(num_frames=None), sequences()
    turned = [tokens.flip(1) for tokens in given]
    torch.testing.assert_close(module(turned, PATTERNS), module(given, PATTERNS), rtol=1e-5, atol=1e-5)


def test_a_learned_token_says_that_a_modality_is_missing() -> None:
    present = everyone(SIZE)
    present[:, 1] = False
    given = [sequences()[0], None, sequences()[2]]
    for module in (attention(missing="token"), mlp("token")):
        assert module.missing is not None
        before = module(given, present)
        other = torch.randn(WIDTH, generator=generator())
        with torch.no_grad():
            module.missing[1] += other
        assert not torch.allclose(module(given, present), before, atol=1e-3)
        before = module(given, present)
        with torch.no_grad():
            module.missing[[0, 2]] += other
        assert torch.equal(module(given, present), before)

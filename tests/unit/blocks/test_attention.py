"""The rewritten attention and blocks against torch's own modules."""

import pytest
import torch
from torch import Tensor, nn

from egoshift.blocks.attention import AttentionBlock, AveragedTransformer, SelfAttention, quick_gelu, token_mean

DIM, HEADS = 32, 4


def tokens(length: int, sequences: int = 5) -> Tensor:
    return torch.randn(sequences, length, DIM, generator=torch.Generator().manual_seed(length))


def presence(length: int, sequences: int = 5) -> Tensor:
    """Every pattern from one present token to all."""
    present = torch.rand(sequences, length, generator=torch.Generator().manual_seed(7)) < 0.5
    present[torch.arange(sequences), torch.arange(sequences) % length] = True
    return present


def perturbed(module: nn.Module) -> nn.Module:
    """The module with every parameter away from its initial value, so that zero biases count too."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return module


def gradients(output: Tensor, module: nn.Module, given: Tensor) -> dict[str, Tensor]:
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(9))
    leaves = dict(module.named_parameters()) | {"tokens": given}
    return dict(zip(leaves, torch.autograd.grad((weights * output).sum(), list(leaves.values())), strict=True))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 16])
def test_attention_and_its_gradients_equal_torch_multihead_attention(length: int, masked: bool) -> None:
    reference = perturbed(nn.MultiheadAttention(DIM, HEADS, batch_first=True))
    ours = SelfAttention(DIM, HEADS)
    ours.load_state_dict(reference.state_dict())
    x = tokens(length).requires_grad_()
    present = presence(length) if masked else None
    expected, _ = reference(x, x, x, key_padding_mask=None if present is None else ~present, need_weights=False)
    actual = ours(x, present)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(gradients(actual, ours, x), gradients(expected, reference, x), rtol=1e-4, atol=2e-5)


def test_attention_starts_with_the_values_of_torch_multihead_attention() -> None:
    torch.manual_seed(0)
    reference = nn.MultiheadAttention(DIM, HEADS)
    torch.manual_seed(0)
    ours = SelfAttention(DIM, HEADS)
    assert {name: value.shape for name, value in ours.state_dict().items()} == {
        name: value.shape for name, value in reference.state_dict().items()
    }
    assert all(torch.equal(value, reference.state_dict()[name]) for name, value in ours.state_dict().items())


def test_quick_gelu_is_the_sigmoid_gate_of_clip() -> None:
    x = torch.linspace(-5, 5, 101)
    torch.testing.assert_close(quick_gelu(x), x / (1 + torch.exp(-1.702 * x)))


def test_mean_counts_present_tokens_only() -> None:
    x = tokens(2)
    x[1, 0] = 1e30
    present = torch.tensor([[True, True], [False, True], [True, False], [True, True], [True, True]])
    expected = torch.stack([x[b][present[b]].mean(0) for b in range(5)])
    torch.testing.assert_close(token_mean(x.masked_fill(~present.unsqueeze(-1), 0.0), present), expected)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("length", [2, 5])
def test_averaging_before_the_last_linear_changes_nothing(length: int, masked: bool) -> None:
    block = perturbed(AttentionBlock(DIM, HEADS, 8))
    assert isinstance(block, AttentionBlock)
    x = tokens(length).requires_grad_()
    present = presence(length) if masked else None
    expected, actual = token_mean(block(x, present), present), block.mean(x, present)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradients(actual, block, x), gradients(expected, block, x), rtol=1e-4, atol=1e-5)


def test_averaged_transformer_is_its_blocks_in_turn_and_then_the_mean() -> None:
    transformer = perturbed(AveragedTransformer(3, DIM, HEADS, 8))
    x = tokens(4)
    expected = x
    assert isinstance(transformer, AveragedTransformer)
    for block in transformer.blocks:
        expected = block(expected)
    torch.testing.assert_close(transformer(x), expected.mean(1), rtol=1e-5, atol=1e-6)


def test_averaged_transformer_without_blocks_is_the_mean() -> None:
    x, present = tokens(4), presence(4)
    assert torch.equal(AveragedTransformer(0, DIM, HEADS, 8)(x), x.mean(1))
    assert torch.equal(AveragedTransformer(0, DIM, HEADS, 8)(x, present), token_mean(x, present))


def test_an_absent_token_does_not_reach_the_others() -> None:
    transformer = perturbed(AveragedTransformer(2, DIM, HEADS, 8))
    present = presence(3)
    first, second = tokens(3), tokens(3)
    second[~present] = 5.0
    assert torch.equal(transformer(first, present), transformer(second, present))

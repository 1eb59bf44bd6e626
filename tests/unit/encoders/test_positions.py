"""Positions for clips of other lengths and sizes, each direction by itself and one place at a time."""

import pytest
import torch
from torch import Tensor

from egoshift.encoders.positions import cut_or_stretched, stretched_in_space, stretched_in_time


def mixed(trained: int, wanted: int) -> Tensor:
    """How much of each trained position every wanted one has."""
    shares = torch.zeros(wanted, trained)
    for i in range(wanted):
        at = min(max((i + 0.5) * trained / wanted - 0.5, 0.0), trained - 1.0)
        before = int(at)
        shares[i, before] += 1 - (at - before)
        shares[i, min(before + 1, trained - 1)] += at - before
    return shares


def chosen(trained: int, wanted: int) -> Tensor:
    """AST's rule: the middle ones of more, a mixture of fewer."""
    if wanted > trained:
        return mixed(trained, wanted)
    start = int(trained / 2) - int(wanted / 2)
    return torch.eye(trained)[start : start + wanted]


def table(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize(("trained", "wanted"), [(8, 8), (8, 3), (8, 16), (2, 5), (1, 4), (5, 1)])
def test_in_time_they_are_mixed_linearly(trained: int, wanted: int) -> None:
    embed = table(1, trained, 6)
    expected = torch.einsum("wt,btd->bwd", mixed(trained, wanted), embed)
    torch.testing.assert_close(stretched_in_time(embed, wanted), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", [(5, 5), (3, 8), (9, 5), (1, 2)])
def test_in_space_they_are_mixed_bilinearly(size: tuple[int, int]) -> None:
    embed = table(1, 25, 6)
    rows, columns = (mixed(5, length) for length in size)
    expected = torch.einsum("ay,bx,nyxd->nabd", rows, columns, embed.view(1, 5, 5, 6)).flatten(1, 2)
    torch.testing.assert_close(stretched_in_space(embed, size), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", [(4, 7), (3, 7), (4, 4), (2, 3), (1, 1), (6, 7), (4, 12), (6, 12), (6, 2), (3, 9)])
def test_asts_rule_cuts_the_middle_or_stretches_each_direction(size: tuple[int, int]) -> None:
    grid = table(4, 7, 6)
    rows, columns = chosen(4, size[0]), chosen(7, size[1])
    expected = torch.einsum("ay,bx,yxd->abd", rows, columns, grid)
    torch.testing.assert_close(cut_or_stretched(grid, size), expected, rtol=1e-6, atol=1e-6)


def test_half_precision_stays() -> None:
    assert stretched_in_time(table(1, 4, 6).bfloat16(), 5).dtype is torch.bfloat16
    assert stretched_in_space(table(1, 4, 6).half(), (3, 3)).dtype is torch.float16
    assert cut_or_stretched(table(2, 2, 6).half(), (3, 3)).dtype is torch.float16

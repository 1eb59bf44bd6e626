"""MViT: what is dropped in training, its shapes block by block, and clips that it refuses."""

import pytest
import torch
from torch import Tensor

from egoshift.encoders.mvit import MultiscaleBlock, MultiscaleTransformer, halved
from egoshift.encoders.mvit_config import PRESETS, BlockShape, MultiscaleConfig, block_shapes, grid_of, halved_grid

HALVING = BlockShape(width=8, width_out=16, num_heads=2, halves=True, key_stride=4, drop_path=0.25)


def tokens_of(batch: int, grid: tuple[int, int, int]) -> Tensor:
    places = grid[0] * grid[1] * grid[2]
    return torch.randn(batch, 1 + places, 8, generator=torch.Generator().manual_seed(3))


def test_the_blocks_of_mvit_b_are_those_of_its_configuration() -> None:
    shapes = block_shapes(PRESETS["base"])
    assert [shape.width for shape in shapes] == [96, 192, 192, *[384] * 11, 768, 768]
    assert [shape.width_out for shape in shapes] == [192, 192, *[384] * 11, 768, 768, 768]
    assert [shape.num_heads for shape in shapes] == [1, 2, 2, *[4] * 11, 8, 8]
    assert [shape.key_stride for shape in shapes] == [8, 4, 4, *[2] * 11, 1, 1]
    assert [i for i, shape in enumerate(shapes) if shape.halves] == [1, 3, 14]


def test_paths_are_dropped_the_more_the_deeper() -> None:
    dropped = [shape.drop_path for shape in block_shapes(MultiscaleConfig(drop_path=0.3))]
    torch.testing.assert_close(torch.tensor(dropped), torch.linspace(0, 0.3, 16))


@pytest.mark.parametrize("grid", [(2, 6, 6), (1, 5, 9), (3, 1, 2)])
def test_the_grid_is_followed_through_a_block(grid: tuple[int, int, int]) -> None:
    block = MultiscaleBlock(HALVING, 4, "sdpa").eval()
    tokens, after = block(tokens_of(2, grid), grid)
    assert after == halved_grid(grid)
    assert tokens.shape == (2, 1 + after[0] * after[1] * after[2], 16)
    assert halved(tokens_of(2, grid), grid).shape[1] == tokens.shape[1]


def test_a_dropped_path_is_skipped_for_a_whole_clip_and_kept_ones_are_made_up_for() -> None:
    torch.manual_seed(0)
    block = MultiscaleBlock(HALVING._replace(halves=False, width_out=8), 4, "sdpa").train()
    tokens = tokens_of(1, (1, 2, 2)).expand(4000, -1, -1)
    with torch.no_grad():
        attended, _ = block.attn(block.norm1(tokens[:1]), (1, 2, 2))
        for weight in block.mlp[-1].parameters():
            weight.zero_()
        added = block(tokens, (1, 2, 2))[0] - tokens
    kept = added.flatten(1).abs().sum(1) > 0
    assert 0.72 < kept.float().mean() < 0.78
    torch.testing.assert_close(added[kept], (attended / 0.75).expand(int(kept.sum()), -1, -1), rtol=1e-4, atol=1e-6)


def test_a_dropped_number_of_the_feature_is_zero() -> None:
    torch.manual_seed(0)
    config = MultiscaleConfig(
        image_size=8, num_frames=2, hidden_size=8, num_hidden_layers=1, halved_at=(), head_dropout=0.5
    )
    model = MultiscaleTransformer(config)
    zeros = (model(torch.randn(400, 2, 3, 8, 8)) == 0).float().mean()
    assert 0.45 < zeros < 0.55


@pytest.mark.parametrize("clip", [(1, 4, 4), (2, 5, 7), (16, 224, 224), (33, 90, 61)])
def test_the_grid_is_that_of_the_patches(clip: tuple[int, int, int]) -> None:
    with torch.device("meta"):
        patches = MultiscaleTransformer(PRESETS["tiny"]).patch_embed(torch.empty(1, 3, *clip))
    assert patches.shape[2:] == grid_of(clip)


@pytest.mark.parametrize("shape", [(2, 3, 8, 72, 72), (2, 8, 1, 72, 72), (2, 0, 3, 72, 72), (2, 8, 3, 72, 0)])
def test_clips_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"of shape .*; give \(batch, time, 3, height, width\), none of them 0"):
        MultiscaleTransformer(PRESETS["tiny"])(torch.zeros(shape))

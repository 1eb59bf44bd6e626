"""MViT, out of files in the layouts of its makers, against a slow twin that works one place and one head at a time.

The twin follows the description in SlowFast's ``configs/Kinetics/MVIT_B_16x4_CONV.yaml`` and the paper (Fan et al.,
ICCV 2021, sections 3 and 4), by pytorchvideo's names and shapes.
"""

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from egoshift.encoders.mvit import MultiscaleTransformer
from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.encoders.sensors import load_sensor_encoder
from tests.fixtures.mvit_checkpoints import LAYOUTS, SMALL, contents, drawn

Grid = tuple[int, int, int]


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return drawn(SMALL)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory, weights: dict[str, Tensor]) -> dict[str, AbstractSensorEncoder]:
    """One encoder from each layout, all from the same weights."""
    folder = tmp_path_factory.mktemp("mvit")
    found = {}
    for layout in LAYOUTS:
        torch.save(contents(layout, weights), folder / f"{layout}.pyth")
        found[layout] = load_sensor_encoder(str(folder / f"{layout}.pyth"), "video", precision="float32")
    return found


def norm(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    unit = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    return unit * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return torch.einsum("lc,dc->ld", x, weights[f"{name}.weight"]) + weights[f"{name}.bias"]


def places(grid: Grid) -> list[Grid]:
    return list(product(range(grid[0]), range(grid[1]), range(grid[2])))


def steps(grid: Grid, stride: int) -> Grid:
    """How many windows of 3 start at every ``stride``-th place in height and width."""
    return grid[0], (grid[1] - 1) // stride + 1, (grid[2] - 1) // stride + 1


def around(grid: Grid, centre: Grid, reach: Grid) -> list[tuple[Grid, Grid]]:
    """The places around one, those outside left out, each with its place in the kernel."""
    found = []
    for offset in product(*(range(-r, r + 1) for r in reach)):
        t, y, x = (c + o for c, o in zip(centre, offset, strict=True))
        if 0 <= t < grid[0] and 0 <= y < grid[1] and 0 <= x < grid[2]:
            i, j, k = (o + r for o, r in zip(offset, reach, strict=True))
            found.append(((t, y, x), (i, j, k)))
    return found


def slow_pool(weights: dict[str, Tensor], block: str, part: str, head: Tensor, grid: Grid, stride: int) -> Tensor:
    """One head's tokens pooled: the class token as it is, a window of weights around each kept place; then the norm."""
    kernel, at = weights[f"{block}.attn.pool_{part}.weight"], {place: i + 1 for i, place in enumerate(places(grid))}
    kept = [head[0]]
    for t, y, x in places(steps(grid, stride)):
        window = around(grid, (t, stride * y, stride * x), (1, 1, 1))
        total = torch.zeros(head.shape[1])
        for place, in_kernel in window:
            total += kernel[:, 0, *in_kernel] * head[at[place]]
        kept.append(total)
    return norm(weights, f"{block}.attn.norm_{part}", torch.stack(kept))


def slow_maximum(tokens: Tensor, grid: Grid) -> Tensor:
    """What skips an attention that halves the grid."""
    at = {place: i + 1 for i, place in enumerate(places(grid))}
    kept = [tokens[0]]
    for t, y, x in places(steps(grid, 2)):
        window = [tokens[at[place]] for place, _ in around(grid, (t, 2 * y, 2 * x), (0, 1, 1))]
        kept.append(torch.stack(window).amax(0))
    return torch.stack(kept)


def slow_block(
    weights: dict[str, Tensor], i: int, tokens: Tensor, grid: Grid, heads: int, stride: int
) -> tuple[Tensor, Grid]:
    name, halves, width = f"blocks.{i}", i in SMALL.doubled, tokens.shape[1]
    normed = norm(weights, f"{name}.norm1", tokens)
    q, k, v = (linear(weights, f"{name}.attn.{part}", normed) for part in "qkv")
    mixed = []
    for head in range(heads):
        part = slice(head * width // heads, (head + 1) * width // heads)
        query = slow_pool(weights, name, "q", q[:, part], grid, 2) if halves else q[:, part]
        key = slow_pool(weights, name, "k", k[:, part], grid, stride)
        value = slow_pool(weights, name, "v", v[:, part], grid, stride)
        scores = torch.exp(torch.einsum("qc,kc->qk", query, key) / math.sqrt(width // heads))
        mixed.append(torch.einsum("qk,kc->qc", scores / scores.sum(1, keepdim=True), value))
    attended = linear(weights, f"{name}.attn.proj", torch.cat(mixed, 1))
    tokens = (slow_maximum(tokens, grid) if halves else tokens) + attended
    normed = norm(weights, f"{name}.norm2", tokens)
    hidden = linear(weights, f"{name}.mlp.fc1", normed)
    hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
    skipped = linear(weights, f"{name}.proj", normed) if i + 1 in SMALL.doubled else tokens
    return skipped + linear(weights, f"{name}.mlp.fc2", hidden), steps(grid, 2) if halves else grid


def between(trained: int, wanted: int, i: int) -> list[tuple[int, float]]:
    """Which trained positions make position ``i`` of those wanted, and how much of each."""
    at = min(max((i + 0.5) * trained / wanted - 0.5, 0.0), trained - 1.0)
    before = min(int(at), trained - 2) if trained > 1 else 0
    after = min(before + 1, trained - 1)
    return [(before, 1 - (at - before)), (after, at - before)]


def slow_position(weights: dict[str, Tensor], grid: Grid, place: Grid) -> Tensor:
    """The position vector of one place of a grid, from tables for 2 moments of 10 x 10 places."""
    prefix, side = "cls_positional_encoding", SMALL.pixels // 4
    in_time = weights[f"{prefix}.pos_embed_temporal"][0]
    in_space = weights[f"{prefix}.pos_embed_spatial"][0].reshape(side, side, -1)
    t, y, x = place
    vector = torch.zeros(SMALL.width)
    for moment, share in between(SMALL.frames // 2, grid[0], t):
        vector += share * in_time[moment]
    for (row, share), (column, part) in product(between(side, grid[1], y), between(side, grid[2], x)):
        vector += share * part * in_space[row, column]
    return vector


def slow_clip(weights: dict[str, Tensor], clip: Tensor) -> Tensor:
    """The feature of one clip ``(time, 3, height, width)``."""
    kernel, bias = weights["patch_embed.patch_model.weight"], weights["patch_embed.patch_model.bias"]
    grid = (math.ceil(len(clip) / 2), math.ceil(clip.shape[2] / 4), math.ceil(clip.shape[3] / 4))
    prefix = "cls_positional_encoding"
    tokens = [weights[f"{prefix}.cls_token"][0, 0] + weights[f"{prefix}.pos_embed_class"][0, 0]]
    size = (len(clip), clip.shape[2], clip.shape[3])
    for place in places(grid):
        patch = bias.clone()
        for (frame, row, column), in_kernel in around(size, (2 * place[0], 4 * place[1], 4 * place[2]), (1, 3, 3)):
            patch += kernel[:, :, *in_kernel] @ clip[frame, :, row, column]
        tokens.append(patch + slow_position(weights, grid, place))
    x, heads, stride = torch.stack(tokens), SMALL.heads, 8
    for i in range(SMALL.depth):
        if i in SMALL.doubled:
            heads, stride = 2 * heads, max(stride // 2, 1)
        x, grid = slow_block(weights, i, x, grid, heads, stride)
    return norm(weights, "norm_embed", x[:1])[0]


@pytest.mark.parametrize(
    "shape", [(4, 3, 40, 40), (8, 3, 40, 40), (3, 3, 24, 37), (1, 3, 8, 4)], ids=["trained", "long", "small", "tiny"]
)
@torch.no_grad()
def test_clips_of_any_size_get_the_slow_twins_features(
    encoders: dict[str, AbstractSensorEncoder], weights: dict[str, Tensor], shape: tuple[int, ...]
) -> None:
    clips = torch.randn(2, *shape, generator=torch.Generator().manual_seed(5))
    expected = torch.stack([slow_clip(weights, clip) for clip in clips])
    assert expected.std() > 0.1
    torch.testing.assert_close(encoders["pytorchvideo"](clips), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_explicit_attention_gives_the_slow_twins_features(
    encoders: dict[str, AbstractSensorEncoder], weights: dict[str, Tensor]
) -> None:
    loaded = encoders["pytorchvideo"]
    assert isinstance(loaded, MultiscaleTransformer)
    explicit = MultiscaleTransformer(loaded.config, attention="eager").eval()
    explicit.load_state_dict(loaded.state_dict())
    clip = torch.randn(1, 4, 3, 40, 40, generator=torch.Generator().manual_seed(6))
    torch.testing.assert_close(explicit(clip)[0], slow_clip(weights, clip[0]), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_all_layouts_of_the_same_weights_give_the_same_features(encoders: dict[str, AbstractSensorEncoder]) -> None:
    clips = torch.randn(2, 4, 3, 40, 40, generator=torch.Generator().manual_seed(7))
    expected = encoders["pytorchvideo"](clips)
    assert len(encoders) == 6
    for layout, encoder in encoders.items():
        assert encoder(clips).equal(expected), layout

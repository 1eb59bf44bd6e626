"""LaViLa's dual encoder, out of a file in its own layout, against slow twins of both towers.

The twins follow https://github.com/facebookresearch/LaViLa/blob/8002b5a/lavila/models (``timesformer.py``,
``models.py``, ``openai_model.py``): one clip, one head and one query at a time, from the names and shapes in the file.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from egoshift.encoders import load_image_encoder
from egoshift.encoders.layouts import lavila
from egoshift.encoders.layouts.converted import TowerParts
from tests.fixtures.lavila_checkpoints import TINY, contents_of, write_tiny_lavila

HEAD = 64
ATTENTIONS = ("eager", "sdpa")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_lavila(tmp_path_factory.mktemp("lavila") / "checkpoint.pt")


@pytest.fixture(scope="module")
def weights(file: Path) -> dict[str, Tensor]:
    """The file's weights by the authors' names."""
    return {name.replace("module.", ""): weight for name, weight in contents_of(file)["state_dict"].items()}


def filled(parts: TowerParts, attention: str) -> Any:
    tower = parts.build(attention)
    tower.load_state_dict(parts.state, strict=True)
    return tower.eval()


def linear(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(weights: dict[str, Tensor], name: str, x: Tensor, eps: float) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    unit = centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()
    return unit * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def quick_gelu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-1.702 * x))


def attended(query: Tensor, keys: list[Tensor], values: list[Tensor]) -> Tensor:
    """One query over a list of keys, head by head."""
    heads = []
    for start in range(0, len(query), HEAD):
        part = slice(start, start + HEAD)
        powers = [math.exp(float(query[part] @ key[part]) / math.sqrt(HEAD)) for key in keys]
        heads.append(sum(power / sum(powers) * value[part] for power, value in zip(powers, values, strict=True)))
    return torch.cat([torch.as_tensor(head) for head in heads])


def slow_attention(weights: dict[str, Tensor], name: str, x: Tensor, frames: int, over: str) -> Tensor:
    """Token 0 looks at all; a patch at token 0 and at those of its frame, or of its place."""
    width, patches = x.shape[1], (len(x) - 1) // frames
    packed = linear(weights, f"{name}.qkv", x)
    q, k, v = packed[:, :width], packed[:, width : 2 * width], packed[:, 2 * width :]
    looks_at = [list(range(len(x)))]
    for frame in range(frames):
        for patch in range(patches):
            same_frame = [1 + frame * patches + other for other in range(patches)]
            same_place = [1 + other * patches + patch for other in range(frames)]
            looks_at.append([0, *(same_frame if over == "space" else same_place)])
    out = [attended(q[i], [k[j] for j in seen], [v[j] for j in seen]) for i, seen in enumerate(looks_at)]
    return linear(weights, f"{name}.proj", torch.stack(out))


def slow_clip(weights: dict[str, Tensor], clip: Tensor, temporal: Tensor) -> Tensor:
    """The vector of one clip ``(frames, 3, 24, 24)``, given one temporal vector a frame."""
    kernel, positions = weights["visual.patch_embed.proj.weight"], weights["visual.pos_embed"][0]
    size, tokens = kernel.shape[-1], [weights["visual.cls_token"][0, 0] + positions[0]]
    for frame, moment in zip(clip, temporal, strict=True):
        corners = [(y, x) for y in range(0, frame.shape[1], size) for x in range(0, frame.shape[2], size)]
        for place, (top, left) in enumerate(corners):
            patch = (kernel * frame[:, top : top + size, left : left + size]).sum((1, 2, 3))
            tokens.append(patch + positions[1 + place] + moment)
    x = norm(weights, "visual.ln_pre", torch.stack(tokens), 1e-5)
    for layer in range(2):
        name = f"visual.blocks.{layer}"
        in_time = slow_attention(
            weights, f"{name}.timeattn", norm(weights, f"{name}.norm3", x, 1e-6), len(clip), "time"
        )
        normed = norm(weights, f"{name}.norm1", x + in_time, 1e-6)
        x = x + slow_attention(weights, f"{name}.attn", normed, len(clip), "space")
        hidden = linear(weights, f"{name}.mlp.fc1", norm(weights, f"{name}.norm2", x, 1e-6))
        x = x + linear(weights, f"{name}.mlp.fc2", quick_gelu(hidden))
    return norm(weights, "visual.norm", x[0], 1e-6) @ weights["image_projection"]


def slow_moments(temporal: Tensor, frames: int) -> Tensor:
    """The temporal embedding for a number of frames: the first ones, or interpolated between centres of intervals."""
    trained = len(temporal)
    if frames <= trained:
        return temporal[:frames]
    moments = []
    for frame in range(frames):
        at = min(max((frame + 0.5) * trained / frames - 0.5, 0.0), trained - 1.0)
        before = min(int(at), trained - 2)
        moments.append(temporal[before] + (at - before) * (temporal[before + 1] - temporal[before]))
    return torch.stack(moments)


def slow_text(weights: dict[str, Tensor], ids: list[int]) -> Tensor:
    """The text vector of one prompt, at its largest id, filled up with 0 to the whole context."""
    padded = ids + [0] * (20 - len(ids))
    x = weights["token_embedding.weight"][torch.tensor(padded)] + weights["positional_embedding"]
    for layer in range(2):
        name = f"transformer.resblocks.{layer}"
        normed = norm(weights, f"{name}.ln_1", x, 1e-5)
        packed = normed @ weights[f"{name}.attn.in_proj_weight"].T + weights[f"{name}.attn.in_proj_bias"]
        q, k, v = packed.chunk(3, dim=-1)
        seen = [attended(q[i], list(k[: i + 1]), list(v[: i + 1])) for i in range(20)]
        x = x + linear(weights, f"{name}.attn.out_proj", torch.stack(seen))
        hidden = linear(weights, f"{name}.mlp.c_fc", norm(weights, f"{name}.ln_2", x, 1e-5))
        x = x + linear(weights, f"{name}.mlp.c_proj", quick_gelu(hidden))
    return norm(weights, "ln_final", x[padded.index(max(padded))], 1e-5) @ weights["text_projection"]


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("frames", [1, 2, 4, 6])
def test_clips_get_the_slow_twins_vectors_trained_for_four_frames(
    file: Path, weights: dict[str, Tensor], attention: str, frames: int
) -> None:
    tower = filled(lavila.convert(contents_of(file), "tiny").towers["image"], attention)
    clips = torch.randn(2, frames, 3, 24, 24, generator=torch.Generator().manual_seed(frames))
    temporal = slow_moments(weights["visual.temporal_embed"][0], frames)
    expected = torch.stack([slow_clip(weights, clip, temporal) for clip in clips])
    with torch.no_grad():
        found = tower(pixel_values=clips).image_embeds
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_frame_alone_is_a_clip_of_one(file: Path, weights: dict[str, Tensor]) -> None:
    tower = filled(lavila.convert(contents_of(file), "tiny").towers["image"], "sdpa")
    frames = torch.randn(3, 3, 24, 24, generator=torch.Generator().manual_seed(9))
    expected = torch.stack(
        [slow_clip(weights, frame[None], weights["visual.temporal_embed"][0, :1]) for frame in frames]
    )
    with torch.no_grad():
        torch.testing.assert_close(tower(pixel_values=frames).image_embeds, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_prompts_get_the_slow_twins_vectors(file: Path, weights: dict[str, Tensor], attention: str) -> None:
    tower = filled(lavila.convert(contents_of(file), "tiny").towers["text"], attention)
    prompts = [[58, 4, 17, 59], [58, 59], [58, 30, 31, 4, 4, 8, 2, 59]]
    for ids in prompts:
        with torch.no_grad():
            hidden = tower.text_model(input_ids=torch.tensor([ids])).last_hidden_state
            found = tower.text_projection(hidden[0, ids.index(59)])
        torch.testing.assert_close(found, slow_text(weights, ids), rtol=1e-5, atol=1e-5)


def test_frames_are_prepared_as_in_lavilas_evaluation_with_its_mean_of_red(file: Path) -> None:
    rule = lavila.convert(contents_of(file), "tiny").rule
    assert rule is not None
    scaled = [[255 * value for value in values] for values in (rule.mean, rule.std)]
    expected = [[108.3272985, 116.7460125, 104.09373615], [68.5005327, 66.6321579, 70.32316305]]
    torch.testing.assert_close(torch.tensor(scaled), torch.tensor(expected), rtol=1e-6, atol=0)
    assert (rule.size, rule.resize, rule.resize_to, rule.interpolation) == (24, "shortest-crop", 24, "bilinear")


@pytest.mark.parametrize("model", lavila.MODELS)
@pytest.mark.parametrize("args_as_dict", [True, False])
def test_names_without_prefix_and_arguments_of_either_kind_are_read(
    file: Path, tmp_path: Path, model: str, args_as_dict: bool
) -> None:
    contents = contents_of(write_tiny_lavila(tmp_path / "one_gpu.pt", prefix="", model=model))
    if args_as_dict:
        contents["args"] = vars(contents["args"])
    plain, prefixed = lavila.convert(contents, "tiny"), lavila.convert(contents_of(file), "tiny")
    assert lavila.is_lavila(contents)
    for kind, parts in plain.towers.items():
        assert parts.state.keys() == prefixed.towers[kind].state.keys()
        assert all(weight.equal(prefixed.towers[kind].state[name]) for name, weight in parts.state.items())


def test_files_in_half_precision_are_read_as_float32(file: Path, tmp_path: Path) -> None:
    half = lavila.convert(contents_of(write_tiny_lavila(tmp_path / "half.pt", dtype=torch.float16)), "tiny")
    full = lavila.convert(contents_of(file), "tiny")
    for kind, parts in half.towers.items():
        filled(parts, "sdpa")
        for name, weight in parts.state.items():
            assert weight.dtype is torch.float32
            torch.testing.assert_close(weight, full.towers[kind].state[name], rtol=1e-3, atol=1e-6)


def test_sizes_are_read_from_the_weights(tmp_path: Path) -> None:
    sizes: dict[str, Any] = {"image_size": 20, "patch_size": 5, "num_frames": 16, "num_hidden_layers": 3}
    sizes |= {"hidden_size": 64, "num_attention_heads": 1, "intermediate_size": 100, "projection_dim": 17}
    config = replace(TINY, **sizes)
    converted = lavila.convert(contents_of(write_tiny_lavila(tmp_path / "other.pt", config)), "tiny")
    image, text = (filled(converted.towers[kind], "sdpa").config for kind in ("image", "text"))
    assert image == config
    assert (text.hidden_act, text.layer_norm_eps, text.num_attention_heads) == ("quick_gelu", 1e-5, 2)
    assert (text.vocab_size, text.max_position_embeddings, text.intermediate_size) == (60, 20, 160)
    assert (text.projection_dim, text.num_hidden_layers) == (17, 2)


def test_a_file_gives_an_image_encoder_by_its_path(file: Path, weights: dict[str, Tensor]) -> None:
    encoder = load_image_encoder(str(file), precision="float32")
    image = torch.randint(0, 256, (3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    mean, std = torch.tensor(encoder.card.mean), torch.tensor(encoder.card.std)
    pixels = (image / 255 - mean[:, None, None]) / std[:, None, None]
    expected = slow_clip(weights, pixels[None], weights["visual.temporal_embed"][0, :1])
    torch.testing.assert_close(encoder.encode(image[None])[0], expected, rtol=1e-4, atol=1e-5)
    card = encoder.card
    assert (card.activation, card.dim, card.size, card.has_text) == ("quick_gelu", 24, 24, True)

"""LaViLa's image tower: its names, its norms, clips of any length, what it must not mix; and files at fault."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from egoshift.encoders.card import WeightCard
from egoshift.encoders.image import FrozenImageEncoder
from egoshift.encoders.layouts import lavila
from egoshift.encoders.timesformer import SpaceTimeBlock, SpaceTimeTransformer, resized_temporal_embed
from egoshift.errors import WeightsError
from tests.fixtures.lavila_checkpoints import TINY, contents_of, tiny_towers, write_tiny_lavila


@pytest.fixture(scope="module")
def tower() -> SpaceTimeTransformer:
    return tiny_towers()[0]


@pytest.fixture
def contents(tmp_path: Path) -> dict[str, Any]:
    """What a LaViLa's file holds, for a test to damage."""
    return contents_of(write_tiny_lavila(tmp_path / "checkpoint.pt"))


def random_clips(*shape: int) -> Tensor:
    return torch.randn(*shape, 3, 24, 24, generator=torch.Generator().manual_seed(5))


def test_the_weights_are_named_and_shaped_as_in_the_released_files(tower: SpaceTimeTransformer) -> None:
    linears = {"attn.qkv": (384, 128), "attn.proj": (128, 128), "timeattn.qkv": (384, 128), "timeattn.proj": (128, 128)}
    linears |= {"mlp.fc1": (192, 128), "mlp.fc2": (128, 192)}
    expected: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, 128),
        "pos_embed": (1, 10, 128),
        "temporal_embed": (1, 4, 128),
        "patch_embed.proj.weight": (128, 3, 8, 8),
        "image_projection": (128, 24),
    }
    norms = ["ln_pre", "norm"]
    for block in ("blocks.0", "blocks.1"):
        expected |= {f"{block}.{name}.weight": shape for name, shape in linears.items()}
        expected |= {f"{block}.{name}.bias": shape[:1] for name, shape in linears.items()}
        norms += [f"{block}.{name}" for name in ("norm1", "norm2", "norm3")]
    expected |= {f"{norm}.{kind}": (128,) for norm in norms for kind in ("weight", "bias")}
    assert {name: tuple(weight.shape) for name, weight in tower.state_dict().items()} == expected


def test_the_norm_before_the_blocks_has_another_epsilon(tower: SpaceTimeTransformer) -> None:
    epsilons = {name: module.eps for name, module in tower.named_modules() if isinstance(module, nn.LayerNorm)}
    assert epsilons.pop("ln_pre") == 1e-5
    assert set(epsilons.values()) == {1e-6}
    assert len(epsilons) == 7


@pytest.mark.parametrize("frames", [1, 3, 4, 5, 16])
def test_the_temporal_embedding_is_cut_or_resized_as_an_image_of_one_channel(frames: int) -> None:
    trained = torch.randn(1, 4, 128, generator=torch.Generator().manual_seed(1))
    if frames <= 4:
        expected = trained[:, :frames]
    else:
        expected = functional.interpolate(trained[None], (frames, 128), mode="bilinear")[0]
    torch.testing.assert_close(resized_temporal_embed(trained, frames), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_clips_do_not_see_each_other_and_stay_as_they_are(tower: SpaceTimeTransformer, attention: str) -> None:
    same = SpaceTimeTransformer(TINY, attention=attention)
    same.load_state_dict(tower.state_dict())
    clips = random_clips(3, 4)
    before = clips.clone()
    alone = torch.cat([same(clip[None]).image_embeds for clip in clips])
    torch.testing.assert_close(same(clips).image_embeds, alone, rtol=1e-5, atol=1e-5)
    assert clips.equal(before)
    assert (alone[0] - alone[1]).abs().max() > 0.1


def test_the_order_of_frames_matters(tower: SpaceTimeTransformer) -> None:
    clips = random_clips(1, 4)
    assert (tower(clips).image_embeds - tower(clips.flip(1)).image_embeds).abs().max() > 0.05


def test_every_weight_is_used() -> None:
    tower = tiny_towers()[0].requires_grad_(True)
    tower(random_clips(2, 6)).image_embeds.square().sum().backward()
    # a bias of the keys moves all scores of a query alike, which the softmax does not see
    for name, weight in tower.named_parameters():
        assert weight.grad is not None
        parts = weight.grad.chunk(3) if name.endswith("qkv.bias") else (weight.grad,)
        assert parts[0].abs().max() > 1e-6, name
        assert parts[-1].abs().max() > 1e-6, name


def test_a_new_tower_starts_without_time_and_can_learn_it() -> None:
    torch.manual_seed(0)
    tower = SpaceTimeTransformer(replace(TINY, num_hidden_layers=1))
    block = tower.blocks[0]
    assert isinstance(block, SpaceTimeBlock)
    tokens = torch.randn(2, 1 + 4 * 9, 128)
    assert block.timeattn(tokens, 4).abs().max() == 0
    tower(random_clips(2, 4)).image_embeds.square().sum().backward()
    gradient = block.timeattn.qkv.weight.grad
    assert gradient is not None
    assert gradient.abs().max() > 0


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("frames", [1, 6])
def test_in_bfloat16_it_gives_nearly_the_same(tower: SpaceTimeTransformer, attention: str, frames: int) -> None:
    half = SpaceTimeTransformer(TINY, attention=attention)
    half.load_state_dict(tower.state_dict())
    found = half.to(torch.bfloat16)(random_clips(2, frames).to(torch.bfloat16)).image_embeds
    assert found.dtype is torch.bfloat16
    similarity = functional.cosine_similarity(found.float(), tower(random_clips(2, frames)).image_embeds)
    assert similarity.min() > 0.999


@pytest.mark.parametrize("shape", [(2, 3, 24, 16), (2, 3, 16, 16), (2, 0, 3, 24, 24), (2, 1, 1, 3, 24, 24)])
def test_frames_of_another_size_are_refused(tower: SpaceTimeTransformer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"give \(batch, 3, 24, 24\) or \(batch, time, 3, 24, 24\)"):
        tower(torch.zeros(shape))


def test_it_runs_as_any_image_tower(tower: SpaceTimeTransformer) -> None:
    stated: dict[str, object] = {
        "id": "tiny",
        "family": "lavila",
        "sha256": "",
        "licence": "mit",
        "activation": "quick_gelu",
    }
    stated |= {"pooling": "cls", "dim": 24, "has_text": True, "dtype": "float32", "interpolation": "bilinear"}
    stated |= {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4), "size": 24, "resize": "shortest-crop", "resize_to": 24}
    card = WeightCard.model_validate(stated)
    encoder = FrozenImageEncoder(card, tower)
    frame = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    pixels = torch.tensor((frame / 255 - card.mean) / card.std, dtype=torch.float32).permute(2, 0, 1)
    found = encoder.encode(encoder.prepare(frame)[None])
    assert found.shape == (1, 24)
    torch.testing.assert_close(found, tower(pixels[None]).image_embeds, rtol=1e-4, atol=1e-4)


FAULTS = {
    "visual.blocks.1.timeattn.qkv.bias": (None, "as a dual encoder of LaViLa it lacks 1 weights, the first visual.bl"),
    "visual.temporal_embed": (None, "it lacks the weight visual.temporal_embed"),
    "image_projection": (None, "it lacks the weight image_projection"),
    "visual.blocks.0.alpha_timeattn": (torch.zeros(()), "has 1 weights that .*, the first visual.blocks.0.alpha_timea"),
    "visual.norm.weight": (torch.zeros(64), r"visual.norm.weight: \(64,\) where \(128,\) was expected"),
    "visual.pos_embed": (torch.zeros(1, 12, 128), "visual.pos_embed has 12 positions"),
    "visual.patch_embed.proj.weight": (torch.zeros(96, 3, 8, 8), "the image tower is 96 wide"),
    "text_projection": (torch.zeros(128, 20), "image_projection gives 24 numbers and text_projection 20"),
    "ln_final.bias": (None, "it lacks 1 weights, the first ln_final.bias"),
    "transformer.resblocks.1.mlp.c_fc.bias": (torch.zeros(3), r"c_fc.bias: \(3,\) where \(160,\) was expected"),
    "visual.norm.bias": (torch.zeros(128, dtype=torch.int64), "visual.norm.bias under state_dict is of type torch.int"),
    "logit_scale": (4.6, "logit_scale under state_dict is of type float"),
    "textual.embeddings.word_embeddings.weight": (torch.zeros(9, 8), r"weights textual\.\* are those of a text tower"),
    "text_decoder.lm_head.weight": (torch.zeros(9, 8), r"weights text_decoder\.\* are those of a narrator"),
    "fc_cls.weight": (torch.zeros(9, 128), r"weights fc_cls\.\* are those of a classifier"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_weight_at_fault_is_named_in_one_line(contents: dict[str, Any], name: str) -> None:
    fault, expected = FAULTS[name]
    state = contents["state_dict"] | {f"module.{name}": fault}
    contents["state_dict"] = {key: weight for key, weight in state.items() if weight is not None}
    with pytest.raises(WeightsError, match=f"^folder/lavila.pt: .*{expected}.* give ") as error:
        lavila.convert(contents, "folder/lavila.pt")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("args", None, "it has no args that name its model"),
        ("args", {"epochs": 5}, "it has no args that name its model"),
        ("args", {"model": "CLIP_OPENAI_TIMESFORMER_BASE_DISTILBERT_BASE"}, "model 'CLIP_OPENAI_.*_DISTILBERT_BASE'"),
        ("state_dict", {}, "has no weights under state_dict"),
        ("state_dict", None, "has no weights under state_dict"),
    ],
)
def test_another_model_is_refused_in_one_line(contents: dict[str, Any], key: str, value: object, expected: str) -> None:
    contents[key] = value
    with pytest.raises(WeightsError, match=f"^folder/lavila.pt: .*{expected}.*; give .* CLIP_OPENAI_TIMES") as error:
        lavila.convert(contents, "folder/lavila.pt")
    assert "\n" not in str(error.value)


def test_lavilas_files_are_told_from_others(contents: dict[str, Any]) -> None:
    assert lavila.is_lavila(contents)
    assert lavila.is_lavila(contents | {"args": None})
    assert lavila.is_lavila({"state_dict": {"module.textual.x": torch.zeros(1)}, "args": contents["args"]})
    assert not lavila.is_lavila(contents["state_dict"])
    assert not lavila.is_lavila({"state_dict": {"visual.conv1.weight": torch.zeros(1)}, "epoch": 3})

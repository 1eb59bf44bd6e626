"""AST's layouts: what is in them, what the weights cannot say, and what is refused in one line."""

from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from egoshift.encoders.ast import AUDIOSET_MEAN, AUDIOSET_STD, SpectrogramTransformer
from egoshift.encoders.layouts import ast, convert_file
from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.encoders.sensors import load_sensor_encoder
from egoshift.errors import WeightsError
from tests.fixtures.ast_checkpoints import Plan, authors_shapes, drawn, hub_state, write_authors, write_folder

BASE = Plan(width=768, hidden=3072, depth=12, bands=12, moments=101, classes=527)


def loaded(file: Path) -> SpectrogramTransformer:
    encoder: AbstractSensorEncoder = load_sensor_encoder(str(file), "audio", precision="float32")
    assert isinstance(encoder, SpectrogramTransformer)
    return encoder


def test_the_published_ast_has_these_sizes_and_is_read_whole() -> None:
    state = {name: torch.empty(shape, device="meta") for name, shape in authors_shapes(BASE).items()}
    headless = {name: weight for name, weight in state.items() if not name.startswith(("mlp_head", "v.head"))}
    assert sum(prod(weight.shape) for weight in headless.values()) == 86_187_264
    parts = ast.convert(state, Path("audioset.pth")).towers["audio"]
    assert sum(weight.numel() for weight in parts.state.values()) == 86_187_264
    with torch.device("meta"):
        tower = parts.build("sdpa")
    assert sum(weight.numel() for weight in tower.parameters()) == 86_187_264


@pytest.mark.parametrize("prefix", ["module.", ""])
def test_the_authors_file_has_their_epsilon_and_stride(tmp_path: Path, prefix: str) -> None:
    encoder = loaded(write_authors(tmp_path / "x.pth", drawn(), prefix))
    config = encoder.config
    assert (config.layer_norm_eps, config.frequency_stride, config.time_stride) == (1e-6, 10, 10)
    assert (config.num_attention_heads, config.hidden_act, encoder.input_shape) == (2, "gelu", (128, 128))
    assert (encoder.mean, encoder.std) == (AUDIOSET_MEAN, AUDIOSET_STD)
    assert not encoder.training
    assert not any(weight.requires_grad for weight in encoder.parameters())


def test_a_file_without_classifiers_is_read(tmp_path: Path) -> None:
    bare = {name: weight for name, weight in drawn().items() if not name.startswith(("mlp_head", "v.head"))}
    assert len(bare) == len(drawn()) - 8
    state = loaded(write_authors(tmp_path / "bare.pth", bare)).state_dict()
    expected = loaded(write_authors(tmp_path / "whole.pth", drawn())).state_dict()
    assert all(state[name].equal(weight) for name, weight in expected.items())


@pytest.mark.parametrize(
    ("patches", "stride", "frames"),
    [
        *((1212, 10, 1024), (850, 12, 1024), (657, 14, 1024), (512, 16, 1024), (600, 10, 512), (144, 10, 128)),
        *((448, 16, 896), (12 * 49, 10, 496), (8 * 19, 16, 304), (10 * 11, 12, 136)),
    ],
)
def test_the_stride_follows_from_the_number_of_patches(patches: int, stride: int, frames: int) -> None:
    assert ast.find_stride(patches, Path("x")) == (stride, frames)


@pytest.mark.parametrize(
    ("patches", "found"), [(456, "strides of 10 and 16 fit"), (77, "no stride from 10 to 16 fits")]
)
def test_a_stride_that_cannot_be_known_is_refused(tmp_path: Path, patches: int, found: str) -> None:
    state = drawn() | {"v.pos_embed": torch.zeros(1, patches + 2, 128)}
    with pytest.raises(WeightsError, match=f"positions for {patches} patches, which {found}, .* config.json") as error:
        convert_file(write_authors(tmp_path / "x.pth", state))
    assert "\n" not in str(error.value)


FAULTS: dict[str, tuple[dict[str, Tensor | None], str]] = {
    "norm": ({"v.blocks.1.norm2.bias": None}, r"an AST of its authors it lacks 1 weights, .*v\.blocks\.1\.norm2\.bias"),
    "fused": ({"v.blocks.0.attn.qkv.bias": torch.zeros(128)}, r"qkv\.bias: \(128,\) where \(384,\) was expected"),
    "positions": ({"v.pos_embed": None}, r"lacks the weight v\.pos_embed"),
    "patch": ({"v.patch_embed.proj.weight": torch.zeros(128, 1, 8, 8)}, r"proj\.weight: \(128, 1, 8, 8\) where"),
    "left over": ({"v.blocks.0.ls1": torch.zeros(128)}, r"has 1 weights that .* does not have, .*v\.blocks\.0\.ls1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_weight_at_fault_in_the_authors_file_is_named_in_one_line(tmp_path: Path, fault: str) -> None:
    changes, message = FAULTS[fault]
    state = {name: weight for name, weight in (drawn() | changes).items() if weight is not None}
    with pytest.raises(WeightsError, match=message) as error:
        convert_file(write_authors(tmp_path / "x.pth", state))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("modules", [True, False])
def test_a_weight_at_fault_in_a_layout_of_transformers_is_named_in_one_line(tmp_path: Path, modules: bool) -> None:
    state = hub_state(drawn(), modules=modules, classifier=False)
    name = "layers.1.attention.v_proj.bias" if modules else "encoder.layer.1.attention.attention.value.bias"
    torch.save({key: weight for key, weight in state.items() if key != name}, tmp_path / "x.pt")
    layout = "transformers 5" if modules else "the Hugging Face Hub"
    with pytest.raises(WeightsError, match=f"in the layout of {layout} it lacks 1 weights, the first {name}"):
        convert_file(tmp_path / "x.pt")


def test_a_deit_which_has_a_distillation_token_too_is_not_taken_for_one() -> None:
    state = hub_state(drawn(), modules=False, classifier=False)
    assert ast.is_ast(state)
    colour = {"embeddings.patch_embeddings.projection.weight": torch.zeros(128, 3, 16, 16)}
    assert not ast.is_ast(state | colour)
    assert not ast.is_ast({})


def test_the_folder_of_the_hub_says_its_stride_and_normalisation(tmp_path: Path) -> None:
    encoder = loaded(write_folder(tmp_path / "ast", drawn()))
    assert (encoder.config.layer_norm_eps, encoder.config.time_stride) == (1e-12, 10)
    assert (encoder.mean, encoder.std) == (-4.25, 4.5)
    plain = loaded(write_folder(tmp_path / "plain", drawn(), do_normalize=False))
    log_mel = torch.randn(1, 128, 128, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(plain(log_mel), encoder(log_mel * 9 - 4.25), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("preparation", "message"),
    [
        ({"sampling_rate": 48000}, "sampling_rate is 48000; only 16000 can be followed"),
        ({"std": 0}, "mean is -4.25 and std 0; expected a number and a positive number"),
        ({"mean": "x"}, "mean is 'x' and std 4.5; expected"),
    ],
)
def test_a_front_end_that_cannot_be_followed_is_refused(
    tmp_path: Path, preparation: dict[str, Any], message: str
) -> None:
    folder = write_folder(tmp_path / "ast", drawn(), **preparation)
    with pytest.raises(WeightsError, match=f"preprocessor_config.json: {message}"):
        loaded(folder)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(WeightsError, match=r"preprocessor_config\.json is missing, which says how log-mels are"):
        loaded(folder)


def test_it_is_no_encoder_of_videos(tmp_path: Path) -> None:
    for place in (write_authors(tmp_path / "x.pth", drawn()), write_folder(tmp_path / "ast", drawn())):
        with pytest.raises(WeightsError, match="has no video tower; give a checkpoint of MViT-B"):
            load_sensor_encoder(str(place), "video")

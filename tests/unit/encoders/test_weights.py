"""A checkpoint file in place of a folder: its card, and every way in which it can be the wrong one."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from egoshift.encoders import TowerCard, WeightCard, load_image_encoder, load_text_encoder
from egoshift.encoders.load import open_text_tower
from egoshift.errors import WeightsError
from tests.fixtures.checkpoints import README, write_clip_tokenizer
from tests.fixtures.lavila_checkpoints import tiny_towers, write_lavila
from tests.fixtures.native_clip import VOCAB, OriginalClip, write_open_clip_config, write_openai_archive
from tests.fixtures.native_dinov2 import OriginalDino

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def openai(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OpenAI's archive with a tokenizer and a README beside it."""
    file, _ = write_openai_archive(tmp_path_factory.mktemp("openai"))
    (file.parent / "README.md").write_text(README, encoding="utf-8")
    return file


def clip_state(**settings: Any) -> State:
    return {name: weight.clone() for name, weight in OriginalClip(scalars=True, **settings).state_dict().items()}


def dino_state(**settings: Any) -> State:
    return {name: weight.clone() for name, weight in OriginalDino(**settings).state_dict().items()}


def saved(folder: Path, content: object) -> Path:
    torch.save(content, folder / "x.pt")
    return folder / "x.pt"


def refused(file: Path, message: str, load: Callable[..., object] = load_image_encoder) -> None:
    with pytest.raises(WeightsError, match=message) as error:
        load(str(file))
    assert "\n" not in str(error.value)
    assert str(file.parent) in str(error.value)


def test_the_card_of_an_archive_says_what_its_layout_means(openai: Path) -> None:
    digest = hashlib.sha256(openai.read_bytes()).hexdigest()
    card = load_image_encoder(str(openai), precision="float32").card
    assert card == WeightCard(
        id=str(openai),
        family="clip",
        sha256=digest,
        licence="apache-2.0",
        activation="quick_gelu",
        pooling="projected class token",
        dim=24,
        has_text=True,
        dtype="float32",
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
        size=32,
        resize="shortest-crop",
        resize_to=32,
        interpolation="bicubic",
        preprocessing_source="OpenAI CLIP layout",
    )
    assert load_text_encoder(str(openai)).card == TowerCard(
        **{name: getattr(card, name) for name in TowerCard.model_fields}
        | {"pooling": "projected first end-of-text token"}
    )


def test_the_card_of_dinov2_says_what_its_layout_means(tmp_path: Path) -> None:
    card = load_image_encoder(str(saved(tmp_path, dino_state())), precision="float32").card
    assert (card.family, card.activation, card.dim, card.has_text) == ("dinov2", "gelu", 128, False)
    assert (card.size, card.resize, card.resize_to, card.interpolation) == (224, "shortest-crop", 256, "bicubic")
    assert (card.mean, card.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (card.preprocessing_source, card.licence) == ("DINOv2 layout", "unknown")


def test_a_file_may_be_given_by_the_home_folder(openai: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(openai.parent))
    assert load_image_encoder(f"~/{openai.name}").card.id == f"~/{openai.name}"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_half_precision_weights_compute_in_the_type_asked_for(openai: Path, precision: Any) -> None:
    card, tower, tokeniser = open_text_tower(str(openai), precision=precision)
    assert card.dtype == precision
    assert {str(weight.dtype) for weight in tower.parameters()} == {f"torch.{precision}"}
    assert not any(weight.requires_grad for weight in tower.parameters())
    assert not tower.training
    assert type(tower).__name__ == "CLIPTextModelWithProjection"
    assert tokeniser.size == VOCAB


@pytest.mark.parametrize("place", ["top", "state_dict", "prefixed"])
def test_openais_scalars_speak_for_the_layout_wherever_the_weights_lie(tmp_path: Path, place: str) -> None:
    state = clip_state()
    prefixed = {f"module.{name}": weight for name, weight in state.items()}
    content = {"top": state, "state_dict": {"state_dict": state}, "prefixed": {"state_dict": prefixed}}[place]
    card = load_image_encoder(str(saved(tmp_path, content))).card
    assert (card.activation, card.preprocessing_source) == ("quick_gelu", "OpenAI CLIP layout")


def test_lavilas_file_gives_words_too(tmp_path: Path) -> None:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 1}
    ids = {"vocab_size": VOCAB, "bos_token_id": VOCAB - 2, "eos_token_id": VOCAB - 1, "pad_token_id": VOCAB - 1}
    text = CLIPTextModelWithProjection(CLIPTextConfig(**sizes, **ids, projection_dim=24, hidden_act="quick_gelu"))
    file = write_lavila(tmp_path / "x.pt", tiny_towers()[0], text.eval(), dtype=torch.float16)
    write_clip_tokenizer(tmp_path, "tokenizer.json")
    card, tower, tokeniser = open_text_tower(str(file))
    assert (card.family, card.activation, card.dim, card.has_text) == ("lavila", "quick_gelu", 24, True)
    prompt = torch.tensor(tokeniser(["cut the onion"], 77))
    with torch.no_grad():
        expected = text.half().float()(input_ids=prompt).text_embeds
        torch.testing.assert_close(tower(input_ids=prompt).text_embeds, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(load_text_encoder(str(file)).encode(["cut the onion"]), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("gated", [False, True])
def test_loading_draws_no_random_numbers_and_leaves_the_file_as_it_is(tmp_path: Path, gated: bool) -> None:
    file = saved(tmp_path, dino_state(gated=gated, registers=2))
    before, state = file.read_bytes(), torch.get_rng_state()
    load_image_encoder(str(file))
    assert torch.equal(torch.get_rng_state(), state)
    assert file.read_bytes() == before


def test_openais_own_vocabulary_file_beside_the_weights_is_read(tmp_path: Path) -> None:
    import gzip

    merges = ["c u", "cu t</w>", "t h", "th e</w>"]
    with gzip.open(tmp_path / "bpe_simple_vocab_16e6.txt.gz", "wt", encoding="utf-8") as stream:
        stream.write("\n".join(["#version: 0.2", *merges]) + "\n")
    encoder = load_text_encoder(str(saved(tmp_path, clip_state(vocab=512 + 4 + 2))))
    ids = encoder._tokeniser(["Cut the é"], 77)[0]  # type: ignore[attr-defined]
    assert ids == [516, 513, 515, ids[3], ids[4], 517]  # two bytes of é, the second at the end of the word
    assert ids[3] < 256 <= ids[4] < 512
    assert encoder.encode(["cut the é"]).isfinite().all()


def test_weights_without_a_tokenizer_give_images_and_name_what_to_put_beside_them_for_words(tmp_path: Path) -> None:
    file = saved(tmp_path, clip_state())
    load_image_encoder(str(file))
    refused(
        file, r"tokenizer\.json is missing, .*vocab\.json and merges\.txt .*bpe_simple_vocab_16e6", load_text_encoder
    )


def test_a_damaged_vocabulary_file_of_openai_is_named(tmp_path: Path) -> None:
    file = saved(tmp_path, clip_state())
    for content in (b"no gzip", b""):
        (tmp_path / "bpe_simple_vocab_16e6.txt.gz").write_bytes(content)
        refused(file, r"bpe_simple_vocab_16e6\.txt\.gz cannot be read", load_text_encoder)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, clip_state(vocab=VOCAB - 1))
    write_clip_tokenizer(tmp_path, "tokenizer.json")
    with pytest.raises(WeightsError, match=f"the tokenizer has {VOCAB} tokens and the weights {VOCAB - 1}"):
        load_text_encoder(str(file))


def test_an_activation_that_nobody_states_is_not_guessed(tmp_path: Path) -> None:
    state = OriginalClip().state_dict()
    message = "nothing says whether its activation is QuickGELU or GELU.*put its open_clip_config.json beside it"
    refused(saved(tmp_path, state), message)
    refused(saved(tmp_path, {"state_dict": {f"module.{k}": v for k, v in state.items()}}), message)
    refused(saved(tmp_path, state), message, load_text_encoder)


def test_an_openai_archive_beside_the_configuration_of_another_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, clip_state())
    write_open_clip_config(tmp_path)
    refused(file, "whose activation is quick_gelu, and .*open_clip_config.json says gelu")


def test_dinov2_has_no_words(tmp_path: Path) -> None:
    refused(saved(tmp_path, dino_state()), "this dinov2 has no text tower; class names need a CLIP", load_text_encoder)


def test_an_image_tower_alone_has_no_words(tmp_path: Path) -> None:
    state = clip_state()
    alone = {k: v for k, v in state.items() if k.startswith("visual.") or v.dim() == 0}
    file = saved(tmp_path, alone)
    assert not load_image_encoder(str(file)).card.has_text
    refused(file, "this clip has no text tower", load_text_encoder)


def test_a_file_of_the_hugging_face_layout_is_to_be_given_as_its_folder(tmp_path: Path) -> None:
    save_file({"text_model.final_layer_norm.bias": torch.ones(2)}, tmp_path / "model.safetensors")
    refused(tmp_path / "model.safetensors", r"give the folder that holds them and their config\.json")


def test_a_width_that_does_not_divide_into_heads_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, OriginalClip(quick=False, heads=(4, 2)).state_dict())
    write_clip_tokenizer(tmp_path, "tokenizer.json")
    write_open_clip_config(tmp_path, vision_cfg={"head_width": 48})
    refused(file, "the image tower is 128 wide, which does not divide into heads of 48")
    write_open_clip_config(tmp_path, text_cfg={"heads": 5})
    refused(file, "gives the text tower 5 heads, which do not divide its width of 64")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"vision_cfg": {"layers": 4}}, "gives vision_cfg layers = 4, and these weights have 3; copy both"),
        ({"vision_cfg": {"width": "128"}}, "gives vision_cfg width = '128', and these weights have 128"),
        ({"vision_cfg": {"patch_size": 16}}, "gives vision_cfg patch_size = 16, and these weights have 8"),
        ({"vision_cfg": {"mlp_ratio": 4}}, "gives vision_cfg mlp_ratio = 4, and these weights have 2.5;"),
        ({"text_cfg": {"vocab_size": 49408}}, f"gives text_cfg vocab_size = 49408, and these weights have {VOCAB}"),
        ({"text_cfg": {"context_length": 64}}, "gives text_cfg context_length = 64, and these weights have 77"),
    ],
)
def test_a_configuration_of_other_sizes_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    file = saved(tmp_path, OriginalClip(quick=False, heads=(4, 2)).state_dict())
    write_open_clip_config(tmp_path, **changes)
    refused(file, told)


@pytest.mark.parametrize("name", ["", "pixels:"])
def test_no_name_at_all_is_refused(name: str) -> None:
    with pytest.raises(WeightsError, match="an encoder needs a name: give one of egoworld, "):
        load_image_encoder(name)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    state = clip_state()
    state["visual.ln_post.bias"][1] = math.nan
    refused(saved(tmp_path, state), r"1 of its weights hold NaN or infinity, the first \S*post_layernorm.bias; fetch")


def test_a_configuration_of_another_resolution_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, OriginalClip(quick=False, heads=(4, 2)).state_dict())
    write_open_clip_config(tmp_path, vision_cfg={"image_size": 48})
    refused(file, "positions are those of pictures of 32 pixels and open_clip_config.json says 48")

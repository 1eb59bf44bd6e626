"""Encoders against references: whole models of ``transformers``, and slow twins written out.

The twins follow openai/CLIP ``clip/model.py`` and ``clip/simple_tokenizer.py``
(https://github.com/openai/CLIP/tree/main/clip): one prompt or picture at a time, head by head, prompts padded with 0.
"""

import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from egoshift.encoders import load_image_encoder, load_text_encoder
from egoshift.encoders.folder import WeightFolder
from egoshift.encoders.tokens import clip_tokeniser
from tests.fixtures import checkpoints

Frame = npt.NDArray[np.uint8]
WORDS = ("cut the onion", "wash", "", "take 2 knives, then wash them: all of them!")


def noise(height: int, width: int) -> Frame:
    """Blurred noise with sharp edges over it: both smooth slopes and the overshoot of the kernel."""
    generator = np.random.default_rng(height)
    coarse = generator.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), dtype=np.uint8)
    blocks = coarse.repeat(16, axis=0).repeat(16, axis=1)[:height, :width]
    fine = generator.integers(-20, 21, (height, width, 3))
    return (blocks.astype(np.int64) + fine).clip(0, 255).astype(np.uint8)


MAKERS = {
    "clip": checkpoints.write_clip,
    "clip-gelu": lambda folder: checkpoints.write_clip(folder, act="gelu", legacy_eos=False),
    "siglip": checkpoints.write_siglip,
    "dinov2": checkpoints.write_dinov2,
    "dinov2-registers": lambda folder: checkpoints.write_dinov2(folder, registers=True),
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each tiny checkpoint by its name."""
    parent = tmp_path_factory.mktemp("checkpoints")
    return {name: make(parent / name) for name, make in MAKERS.items()}


def whole_model(folder: Path) -> Any:
    from transformers import AutoModel

    return AutoModel.from_pretrained(str(folder), local_files_only=True, attn_implementation="eager").eval()


@pytest.mark.parametrize("name", MAKERS)
def test_image_features_are_those_of_the_whole_model_with_its_own_processor(tiny: dict[str, Path], name: str) -> None:
    from transformers import AutoImageProcessor

    frame = noise(72, 110)
    processor = AutoImageProcessor.from_pretrained(str(tiny[name]), local_files_only=True)
    pixels = processor(frame, return_tensors="pt")["pixel_values"]
    model = whole_model(tiny[name])
    encoder = load_image_encoder(str(tiny[name]), precision="float32")
    with torch.no_grad():
        if name.startswith("dinov2"):
            expected = model.layernorm(model.encoder(model.embeddings(pixels)).last_hidden_state)[:, 0]
        else:
            expected = model.get_image_features(pixel_values=pixels).pooler_output
    # one grey level is 0.016 after normalising, and few pixels differ by it
    torch.testing.assert_close(encoder.encode(encoder.prepare(frame)[None]), expected, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("name", MAKERS)
def test_image_features_of_the_same_pixels_are_those_of_the_whole_model(tiny: dict[str, Path], name: str) -> None:
    encoder = load_image_encoder(str(tiny[name]), precision="float32")
    images = torch.stack([encoder.prepare(noise(60 + i, 90)) for i in range(3)])
    mean, std = torch.tensor(encoder.card.mean), torch.tensor(encoder.card.std)
    pixels = (images / 255 - mean[:, None, None]) / std[:, None, None]
    model = whole_model(tiny[name])
    with torch.no_grad():
        if name.startswith("dinov2"):
            expected = model(pixel_values=pixels).last_hidden_state[:, 0]
        else:
            expected = model.get_image_features(pixel_values=pixels).pooler_output
    torch.testing.assert_close(encoder.encode(images), expected, rtol=1e-4, atol=1e-5)


def slow_block(weights: dict[str, Tensor], prefix: str, x_TD: Tensor, *, heads: int, causal: bool) -> Tensor:
    """One pre-norm residual block of CLIP, head by head."""

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ weights[f"{prefix}.{name}.weight"].T + weights[f"{prefix}.{name}.bias"]

    normed = slow_norm(weights, f"{prefix}.layer_norm1", x_TD)
    q, k, v = (linear(f"self_attn.{role}_proj", normed).chunk(heads, dim=-1) for role in "qkv")
    attended = []
    for head in range(heads):
        scores_TT = q[head] @ k[head].T / math.sqrt(q[head].shape[-1])
        if causal:
            scores_TT = scores_TT + torch.full_like(scores_TT, -math.inf).triu(1)
        attended.append(scores_TT.softmax(-1) @ v[head])
    x_TD = x_TD + linear("self_attn.out_proj", torch.cat(attended, dim=-1))
    hidden = linear("mlp.fc1", slow_norm(weights, f"{prefix}.layer_norm2", x_TD))
    return x_TD + linear("mlp.fc2", hidden * torch.sigmoid(1.702 * hidden))  # QuickGELU


def slow_norm(weights: dict[str, Tensor], prefix: str, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    unit = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return unit * weights[f"{prefix}.weight"] + weights[f"{prefix}.bias"]


def slow_text(weights: dict[str, Tensor], ids: list[int], end: int) -> Tensor:
    """CLIP's text vector of one prompt, padded with 0 to 77 tokens and pooled at the first end token."""
    padded = torch.tensor(ids + [0] * (77 - len(ids)))
    x_TD = weights["text_model.embeddings.token_embedding.weight"][padded]
    x_TD = x_TD + weights["text_model.embeddings.position_embedding.weight"]
    for layer in range(2):
        x_TD = slow_block(weights, f"text_model.encoder.layers.{layer}", x_TD, heads=4, causal=True)
    pooled = slow_norm(weights, "text_model.final_layer_norm", x_TD)[ids.index(end)]
    return weights["text_projection.weight"] @ pooled


def slow_image(weights: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """CLIP's image feature of one picture ``(3, 32, 32)``, patch by patch."""
    kernel = weights["vision_model.embeddings.patch_embedding.weight"]
    patches = [
        (kernel * pixels[:, top : top + 8, left : left + 8]).sum((1, 2, 3))
        for top in range(0, 32, 8)
        for left in range(0, 32, 8)
    ]
    x_TD = torch.stack([weights["vision_model.embeddings.class_embedding"], *patches])
    x_TD = x_TD + weights["vision_model.embeddings.position_embedding.weight"]
    x_TD = slow_norm(weights, "vision_model.pre_layrnorm", x_TD)
    for layer in range(2):
        x_TD = slow_block(weights, f"vision_model.encoder.layers.{layer}", x_TD, heads=4, causal=False)
    return weights["visual_projection.weight"] @ slow_norm(weights, "vision_model.post_layernorm", x_TD[0])


def test_clip_text_trimmed_to_the_longest_prompt_is_the_slow_twin_padded_to_77(tiny: dict[str, Path]) -> None:
    weights = load_file(tiny["clip"] / "model.safetensors")
    tokeniser = clip_tokeniser(WeightFolder("tiny", tiny["clip"], {}, ()))
    ids = tokeniser(WORDS, 77)
    assert max(map(len, ids)) < 50  # or nothing is trimmed
    expected = torch.stack([slow_text(weights, tokens, tokeniser.end) for tokens in ids])
    torch.testing.assert_close(load_text_encoder(str(tiny["clip"])).encode(WORDS), expected, rtol=1e-5, atol=1e-5)


def test_clip_image_features_are_the_slow_twins(tiny: dict[str, Path]) -> None:
    weights = load_file(tiny["clip"] / "model.safetensors")
    encoder = load_image_encoder(str(tiny["clip"]), precision="float32")
    image = encoder.prepare(noise(72, 110))
    pixels = (image / 255 - torch.tensor(encoder.card.mean)[:, None, None]) / torch.tensor(encoder.card.std)[
        :, None, None
    ]
    torch.testing.assert_close(encoder.encode(image[None])[0], slow_image(weights, pixels), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["clip", "clip-gelu", "siglip"])
def test_text_vectors_are_those_of_the_whole_model_padded_to_its_context(tiny: dict[str, Path], name: str) -> None:
    from transformers import PreTrainedTokenizerFast

    end = "</s>" if name == "siglip" else "<|endoftext|>"
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(tiny[name] / "tokenizer.json"), pad_token=end)
    words = ("cut the onion", "wash", "wash the cup")
    prompts = [word + end for word in words] if name == "siglip" else list(words)
    context = 32 if name == "siglip" else 77
    inputs = tokenizer(prompts, padding="max_length", max_length=context, return_tensors="pt")
    model = whole_model(tiny[name])
    mask = {} if name == "siglip" else {"attention_mask": inputs["attention_mask"]}
    with torch.no_grad():
        expected = model.get_text_features(input_ids=inputs["input_ids"], **mask).pooler_output
    torch.testing.assert_close(load_text_encoder(str(tiny[name])).encode(words), expected, rtol=1e-4, atol=1e-5)


def test_siglip_text_would_change_if_it_were_trimmed(tiny: dict[str, Path]) -> None:
    encoder = load_text_encoder(str(tiny["siglip"]))
    model = whole_model(tiny["siglip"])
    ids = torch.tensor([[*encoder._tokeniser(["wash"], 32)[0]]])  # type: ignore[attr-defined]
    with torch.no_grad():
        trimmed = model.get_text_features(input_ids=ids).pooler_output
    assert (trimmed - encoder.encode(["wash"])).abs().max() > 0.1


@pytest.mark.parametrize("legacy", [True, False])
def test_pooling_is_at_the_first_end_token_whatever_eos_token_id_says(tmp_path: Path, legacy: bool) -> None:
    """The legacy rule of ``transformers`` pools at the largest id, so at a token that was added after the end token."""
    folder = checkpoints.write_clip(tmp_path / "clip", legacy_eos=legacy, added_tokens=1)
    weights = load_file(folder / "model.safetensors")
    end = clip_tokeniser(WeightFolder("tiny", folder, {}, ())).end
    assert len(weights["text_model.embeddings.token_embedding.weight"]) == end + 2
    ids = [[end - 1, 5, end + 1, 7, end], [end - 1, 5, end, 7, end], [end - 1, end]]
    found = load_text_encoder(str(folder))._encode_chunk(ids)  # type: ignore[attr-defined]
    expected = torch.stack([slow_text(weights, tokens, end) for tokens in ids])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def slow_bpe(word: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    """openai/CLIP's byte-pair merges of one word of ASCII letters, the best pair first."""
    pieces = [*word[:-1], word[-1] + "</w>"]
    while len(pieces) > 1:
        best = min(itertools.pairwise(pieces), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            return pieces
        merged, i = [], 0
        while i < len(pieces):
            if tuple(pieces[i : i + 2]) == best:
                merged.append(pieces[i] + pieces[i + 1])
                i += 2
            else:
                merged.append(pieces[i])
                i += 1
        pieces = merged
    return pieces


def test_two_thousand_class_names_get_the_ids_of_openais_tokenizer(tmp_path: Path, assets: Path) -> None:
    merges = checkpoints.write_real_clip_vocab(tmp_path, assets)
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    vocab = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    names = [str(name) for name in np.load(assets / "clip_text" / "clip_vitb32_text_vocab.npz")["names"]]
    prompts = [f"A photo of {name.replace('_', ' ')}." for name in names]
    words = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")
    expected = [
        [49406, *(vocab[piece] for word in words.findall(prompt.lower()) for piece in slow_bpe(word, ranks)), 49407]
        for prompt in prompts
    ]
    assert len(prompts) == 2148
    assert clip_tokeniser(WeightFolder("openai", tmp_path, {}, ()))(prompts, 77) == expected

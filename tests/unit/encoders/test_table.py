"""Every encoder through the same checks."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from egoshift.encoders import (
    AbstractImageEncoder,
    AbstractTextEncoder,
    TowerCard,
    WeightCard,
    load_image_encoder,
    load_text_encoder,
)
from tests.unit.encoders.conftest import MAKERS

FAMILIES = {
    "clip": "clip",
    "clip-old-layout": "clip",
    "siglip": "siglip",
    "siglip2": "siglip",
    "dinov2": "dinov2",
    "dinov2-registers": "dinov2",
    "dinov2-swiglu": "dinov2",
}
IMAGE = tuple(MAKERS)
TEXT = tuple(name for name in MAKERS if not name.startswith("dinov2"))
PROMPTS = ("cut the onion", "wash", "take the 2 knives, then cut")


@pytest.fixture(scope="module")
def image_encoders(tiny: dict[str, Path]) -> dict[str, AbstractImageEncoder]:
    return {name: load_image_encoder(str(tiny[name]), precision="float32") for name in IMAGE}


@pytest.fixture(scope="module")
def text_encoders(tiny: dict[str, Path]) -> dict[str, AbstractTextEncoder]:
    return {name: load_text_encoder(str(tiny[name])) for name in TEXT}


def frames(num: int, height: int = 45, width: int = 80) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (num, height, width, 3), dtype=np.uint8))


def test_the_table_holds_every_encoder() -> None:
    assert IMAGE == tuple(FAMILIES)
    assert len(TEXT) == 4


@pytest.mark.parametrize("name", IMAGE)
def test_image_features_are_finite_float32_of_the_cards_dim_without_gradients(
    image_encoders: dict[str, AbstractImageEncoder], name: str
) -> None:
    encoder = image_encoders[name]
    images = torch.stack([encoder.prepare(frame) for frame in frames(3)])
    assert images.dtype == torch.uint8
    assert images.shape == (3, 3, encoder.card.size, encoder.card.size)
    features = encoder.encode(images)
    assert features.shape == (3, encoder.card.dim)
    assert features.dtype == torch.float32
    assert features.isfinite().all()
    assert not features.requires_grad
    assert not features.is_inference()  # may be saved for a later backward pass
    assert (features[0] - features[1]).abs().max() > 0.01  # other pixels, other features


@pytest.mark.parametrize("name", IMAGE)
def test_encoding_images_leaves_them_as_they_are_and_repeats_to_the_bit(
    image_encoders: dict[str, AbstractImageEncoder], name: str
) -> None:
    encoder = image_encoders[name]
    frame = frames(1)[0]
    before = frame.copy()
    images = encoder.prepare(frame)[None].repeat(4, 1, 1, 1)
    kept = images.clone()
    first, second = encoder.encode(images), encoder.encode(images)
    torch.testing.assert_close(images, kept, rtol=0, atol=0)
    np.testing.assert_array_equal(frame, before)
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("name", IMAGE)
def test_an_image_alone_has_the_features_it_has_in_a_batch(
    image_encoders: dict[str, AbstractImageEncoder], name: str
) -> None:
    encoder = image_encoders[name]
    images = torch.stack([encoder.prepare(frame) for frame in frames(5)])
    alone = torch.cat([encoder.encode(image[None]) for image in images])
    torch.testing.assert_close(encoder.encode(images), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", IMAGE)
def test_several_threads_may_encode_at_once(image_encoders: dict[str, AbstractImageEncoder], name: str) -> None:
    encoder = image_encoders[name]
    batches = [torch.stack([encoder.prepare(frame) for frame in frames(2, 40 + i)]) for i in range(12)]
    expected = [encoder.encode(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(encoder.encode, batches))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", IMAGE)
def test_images_of_another_size_are_refused(image_encoders: dict[str, AbstractImageEncoder], name: str) -> None:
    size = image_encoders[name].card.size
    with pytest.raises(ValueError, match=f"give uint8 \\(batch, 3, {size}, {size}\\) as prepare"):
        image_encoders[name].encode(torch.zeros(2, 3, size + 14, size + 14, dtype=torch.uint8))


@pytest.mark.parametrize("name", IMAGE)
def test_an_image_card_says_what_the_folder_says(
    image_encoders: dict[str, AbstractImageEncoder], tiny: dict[str, Path], name: str
) -> None:
    card = image_encoders[name].card
    assert card.id == str(tiny[name])
    assert card.family == FAMILIES[name]
    assert re.fullmatch(r"[0-9a-f]{64}", card.sha256)
    assert card.licence == "apache-2.0"
    assert card.preprocessing_source == "preprocessor_config.json"
    assert card.dtype == "float32"
    assert card.has_text == (name in TEXT)
    assert WeightCard.model_validate_json(card.model_dump_json()) == card


def test_activations_and_poolings_are_told_apart(image_encoders: dict[str, AbstractImageEncoder]) -> None:
    assert {name: encoder.card.activation for name, encoder in image_encoders.items()} == {
        "clip": "quick_gelu",
        "clip-old-layout": "quick_gelu",
        "siglip": "gelu_pytorch_tanh",
        "siglip2": "gelu_pytorch_tanh",
        "dinov2": "gelu",
        "dinov2-registers": "gelu",
        "dinov2-swiglu": "swiglu",
    }
    assert len({encoder.card.pooling for encoder in image_encoders.values()}) == 3


@pytest.mark.parametrize("name", TEXT)
def test_text_vectors_are_finite_float32_of_the_cards_dim_without_gradients(
    text_encoders: dict[str, AbstractTextEncoder], name: str
) -> None:
    encoder = text_encoders[name]
    vectors = encoder.encode(PROMPTS)
    assert vectors.shape == (3, encoder.card.dim)
    assert vectors.dtype == torch.float32
    assert vectors.isfinite().all()
    assert not vectors.requires_grad
    assert (vectors.norm(dim=-1) - 1).abs().min() > 0.1  # not normalised
    assert (vectors[0] - vectors[1]).abs().max() > 0.01


@pytest.mark.parametrize("name", TEXT)
def test_a_prompt_alone_has_the_vector_it_has_among_others(
    text_encoders: dict[str, AbstractTextEncoder], name: str
) -> None:
    encoder = text_encoders[name]
    alone = torch.cat([encoder.encode([prompt]) for prompt in PROMPTS])
    torch.testing.assert_close(encoder.encode(PROMPTS), alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder.encode(PROMPTS), encoder.encode(PROMPTS), rtol=0, atol=0)


@pytest.mark.parametrize("name", TEXT)
def test_many_prompts_pass_in_chunks_and_keep_their_order(
    text_encoders: dict[str, AbstractTextEncoder], name: str
) -> None:
    encoder = text_encoders[name]
    many = [f"{PROMPTS[i % 3][: 3 + i % 7]} {i}" for i in range(150)]
    picked = encoder.encode([many[i] for i in (0, 77, 149)])
    torch.testing.assert_close(encoder.encode(many)[[0, 77, 149]], picked, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TEXT)
def test_no_prompts_give_no_vectors(text_encoders: dict[str, AbstractTextEncoder], name: str) -> None:
    assert text_encoders[name].encode([]).shape == (0, text_encoders[name].card.dim)


@pytest.mark.parametrize("name", TEXT)
def test_image_and_text_towers_share_a_space_and_a_hash(
    image_encoders: dict[str, AbstractImageEncoder], text_encoders: dict[str, AbstractTextEncoder], name: str
) -> None:
    image, text = image_encoders[name].card, text_encoders[name].card
    assert (image.dim, image.sha256, image.id) == (text.dim, text.sha256, text.id)
    assert TowerCard.model_validate_json(text.model_dump_json()) == text


@pytest.mark.parametrize("name", ["clip", "siglip", "dinov2"])
def test_bfloat16_features_point_where_float32_features_point(
    image_encoders: dict[str, AbstractImageEncoder], tiny: dict[str, Path], name: str
) -> None:
    coarse = load_image_encoder(str(tiny[name]), precision="bfloat16")
    assert coarse.card.dtype == "bfloat16"
    images = torch.stack([coarse.prepare(frame) for frame in frames(4)])
    features = coarse.encode(images)
    assert features.dtype == torch.float32
    cosines = torch.cosine_similarity(features, image_encoders[name].encode(images))
    assert cosines.min() > 0.999

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from egoshift.encoders import load_image_encoder, load_text_encoder
from egoshift.encoders.image import FrozenImageEncoder
from egoshift.world import clip_folder, large_clip_folder
from egoshift.world.pretraining.clip_scores import SIZE, Pictures, encode_images, measure_pictures, projected
from egoshift.world.pretraining.tokens import all_captions, build_tokenizer
from egoshift.world.pretraining.train_clip import (
    augmented,
    build_model,
    captions_of,
    contrast,
    draw_part,
    grown_model,
    rescale,
)
from egoshift.world.pretraining.web import Subject, captions
from egoshift.world.vocabulary import NOUNS, VERBS


@pytest.mark.parametrize("folder", [clip_folder(), large_clip_folder()])
def test_the_shipped_folders_are_small_and_complete(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names >= {"config.json", "preprocessor_config.json", "tokenizer.json", "README.md"}
    assert any(name.endswith(".safetensors") for name in names)
    assert all(path.stat().st_size <= 8e6 for path in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "layers", "dim"), [("egoworld", 4, 128), ("egoworld-large", 8, 128), ("egoworld-lavila", 4, 128)]
)
def test_every_shipped_dual_encoder_gives_vectors_of_pictures_and_names(name: str, layers: int, dim: int) -> None:
    image, text = load_image_encoder(name, precision="float32"), load_text_encoder(name)
    pictures = torch.randint(256, (2, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    vectors = image.encode(pictures)
    assert (image.card.dim, text.card.dim, vectors.shape) == (dim, dim, (2, dim))
    assert 5 < vectors.norm(dim=1).mean() < 20, "vectors are about as long as CLIP's"
    assert 5 < text.encode(["onion", "cup"]).norm(dim=1).mean() < 20
    assert isinstance(image, FrozenImageEncoder)
    assert sum("mlp.fc1.weight" in key for key in image._tower.state_dict()) == layers


def test_the_shipped_folder_loads_offline_and_knows_its_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from transformers import AutoTokenizer, CLIPModel

    model = CLIPModel.from_pretrained(clip_folder(), local_files_only=True, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(clip_folder(), local_files_only=True)
    images, subjects = draw_part((77, 0, 100, False))
    scores = measure_pictures(model, tokenizer, Pictures(torch.from_numpy(images), tuple(subjects), False))
    assert scores["noun top-1, third-person objects"] > 60


def test_the_shipped_preprocessor_is_that_of_the_scores() -> None:
    from transformers import CLIPImageProcessorPil

    from egoshift.world.pretraining.clip_scores import prepared

    processor = CLIPImageProcessorPil.from_pretrained(clip_folder(), local_files_only=True)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (144, 256, 3), dtype=np.uint8))
    theirs = processor(picture, return_tensors="pt")["pixel_values"][0]
    torch.testing.assert_close(prepared(picture), theirs, atol=0.02, rtol=0)


def test_the_tokenizer_knows_the_captions_words_and_can_spell_any_other() -> None:
    tokenizer = build_tokenizer(32)
    for name in (*NOUNS, *VERBS):
        assert len(tokenizer(name)["input_ids"]) == 2 + len(name.split())
    assert max(len(tokenizer(text)["input_ids"]) for text in all_captions()) <= 32
    spelt = tokenizer.decode(tokenizer("Zürich 7%!")["input_ids"], skip_special_tokens=True)
    assert spelt.replace(" ", "") == "zürich7%!"
    with_end = tokenizer(["knife", "a red chopping board"], padding=True)["input_ids"]
    assert with_end[0][-1] == tokenizer.eos_token_id


def test_captions_say_what_a_picture_shows() -> None:
    found = captions(Subject("cup", "red", "wash"))
    assert "cup" in found["noun"]
    assert "a photo of a red cup" in found["colour noun"]
    assert "washing" in found["verb"]
    assert "a hand washing a cup" in found["verb noun"]
    assert set(captions(Subject("tomato"))) == {"noun"}


def test_captions_of_one_level_share_a_key_where_they_mean_the_same() -> None:
    subjects = [Subject("cup", "red"), Subject("cup", "blue"), Subject("tomato")]
    _, keys = captions_of(subjects, "noun", np.random.default_rng(0))
    assert keys[0] == keys[1] != keys[2]
    _, keys = captions_of(subjects, "colour noun", np.random.default_rng(0))
    assert len(set(keys)) == 3


def test_the_loss_is_cross_entropy_where_nothing_repeats_and_shares_matches_where_it_does() -> None:
    logits = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    target = torch.arange(4)
    rows, columns = (torch.nn.functional.cross_entropy(matrix, target) for matrix in (logits, logits.T))
    torch.testing.assert_close(contrast(logits, ["a", "b", "c", "d"]), (rows + columns) / 2)
    total = 0.0
    keys = ["a", "b", "a", "c"]
    for matrix in (logits, logits.T):
        for i in range(4):
            matches = [j for j in range(4) if keys[j] == keys[i]]
            total -= sum(matrix[i].log_softmax(0)[j].item() for j in matches) / len(matches) / 4 / 2
    assert contrast(logits, keys).item() == pytest.approx(total, rel=1e-5)


def test_pictures_are_the_same_however_they_are_divided() -> None:
    images, subjects = draw_part((0, 0, 4, True))
    again, subjects_again = draw_part((0, 2, 4, True))
    assert np.array_equal(images[2:], again)
    assert subjects[2:] == subjects_again
    assert {subject.verb is None for subject in subjects} == {False}


def test_training_sees_another_cut_of_a_picture_each_time() -> None:
    images = torch.randint(0, 256, (2, 80, 80, 3), dtype=torch.uint8)
    generator = torch.Generator().manual_seed(0)
    first, second = augmented(images, generator), augmented(images, generator)
    assert first.shape == (2, 3, 72, 72)
    assert not torch.equal(first, second)


def test_the_model_fits_the_tokenizer() -> None:
    tokenizer = build_tokenizer(32)
    model = build_model(tokenizer, 0)
    assert model.config.text_config.vocab_size == len(tokenizer)
    assert model.config.text_config.eos_token_id == tokenizer.eos_token_id
    shipped = json.loads((clip_folder() / "config.json").read_text())
    assert shipped["vision_config"]["hidden_size"] == model.config.vision_config.hidden_size


def test_rescaling_changes_lengths_and_no_cosine() -> None:
    tokenizer = build_tokenizer(32)
    model = build_model(tokenizer, 0).eval()
    images, subjects = draw_part((0, 0, 4, False))
    pictures = Pictures(torch.from_numpy(images), tuple(subjects), False)
    tokens = tokenizer(["knife", "cut"], padding=True, return_tensors="pt")
    before = projected(model.get_text_features(**tokens))
    rescale(model, tokenizer, pictures)
    after = projected(model.get_text_features(**tokens))
    torch.testing.assert_close(torch.nn.functional.normalize(before), torch.nn.functional.normalize(after))
    names = tokenizer([*NOUNS, *VERBS], padding=True, return_tensors="pt")
    assert projected(model.get_text_features(**names)).norm(dim=1).mean().item() == pytest.approx(10, rel=1e-4)


@torch.no_grad()
def test_a_grown_model_sees_what_the_small_one_sees_until_it_is_trained():
    from transformers import CLIPModel

    large = grown_model(clip_folder(), 0).eval()
    small = CLIPModel.from_pretrained(clip_folder(), dtype=torch.float32).eval()
    assert len(large.vision_model.encoder.layers) == 2 * len(small.vision_model.encoder.layers)
    pixels = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(encode_images(large, pixels), encode_images(small, pixels))
    new = large.vision_model.encoder.layers[1]
    assert not new.mlp.fc2.weight.any()
    assert new.mlp.fc1.weight.any()
    assert new.self_attn.v_proj.weight.any()

"""Prompts to token ids with the checkpoint's own files."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from egoshift.encoders import load_text_encoder
from egoshift.encoders.folder import WeightFolder
from egoshift.encoders.tokens import Tokeniser, open_tokeniser
from egoshift.errors import WeightsError
from tests.fixtures.checkpoints import clip_vocab, write_json, write_real_clip_vocab


def tokeniser(folder: Path, family: Any) -> Tokeniser:
    return open_tokeniser(WeightFolder("tiny", folder, {}, ()), family)


def spelled(folder: Path, ids: list[int]) -> list[str]:
    vocab = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    return [vocab[i][0] for i in ids]


def test_both_layouts_of_clips_tokenizer_give_the_same_ids(tiny: dict[str, Path]) -> None:
    vocab = clip_vocab()
    expected = [vocab[piece] for piece in ("<|startoftext|>", "cut</w>", "the</w>", "c", "u", "p</w>", "<|endoftext|>")]
    for name in ("clip", "clip-old-layout"):
        found = tokeniser(tiny[name], "clip")
        assert found(["Cut  the cup"], 77) == [[*expected[:3], vocab["cu"], vocab["p</w>"], expected[-1]]]
        assert (found.end, found.padding, found.size) == (expected[-1], expected[-1], len(vocab))


def test_the_real_clip_vocabulary_gives_the_ids_that_openai_published(assets: Path, tmp_path: Path) -> None:
    write_real_clip_vocab(tmp_path, assets)
    found = tokeniser(tmp_path, "clip")
    assert (found.size, found.end) == (49408, 49407)
    assert found(["a photo of a cat"], 77) == [[49406, 320, 1125, 539, 320, 2368, 49407]]


def test_siglip_reads_lower_case_without_punctuation_and_only_an_end_token(tiny: dict[str, Path]) -> None:
    found = tokeniser(tiny["siglip"], "siglip")
    ids = found(["  Cut, THE  wash! "], 64)[0]
    assert spelled(tiny["siglip"], ids) == ["▁cut", "▁the", "▁", "wash", "</s>"]
    assert found.padding == found.end == ids[-1]


def test_siglip_2_keeps_punctuation_and_fills_up_with_its_own_token(tiny: dict[str, Path]) -> None:
    found = tokeniser(tiny["siglip2"], "siglip")
    ids = found(["Cut, THE"], 64)[0]
    assert spelled(tiny["siglip2"], ids) == ["▁cut", ",", "▁the", "</s>"]
    assert found.padding != found.end


def test_cutting_and_padding_that_a_file_carries_are_switched_off(tiny: dict[str, Path], tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    shutil.copytree(tiny["clip"], tmp_path / "copy")
    backend = Tokenizer.from_file(str(tmp_path / "copy" / "tokenizer.json"))
    backend.enable_truncation(4)
    backend.enable_padding(length=20)
    backend.save(str(tmp_path / "copy" / "tokenizer.json"))
    prompts = ["cut the cup", "wash"]
    assert tokeniser(tmp_path / "copy", "clip")(prompts, 77) == tokeniser(tiny["clip"], "clip")(prompts, 77)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("clip", r"tokenizer\.json is missing, and so is the older pair vocab\.json and merges\.txt"),
        ("siglip", r"tokenizer\.json is missing.*spiece\.model alone is not enough"),
    ],
)
def test_a_folder_without_tokenizer_names_the_file(tmp_path: Path, family: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as error:
        tokeniser(tmp_path, family)
    assert "\n" not in str(error.value)


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"tokenizer\.json is not a tokenizer"):
        tokeniser(tmp_path, "clip")


def test_a_damaged_vocabulary_of_the_older_layout_is_named(tiny: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(tiny["clip-old-layout"], tmp_path / "copy")
    (tmp_path / "copy" / "vocab.json").write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"vocab\.json or .*merges\.txt cannot be read"):
        tokeniser(tmp_path / "copy", "clip")


def test_a_tokenizer_of_another_kind_of_model_is_refused(tiny: dict[str, Path]) -> None:
    with pytest.raises(WeightsError, match="puts 0 tokens around a prompt, CLIP needs a start and an end"):
        tokeniser(tiny["siglip"], "clip")


def test_a_padding_token_that_is_not_stated_is_not_guessed(tiny: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny["siglip"], tmp_path / "copy"))
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(WeightsError, match=r"tokenizer_config\.json gives None as eos_token"):
        tokeniser(folder, "siglip")
    write_json(folder / "special_tokens_map.json", {"eos_token": "</s>", "pad_token": "<pad>"})
    with pytest.raises(WeightsError, match="gives '<pad>' as pad_token, which is not in"):
        tokeniser(folder, "siglip")


def test_a_tokenizer_with_more_tokens_than_the_weights_is_refused(tiny: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny["clip"], tmp_path / "copy"))
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"]["vocab"] |= {"new</w>": len(clip_vocab())}
    write_json(folder / "tokenizer.json", content)
    with pytest.raises(WeightsError, match=r"the tokenizer has \d+ tokens and the weights \d+"):
        load_text_encoder(str(folder))

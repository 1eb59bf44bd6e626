"""Class names to class text."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from egoshift.encoders import AbstractTextEncoder, TowerCard, class_text, load_text_encoder
from egoshift.encoders.text import ensemble
from egoshift.errors import ConfigError


class Spelling(AbstractTextEncoder):
    """Stands in for a text tower: a prompt's vector is drawn from a seed of its letters."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, prompts: Sequence[str]) -> Tensor:
        self.asked += prompts
        rows = [
            torch.randn(6, generator=torch.Generator().manual_seed(int.from_bytes(prompt.encode()) % 2**31)) * 5
            for prompt in prompts
        ]
        return torch.stack(rows)


def test_by_default_the_bare_name_is_encoded_and_its_length_is_kept() -> None:
    encoder = Spelling()
    text = class_text(encoder, ["cut", "wash"])
    assert encoder.asked == ["cut", "wash"]
    assert text.names == ("cut", "wash")
    torch.testing.assert_close(text.vectors, Spelling().encode(["cut", "wash"]), rtol=0, atol=0)


def test_one_template_gives_the_vector_as_it_is() -> None:
    encoder = Spelling()
    text = class_text(encoder, ["cut {onion}"], ["a video of {}."])
    assert encoder.asked == ["a video of cut {onion}."]
    torch.testing.assert_close(text.vectors, Spelling().encode(encoder.asked), rtol=0, atol=0)


def test_several_templates_give_the_mean_direction_and_the_mean_length() -> None:
    names, templates = ["cut", "wash", "take"], ["{}", "a {}", "the hand does {}"]
    vectors = class_text(Spelling(), names, templates).vectors
    for row, name in enumerate(names):  # the slow twin
        each = [Spelling().encode([template.replace("{}", name)])[0] for template in templates]
        direction = sum((vector / vector.norm() for vector in each), start=torch.zeros(6))
        length = sum(float(vector.norm()) for vector in each) / 3
        torch.testing.assert_close(vectors[row], direction / direction.norm() * length)


def test_the_same_template_twice_changes_nothing() -> None:
    once, twice = (
        class_text(Spelling(), ["cut", "wash"], ["a {}"]),
        class_text(Spelling(), ["cut", "wash"], ["a {}"] * 2),
    )
    torch.testing.assert_close(twice.vectors, once.vectors)


def test_the_ensemble_of_one_is_itself() -> None:
    vectors = torch.randn(1, 4, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ensemble(vectors), vectors[0], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        (["a photo"], "template 'a photo' has 0 places for the class name; write {} exactly once"),
        (["{} and {}"], "template '{} and {}' has 2 places"),
        ([], "templates: got .*; give a list of prompts"),
        ("a {}", "templates: got 'a {}'; give a list of prompts"),
    ],
)
def test_templates_that_do_not_hold_the_name_once_are_refused(templates: Sequence[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("{", r"\{").replace("}", r"\}")):
        class_text(Spelling(), ["cut"], templates)


def test_all_templates_at_fault_are_named_together() -> None:
    with pytest.raises(ConfigError) as error:
        class_text(Spelling(), ["cut"], ["a photo", "{}", "{}{}"])
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], r"class names: got \[\]; give a list of at least one name"),
        ("cup", "class names: got 'cup'; give a list"),
        (["cup", " "], "class names: got ' ' among them; give each as a word or more"),
        (["cup", "cut", "cup", "cut", "put"], "class names: 'cup', 'cut' given more than once"),
        ([str(i // 2) for i in range(14)], "'3', '4' and 2 more given more than once"),
    ],
)
def test_a_vocabulary_that_is_empty_or_names_a_class_twice_is_refused(names: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        class_text(Spelling(), names, ["a {}", "the {}"])
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(("name", "context"), [("clip", 77), ("siglip", 32)])
def test_names_longer_than_the_context_are_named_and_never_cut(tiny: dict[str, Path], name: str, context: int) -> None:
    encoder = load_text_encoder(str(tiny[name]))
    with pytest.raises(ConfigError, match=f"tokens long and the text encoder reads {context}; shorten") as error:
        class_text(encoder, ["cut", "x" * 90, "wash " * 80])
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"prompt '{'x' * 90}' is ")
    room = context - (2 if name == "clip" else 1 + 1)  # start and end token; word start and end token
    assert class_text(encoder, ["x" * room]).vectors.isfinite().all()
    with pytest.raises(ConfigError, match=f"is {context + 1} tokens long"):
        class_text(encoder, ["x" * (room + 1)])


def test_a_fake_encoder_may_carry_an_image_card_or_a_text_card() -> None:
    assert AbstractTextEncoder.__annotations__["card"] is TowerCard

import pytest
import torch

from egoshift.classifier import ClassText
from egoshift.errors import ConfigError


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("cut", "put"), "2 class names for 3 text vectors; give one name per row"),
        (("cut", "put", "cut"), "class names: 'cut' given more than once"),
        (("cut", "", "put"), "class names: got '' among them"),
    ],
)
def test_class_text_whose_classes_cannot_be_told_apart_is_refused(names: tuple[str, ...], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        ClassText(torch.zeros(3, 4), names)


def test_class_text_may_have_no_names() -> None:
    assert ClassText(torch.zeros(3, 4)).names == ()

"""What encodes pictures, sensors and class names for a prediction."""

import torch

from egoshift.classifier import ClassText
from egoshift.prediction import towers
from egoshift.prediction.towers import MOST_VOCABULARIES, Towers


def test_vectors_of_the_last_class_names_are_kept_and_no_more(monkeypatch) -> None:
    made: list[tuple[str, ...]] = []

    def encode(encoder: object, names: tuple[str, ...], templates: object) -> ClassText:
        made.append(names)
        return ClassText(torch.ones(len(names), 2), names)

    monkeypatch.setattr(towers, "load_text_encoder", lambda name, device: object())
    monkeypatch.setattr(towers, "class_text", encode)
    ours = Towers("cpu")
    lists = [(f"cup {number}", "pan") for number in range(3 * MOST_VOCABULARIES)]
    for names in lists:
        assert ours.words("clip", names, ("{}",)).names == names
    ours.words("clip", lists[-1], ("{}",))
    assert made == lists
    assert len(ours._vectors) == MOST_VOCABULARIES

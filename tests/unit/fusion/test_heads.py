"""The heads: classes by name, classes by text."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from egoshift.classifier import ClassText
from egoshift.errors import ConfigError
from egoshift.fusion.heads import LinearHead, TextHead
from egoshift.records import Label

WIDTH, DIM, SIZE = 12, 8, 5
NOUNS = ("cup", "knife", "pan", "tap")


def fused() -> Tensor:
    return torch.randn(SIZE, WIDTH, generator=torch.Generator().manual_seed(0))


def text(names: tuple[str, ...] = NOUNS, dim: int = DIM) -> dict[Label, ClassText]:
    """One vector per name, the same in every vocabulary."""
    vectors = [torch.randn(dim, generator=torch.Generator().manual_seed(sum(name.encode()))) for name in names]
    return {"noun": ClassText(torch.stack(vectors), names)}


def linear() -> LinearHead:
    torch.manual_seed(0)
    return LinearHead(WIDTH, {"verb": ("cut", "put"), "noun": NOUNS})


def test_the_linear_head_matches_classes_by_name() -> None:
    head = linear()
    other = head(fused(), text(("tap", "cup")))["noun"]
    assert torch.equal(other, head(fused(), text())["noun"][:, [3, 0]])


def test_the_linear_head_puts_classes_not_trained_with_below_all_that_were() -> None:
    head = linear()
    logits, trained = head(fused(), text(("bowl", "tap", "fork")))["noun"], head(fused(), text())["noun"]
    assert torch.equal(logits[:, 1], trained[:, 3])
    assert torch.equal(logits[:, 0], trained.amin(1) - 1)
    assert torch.equal(logits[:, 2], logits[:, 0])
    logits[:, [0, 2]].sum().backward()
    assert not any(bool(weight.grad.any()) for weight in head.parameters() if weight.grad is not None)


def test_the_linear_head_refuses_what_it_cannot_score() -> None:
    with pytest.raises(ConfigError, match=r"none of the 2 noun classes asked for is one of the 4 .* use head='text'"):
        linear()(fused(), text(("bowl", "fork")))
    with pytest.raises(ConfigError, match=r"made for verb, noun classes, asked for action ones; give .*head='text'"):
        linear()(fused(), {"action": text()["noun"]})
    with pytest.raises(ConfigError, match=r"made for no classes, asked for noun ones"):
        LinearHead(WIDTH, {})(fused(), text())
    with pytest.raises(ConfigError, match=r"the noun classes have vectors but no names"):
        linear()(fused(), {"noun": ClassText(torch.randn(4, DIM))})


def by_text(rule: str = "compare", **options: object) -> TextHead:
    torch.manual_seed(0)
    given: dict[str, object] = {"alpha": 0.5, "logit_scale": 30.0, "train_logit_scale": False}
    return TextHead(WIDTH, DIM, rule=rule, **{**given, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["compare", "shift"])
def test_the_text_head_scores_any_vocabulary_each_class_on_its_own(rule: str) -> None:
    head = by_text(rule)
    names = ("bowl", "tap", "a thing never heard of", "cup")
    logits = head(fused(), text(names))["noun"]
    torch.testing.assert_close(logits[:, [3, 1]], head(fused(), text())["noun"][:, [0, 3]], rtol=0, atol=1e-4)
    assert bool((logits.abs() <= 30.001).all())
    assert torch.equal(head(fused(), {"noun": ClassText(text(names)["noun"].vectors)})["noun"], logits)


def test_a_shift_of_no_weight_leaves_the_text_as_it_is() -> None:
    head = by_text("shift", alpha=0.0)
    expected = functional.cosine_similarity(head.to_text(fused()).unsqueeze(1), text()["noun"].vectors, dim=-1)
    torch.testing.assert_close(head(fused(), text())["noun"], 30 * expected, rtol=1e-5, atol=1e-4)
    assert not torch.allclose(by_text("shift", alpha=2.0)(fused(), text())["noun"], 30 * expected, atol=0.1)


def test_a_sample_with_vectors_of_its_own_is_classified_by_them() -> None:
    head, some = by_text("shift", alpha=0.0), torch.tensor([True, False, True, False, False])
    own = functional.normalize(torch.randn(SIZE, DIM, generator=torch.Generator().manual_seed(5)), dim=-1)
    logits = head(fused(), text(), (own, some))["noun"]
    expected = 30 * own @ functional.normalize(text()["noun"].vectors, dim=-1).T
    torch.testing.assert_close(logits[some], expected[some], rtol=1e-5, atol=1e-4)
    assert torch.equal(logits[~some], head(fused(), text())["noun"][~some])


def test_under_autocast_logits_are_single_precision() -> None:
    for head in (linear(), by_text(), by_text("shift")):
        with torch.autocast("cpu", torch.bfloat16):
            logits = head(fused(), text())["noun"]
        assert logits.dtype == torch.float32
        torch.testing.assert_close(logits, head(fused(), text())["noun"], rtol=0, atol=0.5)


def test_text_of_another_width_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"class text is 6 wide, expected 8"):
        by_text()(fused(), text(dim=6))

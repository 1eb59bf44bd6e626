"""The linear probe against a loop over clips and classes, and what it says of classes it was not trained with."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from egoshift.classifier import ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.methods import ZeroShot
from egoshift.methods.linear_probe import PRESETS_LINEAR_PROBE, LinearProbe
from egoshift.records import Label

DIM, BATCH = 16, 5
NOUNS = ("cup", "knife", "pan", "tap")
CLASSES: dict[Label, tuple[str, ...]] = {"verb": ("cut", "put"), "noun": NOUNS}
BOTH = pytest.mark.parametrize("init", ["text", "zeros"])


def batch() -> StreamBatch:
    return StreamBatch({"full": torch.randn(BATCH, 3, DIM, generator=torch.Generator().manual_seed(1))})


def text(names: tuple[str, ...] = NOUNS) -> dict[Label, ClassText]:
    """One vector per name, the same in every vocabulary."""
    vectors = [torch.randn(DIM, generator=torch.Generator().manual_seed(sum(name.encode()))) for name in names]
    return {"noun": ClassText(torch.stack(vectors), names)}


def trained(**options: object) -> LinearProbe:
    """A probe with every parameter away from zero."""
    model = LinearProbe(**({"text_dim": DIM, "classes": CLASSES} | options))  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


@BOTH
@pytest.mark.parametrize("bias", [False, True])
def test_logits_equal_a_loop_over_clips_and_classes(init: str, bias: bool) -> None:
    model = trained(init=init, bias=bias, logit_scale=30.0)
    expected = torch.empty(BATCH, len(NOUNS), dtype=torch.double)
    for b, clip in enumerate(batch().streams["full"].double()):
        mean = torch.stack([frame / frame.norm() for frame in clip]).mean(0)
        for c, words in enumerate(text()["noun"].vectors.double()):
            weight = model.weights["noun"][c].detach().double()
            if init == "text":
                weight = weight + words / words.norm()
            offset = model.biases["noun"][c].item() if bias else 0.0
            expected[b, c] = 30.0 * (torch.dot(weight, mean / mean.norm()) + offset)
    torch.testing.assert_close(model(batch(), text())["noun"].double(), expected, rtol=1e-5, atol=1e-4)


def test_from_the_text_it_starts_as_zero_shot_to_the_bit() -> None:
    names = (*NOUNS, "bowl")
    model = LinearProbe(text_dim=DIM, classes=CLASSES, bias=True)
    assert torch.equal(model(batch(), text(names))["noun"], ZeroShot()(batch(), text(names))["noun"])


def test_from_zeros_it_starts_undecided() -> None:
    assert torch.equal(
        LinearProbe(text_dim=DIM, classes=CLASSES, init="zeros")(batch(), text())["noun"], torch.zeros(BATCH, 4)
    )


@BOTH
def test_classes_are_matched_by_name(init: str) -> None:
    model = trained(init=init, bias=True)
    other = model(batch(), text(("tap", "bowl", "cup")))["noun"]
    torch.testing.assert_close(other[:, [0, 2]], model(batch(), text())["noun"][:, [3, 0]], rtol=0, atol=1e-3)


def test_from_the_text_a_class_not_trained_with_stays_zero_shot() -> None:
    names = ("tap", "bowl")
    logits, zero_shot = trained(bias=True)(batch(), text(names))["noun"], ZeroShot()(batch(), text(names))["noun"]
    assert torch.equal(logits[:, 1], zero_shot[:, 1])
    assert not torch.allclose(logits[:, 0], zero_shot[:, 0], atol=1.0)


def test_from_zeros_classes_not_trained_with_come_after_all_others_in_their_zero_shot_order() -> None:
    names = ("bowl", *NOUNS, "fork", "plate")
    logits = trained(init="zeros", bias=True)(batch(), text(names))["noun"]
    novel, known = logits[:, [0, 5, 6]], logits[:, 1:5]
    assert bool(logits.isfinite().all())
    assert bool((novel.amax(1) <= known.amin(1) - 1).all())
    zero_shot = ZeroShot()(batch(), text(names))["noun"][:, [0, 5, 6]]
    assert torch.equal(novel.argsort(1), zero_shot.argsort(1))
    assert len(novel.argmax(1).unique()) > 1


def test_from_zeros_the_logit_of_a_novel_class_is_what_is_written_of_it() -> None:
    model = trained(init="zeros", bias=True, logit_scale=30.0)
    cosine = ZeroShot(logit_scale=1.0)(batch(), text(("bowl", "cup")))["noun"][:, 0]
    least = model(batch(), text())["noun"].min(1).values
    novel = model(batch(), text(("bowl", "cup")))["noun"][:, 0]
    torch.testing.assert_close(novel, least - 1 - 30.0 * (1 - cosine), rtol=0, atol=1e-3)


def test_from_zeros_a_novel_class_has_the_same_logit_in_every_vocabulary() -> None:
    model = trained(init="zeros", bias=True)
    together = model(batch(), text(("bowl", *NOUNS)))["noun"][:, :1]
    torch.testing.assert_close(model(batch(), text(("bowl",)))["noun"], together, rtol=0, atol=1e-3)


def test_from_zeros_novel_classes_train_nothing() -> None:
    model = trained(init="zeros", bias=True)
    model(batch(), text(("bowl", "cup", "fork")))["noun"][:, [0, 2]].sum().backward()
    assert not any(bool(gradient.any()) for gradient in (p.grad for p in model.parameters()) if gradient is not None)


@BOTH
def test_it_learns_to_tell_clusters_apart(init: str) -> None:
    generator = torch.Generator().manual_seed(3)
    targets = torch.arange(40) % len(NOUNS)
    centres = torch.randn(len(NOUNS), 1, DIM, generator=generator)
    clips = StreamBatch({"full": centres[targets] + 0.3 * torch.randn(40, 2, DIM, generator=generator)})
    model = LinearProbe(text_dim=DIM, classes={"noun": NOUNS}, init=init, bias=True)
    before = (model(clips, text())["noun"].argmax(1) == targets).float().mean()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(50):
        optimiser.zero_grad()
        functional.cross_entropy(model(clips, text())["noun"], targets).backward()
        optimiser.step()
    assert before < 0.8
    assert bool((model(clips, text())["noun"].argmax(1) == targets).all())


def test_a_checkpoint_holds_one_weight_vector_per_class() -> None:
    shapes = {name: tuple(value.shape) for name, value in trained(bias=True).state_dict().items()}
    assert shapes == {"weights.verb": (2, DIM), "weights.noun": (4, DIM), "biases.verb": (2,), "biases.noun": (4,)}
    assert set(trained().state_dict()) == {"weights.verb", "weights.noun"}


def test_the_defaults_are_the_text_preset() -> None:
    assert LinearProbe().settings == {**PRESETS_LINEAR_PROBE["text"], "text_dim": 512, "classes": None}
    standard = LinearProbe(**PRESETS_LINEAR_PROBE["standard"])  # type: ignore[arg-type]
    assert (standard.init, standard.bias) == ("zeros", True)


def test_the_least_that_options_may_be() -> None:
    model = LinearProbe(text_dim=1, classes=CLASSES, logit_scale=0.5)
    assert (model.settings["text_dim"], model.settings["logit_scale"]) == (1, 0.5)


def test_a_stream_of_another_width_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"stream 'full' is 16 wide, the method was made for 8"):
        LinearProbe(text_dim=8, classes=CLASSES)(batch(), text())


@BOTH
def test_without_the_classes_to_train_for_it_says_how_to_give_them(init: str) -> None:
    with pytest.raises(
        ConfigError, match=r"made for no classes, asked for noun ones; give .* classes=\{'noun': \[\.\.\.\]"
    ):
        LinearProbe(text_dim=DIM, init=init)(batch(), text())
    with pytest.raises(ConfigError, match=r"made for verb classes, asked for noun ones"):
        LinearProbe(text_dim=DIM, init=init, classes={"verb": ["cut"]})(batch(), text())


def test_classes_without_names_are_refused() -> None:
    nameless: dict[Label, ClassText] = {"noun": ClassText(torch.randn(4, DIM))}
    with pytest.raises(ConfigError, match=r"the noun classes have vectors but no names"):
        trained()(batch(), nameless)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"classes": {"noun": ["cup", "tap", "cup"]}}, r"noun classes: 'cup' given more than once"),
        ({"classes": {"noun": []}}, r"noun classes: got \[\]; give a list of at least one name"),
        ({"init": "random"}, r"init is 'random'; give one of 'text', 'zeros'"),
        ({"pooling": "max"}, r"pooling is 'max'; give one of"),
        ({"logit_scale": 0.0}, r"logit_scale 0.0; give a width and a scale above zero"),
        ({"text_dim": 0}, r"text_dim is 0"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, object], found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        LinearProbe(**options)  # type: ignore[arg-type]


def test_text_of_another_width_is_refused() -> None:
    wide: dict[Label, ClassText] = {"noun": ClassText(torch.randn(4, 8), NOUNS)}
    with pytest.raises(ConfigError, match=r"class text is 8 wide, expected 16"):
        trained()(batch(), wide)


def test_under_autocast_the_logits_stay_as_they_are() -> None:
    expected: Tensor = trained(bias=True)(batch(), text())["noun"]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(trained(bias=True)(batch(), text())["noun"], expected)

"""CoOp's, CoCoOp's and A5's own options; their forward passes are compared with slow twins in tests/parity."""

from pathlib import Path

import pytest
import torch
from torch import nn

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.methods import METHODS, PRESETS, CoCoOp, CoOp, EfficientPrompt
from egoshift.methods.coop import STD
from egoshift.records import Label
from tests.fixtures.checkpoints import write_clip

DIM, CONTEXT = 64, 77
NOUNS = ("cup", "knife", "pan", "tap", "bowl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("checkpoint") / "clip", dim=DIM)


def make(method: str, folder: Path, **options: object) -> AbstractClassifier:
    torch.manual_seed(0)
    return METHODS[method](text_encoder=str(folder), **options)


def nouns() -> dict[Label, ClassText]:
    """Prompts read the names; what their vectors are does not matter."""
    return {"noun": ClassText(torch.randn(len(NOUNS), DIM), NOUNS)}


def clips(size: int = 3, dim: int = DIM) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {name: torch.randn(size, 4, dim, generator=generator) for name in ("full", "hand")}


@pytest.mark.parametrize(("method", "preset"), [("coop", "xmic"), ("cocoop", "xmic"), ("efficient_prompt", "official")])
def test_the_defaults_are_a_preset(method: str, preset: str, folder: Path) -> None:
    settings = make(method, folder).settings
    assert {name: settings[name] for name in PRESETS[method][preset]} == {**PRESETS[method][preset], **PHRASED[method]}


# Its number of tokens is that of its phrase's, which the tiny tokenizer cuts into more.
PHRASED: dict[str, dict[str, object]] = {"coop": {}, "cocoop": {"num_tokens": 9}, "efficient_prompt": {}}


@pytest.mark.parametrize("method", ["coop", "cocoop"])
def test_context_is_drawn_as_the_official_code_does(method: str, folder: Path) -> None:
    context = make(method, folder, phrase="", num_tokens=60).context
    assert isinstance(context, nn.Parameter)
    assert STD == 0.02
    assert context.std().item() == pytest.approx(0.02, rel=0.1)
    assert len(context) == 60


def test_what_no_preset_says_is_by_default_as_published(folder: Path) -> None:
    assert make("efficient_prompt", folder).settings["num_frames"] == 16
    assert make("cocoop", folder, phrase="").settings["num_tokens"] == 4


def test_places_in_the_prompt_and_in_time_are_drawn_as_the_official_code_does(folder: Path) -> None:
    model = make("efficient_prompt", folder)
    assert isinstance(model, EfficientPrompt)
    assert model.places.std().item() == pytest.approx(0.01, rel=0.1)
    assert model.position.std().item() == pytest.approx(0.01, rel=0.1)


def test_the_blocks_over_time_are_four_times_wider_inside(folder: Path) -> None:
    shapes = {tuple(weight.shape) for weight in make("efficient_prompt", folder).parameters()}
    assert {(4 * DIM, DIM), (DIM, 4 * DIM)} <= shapes


def test_a_context_of_each_class_starts_from_the_phrase_or_each_from_a_random_one(folder: Path) -> None:
    classes = {"noun": list(NOUNS)}
    contexts = []
    for phrase in ("a photo of a", ""):
        model = make("coop", folder, class_specific=True, classes=classes, phrase=phrase, num_tokens=60)
        assert isinstance(model, CoOp)
        assert isinstance(model.context, nn.ParameterDict)
        contexts.append(model.context["noun"])
        start = model.tower.initial_context(phrase, 60, STD)
        assert contexts[-1].shape == (len(NOUNS), *start.shape)
        assert all(torch.equal(own, start) for own in contexts[-1]) == bool(phrase)
    _, random = contexts
    assert random.std().item() == pytest.approx(0.02, rel=0.1)
    assert not torch.allclose(random[0], random[1], atol=0.01)


def test_classes_are_kept_for_class_specific_context_alone(folder: Path) -> None:
    classes = {"noun": list(NOUNS)}
    assert make("coop", folder, classes=classes).settings["classes"] is None
    assert make("coop", folder, classes=classes, class_specific=True).settings["classes"] == classes


@pytest.mark.parametrize("method", ["coop", "cocoop"])
def test_a_full_stop_follows_where_it_is_asked_for(method: str, folder: Path) -> None:
    batch = StreamBatch(clips())
    with_stop, without = (make(method, folder, full_stop=stop).eval()(batch, nouns())["noun"] for stop in (True, False))
    assert torch.equal(without, make(method, folder).eval()(batch, nouns())["noun"])
    assert not torch.allclose(with_stop, without, atol=1e-3)


@pytest.mark.parametrize("method", PHRASED)
def test_a_stream_of_another_width_is_refused(method: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"stream 'full' is 32 wide, the method was made for 64"):
        make(method, folder)(StreamBatch(clips(dim=32)), nouns())


def test_a_name_too_long_for_the_prompt_is_refused(folder: Path) -> None:
    long: dict[Label, ClassText] = {"noun": ClassText(torch.randn(1, DIM), ("cup " * CONTEXT,))}
    with pytest.raises(ConfigError, match="cup cup"):
        make("efficient_prompt", folder)(StreamBatch(clips()), long)


def test_a_clip_without_one_stream_is_told_by_the_other(folder: Path) -> None:
    model = make("efficient_prompt", folder, streams=["full", "hand"]).eval()
    alone = make("efficient_prompt", folder, streams=["full"]).eval()
    without = StreamBatch(clips(), {"hand": torch.tensor([True, False, True])})
    expected = alone(StreamBatch(clips()), nouns())["noun"][1]
    torch.testing.assert_close(model(without, nouns())["noun"][1], expected)


@pytest.mark.parametrize(("most", "drawn"), [(1, 2), (2, 2), (3, 3), (4, 4), (5, 5), (6, 5)])
def test_a_training_step_draws_the_classes_of_the_batch_and_others_up_to_the_most(
    most: int, drawn: int, folder: Path
) -> None:
    model = make("efficient_prompt", folder, max_classes=most).train()
    logits = model(StreamBatch(clips(), {}, {"noun": torch.tensor([3, 1, -1])}), nouns())["noun"]
    finite = logits.isfinite().all(0)
    assert int(finite.sum()) == drawn
    assert bool(finite[[1, 3]].all())
    assert torch.equal(logits.isfinite(), finite.expand(3, -1))
    unlabelled = model(StreamBatch(clips()), nouns())["noun"]
    assert bool(unlabelled.isfinite().all())
    assert bool(
        model.eval()(StreamBatch(clips(), {}, {"noun": torch.tensor([3, 1, -1])}), nouns())["noun"].isfinite().all()
    )


def test_the_meta_net_is_sixteen_times_narrower_inside(folder: Path, tmp_path: Path) -> None:
    for place, dim, inner in ((folder, DIM, 4), (write_clip(tmp_path / "clip", dim=8), 8, 1)):
        model = make("cocoop", place)
        assert isinstance(model, CoCoOp)
        shapes = {name: tuple(weight.shape) for name, weight in model.meta_net.named_parameters()}
        width = model.tower.width
        assert shapes == {"0.weight": (inner, dim), "0.bias": (inner,), "2.weight": (width, inner), "2.bias": (width,)}


ALLOWED: dict[str, tuple[dict[str, object], ...]] = {
    "coop": ({"num_tokens": 1}, {"chunk_tokens": 1}, {"logit_scale": 0.5}),
    "cocoop": ({"num_tokens": 1, "phrase": ""}, {"chunk_tokens": 1}, {"logit_scale": 0.5}),
    "efficient_prompt": (
        {"prefix": 0},
        {"postfix": 0},
        {"prefix": 1, "postfix": 0},
        {"prefix": CONTEXT - 3, "postfix": 0},
        {"num_temporal_layers": 0},
        {"num_heads": 1},
        {"mlp_ratio": 1 / DIM},
        {"num_frames": 1},
        {"max_classes": 1},
        {"chunk_tokens": 1},
        {"temperature": 1e-3},
    ),
}
REFUSED: dict[str, tuple[dict[str, object], ...]] = {
    "coop": ({"num_tokens": 0}, {"chunk_tokens": 0}, {"logit_scale": 0.0}, {"class_specific": True}),
    "cocoop": ({"num_tokens": 0}, {"chunk_tokens": 0}, {"logit_scale": 0.0}),
    "efficient_prompt": (
        {"prefix": -1},
        {"postfix": -1},
        {"prefix": 0, "postfix": 0},
        {"prefix": CONTEXT - 3, "postfix": 1},
        {"num_temporal_layers": -1},
        {"num_heads": 0},
        {"num_heads": 5},
        {"mlp_ratio": 0.9 / DIM},
        {"num_frames": 0},
        {"max_classes": 0},
        {"chunk_tokens": 0},
        {"temperature": 0.0},
    ),
}


@pytest.mark.parametrize(("method", "options"), [(name, options) for name, all_ in ALLOWED.items() for options in all_])
def test_the_least_and_the_most_that_options_may_be(method: str, options: dict[str, object], folder: Path) -> None:
    settings = make(method, folder, **options).settings
    assert {name: settings[name] for name in options} == options


@pytest.mark.parametrize(("method", "options"), [(name, options) for name, all_ in REFUSED.items() for options in all_])
def test_options_that_mean_nothing_are_refused(method: str, options: dict[str, object], folder: Path) -> None:
    with pytest.raises(ConfigError, match="give"):
        make(method, folder, **options)

"""Every method with every option through the same checks."""

import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.encoders import load_image_encoder
from egoshift.losses import label_cross_entropy
from egoshift.methods import METHODS, PRESETS
from egoshift.methods.dual import AbstractDualClassifier
from egoshift.records import Label
from tests.fixtures.checkpoints import write_clip

BATCH, FRAMES, DIM, WIDE, VERBS, NOUNS = 4, 5, 64, 96, 3, 7
PIXELS = 3 * 32**2
CLIP = "a tiny CLIP"
"""Stands in options for the checkpoint of the ``checkpoint`` fixture."""
NAMES: Mapping[Label, tuple[str, ...]] = {
    "verb": ("cut", "wash the", "put"),
    "noun": ("cup", "the cup", "cut", "wash", "a", "was the", "water"),
}
GIVEN: Mapping[str, Mapping[str, object]] = {
    "zero_shot": {},
    "xmic": {"text_dim": DIM, "num_frames": FRAMES},
    "coop": {"text_encoder": CLIP},
    "cocoop": {"text_encoder": CLIP},
    "efficient_prompt": {"text_encoder": CLIP, "num_frames": FRAMES},
    "clip_adapter": {"text_dim": DIM, "num_frames": FRAMES},
    "tip_adapter": {"text_dim": DIM},
    "linear_probe": {"text_dim": DIM, "classes": NAMES},
    "vita_clip": {"encoder": CLIP, "num_frames": FRAMES, "classes": NAMES},
    "clip_lora": {"encoder": CLIP},
}
"""What recipes fill in from features and class text."""

OPTIONS: Mapping[str, list[dict[str, object]]] = {
    "zero_shot": [
        *(dict(preset) for preset in PRESETS["zero_shot"].values()),
        {"streams": ["hand"]},
        {"streams": ["full", "hand"]},
        {"pooling": "mean-of-raw"},
        {"logit_scale": 20.0},
    ],
    "xmic": [
        *(dict(preset) for preset in PRESETS["xmic"].values()),
        {"text_dim": WIDE, "classify_streams": ["wide"], "condition_dim": DIM},
        {"condition_dim": WIDE, "condition_streams": ["wide-hand", "wide"]},
        {"condition_dim": WIDE, "condition_streams": ["wide-hand", "wide"], "head": "linear-if-needed"},
        {"num_frames": 3},
        {"classify_streams": ["full"]},
        {"classify_streams": ["full", "hand"]},
        {"condition_streams": ["full"]},
        {"condition_streams": ["hand"]},
        {"condition_streams": ["hand", "full", "gaze"]},
        {"pooling": "mean-of-unit"},
        {"num_spatial_layers": 0},
        {"num_spatial_layers": 2},
        {"num_temporal_layers": 0},
        {"num_temporal_layers": 1},
        {"num_heads": 8},
        {"mlp_ratio": 4.0},
        {"position": "none"},
        {"head": "linear-if-needed"},
        {"alpha": 0.5},
        {"train_alpha": True},
        {"normalise_condition": False},
        {"normalise_adapter": True},
        {"normalise_text": True},
        {"normalise_adapter": True, "normalise_text": True},
        {"logit_scale": 20.0},
        {"train_logit_scale": False},
    ],
    "coop": [
        *(dict(preset) for preset in PRESETS["coop"].values()),
        {"streams": ["hand", "full"]},
        {"num_tokens": 3},
        {"phrase": "wash the"},
        {"position": "middle"},
        {"position": "front"},
        {"class_specific": True, "classes": NAMES},
        {"logit_scale": 20.0},
        {"chunk_tokens": 1},
    ],
    "cocoop": [
        *(dict(preset) for preset in PRESETS["cocoop"].values()),
        {"streams": ["hand", "full"]},
        {"phrase": "", "num_tokens": 3},
        {"logit_scale": 20.0},
        {"chunk_tokens": 1},
    ],
    "efficient_prompt": [
        *(dict(preset) for preset in PRESETS["efficient_prompt"].values()),
        {"streams": ["hand", "full"]},
        {"num_frames": 3},
        {"prefix": 3, "postfix": 2},
        {"prefix": 0},
        {"postfix": 0},
        {"num_temporal_layers": 0},
        {"num_heads": 4},
        {"mlp_ratio": 0.25},
        {"temperature": 0.01},
        {"max_classes": 5},
        {"chunk_tokens": 1},
    ],
    "clip_adapter": [
        *(dict(preset) for preset in PRESETS["clip_adapter"].values()),
        {"text_dim": WIDE, "streams": ["wide"]},
        {"streams": ["full", "hand"]},
        {"streams": ["full", "hand"], "num_temporal_layers": 1},
        {"pooling": "mean-of-raw"},
        {"ratio": 1.0},
        {"reduction": 2},
        {"adapt_text": True},
        {"normalise_input": False},
        {"num_temporal_layers": 1, "num_frames": 3},
        {"num_temporal_layers": 1, "num_heads": 8},
        {"num_temporal_layers": 1, "mlp_ratio": 0.5},
        {"num_temporal_layers": 1, "position": "none"},
        {"logit_scale": 20.0},
        {"train_logit_scale": True},
    ],
    "tip_adapter": [
        *(dict(preset) for preset in PRESETS["tip_adapter"].values()),
        {"text_dim": WIDE, "streams": ["wide"]},
        {"streams": ["full", "hand"], "train_keys": True},
        {"pooling": "mean-of-raw"},
        {"alpha": 20.0},
        {"beta": 0.5},
        {"shots": 1, "seed": 7},
        {"cache_clips": 9, "classes": {"verb": ["put", "throw"], "action": 5}},
        {"logit_scale": 20.0},
    ],
    "linear_probe": [
        *(dict(preset) for preset in PRESETS["linear_probe"].values()),
        {"text_dim": WIDE, "streams": ["wide"]},
        {"streams": ["full", "hand"]},
        {"pooling": "mean-of-raw"},
        {"classes": {"verb": NAMES["verb"], "noun": ["water", "bowl", "cup", "wash"]}},
        {"classes": {"verb": NAMES["verb"], "noun": ["water", "bowl", "cup", "wash"]}, "init": "zeros"},
        {"init": "zeros", "bias": False},
        {"bias": True},
        {"logit_scale": 20.0},
    ],
    "vita_clip": [
        *(dict(preset) for preset in PRESETS["vita_clip"].values()),
        {"streams": ["pixels-hand", "pixels"]},
        {"num_frames": 3},
        {"num_text_tokens": 2},
        {"class_specific": True, "classes": {"verb": NAMES["verb"], "noun": ("cup", "wash", "water", "bowl")}},
        {"full_stop": False},
        {"num_global": 0},
        {"use_local": False},
        {"use_summary": False},
        {"num_global": 0, "use_local": False, "use_summary": False},
        {"train_cls_proj": True},
        {"logit_scale": 100.0},
        {"train_logit_scale": False},
        {"chunk_tokens": 1},
    ],
    "clip_lora": [
        *(dict(preset) for preset in PRESETS["clip_lora"].values()),
        {"streams": ["pixels-hand", "pixels"]},
        {"pooling": "mean-of-raw"},
        {"rank": 4},
        {"alpha": 2.0},
        {"dropout": 0.0},
        {"targets": ["q", "o"]},
        {"towers": ["image"]},
        {"towers": ["text"]},
        {"logit_scale": 20.0},
        {"chunk_tokens": 1},
    ],
}
CASES = [
    pytest.param(method, options, id=f"{method}-{json.dumps(options)[:60]}")
    for method, several in OPTIONS.items()
    for options in several
]
every_case = pytest.mark.parametrize(("method", "options"), CASES)


@pytest.fixture(scope="module", autouse=True)
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tiny CLIP whose vectors are as wide as the features."""
    folder = write_clip(tmp_path_factory.mktemp("checkpoint") / "clip", dim=DIM)
    names[CLIP] = str(folder)
    yield folder
    names.clear()


names: dict[object, str] = {}


def make(method: str, options: Mapping[str, object], seed: int = 0) -> AbstractClassifier:
    """A method in evaluation mode that has seen the training clips."""
    torch.manual_seed(seed)
    given = {**GIVEN[method], **options}
    model = METHODS[method](**{name: names[CLIP] if value == CLIP else value for name, value in given.items()})
    model.observe([make_batch()], make_text(model))
    return model.eval()


def make_batch(frames: int = FRAMES, present: Mapping[str, Tensor] | None = None, size: int = BATCH) -> StreamBatch:
    generator = torch.Generator().manual_seed(1)
    widths = {"full": DIM, "hand": DIM, "gaze": DIM, "wide": WIDE, "wide-hand": WIDE}
    widths |= {"pixels": PIXELS, "pixels-hand": PIXELS}
    streams = {name: torch.randn(size, frames, width, generator=generator) for name, width in widths.items()}
    for name in ("pixels", "pixels-hand"):
        streams[name] = (streams[name] * 60 + 128).round().clamp(0, 255)
    targets: dict[Label, Tensor] = {"verb": torch.tensor([0, 1, 2, -1]), "noun": torch.tensor([6, -1, 0, 3])}
    return StreamBatch(streams, present or {}, targets)


def classified(model: AbstractClassifier) -> list[str]:
    return cast(list[str], model.settings.get("classify_streams", model.settings.get("streams")))


def make_text(model: AbstractClassifier) -> dict[Label, ClassText]:
    generator = torch.Generator().manual_seed(2)
    width = make_batch().streams[classified(model)[0]].shape[-1]
    width = DIM if width == PIXELS else width
    return {
        "verb": ClassText(torch.randn(VERBS, width, generator=generator), NAMES["verb"]),
        "noun": ClassText(torch.randn(NOUNS, width, generator=generator), NAMES["noun"]),
    }


def assert_equal_logits(actual: Mapping[Label, Tensor], expected: Mapping[Label, Tensor]) -> None:
    # Scaled by up to 100, so 1e-3 is 1e-5 of a cosine; sums may run in another order.
    assert list(actual) == list(expected)
    for label in expected:
        torch.testing.assert_close(actual[label], expected[label], rtol=0, atol=1e-3)


def trained_losses(method: str, options: Mapping[str, object]) -> list[float]:
    model, losses = make(method, options, seed=3).train(), []
    torch.manual_seed(5)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2) if list(model.parameters()) else None
    batch = make_batch()
    for _ in range(3):
        loss = label_cross_entropy(model(batch, make_text(model)), batch.targets)
        losses.append(loss.item())
        if optimiser is not None:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return losses


def test_every_option_of_every_method_is_varied() -> None:
    assert set(OPTIONS) == set(METHODS)
    for method, several in OPTIONS.items():
        defaults = {name: p.default for name, p in inspect.signature(METHODS[method]).parameters.items()}
        varied = {
            name for options in (GIVEN[method], *several) for name, value in options.items() if value != defaults[name]
        }
        assert varied == set(defaults)
    assert len(CASES) == 125


@pytest.mark.parametrize("method", METHODS)
def test_presets_name_every_option_but_what_follows_from_the_data(method: str) -> None:
    follows = {"text_dim", "condition_dim", "num_frames", "text_encoder", "encoder", "classes", "cache_clips", "seed"}
    options = set(inspect.signature(METHODS[method]).parameters) - follows - {"chunk_tokens"}
    assert all(set(preset) == options for preset in PRESETS[method].values())


@pytest.mark.parametrize("method", METHODS)
def test_the_frozen_weights_that_a_checkpoint_needs_are_named_with_their_hash(method: str, checkpoint: Path) -> None:
    needs = CLIP in GIVEN[method].values()
    expected = {str(checkpoint): load_image_encoder(str(checkpoint)).card.sha256} if needs else {}
    assert make(method, {}).frozen_weights == expected


@every_case
def test_logits_are_finite_single_precision_of_batch_by_classes(method: str, options: dict[str, object]) -> None:
    model = make(method, options)
    logits = model(make_batch(), make_text(model))
    assert {label: tuple(scores.shape) for label, scores in logits.items()} == {
        "verb": (BATCH, VERBS),
        "noun": (BATCH, NOUNS),
    }
    assert all(scores.dtype == torch.float32 and bool(scores.isfinite().all()) for scores in logits.values())


@every_case
def test_scoring_many_batches_of_the_same_classes_gives_the_logits_of_each(
    method: str, options: dict[str, object]
) -> None:
    model = make(method, options)
    with torch.no_grad():
        score = model.scorer(make_text(model))
        for size in (BATCH, 2):
            whole = make_batch()
            batch = StreamBatch({name: stream[:size] for name, stream in whole.streams.items()})
            expected, found = model(batch, make_text(model)), score(batch)
            assert all(torch.equal(found[label], expected[label]) for label in ("verb", "noun"))


@pytest.mark.parametrize("method", ["coop", "efficient_prompt", "vita_clip", "clip_lora"])
def test_scoring_many_batches_reads_the_class_names_once(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = make(method, {}), list[Label]()
    assert isinstance(model, AbstractDualClassifier)
    read = model.text_vectors

    def counted(label: Label, words: ClassText) -> Tensor:
        calls.append(label)
        return read(label, words)

    monkeypatch.setattr(model, "text_vectors", counted)
    with torch.no_grad():
        score = model.scorer(make_text(model))
        for _ in range(3):
            score(make_batch())
    assert calls == ["verb", "noun"]


@every_case
def test_every_trained_parameter_gets_a_gradient(method: str, options: dict[str, object]) -> None:
    model, batch = make(method, options).train(), make_batch()
    loss = label_cross_entropy(model(batch, make_text(model)), batch.targets)
    assert loss.requires_grad == bool(list(model.parameters()))
    if loss.requires_grad:
        # A step first: of a product that starts at zero (LoRA), one side gets its first gradient in the second step.
        loss.backward()
        torch.optim.SGD(model.parameters(), lr=1e-3).step()
        model.zero_grad()
        label_cross_entropy(model(batch, make_text(model)), batch.targets).backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad, f"{name} is a frozen parameter: checkpoints hold what is trained"
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert bool((parameter.grad != 0).any()), name


@every_case
def test_inputs_are_left_as_they_were(method: str, options: dict[str, object]) -> None:
    model, batch = make(method, options), make_batch()
    text = make_text(model)
    label_cross_entropy(model(batch, text), batch.targets)
    before = make_batch()
    assert all(torch.equal(batch.streams[name], stream) for name, stream in before.streams.items())
    assert all(torch.equal(batch.targets[label], target) for label, target in before.targets.items())
    assert all(torch.equal(text[label].vectors, words.vectors) for label, words in make_text(model).items())
    assert not any(stream.requires_grad for stream in batch.streams.values())


@every_case
def test_a_twin_from_the_settings_and_the_saved_weights_gives_the_same(
    method: str, options: dict[str, object], tmp_path: Path
) -> None:
    model = make(method, options, seed=4)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    twin = METHODS[method](**json.loads(json.dumps(model.settings))).eval()
    twin.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert twin.settings == model.settings
    expected, actual = model(make_batch(), make_text(model)), twin(make_batch(), make_text(model))
    assert all(torch.equal(actual[label], expected[label]) for label in expected)


@every_case
def test_the_same_seed_gives_the_same_losses(method: str, options: dict[str, object]) -> None:
    losses = trained_losses(method, options)
    assert losses == trained_losses(method, options)
    assert (losses[2] < losses[0]) == bool(list(make(method, options).parameters()))


@every_case
def test_another_vocabulary_permutes_and_selects_columns(method: str, options: dict[str, object]) -> None:
    model = make(method, options)
    text = make_text(model)
    order = torch.tensor([5, 0, 3])
    chosen = tuple(NAMES["noun"][row] for row in order)
    other: dict[Label, ClassText] = {"noun": ClassText(text["noun"].vectors[order], chosen)}
    assert_equal_logits(model(make_batch(), other), {"noun": model(make_batch(), text)["noun"][:, order]})


@every_case
def test_any_number_of_frames_is_accepted(method: str, options: dict[str, object]) -> None:
    model = make(method, options)
    for frames in (1, 2, 9):
        logits = model(make_batch(frames), make_text(model))
        assert all(bool(scores.isfinite().all()) for scores in logits.values())


@every_case
def test_each_clip_is_scored_on_its_own(method: str, options: dict[str, object]) -> None:
    model, batch = make(method, options), make_batch()
    together = model(batch, make_text(model))
    alone = [
        model(StreamBatch({name: stream[i : i + 1] for name, stream in batch.streams.items()}), make_text(model))
        for i in range(BATCH)
    ]
    assert_equal_logits({label: torch.cat([one[label] for one in alone]) for label in together}, together)


@every_case
def test_what_an_absent_stream_holds_has_no_influence(method: str, options: dict[str, object]) -> None:
    model, batch = make(method, options), make_batch()
    everyone, some = torch.ones(BATCH, dtype=torch.bool), torch.tensor([True, False, False, True])
    always = classified(model)[0]
    present = {name: everyone if name == always else some for name in batch.streams}
    garbage = {
        name: stream.masked_fill(~present[name].view(-1, 1, 1), torch.nan) for name, stream in batch.streams.items()
    }
    expected = model(make_batch(present=present), make_text(model))
    actual = model(StreamBatch(garbage, present, batch.targets), make_text(model))
    assert all(torch.equal(actual[label], expected[label]) for label in expected)
    complete = model(batch, make_text(model))
    assert_equal_logits(
        {label: scores[some] for label, scores in actual.items()},
        {label: scores[some] for label, scores in complete.items()},
    )
    loss = label_cross_entropy(actual, batch.targets)
    if loss.requires_grad:
        loss.backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


@every_case
def test_streams_that_are_stated_to_be_present_everywhere_change_nothing(
    method: str, options: dict[str, object]
) -> None:
    model, everyone = make(method, options), torch.ones(BATCH, dtype=torch.bool)
    stated = make_batch(present=dict.fromkeys(make_batch().streams, everyone))
    assert_equal_logits(model(stated, make_text(model)), model(make_batch(), make_text(model)))


@every_case
def test_the_order_of_streams_does_not_matter(method: str, options: dict[str, object]) -> None:
    model = make(method, options)
    lists = {name: value[::-1] for name, value in model.settings.items() if isinstance(value, list)}
    twin = METHODS[method](**{**model.settings, **lists}).eval()
    twin.load_state_dict(model.state_dict())
    assert_equal_logits(twin(make_batch(), make_text(model)), model(make_batch(), make_text(model)))


@every_case
def test_half_precision_features_and_autocast_give_single_precision(method: str, options: dict[str, object]) -> None:
    model, batch = make(method, options), make_batch()
    halves = StreamBatch({name: stream.half() for name, stream in batch.streams.items()})
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(halves, make_text(model))
    for label, expected in model(batch, make_text(model)).items():
        assert logits[label].dtype == torch.float32
        torch.testing.assert_close(logits[label], expected, rtol=0, atol=2.0)


@every_case
def test_only_the_required_streams_are_read(method: str, options: dict[str, object]) -> None:
    model, batch = make(method, options), make_batch()
    required = StreamBatch({name: batch.streams[name] for name in model.required_streams})
    expected = model(batch, make_text(model))
    assert all(torch.equal(scores, expected[label]) for label, scores in model(required, make_text(model)).items())

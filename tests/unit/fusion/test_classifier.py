"""``Fusion`` with every option through the checks that every method passes, and those of missing modalities."""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from egoshift.classifier import ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.evaluation import predict
from egoshift.features import TensorFeatures
from egoshift.fusion import Fusion
from egoshift.losses import alignment_loss, label_cross_entropy, modality_subsets
from egoshift.records import Label
from egoshift.training import FitSettings, fit

DIMS = {"video": 16, "audio": 12, "imu": 8}
FRAMES = {"video": 4, "audio": 6, "imu": 3}
SENSORS = tuple(sorted(DIMS))
SIZE, TEXT_DIM = 6, 16
NAMES: dict[Label, tuple[str, ...]] = {"verb": ("cut", "wash", "put"), "noun": ("cup", "pan", "tap", "lid", "pot")}
BASE: dict[str, Any] = {
    "modalities": DIMS,
    "width": 32,
    "num_frames": 5,
    "text_dim": TEXT_DIM,
    "classes": NAMES,
}
TEXT = {"head": "text", "logit_scale": 20.0}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"modality_dropout": 0.0},
    {"num_layers": 1},
    {"num_heads": 8},
    {"mlp_ratio": 0.5},
    {"input_norm": "unit"},
    {"input_norm": "none"},
    {"tokens": "mean"},
    {"position": "none"},
    {"pooling": "mean"},
    {"missing": "token"},
    {"missing": "token", "pooling": "mean", "tokens": "mean"},
    {"fusion": "mlp"},
    {"fusion": "mlp", "missing": "token"},
    {"fusion": "mlp", "missing": "mean"},
    {"projection_dim": 10},
    {"temperature": 0.2},
    {"train_temperature": True},
    {"classes": {"verb": NAMES["verb"], "noun": ("tap", "bowl", "cup")}},
    TEXT,
    {**TEXT, "classes": None},
    {**TEXT, "text_rule": "shift", "alpha": 0.5},
    {**TEXT, "text_rule": "shift", "classify_streams": ["video"]},
    {**TEXT, "train_logit_scale": True},
]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=lambda options: json.dumps(options)[:60])
SOME = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]], dtype=torch.bool)


def make(options: Mapping[str, Any], seed: int = 0) -> Fusion:
    torch.manual_seed(seed)
    return Fusion(**{**BASE, **options}).eval()


def presence(pattern: Tensor = SOME) -> dict[str, Tensor]:
    return {name: pattern[:, number] for number, name in enumerate(SENSORS)}


def make_batch(present: Mapping[str, Tensor] | None = None, frames: Mapping[str, int] = FRAMES) -> StreamBatch:
    generator = torch.Generator().manual_seed(1)
    streams = {name: torch.randn(SIZE, frames[name], dim, generator=generator) for name, dim in DIMS.items()}
    targets: dict[Label, Tensor] = {
        "verb": torch.tensor([0, 1, 2, -1, 0, 1]),
        "noun": torch.tensor([4, -1, 0, 3, 2, 1]),
    }
    return StreamBatch(streams, present or {}, targets)


def make_text() -> dict[Label, ClassText]:
    generator = torch.Generator().manual_seed(2)
    return {
        label: ClassText(torch.randn(len(names), TEXT_DIM, generator=generator), names)
        for label, names in NAMES.items()
    }


def assert_equal_logits(actual: Mapping[Label, Tensor], expected: Mapping[Label, Tensor]) -> None:
    assert list(actual) == list(expected)
    for label in expected:
        torch.testing.assert_close(actual[label], expected[label], rtol=1e-4, atol=1e-4)


def rows(batch: StreamBatch, chosen: Tensor) -> StreamBatch:
    return StreamBatch(
        {name: stream[chosen] for name, stream in batch.streams.items()},
        {name: here[chosen] for name, here in batch.present.items()},
    )


def test_every_option_is_varied() -> None:
    defaults = {name: p.default for name, p in inspect.signature(Fusion).parameters.items()}
    varied = {name for options in (BASE, *OPTIONS) for name, value in options.items() if value != defaults[name]}
    assert varied | {"encoders"} == set(defaults)  # see test_encoders_of_signals.py


@every_option
def test_logits_are_finite_single_precision_of_batch_by_classes(options: dict[str, Any]) -> None:
    logits = make(options)(make_batch(presence()), make_text())
    assert {label: tuple(scores.shape) for label, scores in logits.items()} == {"verb": (SIZE, 3), "noun": (SIZE, 5)}
    assert all(scores.dtype == torch.float32 and bool(scores.isfinite().all()) for scores in logits.values())


@every_option
def test_gradients_reach_every_parameter(options: dict[str, Any]) -> None:
    model, batch = make({**options, "modality_dropout": 0.0}).train(), make_batch(presence())
    loss = label_cross_entropy(model(batch, make_text()), batch.targets)
    projected = {name: model.project(vectors) for name, vectors in model.unimodal(batch).items()}
    here = {name: model.presence(batch, [name]) for name in SENSORS}
    (loss + alignment_loss(projected, present=here, temperature=model.temperature).loss).backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert bool((parameter.grad != 0).any()), name


@every_option
def test_cross_entropy_alone_reaches_all_but_what_is_the_alignments(options: dict[str, Any]) -> None:
    model, batch = make(options), make_batch(presence())
    label_cross_entropy(model(batch, make_text()), batch.targets).backward()
    unreached = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.grad is None}
    own = {"projection": "projection_dim", "log_temperature": "train_temperature"}
    assert unreached == {name for name, option in own.items() if options.get(option)}


@every_option
def test_what_an_absent_modality_holds_has_no_influence(options: dict[str, Any]) -> None:
    model, batch, present = make(options), make_batch(), presence()
    expected = model(make_batch(present), make_text())
    garbage = {
        name: stream.masked_fill(~present[name].view(-1, 1, 1), torch.nan) for name, stream in batch.streams.items()
    }
    spoilt = StreamBatch(garbage, present, batch.targets)
    actual = model(spoilt, make_text())
    assert all(torch.equal(actual[label], scores) for label, scores in expected.items())
    assert all(torch.equal(v, model.unimodal(spoilt)[name]) for name, v in model.unimodal(make_batch(present)).items())
    label_cross_entropy(actual, batch.targets).backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


@every_option
def test_a_subset_by_mask_equals_the_subset_by_leaving_streams_out(options: dict[str, Any]) -> None:
    model, whole = make(options), make_batch()
    for subset in modality_subsets(SENSORS):
        nobody = torch.zeros(SIZE, dtype=torch.bool)
        masked = make_batch({name: nobody for name in SENSORS if name not in subset})
        left_out = StreamBatch({name: whole.streams[name] for name in subset})
        assert_equal_logits(model(left_out, make_text()), model(masked, make_text()))
        by_name = model.embed(whole, subset)
        torch.testing.assert_close(model.embed(masked), by_name, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.embed(left_out), by_name, rtol=1e-4, atol=1e-5)


@every_option
def test_the_order_of_modalities_does_not_matter(options: dict[str, Any]) -> None:
    model, batch = make(options), make_batch(presence())
    twin = make({**options, "modalities": dict(reversed(DIMS.items()))})
    assert twin.settings == model.settings
    backwards = SENSORS[::-1]
    turned = StreamBatch(
        {name: batch.streams[name] for name in backwards}, {name: batch.present[name] for name in backwards}
    )
    expected = model(batch, make_text())
    assert all(torch.equal(scores, expected[label]) for label, scores in twin(turned, make_text()).items())
    assert torch.equal(model.embed(make_batch(), ("imu", "audio")), model.embed(make_batch(), ("audio", "imu")))


@every_option
def test_each_sample_is_scored_on_its_own(options: dict[str, Any]) -> None:
    model, batch = make(options), make_batch(presence())
    together = model(batch, make_text())
    alone = [model(rows(batch, torch.tensor([row])), make_text()) for row in range(SIZE)]
    assert_equal_logits({label: torch.cat([one[label] for one in alone]) for label in together}, together)


@every_option
def test_a_twin_from_the_settings_and_the_saved_weights_gives_the_same(options: dict[str, Any], tmp_path: Path) -> None:
    model = make(options, seed=4)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    twin = Fusion(**json.loads(json.dumps(model.settings))).eval()
    twin.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert twin.settings == model.settings
    expected = model(make_batch(presence()), make_text())
    actual = twin(make_batch(presence()), make_text())
    assert all(torch.equal(actual[label], scores) for label, scores in expected.items())


@every_option
def test_inputs_are_left_as_they_were(options: dict[str, Any]) -> None:
    model, batch, before = make(options).train(), make_batch(presence(SOME.clone())), make_batch(presence(SOME.clone()))
    model(batch, make_text())
    assert all(torch.equal(batch.streams[name], stream) for name, stream in before.streams.items())
    assert all(torch.equal(batch.present[name], here) for name, here in before.present.items())


@every_option
def test_the_same_seed_gives_the_same_falling_losses(options: dict[str, Any]) -> None:
    def losses() -> list[float]:
        model, batch, found = make(options, seed=3).train(), make_batch(presence()), []
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
        torch.manual_seed(5)
        for _ in range(25):
            loss = label_cross_entropy(model(batch, make_text()), batch.targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            found.append(loss.item())
        return found

    first = losses()
    assert first == losses()
    assert first[-1] < 0.7 * first[0]


@every_option
def test_half_precision_features_and_autocast_give_single_precision(options: dict[str, Any]) -> None:
    model, batch = make(options), make_batch(presence())
    halves = StreamBatch({name: stream.half() for name, stream in batch.streams.items()}, batch.present)
    with torch.autocast("cpu", torch.bfloat16):
        logits, embedding = model(halves, make_text()), model.embed(halves)
        single = [embedding, *model.unimodal(halves).values(), *model.unimodal(halves, "input").values()]
    assert all(value.dtype == torch.float32 for value in (*logits.values(), *single))
    for label, expected in model(batch, make_text()).items():
        torch.testing.assert_close(logits[label], expected, rtol=0, atol=1.0)


@every_option
def test_any_number_of_frames_is_accepted(options: dict[str, Any]) -> None:
    model = make(options)
    for frames in (1, 2, 9):
        logits = model(make_batch(frames=dict.fromkeys(DIMS, frames)), make_text())
        assert all(bool(scores.isfinite().all()) for scores in logits.values())


@every_option
def test_a_subset_embeds_as_a_model_that_is_given_no_more(options: dict[str, Any]) -> None:
    model, batch = make(options), make_batch(presence())
    for name in SENSORS:
        found = model.unimodal(batch)[name]
        here = model.presence(batch, [name])
        assert torch.equal(here, batch.present[name])
        torch.testing.assert_close(found[here], model.embed(rows(batch, here), (name,)), rtol=1e-4, atol=1e-5)
        assert torch.equal(found[~here], torch.zeros(int((~here).sum()), 32))
        early = model.unimodal(batch, "input")[name]
        assert torch.equal(early[~here], torch.zeros(int((~here).sum()), 32))
        assert bool((early[here] != 0).any())


TWO_IN_TEXT = {**TEXT, "text_rule": "shift", "classify_streams": ["video", "audio"], "text_dim": 16}


@pytest.mark.parametrize("options", [*OPTIONS, TWO_IN_TEXT], ids=lambda options: json.dumps(options)[:60])
def test_subsets_in_one_pass_equal_a_model_that_is_given_no_other_streams(options: dict[str, Any]) -> None:
    dims = {**DIMS, "audio": 16} if options is TWO_IN_TEXT else DIMS
    model, text = make({**options, "modalities": dims}), make_text()
    generator = torch.Generator().manual_seed(1)
    streams = {name: torch.randn(SIZE, FRAMES[name], dim, generator=generator) for name, dim in dims.items()}
    found = model.score_subsets(StreamBatch(streams, presence()), text, modality_subsets(SENSORS), allow_empty=True)
    assert list(found) == list(modality_subsets(SENSORS))
    for subset, scores in found.items():
        alone = StreamBatch({name: streams[name] for name in subset}, {name: presence()[name] for name in subset})
        here = model.presence(StreamBatch(streams, presence()), subset)
        assert torch.equal(here, model.presence(alone))
        expected = model(rows(alone, here), text)
        assert_equal_logits({label: values[here] for label, values in scores.logits.items()}, expected)
        torch.testing.assert_close(scores.embedding[here], model.embed(rows(alone, here)), rtol=1e-4, atol=1e-5)
        assert torch.equal(scores.embedding[~here], torch.zeros(int((~here).sum()), 32))
        assert all(values.dtype == torch.float32 for values in scores.logits.values())


def test_each_stream_is_projected_once_for_all_subsets() -> None:
    model, projected = make({**TEXT, "text_rule": "shift", "classify_streams": ["video"]}), []
    for number, layer in enumerate(model.inputs.projections):
        layer.register_forward_hook(lambda *_, number=number: projected.append(number))
    model.score_subsets(make_batch(), make_text(), modality_subsets(SENSORS))
    assert projected == [0, 1, 2]


def test_subsets_are_scored_without_dropout_and_refused_where_a_sample_has_nothing() -> None:
    model, batch = make({"modality_dropout": 1.0}), make_batch(presence())
    quiet = model.score_subsets(batch, make_text(), [SENSORS])[SENSORS]
    loud = model.train().score_subsets(batch, make_text(), [SENSORS])[SENSORS]
    assert torch.equal(loud.embedding, quiet.embedding)
    assert torch.equal(loud.logits["noun"], quiet.logits["noun"])
    assert model.score_subsets(batch, {}, [SENSORS])[SENSORS].logits == {}
    with pytest.raises(ConfigError, match=r"2 of 6 samples have none of the modalities imu; leave these"):
        model.score_subsets(batch, make_text(), [SENSORS, ("imu",)])


def test_modality_dropout_is_of_training_alone_and_follows_the_seed() -> None:
    model, batch = make({"modality_dropout": 0.5}), make_batch()
    quiet = model(batch, make_text())
    assert all(torch.equal(scores, quiet[label]) for label, scores in model(batch, make_text()).items())
    model.train()
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(model(batch, make_text())["noun"])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], quiet["noun"])
    assert torch.equal(model.embed(batch), model.eval().embed(batch))


def test_with_a_dropout_of_one_every_sample_is_scored_by_one_modality() -> None:
    model, batch = make({"modality_dropout": 1.0}), make_batch()
    single = {name: model(StreamBatch({name: batch.streams[name]}), make_text())["noun"] for name in SENSORS}
    torch.manual_seed(0)
    found = model.train()(batch, make_text())["noun"]
    for row in range(SIZE):
        near = [torch.allclose(found[row], single[name][row], rtol=1e-4, atol=1e-5) for name in SENSORS]
        assert sum(near) == 1


def test_samples_without_any_modality_are_refused_and_counted() -> None:
    model, pattern = make({}), SOME.clone()
    pattern[[1, 4]] = False
    batch = make_batch(presence(pattern))
    with pytest.raises(ConfigError, match=r"2 of 6 samples have none of the modalities video, audio, imu; leave these"):
        model(batch, make_text())
    with pytest.raises(ConfigError, match=r"2 of 6 samples have none"):
        model.embed(batch)
    with pytest.raises(ConfigError, match=r"3 of 6 samples have none of the modalities audio, imu;"):
        model.embed(batch, ("audio", "imu"))
    with pytest.raises(ConfigError, match=r"6 of 6 samples have none of the modalities \(none\)"):
        model.embed(batch, ())
    embedded = model.embed(batch, allow_empty=True)
    assert torch.equal(embedded[[1, 4]], torch.zeros(2, 32))
    kept = torch.tensor([0, 2, 3, 5])
    torch.testing.assert_close(embedded[kept], model.embed(rows(batch, kept)), rtol=1e-4, atol=1e-5)


def test_a_batch_without_a_stream_embeds_it_as_absent_where_that_is_allowed() -> None:
    model, batch = make({}), StreamBatch({"video": make_batch().streams["video"]})
    with pytest.raises(ConfigError, match=r"6 of 6 samples have none of the modalities imu"):
        model.embed(batch, ("imu",))
    assert torch.equal(model.embed(batch, ("imu",), allow_empty=True), torch.zeros(SIZE, 32))
    for stage in ("fused", "input"):
        found = model.unimodal(batch, stage)
        assert torch.equal(found["imu"], torch.zeros(SIZE, 32))
        assert bool((found["video"] != 0).all())


def test_streams_and_names_that_do_not_fit_are_refused() -> None:
    model = make({})
    with pytest.raises(ConfigError, match=r"the batch has none of the streams video, audio, imu, it has full; give"):
        model(StreamBatch({"full": torch.zeros(2, 3, 4)}), make_text())
    with pytest.raises(ConfigError, match=r"'gaze' is no modality of this model; it has video, audio, imu"):
        model.embed(make_batch(), ("gaze",))
    with pytest.raises(ConfigError, match=r"stream 'imu' is 9 wide, the method was made for 8"):
        model(StreamBatch({"imu": torch.zeros(2, 3, 9)}), make_text())
    with pytest.raises(ConfigError, match=r"stage is 'early'; give one of 'fused', 'input'"):
        model.unimodal(make_batch(), "early")


def test_the_contract_says_that_every_stream_may_be_absent() -> None:
    model = make({})
    assert model.required_streams == model.optional_streams == ("video", "audio", "imu")


def clusters(size: int, seed: int) -> tuple[dict[str, Tensor], Tensor]:
    """Clips of five classes, of which video shows all, sound two groups and motion another two."""
    generator = torch.Generator().manual_seed(seed)
    centres = {
        name: torch.randn(5, dim, generator=torch.Generator().manual_seed(number))
        for number, (name, dim) in enumerate(DIMS.items())
    }
    centres["audio"] = centres["audio"][[0, 0, 1, 1, 1]]
    centres["imu"] = centres["imu"][[0, 1, 0, 1, 2]]
    targets = torch.randint(5, (size,), generator=generator)
    streams = {
        name: centres[name][targets].unsqueeze(1) + 0.3 * torch.randn(size, FRAMES[name], dim, generator=generator)
        for name, dim in DIMS.items()
    }
    return streams, targets


@pytest.mark.parametrize("options", [{}, {"fusion": "mlp"}, {**TEXT, "text_rule": "shift"}], ids=str)
def test_one_training_serves_every_subset(options: dict[str, Any]) -> None:
    streams, targets = clusters(160, seed=1)
    text: dict[Label, ClassText] = {"noun": make_text()["noun"]}
    model = make(options)
    settings = FitSettings(epochs=25, batch_size=40, num_frames=3, lr=3e-3, warmup_epochs=1, selection="last")
    fit(model, TensorFeatures(streams, {"noun": targets}), text, settings=settings, accelerator="cpu")
    tested, targets = clusters(200, seed=2)
    right = {}
    for subset in modality_subsets(SENSORS):
        batch = StreamBatch({name: tested[name] for name in subset})
        with torch.no_grad():
            right[subset] = (model(batch, text)["noun"].argmax(1) == targets).float().mean().item()
    # Sound alone tells two groups apart, of two and three classes: at best 2 of 5; motion three groups: 3 of 5.
    assert all(share > 0.9 for subset, share in right.items() if "video" in subset)
    assert 0.3 < right["audio",] < 0.55
    assert 0.5 < right["imu",] < 0.75
    assert right["audio", "imu"] > 0.9
    scores = predict(model, TensorFeatures(tested, {"noun": targets}), text, num_frames=3)["noun"]
    assert (scores.logits.argmax(1) == targets).float().mean() > 0.9

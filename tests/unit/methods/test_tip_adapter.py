"""Tip-Adapter's cache: what is kept, who votes for what, and that a twin can be rebuilt."""

import json

import pytest
import torch
from torch import Tensor, nn

from egoshift.blocks.streams import mean_of_unit
from egoshift.classifier import ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.methods import ZeroShot
from egoshift.methods.tip_adapter import PRESETS_TIP_ADAPTER, TipAdapter
from egoshift.records import Label

DIM, CLIPS = 16, 40
VERBS, NOUNS = ("cut", "put", "wash"), ("cup", "knife", "pan", "tap", "water")


def clips(size: int = CLIPS) -> StreamBatch:
    generator = torch.Generator().manual_seed(1)
    targets: dict[Label, Tensor] = {
        "verb": torch.randint(-1, len(VERBS), (size,), generator=generator),
        "noun": torch.randint(-1, len(NOUNS), (size,), generator=generator),
    }
    return StreamBatch({"full": torch.randn(size, 3, DIM, generator=generator)}, {}, targets)


def texts(named: bool = True) -> dict[Label, ClassText]:
    generator = torch.Generator().manual_seed(2)
    return {
        "verb": ClassText(torch.randn(len(VERBS), DIM, generator=generator), VERBS if named else ()),
        "noun": ClassText(torch.randn(len(NOUNS), DIM, generator=generator), NOUNS if named else ()),
    }


def observed(named: bool = True, **options: object) -> TipAdapter:
    model = TipAdapter(**({"text_dim": DIM} | options))  # type: ignore[arg-type]
    model.observe([clips()], texts(named))
    return model


def votes(model: TipAdapter, text: dict[Label, ClassText], label: Label) -> Tensor:
    """What the cache adds to the zero-shot logits."""
    difference: Tensor = model(clips(), text)[label] - ZeroShot()(clips(), text)[label]
    return difference


def test_before_it_has_observed_clips_it_is_zero_shot_to_the_bit() -> None:
    for train_keys in (False, True):
        logits = TipAdapter(text_dim=DIM, train_keys=train_keys)(clips(), texts())
        expected = ZeroShot()(clips(), texts())
        assert all(torch.equal(logits[label], scores) for label, scores in expected.items())


def test_it_caches_the_unit_vectors_and_labels_of_all_clips_with_a_label() -> None:
    model, given = observed(), clips()
    labelled = (given.targets["verb"] >= 0) | (given.targets["noun"] >= 0)
    assert 0 < int((~labelled).sum()) < CLIPS
    assert torch.equal(model.keys, mean_of_unit(given.streams["full"])[labelled])
    for label, values in given.targets.items():
        assert torch.equal(model.get_buffer(f"values_{label}"), values[labelled])


def test_with_no_sharpness_every_clip_of_a_class_votes_alike() -> None:
    # The class's clips are then counted, with alpha as their weight.
    counts = torch.bincount(clips().targets["noun"] + 1, minlength=len(NOUNS) + 1)[1:]
    actual = votes(observed(beta=0.0, alpha=3.0), texts(), "noun")
    torch.testing.assert_close(actual, (3.0 * counts).expand(CLIPS, -1), rtol=0, atol=1e-3)


def test_the_sharper_the_more_a_clip_votes_for_its_own_class_alone() -> None:
    targets = clips().targets["noun"]
    own = nn.functional.one_hot(targets + 1, len(NOUNS) + 1)[:, 1:].float()
    torch.testing.assert_close(votes(observed(beta=500.0), texts(), "noun"), own, rtol=0, atol=1e-3)


def test_of_each_class_of_each_kind_of_label_at_most_shots_clips_vote() -> None:
    model, given = observed(shots=4), clips()
    for label, words in texts().items():
        count = len(words.names)
        available = torch.bincount(given.targets[label] + 1, minlength=count + 1)[1:]
        kept = torch.bincount(model.get_buffer(f"values_{label}") + 1, minlength=count + 1)[1:]
        assert int(available.max()) > 4
        assert torch.equal(kept, available.clamp_max(4))
    assert len(model.keys) < CLIPS
    values = torch.stack([model.get_buffer("values_verb"), model.get_buffer("values_noun")])
    assert bool((values >= 0).any(0).all())


def test_the_seed_chooses_the_clips() -> None:
    first, again, other = observed(shots=2), observed(shots=2), observed(shots=2, seed=1)
    assert torch.equal(first.keys, again.keys)
    assert not torch.equal(first.keys[:5], other.keys[:5])


def test_a_twin_from_the_settings_holds_the_cache_after_loading() -> None:
    for options in ({"shots": 2}, {"train_keys": True}):
        model = observed(**options)
        twin = TipAdapter(**json.loads(json.dumps(model.settings)))
        assert torch.equal(twin(clips(), texts())["noun"], ZeroShot()(clips(), texts())["noun"])
        twin.load_state_dict(model.state_dict())
        assert twin.settings == model.settings
        assert torch.equal(twin(clips(), texts())["noun"], model(clips(), texts())["noun"])
        assert model.settings["cache_clips"] == len(model.keys)
        assert model.settings["classes"] == {"verb": list(VERBS), "noun": list(NOUNS)}


def test_a_checkpoint_holds_the_keys_and_the_labels() -> None:
    assert list(observed().state_dict()) == ["keys", "values_verb", "values_noun"]
    assert not list(observed().parameters())
    assert [name for name, _ in observed(train_keys=True).named_parameters()] == ["keys"]
    assert [name for name, _ in TipAdapter(train_keys=True).named_parameters()] == ["keys"]


def test_observing_again_replaces_the_cache() -> None:
    model = observed()
    model.observe([clips(7)], {"noun": texts()["noun"]})
    assert list(model.state_dict()) == ["keys", "values_noun"]
    assert len(model.keys) <= 7
    assert model.settings["classes"] == {"noun": list(NOUNS)}


def test_another_vocabulary_is_matched_by_name() -> None:
    vectors = texts()["noun"].vectors
    other: dict[Label, ClassText] = {
        "noun": ClassText(torch.stack([vectors[3], vectors[0], vectors[1]]), ("tap", "bowl", "cup"))
    }
    model = observed(alpha=50.0)
    cached, actual = votes(model, texts(), "noun"), votes(model, other, "noun")
    torch.testing.assert_close(actual[:, [0, 2]], cached[:, [3, 0]], rtol=0, atol=1e-3)
    assert torch.equal(model(clips(), other)["noun"][:, 1], ZeroShot()(clips(), other)["noun"][:, 1])
    assert bool((cached > 0.5).any(0).all())


def test_a_kind_of_label_without_cached_clips_is_scored_zero_shot() -> None:
    model = TipAdapter(text_dim=DIM)
    model.observe([clips()], {"noun": texts()["noun"]})
    logits, zero_shot = model(clips(), texts()), ZeroShot()(clips(), texts())
    assert torch.equal(logits["verb"], zero_shot["verb"])
    assert not torch.equal(logits["noun"], zero_shot["noun"])


def test_classes_without_names_are_matched_by_their_place() -> None:
    model, named = observed(named=False), observed()
    assert model.settings["classes"] == {"verb": 3, "noun": 5}
    expected = named(clips(), texts())["noun"]
    for scored, text in ((model, texts()), (model, texts(named=False)), (named, texts(named=False))):
        assert torch.equal(scored(clips(), text)["noun"], expected)


def test_classes_without_names_and_of_another_number_are_refused() -> None:
    fewer: dict[Label, ClassText] = {"noun": ClassText(texts()["noun"].vectors[:2])}
    named: dict[Label, ClassText] = {"noun": ClassText(texts()["noun"].vectors[:2], NOUNS[:2])}
    for model, text in ((observed(), fewer), (observed(named=False), fewer), (observed(named=False), named)):
        with pytest.raises(ConfigError, match=r"2 noun classes are to be scored, 5 are cached, and without names"):
            model(clips(), text)


def test_nothing_as_large_as_clips_by_classes_is_kept_for_the_backward_pass() -> None:
    num_clips, num_classes, queries = 2000, 300, 4
    generator = torch.Generator().manual_seed(3)
    targets = torch.randint(0, num_classes, (num_clips,), generator=generator)
    text: dict[Label, ClassText] = {"noun": ClassText(torch.randn(num_classes, DIM, generator=generator))}
    model = TipAdapter(text_dim=DIM, train_keys=True)
    model.observe([StreamBatch({"full": torch.randn(num_clips, 1, DIM)}, {}, {"noun": targets})], text)
    sizes: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(StreamBatch({"full": torch.randn(queries, 1, DIM)}), text)
    assert num_clips * queries in sizes
    assert max(sizes) <= num_clips * DIM


def test_the_defaults_are_the_papers_but_for_the_number_of_clips() -> None:
    filled = {"text_dim": 512, "cache_clips": 0, "classes": None, "seed": 0, "shots": None}
    assert TipAdapter().settings == {**PRESETS_TIP_ADAPTER["paper"], **filled}
    trained = TipAdapter(**PRESETS_TIP_ADAPTER["paper-f"])  # type: ignore[arg-type]
    assert [name for name, _ in trained.named_parameters()] == ["keys"]


def test_the_least_that_options_may_be() -> None:
    options: dict[str, object] = {"text_dim": 1, "logit_scale": 0.5, "shots": 1, "classes": {"verb": 1}, "alpha": 0.0}
    settings = TipAdapter(**options, beta=0.0).settings  # type: ignore[arg-type]
    assert {name: settings[name] for name in options} == options


def test_a_stream_of_another_width_is_refused() -> None:
    wide = StreamBatch({"full": torch.randn(CLIPS, 3, 2 * DIM)}, {}, clips().targets)
    for ask in (lambda: observed()(wide, texts()), lambda: TipAdapter(text_dim=DIM).observe([wide], texts())):
        with pytest.raises(ConfigError, match=r"stream 'full' is 32 wide, the method was made for 16"):
            ask()


def test_clips_that_do_not_fit_the_classes_are_refused() -> None:
    actions: dict[Label, ClassText] = {"action": texts()["noun"]}
    with pytest.raises(ConfigError, match=r"no action labels; leave action out or annotate"):
        TipAdapter(text_dim=DIM).observe([clips()], actions)
    fewer: dict[Label, ClassText] = {"noun": texts()["verb"]}
    with pytest.raises(ConfigError, match=r"of noun class 4, there are 3, counted from 0"):
        TipAdapter(text_dim=DIM).observe([clips()], fewer)
    one_fewer: dict[Label, ClassText] = {"noun": ClassText(texts()["noun"].vectors[:4])}
    with pytest.raises(ConfigError, match=r"of noun class 4, there are 4, counted from 0"):
        TipAdapter(text_dim=DIM).observe([clips()], one_fewer)
    with pytest.raises(ConfigError, match=r"no training clips to cache"):
        TipAdapter(text_dim=DIM).observe([], texts())


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"alpha": -1.0}, r"alpha is -1.0, .*; give no negative weights"),
        ({"beta": -1.0}, r"beta -1.0, .*; give no negative weights"),
        ({"logit_scale": 0.0}, r"logit_scale 0.0, .* scale above zero"),
        ({"shots": 0}, r"shots 0; .* at least one shot or none"),
        ({"cache_clips": 3}, r"cache_clips 3, with classes of \[\]; .* TipAdapter.observe fills in both"),
        ({"cache_clips": -1}, r"cache_clips -1"),
        ({"text_dim": 0}, r"text_dim is 0"),
        ({"classes": {"verb": []}}, r"verb classes: got \[\]; give a list of at least one name"),
        ({"classes": {"verb": 0}}, r"there are 0 verb classes without names; give at least one"),
        ({"pooling": "max"}, r"pooling is 'max'; give one of"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, object], found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        TipAdapter(**options)  # type: ignore[arg-type]


def test_under_autocast_the_logits_stay_as_they_are() -> None:
    model = observed(train_keys=True)
    expected = model(clips(), texts())["noun"]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(model(clips(), texts())["noun"], expected)

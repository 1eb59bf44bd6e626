"""Prompt learners against whole prompts through transformers."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from egoshift.classifier import ClassText, StreamBatch
from egoshift.encoders.prompts import PromptTower, load_prompt_tower
from egoshift.errors import ConfigError, WeightsError
from egoshift.methods import CoCoOp, CoOp, EfficientPrompt
from tests.fixtures.checkpoints import write_clip, write_siglip
from tests.parity.slow_prompts import SlowPrompts

NAMES = ("cut", "wash the cup", "c", "", "put down", "cut wash", "the")
CLASSES = tuple(name for name in NAMES if name)
"""Those that may name a class; the tower itself runs an empty one too."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip")


@pytest.fixture
def tower(folder: Path) -> PromptTower:
    return load_prompt_tower(str(folder))


def learned(*shape: int, seed: int = 0) -> Tensor:
    return (0.3 * torch.randn(*shape, 32, generator=torch.Generator().manual_seed(seed))).requires_grad_()


def assert_same(actual: Tensor, expected: Tensor, inputs: list[Tensor]) -> None:
    """Values and gradients; the vectors' entries are of size one to ten."""
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(9))
    ours = torch.autograd.grad((actual * weights).sum(), inputs)
    theirs = torch.autograd.grad((expected * weights).sum(), inputs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("chunk_tokens", [1, 20, 1000])
@pytest.mark.parametrize("ending", ["", "."])
@pytest.mark.parametrize("groups", [1, 3])
def test_a_shared_beginning_gives_what_whole_prompts_give(
    folder: Path, tower: PromptTower, groups: int, ending: str, chunk_tokens: int
) -> None:
    slow, beginning, after = SlowPrompts(folder), learned(groups, 4), learned(2, seed=1)
    actual = tower.encode(beginning, NAMES, after=after, ending=ending, chunk_tokens=chunk_tokens)
    expected = torch.stack(
        [torch.stack([slow.vector([start, name, after, ending]) for name in NAMES]) for start in beginning]
    )
    assert_same(actual, expected, [beginning, after])


@pytest.mark.parametrize("chunk_tokens", [1, 1000])
def test_tokens_of_the_classes_own_give_what_whole_prompts_give(
    folder: Path, tower: PromptTower, chunk_tokens: int
) -> None:
    slow, before, after = SlowPrompts(folder), learned(len(NAMES), 3), learned(len(NAMES), 2, seed=1)
    actual = tower.encode(torch.zeros(1, 0, 32), NAMES, before=before, after=after, chunk_tokens=chunk_tokens)
    expected = [slow.vector([start, name, stop]) for start, name, stop in zip(before, NAMES, after, strict=True)]
    assert_same(actual[0], torch.stack(expected), [before, after])


def test_what_is_made_of_a_chunk_comes_back_in_the_order_of_the_classes(tower: PromptTower) -> None:
    beginning, video = learned(2, 4), torch.randn(2, 24)
    whole = tower.encode(beginning, NAMES)
    scores = tower.encode(beginning, NAMES, chunk_tokens=1, finish=lambda vectors: (vectors @ video[..., None])[..., 0])
    torch.testing.assert_close(scores, (whole @ video[..., None])[..., 0], rtol=1e-5, atol=1e-4)


def test_a_prompt_that_does_not_fit_is_named(tower: PromptTower) -> None:
    with pytest.raises(
        ConfigError, match=r"class 'wash the cup' is 80 tokens .* reads 77 \(1 of 2 .* at least 3 fewer"
    ):
        tower.encode(learned(1, 74), ["c", "wash the cup"])


def test_a_text_tower_that_is_not_causal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="learned through CLIP's causal text tower, this one is of family siglip"):
        load_prompt_tower(str(write_siglip(tmp_path / "siglip")))


@pytest.mark.parametrize("position", ["end", "middle", "front"])
@pytest.mark.parametrize("class_specific", [False, True])
def test_coop_is_the_official_prompt(folder: Path, position: str, class_specific: bool) -> None:
    torch.manual_seed(0)
    coop = CoOp(
        text_encoder=str(folder),
        num_tokens=5,
        position=position,
        class_specific=class_specific,
        classes={"noun": CLASSES} if class_specific else None,
        full_stop=True,
    )
    slow, video = SlowPrompts(folder), torch.randn(3, 4, 24)
    (context,) = coop.parameters()
    contexts = list(context) if class_specific else [context] * len(CLASSES)
    first = {"end": 5, "middle": 2, "front": 0}[position]
    vectors = [slow.vector([c[:first], name, c[first:], "."]) for c, name in zip(contexts, CLASSES, strict=True)]
    unit = torch.stack([vector / vector.norm() for vector in vectors])
    pooled = video.mean(1)
    expected = 100 * (pooled / pooled.norm(dim=1, keepdim=True)) @ unit.T
    text = {"noun": ClassText(torch.zeros(len(CLASSES), 24), CLASSES)}
    actual = coop(StreamBatch({"full": video}), text)["noun"]
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-3)  # 1e-5 of a cosine, times 100
    ours, theirs = (torch.autograd.grad(logits.square().sum(), [context])[0] for logits in (actual, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * theirs.abs().max().item())


def test_the_phrase_gives_the_first_context(folder: Path) -> None:
    coop = CoOp(text_encoder=str(folder), phrase="cut the cup", num_tokens=16)
    slow = SlowPrompts(folder)
    ids = slow.tokenizer("cut the cup", add_special_tokens=False)["input_ids"]
    (context,) = coop.parameters()
    assert torch.equal(context, slow.tower.text_model.embeddings.token_embedding.weight[ids])
    assert coop.settings["num_tokens"] == len(ids)
    vectors = coop.class_vectors("noun", ("wash",))
    torch.testing.assert_close(vectors[0], slow.vector(["cut the cup wash"]), rtol=1e-5, atol=1e-5)


def test_names_without_context_of_their_own_get_the_mean_of_all(folder: Path) -> None:
    coop = CoOp(text_encoder=str(folder), num_tokens=2, class_specific=True, classes={"noun": ("cut", "cup")})
    (context,) = coop.parameters()
    expected = SlowPrompts(folder).vector([context.mean(0), "wash"])
    torch.testing.assert_close(coop.class_vectors("noun", ("cup", "wash"))[1], expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ConfigError, match="learned for noun classes, asked for verb ones"):
        coop.class_vectors("verb", ("cut",))


@pytest.mark.parametrize("chunk_tokens", [1, 1000])
def test_cocoop_is_the_official_loop_over_images(folder: Path, chunk_tokens: int) -> None:
    torch.manual_seed(0)
    cocoop = CoCoOp(text_encoder=str(folder), phrase="", num_tokens=3, full_stop=True, chunk_tokens=chunk_tokens)
    slow, frames = SlowPrompts(folder), torch.randn(3, 4, 24)
    rows = []
    for video in frames.mean(1):
        unit = video / video.norm()
        context = cocoop.context + cocoop.meta_net(unit)
        vectors = [slow.vector([context, name, "."]) for name in CLASSES]
        rows.append(torch.stack([100 * (vector / vector.norm()) @ unit for vector in vectors]))
    expected = torch.stack(rows)
    actual = cocoop(StreamBatch({"full": frames}), {"noun": ClassText(torch.zeros(len(CLASSES), 24), CLASSES)})["noun"]
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-3)  # 1e-5 of a cosine, times 100
    parameters = list(cocoop.parameters())
    ours, theirs = (torch.autograd.grad(logits.square().sum(), parameters) for logits in (actual, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * other.abs().max().item())


def slow_temporal(model: EfficientPrompt, frames: Tensor) -> Tensor:
    """One video's frames through PyTorch's own encoder layers (pre-norm) with QuickGELU, then their mean."""
    tokens = (frames + model.position).unsqueeze(0)
    for block in model.temporal.blocks:
        state = block.state_dict()
        attention = torch.nn.MultiheadAttention(24, 8, batch_first=True)
        attention.load_state_dict(
            {name.removeprefix("attention."): v for name, v in state.items() if name.startswith("attention.")}
        )
        normed = torch.nn.functional.layer_norm(
            tokens, (24,), state["norm_attention.weight"], state["norm_attention.bias"]
        )
        tokens = tokens + attention(normed, normed, normed)[0]
        normed = torch.nn.functional.layer_norm(tokens, (24,), state["norm_mlp.weight"], state["norm_mlp.bias"])
        hidden = normed @ state["widen.weight"].T + state["widen.bias"]
        tokens = tokens + (hidden * torch.sigmoid(1.702 * hidden)) @ state["narrow.weight"].T + state["narrow.bias"]
    return tokens[0].mean(0)


def test_a5_has_learned_vectors_for_places_around_the_name(folder: Path) -> None:
    torch.manual_seed(0)
    model = EfficientPrompt(text_encoder=str(folder), num_frames=4, prefix=3, postfix=2).eval()
    slow, frames = SlowPrompts(folder), torch.randn(3, 4, 24)
    vectors = []
    for name in CLASSES:
        length = len(slow.tokenizer(name, add_special_tokens=False)["input_ids"])
        vectors.append(slow.vector([model.places[1:4], name, model.places[4 + length : 6 + length]]))
    video = torch.stack([slow_temporal(model, one) for one in frames])
    cosines = torch.nn.functional.cosine_similarity(video[:, None], torch.stack(vectors)[None], dim=-1)
    actual = model(StreamBatch({"full": frames}), {"noun": ClassText(torch.zeros(len(CLASSES), 24), CLASSES)})["noun"]
    torch.testing.assert_close(actual, cosines / 0.07, rtol=0, atol=1e-4)
    ours, theirs = (torch.autograd.grad(x.square().sum(), [model.places])[0] for x in (actual, cosines / 0.07))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * theirs.abs().max().item())


def test_a5_trains_with_the_classes_of_the_batch_and_some_others(folder: Path) -> None:
    torch.manual_seed(0)
    model = EfficientPrompt(text_encoder=str(folder), num_frames=4, prefix=1, postfix=1, max_classes=4)
    text = {"noun": ClassText(torch.zeros(len(CLASSES), 24), CLASSES)}
    batch = StreamBatch({"full": torch.randn(3, 4, 24)}, targets={"noun": torch.tensor([5, -1, 2])})
    drawn = []
    for _ in range(20):
        logits = model(batch, text)["noun"]
        taken = logits.isfinite().all(0)
        assert bool(taken[[2, 5]].all())
        assert int(taken.sum()) == 4
        assert bool((logits[:, ~taken] == -torch.inf).all())
        drawn.append(tuple(taken.tolist()))
    assert len(set(drawn)) > 1
    model.eval()
    everything = model(batch, text)["noun"]
    assert bool(everything.isfinite().all())
    torch.testing.assert_close(logits[:, taken], everything[:, taken], rtol=1e-5, atol=1e-5)
    crowded = StreamBatch({"full": torch.randn(6, 4, 24)}, targets={"noun": torch.arange(6)})
    assert int(model.train()(crowded, text)["noun"].isfinite().all(0).sum()) == 6


def test_names_are_read_once_however_they_are_drawn(tower: PromptTower) -> None:
    for names in (CLASSES, CLASSES[:3], CLASSES[::-1], (*CLASSES, "cup")):
        tower.token_ids(names)
    assert sorted(tower._words) == sorted({*CLASSES, "cup"})


def test_a_phrase_without_words_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="phrase is '  ', which has no words"):
        CoOp(text_encoder=str(folder), phrase="  ")

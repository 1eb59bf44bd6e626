"""Tip-Adapter against the paper's equations with its one-hot matrix, in double precision, one video at a time.

Follows section 3.1 of Zhang et al. (ECCV 2022) and https://github.com/gaopengcuhk/Tip-Adapter/blob/fcb0605/main.py.
"""

import pytest
import torch
from torch import Tensor, nn

from egoshift.classifier import ClassText, StreamBatch
from egoshift.methods.tip_adapter import PRESETS_TIP_ADAPTER, TipAdapter
from egoshift.records import Label

CLIPS, QUERIES = 90, 6
NAMES: dict[Label, tuple[str, ...]] = {"verb": tuple("abcd"), "noun": tuple("efghijklm")}


def slow_vector(frames: Tensor) -> Tensor:
    mean = torch.stack([frame / frame.norm() for frame in frames.double()]).mean(0)
    vector: Tensor = mean / mean.norm()
    return vector


def slow_logits(video: Tensor, text: Tensor, keys: Tensor, one_hot: Tensor, alpha: float, beta: float) -> Tensor:
    logits = []
    for vector in video:
        zero_shot = torch.stack([100 * torch.dot(vector, words / words.norm()) for words in text.double()])
        affinity = torch.stack([torch.exp(-beta * (1 - torch.dot(vector, key))) for key in keys])
        logits.append(zero_shot + alpha * affinity @ one_hot.double())
    return torch.stack(logits)


def streams(size: int, dim: int, seed: int) -> dict[str, Tensor]:
    # Near one direction, as CLIP's features are: affinities of a sensible size.
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(dim, generator=torch.Generator().manual_seed(9))
    return {"full": common + torch.randn(size, 5, dim, generator=generator)}


def labels() -> dict[Label, Tensor]:
    generator = torch.Generator().manual_seed(4)
    return {label: torch.randint(-1, len(names), (CLIPS,), generator=generator) for label, names in NAMES.items()}


def texts(dim: int) -> dict[Label, ClassText]:
    generator = torch.Generator().manual_seed(5)
    return {
        label: ClassText(torch.randn(len(names), dim, generator=generator), names) for label, names in NAMES.items()
    }


def one_hot_of(targets: Tensor, count: int) -> Tensor:
    return nn.functional.one_hot(targets + 1, count + 1)[:, 1:]  # -1 is a row of zeros


def test_both_kinds_of_label_equal_the_papers_equations_over_all_clips() -> None:
    model, given, targets = TipAdapter(text_dim=64, alpha=1.3, beta=4.0), streams(CLIPS, 64, 1), labels()
    batches = [
        StreamBatch({"full": given["full"][s]}, {}, {label: values[s] for label, values in targets.items()})
        for s in (slice(0, 40), slice(40, 41), slice(41, CLIPS))
    ]
    model.observe(batches, texts(64))
    logits = model(StreamBatch(streams(QUERIES, 64, 2)), texts(64))
    keys = torch.stack([slow_vector(clip) for clip in given["full"]])
    video = torch.stack([slow_vector(clip) for clip in streams(QUERIES, 64, 2)["full"]])
    for label, names in NAMES.items():
        one_hot = one_hot_of(targets[label], len(names))
        expected = slow_logits(video, texts(64)[label].vectors, keys, one_hot, alpha=1.3, beta=4.0)
        torch.testing.assert_close(logits[label].double(), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("preset", PRESETS_TIP_ADAPTER)
def test_presets_and_the_gradients_of_trained_keys_equal_the_slow_twin(preset: str) -> None:
    options = {**PRESETS_TIP_ADAPTER[preset], "shots": 3}
    model = TipAdapter(text_dim=512, **options)  # type: ignore[arg-type]
    model.observe([StreamBatch(streams(CLIPS, 512, 1), {}, labels())], {"noun": texts(512)["noun"]})
    assert len(model.keys) == 3 * len(NAMES["noun"])
    keys = model.keys.detach().double().requires_grad_()
    one_hot = one_hot_of(model.get_buffer("values_noun"), len(NAMES["noun"]))
    video = torch.stack([slow_vector(clip) for clip in streams(QUERIES, 512, 2)["full"]])
    expected = slow_logits(video, texts(512)["noun"].vectors, keys, one_hot, alpha=1.0, beta=5.5)
    actual = model(StreamBatch(streams(QUERIES, 512, 2)), {"noun": texts(512)["noun"]})["noun"]
    torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-4)
    assert actual.requires_grad == model.train_keys
    if model.train_keys:
        nn.functional.cross_entropy(actual, torch.arange(QUERIES)).backward()
        nn.functional.cross_entropy(expected, torch.arange(QUERIES)).backward()
        assert model.keys.grad is not None
        assert keys.grad is not None
        assert (model.keys.grad - keys.grad).abs().max() <= 1e-4 * keys.grad.abs().max()

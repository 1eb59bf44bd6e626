"""Every method and fusion as an ONNX file says what PyTorch says, on inputs that the export itself does not try."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

import onnx
import pytest
import torch
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.fusion import FUSIONS, Fusion, Unimodal
from egoshift.methods import (
    METHODS,
    XMIC,
    CLIPAdapter,
    CLIPLoRA,
    CoCoOp,
    CoOp,
    EfficientPrompt,
    LinearProbe,
    TipAdapter,
    VitaCLIP,
    ZeroShot,
)
from egoshift.prediction.export import export_onnx
from egoshift.prediction.export.card import ModelCard
from egoshift.prediction.export.graph import Session
from egoshift.records import Label
from egoshift.training import save_checkpoint
from tests.fixtures.checkpoints import write_clip

DIM, NAMES = 24, ("cup", "the cup", "cut", "wash")
CLASSES: Mapping[Label, tuple[str, ...]] = {"noun": NAMES}
SIGNAL = {"num_samples": 50, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
IMU = {"preset": "tiny", "options": SIGNAL}
WIDTHS = {"video": DIM, "audio": 16, "imu": 8}

Make = Callable[[str], AbstractClassifier]

MODELS: Mapping[str, Make] = {
    "zero_shot": lambda clip: ZeroShot(streams=["full", "hand"]),
    "xmic": lambda clip: XMIC(text_dim=DIM, num_frames=4, num_temporal_layers=1),
    "coop": lambda clip: CoOp(text_encoder=clip, num_tokens=3),
    "cocoop": lambda clip: CoCoOp(text_encoder=clip, phrase="a"),
    "clip_adapter": lambda clip: CLIPAdapter(
        text_dim=DIM, num_frames=4, streams=["full", "hand"], adapt_text=True, num_temporal_layers=1
    ),
    "efficient_prompt": lambda clip: EfficientPrompt(
        text_encoder=clip, num_frames=4, prefix=2, postfix=2, num_temporal_layers=1
    ),
    "vita_clip": lambda clip: VitaCLIP(encoder=clip, num_frames=4, num_text_tokens=2, num_global=2),
    "tip_adapter": lambda clip: TipAdapter(text_dim=DIM, cache_clips=9, classes={"noun": NAMES[1:]}),
    "clip_lora": lambda clip: CLIPLoRA(encoder=clip),
    "linear_probe": lambda clip: LinearProbe(text_dim=DIM, classes={"noun": NAMES[:3]}, init="zeros", bias=True),
    "fusion": lambda clip: Fusion(modalities=WIDTHS, width=16, num_layers=1, num_frames=4, classes=CLASSES),
    "unimodal": lambda clip: Unimodal(sensor="imu", preset="tiny", options=SIGNAL, classes=CLASSES),
    "fusion of text": lambda clip: Fusion(
        modalities=WIDTHS,
        width=16,
        num_layers=1,
        missing="token",
        head="text",
        text_dim=DIM,
        text_rule="both",
        classify_streams=["video"],
    ),
    "fusion by an MLP": lambda clip: Fusion(
        modalities=WIDTHS, width=16, fusion="mlp", num_layers=1, missing="mean", classes=CLASSES
    ),
    "fusion of signals": lambda clip: Fusion(
        modalities={"video": DIM, "imu": 6}, width=16, num_layers=1, encoders={"imu": IMU}, classes=CLASSES
    ),
}
"""One of each method, small; and the other ways of fusing."""

FREE = {"zero_shot", "xmic", "clip_adapter", "fusion of text"}


def test_every_method_and_fusion_is_among_them() -> None:
    assert set(METHODS) | set(FUSIONS) <= set(MODELS)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_clip(tmp_path_factory.mktemp("towers") / "clip"))


class Exported(NamedTuple):
    """A model, what it was trained for, and what became of it."""

    classifier: AbstractClassifier
    words: ClassText
    card: ModelCard
    path: Path

    @property
    def session(self) -> Session:
        return Session(self.path)


def export(classifier: AbstractClassifier, place: Path) -> Exported:
    _train_a_little(classifier.eval())
    words = ClassText(torch.randn(len(NAMES), DIM), NAMES)
    save_checkpoint(place / "model", classifier, {"noun": words})
    card = export_onnx(place / "model", place / "out").models["noun"]
    return Exported(classifier, words, card, place / "out" / card.file)


@pytest.fixture(scope="module")
def exported(clip: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """Exports each of the models once."""

    @cache
    def of(name: str) -> Exported:
        torch.manual_seed(5)
        return export(MODELS[name](clip), tmp_path_factory.mktemp("export"))

    return of


@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_says_what_pytorch_says(name: str, exported: Callable[[str], Exported]) -> None:
    classifier, own_words, card, path = exported(name)
    assert card.parity.difference <= 1e-4
    assert card.parity.inputs >= 7
    onnx.checker.check_model(str(path), full_check=True)

    session, free = Session(path), name in FREE
    assert bool(card.class_vectors) == free
    for clips, frames, classes in ((1, 1, 4), (2, 4, 1), (5, 3, 2), (3, 9, 31)):
        given = _drawn(card, clips, frames)
        words = ClassText(3 * torch.randn(classes, DIM)) if free else own_words
        _compare(session, classifier, card, given, words)
    if not free and len(classifier.required_streams) > 1:
        for here in range(1, 2 ** len(card.streams)):  # every subset of the sensors, a clip each way round
            given = _drawn(card, 2, 3)
            for bit, stream in enumerate(card.streams.values()):
                given[stream.mask] = torch.tensor([bool(here >> bit & 1), True])
            _compare(session, classifier, card, given, own_words)


@pytest.mark.parametrize("name", ["xmic", "fusion"])
def test_a_clip_without_what_it_needs_has_no_logits_and_does_not_disturb_others(
    name: str, exported: Callable[[str], Exported]
) -> None:
    _, words, card, path = exported(name)
    session, given = Session(path), _drawn(card, 3, 4)
    given |= {one.mask: torch.ones(3, dtype=torch.bool) for one in card.streams.values()}
    given |= {"text_noun": words.vectors}
    whole = session(given)["logits_noun"]
    given |= {card.streams[stream].mask: torch.tensor([True, False, True]) for stream in card.needs_one_of}
    partial = session(given)["logits_noun"]
    assert partial[1].isnan().all()
    torch.testing.assert_close(partial[[0, 2]], whole[[0, 2]])


def test_logits_where_text_and_shift_cancel_are_those_of_the_difference(tmp_path: Path) -> None:
    """There alone the two ways to the same number part: the graph must take the exact one for some classes."""
    torch.manual_seed(1)
    plain = {"classify_streams": ["full"], "condition_streams": ["full"], "position": "none"}
    classifier = XMIC(text_dim=DIM, num_temporal_layers=0, **plain)  # type: ignore[arg-type]
    session, streams = export(classifier, tmp_path).session, {"full": torch.randn(2, 4, DIM)}
    shift = classifier.shift(StreamBatch(streams)).detach()
    assert shift.abs().amax() > 0.01
    words = torch.cat([-shift * 1.01, torch.randn(3, DIM)])
    ours = session({**streams, "text_noun": words})["logits_noun"]
    video = torch.nn.functional.normalize(streams["full"].double().mean(1), dim=-1)
    moved = words.double() + shift.double().unsqueeze(1)
    scale = cast(Tensor, classifier.log_scale).detach().double().exp()
    theirs = scale * (torch.nn.functional.normalize(moved, dim=-1) * video.unsqueeze(1)).sum(-1)
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=5e-3)  # two digits of the sums cancel


def _train_a_little(classifier: AbstractClassifier) -> None:
    """Parameters as training might leave them: none at a start where an error would not show."""
    with torch.no_grad():
        for value in classifier.parameters():
            value.add_(0.1 * torch.randn_like(value))
        if isinstance(classifier, TipAdapter):
            classifier.keys.copy_(torch.nn.functional.normalize(torch.randn(9, DIM), dim=-1))
            classifier.get_buffer("values_noun").copy_(torch.arange(9).remainder(4) - 1)


def _drawn(card: ModelCard, clips: int, frames: int) -> dict[str, Tensor]:
    given: dict[str, Tensor] = {}
    for one in card.inputs:
        if one.name in card.streams:
            _, length, width = one.shape
            length = (frames if length == "frames" else frames + len(given)) if isinstance(length, str) else length
            given[one.name] = 3 * torch.randn(clips, length, cast(int, width)) + 0.2
        elif one.dtype == "bool":
            given[one.name] = torch.rand(clips) < 0.7
            given[one.name] |= one.name.removeprefix("present_") == card.needs_one_of[0]
    return given


def _compare(
    session: Session, classifier: AbstractClassifier, card: ModelCard, given: Mapping[str, Tensor], words: ClassText
) -> None:
    """Each clip by itself in PyTorch, so that nothing of a batch can leak."""
    ours = session({**given, "text_noun": words.vectors})["logits_noun"]
    for clip, row in enumerate(ours):
        streams = {name: given[name][[clip]] for name in card.streams}
        present = {name: given[one.mask][[clip]] for name, one in card.streams.items() if one.mask}
        with torch.no_grad():
            theirs = classifier(StreamBatch(streams, present), {"noun": words})["noun"]
        torch.testing.assert_close(row, theirs[0], rtol=1e-4, atol=1e-4)

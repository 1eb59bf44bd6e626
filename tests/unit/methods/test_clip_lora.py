"""CLIP-LoRA's own options; its whole forward is compared with a slow twin in tests/parity."""

import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from egoshift.classifier import ClassText, StreamBatch
from egoshift.encoders import class_text, load_image_encoder, load_text_encoder
from egoshift.errors import ConfigError
from egoshift.methods import ZeroShot
from egoshift.methods.clip_lora import PRESETS_CLIP_LORA, CLIPLoRA
from tests.fixtures.checkpoints import write_clip, write_siglip

BATCH, FRAMES, DIM, WIDTH, LAYERS = 3, 2, 24, 32, 2
NAMES = ("cup", "wash the cup", "knife")
TEXT = {"noun": ClassText(torch.randn(3, DIM, generator=torch.Generator().manual_seed(5)), NAMES)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("lora") / "clip", dim=DIM)


def clips() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (BATCH, FRAMES, 3 * 32 * 32), generator=generator).float()


def batch() -> StreamBatch:
    return StreamBatch({"pixels": clips()})


def small(folder: Path, **options: object) -> CLIPLoRA:
    torch.manual_seed(0)
    return CLIPLoRA(encoder=str(folder), **options).eval()  # type: ignore[arg-type]


def changed(folder: Path, **options: object) -> CLIPLoRA:
    """As after some training: B is no longer zero."""
    model, generator = small(folder, **options), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.lora.items():
            if name.endswith("_b"):
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def gradients(model: CLIPLoRA, seed: int = 7) -> dict[str, Tensor]:
    """Of a cross-entropy in training."""
    torch.manual_seed(seed)
    model.train().zero_grad()
    nn.functional.cross_entropy(model(batch(), TEXT)["noun"], torch.arange(BATCH)).backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def test_the_defaults_are_the_official_preset_and_presets_name_every_option_but_what_follows(folder: Path) -> None:
    follows = {"encoder": str(folder), "chunk_tokens": 1 << 14}
    assert small(folder).settings == {**PRESETS_CLIP_LORA["official"], **follows}


def test_a_checkpoint_holds_the_two_matrices_of_every_changed_projection_and_nothing_else(folder: Path) -> None:
    state = small(folder, rank=3).state_dict()
    places = [f"{tower}_{layer}_{target}" for tower in ("image", "text") for layer in (0, 1) for target in "qkv"]
    assert set(state) == {f"lora.{place}_{side}" for place in places for side in "ab"}
    assert {tuple(state[f"lora.{place}_a"].shape) for place in places} == {(3, WIDTH)}
    assert {tuple(state[f"lora.{place}_b"].shape) for place in places} == {(WIDTH, 3)}
    assert not any(state[f"lora.{place}_b"].any() for place in places)
    assert set(small(folder, towers=["text"], targets=["o"]).state_dict()) == {
        f"lora.text_{layer}_o_{side}" for layer in (0, 1) for side in "ab"
    }


@pytest.mark.parametrize("training", [False, True])
def test_it_starts_as_zero_shot_clip_whatever_the_dropout(folder: Path, training: bool) -> None:
    encoder = load_image_encoder(str(folder), precision="float32")
    features = encoder.encode(clips().to(torch.uint8).view(-1, 3, 32, 32)).view(BATCH, FRAMES, DIM)
    text = {"noun": class_text(load_text_encoder(str(folder)), NAMES)}
    expected = ZeroShot(streams=["full"])(StreamBatch({"full": features}), text)["noun"]
    actual = small(folder, dropout=0.9).train(training)(batch(), TEXT)["noun"]
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-3)


def test_dropout_is_drawn_in_training_alone(folder: Path) -> None:
    model = changed(folder)
    settled = model(batch(), TEXT)["noun"]
    assert torch.equal(model(batch(), TEXT)["noun"], settled)
    model.train()
    drawn = [model(batch(), TEXT)["noun"] for _ in range(2)]
    assert not torch.equal(drawn[0], drawn[1])
    assert torch.equal(model.eval()(batch(), TEXT)["noun"], settled)


def test_gradients_of_chunks_are_of_the_dropout_that_was_drawn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def keep_all(run: Callable[..., Tensor], *parts: Any, use_reentrant: bool) -> Tensor:
        return run(*parts)

    actual = gradients(changed(folder, chunk_tokens=1))
    for module in ("egoshift.encoders.vision", "egoshift.encoders.prompts"):
        monkeypatch.setattr(f"{module}.checkpoint", keep_all)
    expected = gradients(changed(folder, chunk_tokens=1))
    assert len(actual) == 2 * 2 * LAYERS * 3
    for name, gradient in expected.items():
        torch.testing.assert_close(actual[name], gradient, rtol=1e-5, atol=1e-6, msg=name)
    other = gradients(changed(folder, chunk_tokens=1), seed=8)
    assert not any(torch.allclose(other[name], gradient, rtol=1e-2) for name, gradient in expected.items())


def test_the_towers_follow_parameters_to_another_type(folder: Path) -> None:
    model = changed(folder, dropout=0.0)
    expected, single = model(batch(), TEXT)["noun"], gradients(model)
    model.eval().double()
    torch.testing.assert_close(model(batch(), TEXT)["noun"], expected, rtol=0, atol=1e-3)
    for name, gradient in gradients(model).items():
        assert gradient.dtype == torch.float64
        atol = 1e-3 * single[name].abs().max().item()
        torch.testing.assert_close(gradient.float(), single[name], rtol=1e-3, atol=atol)


def test_the_towers_follow_parameters_to_another_device(folder: Path) -> None:
    # No other device is sure to be here; "meta" computes shapes alone, and moving there makes new parameters.
    model = changed(folder)
    before = dict(model.named_parameters())
    model.to("meta")
    assert all(parameter is not before[name] for name, parameter in model.named_parameters())
    model._keep_in_step()
    frames = model.vision.in_chunks(clips().to("meta"), model.vision.encode)
    assert model.text is not None
    words = model.text.encode(torch.zeros(1, 0, model.text.width, device="meta"), NAMES)
    assert (frames.device.type, frames.shape) == ("meta", (BATCH, FRAMES, DIM))
    assert (words.device.type, words.shape) == ("meta", (1, len(NAMES), DIM))


@pytest.mark.parametrize("assign", [False, True])
def test_the_towers_follow_parameters_that_are_loaded(folder: Path, assign: bool) -> None:
    model, twin = changed(folder), small(folder)
    twin.load_state_dict(model.state_dict(), assign=assign)
    assert torch.equal(twin(batch(), TEXT)["noun"], model(batch(), TEXT)["noun"])


def test_a_copy_is_changed_by_itself(folder: Path) -> None:
    model = changed(folder)
    before = model(batch(), TEXT)["noun"]
    twin = copy.deepcopy(model)
    torch.testing.assert_close(twin(batch(), TEXT)["noun"], before, rtol=0, atol=1e-3)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(2)
    assert not torch.isclose(twin(batch(), TEXT)["noun"], before).all()
    assert torch.equal(model(batch(), TEXT)["noun"], before)


def test_the_order_in_which_parts_are_named_changes_nothing(folder: Path) -> None:
    model = small(folder, targets=["q", "v"], towers=["image", "text"])
    other = small(folder, targets=["v", "q"], towers=["text", "image"])
    assert all(torch.equal(other.state_dict()[name], value) for name, value in model.state_dict().items())


def test_with_the_image_tower_alone_the_given_text_is_read_and_names_are_not_needed(folder: Path) -> None:
    model = changed(folder, towers=["image"])
    nameless = {"noun": ClassText(TEXT["noun"].vectors)}
    assert torch.equal(model(batch(), nameless)["noun"], model(batch(), TEXT)["noun"])
    with pytest.raises(ConfigError, match="have vectors but no names"):
        changed(folder)(batch(), nameless)


def test_making_one_prints_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    changed(folder)(batch(), TEXT)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_without_peft_one_line_says_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigError, match=r"needs peft, .*; pip install egoshift\[lora\]"):
        small(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank is 0"),
        ({"alpha": 0.0}, r"alpha 0\.0"),
        ({"dropout": 1.0}, r"dropout 1\.0"),
        ({"logit_scale": -1.0}, r"logit_scale -1\.0"),
        ({"chunk_tokens": 0}, "chunk_tokens 0"),
        ({"targets": ["q", "mlp"]}, r"targets is \['q', 'mlp'\]; give a list of one or more of 'q', 'k', 'v', 'o'"),
        ({"targets": []}, r"targets is \[\]"),
        ({"targets": "qk"}, "targets is 'qk'"),
        ({"towers": ["image", "image"]}, "one or more of 'image', 'text'"),
        ({"pooling": "max"}, "pooling is 'max'"),
        ({"streams": []}, "give a list of one or more different stream names"),
    ],
)
def test_options_that_cannot_be_are_refused(folder: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(folder, **options)


def test_encoders_other_than_clip_and_names_that_are_too_long_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this one is of family siglip"):
        small(write_siglip(tmp_path / "siglip"))
    with pytest.raises(ConfigError, match="77"):
        small(folder)(batch(), {"noun": ClassText(torch.zeros(1, DIM), ("a " * 90,))})


def test_a_clip_without_one_stream_of_pictures_is_told_by_the_other(folder: Path) -> None:
    alone = changed(folder, streams=["pixels"])(batch(), TEXT)["noun"]
    streams = {"pixels": clips(), "hands": clips().flip(0)}
    without = StreamBatch(streams, {"hands": torch.tensor([True, False, True])})
    both = changed(folder, streams=["pixels", "hands"])
    torch.testing.assert_close(both(without, TEXT)["noun"][1], alone[1])
    assert not torch.allclose(both(StreamBatch(streams), TEXT)["noun"][0], alone[0], atol=1e-3)

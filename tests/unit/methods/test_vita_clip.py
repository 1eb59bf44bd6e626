"""Vita-CLIP's own options; its whole forward is compared with a slow twin in tests/parity."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from egoshift.classifier import ClassText, StreamBatch
from egoshift.encoders import load_image_encoder
from egoshift.errors import ConfigError, WeightsError
from egoshift.methods import ZeroShot
from egoshift.methods.vita_clip import PRESETS_VITA_CLIP, VitaCLIP
from tests.fixtures.checkpoints import write_clip, write_dinov2

BATCH, FRAMES, DIM, WIDTH, LAYERS = 3, 4, 24, 32, 2
NAMES = ("cup", "wash the cup", "knife")
TEXT = {"noun": ClassText(torch.randn(3, DIM, generator=torch.Generator().manual_seed(5)), NAMES)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("vita") / "clip", dim=DIM)


def clips(seed: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (BATCH, FRAMES, 3 * 32 * 32), generator=generator).float()


def batch() -> StreamBatch:
    return StreamBatch({"pixels": clips()})


def small(folder: Path, **options: object) -> VitaCLIP:
    torch.manual_seed(0)
    return VitaCLIP(encoder=str(folder), **({"num_frames": FRAMES} | options))  # type: ignore[arg-type]


NOTHING = {"num_global": 0, "use_local": False, "use_summary": False}


def test_the_defaults_are_the_official_preset_and_presets_name_every_option_but_what_follows(folder: Path) -> None:
    follows = {"encoder": str(folder), "num_frames": 8, "classes": None, "chunk_tokens": 1 << 14}
    assert VitaCLIP(encoder=str(folder)).settings == {**PRESETS_VITA_CLIP["official"], **follows}
    for options in PRESETS_VITA_CLIP.values():
        assert options.keys() | follows.keys() == VitaCLIP(encoder=str(folder)).settings.keys()
    own = {**PRESETS_VITA_CLIP["official-csc"], "classes": {"noun": ["cup", "knife"]}}
    assert VitaCLIP(encoder=str(folder), **own).settings["class_specific"]  # type: ignore[arg-type]
    least = VitaCLIP(encoder=str(folder), num_frames=1, logit_scale=0.5).settings
    assert (least["num_frames"], least["logit_scale"]) == (1, 0.5)


def test_what_is_trained_is_what_the_official_code_trains_and_no_weight_of_clip_is_kept(folder: Path) -> None:
    summary = 4 * WIDTH**2 + 4 * WIDTH + 2 * WIDTH
    prompts = LAYERS * (8 + FRAMES) * WIDTH
    count = FRAMES * WIDTH + prompts + LAYERS * summary + 8 * WIDTH + 1
    model = small(folder)
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    projection = LAYERS * (WIDTH**2 + WIDTH)
    assert sum(value.numel() for value in model.state_dict().values()) == count + projection
    trained = small(folder, train_cls_proj=True)
    assert sum(parameter.numel() for parameter in trained.parameters()) == count + projection
    assert trained.state_dict().keys() == model.state_dict().keys()


def test_initial_values_are_the_official_ones(folder: Path) -> None:
    model = small(folder, num_frames=64)
    bound = math.sqrt(6 / (3 * 8 * 8 + WIDTH))
    state = model.state_dict()
    for name, limit in {
        "global_prompts": bound,
        "local_prompts": bound,
        "cls_weight": WIDTH**-0.5,
        "cls_bias": WIDTH**-0.5,
        "summaries.0.attention.in_proj_weight": math.sqrt(6 / (2 * WIDTH)),
        "summaries.1.attention.out_proj.weight": math.sqrt(6 / (2 * WIDTH)),
    }.items():
        assert 0.9 * limit < state[name].abs().max() <= limit, name
    assert 0.015 < model.time.std() < 0.025
    assert state["log_scale"].item() == pytest.approx(math.log(1 / 0.07))


def test_the_projection_that_is_not_trained_is_saved_and_stays_as_it_was_drawn(folder: Path) -> None:
    model = small(folder).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
    nn.functional.cross_entropy(model(batch(), TEXT)["noun"], torch.arange(BATCH)).backward()
    optimiser.step()
    unchanged = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    assert unchanged == {"cls_weight", "cls_bias"}
    torch.manual_seed(1)
    twin = VitaCLIP(**model.settings)  # type: ignore[arg-type]
    assert not torch.equal(twin.cls_weight, model.cls_weight)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(batch(), TEXT)["noun"], model(batch(), TEXT)["noun"])


def test_without_prompts_and_time_it_is_clip_on_the_mean_frame(folder: Path) -> None:
    model = small(folder, **NOTHING, logit_scale=100.0, train_logit_scale=False)
    nn.init.zeros_(model.time)
    encoder = load_image_encoder(str(folder), precision="float32")
    features = encoder.encode(clips().to(torch.uint8).view(-1, 3, 32, 32)).view(BATCH, FRAMES, DIM)
    text = {"noun": ClassText(model.text.class_vectors("noun", NAMES))}
    expected = ZeroShot(streams=["full"], pooling="mean-of-raw")(StreamBatch({"full": features}), text)["noun"]
    torch.testing.assert_close(model(batch(), TEXT)["noun"], expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("seen", "options"), [(True, {}), (False, {"use_local": False, "use_summary": False})])
@pytest.mark.parametrize("alone", ["use_local", "use_summary"])
def test_frames_see_each_other_by_local_prompts_and_by_the_summary(
    folder: Path, alone: str, seen: bool, options: dict[str, bool]
) -> None:
    model = small(folder, **{"use_local": False, "use_summary": False, alone: seen, **options})
    changed = clips()
    changed[:, 2] = clips(seed=9)[:, 2]
    before, after = model._encode(clips()), model._encode(changed)
    assert torch.equal(before[:, 0], after[:, 0]) != seen
    assert not torch.equal(before[:, 2], after[:, 2])


def test_classes_without_context_of_their_own_have_the_text_that_is_given(folder: Path) -> None:
    trained = {"noun": ("knife", "bowl")}
    model = small(folder, class_specific=True, classes=trained, **NOTHING)
    whole, plain = model(batch(), TEXT)["noun"], model(batch(), {"verb": TEXT["noun"]})["verb"]
    assert torch.equal(whole[:, :2], plain[:, :2])
    assert not torch.isclose(whole[:, 2], plain[:, 2]).any()
    own = {"noun": ClassText(model.text.class_vectors("noun", ("knife",)))}
    video = model(batch(), {"verb": ClassText(own["noun"].vectors, ("knife",))})["verb"]
    torch.testing.assert_close(whole[:, 2:], video)
    wide = {"noun": ClassText(torch.zeros(1, 7), ("cup",))}
    with pytest.raises(ConfigError, match="the class text is 7 wide, expected 24"):
        model(batch(), wide)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_frames": 0}, "num_frames is 0"),
        ({"num_global": -1}, "num_global -1"),
        ({"logit_scale": 0.0}, r"logit_scale 0\.0"),
        ({"num_text_tokens": 0}, "num_tokens is 0"),
        ({"chunk_tokens": 0}, "chunk_tokens 0"),
        ({"class_specific": True}, "the class names trained with"),
        ({"streams": "pixels"}, "give a list of one or more different stream names"),
    ],
)
def test_options_that_cannot_be_are_refused(folder: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(folder, **options)


def test_features_in_place_of_pictures_and_encoders_other_than_clip_are_refused(folder: Path, tmp_path: Path) -> None:
    features = StreamBatch({"pixels": torch.zeros(BATCH, FRAMES, DIM)})
    with pytest.raises(ConfigError, match="stream 'pixels' is 24 wide, expected pictures of 3 x 32 x 32, 3072 values"):
        small(folder)(features, TEXT)
    with pytest.raises(ConfigError, match="reads stream 'pixels', the features hold full"):
        small(folder)(StreamBatch({"full": clips()}), TEXT)
    with pytest.raises(ConfigError, match="have vectors but no names"):
        small(folder)(batch(), {"noun": ClassText(TEXT["noun"].vectors)})
    with pytest.raises(WeightsError, match="has no text tower"):
        small(write_dinov2(tmp_path / "dino"))

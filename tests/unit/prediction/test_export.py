"""What is exported how, what is refused, and that the check of a file can fail."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from egoshift.classifier import AbstractClassifier, ClassText
from egoshift.encoders import load_image_encoder, load_text_encoder
from egoshift.encoders.image import FrozenImageEncoder
from egoshift.encoders.load import open_text_tower
from egoshift.errors import CheckpointError, ConfigError
from egoshift.fusion import Fusion, Unimodal
from egoshift.fusion.sensors import make_signal_encoder
from egoshift.methods import XMIC, TipAdapter, ZeroShot
from egoshift.prediction.export import graph
from egoshift.prediction.export.card import temperatures_of
from egoshift.prediction.export.encoders import write_image_encoder, write_signal_encoder, write_text_encoder
from egoshift.prediction.export.folder import model_folders
from egoshift.prediction.export.graph import Session, write_graph
from egoshift.prediction.export.parity import Case, cases, checked, difference
from egoshift.prediction.export.signature import signature_of
from egoshift.records import Label
from egoshift.training.checkpoint import CheckpointConfig
from tests.fixtures.checkpoints import write_clip, write_siglip

TEXT: dict[Label, ClassText] = {"noun": ClassText(torch.randn(2, 24), ("cup", "cut"))}
SHAPE = {"num_samples": 50, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}


class Doubled(nn.Module):
    def forward(self, values: Tensor) -> tuple[Tensor]:
        return (2 * values,)


class Applied(nn.Module):
    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, values: Tensor) -> tuple[Tensor]:
        return (self.module(values),)


class Fickle(nn.Module):
    """Its path depends on a size, which the exporter ties to the example's."""

    def forward(self, values: Tensor) -> tuple[Tensor]:
        return (values * len(values),)


class Ours(AbstractClassifier):
    required_streams = ("full",)

    def forward(self, batch: object, text: object) -> dict[Label, Tensor]:
        return {}


def test_streams_that_must_agree_share_their_number_of_frames_and_others_do_not() -> None:
    found = signature_of(XMIC(text_dim=24, classify_streams=["gaze"], condition_streams=["hand", "full"]), TEXT)
    assert [(one.name, one.frames) for one in found.streams] == [
        ("gaze", "frames_gaze"),
        ("hand", "frames"),
        ("full", "frames"),
    ]
    assert found.needed == ("gaze",)
    assert found.inputs == ["gaze", "hand", "full", "present_gaze", "present_hand", "present_full", "text_noun"]


def test_windows_of_a_signal_have_their_own_length_and_one_stream_has_no_mask() -> None:
    found = signature_of(Unimodal(sensor="imu", preset="tiny", options=SHAPE, classes={"noun": ["cup", "cut"]}), TEXT)
    (stream,) = found.streams
    assert (stream.frames, stream.dim, stream.mask) == (50, 6, "")
    assert (found.inputs, found.outputs, found.text_dims) == (["imu"], ["logits_noun"], {})


@pytest.mark.parametrize(
    ("classifier", "free"),
    [
        (ZeroShot(), True),
        (TipAdapter(text_dim=24), False),
        (Fusion(modalities={"video": 24}, head="text", text_dim=24), True),
        (Fusion(modalities={"video": 24}, classes={"noun": ["cup", "cut"]}), False),
    ],
)
def test_class_vectors_are_an_input_where_any_vectors_can_be_scored(classifier: AbstractClassifier, free: bool) -> None:
    assert signature_of(classifier, TEXT).text_dims == ({"noun": 24} if free else {})


def test_a_method_from_elsewhere_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Ours is no method of egoshift, .* torch\.onnx\.export yourself"):
        signature_of(Ours(), TEXT)


def test_inputs_at_the_edges_are_tried() -> None:
    found = list(cases(signature_of(XMIC(text_dim=24), TEXT)))
    names = [case.name for case in found]
    assert names[0] == "1 clips of 1 frames, 1 classes"
    assert {"zero vectors", "one clip all zeros", "some without full", "none with full"} <= set(names)
    assert "none with hand" not in names  # PyTorch refuses clips without what is classified
    zero = dict(found)["zero vectors"]
    assert not any(zero[name].any() for name in ("hand", "full", "text_noun"))
    assert dict(found)["some without full"]["full"][0].isnan().all()


def test_a_difference_is_a_share_of_large_numbers_and_never_hides_nan_or_shapes() -> None:
    theirs = torch.tensor([0.5, -200.0, torch.nan])
    assert difference(theirs, theirs) == 0
    assert difference(theirs + torch.tensor([1e-3, 0.0, 0.0]), theirs) == pytest.approx(1e-3, rel=1e-3)
    assert difference(theirs + torch.tensor([0.0, 0.1, 0.0]), theirs) == pytest.approx(5e-4, rel=1e-3)
    assert difference(theirs.nan_to_num(0.0), theirs) == torch.inf
    assert difference(theirs[:2], theirs) == torch.inf


def test_a_file_that_differs_is_removed_and_the_difference_told(tmp_path: Path) -> None:
    path, values = tmp_path / "x.onnx", torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    write_graph(path, Doubled(), {"values": values}, {"values": ("batch", 2)}, ["twice"])
    good = checked(path, [Case("one", {"values": values[:1]})], lambda case: {"twice": 2 * case.given["values"]})
    assert (good.difference, good.inputs) == (0.0, 1)
    wrong = [Case("one", {"values": values[:1]}), Case("both", {"values": values})]
    with pytest.raises(ConfigError, match=r"differs from PyTorch by 0\.001 of the number on both, at most 0\.0001"):
        checked(
            path, wrong, lambda case: {"twice": case.given["values"] * (2 + 0.002 * (len(case.given["values"]) - 1))}
        )
    assert not path.exists()


def test_a_size_that_the_exporter_ties_to_the_example_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x\.onnx: the graph would take exactly 3 as batch \(axis 0 of values\)"):
        write_graph(tmp_path / "x.onnx", Fickle(), {"values": torch.randn(3, 2)}, {"values": ("batch", 2)}, ["product"])
    assert not (tmp_path / "x.onnx").exists()


def test_large_weights_lie_in_a_file_beside_and_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "LARGEST", 1000)
    path, linear, values = tmp_path / "x.onnx", nn.Linear(32, 32), torch.randn(2, 32)
    write_graph(path, Applied(linear), {"values": values}, {"values": ("batch", 32)}, ["applied"])
    assert {file.name for file in tmp_path.iterdir()} == {"x.onnx", "x.onnx.data"}
    torch.testing.assert_close(Session(path)({"values": values})["applied"], linear(values).detach())
    with pytest.raises(ConfigError, match="differs from PyTorch"):
        checked(path, [Case("some", {"values": values})], lambda case: {"applied": torch.zeros(2, 32)})
    assert not list(tmp_path.iterdir())


def test_image_and_text_towers_give_what_the_library_gives(tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "clip"))
    encoder = load_image_encoder(clip, precision="float32")
    assert isinstance(encoder, FrozenImageEncoder)
    written = write_image_encoder(tmp_path / "image.onnx", encoder)
    assert (written.parity.inputs, written.inputs[0].shape) == (4, ("batch", 3, 32, 32))
    pictures = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    ours = Session(tmp_path / "image.onnx")({"images": pictures})["features"]
    torch.testing.assert_close(ours, encoder.encode(pictures), rtol=1e-4, atol=1e-4)
    prompts = ["cup", "wash the cup", "a"]
    for kind, name in (("clip", clip), ("siglip", str(write_siglip(tmp_path / "siglip")))):
        _, tower, tokeniser = open_text_tower(name, precision="float32")
        vectors = load_text_encoder(name).encode(prompts)
        written = write_text_encoder(tmp_path / f"{kind}.onnx", tower, tokeniser, prompts, vectors)
        assert written.parity.difference < 1e-4
        with pytest.raises(ConfigError, match="differs from PyTorch"):
            write_text_encoder(tmp_path / f"{kind}.onnx", tower, tokeniser, prompts, vectors.flip(0))


def test_a_sensors_encoder_reads_windows_with_gaps(tmp_path: Path) -> None:
    encoder = make_signal_encoder("barometer", preset="tiny", options=SHAPE).eval()
    encoder.observe([torch.randn(4, 50, 1) * 3 + 1000])
    written = write_signal_encoder(tmp_path / "x.onnx", encoder)
    assert written.parity.inputs == 4
    windows = torch.randn(2, 50, 1) + 1000
    windows[1, 10:40] = torch.nan
    ours = Session(tmp_path / "x.onnx")({"windows": windows})["features"]
    for row, window in zip(ours, windows, strict=True):
        torch.testing.assert_close(row, encoder(window[None])[0].detach(), rtol=1e-4, atol=1e-4)


def test_folders_of_models_are_found_in_a_run_or_are_one_themselves(tmp_path: Path) -> None:
    for label in ("verb", "noun"):
        (tmp_path / "models" / label).mkdir(parents=True)
        (tmp_path / "models" / label / "config.json").touch()
    assert model_folders(tmp_path) == [tmp_path / "models" / "noun", tmp_path / "models" / "verb"]
    assert model_folders(tmp_path / "models" / "verb") == [tmp_path / "models" / "verb"]
    with pytest.raises(CheckpointError, match="holds no trained model"):
        model_folders(tmp_path / "models")


def test_a_model_without_calibration_has_no_temperatures() -> None:
    config = CheckpointConfig(method="zero_shot", settings={}, streams=("full",), vocabularies={"noun": ("cup",)})
    assert temperatures_of(config) == {}

"""The live palm detector, on real frames of Aria glasses where they are present."""

import hashlib
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egoshift.errors import ConfigError, WeightsError
from egoshift.media import VideoInfo, open_hand_locator
from egoshift.media.palm import PalmLocator, letterbox

Frames = tuple[np.ndarray, ...]


@pytest.fixture(scope="module")
def model(assets: Path) -> Path:
    return assets / "hands" / "palm_detection_lite.onnx"


def aria_frames(assets: Path, name: str) -> Frames:
    """The frames of one recording, upright as they are stored there."""
    with np.load(assets / "aria" / "extracted" / f"{name}.npz") as recording:
        encoded = [recording[f"rgb_jpg_{index}"].tobytes() for index in range(len(recording["rgb_t_ns"]))]
    return tuple(np.asarray(Image.open(io.BytesIO(jpg)).convert("RGB")) for jpg in encoded)


def info_of(frames: Sequence[np.ndarray]) -> VideoInfo:
    height, width = frames[0].shape[:2]
    return VideoInfo(Path("aria.mp4"), len(frames) / 10, width, height, 10.0, len(frames), 0, "h264")


def turned(frames: Frames, quarters: int) -> Frames:
    return tuple(np.ascontiguousarray(np.rot90(frame, quarters)) for frame in frames)


def holds(box: np.ndarray, point: tuple[float, float]) -> bool:
    return bool(box[0] < point[0] < box[2] and box[1] < point[1] < box[3])


@pytest.mark.parametrize("shape", [(192, 192), (480, 640), (1080, 200), (1, 1000)])
def test_the_letterbox_shows_the_whole_frame_in_the_middle(shape: tuple[int, int]) -> None:
    square, scale, margin = letterbox(np.full((*shape, 3), 255, dtype=np.uint8))
    white = square[:, :, 0] > 0.5
    columns, rows = np.flatnonzero(white.any(axis=0)), np.flatnonzero(white.any(axis=1))
    assert scale == 192 / max(shape)
    assert (columns[0], rows[0]) == tuple(margin)
    assert 0 <= (191 - columns[-1]) - columns[0] <= 1
    assert 0 <= (191 - rows[-1]) - rows[0] <= 1
    assert abs(len(columns) - shape[1] * scale) <= 1
    assert abs(len(rows) - shape[0] * scale) <= 1
    assert set(np.unique(square)) <= {0.0, 1.0}


# Where hands were seen by eye: recording, frame, points inside each hand in shares of the frame.
SEEN = [
    ("aea_recording", 0, [(0.5, 0.88)]),
    ("gen1_unit_test", 0, [(0.6, 0.6)]),
    ("gen2_unit_test", 1, [(0.47, 0.85), (0.92, 0.55)]),
    ("gen2_unit_test", 2, [(0.5, 0.75), (0.9, 0.55)]),
]


@pytest.mark.parametrize(("recording", "index", "hands"), SEEN)
def test_hands_of_real_frames_lie_in_the_box(
    assets: Path, model: Path, recording: str, index: int, hands: list[tuple[float, float]]
) -> None:
    frames = aria_frames(assets, recording)
    found = PalmLocator(model).locate("aria", np.zeros(1), [frames[index]], info_of(frames))
    assert found.origin.tolist() == [1]
    assert all(holds(found.boxes[0], hand) for hand in hands)
    left, top, right, bottom = found.boxes[0]
    assert 0.02 < (right - left) * (bottom - top) < 0.6


def test_what_is_found_turns_with_the_frame(assets: Path, model: Path) -> None:
    frame = aria_frames(assets, "gen2_unit_test")[2]
    locator = PalmLocator(model)
    palms, _ = locator.find(frame)
    assert len(palms.scores) == 2
    for quarters in (1, 2, 3):
        (image,) = turned((frame,), quarters)
        again, _ = locator.find(image)
        # A palm's centre in shares of the upright frame, from that in the turned one (turned against the clock).
        x, y = ((again.boxes[:, :2] + again.boxes[:, 2:]) / 2).T
        back = {1: (1 - y, x), 2: (1 - x, 1 - y), 3: (y, 1 - x)}[quarters]
        upright = (palms.boxes[:, :2] + palms.boxes[:, 2:]) / 2
        nearest = np.abs(upright[:, None] - np.stack(back, axis=1)[None]).sum(axis=2).min(axis=1)
        assert (nearest < 0.06).all()


def test_frames_with_and_without_hands_are_told_apart(assets: Path, model: Path) -> None:
    """Counted over all 18 real frames at MediaPipe's threshold; gloved hands (adt_video) are not found."""
    locator = PalmLocator(model)
    origins = {}
    for name in ("aea_recording", "gen1_unit_test", "gen2_unit_test", "adt_video"):
        frames = aria_frames(assets, name)
        found = locator.locate("aria", np.arange(len(frames)) / 10, frames, info_of(frames))
        np.testing.assert_array_equal(found.boxes[found.origin == 0], [[0, 0, 1, 1]] * int((found.origin == 0).sum()))
        origins[name] = found.origin.tolist()
    # The wearer's hand leaves the view after the third frame. In the eighth, which is left out here, the blades of a
    # fan score 0.53.
    assert origins["aea_recording"][:7] == [1, 1, 1, 0, 0, 0, 0]
    assert origins["gen1_unit_test"] == [1, 1, 1, 0]
    assert origins["gen2_unit_test"] == [0, 1, 1]
    assert origins["adt_video"] == [0, 0, 0]


def test_a_frame_given_twice_is_looked_at_once(assets: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = aria_frames(assets, "gen2_unit_test")[2]
    locator = PalmLocator(model)
    looked: list[np.ndarray] = []
    find = locator.find

    def counted(image: np.ndarray) -> object:
        looked.append(image)
        return find(image)

    monkeypatch.setattr(locator, "find", counted)
    found = locator.locate("aria", np.array([0.0, 0.05, 0.1]), [frame, frame, frame.copy()], info_of([frame]))
    assert len(looked) == 2
    assert found.origin.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(found.boxes[0], found.boxes[1])


def test_a_threshold_that_nothing_reaches_gives_full_frames(assets: Path, model: Path) -> None:
    frames = aria_frames(assets, "gen2_unit_test")[2:]
    found = PalmLocator(model, hand_threshold=0.99).locate("aria", np.zeros(1), frames, info_of(frames))
    assert found.origin.tolist() == [0]


def test_the_description_names_the_model_by_its_hash(model: Path) -> None:
    description = open_hand_locator("palm", model).description
    assert json.loads(json.dumps(description)) == {
        "kind": "palm",
        "source": "palm_detection_lite.onnx",
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "hand_threshold": 0.5,
    }


def test_without_onnx_runtime_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        ConfigError, match=r'^the palm detector needs ONNX Runtime; run: pip install "egoshift\[hands\]"$'
    ):
        PalmLocator(Path("palm.onnx"))


def test_a_missing_model_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"palm\.onnx: no such file; give the ONNX file"):
        PalmLocator(tmp_path / "palm.onnx")


@pytest.mark.parametrize("place", ["../weights.bin", "/absolute/weights.bin", "link/weights.bin"])
def test_a_model_whose_weights_lie_elsewhere_is_refused_and_they_are_not_read(tmp_path: Path, place: str) -> None:
    onnx = pytest.importorskip("onnx")
    (tmp_path / "weights.bin").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    weights = onnx.TensorProto(name="w", data_type=1, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value=place)
    ends = [onnx.helper.make_tensor_value_info(name, 1, [4]) for name in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weights]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "palm.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(
        WeightsError, match=r"palm\.onnx: not a usable ONNX file .*[Ee]xternal data.*; download it again"
    ):
        PalmLocator(path)


def test_a_damaged_model_gives_one_line(tmp_path: Path) -> None:
    path = tmp_path / "palm.onnx"
    for content in (b"", b"not a model"):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"palm\.onnx: not a usable ONNX file .*download it again") as error:
            PalmLocator(path)
        assert "\n" not in str(error.value)


def test_another_model_is_refused_with_both_shapes_named(assets: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"hand_landmark_lite\.onnx: a model from .*224.* where MediaPipe's palm detector"
    ):
        PalmLocator(assets / "hands" / "hand_landmark_lite.onnx")

"""Hands found in the frames themselves, by MediaPipe's palm detector through ONNX Runtime."""

import hashlib
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, UInt8
from PIL import Image

from egoshift.errors import ConfigError, WeightsError
from egoshift.media.hands import FULL_FRAME, AbstractHandLocator, HandBoxes, are_slivers, pixel_edges, union_per_frame
from egoshift.media.palm_boxes import (
    INPUT_SIZE,
    NUM_KEYPOINTS,
    Palms,
    anchor_centres,
    decode_palms,
    hand_boxes,
    merge_palms,
)
from egoshift.media.video import VideoInfo

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_COLUMNS = 4 + 2 * NUM_KEYPOINTS
_NUM_ANCHORS = 2016


class PalmLocator(AbstractHandLocator):
    """Hand boxes from a palm detector that looks at every asked frame; objects are not found.

    The model's scores are of another kind than those of stored detections: MediaPipe's own threshold is 0.5. Frames
    should be upright; a wearer's hands that come in from the side are found less often than raised ones.

    Args:
        path: MediaPipe's ``palm_detection_lite`` or ``palm_detection_full`` as an ONNX file.
        hand_threshold: Palms that score at least this count.

    Raises:
        ConfigError: ONNX Runtime is not installed.
        WeightsError: The file is missing, damaged or another model.
    """

    def __init__(self, path: Path, *, hand_threshold: float = 0.5):
        self._path = path
        self._hand_threshold = hand_threshold
        self._session = _open_session(path)
        self._centres = anchor_centres()

    def __reduce__(self) -> tuple[object, ...]:
        # A session cannot be pickled; another process opens its own.
        return partial(PalmLocator, self._path, hand_threshold=self._hand_threshold), ()

    @cached_property
    def description(self) -> dict[str, object]:
        """Kind, threshold, the model's file name and hash."""
        return {
            "kind": "palm",
            "source": self._path.name,
            "sha256": hashlib.sha256(self._path.read_bytes()).hexdigest(),
            "hand_threshold": self._hand_threshold,
        }

    def find(self, frame: UInt8[np.ndarray, "height width 3"]) -> tuple[Palms, Float[np.ndarray, "hands 4"]]:
        """The palms in one frame and the box around each hand, both in shares of the frame, not clipped."""
        square, scale, pad = letterbox(frame)
        outputs = self._session.run(None, {self._session.get_inputs()[0].name: square[None]})
        regressed, logits = sorted(outputs, key=lambda output: -output.shape[-1])
        palms = merge_palms(decode_palms(regressed[0], logits[0, :, 0], self._centres, self._hand_threshold))
        hands = hand_boxes(palms)
        size = np.array([frame.shape[1], frame.shape[0]]) * scale
        shares = Palms((palms.boxes - np.tile(pad, 2)) / np.tile(size, 2), (palms.keypoints - pad) / size, palms.scores)
        return shares, (hands - np.tile(pad, 2)) / np.tile(size, 2)

    def locate(
        self,
        video_id: str,
        times_s: Float[np.ndarray, " times"],
        frames: Sequence[UInt8[np.ndarray, "_ _ 3"]],
        info: VideoInfo,
    ) -> HandBoxes:
        """The union of all hands in each frame, clipped to it; the full frame where there is none.

        A frame that is given several times in a row is looked at once.
        """
        assert len(frames) == len(times_s), "the palm detector needs the frame of every asked time"
        boxes = np.tile(np.array(FULL_FRAME, dtype=np.float32), (len(frames), 1))
        origin = np.zeros(len(frames), dtype=np.uint8)
        for index, frame in enumerate(frames):
            if index and frame is frames[index - 1]:
                boxes[index], origin[index] = boxes[index - 1], origin[index - 1]
                continue
            _, hands = self.find(frame)
            if len(hands):
                union = union_per_frame(1, np.zeros(len(hands), dtype=np.int64), hands)
                if not are_slivers(pixel_edges(union, frame.shape[1], frame.shape[0]))[0]:
                    boxes[index], origin[index] = union[0], 1
        return HandBoxes(boxes, origin)


def letterbox(
    frame: UInt8[np.ndarray, "height width 3"],
) -> tuple[Float32[np.ndarray, "192 192 3"], float, Float[np.ndarray, "2"]]:
    """The frame as the model takes it: whole, in the middle of a black square, values in [0, 1].

    Returns:
        The square, the scale from the frame's pixels to the square's, and the margin at the left and the top.
    """
    height, width = frame.shape[:2]
    scale = INPUT_SIZE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (INPUT_SIZE - size[0]) // 2, (INPUT_SIZE - size[1]) // 2
    square = np.zeros((INPUT_SIZE, INPUT_SIZE, 3), dtype=np.float32)
    resized = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    square[top : top + size[1], left : left + size[0]] = resized / 255
    return square, scale, np.array([left, top], dtype=np.float64)


def _open_session(path: Path) -> "InferenceSession":
    try:
        import onnxruntime
    except ImportError:
        raise ConfigError('the palm detector needs ONNX Runtime; run: pip install "egoshift[hands]"') from None
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; give the ONNX file of MediaPipe's palm_detection_lite")
    options = onnxruntime.SessionOptions()
    # One thread: frames are decoded and encoded on the other cores meanwhile.
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # ONNX Runtime has no common class for what a damaged file can cause.
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{path}: not a usable ONNX file ({reason}); download it again") from None
    inputs = [tuple(value.shape) for value in session.get_inputs()]
    outputs = [tuple(value.shape) for value in session.get_outputs()]
    expected = [(1, _NUM_ANCHORS, 1), (1, _NUM_ANCHORS, _COLUMNS)]
    if inputs != [(1, INPUT_SIZE, INPUT_SIZE, 3)] or sorted(outputs) != expected:
        raise WeightsError(
            f"{path}: a model from {inputs} to {outputs}, where MediaPipe's palm detector is from "
            f"[(1, 192, 192, 3)] to {expected}; give palm_detection_lite.onnx"
        )
    return session

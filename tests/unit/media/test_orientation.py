from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from egoshift.errors import MediaError
from egoshift.media import probe, read_frames
from egoshift.media.orientation import Orientation
from tests.fixtures.videos import index_frame, read_index, write_video


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", [False, True])
def test_all_eight_ways_to_hold_a_camera_are_turned_upright(tmp_path: Path, rotation: int, flip: bool) -> None:
    path = write_video(tmp_path / "video.mp4", 3, rotation=rotation, flip=flip, lossless=True)
    frames = [frame for _, frame in read_frames(path, np.arange(3) / 30)]
    assert [read_index(frame) for frame in frames] == [0, 1, 2]
    assert all(frame.flags.c_contiguous for frame in frames)


def test_turning_agrees_with_numpy() -> None:
    picture = index_frame(1234)
    for turns, orientation in (
        (0, Orientation()),
        (1, Orientation(transpose=True, mirror_columns=True)),
        (2, Orientation(mirror_rows=True, mirror_columns=True)),
        (3, Orientation(transpose=True, mirror_rows=True)),
    ):
        assert orientation.degrees == 90 * turns
        np.testing.assert_array_equal(orientation.apply(picture), np.rot90(picture, -turns))


def test_a_picture_to_be_shown_askew_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(-30)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(index_frame(0), format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="shown turned by 30 degrees, which is no quarter turn; write it anew"):
        probe(path)

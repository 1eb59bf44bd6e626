"""The overlay's pictures, decoded again: every frame at its time, upright, in its colours, with its panel."""

from fractions import Fraction

import av
import numpy as np
import pytest

from egoshift.prediction import Evidence
from egoshift.prediction.colours import OTHER, PALETTE, colours, ranked
from egoshift.prediction.overlay import write_overlay
from egoshift.prediction.overlay_frames import HandBoxAt
from tests.fixtures.videos import SIZE, index_frame, read_index, textured_frames, write_video
from tests.unit.prediction.overlays import NO_EVIDENCE, decoded, prediction
from tests.unit.prediction.timelines import segment, timeline


@pytest.mark.parametrize(
    ("size", "rotation", "flip"),
    [
        ((96, 64), 0, False),
        ((96, 64), 90, False),
        ((96, 64), 180, True),
        ((256, 192), 270, False),
        ((64, 160), 0, False),
    ],
)
def test_every_frame_is_there_upright_at_its_time(tmp_path, size, rotation, flip):
    frames = [index_frame(index, size) for index in range(25)]
    video = write_video(tmp_path / "a.mp4", frames, Fraction(30000, 1001), rotation=rotation, flip=flip)
    assert write_overlay(prediction(video), tmp_path / "out.mp4") == ()
    times, pictures = decoded(tmp_path / "out.mp4")
    assert times == pytest.approx([index * 1001 / 30000 for index in range(25)], abs=1e-4)
    assert pictures[0].shape[1] == size[0]
    assert [read_index(picture[: size[1]]) for picture in pictures] == list(range(25))


def test_frames_keep_uneven_times_and_count_from_the_first(tmp_path):
    times_s = [0, 0.1, 0.15, 0.7, 0.71, 1.5]
    video = write_video(tmp_path / "a.mkv", 6, times_s=times_s, start_s=5.0)
    write_overlay(prediction(video), tmp_path / "out.mp4")
    times, pictures = decoded(tmp_path / "out.mp4")
    assert times == pytest.approx(times_s, abs=1e-3)
    assert [read_index(picture[: SIZE[1]]) for picture in pictures] == list(range(6))


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
def test_odd_sizes_are_doubled_at_the_edge(tmp_path, codec):
    odd = [index_frame(index, (100, 68))[:67, :99] for index in range(8)]
    video = write_video(tmp_path / "a.mkv", odd, codec="ffv1", options={}) if codec == "libx264" else None
    video = video or write_video(tmp_path / "b.webm", odd, codec=codec)
    write_overlay(prediction(video), tmp_path / "out.mp4")
    _, pictures = decoded(tmp_path / "out.mp4")
    assert pictures[0].shape[1] == 100
    assert [read_index(picture[:68]) for picture in pictures] == list(range(8))
    grey = pictures[3].astype(int)
    assert np.abs(grey[:66, 98] - grey[:66, 99]).max() <= 6


def test_the_panel_tells_class_confidence_and_time(tmp_path):
    size = (320, 240)
    video = write_video(tmp_path / "a.mp4", [np.zeros((240, 320, 3), np.uint8)] * 40, 20)
    steps = np.array([0.25, 0.75, 1.25, 1.75])
    sure = np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [np.nan, np.nan]], np.float32)
    made = timeline({"verb": (segment(0, 1, "take"), segment(1, 2, "cut", 0.4))}).model_copy(
        update={"classes": {"verb": ("take", "cut")}}
    )
    write_overlay(prediction(video, made, Evidence(steps, {"verb": sure})), tmp_path / "out.mp4")
    _, pictures = decoded(tmp_path / "out.mp4")
    first, second = colours(made.tracks["verb"])["take"], colours(made.tracks["verb"])["cut"]

    def is_like(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
        return np.asarray(np.abs(pixels.astype(int) - colour).max(axis=-1) < 40)

    # The bar's longest run of the class's colour, right of the middle and above the strip, over the bar's full length.
    def bar(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
        row = picture[size[1] : -14, 160:]
        return int(is_like(row, colour).sum(axis=1).max())

    full = bar(pictures[2], first) / 0.9
    assert bar(pictures[12], first) / full == pytest.approx(0.3, abs=0.05)
    assert bar(pictures[25], second) / full == pytest.approx(0.8, abs=0.05)
    assert bar(pictures[36], second) / full == pytest.approx(0.4, abs=0.05), "the segment's where a step was not read"
    assert bar(pictures[36], first) == 0
    strips = [picture[-9:-7] for picture in pictures]
    cursors = [int(strip.min(axis=2).mean(axis=0).argmax()) for strip in strips]
    assert cursors == sorted(cursors)
    assert cursors[20] == pytest.approx(160, abs=3)
    assert is_like(strips[30][:, 20:150], first).mean() > 0.9
    assert is_like(strips[10][:, 170:300], second).mean() > 0.9


def test_hand_boxes_are_drawn_where_hands_were_found(tmp_path):
    video = write_video(tmp_path / "a.mp4", [np.full((240, 320, 3), 90, np.uint8)] * 30, 10)
    boxes = np.array([[0.25, 0.25, 0.75, 0.75], [0, 0, 1, 1], [0.5, 0.5, 1.2, 1.2]], np.float32)
    evidence = Evidence(np.zeros(0), {}, np.array([0.5, 1.5, 2.5]), boxes, np.array([1, 0, 2], np.uint8))
    write_overlay(prediction(video, evidence=evidence), tmp_path / "out.mp4")
    _, pictures = decoded(tmp_path / "out.mp4")
    yellow = [(picture[:240, :, 0].astype(int) - picture[:240, :, 2] > 60) for picture in pictures]
    rows, columns = yellow[5].nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (60, 179, 80, 239)
    assert not yellow[5][64:176, 84:236].any()
    assert not yellow[15].any()
    rows, columns = yellow[25].nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (120, 239, 160, 319)


def test_the_box_nearest_in_time_is_shown_and_none_far_from_all():
    boxes = np.array([[0, 0, 0.1, 0.1], [0, 0, 0.2, 0.2], [0, 0, 0.3, 0.3]], np.float32)
    evidence = Evidence(np.zeros(0), {}, np.array([0.0, 1.0, 2.0]), boxes, np.array([1, 2, 0], np.uint8))
    at = HandBoxAt(evidence).at
    shown = [
        None if (box := at(time_s)) is None else round(float(box[3]), 1) for time_s in (0, 0.4, 0.6, 1.4, 1.6, 2.9)
    ]
    assert shown == [0.1, 0.1, 0.2, 0.2, None, None]
    alone = Evidence(np.zeros(0), {}, np.array([3.0]), boxes[:1], np.ones(1, np.uint8))
    assert [HandBoxAt(alone).at(time_s) is None for time_s in (2.4, 2.6, 3.4, 3.6)] == [True, False, False, True]
    assert HandBoxAt(NO_EVIDENCE).at(0) is None


@pytest.mark.parametrize("size", [(16, 16), (40, 30)])
def test_tiny_recordings_get_an_overlay(tmp_path, size):
    video = write_video(tmp_path / "a.mp4", [np.zeros((size[1], size[0], 3), np.uint8)] * 5, 10)
    boxes = Evidence(np.zeros(0), {}, np.zeros(1), np.array([[0.5, 0.5, 0.5, 0.5]], np.float32), np.ones(1, np.uint8))
    write_overlay(prediction(video, evidence=boxes), tmp_path / "out.mp4")
    assert len(decoded(tmp_path / "out.mp4")[1]) == 5


@pytest.mark.parametrize("made", [timeline({}), timeline({"verb": ()}), timeline({"noun": (segment(0, 1, ""),)})])
def test_a_timeline_that_says_nothing_is_drawn(tmp_path, made):
    video = write_video(tmp_path / "a.mp4", 5, 10)
    write_overlay(prediction(video, made), tmp_path / "out.mp4")
    assert [read_index(picture[: SIZE[1]]) for picture in decoded(tmp_path / "out.mp4")[1]] == list(range(5))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv444p", "yuv420p10le"])
def test_colours_and_brightness_stay_what_they_were(tmp_path, pixels):
    shades = np.zeros((64, 96, 3), np.uint8)
    for place, colour in enumerate(
        [(255, 255, 255), (0, 0, 0), (200, 30, 30), (30, 160, 60), (40, 60, 200), (128,) * 3]
    ):
        shades[:, 16 * place : 16 * place + 16] = colour
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1" if pixels != "yuvj420p" else "mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        frame = av.VideoFrame.from_ndarray(shades, format="rgb24").reformat(format=pixels)
        for index in range(3):
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    write_overlay(prediction(path), tmp_path / "out.mp4")
    shown = decoded(tmp_path / "out.mp4")[1][1][:64].astype(int)
    middles = shown[32, 8::16]
    assert np.abs(middles - shades[32, 8::16]).max() <= 12


def test_names_without_a_font_are_told(tmp_path):
    video = write_video(tmp_path / "a.mp4", textured_frames(10, (256, 192)), 10)
    name = "\U000f0000 cup"  # private use: no font means anything by it
    notices = write_overlay(prediction(video, timeline({"verb": (segment(0, 1, name),)})), tmp_path / "out.mp4")
    assert notices == ("no font here has \U000f0000; drawn as boxes: install one that has, such as Noto",)


def test_classes_are_ranked_by_the_time_they_lead():
    track = (segment(0, 1, "b"), segment(1, 2, ""), segment(2, 5, "a"), segment(5, 7, "b"), segment(7, 8, "c"))
    assert ranked(track) == ("a", "b", "c")
    many = tuple(segment(index, index + 1, f"{index:02d}") for index in range(len(PALETTE) + 2))
    assert list(colours(many).values()) == [*PALETTE, OTHER, OTHER]

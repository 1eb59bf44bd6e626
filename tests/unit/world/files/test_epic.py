import pytest

from egoshift.media.epic_hoa import detections_message
from egoshift.world.detections import DetectedHand, DetectedObject, FrameDetections
from egoshift.world.files.epic import frame_message, timestamp


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [(0.0, 2, "00:00:00.00"), (61.999, 2, "00:01:02.00"), (3725.06, 2, "01:02:05.06"), (1.089, 3, "00:00:01.089")],
)
def test_timestamps_are_written_as_epic_writes_them(seconds: float, decimals: int, text: str) -> None:
    assert timestamp(seconds, decimals) == text


def test_a_frame_is_serialised_as_the_protobuf_library_does_it() -> None:
    hand = DetectedHand((0.1, 0.2, 0.3, 0.4), 0.93, left=False, touches=True, offset=(-0.05, 0.0))
    still = DetectedHand((0.0, 0.5, 0.25, 1.0), 0.5, left=True, touches=False, offset=(0.0, 0.0))
    thing = DetectedObject((0.5, 0.5, 0.75, 0.875), 0.25)
    message_class = detections_message()
    message = message_class(video_id="P01_101", frame_number=300)
    for each in (hand, still):
        added = message.hands.add(score=each.score, state=3 * each.touches, side=0 if each.left else 1)
        added.bbox.left, added.bbox.top, added.bbox.right, added.bbox.bottom = each.box
        added.object_offset.x, added.object_offset.y = each.offset
    added = message.objects.add(score=thing.score)
    added.bbox.left, added.bbox.top, added.bbox.right, added.bbox.bottom = thing.box
    written = frame_message("P01_101", 300, FrameDetections((hand, still), (thing,)))
    assert message_class.FromString(written) == message
    assert written == message.SerializeToString(deterministic=True)

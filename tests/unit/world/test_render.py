import numpy as np
import pytest

from egoshift.world.detections import detect
from egoshift.world.render import Renderer
from egoshift.world.scene import Seen, SeenHand
from egoshift.world.script import Script, write_script
from egoshift.world.style import HOME_STYLE, KITCHEN_STYLE, Style


def script_of(style: Style, seed: int = 0) -> Script:
    return write_script("v", "P01", "train", style, 40.0, (seed, 1, 1))


@pytest.mark.parametrize("style", [KITCHEN_STYLE, HOME_STYLE], ids=["kitchen", "home"])
def test_frames_depend_on_the_seed_and_on_nothing_else(style: Style) -> None:
    first, second, other = Renderer(script_of(style)), Renderer(script_of(style)), Renderer(script_of(style, 1))
    second.frame(7)
    picture, seen = first.frame(100)
    assert picture.shape == (style.size[1], style.size[0], 3)
    again, seen_again = second.frame(100)
    assert np.array_equal(picture, again)
    assert seen == seen_again
    assert not np.array_equal(picture, other.frame(100)[0])


def test_hands_are_in_view_in_the_middle_of_nearly_every_action() -> None:
    for style in (KITCHEN_STYLE, HOME_STYLE):
        script = script_of(style)
        renderer = Renderer(script)
        middles = [round((a.start_s + a.stop_s) / 2 * style.rate_hz) for a in script.actions]
        shown = [bool(renderer.frame(index)[1].hands) for index in middles]
        assert np.mean(shown) > 0.9


def test_actions_follow_each_other_and_some_annotations_overlap() -> None:
    script = write_script("v", "P01", "train", KITCHEN_STYLE, 90.0, (0, 1, 1))
    pairs = list(zip(script.actions[:-1], script.actions[1:], strict=True))
    assert len(pairs) > 20
    for a, b in pairs:
        assert a.start_s < a.stop_s < b.start_s
    assert any(a.noted_stop_s > b.noted_start_s for a, b in pairs)
    assert any(b.noted_start_s - a.noted_stop_s > 1 for a, b in pairs)
    for action in script.actions:
        assert 1.4 < action.stop_s - action.start_s < 3.9
        assert 0 <= action.noted_start_s <= action.start_s < action.stop_s <= action.noted_stop_s <= 90


def test_detections_are_near_the_truth_with_some_missed() -> None:
    hand = SeenHand((100.0, 50.0, 150.0, 100.0), left=False, touches=True)
    seen = Seen((hand,), ((90.0, 30.0, 130.0, 70.0),))
    rng = np.random.default_rng(0)
    found = [detect(seen, (256, 192), rng) for _ in range(1000)]
    hands = [hand for frame in found for hand in frame.hands]
    objects = [thing for frame in found for thing in frame.objects if thing.score > 0.2]
    assert 900 < len(hands) < 980
    assert 820 < len(objects) < 930
    centre = np.mean([hand.box for hand in hands], axis=0)
    assert np.allclose(centre, [100 / 256, 50 / 192, 150 / 256, 100 / 192], atol=0.003)
    for box in (*(hand.box for hand in hands), *(thing.box for thing in objects)):
        assert 0 <= box[0] <= box[2] <= 1
        assert 0 <= box[1] <= box[3] <= 1


def test_what_no_hand_touches_is_no_object_to_a_detector() -> None:
    seen = Seen((SeenHand((0.0, 0.0, 50.0, 50.0), left=True, touches=False),), ((90.0, 30.0, 130.0, 70.0),))
    rng = np.random.default_rng(1)
    assert all(thing.score < 0.21 for _ in range(50) for thing in detect(seen, (256, 192), rng).objects)

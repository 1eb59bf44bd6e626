import numpy as np
import pytest

from egoshift.world.detections import detect
from egoshift.world.render import Renderer, blurred
from egoshift.world.scene import Seen, SeenHand
from egoshift.world.script import Script, write_script
from egoshift.world.style import BENCH_STYLE, HOME_STYLE, KITCHEN_STYLE, Style


def script_of(style: Style, seed: int = 0) -> Script:
    return write_script("v", "P01", "train", style, 40.0, (seed, 1, 1))


@pytest.mark.parametrize("style", [KITCHEN_STYLE, HOME_STYLE, BENCH_STYLE], ids=lambda style: str(style.name))
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
    for style in (KITCHEN_STYLE, HOME_STYLE, BENCH_STYLE):
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


def test_distractors_are_larger_than_what_is_in_the_hands_and_nearer_to_the_middle() -> None:
    """The paper's Figure 1, and why looking at the hands matters: measured on where the hands act."""
    for style in (KITCHEN_STYLE, HOME_STYLE, BENCH_STYLE):
        width, height = style.size
        far = []
        script = script_of(style)
        renderer = Renderer(script)
        for action in script.actions:
            _, seen = renderer.frame(round((action.start_s + action.stop_s) / 2 * style.rate_hz))
            if seen.things:
                left, top, right, bottom = seen.things[0]
                far.append(np.hypot((left + right) / 2 / width - 0.5, (top + bottom) / 2 / height - 0.5))
        assert np.mean(far) > 0.15


def test_blur_is_the_mean_along_the_way_and_keeps_the_light() -> None:
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, 20] = 200
    assert blurred(picture, (1.0, 0.0)) is picture
    smeared = blurred(picture, (4.0, 0.0))
    assert smeared[5, :, 0].tolist() == [0] * 18 + [40] * 5 + [0] * 17
    across = blurred(picture, (0.0, 4.0))
    assert np.array_equal(across, picture)  # a line is as sharp as before along itself


def test_quick_turns_of_the_head_blur_frames_and_a_still_head_does_not() -> None:
    script = script_of(HOME_STYLE)
    renderer = Renderer(script)
    between = [(a, b) for a, b in zip(script.actions[:-1], script.actions[1:], strict=True) if a.place != b.place]
    turns = [round((a.stop_s + b.start_s) / 2 * HOME_STYLE.rate_hz) for a, b in between]
    still = [round((a.start_s + a.stop_s) / 2 * HOME_STYLE.rate_hz) for a in script.actions]

    def detail(index: int) -> float:
        picture = renderer.frame(index)[0].astype(float).mean(-1)
        return float(np.abs(np.diff(picture[:96], axis=1)).mean())

    assert turns
    assert np.mean([detail(index) for index in turns]) < 0.85 * np.mean([detail(index) for index in still])

import math

import numpy as np
import pytest
from PIL import Image

from egoshift.world.drawing.hands import HandLook
from egoshift.world.drawing.looks import Look
from egoshift.world.motion import PROGRAMS, Moment, close, cut, ease, move, open_, peel, press, put, take, turn
from egoshift.world.scene import View, action_sprites, draw_moment
from egoshift.world.vocabulary import OBJECTS_OF_VERB, VERBS


def test_every_verb_has_a_program() -> None:
    assert set(PROGRAMS) == set(VERBS)


def test_ease_is_still_outside_and_half_way_in_the_middle() -> None:
    assert [ease(v, 1.0, 3.0) for v in (0.0, 1.0, 2.0, 3.0, 9.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("phase", [-0.4, 0.0, 0.25, 0.5, 0.8, 1.0])
def test_only_time_tells_put_from_take_and_close_from_open(phase: float) -> None:
    assert put(phase, 1.0) == take(1 - phase, 1.0)
    assert close(phase, 1.0) == open_(1 - phase, 1.0)


@pytest.mark.parametrize("verb", VERBS)
def test_hands_touch_during_an_action_and_are_gone_before_and_after(verb: str) -> None:
    assert any(hand.touches for hand in PROGRAMS[verb](0.5, 0.7).hands)
    for phase in (-0.6, 1.6):
        moment = PROGRAMS[verb](phase, 0.7)
        assert all(hand.at[1] > 150 for hand in moment.hands), phase
        assert verb in ("take", "put") or not any(hand.touches for hand in moment.hands)


@pytest.mark.parametrize("verb", VERBS)
def test_programs_are_smooth_and_name_only_sprites_that_there_are(verb: str) -> None:
    sprites = action_sprites(
        verb, OBJECTS_OF_VERB[verb][0], Look((9, 9, 9), (9, 9, 9), 0.5, 0.5), np.random.default_rng(0)
    )
    last = None
    for step in range(60):
        moment = PROGRAMS[verb](step / 50, step / 20)
        for thing in (*moment.below, *moment.held, *moment.above):
            assert thing.what in sprites
        at = [hand.at for hand in moment.hands]
        if last is not None:
            assert max(math.dist(a, b) for a, b in zip(last, at, strict=True)) < 30
        last = at


def test_drawing_says_where_the_hands_and_the_things_are() -> None:
    canvas = Image.new("RGB", (256, 192))
    sprites = action_sprites("cut", "carrot", Look((240, 120, 30), (9, 9, 9), 0.5, 0.5), np.random.default_rng(0))
    hands = HandLook((200, 150, 120), (50, 50, 90))
    seen = draw_moment(canvas, cut(0.5, 0.1), sprites, hands, View((128.0, 100.0), 1.0), 0.72)
    assert [(hand.left, hand.touches) for hand in seen.hands] == [(True, True), (False, True)]
    assert len(seen.things) == 2  # the carrot and the knife
    for box in (*(hand.box for hand in seen.hands), *seen.things):
        assert 0 <= box[0] < box[2] <= 256
        assert 0 <= box[1] < box[3] <= 192
    left, top, right, bottom = (round(edge) for edge in seen.hands[0].box)
    assert np.asarray(canvas)[top:bottom, left:right].mean() > 60


def test_a_hand_outside_the_picture_has_no_box() -> None:
    canvas = Image.new("RGB", (256, 192))
    sprites = action_sprites("take", "cup", Look((9, 9, 9), (9, 9, 9), 0.5, 0.5), np.random.default_rng(0))
    hands = HandLook((1, 1, 1), (1, 1, 1))
    seen = draw_moment(canvas, take(-0.5, 0.0), sprites, hands, View((128.0, 100.0), 1.0), 0.72)
    assert seen.hands == ()
    assert len(seen.things) == 1


@pytest.mark.parametrize("noun", OBJECTS_OF_VERB["open"])
def test_what_is_open_looks_otherwise_than_what_is_closed(noun: str) -> None:
    sprites = action_sprites("open", noun, Look((200, 60, 60), (40, 90, 200), 0.5, 0.5), np.random.default_rng(0))
    hands, view = HandLook((200, 150, 120), (50, 50, 90)), View((64.0, 64.0), 1.0)

    def shown(lid_away: bool) -> np.ndarray:
        canvas = Image.new("RGB", (128, 128), (128, 128, 128))
        closed = open_(-0.5, 0.0)
        held = tuple(thing for thing in closed.held if not (lid_away and thing.what == "lid"))
        draw_moment(canvas, Moment((), held), sprites, hands, view, 0.72)
        return np.asarray(canvas).astype(int)

    assert np.abs(shown(lid_away=True) - shown(lid_away=False)).max(-1).astype(bool).sum() > 40


def test_moving_changes_the_place_and_turning_the_angle_alone() -> None:
    (before, after) = (move(phase, 0.0).below[0] for phase in (0.0, 1.0))
    assert after.at[0] - before.at[0] > 60
    assert abs(after.angle_deg - before.angle_deg) < 10
    (before, after) = (turn(phase, 0.0).held[0] for phase in (0.0, 1.0))
    assert after.at == before.at
    assert after.angle_deg - before.angle_deg == pytest.approx(225)


def test_peelings_become_more_and_presses_come_again_and_again() -> None:
    assert [len(peel(phase, 0.0).below) for phase in (-0.2, 0.5, 1.2)] == [0, 3, 6]
    heights = np.array([press(0.5, time_s).hands[0].at[1] for time_s in np.arange(0, 3, 0.05)])
    lowest = (heights[1:-1] < heights[:-2]) & (heights[1:-1] < heights[2:])
    assert lowest.sum() == 4

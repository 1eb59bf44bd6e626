from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from egoshift.world.course import Course, follow
from egoshift.world.script import write_script
from egoshift.world.style import HOME_STYLE


def course_of(verb: str) -> Course:
    """An action of two seconds from 1 s to 3 s."""
    script = write_script("v", "100", "train", HOME_STYLE, 20.0, (3, 1, 1))
    action = replace(script.actions[0], verb=verb, start_s=1.0, stop_s=3.0)
    ((same, course),) = follow(replace(script, actions=(action,), duration_s=6.0))
    assert same is action
    return course


def test_a_knife_stops_where_its_sine_crosses_zero_and_at_the_end() -> None:
    course = course_of("cut")
    contacts = course.stops(course.hand[:, 1], least=2.0)
    np.testing.assert_allclose(contacts[:5], [4 / 3, 5 / 3, 2.0, 7 / 3, 8 / 3], atol=0.006)
    assert 2.9 < contacts[5:].item() <= 3.01


def test_a_key_is_down_where_it_is_smallest_and_up_where_it_is_whole_again() -> None:
    course = course_of("press")
    down, up = (course.stops(sign * course.scale, least=0.02) for sign in (-1, 1))
    for k in (2, 3):  # the sine of 1.4 Hz is at its top, and back at zero
        assert np.abs(down - (k + 0.25) / 1.4).min() < 0.02
        assert np.abs(up - (k + 0.5) / 1.4).min() < 0.02


@pytest.mark.parametrize(("verb", "phases"), [("take", (0.45, 1.0)), ("put", (0.0, 0.55)), ("move", (0.2, 0.9))])
def test_travel_is_from_where_the_object_leaves_to_where_it_comes_to_rest(
    verb: str, phases: tuple[float, float]
) -> None:
    travel = course_of(verb).travel()
    assert travel == pytest.approx([1 + 2 * phase for phase in phases], abs=0.015)
    assert course_of("wipe").travel() is None


def test_hands_grasp_before_they_release() -> None:
    course = course_of("wipe")
    (grasp,), (release,) = course.grasps(), course.releases()
    assert 0.8 < grasp < 1.3 < 2.9 < release < 3.3
    assert (course.rubbing[(course.times_s < grasp) | (course.times_s > release)] == 0).all()


def test_an_action_is_followed_only_while_the_head_is_turned_to_it() -> None:
    script = write_script("v", "100", "train", HOME_STYLE, 60.0, (3, 1, 1))
    courses = [course for _, course in follow(script)]
    assert len(courses) == len(script.actions)
    for before, after in pairwise(courses):
        assert before.times_s[-1] < after.times_s[0]

import dataclasses
import re

import pytest

from egoshift.world.casts import write_cast
from egoshift.world.files.egtea import actions_of, clip_name, session_name
from egoshift.world.vocabulary import BENCH


def test_a_clip_is_named_as_the_published_one_is() -> None:
    script = write_cast("bench", 0, 1.0)[0]
    action = dataclasses.replace(script.actions[0], noted_start_s=66.68, noted_stop_s=68.13)
    assert clip_name(script, action) == "OP01-R01-PastaSalad-66680-68130-F001597-F001639"


@pytest.mark.parametrize(("start_s", "stop_s", "frames"), [(-0.1, 4.0, (0, 106)), (66.0, 69.99, (1574, 1680))])
def test_frames_never_leave_the_video(start_s: float, stop_s: float, frames: tuple[int, int]) -> None:
    script = write_cast("bench", 0, 1.0)[0]
    assert script.num_frames == 70 * 24
    action = dataclasses.replace(script.actions[0], noted_start_s=start_s, noted_stop_s=stop_s)
    assert tuple(int(number) for number in re.findall(r"F(\d+)", clip_name(script, action))) == frames


def test_sessions_have_a_name_each_and_actions_a_number_each() -> None:
    assert len({session_name(person) for person in range(40)}) == 40
    actions = actions_of(BENCH)
    assert len(set(actions)) == len(actions)
    done = {(a.verb, a.noun) for script in write_cast("bench", 0, 1.0) for a in script.actions}
    assert done <= set(actions)

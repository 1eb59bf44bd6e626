"""What a microphone on the head hears: every action as its verb and its material sound, over a room's noise."""

import numpy as np

from egoshift.world.course import follow
from egoshift.world.noises import SOUND_RATE_HZ, Samples, murmur, voice_of
from egoshift.world.scores import SCORES, Doing
from egoshift.world.script import Script
from egoshift.world.vocabulary import MATERIALS

PERSON_DB = 4.0
"""How much louder or quieter than usual a person is at most."""


def synthesise(script: Script) -> Samples:
    """The sound of a video.

    Args:
        script: What happens in it.

    Returns:
        One channel, ``SOUND_RATE_HZ`` samples a second, from -1 to 1. Without the actions it is a room's noise of the
        root mean square that the style's ``room_db`` names.
    """
    num_samples = round(script.duration_s * SOUND_RATE_HZ)
    room = murmur(num_samples, np.random.default_rng([*script.seed, 7]))
    track: Samples = room * np.float32(10 ** (script.style.room_db / 20))
    person = script.seed[:2]
    decibels = PERSON_DB * float(np.random.default_rng([*person, 8]).uniform(-1, 1))
    gain = np.float32(10 ** (decibels / 20))
    for number, (action, course) in enumerate(follow(script)):
        rng = np.random.default_rng([*script.seed, 9, number])
        doing = Doing(course, voice_of(action.noun, person), MATERIALS[action.noun], rng)
        for start_s, sound in SCORES[action.verb](doing):
            first = max(0, round(start_s * SOUND_RATE_HZ))
            room_left = track[first : first + len(sound)]
            room_left += gain * sound[: len(room_left)]
    heard: Samples = np.tanh(track)
    return heard

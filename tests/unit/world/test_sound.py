import math
from dataclasses import replace

import numpy as np
import pytest

from egoshift.world.course import follow
from egoshift.world.motion import PROGRAMS
from egoshift.world.noises import SOUND_RATE_HZ
from egoshift.world.scores import SCORES
from egoshift.world.script import Script, write_script
from egoshift.world.sound import synthesise
from egoshift.world.style import HOME_STYLE
from egoshift.world.vocabulary import MATERIALS, OBJECTS_OF_VERB, VERBS

START_S, STOP_S = 3.0, 6.0
STEP_S = 0.002


def staged(verb: str, noun: str) -> Script:
    """A video of eight seconds in a quiet room with one action in it."""
    style = replace(HOME_STYLE, room_db=-60.0)
    script = write_script("v", "100", "train", style, 20.0, (3, 1, 1))
    action = replace(script.actions[0], verb=verb, noun=noun, start_s=START_S, stop_s=STOP_S)
    return replace(script, actions=(action,), duration_s=8.0)


def loudness(sound: np.ndarray) -> np.ndarray:
    """Root mean square of every two milliseconds."""
    blocks = sound[: len(sound) // 96 * 96].reshape(-1, 96).astype(np.float64)
    loud: np.ndarray = np.sqrt((blocks**2).mean(1))
    return loud


def part(sound: np.ndarray, start_s: float, stop_s: float) -> np.ndarray:
    return sound[round(start_s * SOUND_RATE_HZ) : round(stop_s * SOUND_RATE_HZ)]


def band(sound: np.ndarray, low_hz: float, high_hz: float) -> float:
    """The share of the energy between two frequencies."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / SOUND_RATE_HZ)
    return float(power[(hertz >= low_hz) & (hertz < high_hz)].sum() / power.sum())


def assert_loudest_at(sound: np.ndarray, when_s: float, around_s: float) -> None:
    """The loudest within ``around_s`` of a moment is at most 20 ms from it, and stands out."""
    near = loudness(part(sound, when_s - around_s, when_s + around_s))
    assert abs(near.argmax() * STEP_S - around_s) < 0.02, when_s
    assert near.max() > 2 * np.median(near), when_s


def test_every_verb_has_a_score() -> None:
    assert set(SCORES) == set(VERBS)


def test_every_chop_is_heard_when_the_knife_comes_down() -> None:
    # The hand's lowest points, found anew: y of the right hand, a thousand times a second.
    times = np.arange(START_S + 0.5, STOP_S - 0.2, 0.001)
    y = np.array([PROGRAMS["cut"]((t - START_S) / (STOP_S - START_S), t).hands[1].at[1] for t in times.tolist()])
    down = times[1:-1][(y[1:-1] > y[:-2]) & (y[1:-1] >= y[2:])]
    assert len(down) == 7
    for noun in ("carrot", "tomato", "cloth"):
        sound = synthesise(staged("cut", noun))
        for when_s in down.tolist():
            assert_loudest_at(sound, when_s, 0.1)


def test_every_press_clicks_when_the_key_is_down() -> None:
    sound = synthesise(staged("press", "phone"))
    pressed = [(k + 0.25) / 1.4 for k in range(20) if START_S + 0.3 < (k + 0.25) / 1.4 < STOP_S - 0.2]
    assert len(pressed) == 3
    for when_s in pressed:
        assert_loudest_at(sound, when_s, 0.12)


def test_a_thing_taken_is_heard_leaving_and_a_thing_put_is_heard_landing() -> None:
    length_s = STOP_S - START_S
    take, put = synthesise(staged("take", "plate")), synthesise(staged("put", "plate"))
    assert_loudest_at(take, START_S + 0.45 * length_s, 0.3)
    assert_loudest_at(put, START_S + 0.55 * length_s, 0.3)
    assert loudness(put).max() > 1.5 * loudness(take).max()


def test_a_lid_clicks_where_it_leaves_and_where_it_is_put_on() -> None:
    for verb, phase in (("open", 0.45), ("close", 0.55)):
        sound = synthesise(staged(verb, "jar"))
        click = loudness(np.diff(part(sound, START_S, STOP_S), n=2))
        assert (click.argmax() * STEP_S) == pytest.approx(phase * (STOP_S - START_S), abs=0.02), verb


def test_a_spoon_rings_at_the_sides_of_the_vessel() -> None:
    sound = synthesise(staged("stir", "bowl"))
    for k in range(20):
        side_s = (k + 0.25) / 1.2
        if START_S + 0.5 < side_s < STOP_S - 0.2:
            assert_loudest_at(np.diff(sound, n=2), side_s, 0.15)


@pytest.mark.parametrize(("verb", "noun"), [("wipe", "plate"), ("peel", "carrot"), ("move", "book")])
def test_rubbing_is_as_loud_as_the_hand_is_fast(verb: str, noun: str) -> None:
    script = staged(verb, noun)
    ((_, course),) = follow(script)
    speed = course.towards(1) if verb == "peel" else course.rubbing
    times = np.arange(START_S + 0.6, STOP_S - 0.4, 0.05)
    heard = loudness(synthesise(script)).reshape(-1, 25).mean(1)[np.round(times / 0.05).astype(int)]
    assert np.corrcoef(heard, np.interp(times + 0.025, course.times_s, speed))[0, 1] > 0.7


@pytest.mark.parametrize(("verb", "noun", "what"), [("wash", "cup", "water"), ("pour", "jar", "stream")])
def test_what_runs_is_heard_while_it_is_seen(verb: str, noun: str, what: str) -> None:
    sound = loudness(synthesise(staged(verb, noun)))
    times = np.arange(len(sound)) * STEP_S
    phases = (times - START_S) / (STOP_S - START_S)
    moments = [PROGRAMS[verb](p, t) for p, t in zip(phases.tolist(), times.tolist(), strict=True)]
    runs = np.array([any(thing.what == what for thing in moment.above) for moment in moments])
    # Not within half a second of the edges: blows ring on.
    near = np.convolve(runs, np.ones(501), mode="same") > 0
    assert np.median(sound[runs]) > 8 * np.median(sound[~near])
    assert np.quantile(sound[runs], 0.1) > 3 * np.median(sound[~near])


@pytest.mark.parametrize("noun", ["cloth", "tomato"])
def test_running_water_hisses_beside_what_it_drums_on_and_what_is_rubbed(noun: str) -> None:
    def high(verb: str) -> float:
        sound = part(synthesise(staged(verb, noun)), START_S + 0.5, STOP_S - 0.5)
        return float(sound.std()) * math.sqrt(band(sound, 2500, 8000))

    # Both things are soft, and sound lower than this whatever is done with them.
    assert high("wash") > 10 * high("take")


def test_a_shaken_thing_rattles_at_each_turn_of_the_hand() -> None:
    sound = loudness(synthesise(staged("shake", "ball")))
    times = np.arange(len(sound)) * STEP_S
    inside = (times > START_S + 0.7) & (times < STOP_S - 0.6)
    since_turn = (times[inside] * 2.7 - 0.25) % 0.5 / 2.7  # the sine is at an end twice a period
    assert sound[inside][since_turn < 0.06].mean() > 2 * sound[inside][since_turn > 0.12].mean()


def landing(noun: str) -> np.ndarray:
    when_s = START_S + 0.55 * (STOP_S - START_S)
    return part(synthesise(staged("put", noun)), when_s - 0.02, when_s + 0.4)


def test_materials_sound_different() -> None:
    metal, glass, wood, cloth = (landing(noun) for noun in ("pan", "glass", "chopping board", "cloth"))
    late = {name: loudness(sound)[100:150].mean() for name, sound in (("metal", metal), ("wood", wood))}
    assert late["metal"] > 5 * late["wood"], "metal rings on"
    assert band(glass, 1400, 20000) > 0.5 > 0.3 > band(wood, 1400, 20000)
    assert np.abs(cloth).max() < 0.4 * np.abs(wood).max()
    spectra = {}
    for noun in ("plate", "glass", "pan", "chopping board", "remote", "book", "cloth"):
        power = np.abs(np.fft.rfft(landing(noun))) ** 2
        hertz = np.fft.rfftfreq(2 * len(power) - 2, 1 / SOUND_RATE_HZ)
        edges = np.searchsorted(hertz, np.geomspace(60, 16000, 24))
        share = np.add.reduceat(power, edges)[:-1]
        spectra[MATERIALS[noun]] = share / np.linalg.norm(share)
    assert len(spectra) == 7
    for one, a in spectra.items():
        for other, b in spectra.items():
            assert one == other or a @ b < 0.99, (one, other)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_heard_over_an_ordinary_room(verb: str) -> None:
    script = staged(verb, next(noun for noun in OBJECTS_OF_VERB[verb] if MATERIALS[noun] != "cloth"))
    script = replace(script, style=HOME_STYLE)
    sound = loudness(synthesise(script))
    room = np.median(sound[: round(1.5 / STEP_S)])
    during = np.sort(sound[round(START_S / STEP_S) : round(STOP_S / STEP_S)])
    assert during[-15:].mean() > 5 * room  # the loudest 30 ms


def test_the_room_is_as_loud_as_the_style_says_and_mostly_low() -> None:
    for room_db in (-60.0, -44.0):
        script = staged("take", "cup")
        quiet = part(synthesise(replace(script, style=replace(script.style, room_db=room_db))), 0.0, 2.4)
        assert 20 * math.log10(quiet.std()) == pytest.approx(room_db, abs=0.7)
        assert band(quiet, 20, 1000) > 0.6
        # The mains: 100 Hz stands out of what is around it.
        assert band(quiet, 98, 102) > 2 * band(quiet, 102, 110)


def test_sound_is_mono_in_range_and_the_same_for_the_same_seed() -> None:
    script = write_script("v", "100", "train", HOME_STYLE, 30.0, (4, 1, 1))
    sound = synthesise(script)
    assert sound.dtype == np.float32
    assert sound.shape == (30 * 48000,)
    assert 0.1 < np.abs(sound).max() <= 1.0
    assert sound.tobytes() == synthesise(script).tobytes()
    assert not np.allclose(sound, synthesise(replace(script, seed=(4, 1, 2, 3))), atol=1e-3)


def test_an_action_sounds_the_same_whatever_comes_after_it() -> None:
    script = write_script("v", "100", "train", HOME_STYLE, 30.0, (4, 1, 1))
    last = script.actions[-1]
    whole, without = synthesise(script), synthesise(replace(script, actions=script.actions[:-1]))
    until_s = script.actions[-3].stop_s  # the last but one is in view longer if nothing follows
    np.testing.assert_array_equal(part(whole, 0.0, until_s), part(without, 0.0, until_s))
    assert np.abs(part(whole, last.start_s, last.stop_s) - part(without, last.start_s, last.stop_s)).max() > 0.02

import numpy as np

from egoshift.world.looks import COLOURS, random_look
from egoshift.world.objects import DRAWINGS, draw_object
from egoshift.world.scene import LID_TOPS, SIZES, action_sprites
from egoshift.world.style import STYLES, noun_weights
from egoshift.world.vocabulary import GERUNDS, HOME, KITCHEN, NOUNS, OBJECTS_OF_VERB, VERBS


def test_every_noun_and_verb_has_all_that_it_needs() -> None:
    assert set(DRAWINGS) == set(SIZES) == set(NOUNS)
    assert set(OBJECTS_OF_VERB) == set(GERUNDS) == set(VERBS)
    assert set(LID_TOPS) == set(OBJECTS_OF_VERB["open"]) == set(OBJECTS_OF_VERB["close"])
    assert set(NOUNS) == set(KITCHEN.nouns) | set(HOME.nouns)
    for style in STYLES.values():
        assert set(style.colours) <= set(COLOURS)
        for verb in style.classes.verbs:
            assert len(style.classes.objects_of(verb)) >= 3


def test_no_two_nouns_look_alike() -> None:
    silhouettes = {}
    for noun in NOUNS:
        look, _ = random_look(noun, ("blue",), np.random.default_rng(3))
        silhouettes[noun] = np.asarray(draw_object(noun, look, 48)).astype(float)
    for a in NOUNS:
        for b in NOUNS:
            if a != b:
                assert np.abs(silhouettes[a] - silhouettes[b]).mean() > 8, (a, b)


def test_a_look_is_named_by_its_colour_only_where_the_colour_is_chosen() -> None:
    rng = np.random.default_rng(0)
    assert random_look("cup", ("red",), rng)[1] == "red"
    assert random_look("tomato", ("red",), rng)[1] is None


def test_every_verb_can_be_drawn_with_each_of_its_objects() -> None:
    rng = np.random.default_rng(0)
    for verb, nouns in OBJECTS_OF_VERB.items():
        for noun in nouns:
            assert "object" in action_sprites(verb, noun, random_look(noun, ("red",), rng)[0], rng)


def test_nouns_have_a_long_tail() -> None:
    for style in STYLES.values():
        weights = noun_weights(style)
        assert set(weights) == set(style.classes.nouns)
        assert len(style.often) == len(weights)
        assert max(weights.values()) > 5 * min(weights.values())

from itertools import combinations

import numpy as np
from PIL import Image

from egoshift.world.drawing.looks import COLOURS, OWN_COLOURS, random_look
from egoshift.world.drawing.objects import DRAWINGS, SIZES, draw_object
from egoshift.world.scene import LID_TOPS, action_sprites
from egoshift.world.style import BENCH_STYLE, HOME_STYLE, KITCHEN_STYLE, STYLES, noun_weights
from egoshift.world.vocabulary import GERUNDS, HOME, KITCHEN, MATERIALS, NOUNS, OBJECTS_OF_VERB, VERBS


def test_every_noun_and_verb_has_all_that_it_needs() -> None:
    assert set(DRAWINGS) == set(SIZES) == set(MATERIALS) == set(NOUNS)
    assert set(OWN_COLOURS) <= set(NOUNS)
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


def test_no_two_nouns_are_told_apart_by_colour_alone() -> None:
    on_grey = {noun: np.mean([_grey(noun, seed) for seed in range(6)], axis=0) for noun in NOUNS}
    differences = {(a, b): np.abs(on_grey[a] - on_grey[b]).mean() for a, b in combinations(NOUNS, 2)}
    assert min(differences.values()) > 7, min(differences, key=lambda pair: differences[pair])


def _grey(noun: str, seed: int) -> np.ndarray:
    """An instance on mid-grey, without colour."""
    look, _ = random_look(noun, tuple(COLOURS), np.random.default_rng(seed))
    picture = draw_object(noun, look, 48).convert("RGBA")
    canvas = Image.new("RGBA", picture.size, (128, 128, 128, 255))
    canvas.alpha_composite(picture)
    return np.asarray(canvas.convert("L")).astype(float)


def test_a_look_is_named_by_its_colour_only_where_the_colour_is_chosen() -> None:
    rng = np.random.default_rng(0)
    assert random_look("cup", ("red",), rng)[1] == "red"
    assert random_look("tomato", ("red",), rng)[1] is None


def test_every_verb_can_be_drawn_with_each_of_its_objects() -> None:
    rng = np.random.default_rng(0)
    for verb, nouns in OBJECTS_OF_VERB.items():
        for noun in nouns:
            assert "object" in action_sprites(verb, noun, random_look(noun, ("red",), rng)[0], rng)


def test_every_drawing_is_seen_and_varies() -> None:
    rng = np.random.default_rng(1)
    for noun in NOUNS:
        pictures = [np.asarray(draw_object(noun, random_look(noun, tuple(COLOURS), rng)[0], 64)) for _ in range(8)]
        for picture in pictures:
            assert 0.08 < (picture[..., 3] > 128).mean() < 0.95, noun
        assert np.mean([np.abs(pictures[0].astype(int) - other).mean() for other in pictures[1:]]) > 0.5, noun


def test_things_are_of_many_sizes() -> None:
    assert max(SIZES.values()) > 2.5 * min(SIZES.values())


def test_nouns_have_a_long_tail() -> None:
    for style in (KITCHEN_STYLE, HOME_STYLE, BENCH_STYLE):
        weights = noun_weights(style)
        assert set(weights) == set(style.classes.nouns)
        assert len(style.often) == len(weights)
        assert max(weights.values()) > 5 * min(weights.values())

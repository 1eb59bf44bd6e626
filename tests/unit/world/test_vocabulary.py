from egoshift.world.style import STYLES
from egoshift.world.vocabulary import (
    ACTIVITIES,
    BENCH,
    GERUNDS,
    HOME,
    KITCHEN,
    MATERIALS,
    NOUNS,
    OBJECTS_OF_VERB,
    VERBS,
)


def test_there_are_enough_nouns_and_verbs_shared_and_novel_each_way() -> None:
    assert len(set(NOUNS)) == len(NOUNS) == 40
    assert len(set(VERBS)) == len(VERBS) == 14
    for ours, theirs in ((KITCHEN, HOME), (HOME, KITCHEN)):
        assert len(set(ours.nouns) & set(theirs.nouns)) >= 12
        assert len(set(ours.nouns) - set(theirs.nouns)) >= 8
        assert len(set(ours.verbs) & set(theirs.verbs)) >= 6
        assert len(set(ours.verbs) - set(theirs.verbs)) >= 3


def test_every_name_is_known_everywhere() -> None:
    assert set(MATERIALS) == set(NOUNS)
    assert set(GERUNDS) == set(OBJECTS_OF_VERB) == set(VERBS)
    assert {noun for nouns in OBJECTS_OF_VERB.values() for noun in nouns} == set(NOUNS)
    for classes in (KITCHEN, HOME, BENCH):
        assert set(classes.verbs) <= set(VERBS)
        assert set(classes.nouns) <= set(NOUNS)
    for style in STYLES.values():
        assert set(style.often) <= set(style.classes.nouns)
        assert style.name == "multimodal" or set(style.often) == set(style.classes.nouns)


def test_every_verb_of_a_data_set_has_objects_there() -> None:
    for classes in (KITCHEN, HOME, BENCH):
        assert all(len(classes.objects_of(verb)) >= 3 for verb in classes.verbs)


def test_activities_are_possible_and_novel_ones_share_no_object_with_their_verbs_base_ones() -> None:
    assert len({activity.name for activity in ACTIVITIES}) == len(ACTIVITIES)
    base = [activity for activity in ACTIVITIES if not activity.novel]
    novel = [activity for activity in ACTIVITIES if activity.novel]
    assert len(base) == 16
    assert len(novel) == 8
    for activity in ACTIVITIES:
        assert set(activity.nouns) <= set(OBJECTS_OF_VERB[activity.verb])
    for activity in novel:
        known = {noun for other in base if other.verb == activity.verb for noun in other.nouns}
        assert not known & set(activity.nouns) or activity.name == "peel vegetables"

import pytest

from egoshift.errors import ResultError
from egoshift.recipes.modalities import Place, collect
from egoshift.recipes.seeds import mean_interval
from tests.unit.recipes.modalities.results import ALL, full_support, result, row, sweep


def test_seeds_become_a_mean_with_an_interval_over_seeds():
    values = (50.0, 54.0, 61.0)
    (found,) = collect([result([row(ALL, ALL, value)], seed=seed) for seed, value in enumerate(values)])
    number = found.numbers[Place("mmg_many_shot", "many-shot", ALL, ALL, "all", "")]
    assert (number.value, number.n, number.seeds) == (55.0, 300, 3)
    assert (number.low, number.high) == mean_interval(values)


def test_one_seed_keeps_its_own_interval():
    (found,) = collect([result(full_support(), sweep=tuple(sweep()))])
    assert all((n.low, n.high) == (n.value - 2, n.value + 2) for n in found.numbers.values())
    assert len(found.sweep) == 4 * 5
    assert found.most_seeds == 1


def test_trainings_on_different_subsets_are_one_run():
    pairs = [(("audio",), ("video",)), (("video",), ("audio",)), (("video",), ("imu",))]
    (found,) = collect([result([row(*pair, 30.0)], "mmg_zero_shot") for pair in pairs])
    assert found.runs == ("mmg_zero_shot",)
    assert [(place.support, place.query) for place in found.numbers] == pairs
    assert set(found.settings.values()) == {"zero-shot"}


def test_subsets_have_one_name_whatever_the_order_of_a_models_modalities():
    one = result([row(ALL, ("video", "imu"), 50.0)], "one")
    other = result([row(("imu", "video"), ("imu", "video"), 40.0)], "other", modalities=("imu", "video"))
    (found,) = collect([one, other])
    assert found.modalities == ALL
    assert {place.query for place in found.numbers} == {("video", "imu")}
    assert found.own == {"one": ALL, "other": ("video", "imu")}
    assert [found.settings[place] for place in found.numbers] == ["missing", "regular"]


def test_two_results_for_one_place_are_refused():
    with pytest.raises(
        ResultError, match=r"two results are called mmg_many_shot, seed 0 \(action\), trained on kitchen"
    ):
        collect([result(full_support()), result(full_support())])


def test_data_sets_labels_and_oracles_are_told_apart():
    across = result(full_support(), test="home")
    verbs = result([row(ALL, ALL, 40.0, label="verb")])
    oracle = result(full_support(), selection="oracle")
    found = collect([result(full_support()), across, verbs, oracle])
    assert [(one.test, one.label, one.runs) for one in found] == [
        ("kitchen", "action", ("mmg_many_shot", "mmg_many_shot (oracle)")),
        ("home", "action", ("mmg_many_shot",)),
        ("kitchen", "verb", ("mmg_many_shot",)),
    ]
    assert found[1].where == "trained on kitchen, tested on home"


def test_episodes_of_other_sizes_are_other_places():
    few = [row(ALL, ALL, 50.0, "few-shot")]
    (found,) = collect([result(few), result(few, episodes={"ways": 5, "shots": 1})])
    assert [place.episodes for place in found.numbers] == ["5-way 5-shot", "5-way 1-shot"]

"""Figures that follow from others: extremes, sums, chance."""

from collections.abc import Callable, Mapping

from benchmarks.glasses.models import ANY_SUBSET, SENSORS
from benchmarks.glasses.page import ALL, DOUBTFUL, short

from egoshift.losses.subsets import subset_name

Value = float | str
Figures = Mapping[str, Value]


def derived(figures: Figures) -> dict[str, Value]:
    """The figures that pages quote of several others; those whose parts are not there are left out."""
    found: dict[str, Value] = {}
    for name, compute in DERIVED.items():
        try:
            found[f"derived/{name}"] = compute(figures)
        except KeyError:
            continue
    return found


def _floor_of_ten(figures: Figures) -> float:
    sides = [figures[f"claims/13/{_PROTOTYPES}/action/few-shot, all -> all/{side}_value"] for side in ("left", "right")]
    return 10.0 * (min(map(float, sides)) // 10)


def _accuracies(figures: Figures, doubtful: bool) -> list[float]:
    """With all four sensors, of the people whose labels look wrong or of all others."""
    place = f"glasses/{ANY_SUBSET}/{short(ALL)}/people/"
    people = {name.removeprefix(place): float(value) for name, value in figures.items() if name.startswith(place)}
    return _known([value for user, value in people.items() if (user in DOUBTFUL) is doubtful])


def _of_people(figures: Figures, place: str, *, doubtful: bool) -> list[float]:
    """The figures of a signal by person."""
    users = {name.removeprefix(place): float(value) for name, value in figures.items() if name.startswith(place)}
    return _known([value for user, value in users.items() if doubtful or user not in DOUBTFUL])


def _known(values: list[float]) -> list[float]:
    if not values:
        raise KeyError("none of them is there")
    return values


def _without_one(figures: Figures) -> float:
    """The least accuracy without one sensor that is not the accelerometer."""
    others = (name for name in SENSORS if name != "accelerometer")
    left = ([name for name in SENSORS if name != other] for other in others)
    return min(float(figures[f"glasses/{ANY_SUBSET}/{short(subset_name(names))}/value"]) for names in left)


_PROTOTYPES = "MMG > MMG without cross-modal proto"
_BASELINES = ("CoOp", "Co-CoOp", "CLIP-Adapter", "CLIP-Adapter*", "A5", "Vita-CLIP")
_LEVEL_G = 0.1  # of an axis that is level, or of two recordings that disagree
_STANDING, _RUNNING = "glasses/signals/standing_y_g/", "glasses/signals/running_g/"

DERIVED: Mapping[str, Callable[[Figures], Value]] = {
    "few-shot with all sensors, at least": _floor_of_ten,
    "glasses without one other than the accelerometer, at least": _without_one,
    "glasses standing upward": lambda known: sum(y > _LEVEL_G for y in _of_people(known, _STANDING, doubtful=True)),
    "glasses standing downward": lambda known: sum(y < -_LEVEL_G for y in _of_people(known, _STANDING, doubtful=True)),
    "glasses running, least": lambda known: min(_of_people(known, _RUNNING, doubtful=False)),
    "glasses running, most": lambda known: max(_of_people(known, _RUNNING, doubtful=False)),
    "glasses doubtful, least": lambda known: min(_accuracies(known, doubtful=True)),
    "glasses doubtful, most": lambda known: max(_accuracies(known, doubtful=True)),
    "glasses others, least": lambda known: min(_accuracies(known, doubtful=False)),
    "glasses others, most": lambda known: max(_accuracies(known, doubtful=False)),
    "paper's baselines, home to kitchen, at most": lambda known: max(
        float(known[f"papers/1/{row}/home/kitchen/noun/top1/all/value"]) for row in _BASELINES
    ),
}
"""By name, how a figure follows from the others."""

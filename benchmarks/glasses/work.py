"""All folds, one after the other, resumable; and what they give together."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from benchmarks.glasses.folds import Fold, Plan, open_folds
from benchmarks.glasses.models import (
    ANY_SUBSET,
    KINDS,
    ONE_EACH,
    SENSORS,
    SUBSETS,
    Hits,
    Tell,
    majority_hits,
    num_classes,
    recognised,
    train_encoder,
    train_fusion,
)
from benchmarks.glasses.scores import by_person, sweep
from egoshift.errors import ConfigError
from egoshift.losses.subsets import subset_name
from egoshift.recipes.seeds import mean_interval

MAJORITY, MEAN = "majority class", "mean of all subsets"


def run_all(plan: Plan, out: Path, tell: Tell) -> dict[str, Any]:
    """Everything that the page shows, from what is there already in ``out`` and what is not.

    Raises:
        ConfigError: ``out`` holds the folds of another plan.
    """
    out.mkdir(parents=True, exist_ok=True)
    ours, path = asdict(plan), out / "plan.json"
    if path.exists() and json.loads(path.read_text()) != ours:
        raise ConfigError(f"{out}: holds runs of {path.read_text()}, asked for {json.dumps(ours)}; give another --out")
    path.write_text(json.dumps(ours))
    started, folds = time.monotonic(), []
    for fold in open_folds(plan, out):
        done = fold.folder / "result.json"
        if not done.exists():

            def told(line: str, fold: Fold = fold) -> None:
                tell(f"fold {fold.number + 1}/{plan.folds}, {time.monotonic() - started:.0f} s: {line}")

            done.write_text(json.dumps(_run_fold(plan, fold, told)))
        folds.append(json.loads(done.read_text()))
    return together(ours, folds)


def _run_fold(plan: Plan, fold: Fold, tell: Tell) -> dict[str, Any]:
    encoders = {sensor: train_encoder(plan, fold, sensor, tell) for sensor in SENSORS}
    rows, sweeps = {}, {}
    chosen = {sensor: Path(name).parents[1].name for sensor, name in encoders.items()}
    for name in KINDS:
        hits: Hits = {}
        subsets = SUBSETS if name == ONE_EACH else SUBSETS[:1]
        for subset in subsets:
            own, clips = recognised(train_fusion(plan, fold, encoders, name, subset), fold.test)
            tell(f"{name}, {subset_name(subset)}: trained")
            hits = {**hits, subset: own[subset]} if name == ONE_EACH else own
        recordings = clips["video_id"].to_list()
        rows[name] = {subset_name(subset): by_person(found, recordings) for subset, found in hits.items()}
        sweeps[name] = sweep(hits, recordings, plan.seed + fold.number)
    majority, clips = majority_hits(fold)
    rows[MAJORITY] = {subset_name(SENSORS): by_person(majority, clips["video_id"].to_list())}
    counted = {"clips": len(clips), "recordings": clips["video_id"].n_unique(), "classes": num_classes(fold)}
    return {"people": fold.people, **counted, "chosen": chosen, "rows": rows, "sweep": sweeps}


def together(plan: Mapping[str, Any], folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All folds as one: every number a mean over people, with its 95% Student-t interval.

    Args:
        plan: What was asked for.
        folds: What each fold gave.
    """
    found = {
        name: {subset: _merged(fold["rows"][name][subset] for fold in folds) for subset in subsets}
        for name, subsets in folds[0]["rows"].items()
    }
    for subsets in (found[name] for name in KINDS):
        users = subsets[subset_name(SENSORS)]
        subsets[MEAN] = {user: fmean(people[user] for people in subsets.values() if user in people) for user in users}
    rows = []
    for name, subsets in found.items():
        for subset, people in subsets.items():
            row = {"model": name, "subset": subset, **number_of(people)}
            if name not in (ANY_SUBSET, MAJORITY):
                behind = number_of({user: found[ANY_SUBSET][subset][user] - value for user, value in people.items()})
                row["any_subset_minus_it"] = {key: behind[key] for key in ("value", "low", "high")}
            rows.append({**row, "people": people})
    sweeps = [
        {"model": name, "missing": missing, "rate": float(rate), **number_of(people)}
        for name, kinds in folds[0]["sweep"].items()
        for missing, rates in kinds.items()
        for rate in rates
        if (people := _merged(fold["sweep"][name][missing][rate] for fold in folds))
    ]
    told = [{key: fold[key] for key in ("people", "clips", "recordings", "chosen")} for fold in folds]
    settings = {key: value for key, value in plan.items() if key != "archive"}
    head = {"plan": settings, "torch": torch.__version__, "classes": folds[0]["classes"]}
    return {**head, "folds": told, "rows": rows, "sweep": sweeps}


def _merged(parts: Any) -> dict[str, float]:
    return {user: value for part in parts for user, value in part.items()}


def number_of(people: Mapping[str, float]) -> dict[str, Any]:
    """The mean over people, and its 95% Student-t interval where there are two or more."""
    values = list(people.values())
    low, high = mean_interval(values) or (None, None)
    return {"value": round(fmean(values), 3), "low": _rounded(low), "high": _rounded(high), "n": len(values)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)

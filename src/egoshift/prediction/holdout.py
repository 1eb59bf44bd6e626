"""Which labelled segments a model is taught on, and which it is measured on: never the same moments."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool
from torch import Tensor

from egoshift.datasets.overlap import TOLERANCE_S, canonical, shared_with_training
from egoshift.errors import ConfigError
from egoshift.media.identity import identity
from egoshift.prediction.examples import Examples
from egoshift.recipes.overlap import trained_on
from egoshift.training import TrainedModel

ENOUGH_RECORDINGS = 4
"""From how many recordings whole ones are held out."""


def held_out(examples: Examples, share: float, seed: int) -> tuple[Bool[Tensor, " n"], str]:
    """Which segments to measure on: of whole recordings where there are four or more, else single segments.

    A file under two names is one recording. Single segments that overlap in time are held out together, or not at all.

    Args:
        examples: All segments.
        share: How many of them, about.
        seed: Of the draw.

    Returns:
        The mask, and what was held out in words.

    Raises:
        ConfigError: There are too few segments to hold any out.
    """
    number = len(examples.clips)
    if number < 4:
        raise ConfigError(f"{examples.path}: {number} segments are too few to learn from some and test on others")
    random = np.random.default_rng(seed)
    recordings = _recordings(examples)
    names = list(dict.fromkeys(recordings))
    if len(names) >= ENOUGH_RECORDINGS:
        count = min(len(names) - 1, max(2, round(share * len(names))))
        chosen = {names[index] for index in random.permutation(len(names))[:count].tolist()}
        mask = torch.tensor([name in chosen for name in recordings])
        return mask, f"{int(mask.sum())} segments of {count} recordings that it was not taught on"
    groups = _overlapping(examples, recordings)
    order = random.permutation(max(groups) + 1).tolist()
    mask, wanted = torch.zeros(number, dtype=torch.bool), max(2, round(share * number))
    for group in order:
        if int(mask.sum()) < wanted:
            mask |= torch.tensor(groups) == group
    if mask.all():
        raise ConfigError(
            f"{examples.path}: its segments overlap each other, so that none can be held out untaught; "
            "label other moments, or more recordings"
        )
    return mask, f"{int(mask.sum())} segments that it was not taught on, of the same recordings"


def seen_before(models: Iterable[TrainedModel], examples: Examples, mask: Bool[Tensor, " n"]) -> str:
    """How many of the segments to measure on the models were trained on before, in words; empty where none.

    Of a model whose training data are not here nothing is known.
    """
    tested = examples.clips.filter(pl.Series(mask.numpy()))
    files = {video: identity(examples.features[video].recording.path) for video in tested["video_id"].unique()}
    known_as = {video: [(fingerprint, num_bytes)] for video, (num_bytes, fingerprint) in files.items()}
    known = set()
    for model in models:
        for seen in trained_on(model.provenance):
            shared = shared_with_training(seen.clips, tested, seen.known_as, known_as)
            known |= {moment.tested for moment in shared.moments}
    if not known:
        return ""
    return f"{len(known)} of these segments show what the model was trained on before, so that both numbers flatter it"


def _recordings(examples: Examples) -> list[str]:
    """Of each segment the recording, by one name whatever its files are called."""
    videos = examples.clips["video_id"].to_list()
    known_as: dict[str, list[Hashable]] = {
        video: [identity(examples.features[video].recording.path)] for video in dict.fromkeys(videos)
    }
    names = canonical(known_as)
    return [names[video] for video in videos]


def _overlapping(examples: Examples, recordings: Sequence[str]) -> list[int]:
    """Of each segment a number that it shares with those that it overlaps, directly or through others.

    Numbers are in the order of the segments, so that where none overlap, they are the segments' own.
    """
    starts, stops = (examples.clips[name].to_list() for name in ("start_s", "stop_s"))
    first: dict[int, int] = {}  # of each segment, the first segment of its group
    reach: dict[str, tuple[int, float]] = {}
    for index in sorted(range(len(starts)), key=lambda one: (starts[one], one)):
        group, until = reach.get(recordings[index], (index, starts[index]))
        group = group if starts[index] < until - TOLERANCE_S else index
        first[index] = group
        reach[recordings[index]] = group, stops[index] if group == index else max(until, stops[index])
    numbers: dict[int, int] = {}
    return [numbers.setdefault(first[index], len(numbers)) for index in range(len(starts))]

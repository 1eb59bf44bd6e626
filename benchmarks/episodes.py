"""Few-shot accuracy on cached embeddings: all episodes at once against a plain loop over episodes.

5 ways, 5 shots and 15 queries a class, 14 classes of 100 samples, seven subsets of the modalities at width 256. The
loop does for each episode what a few-shot library does: index the support, average, index the queries, measure their
distances (``torch.cdist``), take the least. Both give the same accuracies, which is checked.

Rate and ratios are in processor seconds on one thread, where a busy machine changes them little; the best of several
turns, turn by turn. The rate, for one pair of support and query subset, is held against the 10,000 episodes a second
that are wanted of two cores, of which it so takes one. The wall-clock rate with two threads is given beside it, with
the load of the machine: where other work shares the two cores, it was seen to fall below a fiftieth.
"""

import os
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.report import report
from egoshift.evaluation import Episodes, draw_episodes, episode_accuracies
from egoshift.evaluation.few_shot import SubsetPair
from egoshift.losses import Modalities, modality_subsets

WAYS, SHOTS, QUERIES, CLASSES, SAMPLES, DIM = 5, 5, 15, 14, 100, 256
EPISODES, PARALLEL, TURNS, CORES, WANTED = 10_000, 1000, 5, 2, 10_000
SUBSETS = modality_subsets(("video", "audio", "imu"))
WHOLE: list[SubsetPair] = [(SUBSETS[0], SUBSETS[0])]
EVERY: list[SubsetPair] = [(support, query) for support in SUBSETS for query in SUBSETS]
SIZE = f"{WAYS} ways, {SHOTS} shots, {QUERIES} queries, {CLASSES * SAMPLES} samples of width {DIM}"
COMMAND = "python -m benchmarks.episodes"


def make() -> tuple[Tensor, dict[Modalities, Tensor]]:
    """Labels, and embeddings that are the better the more modalities they come from."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(CLASSES).repeat(SAMPLES)
    centres = torch.randn(CLASSES, DIM, generator=generator)
    embeddings = {
        subset: 0.1 * len(subset) * centres[labels] + torch.randn(len(labels), DIM, generator=generator)
        for subset in SUBSETS
    }
    return labels, embeddings


def loop(embeddings: dict[Modalities, Tensor], episodes: Episodes, pairs: list[SubsetPair]) -> list[float]:
    """The mean accuracy of each pair, one episode after the other."""
    targets = torch.arange(WAYS).repeat_interleave(QUERIES)
    means = []
    for support, query in pairs:
        accuracies = []
        for number in range(len(episodes)):
            prototypes = embeddings[support][episodes.support[number]].mean(1)
            distances = torch.cdist(embeddings[query][episodes.query[number].flatten()], prototypes)
            accuracies.append(100.0 * (distances.argmin(1) == targets).double().mean())
        means.append(torch.stack(accuracies).mean().item())
    return means


def batched(embeddings: dict[Modalities, Tensor], episodes: Episodes, pairs: list[SubsetPair]) -> list[float]:
    """The same, all episodes at once."""
    return [values.mean().item() for values in episode_accuracies(embeddings, episodes, pairs=pairs).values()]


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """What one call takes by a clock."""
    start = clock()
    work()
    return clock() - start


def draw(labels: Tensor) -> Episodes:
    """The episodes to measure on."""
    return draw_episodes(labels, num_episodes=EPISODES, ways=WAYS, shots=SHOTS, queries=QUERIES)


def first(episodes: Episodes, num: int) -> Episodes:
    """Some of them."""
    return Episodes(episodes.classes[:num], episodes.support[:num], episodes.query[:num])


def compare(
    name: str,
    embeddings: dict[Modalities, Tensor],
    episodes: Episodes,
    pairs: list[SubsetPair],
    looped: int,
    turns: int,
) -> None:
    """Print the line of a ratio, after checking that both forms agree."""
    few = first(episodes, looped)
    answers = zip(loop(embeddings, few, pairs), batched(embeddings, few, pairs), strict=True)
    # A query between two classes may go to either: rounding.
    assert max(abs(slow - fast) for slow, fast in answers) < 0.1, "loop and batch disagree"
    slowly, quickly = partial(loop, embeddings, few, pairs), partial(batched, embeddings, episodes, pairs)
    times = [(seconds(slowly, time.process_time), seconds(quickly, time.process_time)) for _ in range(turns)]
    loop_s, batch_s = min(turn[0] for turn in times) / looped, min(turn[1] for turn in times) / EPISODES
    report(
        f"episodes-{name}",
        loop_s / batch_s,
        "times less than a loop over episodes",
        "reported",
        COMMAND,
        size=f"{SIZE}, one thread",
        loop_episodes_per_s=round(1 / loop_s),
        episodes_per_s=round(1 / batch_s),
    )


def main() -> None:
    """Print one line for one pair and one for all 49 against the loop, and one for the rate."""
    labels, embeddings = make()
    torch.set_num_threads(1)
    drawn_s, episodes = min(seconds(partial(draw, labels), time.process_time) for _ in range(TURNS)), draw(labels)
    compare("one-pair", embeddings, episodes, WHOLE, looped=200, turns=TURNS)
    compare("49-pairs", embeddings, episodes, EVERY, looped=20, turns=2)
    quickly = partial(batched, embeddings, episodes, WHOLE)
    one_s = min(seconds(quickly, time.process_time) for _ in range(TURNS))
    torch.set_num_threads(CORES)
    some = partial(batched, embeddings, first(episodes, PARALLEL), WHOLE)
    wall_s = min(seconds(some, time.perf_counter) for _ in range(TURNS))
    report(
        "episodes-rate",
        EPISODES / one_s / WANTED,
        f"times {WANTED:,} episodes/s, by one thread",
        ">= 1",
        COMMAND,
        size=f"{SIZE}, one thread",
        episodes_per_s=round(EPISODES / one_s),
        drawn_per_s=round(EPISODES / drawn_s),
        episodes_per_wall_s_two_threads=round(PARALLEL / wall_s),
        load=round(os.getloadavg()[0], 1),
    )


if __name__ == "__main__":
    main()

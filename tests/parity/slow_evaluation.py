"""The evaluation written the obvious way: one clip, one class, one resample at a time."""

from collections.abc import Sequence


def order_of(logits: Sequence[float]) -> list[int]:
    """Classes from the highest logit to the lowest, the lower index first among equals."""
    return sorted(range(len(logits)), key=lambda index: (-logits[index], index))


def top_k(logits: Sequence[Sequence[float]], targets: Sequence[int], k: int) -> float:
    hits = 0
    for row, target in zip(logits, targets, strict=True):
        if target in order_of(row)[:k]:
            hits += 1
    return 100 * hits / len(targets)


def macro(predicted: Sequence[int], targets: Sequence[int]) -> float:
    shares = []
    for one in sorted(set(targets)):
        answers = [answer for answer, target in zip(predicted, targets, strict=True) if target == one]
        shares.append(answers.count(one) / len(answers))
    return 100 * sum(shares) / len(shares)


def macro_f1(predicted: Sequence[int], targets: Sequence[int]) -> float:
    scores = []
    for one in sorted(set(targets)):
        both = sum(answer == target == one for answer, target in zip(predicted, targets, strict=True))
        precision = both / list(predicted).count(one) if one in predicted else 0.0
        recall = both / list(targets).count(one)
        scores.append(2 * precision * recall / (precision + recall) if both else 0.0)
    return 100 * sum(scores) / len(scores)


def all_metrics(logits: Sequence[Sequence[float]], targets: Sequence[int]) -> dict[str, float]:
    predicted = [order_of(row)[0] for row in logits]
    return {
        "top1": top_k(logits, targets, 1),
        "top5": top_k(logits, targets, 5),
        "macro": macro(predicted, targets),
        "f1": macro_f1(predicted, targets),
    }


def keep(
    logits: Sequence[Sequence[float]], targets: Sequence[int], classes: Sequence[int], restricted: bool
) -> tuple[list[list[float]], list[int]]:
    """The clips of some classes; restricted, without the logits of the others."""
    rows, kept = [], []
    for row, target in zip(logits, targets, strict=True):
        if target in classes:
            hidden = [value if index in classes else float("-inf") for index, value in enumerate(row)]
            rows.append(hidden if restricted else list(row))
            kept.append(target)
    return rows, kept


def evaluate(
    logits: Sequence[Sequence[float]], targets: Sequence[int], shared: Sequence[int], novel: Sequence[int]
) -> dict[tuple[str, str], float]:
    """Every number by subset and metric."""
    parts = {
        "all": (logits, targets),
        "shared": keep(logits, targets, shared, True),
        "shared-generalised": keep(logits, targets, shared, False),
        "novel": keep(logits, targets, novel, True),
        "novel-generalised": keep(logits, targets, novel, False),
    }
    numbers = {}
    for subset, (rows, kept) in parts.items():
        if kept:
            for metric, value in all_metrics(rows, kept).items():
                numbers[subset, metric] = value
    for first, second in (("shared", "novel"), ("shared-generalised", "novel-generalised")):
        if (first, "top1") in numbers and (second, "top1") in numbers:
            ours, theirs = numbers[first, "top1"], numbers[second, "top1"]
            numbers[second, "hm"] = 2 * ours * theirs / (ours + theirs) if ours + theirs else 0.0
    return numbers


def resample(groups: Sequence[str], videos: Sequence[str], counts: Sequence[int]) -> list[int]:
    """The clips of one resample, those of a video drawn twice twice."""
    clips = []
    for video, count in zip(videos, counts, strict=True):
        for _ in range(count):
            clips += [clip for clip, group in enumerate(groups) if group == video]
    return clips


def percentile(values: Sequence[float], share: float) -> float:
    """Linear between the two nearest of the sorted values."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])

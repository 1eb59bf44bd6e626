"""What evaluation keeps of logits: a few numbers for each clip, however many classes there are.

30,000 clips scored against 100,000 names are 12 GB of logits, of which the protocol needs the class answered and the
rank of the right one, in each label space, and calibration a confidence. They are taken from the logits of a batch, and
the logits are let go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from egoshift.evaluation.metrics import CELLS_AT_ONCE, target_ranks
from egoshift.evaluation.result import Space
from egoshift.evaluation.sharing import give_to_all
from egoshift.processes import Processes
from egoshift.records import Label, Scores


@dataclass(frozen=True)
class Question:
    """What is asked of the logits of one kind of label.

    Attributes:
        shared: Indices of the test classes that the training vocabulary has too; None where not asked for.
        novel: Indices of the test classes it has not, likewise.
        temperature: Confidences are kept at this temperature and at 1; None keeps none.

    Raises:
        ValueError: A class is shared and novel.
    """

    shared: Sequence[int] | None = None
    novel: Sequence[int] | None = None
    temperature: float | None = None

    def __post_init__(self) -> None:
        both = set(self.shared or ()) & set(self.novel or ())
        if both:
            raise ValueError(f"classes {sorted(both)} are given as shared and as novel; a class is one of the two")

    @property
    def spaces(self) -> dict[Space, Sequence[int]]:
        """The classes of each label space that is asked for beside that of all."""
        given: tuple[tuple[Space, Sequence[int] | None], ...] = (("shared", self.shared), ("novel", self.novel))
        return {space: classes for space, classes in given if classes is not None}


@dataclass(frozen=True)
class Answers:
    """What a classifier answered for n clips, for one kind of label.

    Attributes:
        label: The kind of label.
        targets: ``(n,)`` class indices.
        groups: The video of each clip.
        names: Of the classes.
        predicted: Per label space, ``(n,)``: the class of the space with the highest logit, the lowest index among
            equals; -1 where the right class is not of the space.
        ranks: Per label space, ``(n,)``: how many classes of the space come before the right one; -1 likewise.
        temperature: At which the second confidences are.
        confidences: ``(n, 2)`` softmax of the class answered among all, at temperature 1 and at ``temperature``; None
            without one.
    """

    label: Label
    targets: Int[Tensor, " n"]
    groups: tuple[str, ...]
    names: tuple[str, ...]
    predicted: Mapping[Space, Int[Tensor, " n"]]
    ranks: Mapping[Space, Int[Tensor, " n"]]
    temperature: float | None = None
    confidences: Float[Tensor, "n 2"] | None = None


class Answering:
    """Takes the logits of one kind of label batch by batch, and keeps the answers.

    Args:
        label: The kind of label.
        names: Of the classes.
        question: What is asked.
        num_clips: How many clips there are.

    Raises:
        ValueError: A class that is asked for is none of these.
    """

    def __init__(self, label: Label, names: Sequence[str], question: Question, num_clips: int):
        spaces = question.spaces
        outside = [index for classes in spaces.values() for index in classes if not 0 <= index < len(names)]
        if outside:
            raise ValueError(f"{label} classes {outside} are not among the {len(names)} scored")
        self._label, self._names, self._temperature = label, tuple(names), question.temperature
        self._spaces = {space: torch.tensor(sorted(classes), dtype=torch.int64) for space, classes in spaces.items()}
        self._columns = torch.full((num_clips, 2 + 2 * len(spaces)), -1)
        self._confidences = torch.zeros(num_clips if question.temperature is not None else 0, 2)

    def take(
        self, places: Int[Tensor, " batch"], logits: Float[Tensor, "batch classes"], targets: Int[Tensor, " batch"]
    ) -> None:
        """Answers of some clips, wherever their logits are; of these nothing is kept.

        Args:
            places: Which clips; those without a label (-1) have no answers.
            logits: Theirs.
            targets: Their class indices.

        Raises:
            ValueError: A logit is NaN.
        """
        kept = targets >= 0
        if not kept.all():
            places, targets, logits = places[kept], targets[kept], logits[kept.to(logits.device)]
        if not len(targets):
            return
        targets = targets.to(logits.device)
        columns = [logits.argmax(1), target_ranks(logits, targets)]
        for classes in self._spaces.values():
            columns += _within(logits, targets, classes.to(logits.device))
        self._columns[places] = torch.stack(columns, 1).cpu()
        if self._temperature is not None:
            confidences = [(logits / divisor).softmax(1).amax(1) for divisor in (1.0, self._temperature)]
            self._confidences[places] = torch.stack(confidences, 1).cpu()

    def share(self, batch_size: int, own: Processes) -> None:
        """Gives all processes what each has taken; see ``give_to_all``."""
        give_to_all(self._columns, batch_size, own)
        give_to_all(self._confidences, batch_size, own)

    def answers(self, targets: Int[Tensor, " clips"], groups: Sequence[str]) -> Answers:
        """All that was taken of the clips that have a label.

        Args:
            targets: Of all clips; -1 where a clip has no label.
            groups: The videos of those that have one.
        """
        kept = targets >= 0
        columns = iter(self._columns[kept].unbind(1))
        spaces: tuple[Space, ...] = ("all", *self._spaces)
        pairs = {space: (next(columns), next(columns)) for space in spaces}
        return Answers(
            self._label,
            targets[kept],
            tuple(groups),
            self._names,
            {space: predicted for space, (predicted, _) in pairs.items()},
            {space: ranks for space, (_, ranks) in pairs.items()},
            self._temperature,
            None if self._temperature is None else self._confidences[kept],
        )


def answers_of(scores: Scores, question: Question | None = None) -> Answers:
    """The answers in logits that are there whole.

    Args:
        scores: One kind of label.
        question: What is asked; none: the answers among all classes.

    Raises:
        ValueError: A class index does not fit the logits or is both shared and novel, or a logit is NaN.
    """
    answering = Answering(scores.label, scores.names, question or Question(), len(scores.targets))
    targets = scores.targets.cpu()
    for places in torch.split(torch.arange(len(targets)), max(1, CELLS_AT_ONCE // max(1, scores.logits.shape[1]))):
        answering.take(places, scores.logits[places.to(scores.logits.device)], targets[places])
    return answering.answers(targets, scores.groups)


def _within(
    logits: Float[Tensor, "batch classes"], targets: Int[Tensor, " batch"], space: Int[Tensor, " some"]
) -> list[Int[Tensor, " batch"]]:
    """The predictions and ranks among some classes, given in order; -1 for clips of others."""
    predicted, ranks = torch.full_like(targets, -1), torch.full_like(targets, -1)
    kept = torch.isin(targets, space).nonzero()[:, 0]
    if len(kept):
        among = logits[kept][:, space]
        predicted[kept] = space[among.argmax(1)]
        ranks[kept] = target_ranks(among, torch.searchsorted(space, targets[kept]))
    return [predicted, ranks]

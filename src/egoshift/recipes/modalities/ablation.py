"""The paper's ablation as data: which runs fill its lines, and which printed number stands beside a run's."""

from collections.abc import Sequence
from dataclasses import dataclass

from egoshift.evaluation.modality_result import Setting, Task
from egoshift.recipes.modalities.collect import Collection, Place
from egoshift.recipes.modalities.reported import EPISODES, FULL, MLP, MMG_EGO4D, NO_ALIGN, NO_PROTO, reported_value

MANY_SHOT, ZERO_SHOT, FEW_SHOT = "mmg_many_shot", "mmg_zero_shot", "mmg_few_shot"
"""Names of the paper's runs: it trains one model for many-shot regular and missing modalities, one for each support of
many-shot zero-shot, and one for all of few-shot. Runs of the ablation have these names with an ending."""


@dataclass(frozen=True)
class AblationLine:
    """A line of the ablation.

    Attributes:
        title: What tables call it.
        row: What the paper's numbers call it (``reported``).
        many_shot: The name of the run with its many-shot regular and missing numbers.
        zero_shot: The name of the run with its many-shot zero-shot numbers.
        few_shot: The name of the run with its few-shot numbers.
    """

    title: str
    row: str
    many_shot: str
    zero_shot: str
    few_shot: str

    def run(self, task: Task, setting: Setting) -> str:
        """Which run fills the cell."""
        if task == "few-shot":
            return self.few_shot
        return self.zero_shot if setting == "zero-shot" else self.many_shot


def ablation_line(title: str, row: str, ending: str = "") -> AblationLine:
    """A line whose runs are called ``MANY_SHOT``, ``ZERO_SHOT`` and ``FEW_SHOT`` with an ending."""
    return AblationLine(title, row, MANY_SHOT + ending, ZERO_SHOT + ending, FEW_SHOT + ending)


ABLATION: tuple[AblationLine, ...] = (
    ablation_line("attention + align + proto", FULL),
    ablation_line("without align", NO_ALIGN, "-no_align"),
    ablation_line("MLP for attention", MLP, "-mlp"),
    ablation_line("without cross-modal proto", NO_PROTO, "-no_proto"),
)


def is_paper(collection: Collection) -> bool:
    """Whether the data are the paper's."""
    return (collection.train, collection.test) == (MMG_EGO4D, MMG_EGO4D)


def beside(
    collection: Collection, place: Place, lines: Sequence[AblationLine] = ABLATION, *, ablation: bool = False
) -> float | None:
    """The printed number to show beside a run's; None but for the paper's runs on its own data set.

    Args:
        collection: Where the run's numbers are.
        place: Whose number, and which.
        lines: Whose runs are the paper's.
        ablation: In the ablation's table; the others have the full model's number from the main tables.
    """
    if not is_paper(collection) or place.clips != "all":
        return None
    if place.task == "few-shot" and place.episodes != EPISODES:
        return None
    setting = collection.settings.get(place, "other")
    for line in lines:
        if line.run(place.task, setting) == place.run:
            return reported_value(place.task, place.support, place.query, ablation=ablation, row=line.row)
    return None

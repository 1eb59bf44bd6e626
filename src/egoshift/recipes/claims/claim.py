"""What a claim is: quantities, comparisons of two of them, and the paper's sentence that they stand for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from egoshift.evaluation.few_shot import SubsetPair
from egoshift.evaluation.modality_result import Task
from egoshift.recipes.variants import VARIANTS
from egoshift.recipes.worlds import SENSOR_VARIANTS
from egoshift.records import Label

MeasureName = Literal["third-person", "within", "across", "hm", "novel", "novel-generalised"]
"""``within`` and ``across`` are micro top-1 on the data set trained on and on the other one, ``hm`` their harmonic
mean; ``novel`` is top-1 across on classes never trained on, among these alone or (``-generalised``) among all;
``third-person`` is zero-shot top-1 on the pictures that ``WEB_PICTURES`` stands for. All are in percent and, but for
the last, means over both directions: trained on *kitchen*, trained on *home*."""

WEB_PICTURES = "web-pictures"
"""The variant of a ``third-person`` score: nothing is run for it but the frozen encoder on new web pictures."""


def variant_title(name: str) -> str:
    """What tables and plots call a variant, ``WEB_PICTURES`` too."""
    return "web pictures" if name == WEB_PICTURES else VARIANTS[name].title


@dataclass(frozen=True)
class Score:
    """What one variant (a name of ``VARIANTS``, or ``WEB_PICTURES``) scores in one world."""

    variant: str
    label: Label
    measure: MeasureName

    @property
    def title(self) -> str:
        """What tables call it."""
        return variant_title(self.variant)

    @property
    def scores(self) -> tuple["Score", ...]:
        """Every score that the quantity is computed from."""
        return (self,)

    def value(self, values: Mapping["AnyScore", float]) -> float:
        """The quantity in one world."""
        return values[self]


@dataclass(frozen=True)
class Gain:
    """How many points one variant scores above another in one world."""

    of: str
    over: str
    label: Label
    measure: MeasureName

    @property
    def title(self) -> str:
        """What tables call it."""
        return f"{self.label} gain over {variant_title(self.over)}"

    @property
    def scores(self) -> tuple[Score, ...]:
        """Every score that the quantity is computed from."""
        return Score(self.of, self.label, self.measure), Score(self.over, self.label, self.measure)

    def value(self, values: Mapping["AnyScore", float]) -> float:
        """The quantity in one world."""
        of, over = self.scores
        return values[of] - values[over]


@dataclass(frozen=True)
class SensorScore:
    """What one variant (a name of ``SENSOR_VARIANTS``) scores in one world of several sensors, in percent.

    Attributes:
        variant: Which.
        task: Many-shot, on clips of the classes trained on; or few-shot, in episodes of novel ones.
        pairs: Of which subsets of the modalities: what labels (or the support) were seen by, and what the clips to
            recognise are seen by. Of several, the mean.
        measure: What tables call the pairs.
    """

    variant: str
    task: Task
    pairs: tuple[SubsetPair, ...]
    measure: str

    label: ClassVar[str] = "action"

    @property
    def title(self) -> str:
        """What tables call it."""
        return SENSOR_VARIANTS[self.variant].title

    @property
    def scores(self) -> tuple["SensorScore", ...]:
        """Every score that the quantity is computed from."""
        return (self,)

    def value(self, values: Mapping["AnyScore", float]) -> float:
        """The quantity in one world."""
        return values[self]


@dataclass(frozen=True)
class Fixed:
    """A number that is known without a run, such as chance."""

    number: float
    title: str
    measure: str

    label: ClassVar[str] = "action"
    scores: ClassVar[tuple[Score, ...]] = ()

    def value(self, values: Mapping["AnyScore", float]) -> float:
        """The number, in every world."""
        del values
        return self.number


AnyScore = Score | SensorScore
"""What has to be run."""

Quantity = Score | Gain | SensorScore | Fixed


@dataclass(frozen=True)
class Comparison:
    """Two quantities of which the left one is claimed to be the greater.

    Attributes:
        left: What is claimed to be greater.
        right: What it is compared with.
        decides: Whether the claim's verdict hangs on it; others are shown beside as ours.
    """

    left: Quantity
    right: Quantity
    decides: bool = True

    @property
    def label(self) -> str:
        """The kind of label, or both where the sides differ."""
        labels = (self.left.label, self.right.label)
        return labels[0] if labels[0] == labels[1] else " - ".join(labels)

    @property
    def measure(self) -> str:
        """The measure, or both where the sides differ."""
        measures = (self.left.measure, self.right.measure)
        return measures[0] if measures[0] == measures[1] else " - ".join(measures)


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    Attributes:
        number: As in the list of claims; stays the same when others are added.
        sentence: What is claimed, in our words.
        place: Where in the paper it stands.
        comparisons: What must hold, and what is shown beside; at least one decides.
        note: What a reader must know to read the comparisons rightly.
    """

    number: int
    sentence: str
    place: str
    comparisons: tuple[Comparison, ...]
    note: str = ""

    def __post_init__(self) -> None:
        assert any(one.decides for one in self.comparisons), f"claim {self.number} needs a comparison that decides"

    @property
    def scores(self) -> tuple["AnyScore", ...]:
        """Every score of its comparisons, each once."""
        quantities = (side for comparison in self.comparisons for side in (comparison.left, comparison.right))
        return tuple(dict.fromkeys(score for quantity in quantities for score in quantity.scores))

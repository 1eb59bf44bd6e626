"""What came out: each comparison's values in every world, its interval and verdict, and the claim's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from egoshift.recipes.claims.claim import AnyScore, Claim, Comparison
from egoshift.recipes.claims.judge import Verdict, joint_verdict, verdict_of
from egoshift.recipes.seeds import mean_interval


@dataclass(frozen=True)
class Compared:
    """A comparison and both sides' values, one per seed, in percent (for a gain, in points)."""

    comparison: Comparison
    lefts: tuple[float, ...]
    rights: tuple[float, ...]

    @property
    def left(self) -> float:
        """The left side's mean over seeds."""
        return fmean(self.lefts)

    @property
    def right(self) -> float:
        """The right side's mean over seeds."""
        return fmean(self.rights)

    @property
    def differences(self) -> tuple[float, ...]:
        """Left minus right, per seed."""
        return tuple(left - right for left, right in zip(self.lefts, self.rights, strict=True))

    @property
    def difference(self) -> float:
        """The mean difference over seeds."""
        return fmean(self.differences)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95% interval over seeds; None for one seed."""
        return mean_interval(self.differences)

    @property
    def verdict(self) -> Verdict:
        """What the interval says."""
        return verdict_of(self.differences)


@dataclass(frozen=True)
class Finding:
    """A claim and what its comparisons gave."""

    claim: Claim
    seeds: tuple[int, ...]
    compared: tuple[Compared, ...]

    @property
    def verdict(self) -> Verdict:
        """The claim's verdict, by the comparisons that decide it."""
        return joint_verdict([one.verdict for one in self.compared if one.comparison.decides])


def find(claims: Sequence[Claim], values: Mapping[int, Mapping[AnyScore, float]]) -> tuple[Finding, ...]:
    """Judge claims by the scores of each seed."""
    findings = []
    for claim in claims:
        compared = tuple(
            Compared(
                comparison,
                tuple(comparison.left.value(scores) for scores in values.values()),
                tuple(comparison.right.value(scores) for scores in values.values()),
            )
            for comparison in claim.comparisons
        )
        findings.append(Finding(claim, tuple(values), compared))
    return tuple(findings)

"""What statistics make of evidence: rates, estimates, and what is told beside them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """A rate keeps its counts, so that its uncertainty can always be computed."""

    successes: int
    trials: int

    @property
    def value(self) -> float:
        """The observed rate."""
        return self.successes / self.trials


@dataclass(frozen=True)
class Detail:
    """A supplementary number of an estimate: the false positive rate reached, a predictive value."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Estimate:
    """What statistics make of evidence: one metric with its uncertainty.

    advantage: the metric on one scale for all, 0 for a guess without the model and 1 for certainty.
    advantage_corrected: the same lower bound at an error rate shared by all tests of the run; None where unknown.
    detectable: the smallest advantage that this many trials would have shown with probability 0.8.
    p_value: of the null hypothesis that the advantage is at most the policy's threshold.
    unmeasurable: why the evidence cannot carry this metric; the numbers are then None.
    attainable: the p-value that an attack which never errs would have had on as many trials; None where unknown.
    enough: what would do, in words, where even that is too high.
    p_below: of the hypothesis that the attack is right at least as often as chance; None where that says nothing.
    unit: what was counted, records, persons with all their rows, or updates.
    about: the attribute or property that it is about.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    chance: float
    advantage: float | None = None
    advantage_low: float | None = None
    detectable: float | None = None
    p_value: float | None = None
    threshold: float = 0.0
    unmeasurable: str | None = None
    details: tuple[Detail, ...] = ()
    attainable: float | None = None
    enough: str = ""
    p_below: float | None = None
    unit: str = "record"
    about: str = ""
    advantage_corrected: float | None = None

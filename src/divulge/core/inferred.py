"""Evidence of the property game: how often, and how closely, a fact about the training set was told."""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.rebuilt import Measure, Quality

INFERRED = ("property_told", "property_estimated", "batch_property_told", "input_attribute_told")
"""Metrics; each is followed by a colon and the property or attribute."""


@dataclass(frozen=True)
class Estimated:
    """What was said of one model: the truth, the estimate and its interval."""

    truth: float
    estimate: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Fact:
    """What an attack of the property game achieved about one property, or one attribute of inputs.

    text: the property.  low, high: between which it was sought.  estimates: of all models but the audited one.
    answer: of the audited one.  metrics_told, metrics_error: what the published metrics alone tell: how often the pair
    is told apart, and the mean absolute error.  leaked: how many training records, shown to somebody, would tell the
    pair apart as often (n_leaked, Suri and Evans 2022, theorem 4.2); None where that has no meaning.
    confidence, covered: how often the intervals should hold the truth, and did.
    """

    text: str
    measures: tuple[Measure, ...] = ()
    qualities: tuple[Quality, ...] = ()
    estimates: tuple[Estimated, ...] = ()
    answer: Estimated | None = None
    low: float = 0.0
    high: float = 1.0
    pairs: tuple[tuple[float, float], ...] = ()
    told_apart: tuple[float, ...] = ()
    kind: str = "share"
    confidence: float = 0.95
    covered: float | None = None
    metrics_told: float | None = None
    metrics_error: float | None = None
    leaked: float | None = None
    told: tuple[str, ...] = ()

    @property
    def error(self) -> float | None:
        """Mean absolute error of the estimates."""
        apart = [abs(e.estimate - e.truth) for e in self.estimates]
        return sum(apart) / len(apart) if apart else None

    @property
    def blind_error(self) -> float | None:
        """The same of the middle of the range."""
        middle = (self.low + self.high) / 2
        apart = [abs(middle - e.truth) for e in self.estimates]
        return sum(apart) / len(apart) if apart else None


@dataclass(frozen=True)
class Inferred:
    """What an attack of the property game achieved.  baseline: the guess without the model, in words.

    lacking: why something could not be judged, by metric.
    """

    facts: tuple[Fact, ...] = ()
    baseline: str = ""
    told: tuple[str, ...] = ()
    lacking: tuple[tuple[str, str], ...] = ()

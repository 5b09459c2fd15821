"""What counts as a leak: thresholds on the advantage, and the error rates that statistics may make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isnan
from types import MappingProxyType

from divulge.core.errors import InputError
from divulge.core.results.metric import EPSILON, METRICS, metrics

DEFAULT_THRESHOLDS: Mapping[str, float] = MappingProxyType(
    {key: each.threshold for key, each in METRICS.items() if each.family is not None}
)
"""Advantage that is tolerated, by metric.  For a true positive rate it equals the false positive rate: a leak is when
the adversary names members at more than twice the rate at which non-members are named.  For fidelity it is the share
of the baseline's disagreements with the target that a copy resolves; for what is recovered, the share of the secrets.
For what is rebuilt it is the share of records, attributes, classes or words beyond the best guess without the model.
For properties it is how much more often than by drawing lots two values are told apart, and how much nearer an estimate
comes than the middle of the range, as a share of the range.
"""


@dataclass(frozen=True)
class Policy:
    """thresholds: tolerated advantage by metric.  confidence: of intervals; 1 - confidence is shared by all
    findings of a run.  delta: at which the empirical epsilon is stated.

    name, purpose: what it is for.  least_access: what the adversary of an audit must at least have seen for this policy
    to judge it, a value of Access, or empty.  requires: families that must have been measured.  why: reasons with
    their sources, by metric, and for the adversary.
    """

    thresholds: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_THRESHOLDS))
    confidence: float = 0.95
    delta: float = 1e-5
    name: str = ""
    purpose: str = ""
    least_access: str = ""
    requires: tuple[str, ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.5 < self.confidence < 1:
            raise InputError(f"policy.confidence is {self.confidence}: it must lie between 0.5 and 1, 0.95 say")
        if not 0 <= self.delta < 1:
            raise InputError(f"policy.delta is {self.delta}: it must lie in [0, 1), 1e-5 say")
        for metric, tolerated in self.thresholds.items():
            if isnan(tolerated) or (metric == EPSILON and not 0 <= tolerated < inf):
                raise InputError(
                    f"policy.thresholds.{metric} is {tolerated:g}, which tolerates nothing or everything: it must be a "
                    + ("finite number, not below 0" if metric == EPSILON else "number")
                )

    def reason(self, metric: str, about: str = "") -> str:
        """Why that is tolerated, with the source; empty where the policy does not say."""
        return self.why.get(f"{metric}:{about}", self.why.get(metric, ""))

    def threshold(self, metric: str, about: str = "") -> float:
        """The advantage that this policy tolerates for a metric.  about: an attribute or property, for which a policy
        may have a threshold of its own, under "metric:about"; else one holds for all.
        """
        own = self.thresholds.get(f"{metric}:{about}") if about else None
        if own is not None:
            return own
        usual = known[metric].threshold if metric in (known := metrics()) else 0.0
        return self.thresholds.get(metric, usual)

"""What counts as a leak: thresholds on the advantage, and the error rates that statistics may make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from divulge.core.errors import InputError

DEFAULT_THRESHOLDS: Mapping[str, float] = MappingProxyType(
    {
        "auc": 0.05,
        "balanced_accuracy": 0.05,
        "tpr_at_fpr_0.1": 0.1,
        "tpr_at_fpr_0.01": 0.01,
        "tpr_at_fpr_0.001": 0.001,
        "epsilon": 0.1,
        "fidelity": 0.1,
        "fidelity_uniform": 0.1,
        "fidelity_boundary": 0.1,
        "parameters_recovered": 0.01,
        "hyperparameters_recovered": 0.01,
        "architecture_recovered": 0.1,
        "attribute_accuracy": 0.01,
        "records_rebuilt": 0.05,
        "records_exact": 0.05,
        "batches_opened": 0.05,
        "guesses_nearer_training": 0.05,
        "classes_recognised": 0.1,
        "classes_shown": 0.1,
        "labels_counted": 0.1,
        "text_rebuilt": 0.05,
        "text_exact": 0.05,
        "property_told": 0.1,
        "property_estimated": 0.1,
        "batch_property_told": 0.1,
        "input_attribute_told": 0.05,
    }
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
    """thresholds: tolerated advantage by metric.  confidence: of intervals; 1 - confidence is shared by Holm's rule
    among all findings of a run.  delta: at which the empirical epsilon is stated.

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

    def reason(self, metric: str) -> str:
        """Why that is tolerated, with the source; empty where the policy does not say."""
        return self.why.get(metric, self.why.get(metric.partition(":")[0], ""))

    def threshold(self, metric: str) -> float:
        """The advantage that this policy tolerates for a metric."""
        kind = metric.partition(":")[0]  # one for all attributes
        return self.thresholds.get(metric, self.thresholds.get(kind, DEFAULT_THRESHOLDS.get(kind, 0.0)))

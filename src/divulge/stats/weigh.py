"""Evidence becomes estimates: each kind of trial is weighed in one way."""

from __future__ import annotations

from dataclasses import replace

from divulge.core.results.estimate import Estimate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import CopyQuality, Quality
from divulge.core.results.metric import FIDELITY
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Counted, Paired, Scored
from divulge.stats.counted import weigh_counted
from divulge.stats.exact import weigh_exact
from divulge.stats.paired import weigh_paired
from divulge.stats.scored import weigh_scored


def weigh(evidence: Evidence, policy: Policy, tests: int = 1) -> tuple[Estimate, ...]:
    """All metrics of one attack.  tests: how many findings share the error rate, for an honest power."""
    qualities, copies = evidence.of(Quality), evidence.of(CopyQuality)
    found: list[Estimate] = []
    for trial in evidence.trials:
        if isinstance(trial, Scored):
            found += weigh_scored(trial, policy, tests)
        elif isinstance(trial, Paired):
            found.append(weigh_paired(trial, qualities, policy, tests))
        elif isinstance(trial, Counted):
            shown = copies[0] if copies and trial.metric == FIDELITY else None
            found.append(weigh_counted(trial, shown, policy, tests))
        else:
            found.append(weigh_exact(trial, policy))
    for lack in evidence.lacking:
        threshold = policy.threshold(lack.metric, lack.about)
        none = (None, None, None)
        missing = Estimate(lack.metric, *none, policy.confidence, 0.0, threshold=threshold, unmeasurable=lack.reason)
        found.append(replace(missing, about=lack.about))
    return tuple(found)

"""All findings of a run under their final verdicts, and which attack is looked at first."""

from __future__ import annotations

from collections.abc import Sequence

from divulge.core.results.audit_result import Baseline
from divulge.core.results.finding import Finding, Measurement, Played, Verdict
from divulge.core.results.handshake import Handshake
from divulge.core.results.metric import AUC
from divulge.core.results.policy import Policy
from divulge.core.threat import Family, Task
from divulge.runs.folder import RunFolder, StoredOutcome
from divulge.runs.together import corrected
from divulge.stats.verdict import BELOW, control_alarm_of, settle, tainted_attacks


def final_findings(
    outcomes: Sequence[StoredOutcome],
    policy: Policy,
    blind: Baseline,
    met: Handshake | None = None,
    run: RunFolder | None = None,
    bounds: bool = False,
    meanwhile: bool = False,
) -> tuple[Finding, ...]:
    """All findings so far, corrected for each other.

    met: how the target answered before: why the audit as a whole is none, or its silence no evidence.  run: where the
    scores are, over which membership is drawn anew; without them the correction is Holm's.  bounds: with the bounds
    that hold for all findings at once.  meanwhile: more attacks are to come, see together.corrected.
    """
    measured = measurements_of(outcomes)
    above = [(s.outcome.attack, p) for s in outcomes for p in s.control_p_values]
    below = [(s.outcome.attack, p) for s in outcomes for p in s.control_p_below]
    by = corrected(run, measured, policy, bounds, meanwhile).findings if run is not None else None
    faults, doubts = (met.faults, met.doubts) if met is not None else ((), ())
    regression = run is not None and run.facts().target.task == Task.REGRESSION.value
    tainted, suspected = (tainted_attacks(above, rate, below) for rate in (BELOW, 1 - policy.confidence))
    alarm = blind.alarm or _apart_without(outcomes)
    return tuple(settle(measured, policy, alarm, tainted, faults, by, doubts, regression, suspected))


def _apart_without(outcomes: Sequence[StoredOutcome]) -> str | None:
    """Why the sets differ, by the attacks on a model that saw neither: what one of them tells there of the sets, the
    others may tell of them in the target, more or less clearly.  One in a hundred fair splits is called unfair.
    """
    own = [s for s in outcomes if s.outcome.game == Family.MEMBERSHIP.value]
    above = [(s.outcome.title, p) for s in own for p in s.control_p_values]
    below = [(s.outcome.title, p) for s in own for p in s.control_p_below]
    apart = tainted_attacks(above, BELOW, below)
    return control_alarm_of(next(s.outcome.title for s in own if s.outcome.title in apart)) if apart else None


def measurements_of(outcomes: Sequence[StoredOutcome]) -> list[Measurement]:
    """What the attacks that were played measured, one after the other."""
    return [m for s in outcomes if isinstance(s.outcome.result, Played) for m in s.outcome.result.measurements]


def strongest_attack(run: RunFolder, findings: Sequence[Finding]) -> str | None:
    """The attack with the highest lower bound of the AUC among those that judge every record; one that leaks, by any
    metric, comes before one that does not.
    """
    records = run.facts().data.members + run.facts().data.nonmembers
    leaking = {f.attack for f in findings if f.verdict is Verdict.LEAK}
    areas = [f for f in findings if f.metric == AUC and f.low is not None and f.game == Family.MEMBERSHIP.value]
    areas.sort(key=lambda f: (f.attack not in leaking, -(f.low or 0.0)))
    return next((f.attack for f in areas if len(run.scores(f.attack)) == records), None)

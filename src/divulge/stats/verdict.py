"""From estimates to verdicts: the one place where the word 'leak' is decided."""

from __future__ import annotations

from collections.abc import Sequence

from divulge.core.finding import Finding, Reading, Verdict
from divulge.core.policy import Policy
from divulge.core.wording import percent
from divulge.stats.multiplicity import holm


def blind_alarm_of(blind: Reading, persons: bool = False) -> str | None:
    """Why the split is at fault: a guesser that never saw the model tells members from non-members (its AUC).

    persons: whether it is known whose the records are; else that may be what is wrong.
    """
    if blind.low <= 0.5:
        return None
    cure = (
        "draw persons at random from one set"
        if persons
        else ("draw them at random from one set, or say whose records they are (`groups`) where a person has several")
    )
    return (
        f"a guesser without the model tells members from non-members (AUC {blind.value:.3f}, "
        f"{blind.low:.3f} to {blind.high:.3f}), so the two sets were not drawn alike: {cure}"
    )


def settle(
    findings: Sequence[Finding], policy: Policy, alarm: str | None, tainted: frozenset[str] = frozenset()
) -> list[Finding]:
    """Final verdicts: Holm's correction over all measurable findings of a run.

    alarm: why every finding is invalid (see blind_alarm_of).  tainted: attacks that succeed against the negative
    control too, so that what they measure is not the training data.
    """
    measurable = [f for f in findings if f.p_value is not None]
    adjusted = dict(zip(map(id, measurable), holm([f.p_value or 0.0 for f in measurable]), strict=True))
    return [_settle(f, adjusted.get(id(f)), policy, alarm, f.attack in tainted) for f in findings]


def _settle(finding: Finding, p_adjusted: float | None, policy: Policy, alarm: str | None, tainted: bool) -> Finding:
    p = None if p_adjusted is None else float(p_adjusted)
    if p is None:
        return finding.judged(Verdict.NOT_MEASURABLE, finding.reason, None)
    if alarm is not None and finding.game == "membership":
        return finding.judged(Verdict.INVALID, alarm, p)
    if tainted:
        reason = "the attack succeeds against a model that never saw these records as well"
        return finding.judged(Verdict.INVALID, reason, p)
    above_control = finding.control is None or (finding.low or 0.0) > finding.control
    if p <= 1 - policy.confidence and above_control:
        return finding.judged(Verdict.LEAK, _leak_reason(finding), p)
    if p <= 1 - policy.confidence:
        reason = f"the attack does as well ({finding.control:.3f}) when it is let loose on another model"
        return finding.judged(Verdict.NOT_FOUND, reason, p)
    return finding.judged(Verdict.NOT_FOUND, _quiet_reason(finding), p)


def _leak_reason(finding: Finding) -> str:
    if finding.metric == "epsilon":
        which = "a user-level epsilon" if finding.unit == "person" else "an epsilon"
        return f"no training with {which} below {finding.value or 0.0:.2f} could show this"
    if finding.metric.endswith("_recovered"):
        return f"{percent(finding.value or 0.0)} of them are right"
    if finding.metric.startswith("fidelity"):
        return (
            f"it resolves at least {percent(finding.advantage_low or 0.0)} of the disagreements of a guess without "
            f"queries, above {percent(finding.threshold)}"
        )
    return f"the advantage is at least {percent(finding.advantage_low or 0.0)}, above {percent(finding.threshold)}"


def _quiet_reason(finding: Finding) -> str:
    if finding.metric == "epsilon":
        return "the evidence excludes no epsilon above the policy's threshold"
    if finding.metric.endswith("_recovered"):
        return f"{percent(finding.value or 0.0)} of them are right, by chance {percent(finding.chance)}"
    if finding.power is None:
        return "this audit is too small to have shown any advantage at this rate"
    return f"an advantage of {percent(finding.power)} or more would probably have been seen"


def tainted_attacks(p_values: Sequence[tuple[str, float]], policy: Policy) -> frozenset[str]:
    """Attacks with a significant success against the negative control, corrected over all of them.

    p_values: (attack, p) for each metric measured against the control.
    """
    adjusted = holm([p for _, p in p_values])
    return frozenset(a for (a, _), p in zip(p_values, adjusted, strict=True) if p <= 1 - policy.confidence)

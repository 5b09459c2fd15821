"""From estimates to verdicts: the one place where the word 'leak' is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from divulge.core.results.finding import Finding, Measurement, Reading, Verdict
from divulge.core.results.metric import (
    CANARIES_USED,
    DATASET_USED,
    EPSILON_BY_STEP,
    EPSILON_ONE_RUN,
    NOT_AS_CLAIMED,
    SHARE_USED,
    Trials,
)
from divulge.core.results.policy import Policy
from divulge.core.wording import percent
from divulge.stats.multiplicity import holm

ALONE = 0.8
"""Of what a guesser tells beyond chance: a column that has this share of it alone is named."""


def blind_alarm_of(blind: Reading, telling: tuple[str, float] | None = None, persons: bool = False) -> str | None:
    """Why the split is at fault: a guesser that never saw the model tells members from non-members (its AUC).

    telling: the column that alone tells them best, and its AUC.  persons: whether it is known whose the records are;
    else that may be what is wrong.
    """
    if blind.low <= 0.5:
        return None
    cure = (
        "draw persons at random from one set"
        if persons
        else "draw them at random from one set, or say whose records they are (`groups`) where a person has several"
    )
    if telling is not None and telling[1] - 0.5 >= ALONE * (blind.value - 0.5):
        cure = (
            f"the column {telling[0]!r} alone gives it away (AUC {telling[1]:.3f}): if it is an id, a row number or a "
            f"date, leave it out, else {cure}"
        )
    return (
        f"a classifier that never queries the model separates members from non-members (AUC {blind.value:.3f}, "
        f"{blind.low:.3f} to {blind.high:.3f}), so the two sets are not samples of the same distribution: {cure}"
    )


BELOW = 0.01
"""Error rate, over all findings and controls of a run, of the alarm that an attack is right less often than chance."""


def settle(
    findings: Sequence[Measurement],
    policy: Policy,
    alarm: str | None,
    tainted: frozenset[str] = frozenset(),
    faults: Sequence[str] = (),
) -> list[Finding]:
    """Final verdicts: Holm's correction over all measurable findings of a run.

    alarm: why findings on membership are invalid (see blind_alarm_of).  tainted: attacks that succeed against the
    negative control too, so that what they measure is not the training data.  faults: why the audit as a whole is
    none; any of them makes every finding invalid.
    """
    measurable = [f for f in findings if f.p_value is not None]
    adjusted = _corrected(measurable, [f.p_value or 0.0 for f in measurable])
    best = _corrected(measurable, [f.attainable or 0.0 for f in measurable])
    below = reversed_attacks(findings)
    settled: list[Finding] = []
    for finding in findings:
        p = adjusted.get(id(finding))
        why = _invalid(finding, p, alarm, tainted, faults, below)
        if why is not None:
            settled.append(finding.judged(Verdict.INVALID, why, None if p is None else float(p)))
            continue
        settled.append(_settle(finding, p, policy, best.get(id(finding), 0.0)))
    return settled


def _corrected(measurable: Sequence[Measurement], p_values: Sequence[float]) -> dict[int, float]:
    """Holm's correction, by the id of each measurement.  What one claim is tested by shares its error rate already, so
    that a claim counts as one test, by the smallest of its p-values.
    """
    tests: dict[tuple[str, int], list[int]] = {}
    for place, each in enumerate(measurable):
        tests.setdefault((each.attack, -1 if each.kind.trials is Trials.OWN else place), []).append(place)
    least = [min(p_values[place] for place in places) for places in tests.values()]
    corrected: dict[int, float] = {}
    for places, p, adjusted in zip(tests.values(), least, holm(least), strict=True):
        for place in places:
            more = p_values[place] / p if p > 0 else 1.0
            corrected[id(measurable[place])] = float(adjusted) if more == 1 else min(1.0, float(adjusted) * more)
    return corrected


def reversed_attacks(findings: Sequence[Measurement], controls: Sequence[float] = ()) -> dict[str, Measurement]:
    """Attacks on membership that are right significantly less often than chance, each with the finding that shows it
    most clearly; corrected for all findings, and for the p-values of the controls.
    """
    asked = [f for f in findings if f.p_below is not None]
    adjusted = holm([*(f.p_below or 0.0 for f in asked), *controls])[: len(asked)]
    found: dict[str, Measurement] = {}
    for finding, p in sorted(zip(asked, adjusted, strict=True), key=lambda pair: pair[1]):
        if p <= BELOW:
            found.setdefault(finding.attack, finding)
    return found


def below_chance(finding: Measurement) -> str:
    """Why a finding that lies below chance is a fault of the audit, and which one is likely."""
    name = finding.kind.label
    value, low, high = (finding.value or 0.0, finding.low or 0.0, finding.high or 0.0)
    return (
        f"the attack is right significantly less often than chance ({name} {value:.2f}, {low:.2f} to {high:.2f}): the "
        "labels or the order of the classes are probably not the model's"
    )


def _invalid(
    finding: Measurement,
    p: float | None,
    alarm: str | None,
    tainted: frozenset[str],
    faults: Sequence[str],
    below: Mapping[str, Measurement],
) -> str | None:
    """Why a finding says nothing about the model; None where it does, or was not measured in the first place."""
    if faults:
        return "; ".join(faults)
    if p is None:
        return None
    if alarm is not None and finding.game == "membership":
        return alarm
    if finding.attack in below:
        return below_chance(below[finding.attack])
    if finding.attack in tainted:
        return "the attack succeeds against a model that never saw these records as well"
    return None


def _settle(finding: Measurement, p_adjusted: float | None, policy: Policy, best: float) -> Finding:
    """best: the adjusted p-value that an attack which never errs would have had."""
    p, alpha = None if p_adjusted is None else float(p_adjusted), 1 - policy.confidence
    if p is None:
        return finding.judged(Verdict.NOT_MEASURABLE, finding.unmeasurable, None)
    if best > alpha and not _excluded(finding):
        return finding.judged(Verdict.NOT_MEASURABLE, _too_few(finding), p)
    above_control = finding.control is None or (finding.low or 0.0) > finding.control
    if p <= alpha and above_control:
        return finding.judged(Verdict.LEAK, _leak_reason(finding), p)
    if p <= alpha:
        reason = f"the attack does as well ({finding.control:.3f}) when it is let loose on another model"
        return finding.judged(Verdict.NOT_FOUND, reason, p)
    missed = finding.power is None or finding.power >= 1
    if missed and finding.kind.needs_power and not _excluded(finding):
        return finding.judged(Verdict.NOT_MEASURABLE, _too_few(finding), p)
    return finding.judged(Verdict.NOT_FOUND, _quiet_reason(finding), p)


def _excluded(finding: Measurement) -> bool:
    """Whether the interval lies wholly within what the policy tolerates, or everything is tolerated."""
    if finding.high is None:
        return False
    gained = finding.high - finding.chance
    if finding.kind.relative:
        gained /= max(1 - finding.chance, 1e-12)
    return gained <= finding.threshold


def _too_few(finding: Measurement) -> str:
    """Why nothing that an attack could have done would have shown, and what would do."""
    if finding.kind.trials is Trials.OWN:
        return FEW_FOR_CLAIM.get(finding.metric, "even the clearest outcome of this test could have been an accident")
    if finding.kind.trials is Trials.EXACT:
        return "so few facts were asked about that all of them could be right by chance"
    if finding.game == "membership":
        said = "there are too few records: even an attack that names every member would probably have been missed"
    else:
        said = "there are too few trials: even an attack that is always right could not be distinguished from chance"
    return f"{said}; it takes {finding.enough}" if finding.enough else said


FEW_FOR_CLAIM = {
    EPSILON_ONE_RUN: "so few canaries could not have refuted the claim: give more of them",
    CANARIES_USED: "so few canaries prove nothing, even if every label is ranked first",
}

UPHELD = {
    DATASET_USED: "own records look more familiar to the model than fresh ones do, by more than chance",
    SHARE_USED: "at least {low} of the own records were used",
    CANARIES_USED: "the labels that were drawn are ranked higher than a model that never saw them would rank them",
    EPSILON_ONE_RUN: "epsilon is at least {value:.2f}, and {threshold:g} was claimed",
    EPSILON_BY_STEP: "epsilon is at least {value:.2f} if each step is Gaussian, and {threshold:g} was claimed",
    NOT_AS_CLAIMED: "something was not done as the claim assumes",
}

NOT_UPHELD = {
    DATASET_USED: "it was not shown that the records were used; a loosely fitted model shows little of what it saw",
    SHARE_USED: "used records could not be distinguished from fresh ones",
    CANARIES_USED: "the labels that were drawn are ranked no higher than chance ranks them",
    EPSILON_ONE_RUN: "the bound of {value:.2f} does not exceed the {threshold:g} that was claimed",
    EPSILON_BY_STEP: "the bound by step of {value:.2f} does not exceed the {threshold:g} that was claimed",
    NOT_AS_CLAIMED: "what was seen was done as the claim assumes",
}


def _of_claim(finding: Measurement, words: Mapping[str, str]) -> str | None:
    """What is said of a claim; None of anything else."""
    if finding.metric not in words:
        return None
    return words[finding.metric].format(
        value=finding.value or 0.0, threshold=finding.threshold, low=percent(finding.low or 0.0)
    )


def _leak_reason(finding: Measurement) -> str:
    claim = _of_claim(finding, UPHELD)
    if claim is not None:
        return claim
    if finding.kind.trials is Trials.EXACT:
        return f"{percent(finding.value or 0.0)} of them are right"
    least = finding.advantage_corrected or 0.0
    if finding.kind.unbounded:
        which = "a user-level epsilon" if finding.unit == "person" else "an epsilon"
        bound = max(2 * float(np.arctanh(min(least, 1 - 1e-12))), finding.threshold)  # Holm asks less than Bonferroni
        return f"no training with {which} below {bound:.2f} could show this, corrected for all tests"
    bounded = f"at least {percent(least)}, " if least > finding.threshold else ""
    above = f"{bounded}above {percent(finding.threshold)}, corrected for all tests"
    if finding.kind.trials is Trials.COUNTED:
        return f"it resolves a share of the disagreements of a guess without queries that is {above}"
    return f"the advantage is {above}"


def _quiet_reason(finding: Measurement) -> str:
    claim = _of_claim(finding, NOT_UPHELD)
    if claim is not None:
        return claim
    if finding.kind.unbounded:
        return "the evidence excludes no epsilon above the policy's threshold"
    if finding.kind.trials is Trials.EXACT:
        return f"{percent(finding.value or 0.0)} of them are right, by chance {percent(finding.chance)}"
    if finding.power is None or finding.power >= 1:
        return "nothing but a complete success would have been seen"
    return f"an advantage of {percent(finding.power)} or more would probably have been seen"


def tainted_attacks(
    p_values: Sequence[tuple[str, float]], policy: Policy, below: Sequence[tuple[str, float]] = ()
) -> frozenset[str]:
    """Attacks with a significant success against the negative control, corrected over all of them, or with a
    significant failure there: a model that never saw the records then tells the sets apart too.

    p_values: (attack, p) for each metric measured against the control.  below: the same, of being below chance.
    """
    adjusted = holm([p for _, p in p_values])
    lower = holm([p for _, p in below])
    above = {a for (a, _), p in zip(p_values, adjusted, strict=True) if p <= 1 - policy.confidence}
    return frozenset(above | {a for (a, _), p in zip(below, lower, strict=True) if p <= BELOW})

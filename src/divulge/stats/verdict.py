"""From estimates to verdicts: the one place where the word 'leak' is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from divulge.core.results.finding import Correction, Finding, Measurement, Reading, Verdict
from divulge.core.results.metric import (
    CANARIES_USED,
    DATASET_USED,
    EPSILON_BY_STEP,
    EPSILON_OF_MECHANISM,
    EPSILON_ONE_RUN,
    NOT_AS_CLAIMED,
    PROPERTY_TOLD,
    RECORD_NAMED,
    SECRETS_EXPOSED,
    SECRETS_READ_OFF,
    SHARE_USED,
    Trials,
)
from divulge.core.results.policy import Policy
from divulge.core.threat import RELEASES, Access
from divulge.core.wording import percent, plural
from divulge.stats.many.familywise import corrections
from divulge.stats.many.multiplicity import holm
from divulge.stats.power import HARDLY_A_LOOK

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


def reference_alarm_of(told: Reading) -> str | None:
    """Why the split is at fault: a language model that never saw either set answers them differently (its AUC)."""
    if told.low <= 0.5:
        return None
    return (
        f"the reference, which is to have seen neither set, separates members from non-members (AUC {told.value:.3f}, "
        f"{told.low:.3f} to {told.high:.3f}): the two sets are not samples of the same distribution, or it was trained "
        "on one of them; draw them at random from one set, or give a reference that saw neither"
    )


def control_alarm_of(title: str) -> str:
    """Why the split is at fault: an attack tells the sets apart in a model that never saw either."""
    return (
        f"{title} separates members from non-members in a model that never saw either as well, so the two sets are not "
        "samples of the same distribution: draw them at random from one set"
    )


TAINTED = "the attack succeeds against a model that never saw these records as well"

BELOW = 0.01
"""Error rate, over all findings and controls of a run, of the alarm that an attack is right less often than chance."""


def settle(
    findings: Sequence[Measurement],
    policy: Policy,
    alarm: str | None,
    tainted: frozenset[str] = frozenset(),
    faults: Sequence[str] = (),
    corrected: Sequence[Correction] | None = None,
    doubts: Sequence[str] = (),
    regression: bool = False,
    suspected: frozenset[str] = frozenset(),
) -> list[Finding]:
    """Final verdicts, corrected for all measurable findings of a run.

    alarm: why findings on membership are invalid (see blind_alarm_of).  tainted: attacks that succeed against the
    negative control too, so that what they measure is not the training data.  faults: why the audit as a whole is
    none; any of them makes every finding invalid.  corrected: of each finding; Holm's correction where None.  doubts:
    why it is no evidence that attacks on the target find nothing; those that succeed do.  regression: whether the
    target answers with values, which have no classes that could be in another order.  suspected: attacks that succeed
    against the negative control less clearly: they accuse nobody, but that they find nothing is no fault of the audit.
    """
    below = reversed_attacks(findings)
    settled: list[Finding] = []
    for finding, correction in zip(findings, corrections(findings) if corrected is None else corrected, strict=True):
        why = _invalid(finding, correction.adjusted, alarm, tainted, faults, below, regression)
        if why is not None:
            settled.append(finding.judged(Verdict.INVALID, why, correction.adjusted, correction))
            continue
        found = _settle(finding, correction, policy)
        if found.verdict is Verdict.LEAK and finding.attack in suspected:
            found = finding.judged(Verdict.INVALID, TAINTED, correction.adjusted, correction)
        empty = [finding.broken_control] if finding.broken_control else []
        if finding.game in ASKS_THE_TARGET and finding.access != Access.UPDATES.value:
            empty += doubts
        if empty and found.verdict is Verdict.NOT_FOUND:
            found = finding.judged(Verdict.NOT_MEASURABLE, "; ".join(empty), correction.adjusted, correction)
        settled.append(found)
    return settled


ASKS_THE_TARGET = ("membership", "reconstruction", "extraction")
"""Games whose adversary asks the audited model itself, and not models that were trained to play; updates are computed
from the records that are looked for, and the model may be one that has learned nothing yet."""


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


def below_chance(finding: Measurement, regression: bool = False) -> str:
    """Why a finding that lies below chance is a fault of the audit, and which one is likely."""
    others = "the true values, their sign or their scale" if regression else "the labels or the order of the classes"
    likely = f"members and non-members are probably swapped, or {others} are not the model's"
    if finding.access in {port.value for port in RELEASES}:
        likely = "members and non-members are probably swapped, or the release was made from the non-members"
    name = finding.kind.label
    value, low, high = (finding.value or 0.0, finding.low or 0.0, finding.high or 0.0)
    reached = f"{name} {value:.2f}, {low:.2f} to {high:.2f}"
    return f"the attack is right significantly less often than chance ({reached}): {likely}"


def _invalid(
    finding: Measurement,
    p: float | None,
    alarm: str | None,
    tainted: frozenset[str],
    faults: Sequence[str],
    below: Mapping[str, Measurement],
    regression: bool,
) -> str | None:
    """Why a finding says nothing about the model; None where it does, or was not measured in the first place."""
    if faults:
        return "; ".join(faults)
    if p is None:
        return None
    if alarm is not None and finding.game == "membership":
        return alarm
    if finding.attack in below:
        return below_chance(below[finding.attack], regression)
    if finding.attack in tainted:
        return TAINTED
    return None


def _settle(finding: Measurement, by: Correction, policy: Policy) -> Finding:
    p, alpha = by.adjusted, 1 - policy.confidence

    def judged(verdict: Verdict, reason: str) -> Finding:
        return finding.judged(verdict, reason, p, by)

    if p is None:
        return judged(Verdict.NOT_MEASURABLE, finding.unmeasurable)
    if (by.best or 0.0) > alpha and not _excluded(finding):
        return judged(Verdict.NOT_MEASURABLE, _too_few(finding))
    above_control = finding.control is None or (finding.low or 0.0) > finding.control
    if p <= alpha and above_control:
        return judged(Verdict.LEAK, _leak_reason(finding, by))
    if p <= alpha:
        reason = f"the attack does as well ({finding.control:.3f}) when it is let loose on another model"
        return judged(Verdict.NOT_FOUND, reason)
    seen = None if finding.power is None else _of_certainty(finding.power, finding)
    missed = seen is None or seen >= HARDLY_A_LOOK.get(finding.game, 1.0) or _open(finding)
    if missed and finding.kind.needs_power and not _excluded(finding):
        return judged(Verdict.NOT_MEASURABLE, _too_few(finding))
    return judged(Verdict.NOT_FOUND, _quiet_reason(finding))


def _most(finding: Measurement) -> float | None:
    """The largest advantage that the interval does not exclude; None where there is no interval."""
    if finding.high is None:
        return None
    gained = finding.high - finding.chance
    if finding.kind.relative:
        gained /= max(1 - finding.chance, 1e-12)
    return gained


def _excluded(finding: Measurement) -> bool:
    """Whether the interval lies wholly within what the policy tolerates, or everything is tolerated."""
    most = _most(finding)
    return most is not None and most <= finding.threshold


def _open(finding: Measurement) -> bool:
    """Whether an advantage is not excluded that an audit must exclude to have looked."""
    most = _most(finding)
    return most is not None and finding.game == "property" and _of_certainty(most, finding) >= HARDLY_A_LOOK["property"]


def _of_certainty(advantage: float, finding: Measurement) -> float:
    """An advantage as a share of what lies between guessing and certainty: two values are told apart by lot in half of
    all games, so that no advantage is above a half.
    """
    inferred = finding.game == "property" and not finding.kind.relative
    return advantage / max(1 - finding.chance, 1e-12) if inferred else advantage


def _too_few(finding: Measurement) -> str:
    """Why nothing that an attack could have done would have shown, and what would do."""
    if finding.kind.trials is Trials.OWN:
        return FEW_FOR_CLAIM.get(finding.metric, "even the clearest outcome of this test could have been an accident")
    if finding.kind.trials is Trials.EXACT and finding.chance == 1:
        return "whoever guesses the library's default is right too, without the model"
    if finding.kind.trials is Trials.EXACT:
        return "so few facts were asked about that all of them could be right by chance"
    unit = finding.kind.unit if finding.unit in ("record", "person") else finding.unit
    what = "records" if finding.game == "membership" else f"trials ({plural(unit)})"
    power = 1.0 if finding.power is None else _of_certainty(finding.power, finding)
    if finding.game in HARDLY_A_LOOK and power < 1:
        reason = f"there are too few {what}: only {_visible(finding)} would have been seen"
        if _open(finding):
            reason += f", and {_at_most(finding)} is not excluded"
    elif finding.game == "membership":
        reason = "there are too few records: even an attack that names every member would probably have been missed"
    else:
        reason = f"there are too few {what}: even an attack that is always right could not be distinguished from chance"
    return f"{reason}; it takes {finding.enough}" if finding.enough else reason


FEW_FOR_CLAIM = {
    EPSILON_ONE_RUN: "so few canaries could not have refuted the claim: give more of them",
    EPSILON_OF_MECHANISM: "so few samples could not have refuted the claim: take more of them",
    CANARIES_USED: "so few canaries prove nothing, even if every label is ranked first",
    SECRETS_EXPOSED: "so few secrets prove nothing, even if each is the likeliest of all: insert more of them",
    SECRETS_READ_OFF: "so few secrets prove nothing, even if each is the likeliest of all: insert more of them",
    RECORD_NAMED: "there are too few trainings to show even that this record is always named: give more trials",
}

UPHELD = {
    DATASET_USED: "own records look more familiar to the model than fresh ones do, by more than chance",
    SHARE_USED: "at least {low} of the own records were used",
    CANARIES_USED: "the labels that were drawn are ranked higher than a model that never saw them would rank them",
    EPSILON_ONE_RUN: "epsilon is at least {value:.2f}, and {threshold:g} was claimed",
    EPSILON_BY_STEP: "epsilon is at least {value:.2f} if each step is Gaussian, and {threshold:g} was claimed",
    EPSILON_OF_MECHANISM: "epsilon is at least {value:.2f}, and {threshold:g} was claimed",
    NOT_AS_CLAIMED: "something was not done as the claim assumes",
    SECRETS_EXPOSED: "secrets from the corpus are likelier to the model than others that might have been drawn",
    SECRETS_READ_OFF: "at least {low} of the inserted secrets are the first that the model would write",
    RECORD_NAMED: "whoever names this record has an advantage of at least {low}, above {tolerated}",
}

NOT_UPHELD = {
    DATASET_USED: "it was not shown that the records were used; a loosely fitted model shows little of what it saw",
    SHARE_USED: "used records could not be distinguished from fresh ones",
    CANARIES_USED: "the labels that were drawn are ranked no higher than chance ranks them",
    EPSILON_ONE_RUN: "the bound of {value:.2f} does not exceed the {threshold:g} that was claimed",
    EPSILON_BY_STEP: "the bound by step of {value:.2f} does not exceed the {threshold:g} that was claimed",
    EPSILON_OF_MECHANISM: "the bound of {value:.2f} does not exceed the {threshold:g} that was claimed",
    NOT_AS_CLAIMED: "what was seen was done as the claim assumes",
    SECRETS_EXPOSED: "secrets from the corpus are no likelier to the model than chance makes them",
    SECRETS_READ_OFF: "no more inserted secrets are the model's first choice than chance makes so",
    RECORD_NAMED: "an advantage of {power} or more would probably have been seen, on this record: others may differ",
}


def _of_claim(finding: Measurement, words: Mapping[str, str]) -> str | None:
    """What is said of a claim; None of anything else."""
    if finding.metric not in words:
        return None
    return words[finding.metric].format(
        value=finding.value or 0.0,
        threshold=finding.threshold,
        low=percent(finding.low or 0.0),
        tolerated=percent(finding.threshold),
        power=percent(finding.power or 1.0),
    )


def _leak_reason(finding: Measurement, by: Correction) -> str:
    claim = _of_claim(finding, UPHELD)
    if claim is not None:
        return claim
    sure, gained = f"{percent(finding.confidence)} over all attacks", by.advantage_low
    if gained is None:
        sure, gained = "corrected for all tests", finding.advantage_corrected
    if gained is None:
        sure, gained = f"{percent(finding.confidence)} for this attack alone", finding.advantage_low or 0.0
    if finding.kind.unbounded:
        which = "a user-level epsilon" if finding.unit == "person" else "an epsilon"
        least = finding.value or 0.0 if by.low is None else max(by.low, finding.threshold)
        if by.low is None and finding.advantage_corrected is not None:  # Holm asks less than Bonferroni
            bound = 2 * float(np.arctanh(min(finding.advantage_corrected, 1 - 1e-12)))
            least = max(bound, finding.threshold)
        return f"no training with {which} below {least:.2f} could show this ({sure})"
    if finding.kind.trials is Trials.EXACT:
        return f"{percent(finding.value or 0.0)} of them are right"
    enough = f"at least {percent(gained)} ({sure})"
    above = f"{enough}, above {percent(finding.threshold)}"
    if gained <= finding.threshold:  # shown only once what is clearer was set aside
        above = f"above {percent(finding.threshold)} ({sure})"
    if finding.kind.trials is Trials.COUNTED:
        return f"the share of the disagreements of a guess without queries that it resolves is {above}"
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
    seen = f"{_visible(finding)} would probably have been seen"
    return f"{seen}, and {_at_most(finding)} is not excluded" if finding.game == "property" and finding.high else seen


def _visible(finding: Measurement) -> str:
    """The smallest effect that would probably have been seen."""
    power = finding.power or 0.0
    if finding.key == PROPERTY_TOLD:
        return f"an attack that is right in {percent(min(finding.chance + power, 1.0))} of games or more"
    return f"an advantage of {percent(power)} or more"


def _at_most(finding: Measurement) -> str:
    """The largest effect that the interval does not exclude."""
    if finding.key == PROPERTY_TOLD:
        return f"one that is right in up to {percent(finding.high or 0.0)}"
    return f"one of up to {percent(max(_most(finding) or 0.0, 0.0))}"


def tainted_attacks(
    p_values: Sequence[tuple[str, float]], alpha: float, below: Sequence[tuple[str, float]] = ()
) -> frozenset[str]:
    """Attacks with a significant success against the negative control, corrected over all of them, or with a
    significant failure there: a model that never saw the records then tells the sets apart too.

    p_values: (attack, p) for each metric measured against the control.  alpha: how often one may be by accident.
    below: the same, of being below chance.
    """
    adjusted = holm([p for _, p in p_values])
    lower = holm([p for _, p in below])
    above = {a for (a, _), p in zip(p_values, adjusted, strict=True) if p <= alpha}
    return frozenset(above | {a for (a, _), p in zip(below, lower, strict=True) if p <= BELOW})

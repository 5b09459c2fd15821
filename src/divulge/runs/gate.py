"""The gate: a run judged again, from its stored scores, under a policy of the reader's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from divulge.core.results.audit_result import Baseline
from divulge.core.results.estimate import Estimate
from divulge.core.results.finding import CLAIM, Failed, Finding, Measurement, Played, Verdict
from divulge.core.results.metric import Trials
from divulge.core.results.policy import Policy
from divulge.core.results.verdicts import ClaimVerdict, FamilyVerdict, claim_verdict, family_verdicts, gaps, run_verdict
from divulge.core.threat import Access, Family, ThreatModel
from divulge.core.wording import joined, percent
from divulge.runs.differences.over_time import e_values_of
from divulge.runs.files.whole_files import run_read
from divulge.runs.folder import RunFolder, StoredOutcome
from divulge.runs.policies import policy_of
from divulge.runs.regression import Progressed, Worse, compared_with
from divulge.runs.settle import final_findings
from divulge.stats.many.e_values import averaged
from divulge.stats.weigh import weigh


@dataclass(frozen=True)
class Judgment:
    """What the gate says.  broken: the findings above the policy.  incomplete: why the run cannot pass otherwise.
    unmet: of the incomplete, what the policy wants looked at.  worse: what leaks more than in the run before.
    only_claims: whether claims were tested and no family was looked at.  progressed: the comparison with that run.
    e_value: of all membership attacks together; None where there was none, or the audit is invalid.
    unexamined: families of which nothing could be measured, though no attack was left out, and why.
    """

    policy: Policy
    verdict: Verdict
    broken: tuple[Finding, ...]
    incomplete: tuple[str, ...]
    unmet: tuple[str, ...] = ()
    worse: tuple[Worse, ...] = ()
    before: str = ""
    only_claims: bool = False
    progressed: Progressed | None = None
    e_value: float | None = None
    unexamined: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 a leak above the policy, or more than before; 0 where every family that was asked for was examined and
        nothing was found; 3 otherwise: incomplete, failed, invalid or not measurable.
        """
        return 1 if self.broken or self.worse else 3 if self.incomplete else 0

    def said(self) -> list[str]:
        """Every rule that failed, in words."""
        lines = []
        for rule in dict.fromkeys(f.metric for f in self.broken):
            lines.append(_broken([f for f in self.broken if f.metric == rule], self.policy))
        for rule in dict.fromkeys(w.finding.metric for w in self.worse):
            lines.append(_grown([w for w in self.worse if w.finding.metric == rule], self.before))
        lines += [f"! incomplete: {reason}" for reason in self.incomplete]
        return lines + [f"– {each}" for each in self.unexamined]


MOST_NAMED = 4
"""Attacks that a broken rule is said to be broken by."""


def _broken(findings: list[Finding], policy: Policy) -> str:
    """A rule that failed, by whom, and why it is one."""
    ordered = sorted(findings, key=lambda f: -(f.advantage_low or 0.0))
    rule, of = ordered[0].metric, f" of policy {policy.name}" if policy.name else ""
    if ordered[0].game == CLAIM:
        return f"▲ {ordered[0].attack}: {ordered[0].reason}"
    who = [
        f"{f.attack} (at least {_least(f.low_all, f.low, f.threshold):.2f})"
        if f.kind.unbounded
        else f"{f.attack} (at least {percent(_least(f.advantage_low_all, f.advantage_low, f.threshold))})"
        for f in ordered
    ]
    why = policy.reason(ordered[0].key, ordered[0].about)
    broken = f"▲ rule thresholds.{rule} = {ordered[0].threshold:g}{of} is broken by {first(who)}"
    return broken + (f"\n    because: {why}" if why else "")


def _least(over_all: float | None, alone: float | None, threshold: float) -> float:
    """The bound that holds for all findings at once; a leak lies above its threshold."""
    return max(over_all, threshold) if over_all is not None else alone or 0.0


def first(items: list[str]) -> str:
    """The first few, and how many more there are."""
    more = len(items) - MOST_NAMED
    return joined([*items[:MOST_NAMED], f"{more} more"] if more > 0 else items)


def _grown(worse: list[Worse], before: str) -> str:
    """A metric that has grown since the run before."""
    sentences = [grown_by(w) for w in worse]
    return f"▲ rule no-worse-than {before}: {worse[0].finding.metric} has grown for {first(sentences)}"


def grown_by(worse: Worse) -> str:
    """By how much, from what to what, and how that was compared."""
    values = f"{worse.values[0]:.3f} to {worse.values[1]:.3f}"
    growth = f"by {worse.growth:.3f}, {worse.low:.3f} to {worse.high:.3f}"
    growth += f"; {worse.method}"
    return f"{worse.finding.attack} ({values}: {growth})"


def judge(
    path: Path, policy: Policy | None = None, before: Path | None = None, same_records: bool | None = None
) -> Judgment:
    """Judge a run folder, under its own policy when none is given.

    before: the run of the model before; what leaks more than in it fails as well, see runs.regression.
    same_records: whether both are about the same records in the same order, or about others, where their contents are
    not known.  Raises InputError for a folder that is no run, or is damaged.
    """
    with run_read(path):
        return _judged(RunFolder(path), policy, before, same_records)


def _judged(run: RunFolder, policy: Policy | None, before: Path | None, same_records: bool | None) -> Judgment:
    facts = run.facts()
    run.check()
    stored = run.outcomes()
    ordered = [stored[name] for name in facts.planned if name in stored]
    if policy is not None:
        ordered = _all_again(run, ordered, policy)
    blind = run.baseline() or Baseline()
    chosen = policy or facts.policy
    met = run.handshake()
    faults = met.faults if met is not None else ()
    findings = final_findings(ordered, chosen, blind, met, run, bounds=True)
    broken = tuple(f for f in findings if f.verdict is Verdict.LEAK)
    required = tuple(unmet(chosen, facts.threat, findings))
    left = [each.game for each in run.left_out()]
    outcomes = [s.outcome for s in ordered]
    families, claims = family_verdicts(outcomes, findings, left), claim_verdict(outcomes, findings)
    lacking = (*incomplete(run, ordered, families, claims), *required)
    progressed = None
    if before is not None:
        with run_read(before):
            earlier = RunFolder(before)
            judged = (run, findings), (earlier, _findings(before, chosen))
            progressed = compared_with(*judged, chosen, (facts.threat, earlier.facts().threat), same_records)
    worse = progressed.worse if progressed is not None else ()
    values = run.e_values() if policy is None else e_values_of(run, policy)
    e_value = averaged(list(values.values())) if values and not blind.alarm and not faults else None
    verdict = Verdict.INVALID if faults else run_verdict(families, claims)
    only = bool(outcomes) and all(outcome.game == CLAIM for outcome in outcomes)
    named = before.name if before else ""
    unseen = _unexamined(families, findings, lacking)
    return Judgment(chosen, verdict, broken, lacking, required, worse, named, only, progressed, e_value, unseen)


def _unexamined(
    families: Mapping[Family, FamilyVerdict], findings: Sequence[Finding], lacking: Sequence[str]
) -> tuple[str, ...]:
    """Families that were attacked, and of which nothing could be measured: that is no gap, but it is said."""
    attacked = {finding.game for finding in findings}
    said = [
        f"{family.value} was not examined: {each.why}"
        for family, each in families.items()
        if each.verdict is Verdict.NOT_EXAMINED and family.value in attacked
    ]
    return tuple(each for each in said if each not in lacking)


def _findings(path: Path, policy: Policy) -> tuple[Finding, ...]:
    """Of another run, under this policy."""
    run = RunFolder(path)
    run.check()
    stored = run.outcomes()
    ordered = _all_again(run, [stored[name] for name in run.facts().planned if name in stored], policy)
    return final_findings(ordered, policy, run.baseline() or Baseline(), run.handshake(), run)


def assert_no_leak(
    run: Any, policy: Policy | str | Path | None = None, before: Any = None, same_records: bool | None = None
) -> None:
    """Raise AssertionError, naming every rule that failed, unless a run is within a policy.

    run, before: a Run, or its folder.  policy: the name of one that comes with divulge, a file, or a Policy; that of
    the run when None.  same_records: see `judge`.  An incomplete audit fails too: it is no evidence that nothing leaks.
    """
    chosen = policy_of(policy) if policy is not None else None
    earlier = Path(getattr(before, "folder", before)) if before is not None else None
    judgment = judge(Path(getattr(run, "folder", run)), chosen, earlier, same_records)
    if judgment.exit_code:
        raise AssertionError("\n".join(judgment.said()))


def unmet(policy: Policy, threat: ThreatModel, findings: tuple[Finding, ...]) -> list[str]:
    """What the policy wants an audit to have looked at, and this one has not."""
    lacking = []
    if policy.least_access and not threat.grants(Access(policy.least_access)):
        seen = ", ".join(sorted(port.value for port in threat.access))
        why = f": {policy.why['adversary']}" if "adversary" in policy.why else ""
        lacking.append(
            f"rule adversary.access = {policy.least_access}: the adversary of this run ({threat.name}) saw only "
            f"{seen}{why}; audit under a threat model that grants it"
        )
    measured = {f.game for f in findings if f.value is not None and f.verdict is not Verdict.NOT_MEASURABLE}
    for family in policy.requires:
        if family not in measured:
            lacking.append(f"rule requires.{family}: no attack of this family was measured; audit with all families")
    return lacking


def incomplete(
    run: RunFolder,
    outcomes: Sequence[StoredOutcome],
    families: Mapping[Family, FamilyVerdict],
    claims: ClaimVerdict | None = None,
) -> list[str]:
    """Why this run is no evidence that nothing leaks, even if no finding is a leak."""
    reasons = [
        f"{s.outcome.title} failed: {s.outcome.result.error}" for s in outcomes if isinstance(s.outcome.result, Failed)
    ]
    if not run.complete:
        reasons.append("the run was cut short: go on with --resume")
    met = run.handshake()
    reasons += [f"the findings are invalid: {fault}" for fault in (met.faults[:1] if met is not None else ())]
    reasons += gaps(families, run.facts().asked, claims)
    return reasons


def _all_again(run: RunFolder, outcomes: Sequence[StoredOutcome], policy: Policy) -> list[StoredOutcome]:
    """All attacks of a run, their scores weighed under another policy."""
    played = [s.outcome.result for s in outcomes if isinstance(s.outcome.result, Played)]
    tests = max(1, sum(len(result.measurements) for result in played))
    return [_weighed_again(run, outcome, policy, tests) for outcome in outcomes]


def _weighed_again(run: RunFolder, stored: StoredOutcome, policy: Policy, tests: int) -> StoredOutcome:
    """The same scores under other thresholds."""
    result = stored.outcome.result
    if not isinstance(result, Played):
        return stored
    weighed = weigh(run.evidence(stored.outcome.attack), policy, tests)
    return _rejudged(stored, result, {(e.metric, e.about): e for e in weighed}, policy)


def _rejudged(
    stored: StoredOutcome, result: Played, estimates: dict[tuple[str, str], Estimate], policy: Policy
) -> StoredOutcome:
    def again(old: Measurement) -> Measurement:
        if old.kind.trials is Trials.OWN and (old.key, old.about) not in estimates:
            return old  # a claim was put at a level of its own: a policy decides at which its p-value counts
        new = estimates[old.key, old.about]
        return replace(
            old,
            low=new.low,
            high=new.high,
            confidence=policy.confidence,
            advantage_low=new.advantage_low,
            advantage_corrected=new.advantage_corrected,
            threshold=new.threshold,
            p_value=new.p_value,
            power=new.detectable,
            attainable=new.attainable,
            enough=new.enough,
        )

    measured = tuple(map(again, result.measurements))
    return replace(stored, outcome=replace(stored.outcome, result=replace(result, measurements=measured)))

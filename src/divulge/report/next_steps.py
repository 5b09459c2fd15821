"""What to do next, and what an audit lacks before anything follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Verdict
from divulge.core.results.verdicts import FamilyVerdict, gaps
from divulge.core.threat import Access, Family, Task
from divulge.core.wording import counted, percent
from divulge.report.causes import helpful
from divulge.report.releases.advice import copies_of, of_counts, of_release, steps_of, thing
from divulge.report.typography import capital, plain_name

WORTH = 0.25
"""Share of a leak that a change must take away to be advised."""


def basis_lacks(result: AuditResult) -> list[str]:
    """Why nothing can be concluded from what was not found; empty where the audit looked."""
    lacks = [f"“{outcome.title}” broke off: {error}" for outcome, error in result.failed()]
    lacks += [] if result.complete else ["the run was cut short"]
    lacks += ["only a claim was tested, and no family of attacks was looked at"] if result.only_claims else []
    return [*result.faults, *lacks, *gaps(result.family_verdicts, result.facts.asked, result.claims)]


@dataclass(frozen=True)
class NextStep:
    """One thing to do.  text: for everybody.  price: what it costs.  full: with figures and commands."""

    text: str
    full: str = ""
    price: str = ""

    @property
    def priced(self) -> str:
        """What to do, and what it costs."""
        return f"{self.text}; {self.price}" if self.price else self.text

    @property
    def whole(self) -> str:
        """What there is to say in full."""
        return self.full or self.priced


AUDIT = NextStep(
    "Audit the model itself: this run tested a claim, and looked at nothing else",
    "Audit the model itself: this run tested a claim, and looked at nothing else: divulge audit AUDIT.yaml",
)


def first_step(result: AuditResult) -> str:
    """The one thing to do first, as a sentence; empty where there is none."""
    todo = steps(result)
    return f"{todo[0]}{'' if todo[0].endswith('.') else '.'}" if todo else ""


def steps(result: AuditResult) -> list[str]:
    """What to do next in full, what helps most first."""
    return [step.whole for step in advice(result)]


def advice(result: AuditResult) -> list[NextStep]:
    """What to do next, what helps most first."""
    if result.only_claims:
        return [AUDIT]
    found = [*_mending(result), *_releases(result), *_membership(result)]
    for family in () if of_release(result) else (Family.RECONSTRUCTION, Family.PROPERTY, Family.EXTRACTION):
        if result.verdict_of(family) is Verdict.LEAK:
            found += [
                NextStep(change.in_short, change.in_full, change.price)
                for change in helpful(result, family, least=WORTH)[:1]
            ]
    if result.leaks() and not of_release(result):
        found.append(
            NextStep(
                "compare defences on this model before it is released: how much of the leak each removes, and at what "
                "cost in accuracy",
                "measure which defence removes how much of the leak, and what it costs: divulge compare --defenses "
                "AUDIT.yaml",
            )
        )
    if result.verdict_of(Family.EXTRACTION) is Verdict.LEAK and not result.facts.threat.grants(Access.PARAMETERS):
        found.append(NextStep("limit and monitor queries, and show less of the scores; a copy enables further attacks"))
    if result.verdict_of(Family.PROPERTY) is Verdict.LEAK:
        found.append(
            NextStep(
                "decide whether the facts that can be inferred about the training set may be known; differential "
                "privacy, which protects single persons, does not hide them"
            )
        )
    if result.left_out:
        found.append(NextStep(f"give the audit more time: {counted(len(result.left_out), 'attack')} had none"))
    if result.verdict is Verdict.NOT_FOUND and not basis_lacks(result):
        when = "when the data, the training or the interface change"
        kept = f"keep this report with the {thing(result)}, and audit again "
        found.append(NextStep(kept + ("whenever a table is made anew" if of_release(result) else when)))
    once = {step.whole: replace(step, text=capital(step.text), full=capital(step.full)) for step in found}
    return list(once.values())


def _mending(result: AuditResult) -> list[NextStep]:
    """What an audit needs before it is a basis for anything."""
    judged = result.family_verdicts.values()
    why = {each.verdict: each.why for each in judged}
    found = []
    if result.faults:
        found.append(
            NextStep(
                "have the audit repaired: the model did not answer as its owner knows it",
                "mend the audit, and audit again",
            )
        )
    elif result.baseline.alarm is not None:
        found.append(NextStep("draw members and non-members at random from one set, before training, and audit again"))
    elif "than chance" in why.get(Verdict.INVALID, ""):
        if of_release(result):
            held = "check that members and non-members are not swapped, and that the release holds no non-members"
            return [*found, NextStep(f"{held}; then audit again")]
        regression = result.facts.target.task == Task.REGRESSION.value
        what = "values, their sign and their scale" if regression else "labels and the order of the classes"
        found.append(NextStep(f"check the {what} against the model's own, and audit again"))
    if Verdict.FAILED in why:
        broke = f"mend what broke off ({why[Verdict.FAILED]}), and audit again"
        found.append(NextStep("have the attacks that failed repaired, and audit again", broke))
    if result.leaks():
        return found
    found += [_more(each, result) for each in judged if each.verdict is Verdict.NOT_MEASURABLE]
    if all(each.verdict is Verdict.NOT_EXAMINED for each in judged):
        found.append(NextStep("give the audit what its attacks lack, or choose another threat model"))
    return found


MORE = {
    Family.MEMBERSHIP: "give the audit more records",
    Family.RECONSTRUCTION: "let the audit attack more",
    Family.PROPERTY: "let the property game train more models (`properties.victims`)",
    Family.EXTRACTION: "let copies be compared on more points",
}
"""What there must be more of, by family: the units that its trials are."""


def _more(judged: FamilyVerdict, result: AuditResult) -> NextStep:
    """What a family takes to be measurable."""
    doubts = result.handshake.doubts if result.handshake is not None else ()
    if judged.why and judged.why in "; ".join(doubts) and of_release(result):
        return NextStep("give the release and the real table in one form, and see that the one was made from the other")
    if judged.why and judged.why in "; ".join(doubts):
        return NextStep("see to it that the model is asked as its owner asks it, or say that its answers are so poor")
    if "control is broken" in judged.why:
        return NextStep("have the attack whose positive control is broken looked at, and judge nothing by it")
    _, _, needed = judged.why.partition("; it takes ")
    if needed:
        return NextStep(f"{MORE[judged.family]}: {needed}")
    more = f"{MORE[judged.family]}" if judged.family is Family.PROPERTY else "give the audit more to measure on"
    return NextStep(more)


def _releases(result: AuditResult) -> list[NextStep]:
    """What to release instead."""
    of = [*steps_of(result), *copies_of(result)] if of_release(result) else []
    return [NextStep(h.in_short, h.in_full, h.price) for h in of]


def _membership(result: AuditResult) -> list[NextStep]:
    """Causes of a membership leak that were measured, and traits of those who can be named."""
    if result.verdict_of(Family.MEMBERSHIP) is not Verdict.LEAK:
        return []
    found = []
    for cause in sorted(result.what_if, key=lambda c: -c.share):
        if cause.share > 0:
            away = f"{percent(cause.share)} of the leak goes away"
            in_short = f"{plain_name(cause.advice)}: removes {percent(cause.share)} of the leak"
            knob = cause.name in cause.advice
            full = f"{away}, {cause.measured}" if knob else ""
            found.append(
                NextStep(in_short, f"{cause.advice}: {full}", cause.measured)
                if knob
                else NextStep(in_short, f"{cause.advice} ({cause.name}: {away} without it)")
            )
    for trait in result.causes:
        if trait.telling and trait.advice and not of_counts(result):
            found.append(NextStep(trait.advice, f"{trait.advice} ({trait.name})"))
    return found

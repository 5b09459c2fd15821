"""What everybody reads: the verdict, one line a family, and what was found, in words that need no explanation.

No names of attacks or metrics, no expressions and no commands stand here; they are in the details.
"""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Finding, Verdict
from divulge.core.results.metric import AUC, EPSILON, PROPERTY_ESTIMATED
from divulge.core.threat import Family, ThreatModel
from divulge.core.wording import counted, joined, percent
from divulge.report import claims, membership, people, rebuilt, theft, words
from divulge.report.metrics import exact_percent
from divulge.report.next_steps import advice, basis_lacks
from divulge.report.releases.advice import thing
from divulge.report.typography import stopped

FAMILIES = {
    Family.MEMBERSHIP: "Membership",
    Family.RECONSTRUCTION: "Reconstruction",
    Family.PROPERTY: "Group facts",
    Family.EXTRACTION: "Model copying",
}

QUESTIONS = {
    Family.MEMBERSHIP: "Can an attacker tell who was in the training data?",
    Family.RECONSTRUCTION: "Can training records be reconstructed?",
    Family.PROPERTY: "Can facts about the whole training set be inferred?",
    Family.EXTRACTION: "Can the model be copied?",
}

MOST_WORDS = 40
"""Of a recommendation on the first screen."""

EVIDENCE = (
    "This is evidence for a person's decision, never a certificate: a result is a lower bound, and other attacks may "
    "find more."
)


@dataclass(frozen=True)
class Bar:
    """A share, from 0 to 1, with its interval where it has one."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def shown(self) -> str:
        """The share in words."""
        return exact_percent(self.value) if self.value >= 0.995 else percent(self.value)


@dataclass(frozen=True)
class FamilyLine:
    """What is said of one family of attacks.  name: its own.  title: on the first screen.  text: what was found.
    bars: the attack beside the best guess.
    """

    name: str
    verdict: Verdict
    title: str
    text: str = ""
    bars: tuple[Bar, ...] = ()


def headline(result: AuditResult) -> str:
    """The verdict of the run in one sentence."""
    if result.only_claims:
        return claims.headline(result)
    policy = result.facts.policy
    tolerated = f"the policy {policy.name} tolerates" if policy.name else "the default policy tolerates"
    match result.verdict:
        case Verdict.LEAK:
            return f"This {thing(result)} gives away more than {tolerated}"
        case Verdict.NOT_FOUND if basis_lacks(result):
            return "No leak was found, but parts of the audit are missing"
        case Verdict.NOT_FOUND:
            return f"No attack of this audit found more than {tolerated}"
        case Verdict.INVALID:
            return f"This audit is invalid and says nothing about the {thing(result)}"
        case Verdict.FAILED:
            return "Attacks failed, so this audit gives no answer"
        case Verdict.NOT_MEASURABLE:
            return "This audit is too small to give an answer"
        case _:
            return "Nothing was examined"


def recommendation(result: AuditResult) -> str:
    """The first thing to do, short enough for the first screen; empty where there is none."""
    steps = advice(result)
    if not steps:
        return ""
    text = stopped(steps[0].text)
    return text if len(text.split()) <= MOST_WORDS else " ".join([*text.split()[:MOST_WORDS], "…"])


def families(result: AuditResult) -> list[FamilyLine]:
    """All four, one after the other."""
    return [_family(result, family) for family in FAMILIES]


def _family(result: AuditResult, family: Family) -> FamilyLine:
    name = FAMILIES[family]
    if not result.tried(family):
        return FamilyLine(name, Verdict.NOT_EXAMINED, QUESTIONS[family])
    line = words.line_of_family(result, family)
    judged = result.family_verdicts[family]
    if line.verdict in (Verdict.LEAK, Verdict.NOT_FOUND):
        failed = f" {counted(judged.failed, 'attack')} failed." if judged.failed else ""
        return FamilyLine(
            name, line.verdict, line.title, f"{words.ROOMS[family].plain(result)}{failed}", bars(result, family)
        )
    if result.faults and line.verdict is Verdict.INVALID:
        return FamilyLine(name, line.verdict, "Not measured: the model does not answer as the one that was trained")
    open_ = line.verdict in (Verdict.NOT_EXAMINED, Verdict.NOT_MEASURABLE)
    title = QUESTIONS[family] if open_ else line.title
    return FamilyLine(name, line.verdict, title, WHY_NOT.get(line.verdict, ""))


WHY_NOT = {
    Verdict.FAILED: "Attacks broke off, so nothing can be concluded; the details name the errors.",
    Verdict.INVALID: "The figures show a fault of the audit itself; the details say which.",
    Verdict.NOT_MEASURABLE: "There are too few records: even a perfect attack could not be distinguished from luck.",
    Verdict.NOT_EXAMINED: "No attack of this kind gave a result; the details say why.",
}


def bars(result: AuditResult, family: Family) -> tuple[Bar, ...]:
    """The attack beside the best guess, as two shares of the same thing; empty where there are none."""
    found = telling(result, family)
    if found is None or found.value is None or found.metric == EPSILON or found.low is None:
        return ()
    return Bar("Attack", found.value, found.low, found.high), Bar("Guessing", found.chance)


def telling(result: AuditResult, family: Family) -> Finding | None:
    """The finding that the sentence of a family is about."""
    verdict = result.verdict_of(family)
    found = [f for f in result.of(family) if f.verdict is verdict and f.value is not None]
    if family is Family.MEMBERSHIP:
        return membership.telling(found, verdict)
    if family is Family.RECONSTRUCTION:
        return next(iter(rebuilt.telling(result)), None)
    if family is Family.PROPERTY:
        of = [f for f in found if f.key != PROPERTY_ESTIMATED]
        return max(of, key=lambda f: f.advantage_low or 0.0, default=None)
    return theft.best_copy(found)


def accuracy(result: AuditResult) -> str:
    """How well the model answered before it was attacked; empty where that is not known."""
    met = result.handshake
    if met is None or met.members is None or met.nonmembers is None:
        return ""
    shares = met.measure == "accuracy"
    inside, outside = (percent(v) if shares else f"{v:.2f}" for v in (met.members, met.nonmembers))
    name = {"accuracy": "Accuracy", "R2": "R²"}.get(met.measure, met.measure[:1].upper() + met.measure[1:])
    return f"{name}: {inside} on training records, {outside} on others."


def notes(result: AuditResult) -> list[str]:
    """What else a reader must know before anything else."""
    lines = []
    if result.faults:
        lines.append("The model does not answer as the one that was trained, so no figure means anything.")
    elif result.baseline.alarm is not None:
        lines.append("The two sets of records differ even without the model: they are not from the same distribution.")
    if result.handshake is not None and result.handshake.warnings:
        lines.append("Something is odd about how the model answers; the findings in full say what.")
    if words.reversed_attacks(result):
        lines.append("Some attacks do worse than chance, which points to a fault in the audit.")
    if not result.complete:
        done, planned = len(result.outcomes), len(result.facts.planned)
        lines.append(f"This run was cut short: {done} of {planned} attacks ran.")
    if result.failed():
        lines.append(f"Incomplete: {counted(len(result.failed()), 'attack')} failed.")
    return lines


def attacker(threat: ThreatModel) -> str:
    """Who is assumed to attack, and with what."""
    most = words.budget_of(threat)
    budget = f" They may ask {most} per attack." if most else ""
    knows = joined(sorted(k.value for k in threat.knowledge)) or "nothing else"
    return (
        f"The attacker is assumed to be {threat.adversary}. They see {words.access_words(threat)} and know {knows}."
        f"{budget} They act {threat.phase.value}."
    )


def certainty(result: AuditResult) -> list[str]:
    """How sure this is: on how much it rests, and what the controls say."""
    if result.only_claims:
        return claims.certainty(result)
    played = sum(1 for _ in result.played())
    alpha = percent(1 - result.facts.policy.confidence)
    lines = [
        f"{counted(played, 'attack')} ran on {people.compared(result.facts.data)}. The chance "
        f"that any “leak” of this report is an accident is at most {alpha}."
    ]
    if result.tried(Family.MEMBERSHIP):
        if result.baseline.alarm is not None:
            lines.append("Members and non-members differ even without the model, so membership cannot be judged.")
        elif result.baseline.reading is not None:
            lines.append(
                "Without the model, members and non-members cannot be distinguished, as expected of a fair split."
            )
        controls = [f for f in result.findings if f.metric == AUC and f.control is not None]
        if controls:
            lines.append("For comparison, the same attacks ran against models that never saw these records.")
    return lines


def untried(result: AuditResult) -> list[str]:
    """What was not tried, counted."""
    missing = [FAMILIES[f].lower() for f in FAMILIES if result.verdict_of(f) is Verdict.NOT_EXAMINED]
    refused, left = len(result.refused()), len(result.left_out)
    lines = [f"Nothing was measured on {joined(missing)}."] if missing else ["All four kinds of attack were tried."]
    if refused:
        lines.append(f"{counted(refused, 'attack')} could not run for this attacker or with the data given.")
    if left:
        lines.append(f"There was no time for {counted(left, 'attack')}.")
    return lines

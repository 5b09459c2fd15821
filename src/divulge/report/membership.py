"""What a report says about who was in the training data, in people, from the finding that made the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from divulge.core.audit_result import AuditResult
from divulge.core.finding import Finding, Verdict
from divulge.core.threat import Family
from divulge.core.wording import percent

ORDER = ("tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "tpr_at_fpr_0.1", "auc", "balanced_accuracy", "epsilon")
"""Metrics, those that say most of a single person first."""


def headline(result: AuditResult) -> str:
    """The verdict on membership in a few words."""
    if result.verdict_of(Family.MEMBERSHIP) is Verdict.LEAK:
        return "Membership leaks"
    return "No membership leak was found"


def telling(findings: Sequence[Finding], verdict: Verdict) -> Finding | None:
    """The finding that a reader is told of: of those with the verdict the most telling metric, by its best attack."""
    made = [f for f in findings if f.verdict is verdict and f.value is not None and f.metric in ORDER]
    if verdict is not Verdict.LEAK:  # an AUC is about every record, a rate that was not raised about hardly any
        made = [f for f in made if f.metric == "auc"] or made
    return min(made, key=lambda f: (ORDER.index(f.metric), -(f.low or 0.0)), default=None)


def sentence(result: AuditResult) -> str:
    """What the audit says about membership, for a reader of nothing else."""
    verdict = result.verdict_of(Family.MEMBERSHIP)
    found = telling(result.of(Family.MEMBERSHIP), verdict)
    if found is None:
        return ""
    said = in_people(result, found)
    if verdict is Verdict.LEAK:
        return f"{said}."
    power = ""
    if found.metric == "auc" and found.power is not None and found.power < 1:
        seen = f"{50 * (1 + found.power):.0f} of 100"
        power = f" Had it been {seen}, this audit would probably have shown it."
    return f"The attacks that were run tell members from others hardly better than guessing: {_lower(said)}.{power}"


def in_people(result: AuditResult, finding: Finding) -> str:
    """One finding on membership as what an attacker can do to so many persons."""
    title = result.titles.get(finding.attack, finding.attack)
    value, sure, persons = finding.value or 0.0, percent(finding.confidence), finding.unit == "person"
    if finding.kind.fpr is not None:
        scale = _scale(finding.chance, value)
        named, wrong = _of(value, scale), _of(finding.chance, scale)
        low, high = _of(finding.low or 0.0, scale), _of(finding.high or 0.0, scale)
        return (
            f"Of {scale:,} persons in the data an attacker can name {named} while wrongly naming {wrong} of {scale:,} "
            f"others (“{title}”; {sure} interval {low} to {high})"
        )
    if finding.metric == "auc":
        one = "the records of one person in the data and of one who is not" if persons else "one member and one other"
        return f"Given {one}, “{title}” picks the {'former' if persons else 'member'} in {_bounded(finding)}"
    if finding.metric == "balanced_accuracy":
        return f"Asked who was in the data, with as many members as others, “{title}” is right in {_bounded(finding)}"
    rates = {d.name: d.value for d in finding.details}
    which = "a user-level epsilon" if persons else "an epsilon"
    shown = f"No training with {which} below {value:.2f} could show what “{title}” shows ({sure} confidence)"
    for who, whom, done in (("members", "others", "named"), ("others", "members", "ruled_out")):
        if f"{who}_{done}" in rates:
            return f"{shown}: {_certain(done, rates[f'{who}_{done}'], rates[f'{whom}_{done}_wrongly'])}"
    return shown


def _certain(done: str, right: float, wrong: float) -> str:
    """What an epsilon is made of, at the threshold where it shows most."""
    scale = _scale(max(wrong, 0.01), right)
    many = f"{_of(right, scale)} of {scale:,}"
    few = "none" if wrong == 0 else f"{_of(wrong, scale)} of {scale:,}"
    if done == "named":
        return f"it names {many} persons in the data, and {few} of the others"
    return f"of {many} persons who were not in the data it can be told that they were not; of those who were, {few}"


def _bounded(finding: Finding) -> str:
    """'60 of 100 cases (95 % interval 55 to 64; guessing: 50)'."""
    value, low, high = (f"{100 * (part or 0.0):.0f}" for part in (finding.value, finding.low, finding.high))
    return f"{value} of 100 cases ({percent(finding.confidence)} interval {low} to {high}; guessing: 50)"


def _scale(*rates: float) -> int:
    """How many persons to speak of, so that each of the rates is at least one of them, as far as 10,000 go."""
    least = min((rate for rate in rates if rate > 0), default=1.0)
    return next((scale for scale in (100, 1_000) if least * scale >= 0.995), 10_000)


def _of(rate: float, scale: int) -> str:
    """So many of `scale` persons: whole ones, and 'none' or 'all' only where it is exact."""
    number = round(rate * scale)
    if number == 0 and rate > 0:
        return "fewer than 1"
    if number == scale and rate < 1:
        return f"more than {scale - 1:,}"
    return f"{number:,}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]

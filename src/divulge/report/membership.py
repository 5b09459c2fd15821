"""What a report says about who was in the training data, in people, from the finding that made the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Finding, Verdict
from divulge.core.results.metric import AUC, BALANCED_ACCURACY
from divulge.core.threat import Family
from divulge.core.wording import percent
from divulge.report.metrics import MEMBERSHIP_ORDER as ORDER
from divulge.report.typography import capital, lower


def headline(result: AuditResult) -> str:
    """The verdict on membership in a few words."""
    if result.verdict_of(Family.MEMBERSHIP) is Verdict.LEAK:
        return "An attacker can tell who was in the training data"
    return "No attack could tell who was in the training data"


def telling(findings: Sequence[Finding], verdict: Verdict) -> Finding | None:
    """The finding that a reader hears of: of those with the verdict the most telling metric, by its best attack."""
    judged = [f for f in findings if f.verdict is verdict and f.value is not None and f.metric in ORDER]
    if verdict is not Verdict.LEAK:  # an AUC is about every record, a rate that was not raised about hardly any
        judged = [f for f in judged if f.metric == AUC] or judged
    return min(judged, key=lambda f: (ORDER.index(f.metric), -(f.low or 0.0)), default=None)


def sentence(result: AuditResult) -> str:
    """What the audit says about membership, for a reader of nothing else, with the attack that showed it."""
    return _said(result, named=True)


def plain(result: AuditResult) -> str:
    """The same in everyday words, without the names of attacks."""
    return _said(result, named=False)


def _said(result: AuditResult, named: bool) -> str:
    verdict = result.verdict_of(Family.MEMBERSHIP)
    found = telling(result.of(Family.MEMBERSHIP), verdict)
    if found is None:
        return ""
    title = f"“{result.titles.get(found.attack, found.attack)}”" if named else ""
    in_words = in_people(found, title)
    if verdict is Verdict.LEAK:
        return f"{in_words}."
    power = ""
    if found.metric == AUC and found.power is not None and found.power < 1:
        seen = f"{50 * (1 + found.power):.0f} of 100"
        power = f" A rate of {seen} would probably have been detected."
    return f"The attacks do hardly better than guessing: {lower(in_words)}.{power}"


def in_people(finding: Finding, title: str = "") -> str:
    """One finding on membership as what an attacker can do to so many persons.  title: of the attack, in quotes; an
    attacker where it is empty.
    """
    value, sure, persons = finding.value or 0.0, percent(finding.confidence), finding.unit == "person"
    who, by = title or "an attacker", f"{title}; " if title else ""
    if finding.kind.fpr is not None:
        scale = _scale(finding.chance, value)
        named, wrong = _of(value, scale), _of(finding.chance, scale)
        low, high = _of(finding.low or 0.0, scale), _of(finding.high or 0.0, scale)
        reach = f"{sure} CI {low} to {high}"
        if over_all(finding):
            reach = f"at least {_of(finding.low_all or 0.0, scale)} over all attacks, {sure}"
        return (
            f"Of {scale:,} persons in the data an attacker can name {named} ({by}{reach}), while "
            f"wrongly naming {wrong} of {scale:,} others"
        )
    if finding.metric == AUC:
        one = "the records of one person in the data and of one who is not" if persons else "one member and one other"
        return f"Given {one}, {who} picks the {'former' if persons else 'member'} in {_bounded(finding)}"
    if finding.metric == BALANCED_ACCURACY:
        return f"Asked who was in the data, with as many members as others, {who} is right in {_bounded(finding)}"
    rates = {d.name: d.value for d in finding.details}
    for side, whom, done in (("members", "others", "named"), ("others", "members", "ruled_out")):
        if f"{side}_{done}" in rates:
            certain = _certain(done, rates[f"{side}_{done}"], rates[f"{whom}_{done}_wrongly"])
            return f"{_bound(finding, title)}: {certain}" if title else capital(certain)
    return _bound(finding, title)


def _bound(finding: Finding, title: str) -> str:
    """What an empirical epsilon says."""
    which = "a user-level epsilon" if finding.unit == "person" else "an epsilon"
    shows = f"what {title} shows" if title else "what the attacks show"
    sure, least = percent(finding.confidence), finding.value or 0.0
    if over_all(finding):
        return f"No training with {which} below {finding.low_all:.2f} could show {shows} ({sure} over all attacks)"
    return f"No training with {which} below {least:.2f} could show {shows} ({sure} confidence)"


def _certain(done: str, right: float, wrong: float) -> str:
    """What an epsilon is made of, at the threshold where it shows most."""
    scale = _scale(max(wrong, 0.01), right)
    many = f"{_of(right, scale)} of {scale:,}"
    few = "none" if wrong == 0 else f"{_of(wrong, scale)} of {scale:,}"
    if done == "named":
        return f"an attacker names {many} persons in the data, and {few} of the others"
    return f"an attacker can rule out {many} persons who were not in the data; of those who were, {few}"


def over_all(finding: Finding) -> bool:
    """Whether a leak is told by the bound that holds for all findings at once: it was picked as the best of them."""
    return finding.verdict is Verdict.LEAK and finding.low_all is not None and finding.low_all > finding.chance


def _bounded(finding: Finding) -> str:
    """'60 of 100 cases (95 % CI 55 to 64; guessing: 50)', and of a leak '(at least 53 over all attacks, 95 %; …)'."""
    value, low, high = (f"{100 * (part or 0.0):.0f}" for part in (finding.value, finding.low, finding.high))
    reach = f"{percent(finding.confidence)} CI {low} to {high}"
    if over_all(finding):
        reach = f"at least {100 * (finding.low_all or 0.0):.0f} over all attacks, {percent(finding.confidence)}"
    return f"{value} of 100 cases ({reach}; guessing: 50)"


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

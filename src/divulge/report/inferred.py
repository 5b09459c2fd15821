"""What a report says about properties of the training set: sentences and a table."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.exhibits import Fact
from divulge.core.results.finding import Finding, Verdict
from divulge.core.results.metric import PROPERTY_ESTIMATED, PROPERTY_TOLD
from divulge.core.threat import Family
from divulge.core.wording import counted, percent
from divulge.report.metrics import metric_name
from divulge.report.property_words import in_words, number, span
from divulge.report.typography import capital


def _findings(result: AuditResult) -> list[Finding]:
    return [f for f in result.of(Family.PROPERTY) if f.value is not None]


def _leaks(result: AuditResult) -> list[Finding]:
    return [f for f in _findings(result) if f.verdict is Verdict.LEAK]


def facts_of(result: AuditResult) -> list[tuple[str, Fact]]:
    """Every fact with its attack."""
    return [
        (attack, fact) for attack, inferred in result.evidence_of(Family.PROPERTY).items() for fact in inferred.of(Fact)
    ]


def headline(result: AuditResult) -> str:
    """The verdict on properties in a few words."""
    kinds = {f.key for f in _leaks(result)}
    if kinds & {PROPERTY_TOLD, PROPERTY_ESTIMATED}:
        return "Facts about the training set as a whole can be inferred"
    if "batch_property_told" in kinds:
        return "The kind of records behind an update can be inferred"
    if "input_attribute_told" in kinds:
        return "Attributes of inputs can be inferred from what is passed on"
    if kinds:  # a metric that another package brought
        return f"{capital(metric_name(min(kinds)))}, better than by guessing"
    return "No fact about the training set as a whole could be inferred"


def best_of(result: AuditResult, text: str) -> tuple[str, Fact] | None:
    """The attack whose estimates of a property come closest on the models with known values."""
    judged = [(a, f) for a, f in facts_of(result) if f.text == text and f.error is not None]
    return min(judged, key=lambda item: item[1].error or 0.0, default=None)


def answers(result: AuditResult, about: Container[str] | None = None, named: bool = True) -> list[str]:
    """What is estimated of the audited model, a sentence for each property, and how often such intervals hold the
    truth.  about: the properties meant, all when None.  named: whether the attack is.
    """
    lines = []
    for text in dict.fromkeys(f.text for _, f in facts_of(result) if about is None or f.text in about):
        best = best_of(result, text)
        if best is None or best[1].answer is None:
            continue
        attack, fact = best
        answer = fact.answer
        if answer is None or answer.low is None or answer.high is None:
            continue
        who = f"“{result.titles.get(attack, attack)}” estimates" if named else "The attacker estimates"
        right = ""
        if fact.covered is not None and named:
            models = counted(len(fact.estimates), "model")
            right = f" On {models} with known values, {percent(fact.covered)} of such intervals held the truth."
        lines.append(
            f"{who} that {in_words(text)} is {span(answer.low, answer.high, fact.kind)} ({percent(fact.confidence)} "
            f"CI); the truth is {number(answer.truth, fact.kind)}.{right}"
        )
    return lines


def sentence(result: AuditResult) -> str:
    """What the audit says about properties, for a reader of nothing else, with the attacks that showed it."""
    return _said(result, named=True)


def plain(result: AuditResult) -> str:
    """The same in everyday words, without the names of attacks."""
    return _said(result, named=False)


def _said(result: AuditResult, named: bool) -> str:
    leaks = _leaks(result)
    if not leaks:
        found = [f for f in _findings(result) if f.verdict is Verdict.NOT_FOUND]
        best = min(found, key=lambda f: (f.key == PROPERTY_ESTIMATED, -(f.advantage or 0.0)), default=None)
        if best is None:
            return ""
        return f"No attack does clearly better than guessing. {_one(result, best, named)}"
    kinds: dict[str, Finding] = {}
    for finding in sorted(leaks, key=lambda f: -(f.advantage_low or 0.0)):
        if finding.key != PROPERTY_ESTIMATED:
            kinds.setdefault(finding.metric, finding)
    strongest = list(kinds.values()) or leaks[:1]
    about = {f.about for f in leaks}
    return " ".join([*(_one(result, f, named) for f in strongest), *answers(result, about, named)])


def _one(result: AuditResult, finding: Finding, named: bool) -> str:
    title = f"“{result.titles.get(finding.attack, finding.attack)}”" if named else "the attacker"
    bounds = f"{percent(finding.confidence)} CI {percent(finding.low or 0.0)} to {percent(finding.high or 0.0)}"
    fact = _fact(result, finding)
    kind, about = finding.key, finding.about
    value, guessing = percent(finding.value or 0.0), percent(finding.chance)
    if kind == PROPERTY_TOLD and fact is not None and fact.pairs:
        low, high = fact.pairs[0]
        values = f"{number(low, fact.kind)} or {number(high, fact.kind)}"
        return (
            f"Asked whether {in_words(about)} is {values}, {title} is right for {value} of models ({bounds}); "
            f"guessing: {guessing}."
        )
    if kind == PROPERTY_ESTIMATED and fact is not None and fact.error is not None:
        return (
            f"{capital(title)} estimates {in_words(about)} with a mean error of {number(fact.error, fact.kind)}; "
            f"the middle of the range: {number(fact.baseline_error or 0.0, fact.kind)}."
        )
    name = metric_name(kind)
    return f"{capital(title)}, {name} ({in_words(about)}): {value} ({bounds}); without the model: {guessing}."


def _fact(result: AuditResult, finding: Finding) -> Fact | None:
    about = finding.about
    inferred = result.evidence_of(Family.PROPERTY).get(finding.attack)
    return next((f for f in inferred.of(Fact) if f.text == about), None) if inferred is not None else None


def certainty(result: AuditResult) -> str:
    """On how much it was judged."""
    models = {len(f.estimates) for _, f in facts_of(result) if f.estimates}
    if not models:
        return ""
    return (
        f"Attacks on properties were judged on {counted(max(models), 'model')} of the same recipe, trained on sets in "
        "which the property was known, from records that the adversary did not have."
    )


@dataclass(frozen=True)
class InferredRow:
    """One finding in the table."""

    title: str
    paper: str
    verdict: Verdict
    what: tuple[str, str]
    value: tuple[str, str]
    blind: str
    error: tuple[str, str]
    metrics: str
    leaked: str
    control: str
    positive: str
    cost: str
    effort: str
    note: str


def rows(result: AuditResult) -> list[InferredRow]:
    """All findings of the family but closeness, which stands beside the values distinguished; leaks first."""
    findings = [f for f in _findings(result) if f.key != PROPERTY_ESTIMATED]
    findings.sort(key=lambda f: (f.verdict is not Verdict.LEAK, -(f.advantage_low or 0.0)))
    notes = {o.attack: p.note for o, p in result.played()}
    built = []
    for f in findings:
        fact = _fact(result, f)
        bounds = f"{percent(f.low)} to {percent(f.high)}" if f.low is not None and f.high is not None else ""
        note = "; ".join(part for part in (notes.get(f.attack, ""), *(fact.notes if fact else ())) if part)
        built.append(
            InferredRow(
                title=result.titles.get(f.attack, f.attack),
                paper=result.papers.get(f.paper, f.paper),
                verdict=f.verdict,
                what=_what(f, fact),
                value=(percent(f.value or 0.0), bounds),
                blind=percent(f.chance),
                error=_error(fact),
                metrics=_metrics(fact),
                leaked="–" if fact is None or fact.leaked is None else f"{fact.leaked:.1f}",
                control="–" if f.control is None else percent(f.control),
                positive="–" if f.positive_control is None else percent(f.positive_control),
                cost=counted(f.queries, "query"),
                effort=f"{f.seconds:.1f} s",
                note=note,
            )
        )
    return built


def _what(finding: Finding, fact: Fact | None) -> tuple[str, str]:
    """What was asked, in words, and the expression where it is one."""
    kind, about = finding.key, finding.about
    if fact is None or not fact.pairs:
        words = f"{metric_name(kind)}: {in_words(about)}" if about else metric_name(kind)
        return words, about if in_words(about) != about else ""
    low, high = fact.pairs[0]
    return f"{in_words(fact.text)}: {number(low, fact.kind)} or {number(high, fact.kind)}", fact.text


def _error(fact: Fact | None) -> tuple[str, str]:
    if fact is None or fact.error is None or fact.baseline_error is None:
        return "–", ""
    return number(fact.error, fact.kind), f"middle: {number(fact.baseline_error, fact.kind)}"


def _metrics(fact: Fact | None) -> str:
    if fact is None or fact.metrics_told is None:
        return "–"
    return percent(fact.metrics_told)

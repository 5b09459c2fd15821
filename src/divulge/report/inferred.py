"""What a report says about properties of the training set: sentences, a table, the figure of estimates."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass

from divulge.core.audit_result import AuditResult
from divulge.core.exhibits import Estimated, Fact
from divulge.core.finding import Finding, Verdict
from divulge.core.threat import Family
from divulge.core.wording import counted, percent
from divulge.report.copies_figure import Figure

NAMES = {
    "property_told": "two values told apart",
    "property_estimated": "value estimated",
    "batch_property_told": "kind of a batch told",
    "input_attribute_told": "attribute of inputs told",
}
UNIT = {"share": "%", "present": "%", "duplicates": "%"}
LOTS = 0.5


def name_of(finding: Finding) -> str:
    """'two values told apart: share(sex == "Female")'."""
    return f"{finding.kind.label}: {finding.about}" if finding.about else finding.kind.label


def _findings(result: AuditResult) -> list[Finding]:
    return [f for f in result.of(Family.PROPERTY) if f.value is not None]


def _leaks(result: AuditResult) -> list[Finding]:
    return [f for f in _findings(result) if f.verdict is Verdict.LEAK]


def facts_of(result: AuditResult) -> list[tuple[str, Fact]]:
    """Every fact with its attack."""
    return [(attack, fact) for attack, told in result.evidence_of(Family.PROPERTY).items() for fact in told.of(Fact)]


def headline(result: AuditResult) -> str:
    """The verdict on properties in a few words."""
    kinds = {f.metric for f in _leaks(result)}
    if kinds & {"property_told", "property_estimated"}:
        return "Facts about the training set as a whole can be told"
    if "batch_property_told" in kinds:
        return "Kinds of records behind updates can be told"
    if "input_attribute_told" in kinds:
        return "What is passed on tells attributes of inputs"
    return "No fact about the training set as a whole was told"


def number(value: float, kind: str) -> str:
    """A value of a property."""
    if kind in UNIT:
        return percent(value)
    return f"{value:,.0f}" if kind == "size" or abs(value) >= 100 else f"{value:.3g}"


def span(low: float, high: float, kind: str) -> str:
    """'between 61 and 74 %'."""
    if kind in UNIT:
        first, last = percent(low).removesuffix(" %"), percent(high)
        return f"between {first} and {last}"
    return f"between {number(low, kind)} and {number(high, kind)}"


def subject(fact: Fact) -> str:
    """What an estimate is of, in words."""
    inner = fact.text.partition("(")[2].removesuffix(")")
    return {
        "share": f"of the training records satisfy {inner}",
        "present": f"of the training records satisfy {inner}",
        "duplicates": "of the training records are copies of another",
        "mean": f"is the mean of {inner} over the training records",
        "correlation": f"is the rank correlation of {inner} in the training records",
        "size": "training records there are",
    }.get(fact.kind, fact.text)


def best_of(result: AuditResult, text: str) -> tuple[str, Fact] | None:
    """The attack whose estimates of a property come closest on the models with known values."""
    made = [(a, f) for a, f in facts_of(result) if f.text == text and f.error is not None]
    return min(made, key=lambda item: item[1].error or 0.0, default=None)


def answers(result: AuditResult, about: Container[str] | None = None) -> list[str]:
    """What is said of the audited model, a sentence for each property, and how often such sentences are right.  about:
    the properties meant, all when None.
    """
    said = []
    for text in dict.fromkeys(f.text for _, f in facts_of(result) if about is None or f.text in about):
        best = best_of(result, text)
        if best is None or best[1].answer is None:
            continue
        attack, fact = best
        told = fact.answer
        if told is None or told.low is None or told.high is None:
            continue
        sure = percent(fact.confidence)
        right = ""
        if fact.covered is not None:
            right = f" Of {counted(len(fact.estimates), 'model')} with known values such an interval held "
            right += f"{percent(fact.covered)}."
        said.append(
            f"“{result.titles.get(attack, attack)}” says of this model: {span(told.low, told.high, fact.kind)} "
            f"{subject(fact)} ({sure}); in truth {number(told.truth, fact.kind)}.{right}"
        )
    return said


def sentence(result: AuditResult) -> str:
    """What the audit says about properties, for a reader of nothing else."""
    leaks = _leaks(result)
    if not leaks:
        found = [f for f in _findings(result) if f.verdict is Verdict.NOT_FOUND]
        best = max(found, key=lambda f: f.advantage or 0.0, default=None)
        if best is None:
            return ""
        return f"No attack told a property of the training set clearly better than drawing lots: {_told(result, best)}"
    kinds: dict[str, Finding] = {}
    for finding in sorted(leaks, key=lambda f: -(f.advantage_low or 0.0)):
        if finding.metric != "property_estimated":
            kinds.setdefault(finding.metric, finding)
    told = list(kinds.values()) or leaks[:1]
    about = {f.about for f in leaks}
    return " ".join([*(_told(result, f) for f in told), *answers(result, about)])


def _told(result: AuditResult, finding: Finding) -> str:
    title = result.titles.get(finding.attack, finding.attack)
    bounds = f"{percent(finding.low or 0.0)} to {percent(finding.high or 0.0)}"
    fact = _fact(result, finding)
    kind, about = finding.metric, finding.about
    what = f"{NAMES.get(kind, kind)}: {about}"
    if kind == "property_told" and fact is not None and fact.pairs:
        low, high = fact.pairs[0]
        values = f"{number(low, fact.kind)} or {number(high, fact.kind)}"
        what = f"whether {about} is {values} is told right"
        return f"“{title}”: {what} for {percent(finding.value or 0.0)} of models ({bounds}; lots: 50 %)."
    if kind == "property_estimated" and fact is not None and fact.error is not None:
        return (
            f"“{title}” estimates {about} with a mean error of {number(fact.error, fact.kind)} "
            f"(the middle of the range: {number(fact.baseline_error or 0.0, fact.kind)})."
        )
    return (
        f"“{title}”, {what}: {percent(finding.value or 0.0)} ({bounds}; without the model {percent(finding.chance)})."
    )


def _fact(result: AuditResult, finding: Finding) -> Fact | None:
    about = finding.about
    told = result.evidence_of(Family.PROPERTY).get(finding.attack)
    return next((f for f in told.of(Fact) if f.text == about), None) if told is not None else None


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
    what: str
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
    """All findings of the family but closeness, which stands beside the values told apart; leaks first."""
    findings = [f for f in _findings(result) if f.metric != "property_estimated"]
    findings.sort(key=lambda f: (f.verdict is not Verdict.LEAK, -(f.advantage_low or 0.0)))
    notes = {o.attack: p.note for o, p in result.played()}
    made = []
    for f in findings:
        fact = _fact(result, f)
        bounds = f"{percent(f.low)} to {percent(f.high)}" if f.low is not None and f.high is not None else ""
        said = "; ".join(part for part in (notes.get(f.attack, ""), *(fact.notes if fact else ())) if part)
        made.append(
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
                note=said,
            )
        )
    return made


def _what(finding: Finding, fact: Fact | None) -> str:
    if fact is None or not fact.pairs:
        return name_of(finding)
    low, high = fact.pairs[0]
    return f"{fact.text}: {number(low, fact.kind)} or {number(high, fact.kind)}"


def _error(fact: Fact | None) -> tuple[str, str]:
    if fact is None or fact.error is None or fact.baseline_error is None:
        return "–", ""
    return number(fact.error, fact.kind), f"middle: {number(fact.baseline_error, fact.kind)}"


def _metrics(fact: Fact | None) -> str:
    if fact is None or fact.metrics_told is None:
        return "–"
    return percent(fact.metrics_told)


def figure(result: AuditResult) -> list[Figure]:
    """Estimates over truths, with intervals, of the closest attack on each property."""
    made = []
    for place, text in enumerate(dict.fromkeys(f.text for _, f in facts_of(result))):
        best = best_of(result, text)
        if best is not None:
            made.append(_drawn(result, place, *best))
    return made


def _drawn(result: AuditResult, place: int, attack: str, fact: Fact) -> Figure:
    title = result.titles.get(attack, attack)
    known = sorted(fact.estimates, key=lambda e: (e.truth, e.estimate))
    form = ".0%" if fact.kind in UNIT else ""
    layout = {
        "xaxis": {"title": {"text": f"true value of {fact.text}"}, "tickformat": form},
        "yaxis": {"title": {"text": "estimate"}, "tickformat": form},
        "legend": {"orientation": "h", "y": -0.24, "x": 0},
        "margin": {"l": 64, "r": 12, "t": 8, "b": 48},
    }
    description = (
        f"Estimates of “{title}” with {percent(fact.confidence)} intervals for models of which the value is known; on "
        f"the dotted line they are right. Mean error {number(fact.error or 0.0, fact.kind)}, of one who always says "
        f"the middle {number(fact.baseline_error or 0.0, fact.kind)}."
    )
    listed = [*known, *([fact.answer] if fact.answer is not None else [])]
    return Figure(
        f"property-{place}",
        f"How well can {fact.text} be told?",
        description,
        json.dumps({"data": _traces(known, fact), "layout": layout}),
        ("true value", "estimate", "interval"),
        tuple((number(e.truth, fact.kind), number(e.estimate, fact.kind), _bounds(e, fact.kind)) for e in listed),
    )


def _traces(known: list[Estimated], fact: Fact) -> list[dict[str, object]]:
    traces: list[dict[str, object]] = [
        {
            "x": _side_by_side(known, fact.high - fact.low),
            "y": [e.estimate for e in known],
            "error_y": _bars(known),
            "type": "scatter",
            "mode": "markers",
            "name": "models with known values",
            "marker": {"color": "#0072b2", "size": 6},
        },
        {
            "x": [fact.low, fact.high],
            "y": [fact.low, fact.high],
            "type": "scatter",
            "mode": "lines",
            "name": "the truth",
            "line": {"color": "#888888", "dash": "dot", "width": 1.5},
        },
    ]
    if fact.answer is not None:
        traces.append(
            {
                "x": [fact.answer.truth],
                "y": [fact.answer.estimate],
                "error_y": _bars([fact.answer]),
                "type": "scatter",
                "mode": "markers",
                "name": "the audited model",
                "marker": {"color": "#d55e00", "size": 11, "symbol": "diamond"},
            }
        )
    return traces


def _side_by_side(known: list[Estimated], width: float) -> list[float]:
    """Where estimates stand: models of one value beside each other."""
    alike: dict[float, int] = {}
    moved = []
    for e in known:
        key = round(e.truth, 2)
        alike[key] = alike.get(key, -1) + 1
        moved.append(e.truth + 0.004 * width * (alike[key] - sum(round(o.truth, 2) == key for o in known) / 2))
    return moved


def _bars(known: list[Estimated]) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [(e.high if e.high is not None else e.estimate) - e.estimate for e in known],
        "arrayminus": [e.estimate - (e.low if e.low is not None else e.estimate) for e in known],
        "thickness": 1,
        "width": 0,
        "color": "#88888888",
    }


def _bounds(e: Estimated, kind: str) -> str:
    return "–" if e.low is None or e.high is None else f"{number(e.low, kind)} to {number(e.high, kind)}"

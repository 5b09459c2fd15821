"""What a report says about copies of the model: sentences, a table, and the curve over queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Alarm, CopyQuality
from divulge.core.results.finding import Finding, Verdict
from divulge.core.results.metric import FIDELITY, PARAMETERS_RECOVERED, VALUES_COPIED
from divulge.core.results.verdicts import overall
from divulge.core.threat import Family
from divulge.core.wording import counted, percent
from divulge.report.metrics import COPY_PLACES, RECOVERED, exact_percent

PLACES = tuple(COPY_PLACES)
PLACE_NAMES = tuple(head for head, _ in COPY_PLACES.values())


def headline(result: AuditResult) -> str:
    """The verdict on extraction in a few words."""
    leaks = [f for f in result.of(Family.EXTRACTION) if f.verdict is Verdict.LEAK]
    if any(f.metric == PARAMETERS_RECOVERED and (f.value or 0) >= 1 for f in leaks):
        return "The model can be copied exactly"
    if any(f.metric in (FIDELITY, VALUES_COPIED, PARAMETERS_RECOVERED) for f in leaks):
        return "The model can be copied"
    if any(f.metric in PLACES for f in leaks):
        return "Part of what the model does can be copied"
    if leaks:
        return "How the model was built can be inferred"
    return "No copy beat the best guess without queries"


def sentence(result: AuditResult) -> str:
    """What the audit says about extraction, for a reader of nothing else: from the findings that made the verdict, with
    the attacks that did it.
    """
    return _said(result, named=True)


def plain(result: AuditResult) -> str:
    """The same in everyday words, without the names of attacks."""
    return _said(result, named=False)


def _said(result: AuditResult, named: bool) -> str:
    verdict = result.verdict_of(Family.EXTRACTION)
    found = [f for f in result.of(Family.EXTRACTION) if f.verdict is verdict and f.value is not None]

    def who(finding: Finding) -> str:
        return f"“{result.titles.get(finding.attack, finding.attack)}”" if named else ""

    parts = [_recovered_sentence(f, who(f)) for f in _recoveries(found)]
    values, best = _best_values(found), best_copy(found)
    if values is not None:
        parts.append(_values_sentence(values, who(values)))
    elif best is not None:
        parts.append(_copy_sentence(best, who(best)))
    if not parts and found:
        most = sorted(found, key=lambda f: -(f.value or 0.0))[0]
        parts = [_recovered_sentence(most, who(most), "at best ")]
    return " ".join(parts)


def _recoveries(found: Sequence[Finding]) -> list[Finding]:
    """The best of each kind of secret, leaks only."""
    kept: dict[str, Finding] = {}
    for finding in found:
        if finding.metric in RECOVERED and finding.verdict is Verdict.LEAK:
            best = kept.get(finding.metric)
            mine = (finding.value or 0.0, -finding.queries)
            if best is None or mine > (best.value or 0.0, -best.queries):
                kept[finding.metric] = finding
    return list(kept.values())


def _recovered_sentence(finding: Finding, who: str, least: str = "") -> str:
    number = next((int(d.value) for d in finding.details if d.name == "values"), 0)
    asked = f"with {counted(finding.queries, 'query')}" if finding.queries else "without a query"
    share = f"{least}{exact_percent(finding.value or 0.0)}"
    return f"{who or 'An attacker'} recovers {share} {RECOVERED[finding.metric]} ({number:,}) {asked}."


def best_copy(found: Sequence[Finding]) -> Finding | None:
    """The copy that agrees most on unseen records, or where none of these findings is about them, elsewhere; of equal
    ones the cheapest.
    """
    copies = [f for f in found if f.metric in PLACES and f.value is not None]
    return min(copies, key=lambda f: (PLACES.index(f.metric), -(f.low or 0.0), f.queries), default=None)


def _best_values(found: Sequence[Finding]) -> Finding | None:
    """The copy of a regression model that follows its values best."""
    copies = [f for f in found if f.metric == VALUES_COPIED]
    return min(copies, key=lambda f: (-(f.low or 0.0), f.queries), default=None)


def _values_sentence(best: Finding, who: str) -> str:
    explained, level = exact_percent(max(best.value or 0.0, 0.0)), percent(best.confidence)
    r2 = f"R² {best.value or 0.0:.2f}, {level} CI {best.low or 0.0:.2f} to {best.high or 0.0:.2f}"
    return (
        f"{f'The copy made by {who}' if who else 'A copy made'} with {counted(best.queries, 'query')} explains "
        f"{explained} of the variance of the model's answers to unseen records ({r2}); the best guess without any "
        f"query: R² {best.chance:.2f}."
    )


def _copy_sentence(best: Finding, who: str) -> str:
    low, high = exact_percent(best.low or 0.0), exact_percent(best.high or 0.0)
    return (
        f"{f'The copy made by {who}' if who else 'A copy made'} with {counted(best.queries, 'query')} gives the "
        f"model's own answer for {exact_percent(best.value or 0.0)} {COPY_PLACES[best.metric][1]} "
        f"({percent(best.confidence)} CI {low} to {high}); the best guess without any query: "
        f"{exact_percent(best.chance)}."
    )


def certainty(result: AuditResult) -> str:
    """On how much copies were compared, and what the controls gave."""
    thefts = [t for t in result.evidence_of(Family.EXTRACTION).values() if t.counted]
    sentences = []
    if thefts:
        points = {a.metric: a.points for t in thefts for a in t.counted}
        names = {"data": "unseen records", "uniform": "random inputs", "boundary": "points at its decision boundary"}
        sentences.append(
            "Copies were compared with the model on "
            + ", ".join(f"{points[w]:,} {names[w]}" for w in names if w in points)
            + "."
        )
    controls = [f.control for f in result.of(Family.EXTRACTION) if f.metric == FIDELITY and f.control is not None]
    if controls:
        sentences.append(
            "Let loose on another model, the same attacks bring home copies that agree with this one on "
            f"{exact_percent(min(controls))} to {exact_percent(max(controls))} of unseen records."
        )
    return " ".join(sentences)


@dataclass(frozen=True)
class TheftRow:
    """One attack in the table of copies: cells are value, interval and mark."""

    title: str
    paper: str
    verdict: Verdict
    places: tuple[tuple[str, str, str], ...]
    recovered: tuple[str, str, str]
    accuracy: str
    baseline: str
    control: str
    cost: str
    effort: str
    noticed: tuple[str, ...]
    note: str


def rows(result: AuditResult, mark: str) -> list[TheftRow]:
    """One row an attack, the closest copies first."""
    built = []
    for outcome, played in result.played():
        if outcome.game != Family.EXTRACTION.value:
            continue
        found = {f.metric: f for f in result.findings if f.attack == outcome.attack}
        fidelity = found.get(FIDELITY)
        theft = result.evidence_of(Family.EXTRACTION).get(outcome.attack, Evidence())
        secrets = [f for name, f in found.items() if name in RECOVERED]
        row = TheftRow(
            title=outcome.title,
            paper=result.papers.get(outcome.paper, outcome.paper),
            verdict=overall(tuple(found.values())),
            places=tuple(_cell(found.get(place), mark) for place in PLACES),
            recovered=_secret_cell(secrets, theft, mark),
            accuracy=_accuracy(theft, found.get(VALUES_COPIED)),
            baseline=exact_percent(fidelity.chance) if fidelity is not None and fidelity.value is not None else "–",
            control=exact_percent(fidelity.control) if fidelity is not None and fidelity.control is not None else "–",
            cost=counted(outcome.queries, "query"),
            effort=f"{outcome.seconds:.1f} s",
            noticed=tuple(_alarm(a) for a in theft.of(Alarm)),
            note=played.note,
        )
        built.append((-(fidelity.low or 0.0) if fidelity is not None else 0.0, outcome.queries, row))
    return [row for _, _, row in sorted(built, key=lambda part: part[:2])]


def _accuracy(theft: Evidence, values: Finding | None) -> str:
    if values is not None and values.value is not None:
        return f"R² {values.value:.3f}"
    quality = next(iter(theft.of(CopyQuality)), None)
    return f"{quality.right_copy / quality.judged:.3f}" if quality is not None and quality.judged else "–"


def _alarm(alarm: Alarm) -> str:
    """'prada after 300 queries'."""
    name = alarm.detector.replace("_", " ")
    if not alarm.watched:
        return f"{name}: too few benign queries"
    return f"{name} after {alarm.at:,}" if alarm.at is not None else f"{name}: never in {alarm.watched:,}"


def _cell(finding: Finding | None, mark: str) -> tuple[str, str, str]:
    if finding is None or finding.value is None:
        return "–", "", ""
    low, high = exact_percent(finding.low or 0.0), exact_percent(finding.high or 0.0)
    return exact_percent(finding.value), f"{low} to {high}", mark if finding.verdict is Verdict.LEAK else ""


def _secret_cell(secrets: Sequence[Finding], theft: Evidence, mark: str) -> tuple[str, str, str]:
    """What was recovered exactly: the share, what it is, and how far off the worst is."""
    measured = [f for f in secrets if f.value is not None]
    if not measured:
        return ("–", "not comparable" if secrets else "", "")
    finding = measured[0]
    recoveries = [r for r in theft.exact if r.metric == finding.metric]
    number = next((int(d.value) for d in finding.details if d.name == "values"), 0)
    what = finding.metric.removesuffix("_recovered").replace("hyperparameters", "hyper-parameters")
    beside = f"{number:,} {what}"
    if recoveries and recoveries[0].notes and recoveries[0].notes != ("leaves",):
        beside = "; ".join(recoveries[0].notes)
    elif recoveries and recoveries[0].notes == ("leaves",):
        beside = f"{number:,} leaves"
    worst = next((d.value for d in finding.details if d.name == "worst_error"), None)
    if worst is not None:
        beside += f", worst error {worst:.1g}"
    return exact_percent(finding.value or 0.0), beside, mark if finding.verdict is Verdict.LEAK else ""

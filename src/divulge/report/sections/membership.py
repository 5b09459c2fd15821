"""Who was in the training data: every attack with its figures, and two pictures of the strongest."""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Finding, Verdict
from divulge.core.threat import Family
from divulge.core.wording import counted, percent
from divulge.report.drawing import asset
from divulge.report.figures.membership import figures
from divulge.report.metrics import MEMBERSHIP_COLUMNS as COLUMNS
from divulge.report.metrics import metric_name, shown
from divulge.report.section import Context, Section
from divulge.report.typography import MARKS, table

PRIORS = ("1 % are members", "10 % are members", "50 % are members")

WORST_FIRST = (Verdict.LEAK, Verdict.INVALID, Verdict.NOT_FOUND, Verdict.NOT_MEASURABLE)


@dataclass(frozen=True)
class MembershipRow:
    """One attack in the table; cells are value, what stands beside it, and a mark."""

    title: str
    paper: str
    verdict: Verdict
    cells: tuple[tuple[str, str, str], ...]
    baseline: str
    control: str
    positive: str
    cost: str
    effort: str
    note: str


def _context(result: AuditResult) -> Context:
    return {
        "columns": [metric_name(c) for c in COLUMNS],
        "rows": [_row(result, attack) for attack in _strongest_first(result)],
        "net": _net(result),
        "net_heads": NET_HEADS,
        "predictive": _predictive(result),
        "priors": [*PRIORS, *dict.fromkeys(p.prior for p in result.predictive)],
        "figures": figures(result),
        "confidence": percent(result.facts.policy.confidence),
    }


def _applies(result: AuditResult) -> bool:
    return result.tried(Family.MEMBERSHIP)


def _strongest_first(result: AuditResult) -> list[str]:
    """Attacks that ran, by the lower bound of their AUC."""
    low = {f.attack: f.low or 0.0 for f in result.findings if f.metric == COLUMNS[0]}
    played = (o.attack for o, _ in result.played() if o.game == Family.MEMBERSHIP.value)
    return sorted(played, key=lambda name: -low.get(name, 0.0))


def _row(result: AuditResult, attack: str) -> MembershipRow:
    found = {f.metric: f for f in result.findings if f.attack == attack}
    outcome, played = next((o, p) for o, p in result.played() if o.attack == attack)
    area = found[COLUMNS[0]]
    verdicts = {f.verdict for f in found.values()}
    return MembershipRow(
        title=outcome.title,
        paper=result.papers.get(outcome.paper, outcome.paper),
        verdict=next(v for v in WORST_FIRST if v in verdicts),
        cells=tuple(_cell(found.get(metric)) for metric in COLUMNS),
        baseline=shown(area.baseline, area.key),
        control=shown(area.control, area.key),
        positive=shown(area.positive_control, area.key),
        cost=outcome.asked,
        effort=_effort(outcome.models_trained, outcome.seconds),
        note=played.note,
    )


def _effort(models: int, seconds: float) -> str:
    return f"{counted(models, 'shadow model')}, {seconds:.1f} s" if models else f"{seconds:.1f} s"


def _cell(finding: Finding | None) -> tuple[str, str, str]:
    """Value, interval and a mark."""
    if finding is None or finding.value is None:
        return "–", "not measurable", ""
    mark = MARKS[finding.verdict] if finding.verdict is Verdict.LEAK else ""
    if finding.high is None or finding.low is None:
        gaussian = next((d.value for d in finding.details if d.name == "epsilon_if_gaussian"), None)
        return shown(finding.value, finding.key), f"{gaussian:.3f} if Gaussian" if gaussian else "", mark
    low, high = shown(finding.low, finding.key), shown(finding.high, finding.key)
    return shown(finding.value, finding.key), f"{low} to {high}", mark


def _net(result: AuditResult) -> list[list[str]]:
    """Of each attack, where the split is at fault: its AUC, and among records that a guess without the model finds
    alike its AUC and that of the guess.
    """
    raw = {f.attack: f for f in result.findings if f.metric == COLUMNS[0]}
    rows = []
    for row in result.baseline.net:
        cells = [f"{r.value:.3f} ({r.low:.3f} to {r.high:.3f})" for r in (row.area, row.guesser)]
        value = shown(raw[row.attack].value, raw[row.attack].key)
        rows.append([result.titles.get(row.attack, row.attack), value, *cells, percent(row.share)])
    return rows


NET_HEADS = ["attack", "AUC", "AUC, net of the baseline", "the guess itself", "records compared"]


def _predictive(result: AuditResult) -> list[tuple[str, str, list[str]]]:
    """For the strongest attack: how often a named record is a member, by operating point and prior."""
    strongest = result.strongest()
    if strongest is None or result.verdict_of(Family.MEMBERSHIP) is Verdict.INVALID:
        return []
    lines = []
    for finding in result.findings:
        if finding.attack != strongest.attack or not finding.kind.fpr is not None or finding.value is None:
            continue
        values = [
            f"{percent(d.value)} ({percent(d.low)} to {percent(d.high)})"
            for d in finding.details
            if d.name.startswith("ppv") and d.low is not None and d.high is not None
        ]
        values += [
            f"{percent(p.low)} to {percent(p.high)}"
            for p in result.predictive
            if (p.attack, p.metric) == (finding.attack, finding.metric)
        ]
        lines.append((percent(finding.chance), percent(finding.value), values))
    return lines


def _markdown(c: Context) -> str:
    heads = ["attack", "verdict", *c["columns"], "control AUC", "cost"]
    rows = []
    for row in c["rows"]:
        cells = [
            f"{value} ({beside})" if beside and value != "–" else beside or value for value, beside, _ in row.cells
        ]
        rows.append([row.title, f"{MARKS[row.verdict]} {row.verdict.value}", *cells, row.control, row.cost])
    parts = [table(heads, rows)] if rows else ["No attack was played to its end."]
    if c["net"]:
        parts += ["Among records that a guess without the model finds alike:", table(NET_HEADS, c["net"])]
    if c["predictive"]:
        heads = ["FPR", "TPR", *c["priors"]]
        lines = [[fpr, tpr, *values] for fpr, tpr, values in c["predictive"]]
        parts += ["#### If a record is named, how likely is it a member?", table(heads, lines)]
    return "\n\n".join(parts)


SECTION = Section(
    name="attacks",
    title="Membership: who was in the training data?",
    context=_context,
    template=asset("sections/membership.html.j2"),
    markdown=_markdown,
    applies=_applies,
)

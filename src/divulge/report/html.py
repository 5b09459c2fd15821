"""The report as one HTML file that works offline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from divulge.core.audit_result import AuditResult
from divulge.core.exhibits import Alarm
from divulge.core.finding import Finding, Verdict
from divulge.core.threat import Family
from divulge.core.wording import counted, joined, percent
from divulge.report import handshake, inferred, limits, rebuilt, theft, words
from divulge.report.causes import by_family, changes
from divulge.report.decision import decision
from divulge.report.figures import figures
from divulge.report.next_steps import first_step
from divulge.report.threat_picture import draw

if TYPE_CHECKING:
    from jinja2 import Environment

COLUMNS = ("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "balanced_accuracy", "epsilon")


@dataclass(frozen=True)
class Row:
    """One attack in the table."""

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


def _explained(result: AuditResult) -> bool:
    """Whether it was looked into why membership leaks."""
    leaks = result.verdict_of(Family.MEMBERSHIP) is Verdict.LEAK
    return leaks and bool(result.causes or result.what_if)


def render_decision(result: AuditResult) -> str:
    """The decision page alone, with nothing folded away."""
    return (
        _environment()
        .get_template("decision_page.html.j2")
        .render(
            d=result,
            c=decision(result),
            full=True,
            words=words,
            marks=words.MARKS,
            style=asset("report.css"),
            counted=counted,
        )
    )


@cache
def asset(name: str) -> str:
    """A file that ships with the report."""
    return files("divulge.report").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def render(result: AuditResult) -> str:
    """The whole page; every script, style and figure is inside."""
    drawn = figures(result)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            d=result,
            met=handshake.sentence(result),
            doubts=handshake.doubts(result),
            words=words,
            verdict=result.verdict,
            lines=words.lines(result),
            first_step=first_step(result),
            marks=words.MARKS,
            rows=[_row(result, attack) for attack in _strongest_first(result)],
            copies=theft.rows(result, words.MARKS[Verdict.LEAK]),
            places=theft.PLACE_NAMES,
            rebuilt=rebuilt.rows(result),
            inferred=inferred.rows(result),
            answers=inferred.answers(result),
            galleries=rebuilt.galleries(result),
            differing=rebuilt.differing,
            noticed=any(t.of(Alarm) for t in result.evidence_of(Family.EXTRACTION).values()),
            membership=result.tried(Family.MEMBERSHIP),
            extraction=result.tried(Family.EXTRACTION),
            properties=result.tried(Family.PROPERTY),
            reconstruction=result.tried(Family.RECONSTRUCTION),
            leaks=result.verdict_of(Family.MEMBERSHIP),
            columns=[words.METRIC_NAMES[c] for c in COLUMNS],
            figures=drawn,
            picture=draw(result.facts.threat, words.asset_verdicts(result)),
            unmeasured=_unmeasured(result),
            c=decision(result),
            full=False,
            families=by_family(result),
            changes=changes(result),
            why=bool(by_family(result) or result.mitigations) or _explained(result),
            refusals=limits.refusals(result),
            left_out=limits.left_out(result),
            predictive=_predictive(result),
            style=asset("report.css"),
            script=asset("figures.js"),
            plotly=asset("plotly-basic.min.js") if drawn else "",
            percent=percent,
            counted=counted,
        )
    )


def _strongest_first(result: AuditResult) -> list[str]:
    """Attacks that ran, by the lower bound of their AUC."""
    low = {f.attack: f.low or 0.0 for f in result.findings if f.metric == "auc"}
    played = (o.attack for o, _ in result.played() if o.game == Family.MEMBERSHIP.value)
    return sorted(played, key=lambda name: -low.get(name, 0.0))


def _row(result: AuditResult, attack: str) -> Row:
    found = {f.metric: f for f in result.findings if f.attack == attack}
    outcome, played = next((o, p) for o, p in result.played() if o.attack == attack)
    area = found["auc"]
    verdicts = {f.verdict for f in found.values()}
    order = (Verdict.LEAK, Verdict.INVALID, Verdict.NOT_FOUND, Verdict.NOT_MEASURABLE)
    return Row(
        title=outcome.title,
        paper=result.papers.get(outcome.paper, outcome.paper),
        verdict=next(v for v in order if v in verdicts),
        cells=tuple(_cell(found.get(metric)) for metric in COLUMNS),
        baseline=words.shown(area.baseline, "auc"),
        control=words.shown(area.control, "auc"),
        positive=words.shown(area.positive_control, "auc"),
        cost=counted(outcome.queries, "query"),
        effort=_effort(outcome.models_trained, outcome.seconds),
        note=played.note,
    )


def _effort(models: int, seconds: float) -> str:
    return f"{counted(models, 'shadow model')}, {seconds:.1f} s" if models else f"{seconds:.1f} s"


def _cell(finding: Finding | None) -> tuple[str, str, str]:
    """Value, interval and a mark."""
    if finding is None or finding.value is None:
        return "–", "not measurable", ""
    if finding.high is None or finding.low is None:
        gaussian = next((d.value for d in finding.details if d.name == "epsilon_if_gaussian"), None)
        beside = f"{gaussian:.3f} if Gaussian" if gaussian else ""
        return words.shown(finding.value, finding.metric), beside, _mark(finding)
    low, high = words.shown(finding.low, finding.metric), words.shown(finding.high, finding.metric)
    return words.shown(finding.value, finding.metric), f"{low} to {high}", _mark(finding)


def _mark(finding: Finding) -> str:
    return words.MARKS[finding.verdict] if finding.verdict is Verdict.LEAK else ""


def _unmeasured(result: AuditResult) -> list[tuple[str, str]]:
    """What was not measured, and why: one line for a metric and a reason, with the attacks it is about."""
    about: dict[tuple[str, str], list[str]] = {}
    for finding in result.findings:
        if finding.verdict is Verdict.NOT_MEASURABLE:
            reason, _, figure = (
                finding.reason.partition(": ") if "coarse" in finding.reason else (finding.reason, "", "")
            )
            title = result.titles.get(finding.attack, finding.attack)
            about.setdefault((finding.metric, reason), []).append(f"{title} ({figure})" if figure else title)
    everybody = sum(o.game == Family.MEMBERSHIP.value for o, _ in result.played())
    listed = []
    for (metric, reason), titles in about.items():
        of = "" if len(titles) == everybody and "coarse" not in reason else f", of {joined(titles)}"
        listed.append((f"{words.METRIC_NAMES.get(metric, metric)}{of}", reason))
    return listed


def _predictive(result: AuditResult) -> list[tuple[str, str, list[str]]]:
    """For the strongest attack: how often a named record is a member, by operating point and prior."""
    strongest = result.strongest()
    if strongest is None or result.verdict_of(Family.MEMBERSHIP) is Verdict.INVALID:
        return []
    table = []
    for finding in result.findings:
        if finding.attack != strongest.attack or not finding.kind.fpr is not None or finding.value is None:
            continue
        values = [
            f"{percent(d.value)} ({percent(d.low)} to {percent(d.high)})"
            for d in finding.details
            if d.name.startswith("ppv") and d.low is not None and d.high is not None
        ]
        table.append((percent(finding.chance), percent(finding.value), values))
    return table

"""A run at a glance: what Python and a notebook show of it."""

from __future__ import annotations

from html import escape

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Finding, Verdict
from divulge.core.wording import printable
from divulge.report import words
from divulge.report.inert import shown as plainly
from divulge.report.metrics import metric_name, shown
from divulge.report.typography import MARKS

MOST = 6
"""Findings that are shown."""

_WORST_FIRST = (Verdict.LEAK, Verdict.INVALID, Verdict.FAILED, Verdict.NOT_FOUND)
_COLORS = {Verdict.LEAK: "#b3261e", Verdict.NOT_FOUND: "#2e7d32"}


def strongest(result: AuditResult) -> list[Finding]:
    """The strongest finding of each attack, those that decide the verdict first."""
    best: dict[str, Finding] = {}
    for finding in result.findings:
        known = best.get(finding.attack)
        if known is None or _rank(finding) < _rank(known):
            best[finding.attack] = finding
    return sorted(best.values(), key=_rank)[:MOST]


def as_text(result: AuditResult, folder: str) -> str:
    """Verdict, target and the strongest findings: twelve lines at most, none longer than a terminal is wide."""
    result = plainly(result)
    lines = [f"{MARKS[result.verdict]} {result.verdict.value}: {words.headline(result)}"[:110]]
    lines.append(f"  {result.facts.target.name}, {_sizes(result)}, {result.facts.threat.name}"[:110])
    lines += [f"  {MARKS[f.verdict]} {title:<34.34} {what:<26.26} {value}" for f, title, what, value in _rows(result)]
    lines += [line[:110] for line in _left(result)]
    return "\n".join([*lines, f"  {printable(folder)}"])


def as_html(result: AuditResult, folder: str) -> str:
    """The same as a piece of a page; everything that a user named is escaped."""
    result = plainly(result)
    color = _COLORS.get(result.verdict, "#8a6d00")
    mark = f'<b style="color:{color}">{MARKS[result.verdict]} {escape(result.verdict.value)}</b>'
    rows = "".join(
        f"<tr><td>{MARKS[f.verdict]} {escape(f.verdict.value)}</td><td>{escape(title)}</td>"
        f"<td>{escape(what)}</td><td>{escape(value)}</td></tr>"
        for f, title, what, value in _rows(result)
    )
    heads = "".join(f"<th>{head}</th>" for head in ("verdict", "attack", "measure", "value"))
    left = "".join(f"<p>{escape(line.strip())}</p>" for line in _left(result))
    return (
        f"<div><p>{mark} {escape(result.facts.name)}: {escape(words.headline(result))}</p>"
        f"<p>{escape(result.facts.target.name)}, {_sizes(result)}, {escape(result.facts.threat.name)}</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{left}<p><code>{escape(printable(folder))}</code></p>"
        "</div>"
    )


def _rank(finding: Finding) -> tuple[int, float]:
    place = _WORST_FIRST.index(finding.verdict) if finding.verdict in _WORST_FIRST else len(_WORST_FIRST)
    return place, -(finding.advantage_low or 0.0)


def _rows(result: AuditResult) -> list[tuple[Finding, str, str, str]]:
    rows = []
    for finding in strongest(result):
        title = result.titles.get(finding.attack, finding.attack)
        what = metric_name(finding.key, finding.about)
        rows.append((finding, title, what, _value(finding)))
    return rows


def _value(finding: Finding) -> str:
    if finding.value is None:
        return "–"
    value = shown(finding.value, finding.key)
    if finding.low is None or finding.high is None:
        return value
    return f"{value} ({shown(finding.low, finding.key)} to {shown(finding.high, finding.key)})"


def _left(result: AuditResult) -> list[str]:
    """What else happened to attacks, and whether the run was cut short."""
    shown = {finding.attack for finding in result.findings}
    failed = len(result.failed())
    refused = sum(outcome.attack not in shown for outcome in result.outcomes) - failed
    reasons = [f"{failed} failed"] * bool(failed) + [f"{refused} could not be run"] * (refused > 0)
    reasons += [f"{len(shown) - MOST} more attacks in the report"] * (len(shown) > MOST)
    reasons += ["the run was cut short"] * (not result.complete)
    return ["  " + "; ".join(reasons)] if reasons else []


def _sizes(result: AuditResult) -> str:
    data = result.facts.data
    return f"{data.members:,} members, {data.nonmembers:,} non-members"

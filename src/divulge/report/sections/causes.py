"""Why the model leaks, and what is left of each leak when one thing is changed."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult, Cause
from divulge.core.results.finding import Verdict
from divulge.core.threat import Family
from divulge.core.wording import percent
from divulge.report.causes import by_family, changes
from divulge.report.drawing import asset
from divulge.report.section import Context, Section
from divulge.report.typography import bullets

CIRCULAR = " (nearly what the attack itself looks at: how it shows, not why)"


def share_of(cause: Cause) -> str:
    """'12 % (4.0 % to 20 %)'."""
    if cause.share is None:
        return "not shown"
    if cause.share_low is None or cause.share_high is None:  # runs that were kept before it had an interval
        return percent(cause.share)
    return f"{percent(cause.share)} ({percent(cause.share_low)} to {percent(cause.share_high)})"


def _context(result: AuditResult) -> Context:
    leaks = result.verdict_of(Family.MEMBERSHIP) is Verdict.LEAK
    return {
        "what_if": result.what_if if leaks else (),
        "traits": result.causes if leaks else (),
        "circular": CIRCULAR,
        "share_of": share_of,
        "attack": result.titles.get(result.risk_attack or "", ""),
        "families": by_family(result),
        "changes": changes(result),
    }


def _applies(result: AuditResult) -> bool:
    leaks = result.verdict_of(Family.MEMBERSHIP) is Verdict.LEAK
    return bool(by_family(result) or result.mitigations) or (leaks and bool(result.causes or result.what_if))


def _markdown(c: Context) -> str:
    lines = [
        f"{w.name}: {w.measured}. Advantage of the loss attack {w.before:.3f} ± {w.before_error:.3f} with it and "
        f"{w.after:.3f} ± {w.after_error:.3f} without ({percent(w.share)} of it). Try: {w.advice}"
        for w in c["what_if"]
    ]
    lines += [
        f"{t.name}{CIRCULAR if t.circular else ''}: {percent(t.named)} of the members that can be named, "
        f"{percent(t.everybody)} of all; share of the leak {share_of(t)}. "
        + (f"Try: {t.advice}" if t.telling else "Not shown to be more frequent among them.")
        for t in c["traits"]
    ]
    lines += [f"{f.family}, {f.name}: {f.measured}. Try: {f.knob}" for f in c["families"]]
    lines += [
        f"{h.family}, {h.name}, by “{h.attack}”: {h.knob}: {h.before[0]} before, {h.after[0]} after; {h.price}"
        for h in c["changes"]
    ]
    return bullets(lines)


SECTION = Section(
    name="causes",
    title="Why does it leak?",
    context=_context,
    template=asset("sections/causes.html.j2"),
    markdown=_markdown,
    applies=_applies,
)

"""What was not tried or not measured, and why."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.core.wording import percent
from divulge.report import limits, plain, words
from divulge.report.drawing import asset
from divulge.report.section import Context, Page, Place, Section
from divulge.report.typography import bullets, stopped


def _context(result: AuditResult) -> Context:
    return {
        "lines": plain.untried(result),
        "families": words.not_tried(result),
        "failed": [(o.title, error) for o, error in result.failed()],
        "left_out": limits.left_out(result),
        "refusals": limits.refusals(result),
        "unmeasured": limits.unmeasured(result),
        "alpha": percent(1 - result.facts.policy.confidence),
        "least": words.LEAST,
    }


def _markdown(c: Context) -> str:
    return f"{' '.join(c['lines'])} {c['least']}"


def _details(c: Context) -> str:
    lines = [f"not tried: {family}" for family in c["families"]]
    lines += [f"failed: {title}: {error}" for title, error in c["failed"]]
    lines += [f"left out: {title}: {reason}" for title, reason in c["left_out"]]
    lines += [f"refused: {r.names or r.what}: {r.why}" for r in c["refusals"]]
    lines += [f"{what}: {reason}" for what, reason in c["unmeasured"]]
    lines = lines or ["everything that was planned was measured"]
    lines.append(f"all verdicts share an error of {c['alpha']}")
    return bullets([stopped(line) for line in lines])


SECTION = Section(
    name="limits",
    title="What was not tried or measured",
    context=_context,
    template=asset("sections/untried.html.j2"),
    markdown=_markdown,
    details=_details,
    pages={Page.REPORT: Place.OPEN, Page.DECISION: Place.FOLDED},
)

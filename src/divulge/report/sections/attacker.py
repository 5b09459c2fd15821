"""Who is assumed to attack: in words, and as a picture of the threat model."""

from __future__ import annotations

from markupsafe import Markup

from divulge.core.results.audit_result import AuditResult
from divulge.report import plain, words
from divulge.report.drawing import asset
from divulge.report.figures.threat import draw
from divulge.report.section import Context, Page, Place, Section
from divulge.report.typography import table


def _context(result: AuditResult) -> Context:
    threat = result.facts.threat
    verdicts = words.asset_verdicts(result)
    return {
        "assets": [[asset.value, verdict] for asset, verdict in verdicts.items()],
        "attacker": plain.attacker(threat),
        "needed": words.needed(result),
        "picture": Markup(draw(threat, verdicts)),  # escaped where it is drawn
    }


def _markdown(c: Context) -> str:
    return str(c["attacker"])


def _details(c: Context) -> str:
    return f"{c['needed']}\n\n{table(['asset', 'verdict'], c['assets'])}" if c["assets"] else str(c["needed"])


SECTION = Section(
    name="threat",
    title="Who the attacker is",
    context=_context,
    template=asset("sections/attacker.html.j2"),
    markdown=_markdown,
    details=_details,
    pages={Page.REPORT: Place.OPEN, Page.DECISION: Place.OPEN},
)

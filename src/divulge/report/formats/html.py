"""The report, and the page for whoever decides, as one HTML file each that works offline."""

from __future__ import annotations

from markupsafe import Markup

from divulge.core.results.audit_result import AuditResult
from divulge.report import words
from divulge.report.drawing import asset, compiled, environment
from divulge.report.formats.content_policy import content_policy
from divulge.report.formats.pages import drawn
from divulge.report.inert import shown
from divulge.report.section import Page, Place, Section

KINDS = {Page.REPORT: "Privacy audit", Page.DECISION: "For the decision whether to release"}
TITLES = {Page.REPORT: "", Page.DECISION: "Decision: "}


def render(result: AuditResult) -> str:
    """The whole report; every script, style and figure is inside."""
    return _page(result, Page.REPORT)


def render_decision(result: AuditResult) -> str:
    """The page for whoever decides: one page, and what it rests on folded below."""
    return _page(result, Page.DECISION)


def _page(result: AuditResult, page: Page) -> str:
    result = shown(result)

    def draw(section: Section) -> str:
        return compiled(section.template).render(**section.context(result))

    sections, warnings = drawn(result, page, draw)
    figures = any("data-figure=" in section.body for section in sections)
    style = asset("report.css")
    scripts = [asset(name) for name in (("plotly-basic.min.js", "figures.js") if figures else ())]
    scripts.append(asset("folding.js"))
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=f"{TITLES[page]}{words.headline(result) + ': ' if page is Page.REPORT else ''}{result.facts.name}",
            page=page.value,
            kind=KINDS[page],
            name=result.facts.name,
            version=result.facts.provenance.divulge,
            date=result.facts.provenance.started[:10],
            opened=[(s, Markup(s.body)) for s in sections if s.place is Place.OPEN],  # templates escape what they print
            folded=[(s, Markup(s.body)) for s in sections if s.place is Place.FOLDED],
            warnings=warnings,
            least=words.LEAST,
            policy=content_policy([style], scripts),
            style=Markup(style),
            scripts=[Markup(script) for script in scripts],
        )
    )

"""An audit result in every format that a report has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from divulge.core.errors import InputError
from divulge.core.results.audit_result import AuditResult
from divulge.report.formats import html, junit, markdown, model_card, sarif
from divulge.report.inert import for_spreadsheet
from divulge.runs.files.evidence_files import json_of
from divulge.runs.gate import Judgment, first, grown_by
from divulge.runs.pdf import print_pdf
from divulge.runs.result import open_run

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("html", "md", "json", "sarif", "pdf")
PAGES = {"report": FORMATS, "decision": ("html", "md", "pdf"), "card": ("md",)}
"""What can be written, and how: the whole report, the page for whoever decides, a section for a model card."""


def render(result: AuditResult, format: str, page: str = "report") -> str:
    """A page as text; raises InputError for a page or format that does not exist."""
    if page not in PAGES:
        raise InputError(f"page {page!r} is unknown: choose one of {', '.join(PAGES)}")
    if format not in PAGES[page] or format == "pdf":
        raise InputError(f"page {page} cannot be shown as {format}: choose {' or '.join(PAGES[page])}")
    if page == "card":
        return model_card.render(result)
    if page == "decision":
        return {"html": html.render_decision, "md": markdown.render_decision}[format](result)
    if format == "json":
        return json_of(result)
    return {"html": html.render, "md": markdown.render, "sarif": sarif.render}[format](result)


def write(result: AuditResult, path: Path, format: str, page: str = "report") -> None:
    """The same into a file, which may be a PDF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if format == "pdf" and page in PAGES and "pdf" in PAGES[page]:
        print_pdf(render(result, "html", page), path)
    else:
        path.write_text(render(result, format, page), encoding="utf-8")


def csv_of(frame: pd.DataFrame) -> str:
    """A table as CSV in which no text is a formula, whatever opens it."""
    return frame.rename(columns=for_spreadsheet).map(for_spreadsheet).to_csv(index=False, lineterminator="\n")


def junit_of(run: Path, judgment: Judgment) -> str:
    """The verdicts of a gate as JUnit XML."""
    policy = judgment.policy
    rules: dict[str, list[str]] = {f"requires {family}": [] for family in policy.requires}
    rules |= {f"adversary sees {policy.least_access}": []} if policy.least_access else {}
    rules |= {f"no worse than {judgment.before}": []} if judgment.before else {}
    rules["the audit is complete"] = [reason for reason in judgment.incomplete if reason not in judgment.unmet]
    for reason in judgment.unmet:
        asked = reason.removeprefix("rule ").partition(":")[0]
        family = asked.removeprefix("requires.")
        name = f"requires {family}" if asked.startswith("requires.") else f"adversary sees {policy.least_access}"
        rules[name].append(reason)
    grown = [f"{w.finding.metric} of {grown_by(w)}" for w in judgment.worse]
    if grown:
        rules[f"no worse than {judgment.before}"].append(first(grown))
    return junit.render(open_run(run), judgment.broken, rules)

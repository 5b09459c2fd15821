"""A dossier in every format that a report has."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from divulge.auditing.dossier import open_run
from divulge.auditing.gate import Judgement, first
from divulge.core.dossier import Dossier
from divulge.report import html, junit, markdown, sarif

FORMATS = ("html", "md", "json", "sarif")


def render(dossier: Dossier, format: str) -> str:
    """The report as text; format is one of FORMATS."""
    if format == "json":
        return TypeAdapter(Dossier).dump_json(dossier, indent=2).decode()
    return {"html": html.render, "md": markdown.render, "sarif": sarif.render}[format](dossier)


def junit_of(run: Path, judgement: Judgement) -> str:
    """The verdicts of a gate as JUnit XML."""
    policy = judgement.policy
    rules: dict[str, list[str]] = {f"requires {family}": [] for family in policy.requires}
    rules |= {f"adversary sees {policy.least_access}": []} if policy.least_access else {}
    rules |= {f"no worse than {judgement.before}": []} if judgement.before else {}
    rules["the audit is complete"] = [reason for reason in judgement.incomplete if reason not in judgement.unmet]
    for reason in judgement.unmet:
        asked = reason.removeprefix("rule ").partition(":")[0]
        family = asked.removeprefix("requires.")
        name = f"requires {family}" if asked.startswith("requires.") else f"adversary sees {policy.least_access}"
        rules[name].append(reason)
    grown = [
        f"{w.finding.attack}: {w.finding.metric} {w.before.value:.3f} to {w.finding.value:.3f}" for w in judgement.worse
    ]
    if grown:
        rules[f"no worse than {judgement.before}"].append(first(grown))
    return junit.render(open_run(run), judgement.broken, rules)

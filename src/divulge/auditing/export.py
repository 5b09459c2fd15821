"""A dossier in every format that a report has."""

from __future__ import annotations

from pydantic import TypeAdapter

from divulge.core.dossier import Dossier
from divulge.report import html, markdown, sarif

FORMATS = ("html", "md", "json", "sarif")


def render(dossier: Dossier, format: str) -> str:
    """The report as text; format is one of FORMATS."""
    if format == "json":
        return TypeAdapter(Dossier).dump_json(dossier, indent=2).decode()
    return {"html": html.render, "md": markdown.render, "sarif": sarif.render}[format](dossier)

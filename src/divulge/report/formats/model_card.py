"""The privacy section of a model card, in the Markdown that Hugging Face and others show."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.report.inert import for_markdown
from divulge.report.sections.registry import applying, broken, own
from divulge.report.typography import stopped


def render(result: AuditResult) -> str:
    """A section of its own, to be put into a README.md: what every section of the report has to say there."""
    result = for_markdown(result)
    listed, warnings = applying(result)
    parts = []
    for section in listed:
        if section.card is None:
            continue
        try:
            parts.append(section.card(section.context(result)))
        except Exception as error:
            if own(section):
                raise
            warnings.append(broken(section, error))
    return "\n\n".join(["## Privacy", *parts, *(f"**!** {stopped(warning)}" for warning in warnings)]) + "\n"

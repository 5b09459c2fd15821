"""The decision page as Markdown."""

from __future__ import annotations

from divulge.core.audit_result import AuditResult
from divulge.report import words
from divulge.report.decision import Question, decision


def render(result: AuditResult) -> str:
    """The same as the page, nothing left out."""
    made = decision(result)
    parts = [
        f"# Decision: {result.facts.name}",
        f"{words.MARKS[made.verdict]} **{made.headline}.**",
        "\n\n".join(made.reasons),
    ]
    if made.steps:
        parts += ["## What to do next", "\n".join(f"{n}. {step}" for n, step in enumerate(made.steps, 1))]
    parts.append("## The two questions of EDPB Opinion 28/2024")
    parts += [_question(n, question) for n, question in enumerate(made.questions, 1)]
    rows = [
        "| risk | what was found | who is concerned | severity | what was measured to help |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| {r.name}: {r.asks} | {r.found} | {r.who} | for the controller | {r.measures or '–'} |" for r in made.risks
    ]
    parts += ["## For a data protection impact assessment", "\n".join(rows)]
    parts += [f"{line.mark} **{line.title}.** {line.text}".strip() for line in words.lines(result)]
    return "\n\n".join(parts) + "\n"


def _question(number: int, question: Question) -> str:
    lines = [
        f"### {number}. {question.title}",
        "",
        f"{question.asks[:1].upper()}{question.asks[1:]}.",
        "",
        f"{words.MARKS[question.verdict]} **{question.answer}.**",
        "",
        *[f"- {line}" for line in question.evidence],
    ]
    blocks = (
        ("The means assumed", question.means),
        ("What this audit would have seen", question.power),
        ("What was not tried", question.untried),
    )
    for title, told in blocks:
        if told:
            lines += ["", f"{title}:", "", *[f"- {line}" for line in told]]
    return "\n".join([*lines, "", f"What remains: {question.residual}"])

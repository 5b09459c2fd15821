"""What follows for a decision: the two questions of EDPB Opinion 28/2024."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.report.decision import DecisionQuestion, decision
from divulge.report.drawing import asset
from divulge.report.plain import EVIDENCE
from divulge.report.section import Context, Page, Place, Section
from divulge.report.typography import MARKS, bullets, capital, stopped

OPINION = (
    "A model counts as free of personal data only if the likelihood of both is insignificant for every person in the "
    "training data, considering all means reasonably likely to be used. An audit gives evidence on both; whether it is "
    "enough is for a person to say."
)


def _context(result: AuditResult) -> Context:
    decided = decision(result)
    return {"c": decided, "blocks": [_blocks(q) for q in decided.questions], "opinion": OPINION, "evidence": EVIDENCE}


def _blocks(question: DecisionQuestion) -> list[tuple[str, list[str]]]:
    """What is folded below a question, by title."""
    blocks = (
        ("The evidence", question.evidence),
        ("The means assumed", question.means),
        ("What this audit would have detected", question.power),
        ("What was not tried", question.untried),
    )
    return [(title, [stopped(line) for line in lines]) for title, lines in blocks if lines]


def _markdown(c: Context) -> str:
    decided = c["c"]
    parts = [
        f"{MARKS[decided.verdict]} **{decided.headline}.** {c['evidence']}",
        f"The two questions of EDPB Opinion 28/2024: {c['opinion']}",
    ]
    for number, question in enumerate(decided.questions, 1):
        parts += [
            f"#### {number}. {question.title}",
            f"{stopped(capital(question.asks))}",
            f"{MARKS[question.verdict]} **{question.answer}.** {question.residual}",
        ]
    return "\n\n".join(parts)


def _details(c: Context) -> str:
    decided, parts = c["c"], []
    for number, (question, blocks) in enumerate(zip(decided.questions, c["blocks"], strict=True), 1):
        parts.append(f"#### {number}. {question.title}")
        parts += [f"{title}:\n\n{bullets(lines)}" for title, lines in blocks]
    return "\n\n".join([*parts, f"The reasons in full:\n\n{bullets(list(decided.reasons))}"])


def _card(c: Context) -> str:
    return bullets([f"{q.title} {q.answer}." for q in c["c"].questions])


SECTION = Section(
    name="decision",
    title="What follows for a decision",
    context=_context,
    template=asset("sections/questions.html.j2"),
    markdown=_markdown,
    details=_details,
    pages={Page.REPORT: Place.OPEN, Page.DECISION: Place.OPEN},
    card=_card,
)

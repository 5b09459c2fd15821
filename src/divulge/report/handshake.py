"""How the model answered before anything was attacked: what a report says first."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult

HEADLINE = "The audit is invalid: the model does not answer as the one that was trained"


def sentence(result: AuditResult) -> str:
    """'Asked before the attacks: accuracy on members 0.97, ...', and what could not be looked at; empty for a run that
    has no handshake.
    """
    met = result.handshake
    if met is None:
        return ""
    unseen = f" Not looked at: {'; '.join(met.unchecked)}." if met.members is not None and met.unchecked else ""
    return f"Asked before the attacks: {met.sentence}.{unseen}"


def doubts(result: AuditResult) -> list[tuple[str, str]]:
    """What is odd about it, each with its mark; faults are told as the verdict."""
    warnings = result.handshake.warnings if result.handshake is not None else ()
    return [("!", warning[:1].upper() + warning[1:]) for warning in warnings]


def lines(result: AuditResult) -> list[str]:
    """The same as text, a paragraph each."""
    first = sentence(result)
    return [*([first] if first else []), *(f"{mark} {doubt}." for mark, doubt in doubts(result))]

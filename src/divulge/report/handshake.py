"""How the model answered before anything was attacked: what a report says first."""

from __future__ import annotations

from divulge.core.dossier import Dossier

HEADLINE = "The audit is invalid: the model does not answer as the one that was trained"


def sentence(dossier: Dossier) -> str:
    """'Asked before the attacks: accuracy on members 0.97, ...'; empty for a run that has no handshake."""
    return f"Asked before the attacks: {dossier.handshake.sentence}." if dossier.handshake is not None else ""


def doubts(dossier: Dossier) -> list[tuple[str, str]]:
    """What is odd about it, each with its mark; faults are told as the verdict."""
    said = dossier.handshake.warnings if dossier.handshake is not None else ()
    return [("!", warning[:1].upper() + warning[1:]) for warning in said]


def lines(dossier: Dossier) -> list[str]:
    """The same as text, a paragraph each."""
    first = sentence(dossier)
    return [*([first] if first else []), *(f"{mark} {said}." for mark, said in doubts(dossier))]

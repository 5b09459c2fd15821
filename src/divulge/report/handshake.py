"""How the model answered before anything was attacked: what a report says first."""

from __future__ import annotations

from divulge.core.dossier import Dossier
from divulge.core.finding import Verdict

HEADLINE = "The audit is invalid: the model does not answer as the one that was trained"


def sentence(dossier: Dossier) -> str:
    """'Asked before the attacks: accuracy on members 0.97, ...'; empty for a run that has no handshake."""
    return f"Asked before the attacks: {dossier.handshake.sentence}." if dossier.handshake is not None else ""


def doubts(dossier: Dossier) -> list[tuple[str, str]]:
    """What is odd about it, each with its mark, faults first."""
    if dossier.handshake is None:
        return []
    faults = [("\u2715", fault) for fault in dossier.handshake.faults]
    return [(mark, said[:1].upper() + said[1:]) for mark, said in [*faults, *_warnings(dossier)]]


def _warnings(dossier: Dossier) -> list[tuple[str, str]]:
    return [("!", warning) for warning in (dossier.handshake.warnings if dossier.handshake is not None else ())]


def lines(dossier: Dossier) -> list[str]:
    """The same as text, a paragraph each."""
    first = sentence(dossier)
    return [*([first] if first else []), *(f"{mark} {said}." for mark, said in doubts(dossier))]


def by_family(dossier: Dossier) -> list[tuple[Verdict, str]]:
    """What stands in place of the families' sentences where the handshake found a fault."""
    return [(Verdict.INVALID, f"{fault[:1].upper()}{fault[1:]}.") for fault in dossier.faults]

"""`divulge attacks`: what exists, what it needs, and whether an adversary can run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from divulge.cli.screen import folded, out
from divulge.core.wording import counted

if TYPE_CHECKING:
    from divulge.core.attack import Card

WIDE, NAME = 110, 31
"""Columns of a line, and of the name before it."""


def attacks(
    names: Annotated[list[str] | None, typer.Argument(help="attacks to be described; all when none is named")] = None,
    threat: Annotated[str, typer.Option(help="a threat model: mlaas, label-only, published-model, ...")] = "mlaas",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List the attacks, and say for each whether this adversary can run it, or why not.  Of those that are named, all
    that their cards say: what they do, in which paper it stands, what they need, and what is unlike the paper.
    """
    from divulge.catalog.attacks import attack, cards
    from divulge.catalog.papers import PAPERS
    from divulge.core.threat import Family, missing, preset

    model = preset(threat)
    chosen = [attack(name).card for name in names] if names else cards()
    rows = [(card, missing(card.needs, model)) for card in chosen]
    if as_json:
        out.print_json(json.dumps([_listed(card, lacks) for card, lacks in rows]))
        return
    if names:
        for card, lacks in rows:
            _describe(card, lacks, model.name)
        return
    out.print(f"Threat model {model.name}: {model.adversary}", soft_wrap=True)
    for family in Family:
        can = [card for card, lacks in rows if card.family is family and not lacks]
        cannot = [(card, lacks) for card, lacks in rows if card.family is family and lacks]
        if can or cannot:
            out.print(f"\n{family.value}: {len(can)} can run, {len(cannot)} cannot", style="bold")
        for card in can:
            paper = PAPERS[card.paper].short if card.paper in PAPERS else card.paper
            tasks = ", ".join(sorted(task.value for task in card.needs.tasks))
            summary = f"{card.needs.access.value}; {_cost(card)}; {tasks}; {paper}"
            out.print(_lines(f"  {card.name:<28} {summary}", NAME), soft_wrap=True)
        _say_what_cannot(cannot)


def _listed(card: Card, lacks: list[str]) -> dict[str, object]:
    """One attack, for programs."""
    from divulge.catalog.attacks import attack
    from divulge.catalog.standards import names_of, standards_of
    from divulge.core.capability.attacks import shadows_of

    return {
        "name": card.name,
        "title": card.title,
        "family": card.family.value,
        "asset": card.asset.value,
        "paper": card.paper,
        "standards": names_of(standards_of(card)),
        "access": card.needs.access.value,
        "knowledge": sorted(k.value for k in card.needs.knowledge),
        "tasks": sorted(t.value for t in card.needs.tasks),
        "queries_per_record": card.queries_per_record,
        "shadow_models": shadows_of(attack(card.name)),
        "equations": card.equations,
        "summary": card.summary,
        "differs": card.differs,
        "lacks": lacks,
    }


def _describe(card: Card, lacks: list[str], threat: str) -> None:
    """All that is known of one attack before it is played."""
    from divulge.catalog.papers import PAPERS

    paper = PAPERS.get(card.paper)
    source = card.paper if paper is None else f"{paper.short}, {card.equations}: {paper.title}, {paper.link}"
    lines = [
        ("does", card.summary),
        ("family", f"{card.family.value}, {card.played_as.value}"),
        ("paper", source),
        ("unlike the paper", card.differs or "nothing that is known"),
        ("needs", ", ".join([card.needs.access.value, *sorted(k.value for k in card.needs.knowledge)])),
        ("of models for", ", ".join(sorted(task.value for task in card.needs.tasks))),
        ("costs", _cost(card)),
        (f"under {threat}", "; ".join(lacks) or "can run"),
        ("by default", "played" if card.default else "only where it is named"),
    ]
    out.print(f"{card.name}: {card.title}", style="bold")
    for name, value in lines:
        out.print(_lines(f"  {name:<18}{value}", 20), soft_wrap=True)


def _say_what_cannot(cannot: list[tuple[Card, list[str]]]) -> None:
    """Attacks that this adversary cannot run, those of one reason together."""
    reasons: dict[str, list[str]] = {}
    for card, lacks in cannot:
        reasons.setdefault("; ".join(lacks), []).append(card.name)
    for reason, names in reasons.items():
        for text, first, other in ((", ".join(names), "  cannot: ", "    "), (reason, "    ", "    ")):
            out.print(_lines(first + text, len(other)), soft_wrap=True)


def _lines(text: str, hanging: int) -> str:
    return folded(text, min(WIDE, out.width), hanging)


def _cost(card: Card) -> str:
    """Queries and models, in words."""
    from divulge.auditing.plan import queries_of
    from divulge.catalog.attacks import attack
    from divulge.core.capability.attacks import shadows_of
    from divulge.core.threat import Family

    built = attack(card.name)
    models = shadows_of(built)
    cost = counted(round(card.queries_per_record), "query") + " a record"
    if card.family is not Family.MEMBERSHIP:
        asked = queries_of(built, 0)
        cost = "as many queries as it takes" if asked is None else f"up to {counted(asked, 'query')}"
        cost = cost if asked != 0 else "no query"
    return cost + (f", {counted(models, 'model')}" if models else "")

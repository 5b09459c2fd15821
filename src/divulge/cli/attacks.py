"""`divulge attacks`: what exists, what it needs, and whether an adversary can run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from divulge.cli.screen import out, table
from divulge.core.wording import counted

if TYPE_CHECKING:
    from divulge.core.attack import Card


def attacks(
    threat: Annotated[str, typer.Option(help="a threat model: mlaas, label-only, published-model, ...")] = "mlaas",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List the attacks, and say for each whether this adversary can run it, or why not."""
    from divulge.auditing.assemble import threat_from
    from divulge.auditing.play import shadows_of
    from divulge.catalog.attacks import attack, cards
    from divulge.catalog.papers import PAPERS
    from divulge.catalog.standards import names_of, standards_of
    from divulge.core.threat import missing

    model = threat_from(threat)
    rows = [(card, missing(card.needs, model)) for card in cards()]
    if as_json:
        listed = [
            {
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
                "lacks": lacks,
            }
            for card, lacks in rows
        ]
        out.print_json(json.dumps(listed))
        return
    out.print(f"Threat model [bold]{model.name}[/bold]: {model.adversary}")
    shown = table("attack", "paper", "for", "sees", "cost", "can run")
    for card, lacks in rows:
        paper = PAPERS[card.paper].short if card.paper in PAPERS else card.paper
        cost = _cost(card)
        tasks = ", ".join(sorted(task.value for task in card.needs.tasks))
        shown.add_row(card.name, paper, tasks, card.needs.access.value, cost, "yes" if not lacks else "; ".join(lacks))
    out.print(shown)


def _cost(card: Card) -> str:
    """Queries and models, in words."""
    from divulge.auditing.plan import queries_of
    from divulge.auditing.play import shadows_of
    from divulge.catalog.attacks import attack
    from divulge.core.threat import Family

    made = attack(card.name)
    models = shadows_of(made)
    cost = counted(round(card.queries_per_record), "query") + " a record"
    if card.family is not Family.MEMBERSHIP:
        asked = queries_of(made, 0)
        cost = "as many queries as it takes" if asked is None else f"up to {counted(asked, 'query')}"
        cost = cost if asked != 0 else "no query"
    return cost + (f", {counted(models, 'model')}" if models else "")

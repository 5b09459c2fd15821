"""An attack of a run, played once more on something else."""

from __future__ import annotations

from typing import Any

from divulge.auditing.oracle import GrantedOracle, Memory
from divulge.auditing.sessions import Sessions
from divulge.core.attack import Attack
from divulge.core.defense import Defense
from divulge.core.errors import Impossible
from divulge.core.game import Arm
from divulge.core.hashing import derived_rng
from divulge.core.results.estimate import Estimate
from divulge.core.target import Target
from divulge.core.threat import Family, closure
from divulge.core.views.property import PropertyAuxiliary
from divulge.defenses.interface.defended_target import shielded
from divulge.stats.weigh import weigh


def replay(attack: Attack[Any, Any], tables: Sessions, behind: tuple[Defense, ...] = ()) -> tuple[Estimate, ...]:
    """The attack against the target of these sessions' job, behind these defences.

    Raises Impossible where the interface does not show what the attack needs, and whatever the attack raises.
    """
    card, job = attack.card, tables.job
    table = tables.of(card)
    (dealt,) = table.rounds(Arm.TARGET)
    needed = card.uses or card.needs.access
    if card.needs.access not in closure(shielded(dealt.target, behind).offers):
        raise Impossible(f"this attack needs {card.needs.access.value}")

    def see(target: Target, **how: Any) -> GrantedOracle:
        return GrantedOracle(shielded(target, behind), job.threat, needed, **how)

    means = table.means(attack)
    if card.family is Family.PROPERTY:
        means = PropertyAuxiliary(lambda target: see(target, free=True))
    rng = derived_rng(job.seed, card.name, Arm.TARGET.value)
    guess = attack.run(dealt.open(see(dealt.target, memory=Memory()), card, means, rng))
    return weigh(dealt.judge(guess), job.policy, table.tests)

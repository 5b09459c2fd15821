"""The game in which a language model writes out training texts: members and others, as in the membership game."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.game import Round
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.results.trials import Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Family
from divulge.core.views.membership import Auxiliary, Poison
from divulge.core.views.texts import TextView
from divulge.games.judges.written import WrittenJudge
from divulge.games.membership import MembershipGame


@dataclass(frozen=True, eq=False)
class WrittenGame(MembershipGame):
    """The arms are those of the membership game: a control model never saw the texts, or knows half by heart."""

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.RECONSTRUCTION

    def baseline(self) -> Iterator[Scored]:
        """It belongs to each text."""
        raise Impossible("each text is compared with another one, and with what another model writes")

    def _round(
        self, target: Target, member: Array, candidates: Records, poison: Poison | None = None
    ) -> Round[Any, Any]:
        def open_view(oracle: Oracle, card: Card, means: Auxiliary, rng: Generator) -> TextView:
            return TextView(oracle, candidates, rng, card.needs, means, poison)

        return Round(target, open_view, WrittenJudge(candidates, member, self.seed).judge)

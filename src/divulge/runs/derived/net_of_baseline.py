"""What attacks on membership tell beyond a guess without the model, in a run whose split is at fault."""

from __future__ import annotations

from collections.abc import Iterable

from divulge.core.results.audit_result import Net
from divulge.core.results.finding import Outcome
from divulge.core.results.trials import Scored
from divulge.core.threat import Family
from divulge.runs.folder import RunFolder
from divulge.stats.comparison.net import net_area


def net_of(run: RunFolder, outcomes: Iterable[Outcome], guesses: Iterable[Scored]) -> tuple[Net, ...]:
    """One row for each attack on membership that left scores, strongest first.  guesses: see Game.baseline."""
    alpha, blind = 1 - run.facts().policy.confidence, list(guesses)
    names = [o.attack for o in outcomes if o.game == Family.MEMBERSHIP.value and run.has_scores(o.attack)]
    rows = (net_area(name, scored, blind, alpha) for name in names for scored in run.evidence(name).of(Scored))
    return tuple(sorted((row for row in rows if row is not None), key=lambda row: -row.area.low))

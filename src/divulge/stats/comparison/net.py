"""What an attack tells beyond a guess without the model, where a split is known to be unfair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.audit_result import Net
from divulge.core.results.finding import Reading
from divulge.core.results.trials import Scored
from divulge.stats.auc import auc
from divulge.stats.within import Area, kept_inside

MOST_STRATA, FEWEST_A_STRATUM = 20, 10
"""Strata, and units of the smaller arm for each of them, on average."""
FEWEST_OF_AN_ARM = 2
"""Units of either arm without which a stratum compares nothing."""


def net_area(name: str, attack: Scored, guesses: Sequence[Scored], alpha: float) -> Net | None:
    """The attack's AUC adjusted for what the records alone tell (Janes and Pepe 2009, Biometrika 96, "Adjusting for
    covariate effects on classification accuracy"; strata weighed as by van Elteren 1960), and the guesser's own.

    A member is compared with non-members of its own stratum only, of which the guesser's score has up to twenty.
    name: of the attack.  guesses: of one guesser or more about the same units, whose ranks are averaged; the guesser
    that still tells most within the strata is reported.  What is left of it is what the strata do not take away; a
    shift that no guesser sees and the model does is not taken away at all, so that this is evidence, and no proof.
    Units are persons where records belong together.  None where no stratum has both arms.
    """
    from scipy import stats

    by_unit = [each.by_unit() for each in (attack, *guesses)]
    units = _shared([each.unit for each in by_unit])
    if not len(units):
        return None
    scores, (member, *_) = zip(*(_of(each, units) for each in by_unit), strict=True)
    ranks = [stats.rankdata(score) / len(units) for score in scores[1:]]
    strata = _strata(np.mean(ranks, axis=0), member)
    if not strata:
        return None
    own = max((_within(rank, member, strata, alpha) for rank in ranks), key=lambda reading: reading.value)
    share = sum(map(len, strata)) / len(units)
    return Net(name, _within(scores[0], member, strata, alpha), own, len(strata), share)


def _shared(units: Sequence[Array]) -> Array:
    common = units[0]
    for other in units[1:]:
        common = np.intersect1d(common, other)
    return common


def _of(scored: Scored, units: Array) -> tuple[Array, Array]:
    """Ranks and arms [units], in the order of the units."""
    order = np.argsort(scored.unit)
    place = order[np.searchsorted(scored.unit, units, sorter=order)]
    return scored.ranks()[place].astype(np.float64), scored.exposed[place]


def _strata(guess: Array, member: Array) -> list[Array]:
    """Indices of the units of each stratum that has both arms; strata are of one size, and ties stay together."""
    fewer = min(int(member.sum()), int((~member).sum()))
    number = int(np.clip(fewer // FEWEST_A_STRATUM, 1, MOST_STRATA))
    edges = np.quantile(guess, np.arange(1, number) / number)
    label = np.searchsorted(edges, guess, side="right")
    found = [np.flatnonzero(label == each) for each in range(number)]
    return [s for s in found if min(int(member[s].sum()), int((~member[s]).sum())) >= FEWEST_OF_AN_ARM]


def _within(score: Array, member: Array, strata: Sequence[Array], alpha: float) -> Reading:
    """The mean of the strata's areas, each weighed by n1 n0 / (n1 + n0), with the interval of Welch's t;
    no stratum's variance is taken as less than Newcombe's (2006, method 5).
    """
    from scipy import stats

    areas = []
    for rows in strata:
        part = Scored(score[rows], member[rows], rows, rows)
        areas.append(Area(auc(part), part.n_exposed, part.n_control))
    weight = np.array([a.exposed * a.control / (a.exposed + a.control) for a in areas])
    weight /= weight.sum()
    value = float(weight @ [a.auc.value for a in areas])
    spread = weight**2 * np.array([kept_inside(a)[1] for a in areas])
    freedom = float(spread.sum() ** 2 / (spread**2 / [max(a.fewer - 1, 1) for a in areas]).sum())
    away = float(stats.t.isf(alpha / 2, freedom) * np.sqrt(spread.sum()))
    return Reading(value, max(value - away, 0.0), min(value + away, 1.0))

"""Evidence that may be looked at after every record and every audit: e-values, which multiply and average.

An e-value is what a fair game has paid for one unit of money, on the hypothesis that nothing leaks: of mean at most 1,
so that 20 or more is seen at most once in twenty times (Markov), however often one looks (Ville 1939).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array, derived_rng
from divulge.core.results.trials import Scored

STAKES = np.linspace(0.05, 0.95, 19)
"""Shares of what would ruin the gambler at once, mixed in equal parts before anything is seen."""

PAIRINGS = 16
"""Random pairings of members with others, over which an e-value is averaged: the average of e-values is one."""

LARGEST = 1e300


def e_process(shares: Array, at_most: float) -> Array:
    """What a gambler has after each of these values [trials], independent and in [0, 1], when the hypothesis is that
    their mean is at most `at_most`: [trials].

    At stake s each value x multiplies the money by 1 + s (x - m) / m; the mean over STAKES is an e-process whatever the
    distribution (Waudby-Smith and Ramdas 2024, section 4; mixtures as in Robbins 1970): it passes 1 / alpha, ever, with
    probability at most alpha.
    """
    from scipy.special import logsumexp

    if not 0 < at_most < 1:
        return np.ones(len(shares))
    bets = np.log1p(STAKES[:, None] * (np.asarray(shares, dtype=np.float64)[None] - at_most) / at_most)
    money = logsumexp(np.cumsum(bets, axis=1), axis=0) - np.log(len(STAKES))
    return np.asarray(np.exp(np.minimum(money, np.log(LARGEST))))


def _paid(wins: Array, ties: Array, losses: Array, at_most: float) -> Array:
    """The end of `e_process` for wins, ties and losses (1, 1/2 and 0), of which only the numbers count: [games]."""
    from scipy.special import logsumexp

    money = sum(
        counts[..., None] * np.log1p(STAKES * (share - at_most) / at_most)
        for counts, share in ((wins, 1.0), (ties, 0.5), (losses, 0.0))
    )
    return np.asarray(np.exp(np.minimum(logsumexp(money, axis=-1) - np.log(len(STAKES)), np.log(LARGEST))))


def auc_e_value(evidence: Scored, tolerated: float = 0.0, seed: int = 0) -> float:
    """Against the hypothesis that the AUC is at most (1 + tolerated) / 2.

    Members and others are paired at random, each in one pair, so that pairs are independent and a pair is won with the
    AUC as its probability; averaged over PAIRINGS.  Persons, where they have several records.
    """
    units = evidence.by_unit()
    ranks = units.ranks()
    inside, outside = ranks[units.exposed], ranks[~units.exposed]
    pairs = min(len(inside), len(outside))
    rng = derived_rng(seed, "pairs of an e-value")
    games = [np.sign(rng.permutation(inside)[:pairs] - rng.permutation(outside)[:pairs]) for _ in range(PAIRINGS)]
    wins, ties, losses = (np.array([(game == sign).sum() for game in games]) for sign in (1, 0, -1))
    return float(np.mean(_paid(wins, ties, losses, (1 + tolerated) / 2)))


def growth_e_value(before: Scored, now: Scored, partner: Array, seed: int = 0) -> float:
    """Against the hypothesis that the AUC of `now` is at most that of `before`.  partner: int [trials of now], the
    trial of `before` about the same person, or -1; only those in both count, one trial a person.
    """
    both = np.flatnonzero(partner >= 0)
    both = both[now.exposed[both] == before.exposed[partner[both]]]
    inside, outside = both[now.exposed[both]], both[~now.exposed[both]]
    pairs = min(len(inside), len(outside))
    if pairs == 0:
        return 1.0
    sides = [(now.ranks(), np.arange(len(now.score))), (before.ranks(), partner)]
    found = []
    for number in range(PAIRINGS):
        rng = derived_rng(seed, "pairs of a growth", str(number))
        ours, theirs = rng.permutation(inside)[:pairs], rng.permutation(outside)[:pairs]
        won = [
            (ranks[place[ours]] > ranks[place[theirs]]) + 0.5 * (ranks[place[ours]] == ranks[place[theirs]])
            for ranks, place in sides
        ]
        found.append(e_process((won[0] - won[1] + 1) / 2, 0.5)[-1])
    return float(np.mean(found))


def averaged(values: Sequence[float]) -> float:
    """Of e-values that depend on each other in any way, the attacks of one run say: their mean (Vovk and Wang 2021,
    proposition 3.1).  How many there are must not depend on them.
    """
    return float(np.mean(values)) if len(values) else 1.0


@dataclass(frozen=True)
class Look:
    """One audit in a row of them.  value: its e-value.  block: which audits share records; records of different blocks
    are all different ones.
    """

    value: float
    block: int


def over_time(looks: Sequence[Look]) -> list[float]:
    """The evidence after each audit, valid however many there will be and whenever one stops.

    Audits of the same records are averaged with weights 1/2, 1/6, 1/12, ... that are fixed in advance and sum to 1;
    blocks of different records are independent, so their evidence is multiplied (Vovk and Wang 2021, section 3;
    Ramdas, Gruenwald, Vovk and Shafer 2023, section 4).  The evidence of a block never falls, so what is said at any
    time is at most the product over whole blocks, a martingale from block to block, which passes 1 / alpha, ever, with
    probability at most alpha.  The price is that a block that is looked at once has half of its value.
    """
    blocks: dict[int, list[float]] = {}
    found = []
    for look in looks:
        blocks.setdefault(look.block, []).append(look.value)
        logs = [np.log(max(_weighted(values), 1e-300)) for values in blocks.values()]
        found.append(float(np.exp(min(sum(logs), np.log(LARGEST)))))
    return found


def _weighted(values: Sequence[float]) -> float:
    return sum(value / (place * (place + 1)) for place, value in enumerate(values, 1))

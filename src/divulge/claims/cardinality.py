"""How much of a data set was used: an interval, from models that the owner trains (Tong et al. 2025)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.recipe import Recipe
from divulge.core.records import Records, concat
from divulge.core.results.estimate import Rate
from divulge.core.signals import logit_scaled
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.stats.intervals import Interval, clopper_pearson

PAIRS = 5
"""Pairs of models on halves of the own records: one pair shows how used records score, the others say how hard each
record is."""

FEWEST = 50


@dataclass(frozen=True)
class Cardinality:
    """share: estimate of the part of the own records that was used, with low and high at `confidence`.

    flagged, fresh_flagged, used_flagged: records above the threshold among the own ones, the fresh ones, and the own
    ones under the owner's model that was trained on them.  models: how many were trained.
    """

    share: float
    low: float
    high: float
    confidence: float
    flagged: Rate
    fresh_flagged: Rate
    used_flagged: Rate
    models: int


def used_share(
    target: Target,
    own: Records,
    fresh: Records,
    recipe: Recipe,
    *,
    beside: Records | None = None,
    seed: int = 0,
    confidence: float = 0.95,
) -> Cardinality:
    """The share of own records that the target was trained on: (O - F) / (U - F), with O, F and U the shares of own
    records, of fresh records, and of records known to be used that lie above one threshold (Tong et al. 2025, the
    debiased estimate of dataset usage cardinality), each with an exact interval.

    U is read off models that the owner trains on halves of the own records, and `beside` them on others; it holds for
    the target if these resemble it: the same recipe, about as many records.  A score is the logit-scaled confidence
    less its mean over models that did not see the record.  The threshold is chosen without the target.
    Raises InputError for fewer than 50 records of either kind, a regression task, or a target without scores.
    """
    if min(len(own), len(fresh)) < FEWEST:
        raise InputError(f"the share of used records needs at least {FEWEST} own and {FEWEST} fresh records")
    if Access.SCORES not in target.offers or target.task is not Task.CLASSIFICATION:
        raise InputError("the share of used records needs a classifier that answers with scores")
    rng = derived_rng(seed, "cardinality")
    everybody = concat([own, fresh])
    signals, keep = _references(recipe, own, everybody, beside, seed)
    picks = np.where(np.arange(len(everybody)) < len(own), -1, 0)
    difficulty = _difficulty(signals, keep, picks, rng)
    mine = logit_scaled(target.answer(Access.SCORES, everybody), everybody.y) - difficulty
    place, first = np.arange(len(own)), ~keep[0, : len(own)]
    inside = signals[np.where(first, 1, 0), place] - difficulty[: len(own)]
    outside = signals[np.where(first, 0, 1), place] - difficulty[: len(own)]
    threshold = _threshold(inside, outside)
    rates = [Rate(int((part > threshold).sum()), len(part)) for part in (mine[: len(own)], mine[len(own) :], inside)]
    flagged, fresh_flagged, used_flagged = rates
    low, high = interval(flagged, fresh_flagged, used_flagged, 1 - confidence)
    gap = used_flagged.value - fresh_flagged.value
    share = float(np.clip((flagged.value - fresh_flagged.value) / gap, 0, 1)) if gap > 0 else 0.0
    return Cardinality(share, low, high, confidence, flagged, fresh_flagged, used_flagged, 2 * PAIRS)


def interval(flagged: Rate, fresh: Rate, used: Rate, alpha: float) -> Interval:
    """Of (O - F) / (U - F): it grows with O, and falls with U and F, so its ends lie at the ends of exact intervals for
    the three rates, which share alpha.  [0, 1] where used records cannot be told from fresh ones.
    """
    o, f, u = (clopper_pearson(rate, alpha / 3) for rate in (flagged, fresh, used))
    if u.low <= f.high:
        return Interval(0.0, 1.0)
    low = (o.low - f.high) / (u.high - f.high)
    high = (o.high - f.low) / (u.low - f.low)
    return Interval(float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1)))


def _references(
    recipe: Recipe, own: Records, everybody: Records, beside: Records | None, seed: int
) -> tuple[Array, Array]:
    """Signals [models, records], and which of the records each model saw (no fresh one): bool [models, records]."""
    keep = np.zeros((2 * PAIRS, len(everybody)), dtype=bool)
    for pair in range(PAIRS):
        order = derived_rng(seed, "cardinality", str(pair)).permutation(len(own))
        keep[2 * pair, order[: len(own) // 2]] = True
        keep[2 * pair + 1, order[len(own) // 2 :]] = True
    records, rows = everybody, keep
    if beside is not None:
        records = concat([everybody, beside])
        rows = np.column_stack([keep, np.ones((len(keep), len(beside)), dtype=bool)])
    seeds = [derived_seed(seed, "cardinality model", str(model)) for model in range(len(keep))]
    signals = np.empty(keep.shape)
    for number, trained in recipe.train_many(records, rows, seeds):
        signals[number] = logit_scaled(trained.answer(Access.SCORES, everybody), everybody.y)
    return signals, keep


def _difficulty(signals: Array, keep: Array, picks: Array, rng: np.random.Generator) -> Array:
    """Mean signal over one model of each pair but the first that did not see the record: [records]; of a fresh record,
    which neither saw, one by lot, so that it is treated as an own one that was not used.
    """
    records = np.arange(signals.shape[1])
    total = np.zeros(len(records))
    for pair in range(1, PAIRS):
        lot = rng.integers(0, 2, len(records))
        stranger = np.where(picks < 0, np.where(keep[2 * pair], 1, 0), lot)
        total += signals[2 * pair + stranger, records]
    return total / (PAIRS - 1)


def _threshold(inside: Array, outside: Array) -> float:
    """Where the shares above it differ most."""
    levels = np.quantile(np.concatenate([inside, outside]), np.linspace(0.05, 0.95, 91))
    gains = [(inside > level).mean() - (outside > level).mean() for level in levels]
    return float(levels[int(np.argmax(gains))])

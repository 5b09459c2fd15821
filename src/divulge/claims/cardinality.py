"""How much of a data set was used: an interval, from models that the owner trains (Tong et al. 2025)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from divulge.claims.as_run import Found, Setting, Test, Tested, agreeing, as_run, of_records, of_target
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.persons import condensed, numbered
from divulge.core.recipe import Recipe
from divulge.core.records import Records, concat
from divulge.core.results.estimate import Detail, Estimate, Rate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Claimed
from divulge.core.results.metric import SHARE_USED
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.core.signals import logit_scaled
from divulge.core.target import Target
from divulge.core.threat import PRESETS, Access, Task
from divulge.core.wording import counted, percent
from divulge.stats.intervals import Interval, clopper_pearson, p_value

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
    run: Path | None = field(default=None, compare=False, repr=False)


def used_share(
    target: Target,
    own: Records,
    fresh: Records,
    recipe: Recipe,
    *,
    beside: Records | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> Cardinality:
    """The share of own records that the target was trained on: (O - F) / (U - F), with O, F and U the shares of own
    records, of fresh records, and of records known to be used that lie above one threshold (Tong et al. 2025, the
    debiased estimate of dataset usage cardinality), each with an exact interval.

    U is read off models that the owner trains on halves of the own records, and `beside` them on others; it holds for
    the target if these resemble it: the same recipe, about as many records.  A score is the logit-scaled confidence
    less its mean over models that did not see the record.  The threshold is chosen without the target, and on another
    pair of models than that which U is read off.  Where records say whose they are, models see persons whole, and
    persons are counted, each with the mean score of all records.
    out: the folder of a run that keeps what was found; none where it is None.  resume: a run to go on with.
    Raises InputError for fewer than 50 records of either kind, a regression task, or a target without scores.
    """

    def setting() -> Setting:
        return Setting(
            name=f"share of a set that was used: {target.name}",
            threat=PRESETS["data-owner"],
            target=of_target(target),
            data=of_records(own, fresh, beside),
            policy=Policy(confidence=confidence),
            seed=seed,
            said={"confidence": confidence, "recipe": recipe.fingerprint()},
            recipe=recipe.describe(),
        )

    test = share_test(target, own, fresh, recipe, beside, seed, confidence)
    found: Cardinality = as_run(setting, [test], out, resume)[0]
    return found


def share_test(
    target: Target,
    own: Records,
    fresh: Records,
    recipe: Recipe,
    beside: Records | None,
    seed: int,
    confidence: float,
) -> Test:
    """The same as a test of a run."""
    if target.task is Task.LANGUAGE:
        raise InputError("the share is estimated of what classifiers were trained on: leave it out for texts")

    def play() -> tuple[Cardinality, Found]:
        return _estimated(target, own, fresh, recipe, beside, seed, confidence)

    return Test("share_used", "Share of a set that was used", Cardinality, play)


def _estimated(
    target: Target,
    own: Records,
    fresh: Records,
    recipe: Recipe,
    beside: Records | None,
    seed: int,
    confidence: float,
) -> tuple[Cardinality, Found]:
    whose = [numbered(part.groups if part.groups is not None else np.arange(len(part)))[1] for part in (own, fresh)]
    if min(int(who.max()) + 1 for who in whose) < FEWEST:
        what = "records" if own.groups is None else "persons"
        raise InputError(f"the share of used records needs at least {FEWEST} own and {FEWEST} fresh {what}")
    if Access.SCORES not in target.offers or target.task is not Task.CLASSIFICATION:
        raise InputError("the share of used records needs a classifier that answers with scores")
    rng = derived_rng(seed, "cardinality")
    everybody = concat([own, fresh])
    signals, keep = _references(recipe, own, everybody, beside, whose[0], seed)
    strangers = _strangers(signals, keep, np.concatenate([whose[0], whose[1] + whose[0].max() + 1]), len(own), rng)
    difficulty = strangers[1:].mean(axis=0)
    mine = logit_scaled(target.answer(Access.SCORES, everybody), everybody.y) - difficulty
    inside, _ = _of_pair(0, signals, keep, len(own), difficulty)
    threshold = _threshold(
        *(condensed(part, whose[0]) for part in _of_pair(1, signals, keep, len(own), strangers[2:].mean(axis=0)))
    )
    parts = condensed(mine[: len(own)], whose[0]), condensed(mine[len(own) :], whose[1]), condensed(inside, whose[0])
    flagged, fresh_flagged, used_flagged = (Rate(int((part > threshold).sum()), len(part)) for part in parts)
    low, high = interval(flagged, fresh_flagged, used_flagged, 1 - confidence)
    gap = used_flagged.value - fresh_flagged.value
    share = float(np.clip((flagged.value - fresh_flagged.value) / gap, 0, 1)) if gap > 0 else 0.0
    result = Cardinality(share, low, high, confidence, flagged, fresh_flagged, used_flagged, 2 * PAIRS)

    def tested() -> dict[str, Tested | str]:
        everywhere = np.arange(len(parts[0]) + len(parts[1]))
        scored = Scored(np.concatenate(parts[:2]), everywhere < len(parts[0]), everywhere, everywhere)
        heads = [np.unique(who, return_index=True)[1] for who in whose]
        row, y = np.concatenate(heads), np.concatenate([own.y[heads[0]], fresh.y[heads[1]]])
        evidence = Evidence((scored,), (_shown(result),))
        outcome = Tested((_estimate(result),), evidence, row, y, queries=len(everybody), models_trained=2 * PAIRS)
        return {"share_used": outcome}

    return result, tested


def _estimate(found: Cardinality) -> Estimate:
    alpha = 1 - found.confidence
    rates = (found.flagged, found.fresh_flagged, found.used_flagged)
    best = (Rate(found.flagged.trials, found.flagged.trials), Rate(0, found.fresh_flagged.trials))
    perfect = (*best, Rate(found.used_flagged.trials, found.used_flagged.trials))
    named = zip(("flagged", "fresh_flagged", "used_flagged"), rates, strict=True)
    return Estimate(
        metric=SHARE_USED,
        value=found.share,
        low=found.low,
        high=found.high,
        confidence=found.confidence,
        chance=0.0,
        p_value=agreeing(p_value(lambda a: interval(*rates, a).low, 0.0), found.low > 0, alpha),
        attainable=p_value(lambda a: interval(*perfect, a).low, 0.0),
        details=tuple(Detail(name, rate.value, *clopper_pearson(rate, alpha)) for name, rate in named),
    )


def _shown(found: Cardinality) -> Claimed:
    between = f"{percent(found.low)} to {percent(found.high)}, {percent(found.confidence)} confidence"
    flagged = ", ".join(
        f"{percent(rate.value)} of {what}"
        for rate, what in (
            (found.flagged, "the own records"),
            (found.fresh_flagged, "the fresh ones"),
            (found.used_flagged, "records known to be used"),
        )
    )
    return Claimed(
        claim="The model was trained on a part of the own records.",
        test=f"{counted(found.models, 'model')} of the same recipe were trained on halves of the own records, to learn "
        "how far above fresh records used ones lie; then the model in question was asked.",
        chance="Which records each of these models saw was drawn by lot. The interval holds if they resemble the model "
        "in question: the same recipe, and about as many records.",
        upheld="A part of the own records was used",
        open="It was not shown that any of the own records were used",
        figures=(
            ("share of the own records that was used", f"about {percent(found.share)} ({between})"),
            ("above the threshold", flagged),
        ),
    )


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
    recipe: Recipe, own: Records, everybody: Records, beside: Records | None, whose: Array, seed: int
) -> tuple[Array, Array]:
    """Signals [models, records], and which of the records each model saw (no fresh one): bool [models, records].

    whose: number of the person of each own record; a model saw a person whole.
    """
    keep, persons = np.zeros((2 * PAIRS, len(everybody)), dtype=bool), int(whose.max()) + 1
    for pair in range(PAIRS):
        order = derived_rng(seed, "cardinality", str(pair)).permutation(persons)
        first = np.isin(whose, order[: persons // 2])
        keep[2 * pair, : len(own)], keep[2 * pair + 1, : len(own)] = first, ~first
    records, rows = everybody, keep
    if beside is not None:
        records = concat([everybody, beside])
        rows = np.column_stack([keep, np.ones((len(keep), len(beside)), dtype=bool)])
    seeds = [derived_seed(seed, "cardinality model", str(model)) for model in range(len(keep))]
    signals = np.empty(keep.shape)
    for number, trained in recipe.train_many(records, rows, seeds):
        signals[number] = logit_scaled(trained.answer(Access.SCORES, everybody), everybody.y)
    return signals, keep


def _strangers(signals: Array, keep: Array, whose: Array, own: int, rng: np.random.Generator) -> Array:
    """Of each pair the signal of the model that did not see the record: [pairs, records]; of a fresh one, which neither
    saw, one by lot, the same for all records of a person, so that it is treated as an own one that was not used.
    """
    records = np.arange(signals.shape[1])
    found = np.empty((PAIRS, len(records)))
    for pair in range(PAIRS):
        lot = rng.integers(0, 2, int(whose.max()) + 1)[whose]
        found[pair] = signals[2 * pair + np.where(records < own, keep[2 * pair], lot), records]
    return found


def _of_pair(pair: int, signals: Array, keep: Array, own: int, difficulty: Array) -> tuple[Array, Array]:
    """Of every own record the score under the model of a pair that saw it, and under the other: [own] each."""
    place, second = np.arange(own), ~keep[2 * pair, :own]
    seen, unseen = (signals[2 * pair + np.where(second ^ other, 1, 0), place] for other in (False, True))
    return seen - difficulty[:own], unseen - difficulty[:own]


def _threshold(inside: Array, outside: Array) -> float:
    """Where the shares above it differ most."""
    levels = np.quantile(np.concatenate([inside, outside]), np.linspace(0.05, 0.95, 91))
    gains = [(inside > level).mean() - (outside > level).mean() for level in levels]
    return float(levels[int(np.argmax(gains))])

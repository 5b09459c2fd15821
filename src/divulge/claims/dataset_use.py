"""The data owner's side: were my records used?

Two questions with exact answers.  `was_used` compares one's own records with fresh ones like them.  `mint` marks data
before it is published, and `canaries_used` later tells whether a model was trained on the marked data.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.random import Generator
from scipy.stats import ttest_ind
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divulge.claims.as_run import Found, Setting, Test, Tested, as_dict, as_run, of_records, of_target
from divulge.claims.canaries import CanaryTest, canaries_used, commitment_of, mint, read_secret
from divulge.claims.cardinality import Cardinality, share_test
from divulge.claims.text_signals import text_signals, told_apart
from divulge.core.capability.targets import started_from
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng
from divulge.core.persons import condensed, count, numbered
from divulge.core.recipe import Recipe
from divulge.core.records import Records, concat
from divulge.core.results.estimate import Estimate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Claimed
from divulge.core.results.metric import DATASET_USED
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.core.signals import entropy, logit_scaled, modified_entropy, of_class
from divulge.core.target import Target
from divulge.core.threat import PRESETS, Access, Task
from divulge.core.wording import counted, percent
from divulge.stats.exchange import permutation_p_value, used_share_at_least

__all__ = [
    "CanaryTest",
    "Usage",
    "as_json",
    "canaries_used",
    "commitment_of",
    "mint",
    "p_shown",
    "read_secret",
    "used_and_share",
    "was_used",
]

FEWEST = 20
STRENGTH = 100.0
"""Of the penalty on weights, which are learned of a few records: close to a plain sum of the signals that tell."""

DRAWS = 9_999
"""Permutations behind a p-value: it cannot come out below one in ten thousand."""


@dataclass(frozen=True)
class Usage:
    """p_value: of the hypothesis that the own records were not used.  share: at least this part of them was, at the
    confidence given; 0 where nothing can be said.  own, fresh: records that were compared.
    t_p_value: of texts, by the t-test of Maini et al. 2024.  apart: why own and fresh texts cannot be compared, so that
    neither p-value means anything; empty where they can.
    """

    p_value: float
    share: float
    confidence: float
    own: int
    fresh: int
    t_p_value: float | None = None
    apart: str = ""
    run: Path | None = field(default=None, compare=False, repr=False)


def was_used(
    target: Target,
    own: Records,
    fresh: Records,
    seed: int = 0,
    confidence: float = 0.95,
    *,
    reference: Target | None = None,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> Usage:
    """Dataset inference (Maini et al. 2021; of texts, Maini et al. 2024) with a test that is valid at any size: one
    half of either set teaches how signals of used records differ, the other half is compared by a permutation test.

    own: records that may have been used.  fresh: records like them that cannot have been.  Under the hypothesis that
    none was used the two are exchangeable, provided that they were drawn alike: that is the owner's to make sure of.
    Where records say whose they are, persons are exchanged, each with the mean score of all records.

    reference: of a language model, one that never saw the texts; what it starts from when not given.
    out: the folder of a run that keeps what was found; none where it is None.  resume: a run to go on with.
    """
    test = _use_test(target, own, fresh, seed, confidence, reference)
    setting = partial(_setting, "dataset use", target, own, fresh, seed, confidence, reference=reference)
    usage: Usage = as_run(setting, [test], out, resume)[0]
    return usage


def used_and_share(
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
) -> tuple[Usage, Cardinality]:
    """`was_used` and `cardinality.used_share`, two tests of one run."""
    tests = [
        _use_test(target, own, fresh, seed, confidence),
        share_test(target, own, fresh, recipe, beside, seed, confidence),
    ]
    what = "dataset use, and the share of it"
    setting = partial(_setting, what, target, own, fresh, seed, confidence, recipe, beside)
    usage, share = as_run(setting, tests, out, resume)
    return usage, share


def _setting(
    what: str,
    target: Target,
    own: Records,
    fresh: Records,
    seed: int,
    confidence: float,
    recipe: Recipe | None = None,
    population: Records | None = None,
    reference: Target | None = None,
) -> Setting:
    return Setting(
        name=f"{what}: {target.name}",
        threat=PRESETS["data-owner"],
        target=of_target(target),
        data=of_records(own, fresh, population),
        policy=Policy(confidence=confidence),
        seed=seed,
        said={"confidence": confidence}
        | ({"recipe": recipe.fingerprint()} if recipe is not None else {})
        | ({"reference": reference.fingerprint()} if reference is not None else {}),
        recipe=recipe.describe() if recipe is not None else None,
    )


def _use_test(
    target: Target, own: Records, fresh: Records, seed: int, confidence: float, reference: Target | None = None
) -> Test:
    def play() -> tuple[Usage, Found]:
        return _compared(target, own, fresh, seed, confidence, reference)

    paper, port = ("maini2024", Access.TOKEN_LOGPROBS) if target.task is Task.LANGUAGE else ("maini2021", Access.SCORES)
    return Test("dataset_use", "Dataset inference", Usage, play, paper, port)


def _compared(
    target: Target, own: Records, fresh: Records, seed: int, confidence: float, reference: Target | None
) -> tuple[Usage, Found]:
    whose, nonmembers = (r.groups if r.groups is not None else np.arange(len(r)) for r in (own, fresh))
    if min(count(whose), count(nonmembers)) < FEWEST:
        what = "records" if own.groups is None else "persons"
        raise InputError(f"a claim needs at least {FEWEST} own and {FEWEST} fresh {what}")
    rng = derived_rng(seed, "claim")
    mine, theirs = _both_signals(target, own, fresh, reference)
    teach_own, teach_fresh = _taught(whose, rng), _taught(nonmembers, rng)
    x = np.concatenate([mine[teach_own], theirs[teach_fresh]])
    y = np.r_[np.ones(teach_own.sum()), np.zeros(teach_fresh.sum())]
    score = _weighed(x, y)
    a = _by_person(score(mine[~teach_own]), whose[~teach_own])
    b = _by_person(score(theirs[~teach_fresh]), nonmembers[~teach_fresh])
    p_value = permutation_p_value(a, b, rng, DRAWS)
    t_p_value, apart = _of_texts(own, fresh, a, b, seed) if target.task is Task.LANGUAGE else (None, "")
    share = used_share_at_least(a, b, 1 - confidence)
    usage = Usage(p_value, share, confidence, len(own), len(fresh), t_p_value, apart)

    def found() -> dict[str, Tested | str]:
        rows = [_first_rows(~teach, who) for teach, who in ((teach_own, whose), (teach_fresh, nonmembers))]
        row, place = np.concatenate(rows), np.arange(len(a) + len(b))
        scored = Scored(np.concatenate([a, b]), place < len(a), place, place)
        y = np.concatenate([own.y[rows[0]], fresh.y[rows[1]]])
        what = "record" if own.groups is None else "person"
        evidence = Evidence((scored,), (_use_shown(usage, len(a), len(b), what),))
        return {"dataset_use": Tested((_use_estimate(usage, what),), evidence, row, y, queries=len(own) + len(fresh))}

    return usage, found


def _weighed(x: Array, y: Array) -> Callable[[Array], Array]:
    """From signals [records, signals], high for members, to one number, learned of which records are own.

    No weight is below 0: free ones would turn the signals round where the model knows the fresh records better, and
    claim the own ones to be used because it does not know them.
    """
    balanced = np.where(y > 0, 0.5 / max(y.mean(), 1e-9), 0.5 / max(1 - y.mean(), 1e-9))
    fitted = make_pipeline(StandardScaler(), Ridge(STRENGTH, positive=True)).fit(x, y, ridge__sample_weight=balanced)
    return lambda signals: np.asarray(fitted.predict(signals))


def _both_signals(target: Target, own: Records, fresh: Records, reference: Target | None) -> tuple[Array, Array]:
    if target.task is not Task.LANGUAGE:
        return _signals(target, own), _signals(target, fresh)
    start = reference if reference is not None else started_from(target)
    signals = text_signals(target, concat([own, fresh]), start)
    return signals[: len(own)], signals[len(own) :]


def _of_texts(own: Records, fresh: Records, a: Array, b: Array, seed: int) -> tuple[float, str]:
    """The p-value of Welch's one-sided t-test (Maini et al. 2024, section 5), and why the texts cannot be compared."""
    p_value = float(ttest_ind(a, b, equal_var=False, alternative="greater").pvalue) if np.ptp([*a, *b]) > 0 else 1.0
    return p_value, told_apart(concat([own, fresh]), np.arange(len(own) + len(fresh)) < len(own), seed)


def _first_rows(kept: Array, whose: Array) -> Array:
    """The first kept record of each person."""
    return np.asarray(np.flatnonzero(kept)[numbered(whose[kept])[0]])


def _use_estimate(usage: Usage, unit: str) -> Estimate:
    found = Estimate(
        metric=DATASET_USED,
        value=usage.share,
        low=usage.share,
        high=1.0,
        confidence=usage.confidence,
        chance=0.0,
        p_value=usage.p_value,
        attainable=1 / (1 + DRAWS),
        unit=unit,
    )
    return replace(found, unmeasurable=usage.apart) if usage.apart else found


def p_shown(usage: Usage) -> str:
    """A p-value as it is read: one of so many draws cannot be smaller than one of them."""
    floor = 1 / (1 + DRAWS)
    return f"p <= {floor:g}" if usage.p_value <= floor * (1 + 1e-9) else f"p = {usage.p_value:.4g}"


def _use_shown(usage: Usage, own: int, fresh: int, unit: str) -> Claimed:
    at = percent(usage.confidence)
    return Claimed(
        claim="The model was trained on the own records.",
        test="One half of own and of fresh records taught how the model answers about records that it has seen; the "
        f"other half, {counted(own, f'own {unit}')} and {counted(fresh, f'fresh {unit}')}, was compared.",
        chance=f"Own and fresh records were exchanged at random {DRAWS:,} times. If none was used they are "
        "interchangeable, whatever the model is, provided that they were drawn alike: that is the owner's to make sure "
        "of.",
        upheld="The own records were used",
        open="It was not shown that the own records were used",
        figures=(
            ("probability that a model that saw none of them looks so familiar with them", p_shown(usage)),
            *((("the same by a t-test", f"p = {usage.t_p_value:.2g}"),) if usage.t_p_value is not None else ()),
            ("share of the own records that was used", f"at least {percent(usage.share)} ({at} confidence)"),
        ),
        notes=(
            "A large p is no proof that the records were not used.",
            *((f"These figures mean nothing: {usage.apart}",) if usage.apart else ()),
        ),
    )


def _taught(whose: Array, rng: Generator) -> Array:
    """Bool [records]: half of the persons, with all their records."""
    _, place, rows = numbered(whose)
    return np.asarray((rng.permutation(len(rows)) % 2 == 0)[place])


def _by_person(score: Array, whose: Array) -> Array:
    return condensed(score, numbered(whose)[1])


def _signals(target: Target, records: Records) -> Array:
    """What can be read off the answers, high for members: [records, signals]."""
    if target.task is Task.REGRESSION:
        return np.asarray(-np.abs(target.answer(Access.LABEL, records) - records.y)[:, None])
    if Access.SCORES not in target.offers:
        return np.asarray(target.answer(Access.LABEL, records) == records.y, dtype=np.float64)[:, None]
    log_scores = target.answer(Access.SCORES, records)
    tiny = 1e-300
    return np.column_stack(
        [
            logit_scaled(log_scores, records.y),
            of_class(log_scores, records.y),
            -np.log(np.maximum(entropy(log_scores), tiny)),
            -np.log(np.maximum(modified_entropy(log_scores, records.y), tiny)),
        ]
    )


def as_json(result: Usage | CanaryTest, share: Cardinality | None = None) -> str:
    """For a machine to read."""
    content = as_dict(result)
    if share is not None:
        content["cardinality"] = {name: value for name, value in as_dict(share).items() if name != "run"}
    return json.dumps(content, indent=2)

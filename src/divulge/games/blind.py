"""The model-blind baseline: can members be told from non-members without any model?

If they can, the two sets were not drawn alike and no membership figure means anything (Das et al. 2024, "Blind
baselines beat membership inference attacks for foundation models"; Meeus et al. 2024).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.core.errors import Impossible
from divulge.core.hashing import Array, derived_seed
from divulge.core.persons import count, numbered, whole
from divulge.core.records import Records
from divulge.core.results.trials import Scored
from divulge.core.threat import Task
from divulge.games.blind_texts import form_features, sparse_features, texts_in

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin
    from sklearn.pipeline import Pipeline

FOLDS = 5
MOST_FEATURES = 64
MOST_RECORDS = 20_000
FEWEST_RECORDS = 10


def blind_guesses(candidates: Records, member: Array, seed: int, aggregate: str = "mean") -> Iterator[Scored]:
    """Cross-fitted guesses of a linear and of a boosted classifier from the records alone, as evidence each; of texts
    those of two linear ones, from words and from characters, and of a boosted one from how they are written down.

    member: bool [records].  Ranks are taken within each fold, since folds are scored by different classifiers.
    All rows of a person are in one fold, every person has the same weight, and how many rows a person has is a feature.
    aggregate: how guesses about a person's rows become one.
    Raises Impossible for fewer than ten records, or persons, in either arm.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    groups = candidates.groups
    arms = [int(side.sum()) if groups is None else count(groups[side]) for side in (member, ~member)]
    if min(arms) < FEWEST_RECORDS:
        who = "members and non-members" if groups is None else "persons among the members and among the non-members"
        raise Impossible(f"the model-blind baseline needs at least {FEWEST_RECORDS} {who}")
    rng = np.random.default_rng(derived_seed(seed, "blind"))
    chosen = rng.permutation(len(candidates))[:MOST_RECORDS]
    if groups is not None:
        chosen = np.arange(len(groups)) if len(groups) <= MOST_RECORDS else whole(groups, MOST_RECORDS, rng)
    features, truth = blind_features(candidates.take(chosen)), member[chosen]
    unit = chosen if groups is None else groups[chosen]
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    boosted = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.05, max_leaf_nodes=15, early_stopping=False, random_state=0
    )
    guessers: list[tuple[Pipeline | ClassifierMixin, Any]] = [(linear, features), (boosted, features)]
    read = candidates.take(chosen)
    texts = texts_in(read)
    if texts is not None:
        guessers = [(LogisticRegression(C=10.0, max_iter=500), seen) for seen in sparse_features(texts, read)]
        guessers.append((boosted, form_features(texts, read)))
    for guesser, seen in guessers:
        with threadpool_limits(1, user_api="openmp"):  # small trees: threads would wait for each other
            score = _cross_fitted(guesser, seen, truth, unit, derived_seed(seed, "folds"))
        yield Scored(score, truth, unit, chosen, aggregate=aggregate)


def most_telling(candidates: Records, member: Array) -> tuple[str, float] | None:
    """The column that alone tells members from non-members best, and its AUC; None for records without named columns.

    member: bool [records].  A date, a row number or an id that rises tells them by its size.
    """
    from scipy.stats import rankdata

    names, table = candidates.schema.names, candidates.flat()
    if len(names) != table.shape[1]:
        return None
    inside = int(member.sum())
    areas = []
    for column in table.T:
        ranks = rankdata(np.nan_to_num(column, nan=-np.inf, posinf=np.inf, neginf=-np.inf))
        area = (ranks[member].sum() - inside * (inside + 1) / 2) / (inside * (len(member) - inside))
        areas.append(max(area, 1 - area))
    best = int(np.argmax(areas))
    return names[best], float(areas[best])


def blind_features(records: Records) -> Array:
    """What a guesser without the model sees: the features, and the target."""
    from sklearn.decomposition import PCA

    flat = records.features()
    if flat.shape[1] > MOST_FEATURES:
        spread = flat.std(axis=0)
        scaled = (flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        flat = PCA(min(MOST_FEATURES, len(flat)), svd_solver="randomized", random_state=0).fit_transform(scaled)
    if records.schema.task is Task.REGRESSION:
        return np.column_stack([flat, records.y])
    return np.column_stack([flat, np.eye(int(records.y.max()) + 1)[records.y.astype(np.int64)]])


def blind_width(records: Records) -> int:
    """How many columns `blind_features` makes."""
    width = min(int(records.features().shape[1]), MOST_FEATURES, len(records))
    return width + (1 if records.schema.task is Task.REGRESSION else int(records.y.max()) + 1)


def _cross_fitted(guesser: Pipeline | ClassifierMixin, features: Any, truth: Array, unit: Array, seed: int) -> Array:
    """Ranks within folds [records].  unit: whose records they are; folds hold as many units of either arm."""
    from sklearn.model_selection import StratifiedKFold

    score, (first, place, rows) = np.empty(len(truth)), numbered(unit)
    several = len(first) < len(unit)
    if several:
        features = _beside(features, np.log(rows)[place])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**31)
    for _, judged in folds.split(first, truth[first]):
        held_out = np.isin(place, judged)
        fit_on, judge_on = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        weight = {_weight(guesser): 1 / rows[place[fit_on]]} if several else {}
        guesser.fit(features[fit_on], truth[fit_on], **weight)
        guess = guesser.predict_proba(features[judge_on])[:, 1]
        score[judge_on] = guess.argsort(kind="stable").argsort(kind="stable") / len(judge_on)
    return score


def _beside(features: Any, column: Array) -> Any:
    """Features [records, ...], sparse or not, with one column more."""
    from scipy import sparse

    if sparse.issparse(features):
        both: list[Any] = [features, sparse.csr_matrix(column[:, None])]
        return sparse.csr_matrix(sparse.hstack(both))
    return np.column_stack([features, column])


def _weight(guesser: Pipeline | ClassifierMixin) -> str:
    """What `fit` calls the weights of records."""
    from sklearn.pipeline import Pipeline

    return f"{guesser.steps[-1][0]}__sample_weight" if isinstance(guesser, Pipeline) else "sample_weight"

"""The data owner's side: were my records used?

Two questions with exact answers.  `was_used` compares one's own records with fresh ones like them.  `mint` marks data
before it is published, and `canaries_used` later tells whether a model was trained on the marked data; what was marked
how is drawn by lot and committed to by a hash, so that nobody has to believe the owner.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divulge.claims.cardinality import Cardinality
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng
from divulge.core.persons import condensed, count, numbered
from divulge.core.records import Records
from divulge.core.signals import entropy, logit_scaled, modified_entropy, of_class
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.stats.exchange import permutation_p_value, rank_sum_p_value, used_share_at_least

FEWEST = 20
FEWEST_CANARIES = 5


@dataclass(frozen=True)
class Usage:
    """p_value: of the hypothesis that the own records were not used.  share: at least this part of them was, at the
    confidence given; 0 where nothing can be said.  own, fresh: records that were compared.
    """

    p_value: float
    share: float
    confidence: float
    own: int
    fresh: int


@dataclass(frozen=True)
class CanaryTest:
    """p_value: exact, of the hypothesis that the canaries were not used.  commitment: hash that was published."""

    p_value: float
    canaries: int
    sides: int
    mean_rank: float
    commitment: str


def was_used(target: Target, own: Records, fresh: Records, seed: int = 0, confidence: float = 0.95) -> Usage:
    """Dataset inference (Maini et al. 2021) with a test that is valid at any size: one half of either set teaches how
    signals of used records differ, the other half is compared by a permutation test.

    own: records that may have been used.  fresh: records like them that cannot have been.  Under the hypothesis that
    none was used the two are exchangeable, provided that they were drawn alike: that is the owner's to make sure of.
    Where records say whose they are, persons are exchanged, each with the mean score of all records.
    """
    whose, nonmembers = (r.groups if r.groups is not None else np.arange(len(r)) for r in (own, fresh))
    if min(count(whose), count(nonmembers)) < FEWEST:
        what = "records" if own.groups is None else "persons"
        raise InputError(f"a claim needs at least {FEWEST} own and {FEWEST} fresh {what}")
    rng = derived_rng(seed, "claim")
    mine, theirs = _signals(target, own), _signals(target, fresh)
    teach_own, teach_fresh = _taught(whose, rng), _taught(nonmembers, rng)
    x = np.concatenate([mine[teach_own], theirs[teach_fresh]])
    y = np.r_[np.ones(teach_own.sum()), np.zeros(teach_fresh.sum())]
    score = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced")).fit(x, y)
    a = _by_person(score.decision_function(mine[~teach_own]), whose[~teach_own])
    b = _by_person(score.decision_function(theirs[~teach_fresh]), nonmembers[~teach_fresh])
    p_value = permutation_p_value(a, b, rng)
    return Usage(p_value, used_share_at_least(a, b, 1 - confidence), confidence, len(own), len(fresh))


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


def mint(records: pd.DataFrame, target: str, number: int, folder: Path) -> str:
    """Canaries like the records, to be published among them: canaries.csv; and secret.json, to be kept.

    Each canary takes the value of every column from a record of its own, so that it looks like the data and like no
    record of it, and a label drawn by lot among all labels.  Returns the commitment, a hash of the secret, to be
    published or deposited now: it proves later that the lot was drawn before the model was seen.
    """
    if target not in records.columns:
        raise InputError(
            f"there is no target column {target!r}; the columns are {', '.join(map(str, records.columns))}"
        )
    labels = sorted(records[target].unique().tolist(), key=str)
    if len(labels) < 2:
        raise InputError(f"target {target!r} has one class only: a label cannot be drawn by lot")
    if number < FEWEST_CANARIES:
        raise InputError(f"{number} canaries prove nothing: mint at least {FEWEST_CANARIES}, 50 say")
    lot = np.random.default_rng(secrets.randbits(128))
    made = pd.DataFrame({name: records[name].to_numpy()[lot.integers(len(records), size=number)] for name in records})
    drawn = lot.integers(len(labels), size=number)
    made[target] = [labels[i] for i in drawn]
    secret = {
        "salt": secrets.token_hex(32),
        "target": target,
        "labels": labels,
        "canaries": json.loads(made.to_json(orient="records")),
    }
    if (folder / "secret.json").exists():
        raise InputError(f"{folder} already holds a secret: choose another folder, it cannot be minted again")
    folder.mkdir(parents=True, exist_ok=True)
    made.to_csv(folder / "canaries.csv", index=False)
    (folder / "secret.json").write_text(json.dumps(secret, indent=1, sort_keys=True), encoding="utf-8")
    commitment = commitment_of(folder / "secret.json")
    (folder / "commitment.txt").write_text(commitment + "\n", encoding="utf-8")
    return commitment


def commitment_of(secret: Path) -> str:
    """SHA-256 of the secret file, salt included."""
    if not secret.is_file():
        raise InputError(f"no secret at {secret} (looked in {secret.resolve().parent}): `divulge claim mint` makes one")
    return hashlib.sha256(secret.read_bytes()).hexdigest()


def read_secret(secret: Path, commitment: str | None = None) -> dict[str, Any]:
    """The secret, checked against the commitment where one is given; raises InputError where they do not agree."""
    found = commitment_of(secret)
    if commitment is not None and commitment.strip() != found:
        raise InputError(f"{secret.name} is not what was committed to: its hash is {found}")
    try:
        content: dict[str, Any] = json.loads(secret.read_text(encoding="utf-8"))
        if not content["canaries"] or not content["labels"]:
            raise KeyError("canaries")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{secret.name} is damaged: it is no secret that `divulge claim mint` made") from error
    return content


def canaries_used(target: Target, canaries: Records, commitment: str, seed: int = 0) -> CanaryTest:
    """Whether the label that was drawn for each canary is likelier to the model than the labels that were not.

    The label was drawn uniformly, so its rank among all labels is uniform for a model that did not see it, whatever
    that model is: the p-value is exact.  Equal scores are ranked by lot.
    """
    classes = len(canaries.schema.classes)
    if Access.SCORES in target.offers:
        scores = np.array(target.answer(Access.SCORES, canaries))
    else:
        scores = np.eye(classes)[target.answer(Access.LABEL, canaries)]
    lots = derived_rng(seed, "ties").random(scores.shape)
    rows = np.arange(len(canaries))
    drawn, drawn_lot = scores[rows, canaries.y][:, None], lots[rows, canaries.y][:, None]
    better = (scores > drawn) | ((scores == drawn) & (lots > drawn_lot))
    ranks = better.sum(axis=1)
    p_value = rank_sum_p_value(ranks, classes)
    return CanaryTest(p_value, len(canaries), classes, float(ranks.mean()), commitment)


def as_json(result: Usage | CanaryTest, share: Cardinality | None = None) -> str:
    """For a machine to read."""
    told = asdict(result)
    if share is not None:
        told["cardinality"] = asdict(share)
    return json.dumps(told, indent=2)

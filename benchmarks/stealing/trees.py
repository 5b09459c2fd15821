"""Paths of a decision tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from divulge.catalog.attacks import attack
from divulge.core.records import Column, Records, Schema
from divulge.core.results.metric import FIDELITY_UNIFORM
from divulge.core.threat import Access
from divulge.data.sources import census_income
from divulge.targets.estimators.sklearn import SklearnTarget
from harness import Row
from stealing.playing import OPEN, agreement, split, steal


def tree(quick: bool) -> Iterator[Row]:
    """Path finding in a tree of twelve levels."""
    records = census_income()
    plain = Schema(tuple(Column(c.name) for c in records.schema.columns), classes=records.schema.classes)
    whole = Records(records.x.astype(float), records.y, plain)
    own, pool, held = split(whole, (5_000, 6_000, 2_000) if quick else (20_000, 25_000, 10_000))
    depth = 8 if quick else 12
    incomes = np.asarray(own.schema.classes)[own.y]
    target = SklearnTarget(DecisionTreeClassifier(max_depth=depth, random_state=0).fit(own.x, incomes))
    _, theft, oracle, took = steal(target, held, attack("tree_paths"), threat=replace(OPEN, access=leaves_only()))
    (leaves,) = theft.exact
    yield Row(
        f"{depth}-level tree, census, with leaf ids: {leaves.values} leaves, share found",
        leaves.recovered / leaves.values,
        bar=1.0,
    )
    yield agreement(f"{depth}-level tree, with leaf ids: agreement on unseen records", theft, bar=1.0)
    yield agreement(f"{depth}-level tree, with leaf ids: agreement on random inputs", theft, FIDELITY_UNIFORM)
    yield Row(f"{depth}-level tree, with leaf ids: queries", oracle.queries)
    yield Row(f"{depth}-level tree, with leaf ids: seconds", took)
    made = attack("tree_paths_by_scores", queries=20_000 if quick else 300_000)
    _, theft, oracle, took = steal(target, held, made, pool)
    yield agreement(f"{depth}-level tree, by scores: agreement on unseen records", theft, bar=None if quick else 0.99)
    yield agreement(f"{depth}-level tree, by scores: agreement on random inputs", theft, FIDELITY_UNIFORM)
    yield Row(f"{depth}-level tree, by scores: queries", oracle.queries)


def leaves_only() -> frozenset[Access]:
    return frozenset({Access.LEAVES})

"""Halves of the records, also where a class is rare."""

from __future__ import annotations

import numpy as np
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.tree import DecisionTreeClassifier

from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.training.recipes.sklearn import SklearnRecipe
from divulge.training.shadow import half_of


@given(counts=st.lists(st.integers(0, 9), min_size=2, max_size=6), seed=st.integers(0, 1000))
def test_halves_hold_half_of_every_class(counts, seed):
    classes = np.repeat(np.arange(len(counts)), counts)
    classes = np.random.default_rng(seed).permutation(classes)
    if not len(classes):
        return
    keep = half_of(len(classes), classes, np.random.default_rng(seed))
    assert abs(int(keep.sum()) - int((~keep).sum())) <= 1
    for number, count in enumerate(counts):
        assert abs(int((classes[keep] == number).sum()) - count / 2) <= 0.5
        assert count < 2 or ((classes[keep] == number).any() and (classes[~keep] == number).any())


def test_every_record_is_in_a_half_with_probability_one_half():
    classes = np.array([0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3])
    rng = np.random.default_rng(0)
    share = np.mean([half_of(len(classes), classes, rng) for _ in range(4000)], axis=0)
    assert np.abs(share - 0.5).max() < 4 * 0.5 / np.sqrt(4000)


def test_a_rare_class_that_an_estimator_cannot_do_without():
    """XGBoost wants codes without gaps, and folds want some records of each class: both are seen to."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)), rng.choice([0, 2, 3], 60)
    members, _ = from_arrays([(x, y), (x, np.where(np.arange(60) == 0, 1, y))])
    for estimator in (
        xgboost.XGBClassifier(n_estimators=3, n_jobs=1),
        CalibratedClassifierCV(DecisionTreeClassifier(max_depth=2), cv=3),
    ):
        model = SklearnRecipe(estimator).fit(members, 0)
        scores = SklearnTarget(model).answer(Access.SCORES, members)
        assert scores.shape == (60, 4)
        assert np.exp(scores[:, 1]).max() < 1e-6
        assert np.allclose(np.exp(scores).sum(axis=1), 1)


@given(rows=st.lists(st.integers(1, 20), min_size=2, max_size=30), classes=st.integers(1, 4), seed=st.integers(0, 1000))
def test_persons_are_in_a_half_with_all_their_records_or_with_none(rows, classes, seed):
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(len(rows)) * 3 - 5, rows))
    keep = half_of(len(groups), rng.integers(0, classes, len(groups)), rng, groups)
    assert not set(groups[keep]) & set(groups[~keep])
    assert keep.any() and not keep.all()


def test_every_person_is_in_a_half_with_probability_one_half_and_halves_differ():
    groups = np.repeat(np.arange(12), [1, 20, 3, 1, 1, 5, 2, 2, 8, 1, 4, 6])
    classes = np.random.default_rng(1).integers(0, 3, len(groups))
    rng = np.random.default_rng(0)
    drawn = np.array([half_of(len(groups), classes, rng, groups) for _ in range(3000)])
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 4 * 0.5 / np.sqrt(3000)
    assert len({row.tobytes() for row in drawn}) > 50


def test_halves_of_persons_hold_as_much_of_every_class_as_can_be():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 5)
    classes = np.repeat(rng.permutation(np.repeat([0, 1, 2], [60, 30, 10])), 5)
    for _ in range(20):
        keep = half_of(500, classes, rng, groups)
        for number, count in enumerate((300, 150, 50)):
            assert abs(int((classes[keep] == number).sum()) - count / 2) <= 20

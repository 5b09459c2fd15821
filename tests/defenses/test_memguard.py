"""MemGuard: the class stays, the owner's classifier is left undecided, the budget holds, and who sees through it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.errors import InputError
from divulge.core.signals import log_of_scores
from divulge.defenses.interface.memguard import MemGuard


def scores(count, sharp, seed):
    rng = np.random.default_rng(seed)
    return log_of_scores(rng.dirichlet(np.full(5, sharp), count))


MEMBERS, OTHERS = scores(600, 0.08, 0), scores(600, 0.5, 1)


@pytest.fixture(scope="module")
def guard():
    return MemGuard(budget=2.0).fitted(MEMBERS, OTHERS, 0)


def keys(count, start=0):
    return np.arange(start, start + count, dtype=np.uint64)


def told(guard, log_scores):
    with torch.no_grad():
        return guard.undecided(torch.from_numpy(np.exp(log_scores).astype(np.float32))).numpy()


def test_the_class_stays_and_the_classifier_is_left_undecided(guard):
    truth = np.r_[np.ones(600), np.zeros(600)]
    both = np.concatenate([MEMBERS, OTHERS])
    assert roc_auc_score(truth, told(guard, both)) > 0.8
    shown = guard.alter(both, keys(1200))
    assert (shown.argmax(axis=1) == both.argmax(axis=1)).all()
    np.testing.assert_allclose(np.exp(shown).sum(axis=1), 1.0)
    moved = np.abs(np.exp(shown) - np.exp(both)).sum(axis=1) > 1e-6
    assert moved.mean() > 0.5
    assert np.median(np.abs(told(guard, shown[moved]))) < 0.2 * np.median(np.abs(told(guard, both[moved])))
    assert abs(roc_auc_score(truth, told(guard, shown)) - 0.5) < 0.2


def test_equal_records_get_equal_answers_whatever_they_come_with(guard):
    alone = guard.alter(MEMBERS[3:4], keys(1, 3))
    assert (guard.alter(MEMBERS[:5], keys(5))[3] == alone[0]).all()
    other = MemGuard(budget=2.0).fitted(MEMBERS, OTHERS, 0)
    assert (other.alter(MEMBERS[3:4], keys(1, 3)) == alone).all() and repr(other) == repr(guard)


def test_the_expected_distortion_keeps_to_the_budget():
    tight = MemGuard(budget=0.05).fitted(MEMBERS, OTHERS, 0)
    shown = tight.alter(MEMBERS, keys(600))
    assert np.abs(np.exp(shown) - np.exp(MEMBERS)).sum(axis=1).mean() < 0.08


def test_what_is_missing_is_said(guard):
    with pytest.raises(InputError, match="at least 20"):
        MemGuard().fitted(MEMBERS[:5], OTHERS, 0)
    with pytest.raises(InputError, match="made for one model"):
        MemGuard().alter(MEMBERS, keys(600))
    x, y = load_digits(return_X_y=True)
    model = DecisionTreeClassifier(random_state=0).fit(x[:100], y[:100])
    with pytest.raises(InputError, match="population"):
        divulge.audit(model, (x[:100], y[:100]), (x[100:200], y[100:200]), defenses=["memguard"])

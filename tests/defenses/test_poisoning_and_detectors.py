"""Prediction poisoning against gradients computed by hand; detectors on natural and synthetic queries."""

import numpy as np
import pytest
import torch

from divulge.core.errors import InputError
from divulge.core.signals import log_of_scores
from divulge.core.threat import Access
from divulge.defenses.interface.defended_target import shielded
from divulge.defenses.interface.detectors import (
    WINDOW,
    DistributionTest,
    Prada,
    detector,
    fewest_queries,
    first_alarm,
    threshold,
)
from divulge.defenses.interface.prediction_poisoning import PredictionPoisoning, _surrogate, grams
from tests.attacks.extraction_games import blobs
from tests.attacks.toys import lookup, records_of

RNG = np.random.default_rng(0)


def test_inner_products_of_gradients_are_those_of_automatic_differentiation():
    x = RNG.standard_normal((3, 5))
    first, last = (torch.tensor(w, requires_grad=True) for w in _surrogate(5, 4, 0))
    found = grams(x, 4, 0)
    for row in range(3):
        out = torch.log_softmax(torch.relu(torch.tensor(x[row]) @ first.T) @ last.T, dim=0)
        slopes = []
        for k in range(4):
            parts = torch.autograd.grad(out[k], (first, last), retain_graph=True)
            slopes.append(torch.cat([p.flatten() for p in parts]).numpy())
        np.testing.assert_allclose(found[row], np.array(slopes) @ np.array(slopes).T, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("distance", [0.0, 0.3, 1.0])
def test_poisoned_scores_stay_within_the_distance_and_turn_the_gradient(keep, distance):
    y = RNG.dirichlet(np.ones(4), 50)
    records = blobs(50, classes=4)
    defense = PredictionPoisoning(distance, keep)
    shown = np.exp(defense.alter_for(log_of_scores(y), records))
    np.testing.assert_allclose(shown.sum(axis=1), 1, atol=1e-6)
    assert (np.abs(shown - y).sum(axis=1) <= distance + 1e-6).all()
    if keep:
        np.testing.assert_array_equal(shown.argmax(axis=1), y.argmax(axis=1))
    gram = grams(records.flat(), 4, 0)
    size = lambda a, b: np.einsum("nk,nkl,nl->n", a, gram, b)  # noqa: E731
    cosine = size(shown, y) / np.sqrt(size(shown, shown) * size(y, y))
    if distance == 0:
        np.testing.assert_allclose(cosine, 1, atol=1e-5)
    elif not keep:
        noise = (1 - distance / 2) * y + distance / 2 * RNG.dirichlet(np.ones(4), 50)
        other = size(noise, y) / np.sqrt(size(noise, noise) * size(y, y))
        assert cosine.mean() < other.mean()


def test_poisoning_sees_the_records_and_says_so():
    answers = np.log(RNG.dirichlet(np.ones(3), 20))
    target = shielded(lookup(answers, "logits"), [PredictionPoisoning(0.5)])
    records = records_of(20, np.zeros(20, dtype=int), classes=3)
    shown = target.answer(Access.SCORES, records)
    np.testing.assert_array_equal(shown, target.answer(Access.SCORES, records))
    assert np.abs(np.exp(shown) - np.exp(answers)).sum(axis=1).mean() == pytest.approx(0.5, abs=0.1)
    with pytest.raises(InputError, match="alter_for"):
        PredictionPoisoning().alter(answers, np.arange(20, dtype=np.uint64))
    with pytest.raises(InputError, match="distance"):
        PredictionPoisoning(3)


def natural(count, seed):
    rng = np.random.default_rng(seed)
    return np.random.default_rng(1).standard_normal((10, 20))[rng.integers(10, size=count)] + rng.normal(
        0, 0.5, (count, 20)
    )


def test_detectors_notice_synthetic_queries_and_leave_natural_ones_alone():
    reference = natural(2_000, 2)
    synthetic = np.concatenate([natural(100, 3)] + [natural(100, 3) + 0.05 * k for k in range(1, 10)])
    grid = np.random.default_rng(4).uniform(-3, 3, (1_000, 20))
    labels = lambda x: (x[:, 0] > 0).astype(int)  # noqa: E731
    for made in (Prada(), DistributionTest(reference)):
        calm = [made.suspicion(natural(1_000, seed), labels(reference[:1_000])) for seed in range(10, 16)]
        above = threshold(calm, 1.0)
        again = np.concatenate([made.suspicion(natural(1_000, s), labels(reference[:1_000])) for s in range(20, 26)])
        assert (again > above).mean() <= 0.25  # of 60 windows a tenth is expected, and 15 or more in one case of 600
        stream = synthetic if made.name == "prada" else grid
        suspicion = made.suspicion(stream, labels(stream))
        assert len(suspicion) == len(stream) // WINDOW
        assert first_alarm(suspicion, above) is not None


def test_an_alarm_is_told_by_the_queries_before_it():
    assert first_alarm(np.array([0.0, 0.5, 0.1]), 0.4) == 2 * WINDOW
    assert first_alarm(np.array([0.0, 0.1]), 0.4) is None
    # a further window exceeds the second largest of 20 with probability 2/21, nearly one alarm in a thousand queries
    assert threshold([np.arange(20.0)], 1.0) == 18.0
    assert threshold([np.arange(9.0)], 1.0) == 8.0
    with pytest.raises(InputError, match="benign"):
        threshold([np.zeros(8)], 1.0)
    assert fewest_queries(1.0) == 900
    with pytest.raises(InputError, match="prada"):
        detector("guard", np.zeros((3, 2)))

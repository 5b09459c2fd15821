"""The final model alone: a training whose epsilon is known is not accused, one with less noise is."""

from __future__ import annotations

import numpy as np
import pytest

import divulge
from divulge.claims.final_model import audit_final_model, worst_records
from divulge.stats.privacy.gaussian import epsilon_of

DELTA = 1e-3


def private_sums(deviation):
    """A training with exactly (1 / deviation)-GDP for adding a record: the sum of the records of each class, each of
    them clipped to norm 1, with Gaussian noise.
    """

    def train(x, y, seed):
        length = np.linalg.norm(x, axis=1, keepdims=True)
        clipped = x / np.maximum(length, 1.0)
        sums = np.stack([clipped[y == c].sum(axis=0) for c in range(3)])
        weights = sums + deviation * np.random.default_rng(seed).normal(size=sums.shape)

        def model(asked):
            z = asked @ weights.T
            z = np.exp(z - z.max(axis=1, keepdims=True))
            return z / z.sum(axis=1, keepdims=True)

        return model

    return train


@pytest.fixture(scope="module")
def records():
    """Three classes; the last column is always 0 but once, so that a record may have it to itself."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = np.abs(rng.normal(size=(60, 5))) * 0.1 + np.eye(5)[y]
    x[:, 4] = 0.0
    return x, y


@pytest.mark.parametrize("deviation", [1.0, 2.0])
def test_the_truth_is_approached_and_not_passed(records, deviation):
    truth = epsilon_of(1 / deviation, DELTA)
    found = audit_final_model(private_sums(deviation), records, claimed=truth, delta=DELTA, trainings=600)
    assert found.verdict == "not found" and found.epsilon <= truth
    assert 0.45 / deviation < found.mu <= 1 / deviation, "two of the three sums do not hold the record"


def test_less_noise_than_claimed_is_refuted(records):
    found = audit_final_model(private_sums(0.2), records, claimed=1.0, delta=DELTA, trainings=600)
    assert found.verdict == "leak" and 1.0 < found.epsilon <= epsilon_of(5.0, DELTA)


def test_the_record_can_be_chosen(records):
    canary = (np.array([[0, 0, 0, 0, 1.0]]), np.array([2]))
    found = audit_final_model(private_sums(0.5), records, canaries=canary, delta=DELTA, trainings=600)
    assert found.pair == "record 1 of 1" and found.claimed is None and found.mu > 0.7


def test_worst_records_are_records(records):
    x, y = worst_records(*records)
    assert x.shape == (4, 5) and x.dtype == records[0].dtype and set(y) <= {0, 1, 2}
    assert (x >= records[0].min() - 1e-9).all() and (x[1, 4], x[0].max()) == (records[0].max(), records[0].min())
    pictures, _ = worst_records(records[0].reshape(60, 5, 1), records[1])
    assert pictures.shape == (4, 5, 1)


def test_a_run_of_other_records_is_not_gone_on_with(records, tmp_path):
    x, y = records
    big = np.repeat(x, 40, axis=0), np.repeat(y, 40)
    kept = audit_final_model(private_sums(1.0), big, trainings=200, delta=DELTA, out=tmp_path / "r")
    assert audit_final_model(private_sums(1.0), big, trainings=200, delta=DELTA, resume=kept.run) == kept
    other = big[0].copy()
    other[1_000, 2] += 1.0
    with pytest.raises(divulge.InputError, match="another claim"):
        audit_final_model(private_sums(1.0), (other, big[1]), trainings=200, delta=DELTA, resume=kept.run)


def test_bad_input_names_the_cure(records):
    with pytest.raises(divulge.InputError, match="as many labels as records"):
        audit_final_model(private_sums(1.0), (records[0], records[1][:5]))

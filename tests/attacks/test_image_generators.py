"""Generators of images: copies by hand, cliques of generations, and digits that a generator gives again or does not."""

from __future__ import annotations

import numpy as np
import pytest

import divulge
from divulge.attacks.reconstruction.release.image_cliques import _medoids
from divulge.core.results.finding import Verdict
from divulge.core.results.metric import ROWS_NEARLY_COPIED
from divulge.data.arrays import from_arrays
from divulge.games.published.images import nearly_copied
from divulge.targets.generator import GeneratorTarget


def digits():
    """8 x 8 images of digits: 400 members, as many others, 900 of the population."""
    from sklearn.datasets import load_digits

    held = load_digits()
    order = np.random.default_rng(0).permutation(len(held.images))
    x, y = held.images[order].astype(np.float32) / 16, held.target[order]
    return [(x[a:b], y[a:b]) for a, b in ((0, 400), (400, 800), (800, 1700))]


class Remembers:
    """Gives one of a few of its images again, with a little noise, and else a mean of two of one class."""

    def __init__(self, x, y, often=0.3, known=60, noise=0.02):
        self.x, self.y, self.often, self.known, self.noise = x, y, often, known, noise

    def sample(self, count, seed):
        rng = np.random.default_rng(seed)
        again = rng.random(count) < self.often
        one = np.where(again, rng.integers(self.known, size=count), rng.integers(len(self.x), size=count))
        other = np.array([rng.choice(np.flatnonzero(self.y == self.y[k])) for k in one])
        mixed = np.where(again[:, None, None], self.x[one], (self.x[one] + self.x[other]) / 2)
        made = mixed + rng.normal(scale=np.where(again, self.noise, 0.15)[:, None, None], size=mixed.shape)
        return made.astype(np.float32), self.y[one]


def test_a_copy_is_at_most_half_as_far_as_what_lies_around_it():
    """Of eight images at 0, 10, 20 ... the mean distance of the two nearest decides: 1 of (1 + 9)/2, but not 4 of 5."""
    x = np.zeros((8, 2, 2))
    x[:, 0, 0] = np.arange(8) * 10.0
    asked, made = from_arrays([(x, np.zeros(8)), (x[:2] + np.array([[[1.0, 0], [0, 0]]]), np.zeros(2))], labeled=False)
    assert nearly_copied(asked, made).tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    further = from_arrays([(x, np.zeros(8)), (x[:2] + np.array([[[4.0, 0], [0, 0]]]), np.zeros(2))], labeled=False)[1]
    assert nearly_copied(asked, further).sum() == 0


def test_of_each_clique_the_one_with_most_around_it_is_taken():
    apart = np.array([[1.0, 1.0, 9.0, 9.0], [1.0, 2.0, 9.0, 9.0], [1.0, 2.0, 9.0, 9.0], [8.0, 9.0, 9.0, 9.0]])
    which = np.array([[1, 2, 3, 3], [0, 2, 3, 3], [0, 1, 3, 3], [0, 1, 2, 2]])
    assert _medoids(apart, which, 0.5, 3).tolist() == [0]
    assert _medoids(apart, which, 0.5, 4).tolist() == []


def audited(generator, tmp_path, *attacks):
    sides = digits()
    how = {"threat": "synthetic-data", "attacks": list(attacks), "duplicates": "keep", "progress": None}
    return divulge.audit(GeneratorTarget(generator), *sides, out=tmp_path / "run", **how)


def found(run, attack):
    return next(f for f in run.findings if f.attack == attack and f.key == ROWS_NEARLY_COPIED)


def test_images_that_are_given_again_are_found_and_told(tmp_path):
    (x, y), *_ = digits()
    run = audited(Remembers(x, y), tmp_path, "copied_rows", "image_cliques")
    assert run.verdict is Verdict.LEAK
    near, cliques = found(run, "copied_rows"), found(run, "image_cliques")
    assert near.verdict is cliques.verdict is Verdict.LEAK
    assert 50 / 400 < near.value < 0.4 and near.baseline < 0.05
    assert cliques.value > 0.1 and cliques.baseline <= near.baseline


def test_a_generator_of_other_images_gives_none_again(tmp_path):
    others = digits()[2]
    run = audited(Remembers(others[0][:400], others[1][:400]), tmp_path, "copied_rows", "image_cliques")
    assert run.verdict is not Verdict.LEAK
    assert found(run, "copied_rows").value == pytest.approx(found(run, "copied_rows").baseline, abs=0.03)


def test_principal_components_are_a_space_of_features(tmp_path):
    """All components are all pixels, turned: the distances are the same; 40 find the copies as well."""
    (x, y), *_ = digits()
    attacks = [{"monte_carlo": {}}, {"monte_carlo": {"components": 64}}, {"monte_carlo": {"components": 20}}]
    run = audited(Remembers(x, y, known=400), tmp_path, *attacks)
    areas = [f.value for f in run.findings if f.key == "auc"]
    assert areas[0] == pytest.approx(areas[1], abs=0.02) and areas[2] > 0.55

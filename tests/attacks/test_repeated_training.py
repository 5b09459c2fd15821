"""The one unknown record of a network's training, for whoever knows the rest and can repeat it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import divulge
from divulge.attacks.reconstruction.weights.repeated_training import (
    SKETCH,
    RepeatedTraining,
    records_of_ones_own,
    summed_up,
    weights_of,
)
from divulge.auditing.job import BoundRecipe
from divulge.core.errors import Impossible
from divulge.core.game import Arm
from divulge.core.records import concat
from divulge.core.results.exhibits import Quality
from divulge.data.arrays import from_arrays, from_frames
from divulge.games.rebuild import RebuildPlan
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.engines.engine import Trainer
from divulge.training.recipes.pytorch import Optimizer, TorchRecipe
from tests.attacks.reconstruction_games import dense, pictures, played, quality, share
from tests.attacks.test_rebuilding import fitted, tables

SETS = pictures(80, seed=1), pictures(120, seed=2), pictures(400, seed=3)
TRAINING = TorchRecipe(dense, epochs=15, batch_size=32, learning_rate=3e-3)
RECIPE = BoundRecipe(TRAINING, TorchTarget)
QUICK = {"trainings": 600, "width": 300}


@pytest.fixture(scope="module")
def target():
    return RECIPE.train(SETS[0], 0)


def leak(target, arm=Arm.TARGET, sets=SETS, recipe=RECIPE, trials=20, **settings):
    plan = RebuildPlan(trials)
    return played("repeated_training", target, sets, arm, "informed", recipe, plan=plan, **{**QUICK, **settings})


def between(count, rng):
    """Pictures between two others, as far as each record's number says."""
    ends = np.stack([np.eye(8), 1 - np.eye(8)])
    way = rng.uniform(size=count)
    x = way[:, None, None] * ends[0] + (1 - way[:, None, None]) * ends[1]
    return from_arrays([(x.astype(np.float32), (way > 0.5).astype(int))])[0]


def test_records_that_one_number_tells_apart_are_rebuilt():
    """Whoever reads one number off the weights has the record."""
    sets = tuple(between(n, np.random.default_rng(n)) for n in (90, 120, 400))
    recipe = BoundRecipe(replace(TRAINING, factory=lambda: dense(2)), TorchTarget)
    found, other = (leak(recipe.train(sets[0], 0), arm, sets, recipe) for arm in (Arm.TARGET, Arm.NEGATIVE))
    blind = next(m for m in found.paired if m.metric == "records_rebuilt").baseline
    assert share(found, "records_rebuilt") >= 0.9, quality(found, "PSNR, dB")
    assert np.mean(blind) <= 0.7
    assert share(other, "records_rebuilt") <= 0.6


def test_the_class_is_told_and_the_record_comes_near(target):
    found = leak(target)
    assert share(found, "labels_counted") >= 0.9
    psnr = next(q for q in found.of(Quality) if q.name == "PSNR, dB")
    assert np.median(psnr.values) > np.median(psnr.baseline) + 2


def test_of_other_records_nothing_is_told(target):
    """Six trials of three classes, four times over: a third of 24 by chance, more than 14 once in 300 times."""
    found = [leak(target, Arm.NEGATIVE, seed=seed, trainings=300) for seed in range(4)]
    assert all(share(each, "records_rebuilt") == 0 for each in found)
    assert np.mean([share(each, "labels_counted") for each in found]) <= 14 / 24


def test_among_few_known_records_one_weighs_more(target):
    assert share(leak(target, Arm.POSITIVE), "labels_counted") == 1


def test_without_the_seed_nothing_is_told_unless_the_module_seeds_itself(target):
    """Twenty records of three classes: more than 12 right once in a hundred times."""
    layers = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 3))  # noqa: E731
    drawn = BoundRecipe(replace(TRAINING, factory=layers), TorchTarget)
    hidden = leak(drawn.train(SETS[0], 0), recipe=drawn, seed_known=False, trainings=300)
    assert share(hidden, "records_rebuilt") == 0
    assert share(hidden, "labels_counted") <= 0.6
    known = leak(drawn.train(SETS[0], 0), recipe=drawn, trainings=300)
    assert share(known, "labels_counted") >= 0.9
    # `dense` sets the seed of torch before it builds its layers, whatever seed the training was given
    assert share(leak(target, seed_known=False, trainings=300), "labels_counted") >= 0.9


def test_weights_move_by_the_records_slope():
    """By hand: one step of softmax regression from W over n records is W + rate / n * sum (e_y - p) x', so that two
    trainings that differ in their last record differ by rate / n times the difference of these two terms.
    """
    recipe = TorchRecipe(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), 1, 64, 0.5, optimizer=Optimizer.SGD)
    rest, ends = SETS[0].take(np.arange(39)), SETS[1].take(np.arange(5))
    keep = np.column_stack([np.ones((5, 39), dtype=bool), np.eye(5, dtype=bool)])
    models = dict(Trainer().fit_many(recipe, concat([rest, ends]), keep, [3] * 5))
    start = recipe.untrained(3)[0][1]
    x, y = torch.as_tensor(ends.x.reshape(5, 64)), torch.as_tensor(ends.y)
    with torch.no_grad():
        terms = (torch.eye(3)[y] - start(x).softmax(dim=1))[:, :, None] * x[:, None, :]
        moved = models[1][1].weight - models[0][1].weight
    assert torch.allclose(moved, 0.5 / 40 * (terms[1] - terms[0]), atol=1e-6)


def test_models_of_one_seed_are_multiplied_exactly(monkeypatch):
    """They are compared weight by weight, and bfloat16 would drown what one record does."""
    wide = TorchRecipe(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 3)), 3, 32)
    monkeypatch.setattr(TorchRecipe, "half_is_fast", lambda self: True)
    keep = np.ones((4, 80), dtype=bool)
    seen = []
    monkeypatch.setattr(TorchRecipe, "fit_stack", lambda self, *given, half, steps: seen.append(half) or [dense()] * 4)
    monkeypatch.setattr(TorchRecipe, "threadable", lambda self: False)
    for seeds in ([5] * 4, [5, 6, 7, 8]):
        list(Trainer().fit_many(wide, SETS[0], keep, seeds))
    assert seen == [False, True]


def test_records_of_ones_own_are_the_population_and_mixtures_of_a_class():
    own = records_of_ones_own(SETS[2], 500)
    assert len(own) == 500 and own.fingerprint() == records_of_ones_own(SETS[2], 500).fingerprint()
    assert sorted(own.take(np.arange(400)).row_keys()) == sorted(SETS[2].row_keys())
    for row in range(400, 420):
        alike = SETS[2].x[SETS[2].y == own.y[row]]
        assert (own.x[row] >= alike.min(axis=0) - 1e-6).all() and (own.x[row] <= alike.max(axis=0) + 1e-6).all()
    assert len(records_of_ones_own(SETS[2], 90)) == 90


def test_categories_are_not_mixed():
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"colour": rng.choice(["red", "blue"], 40), "size": rng.normal(size=40)})
    frame["y"] = rng.integers(2, size=40)
    records = from_frames([frame], target="y")[0]
    assert len(records_of_ones_own(records, 100)) == 40


def test_many_weights_are_summed_up_the_same_way_in_every_model():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 20_000))
    assert summed_up(a).shape == (SKETCH,)
    assert np.allclose(summed_up(a) + 2 * summed_up(b), summed_up(a + 2 * b))
    assert np.linalg.norm(summed_up(a)) == pytest.approx(np.linalg.norm(a), rel=0.1)
    assert (summed_up(a[:100]) == a[:100]).all()
    assert len(weights_of(dense())) == 64 * 24 + 24 + 24 * 3 + 3


def test_what_cannot_be_repeated_is_said(target):
    with pytest.raises(Impossible, match="no recipe"):
        leak(target, recipe=None)
    linear, recipe = fitted(_logistic(), tables())
    with pytest.raises(Impossible, match="informed_adversary"):
        leak(linear, sets=tables(), recipe=recipe)


def _logistic():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()


def test_an_audit_of_the_worst_case_names_the_class(target, tmp_path):
    members, others, population = ((part.x, part.y) for part in SETS)
    run = divulge.audit(
        target.module,
        members=members,
        nonmembers=others,
        population=population,
        recipe=TRAINING,
        threat="informed",
        attacks=[RepeatedTraining(**QUICK)],
        reconstruction=RebuildPlan(40),
        out=tmp_path,
    )
    found = {f.metric: f for f in run.findings}
    assert found["labels_counted"].verdict.value == "leak", found
    assert found["labels_counted"].value >= 0.9

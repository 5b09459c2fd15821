"""Who stands beside the rounds of a federated training: membership, passive and active, and sources."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

import divulge
from divulge.training.recipes.pytorch import TorchRecipe
from tests.defenses.nets import digits, mislabeled

pytest.importorskip("flwr")

from divulge.claims import rounds
from divulge.defenses.federated.learning import Federated


def wide():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


SETS = tuple(mislabeled(records, seed) for seed, records in enumerate(digits(400, 400, 800)))
RECIPE = TorchRecipe(wide, epochs=1, batch_size=16, learning_rate=5e-3)
HARD = Federated(clients=4, rounds=12, local_epochs=5)


def area(estimates):
    return next(e for e in estimates if e.metric == "auc")


@pytest.fixture(scope="module")
def audited():
    return divulge.audit_rounds(HARD, RECIPE, *SETS)


def test_a_watching_client_tells_members_and_one_who_interferes_no_fewer(audited):
    passive, active = area(audited.passive), area(audited.active)
    assert passive.low > 0.6 and active.low > 0.6
    assert active.value > passive.value - 0.02


def test_records_of_which_none_was_used_are_at_chance(audited):
    control = area(audited.control)
    assert control.low < 0.5 < control.high


def test_the_server_tells_whose_record_it_is(audited):
    assert audited.guessing == 0.25 and audited.source.low > 0.35


def test_clients_of_one_class_each_are_told_apart(tmp_path):
    """Known by hand: a model that was taught one class alone has the smallest loss on it."""
    by_class = Federated(clients=3, rounds=3, local_epochs=5, skew=1e-3)
    members, nonmembers, known = digits(400, 400, 800)
    few = members.take(np.flatnonzero(members.y < 3))
    found = divulge.audit_rounds(by_class, RECIPE, few, nonmembers, known)
    owners = {tuple(np.unique(few.y[rows])) for rows in by_class.parts(few, 0)}
    assert sum(map(len, owners)) <= 4, "hardly a class is shared"
    assert found.source.value > 0.95 and found.guessing < 0.8


def test_secure_aggregation_hides_the_source_and_not_the_membership():
    found = divulge.audit_rounds(replace(HARD, secure=True), RECIPE, *SETS)
    assert found.source is None and area(found.passive).low > 0.6


def test_the_control_is_at_chance_over_several_trainings():
    """A model that learns nothing is no control: the direction of even the smallest step is made by the members."""
    found = [area(divulge.audit_rounds(replace(HARD, rounds=4), RECIPE, *SETS, seed=seed).control) for seed in range(5)]
    assert np.mean([e.value for e in found]) == pytest.approx(0.5, abs=0.04)


def test_the_loss_is_raised_as_far_as_is_asked_for():
    module = RECIPE.untrained(0)[0]
    louder = rounds._raised(RECIPE, module, [SETS[0], SETS[1]], 0)
    before, after = (np.concatenate([rounds._losses(RECIPE, m, r) for r in SETS[:2]]).mean() for m in (module, louder))
    assert rounds.LOUDER < after - before < 5


def test_regression_is_refused():
    records = digits(100, 100, 100)[0]
    numbers = replace(records, y=records.y.astype(float), schema=replace(records.schema, task=divulge.Task.REGRESSION))
    with pytest.raises(divulge.InputError, match="classification"):
        divulge.audit_rounds(HARD, RECIPE, numbers, numbers, numbers)

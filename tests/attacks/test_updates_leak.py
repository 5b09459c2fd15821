"""What a customer learns of new records who asks a service before and after its model is updated."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import divulge
from divulge.attacks.reconstruction.versions.updates_leak import UpdatesLeak
from divulge.auditing.job import BoundRecipe
from divulge.core.errors import Impossible
from divulge.core.game import Arm
from divulge.core.threat import PRESETS, Access, closure
from divulge.data.arrays import from_arrays
from divulge.defenses.interface.defended_target import shielded
from divulge.defenses.interface.label_only import LabelOnly
from divulge.defenses.interface.rounding import Rounding
from divulge.games.rebuild import RebuildPlan
from divulge.report.decision import decision
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.pytorch import TorchRecipe
from tests.attacks.reconstruction_games import dense, pictures, played, quality, share
from tests.attacks.test_rebuilding import fitted, tables

SETS = pictures(90, seed=1), pictures(120, seed=2), pictures(500, seed=3)
RECIPE = BoundRecipe(TorchRecipe(dense, epochs=20, batch_size=32, learning_rate=3e-3), TorchTarget)
QUICK = {"rehearsals": 400, "epochs": 30}


@pytest.fixture(scope="module")
def target():
    return RECIPE.train(SETS[0], 0)


def leak(target, arm=Arm.TARGET, batch=1, recipe=RECIPE, trials=20, **settings):
    plan = RebuildPlan(trials, batch=batch)
    return played("updates_leak", target, SETS, arm, "returning-customer", recipe, plan=plan, **{**QUICK, **settings})


def test_the_next_version_is_one_step_of_gradient_descent(target):
    """By hand: of softmax regression, W - rate (p - e_y) x'."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    record = SETS[1].take(np.array([4]))
    after = TorchTarget(module).updated(record, 1, 0.5).module[1]
    x = torch.as_tensor(record.x.reshape(64))
    with torch.no_grad():
        slope = module[1](x).softmax(dim=0) - torch.eye(3)[int(record.y[0])]
        wanted = module[1].weight - 0.5 * slope[:, None] * x[None]
    assert torch.allclose(after.weight, wanted, atol=1e-6)
    assert torch.allclose(after.bias, module[1].bias - 0.5 * slope, atol=1e-6)
    assert not torch.allclose(after.weight, module[1].weight), "the version before stays as it is"


def test_classes_of_new_records_are_told(target):
    found = leak(target)
    assert share(found, "labels_counted") >= 0.9
    blind = next(m for m in found.paired if m.metric == "labels_counted").baseline
    assert np.mean(blind) <= 0.6


def test_records_that_one_number_tells_apart_are_rebuilt():
    """Between two pictures, as far as each record's number says: whoever reads the number has the record, and whoever
    rehearsed on the very model reads it.
    """
    rng = np.random.default_rng(5)
    ends = np.stack([np.eye(8), 1 - np.eye(8)])

    def between(count):
        way = rng.uniform(size=count)
        x = way[:, None, None] * ends[0] + (1 - way[:, None, None]) * ends[1]
        return from_arrays([(x.astype(np.float32), (way > 0.5).astype(int))])[0]

    sets = between(90), between(120), between(500)
    recipe = BoundRecipe(TorchRecipe(lambda: dense(2), epochs=20, batch_size=32, learning_rate=3e-3), TorchTarget)
    found, other = (
        played(
            *("updates_leak", recipe.train(sets[0], 0), sets, arm, "returning-customer", recipe),
            plan=RebuildPlan(20),
            rehearsals=600,
        )
        for arm in (Arm.POSITIVE, Arm.NEGATIVE)
    )
    blind = next(m for m in found.paired if m.metric == "records_rebuilt").baseline
    assert share(found, "records_rebuilt") >= 0.9, quality(found, "PSNR, dB")
    assert np.mean(blind) <= 0.7
    assert share(other, "records_rebuilt") <= 0.6


def test_of_other_new_records_nothing_is_told(target):
    """Three classes, equally common: a third of 24 by chance, more than 14 once in 300 times."""
    found = [leak(target, Arm.NEGATIVE, seed=seed) for seed in range(4)]
    assert all(share(each, "records_rebuilt") == 0 for each in found)
    assert np.mean([share(each, "labels_counted") for each in found]) <= 14 / 24


def test_the_positive_control_rehearses_on_the_target_itself(target):
    assert share(leak(target, Arm.POSITIVE, recipe=None), "labels_counted") == 1


def test_of_batches_the_classes_are_counted(target):
    found = leak(target, batch=4, rehearsals=2000)  # a few hundred are too few to learn four classes at once
    measure = next(m for m in found.paired if m.metric == "labels_counted")
    assert np.mean(measure.hits) > np.mean(measure.baseline) + 0.05
    assert len(quality(found, "PSNR, dB")) == 4 * 20


def test_a_service_behind_a_defence_shows_its_next_version_behind_it(target):
    rounded = shielded(target, [Rounding(decimals=1)])
    shown = rounded.updated(SETS[1].take(np.arange(1)), 1, 0.1, 1).answer(Access.SCORES, SETS[2])
    assert np.allclose(np.exp(shown) * 10, np.round(np.exp(shown) * 10), atol=1e-3)
    hidden = shielded(target, [LabelOnly()])
    assert Access.SCORES not in hidden.updated(SETS[1].take(np.arange(1)), 1, 0.1, 1).offers
    assert not hasattr(shielded(fitted_classifier(), [LabelOnly()]), "updated")


def fitted_classifier():
    from sklearn.linear_model import LogisticRegression

    return fitted(LogisticRegression(), tables())[0]


def test_what_cannot_be_updated_is_said():
    with pytest.raises(Impossible, match="give the module itself"):
        played("updates_leak", fitted_classifier(), tables(), threat="returning-customer", recipe=None)


def test_without_a_way_to_train_models_nothing_is_rehearsed(target):
    with pytest.raises(divulge.AccessDenied, match="no recipe and no shadow models"):
        leak(target, recipe=None)

    class Rigid:
        def fingerprint(self):
            return "rigid"

        def train_many(self, records, keep, seeds):
            told = {part: getattr(target, part) for part in ("name", "task", "offers", "answer", "fingerprint")}
            yield from ((n, SimpleNamespace(**told)) for n in range(len(seeds)))

    with pytest.raises(Impossible, match="trained further"):
        leak(target, recipe=Rigid())


def test_whoever_has_two_versions_can_ask_both():
    assert Access.SCORES_OVER_TIME in closure(PRESETS["informed"].access)
    assert Access.PARAMETERS not in closure(PRESETS["returning-customer"].access)
    assert Access.SCORES_OVER_TIME not in closure(PRESETS["mlaas"].access)


def test_an_audit_names_the_class_of_a_new_record(target, tmp_path):
    members, others, population = ((part.x, part.y) for part in SETS)
    run = divulge.audit(
        target.module,
        members=members,
        nonmembers=others,
        population=population,
        recipe=TorchRecipe(dense, epochs=20, batch_size=32, learning_rate=3e-3),
        threat="returning-customer",
        attacks=[UpdatesLeak(**QUICK)],
        reconstruction=RebuildPlan(40),
        out=tmp_path,
    )
    found = next(f for f in run.findings if f.metric == "labels_counted")
    assert found.verdict.value == "leak", found
    assert found.value >= 0.9
    direct, asked = decision(run.result).questions
    assert any("Answers before and after" in line for line in asked.evidence), "whoever asks need not hold the model"
    assert not any("Answers before and after" in line for line in direct.evidence)
    missing = divulge.audit(
        SklearnTarget(fitted_classifier().model),
        members=(tables()[0].x, tables()[0].y),
        nonmembers=(tables()[1].x, tables()[1].y),
        threat="returning-customer",
        attacks=["updates_leak"],
        out=tmp_path / "other",
    )
    assert "scores before and after an update" in str(missing.outcomes[0].result)

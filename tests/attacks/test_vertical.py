"""Parties of a vertical federation against each other: labels behind gradients, columns behind scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from torch import nn

import divulge
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.errors import Impossible, InputError
from divulge.core.game import Arm
from divulge.core.threat import PRESETS
from divulge.core.views.reconstruction import ReconstructionAuxiliary
from divulge.data.arrays import from_arrays
from divulge.games.parties.vertical import VerticalGame
from divulge.games.rebuild import RebuildPlan
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.pytorch import TorchTarget


def clicks(count, seed, rare=0.15, classes=2, columns=6):
    """Records of which a class is rare, with much noise, as where clicks are predicted."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, columns))
    y = (rng.random(count) < rare).astype(int) if classes == 2 else rng.integers(classes, size=count)
    return (x + 0.7 * y[:, None] * np.linspace(-1, 1, columns)).astype(np.float32), y


def sets(**how):
    return tuple(from_arrays([clicks(n, seed, **how) for seed, n in enumerate((200, 200, 800))]))


def network(classes=2, outputs=None, columns=6):
    torch.manual_seed(0)
    head = nn.Linear(16, outputs or classes)
    return nn.Sequential(nn.Linear(columns, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), head)


def taught(module, records, steps=60):
    x, y = torch.as_tensor(records.x), torch.as_tensor(records.y)
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        out = module(x)
        wide = torch.cat([torch.zeros_like(out), out], dim=1) if out.shape[1] == 1 else out
        nn.functional.cross_entropy(wide, y).backward()
        optimizer.step()
    return module.eval()


def played(name, target, records, arm=Arm.TARGET, plan=None, shield=None):
    made = attack(name)
    target = TorchTarget(target) if isinstance(target, nn.Module) else target
    threat = PRESETS["active-party" if name == "feature_equations" else "passive-party"]
    game = VerticalGame(made.card.challenge, target, *records, 0, plan or RebuildPlan(), shield)
    (dealt,) = game.deal(arm)
    oracle = GrantedOracle(dealt.target, threat, made.card.uses or made.card.needs.access)
    means = ReconstructionAuxiliary(records[2])
    return dealt.judge(made.run(dealt.open(oracle, made.card, means, np.random.default_rng(0))))


def value(found, metric="labels_told"):
    return next(m.value for m in found.paired if m.metric == metric)


@pytest.mark.parametrize("outputs", [2, 1])
def test_directions_and_lengths_give_labels_away(outputs):
    records = sets()
    module = taught(network(outputs=outputs), records[0])
    told = played("label_direction", module, records)
    assert value(told) > 0.97 and any("ROC curve" in note for note in told.notes)
    early = taught(network(outputs=outputs), records[0], steps=15)  # scores are near the shares still
    longest = played("label_norm", early, records)
    assert value(longest) > np.mean(longest.paired[0].baseline) + 0.1
    assert value(played("label_norm", module, records, Arm.POSITIVE)) > 0.95
    assert value(played("label_direction", module, records, Arm.POSITIVE)) > 0.95


def test_gradients_of_others_tell_nothing():
    records = sets()
    module = taught(network(), records[0])
    for name in ("label_direction", "label_norm"):
        found = played(name, module, records, Arm.NEGATIVE)
        assert value(found) <= np.mean(found.paired[0].baseline)


def test_the_gradient_of_a_logit_is_the_error():
    """Cut before a linear head of one logit, a record's gradient is (p - y) w: its direction is the label."""
    records, module = sets(), network(outputs=1)
    slopes = TorchTarget(module).cut_gradients(records[0], "3")
    with torch.no_grad():
        p = torch.sigmoid(module(torch.as_tensor(records[0].x)))[:, 0].double().numpy()
        w = module[4].weight[0].double().numpy()
    assert np.allclose(slopes, (p - records[0].y)[:, None] * w, atol=1e-6)


def test_three_classes_and_what_lengths_cannot_tell():
    records = sets(classes=3)
    module = taught(network(3), records[0])
    assert value(played("label_direction", module, records)) > 0.8
    with pytest.raises(Impossible, match="there are 3"):
        played("label_norm", module, records)
    with pytest.raises(Impossible, match="as common"):
        played("label_norm", network(), sets(rare=0.5))


def test_noise_on_gradients_hides_labels():
    records = sets()
    module = taught(network(), records[0])
    hidden = played("label_direction", module, records, shield=lambda change, rng: (rng.normal(size=change[0].shape),))
    assert abs(value(hidden) - 0.5) < 0.15


def several(classes=4, columns=8):
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(classes, columns))

    def drawn(count, seed):
        own = np.random.default_rng(seed)
        y = own.integers(classes, size=count)
        return centers[y] + own.normal(size=(count, columns)), y

    return tuple(from_arrays([drawn(n, seed) for seed, n in enumerate((150, 150, 400))]))


@pytest.mark.parametrize("scaled", [False, True])
def test_as_many_columns_as_equations_come_out_exactly(scaled):
    """Four classes make three equations a record (Luo et al. 2021)."""
    records = several()
    model = LogisticRegression() if not scaled else make_pipeline(StandardScaler(), LogisticRegression())
    target = SklearnTarget(model.fit(records[0].x, records[0].y))
    names = records[0].schema.names
    found = played("feature_equations", target, records, plan=RebuildPlan(other=names[:3]))
    assert value(found, "records_exact") > 0.9 and "3 of 3 unknown columns" in found.notes[0]
    more = played("feature_equations", target, records, plan=RebuildPlan(other=names[:6]))
    assert value(more, "records_exact") == 0 and "3 of 6" in more.notes[0]
    others = played("feature_equations", target, records, Arm.NEGATIVE, RebuildPlan(other=names[:3]))
    assert value(others, "records_exact") == 0
    easy = played("feature_equations", target, records, Arm.POSITIVE, RebuildPlan(other=names[:6]))
    assert value(easy, "records_exact") > 0.9


def test_what_cannot_be_solved_is_refused():
    records = several()
    x, y = records[0].x, records[0].y
    bent = make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=2_000)).fit(x, y)
    with pytest.raises(Impossible, match="cannot be undone"):
        played("feature_equations", SklearnTarget(bent), records)
    with pytest.raises(InputError, match="names every column"):
        played("feature_equations", SklearnTarget(LogisticRegression().fit(x, y)), records,
               plan=RebuildPlan(other=records[0].schema.names))  # fmt: skip
    numbers = from_arrays([(r.x, r.x[:, 0]) for r in records], task=divulge.core.threat.Task.REGRESSION)
    with pytest.raises(Impossible, match="classifiers of tables"):
        played("feature_equations", SklearnTarget(Ridge().fit(x, x[:, 0])), tuple(numbers))


def test_it_is_audited_from_the_front_door(tmp_path):
    records = several()
    model = LogisticRegression().fit(records[0].x, records[0].y)
    run = divulge.audit(
        model, *((r.x, r.y) for r in records), threat="active-party",
        reconstruction={"trials": 40, "other": ["feature 0", "feature 1"]}, progress=None, cache=False,
        attacks=["feature_equations"], recipe=None, out=tmp_path / "run",
    )  # fmt: skip
    finding = next(f for f in run.findings if f.metric == "records_exact")
    assert finding.verdict.value == "leak" and finding.positive_control > 0.9 and finding.control == 0

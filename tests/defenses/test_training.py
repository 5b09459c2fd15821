"""Defences of the training and of the data: known answers, what each is for, compositions, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import divulge
from divulge.catalog.defenses import DEFENSES, defense
from divulge.catalog.papers import PAPERS
from divulge.core.errors import InputError
from divulge.data.arrays import from_arrays, from_frames
from divulge.defenses.data.k_anonymity import KAnonymity
from divulge.defenses.data.minimization import Minimization
from divulge.defenses.training.altered_loss import cross_entropy, one_hot, wide
from divulge.defenses.training.dp_sgd import DpSgd
from divulge.defenses.training.hamp import OrderOnly
from divulge.defenses.training.pate import Pate
from divulge.defenses.training.selena import Selena
from divulge.setup.defended import checked
from divulge.setup.sources.recipes_from import recipe_for
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.pytorch import TorchRecipe
from divulge.training.recipes.sklearn import SklearnRecipe
from tests.defenses.nets import BASE, accuracy, digits, log_scores, mislabeled, net, under

NEED_NOTHING = ("weight_decay", "dropout", "early_stopping", "label_smoothing", "mixup", "relaxloss", "hamp", "selena")
NEED_REFERENCE = ("adversarial_regularization", "distillation")


def loss(module, records):
    told = log_scores(module, records)
    return float(-told[np.arange(len(records)), records.y].mean())


@pytest.mark.parametrize("name", [*NEED_NOTHING, *NEED_REFERENCE, "deduplication"])
def test_equal_seeds_give_equal_models_that_are_still_good(name):
    members, unseen, others = digits(400, 400, 400)
    recipe = under(name, reference=others)
    one, same, other = recipe.fit(members, 1), recipe.fit(members, 1), recipe.fit(members, 2)
    pairs = zip(one.state_dict().values(), same.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(next(one.parameters()), next(other.parameters()))
    assert accuracy(one, unseen) > 0.8


@pytest.mark.parametrize("name", [*NEED_NOTHING, *NEED_REFERENCE, "pate"])
def test_fingerprints_tell_settings_and_references_apart(name):
    _, _, others = digits(400, 400, 400)
    known = {"pate": {"epsilon": 5.0}}.get(name, {})
    made = under(defense(name, **known), reference=others)
    assert made.fingerprint() == under(defense(name, **known), reference=others).fingerprint()
    assert made.fingerprint() != BASE.fingerprint()
    if name in (*NEED_REFERENCE, "pate"):
        fewer = under(defense(name, **known), reference=others.take(np.arange(100)))
        assert fewer.fingerprint() != made.fingerprint()


def test_relaxloss_keeps_the_training_loss_where_it_is_told_to():
    members, _, _ = digits(400, 400, 400)
    assert loss(BASE.fit(members, 0), members) < 0.1
    for alpha in (0.3, 0.8):
        assert loss(under(defense("relaxloss", alpha=alpha)).fit(members, 0), members) == pytest.approx(alpha, abs=0.25)


def test_label_smoothing_has_the_optimum_that_can_be_derived():
    """One input only: the best scores are the smoothed shares themselves."""
    x, y = np.zeros((64, 2)), np.array([0, 1, 2, 0] * 16)
    (records,) = from_arrays([(x, y)])
    recipe = TorchRecipe(lambda: nn.Linear(2, 3), epochs=400, batch_size=64, learning_rate=0.05)
    for amount in (0.3, -0.5):
        told = np.exp(
            log_scores(under(defense("label_smoothing", amount=amount), base=recipe).fit(records, 0), records)
        )
        shares = (1 - amount) * np.array([0.5, 0.25, 0.25]) + amount / 3
        np.testing.assert_allclose(told[0], shares, atol=0.01)


def test_hamp_softens_labels_to_the_entropy_that_is_asked_for_and_shows_the_order_alone():
    for classes in (2, 10):
        top = defense("hamp", entropy=0.7).top(classes)
        rest = (1 - top) / (classes - 1)
        entropy = -top * np.log(top) - (classes - 1) * rest * np.log(rest)
        assert entropy == pytest.approx(0.7 * np.log(classes), abs=1e-6) and top > 1 / classes
    shown = OrderOnly(np.log(np.array([[0.1, 0.2, 0.7], [0.3, 0.33, 0.37]])))
    told = np.exp(shown.alter(np.log([[0.98, 0.015, 0.005], [0.2, 0.5, 0.3]]), np.array([0, 1], dtype=np.uint64)))
    np.testing.assert_allclose(told, [[0.7, 0.2, 0.1], [0.3, 0.37, 0.33]])


@settings(max_examples=30, deadline=None)
@given(st.integers(10, 80), st.integers(2, 12), st.integers(0, 1000))
def test_selena_hides_every_record_from_as_many_models(records, models, seed):
    keep = Selena(models=models, unseen=models // 2).kept(records, seed)
    assert keep.shape == (models, records) and ((~keep).sum(axis=0) == models // 2).all()


def told_apart(module, members, others):
    """AUC of the loss."""
    parts = [log_scores(module, r)[np.arange(len(r)), r.y] for r in (members, others)]
    return roc_auc_score(np.r_[np.ones(len(members)), np.zeros(len(others))], np.concatenate(parts))


@pytest.mark.parametrize(
    ("name", "settings_"), [("selena", {}), ("adversarial_regularization", {"weight": 10.0}), ("distillation", {})]
)
def test_members_that_were_learnt_by_heart_are_told_less_surely(name, settings_):
    """Three of ten labels are drawn by lot."""
    members, unseen, others = (mislabeled(r, n) for n, r in enumerate(digits(400, 400, 400)))
    free = replace(BASE, epochs=60)
    plain = told_apart(free.fit(members, 0), members, unseen)
    guarded = under(defense(name, **settings_), reference=others, base=free).fit(members, 0)
    assert plain > 0.6 and told_apart(guarded, members, unseen) < plain - 0.03


def test_early_stopping_gives_the_weights_of_the_best_epoch():
    members, _, _ = digits(400, 400, 400)
    long = replace(BASE, epochs=200, learning_rate=0.02)
    stopped = under(defense("early_stopping", patience=2), base=long).fit(members, 0)
    assert loss(stopped, members) > loss(long.fit(members, 0), members)
    made = under("early_stopping", base=SklearnRecipe(MLPClassifier())).fit(members, 0)
    assert made.early_stopping and made.validation_fraction == 0.1


def test_dropout_and_weight_decay_go_where_they_belong():
    module = under(defense("dropout", rate=0.3)).factory()
    assert [type(m).__name__ for m in module.modules() if isinstance(m, nn.Dropout | nn.ReLU)] == ["ReLU", "Dropout"]
    assert under(defense("weight_decay", strength=0.1)).weight_decay == 0.1
    estimator = under(defense("weight_decay", strength=0.5), base=SklearnRecipe(LogisticRegression())).estimator
    assert estimator.C == 2.0
    with pytest.raises(InputError, match="no activation"):
        under("dropout", base=replace(BASE, factory=lambda: nn.Linear(64, 10))).factory()


def test_mixup_of_a_linear_problem_learns_the_same_direction():
    members, unseen, _ = digits(400, 400, 400)
    assert accuracy(under("mixup").fit(members, 0), unseen) > accuracy(BASE.fit(members, 0), unseen) - 0.05


def test_duplicates_are_removed_by_input_and_label():
    x = np.array([[1.0], [1.0], [2.0], [1.0]])
    (records,) = from_arrays([(x, np.array([0, 0, 1, 1]))])
    assert defense("deduplication").prepare(records, 0).x.ravel().tolist() == [1.0, 2.0, 1.0]
    assert defense("deduplication", with_label=False).prepare(records, 0).x.ravel().tolist() == [1.0, 2.0]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(20, 60), st.integers(0, 1000))
def test_after_k_anonymity_every_record_looks_like_k(k, count, seed):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 9, count), rng.normal(size=count)])
    (records,) = from_arrays([(x, rng.integers(0, 2, count) if count else x[:, 0])])
    made = KAnonymity(k=k).prepare(records, 0)
    _, counts = np.unique(made.x, axis=0, return_counts=True)
    assert counts.min() >= k and len(made) == count


def test_k_anonymity_by_hand():
    """Two halves of the widest column at its median; each becomes its mean."""
    (records,) = from_arrays([(np.array([[0.0], [1.0], [8.0], [9.0]]), np.array([0, 1, 0, 1]))])
    assert KAnonymity(k=2).prepare(records, 0).x.ravel().tolist() == [0.5, 0.5, 8.5, 8.5]


def test_minimized_models_are_asked_as_they_were_trained(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 3)), rng.integers(0, 2, 300)
    x[:, 0] += 3 * y
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[:100], y[:100])
    run = divulge.audit(
        model,
        (x[:100], y[:100]),
        (x[100:200], y[100:200]),
        attacks=["loss"],
        defenses=[Minimization(drop=("feature 0",))],
        out=tmp_path / "run",
    )
    assert run.result.facts.target.quality_nonmembers < 0.65 and "minimization" in run.result.facts.name
    (records,) = from_arrays([(x, y)])
    shown = Minimization(coarsen={"feature 1": 0.5}).show(records)
    assert set(np.unique(shown.x[:, 1] * 2 % 1).tolist()) == {0.0}
    with pytest.raises(InputError, match="no column 'height'"):
        Minimization(drop=("height",)).show(records)


def test_pate_lets_the_majority_win_and_noise_does_what_it_should():
    told = np.array([[0, 1]] * 7 + [[1, 1]] * 3)
    rng = np.random.default_rng(0)
    assert Pate(noise=1e-6).winners(told, 2, rng).tolist() == [0, 1]
    many = np.repeat(told[:, :1], 4000, axis=1)
    share = float((Pate(noise=2.0).winners(many, 2, rng) == 0).mean())
    from scipy.stats import norm

    assert share == pytest.approx(norm.cdf(4 / (2 * 2**0.5)), abs=0.02)
    assert Pate(epsilon=3.0, votes=50).cost() == pytest.approx(3.0, rel=0.01)


def test_the_teachers_of_pate_see_disjoint_parts_and_the_student_no_private_record():
    members, unseen, others = digits(400, 400, 400)
    student = under(defense("pate", epsilon=50.0, teachers=8, votes=400), reference=others).fit(members, 0)
    assert accuracy(student, unseen) > 0.7
    with pytest.raises(InputError, match="too few for 60 teachers"):
        under(defense("pate", epsilon=1.0, teachers=60), reference=others).fit(members, 0)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("relaxloss", "mixup"), "comes after 'relaxloss'"),
        (("relaxloss", "early_stopping"), "comes after 'relaxloss'"),
        (("mixup", DpSgd(epsilon=1.0)), "'dp_sgd' comes after 'mixup'"),
        (("relaxloss", "relaxloss"), "listed twice"),
        (("distillation",), "further records of the owner's"),
        (("pate_",), "did you mean 'pate'"),
    ],
)
def test_compositions_that_make_no_sense_are_refused(names, message):
    with pytest.raises(InputError, match=message):
        under(*names)


def test_what_needs_a_network_says_so():
    for name in ("relaxloss", "selena", "dropout"):
        with pytest.raises(InputError, match="network"):
            under(name, base=SklearnRecipe(LogisticRegression()))
    with pytest.raises(InputError, match="no penalty"):
        from sklearn.naive_bayes import GaussianNB

        under("weight_decay", base=SklearnRecipe(GaussianNB()))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("dropout", {"rate": 1.0}),
        ("weight_decay", {"strength": 0.0}),
        ("early_stopping", {"patience": 0}),
        ("label_smoothing", {"amount": 0.0}),
        ("mixup", {"alpha": 0.0}),
        ("relaxloss", {"alpha": 0.0}),
        ("adversarial_regularization", {"weight": 0.0}),
        ("hamp", {"entropy": 1.0}),
        ("selena", {"models": 3, "unseen": 3}),
        ("distillation", {"share": 0.0}),
        ("k_anonymity", {"k": 1}),
        ("minimization", {}),
        ("pate", {}),
        ("dp_sgd", {}),
        ("dp_sgd", {"epsilon": 1.0, "noise": 1.0}),
        *(("dp_sgd", {"epsilon": e}) for e in (0, 0.0, -1.0, float("nan"), float("inf"))),
        *(("dp_sgd", {"noise": e}) for e in (0, -1.0, float("nan"), float("inf"))),
        *(("dp_sgd", {"epsilon": 1.0, "delta": d}) for d in (0.0, 1.0, -1e-5, float("nan"))),
        ("dp_sgd", {"epsilon": 1.0, "norm": float("nan")}),
        *(("pate", {"epsilon": e}) for e in (0, -1.0, float("nan"), float("inf"))),
        *(("pate", {"noise": e}) for e in (0.0, float("nan"))),
        ("pate", {"epsilon": 1.0, "delta": 1.5}),
        *(("update_noise", {"epsilon": e}) for e in (0, float("nan"), float("inf"))),
        ("update_noise", {"epsilon": 1.0, "delta": float("nan")}),
        ("federated", {"noise": float("nan"), "clip": 1.0}),
        ("memguard", {"budget": 0.0}),
        ("federated", {"clients": 1}),
        ("federated", {"strategy": "fedsgd"}),
        ("federated", {"noise": 1.0}),
    ],
)
def test_settings_out_of_bounds_are_wrong_input(name, wrong):
    with pytest.raises(InputError, match=name):
        defense(name, **wrong)


def test_values_are_no_classes():
    rng = np.random.default_rng(0)
    (records,) = from_arrays([(rng.normal(size=(80, 64)), rng.normal(size=80))], task=divulge.Task.REGRESSION)
    recipe = replace(BASE, factory=lambda: nn.Linear(64, 1))
    with pytest.raises(InputError, match="predicts values"):
        under("relaxloss", base=recipe).fit(records, 0)
    assert under("early_stopping", base=recipe).fit(records, 0) is not None


def test_every_defence_has_a_name_a_paper_and_a_stage():
    settings_ = {"pate": {"epsilon": 1.0}, "dp_sgd": {"epsilon": 1.0}, "minimization": {"drop": ("x",)}}
    for name in DEFENSES:
        card = defense(name, **settings_.get(name, {})).card
        assert card.name == name and card.paper in PAPERS and card.summary and card.title


def test_a_table_with_categories_keeps_them():
    import pandas as pd

    frame = pd.DataFrame({"town": list("aabbaabb"), "age": range(8), "y": [0, 1] * 4})
    (records,) = from_frames([frame], target="y")
    made = KAnonymity(k=4, columns=("town", "age")).prepare(records, 0)
    assert set(np.unique(made.x[:, 0])) <= {0, 1}
    with pytest.raises(InputError, match="town"):
        KAnonymity(k=2, columns=("twon",)).prepare(records, 0)


def test_a_single_output_is_two_classes():
    logits = wide(torch.tensor([[2.0], [-1.0]]))
    assert logits.tolist() == [[0.0, 2.0], [0.0, -1.0]]
    found = cross_entropy(logits, one_hot(torch.tensor([1, 0]), 2))
    np.testing.assert_allclose(found.numpy(), np.log1p(np.exp([-2.0, -1.0])), rtol=1e-6)


def test_hamp_shows_an_order_that_labels_alone_would_hide():
    target = TorchTarget(net())
    recipe = recipe_for(BASE, None, target)
    with pytest.raises(InputError, match="hides the scores that 'order_only' alters"):
        checked(target, recipe, ["hamp", "label_only"], None)
    checked(target, recipe, ["hamp", "rounding"], None)

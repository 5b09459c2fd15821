"""Raw boosters of XGBoost and LightGBM."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import divulge
from divulge.core.errors import InputError
from divulge.core.results.audit_result import Played
from divulge.core.threat import Access, Task
from divulge.data.arrays import from_arrays
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.targets_from import target_from
from divulge.targets.estimators.boosters import BoosterTarget
from divulge.training.recipes.boosters import BoosterRecipe
from divulge.training.surrogates import net_student

xgboost, lightgbm = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
RNG = np.random.default_rng(0)
N = 90
FRAME = pd.DataFrame({"a": RNG.normal(size=N), "c": pd.Categorical(RNG.choice(["u", "v", "w"], N))})
FRAME.loc[::7, "a"] = np.nan
FRAME["b"] = RNG.normal(size=N)
THREE = RNG.integers(0, 3, N)
VALUE = RNG.normal(size=N)
QUIET = {"verbosity": -1, "min_data_in_leaf": 3, "num_threads": 1}


def xgb(objective, y, x=FRAME, **more):
    told = {"objective": objective, "max_depth": 3, "nthread": 1} | more
    return xgboost.train(told, xgboost.DMatrix(x, y, enable_categorical=True), 4)


def lgb(objective, y, x=FRAME, **more):
    return lightgbm.train({"objective": objective} | QUIET | more, lightgbm.Dataset(x, y, params={"verbosity": -1}), 4)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def margins(booster):
    return booster.predict(xgboost.DMatrix(FRAME, enable_categorical=True), output_margin=True)


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
def test_classes_of_xgboost_whether_it_predicts_probabilities_or_labels(objective):
    booster = xgb(objective, THREE, num_class=3)
    (records,) = from_arrays([(FRAME, THREE)])
    target = target_from(booster)
    told = np.exp(target.answer(Access.SCORES, records))
    np.testing.assert_allclose(told, softmax(margins(booster).astype(float)), atol=1e-6)
    assert (target.answer(Access.LABEL, records) == margins(booster).argmax(axis=1)).all()


@pytest.mark.parametrize("objective", ["binary:logistic", "binary:logitraw"])
def test_two_classes_of_xgboost(objective):
    booster = xgb(objective, THREE > 0)
    (records,) = from_arrays([(FRAME, (THREE > 0).astype(int))])
    told = np.exp(target_from(booster).answer(Access.SCORES, records))
    np.testing.assert_allclose(told[:, 1], 1 / (1 + np.exp(-margins(booster).astype(float))), atol=1e-6)
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-6)


def test_lightgbm_and_regression():
    multi, binary, value = lgb("multiclass", THREE, num_class=3), lgb("binary", THREE > 0), lgb("regression", VALUE)
    (records,) = from_arrays([(FRAME, THREE)])
    np.testing.assert_allclose(np.exp(target_from(multi).answer(Access.SCORES, records)), multi.predict(FRAME))
    np.testing.assert_allclose(np.exp(target_from(binary).answer(Access.SCORES, records))[:, 1], binary.predict(FRAME))
    (valued,) = from_arrays([(FRAME, VALUE)])
    for booster, said in (
        (value, value.predict(FRAME)),
        (xgb("reg:squarederror", VALUE), margins(xgb("reg:squarederror", VALUE))),
    ):
        target = target_from(booster)
        assert target.task is Task.REGRESSION and target.classes == ()
        np.testing.assert_allclose(target.answer(Access.SCORES, valued), said)


def test_columns_are_matched_by_name_and_a_lacking_one_is_named():
    booster = xgb("binary:logistic", THREE > 0)
    (records,) = from_arrays([(FRAME, (THREE > 0).astype(int))])
    (mitigations,) = from_arrays([(FRAME[["c", "b", "a"]], (THREE > 0).astype(int))])
    target = target_from(booster)
    np.testing.assert_array_equal(target.answer(Access.SCORES, mitigations), target.answer(Access.SCORES, records))
    (short,) = from_arrays([(FRAME[["a", "b"]], (THREE > 0).astype(int))])
    with pytest.raises(Exception, match="'c', which the records do not have"):
        target.answer(Access.SCORES, short)


def test_labels_that_are_no_codes_need_to_be_told(tmp_path):
    booster, words = xgb("multi:softprob", THREE, num_class=3), np.array(["x", "a", "m"])[THREE]
    with pytest.raises(InputError, match="classes="):
        divulge.audit(booster, (FRAME[:45], words[:45]), (FRAME[45:], words[45:]), attacks=["loss"])
    target = BoosterTarget(booster, classes=["x", "a", "m"])
    run = divulge.audit(target, (FRAME[:45], words[:45]), (FRAME[45:], words[45:]), attacks=["loss"], out=tmp_path)
    p = softmax(margins(booster).astype(float))[np.arange(N), THREE]
    by_hand = np.mean((p[:45, None] > p[None, 45:]) + 0.5 * (p[:45, None] == p[None, 45:]))
    assert next(f.value for f in run.findings if f.metric == "auc") == pytest.approx(by_hand, abs=1e-3)
    with pytest.raises(InputError, match="names 2 labels"):
        BoosterTarget(booster, classes=["x", "a"])


def test_what_neither_classifies_nor_regresses_is_refused():
    ranks = lightgbm.train(
        {"objective": "lambdarank"} | QUIET,
        lightgbm.Dataset(FRAME[["a"]], THREE, group=[45, 45], params={"verbosity": -1}),
        2,
    )
    for booster in (ranks, xgb("survival:cox", np.abs(VALUE) + 1)):
        with pytest.raises(InputError, match="neither classifies nor regresses: audit its scores: "):
            target_from(booster)


@settings(max_examples=8, deadline=None)
@given(depth=st.integers(1, 5), rate=st.sampled_from([0.1, 0.3, 0.7]), weight=st.sampled_from([1.0, 5.0]))
def test_the_recipe_trains_what_the_booster_was_trained_with(depth, rate, weight):
    """Equal records and settings give an equal model."""
    (records,) = from_arrays([(FRAME, THREE)])
    one = xgb("multi:softprob", THREE, num_class=3, max_depth=depth, eta=rate, reg_lambda=weight)
    again = BoosterRecipe.of(one).fit(records, 0)
    np.testing.assert_allclose(margins(again), margins(one), atol=1e-6)
    two = lgb("multiclass", THREE, num_class=3, max_depth=depth, learning_rate=rate, lambda_l2=weight)
    for booster in (two, lightgbm.Booster(model_str=two.model_to_string())):
        again = BoosterRecipe.of(booster).fit(records, 0)
        np.testing.assert_allclose(again.predict(FRAME), two.predict(FRAME), atol=1e-6)


def test_a_file_that_does_not_say_how_it_was_trained_gives_no_recipe(tmp_path):
    one = xgb("binary:logistic", THREE > 0, max_depth=2)
    one.save_model(str(tmp_path / "m.json"))
    loaded = xgboost.Booster()
    loaded.load_model(str(tmp_path / "m.json"))
    assert BoosterRecipe.of(loaded) is None and recipe_for("auto", loaded, target_from(loaded)) is None
    assert target_from(loaded).fingerprint() == target_from(one).fingerprint()
    recipe = BoosterRecipe.of(one)
    assert "max_depth=2" in recipe.describe() and recipe.overfitted().fingerprint() != recipe.fingerprint()


def test_a_copy_of_a_raw_booster_is_made(tmp_path, monkeypatch):
    """The options of its recipe are the library's, and nothing that a guess at the training could be compared with."""
    monkeypatch.setattr(net_student, "STEPS", (120, 120))  # how good a copy is belongs to tests/attacks
    x = RNG.normal(size=(240, 3))
    y = (x[:, 0] > 0).astype(int)
    sets = [(x[part], y[part]) for part in (slice(80), slice(80, 160), slice(160, None))]
    model = xgb("binary:logistic", sets[0][1], pd.DataFrame(sets[0][0]))
    run = divulge.audit(target_from(model), *sets, attacks=["jacobian"], threat="mlaas", out=tmp_path / "run")
    (outcome,) = run.outcomes
    assert isinstance(outcome.result, Played), outcome.result

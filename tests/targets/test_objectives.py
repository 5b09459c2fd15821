"""What an estimator was trained for: rankers and models of survival predict no y, and a plain CatBoost is what its loss
makes of it.
"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import divulge
from divulge.core.errors import InputError
from divulge.setup.sources.targets_from import target_from
from divulge.stats.handshake import area_of
from divulge.targets.estimators.objectives import as_its_loss, classifies, ranks, survives

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4))
Y = (X[:, 0] + RNG.normal(size=400) > 0).astype(int)
VALUES = X[:, 0] - X[:, 1] + RNG.normal(size=400)
PLAIN = {"iterations": 20, "verbose": 0, "allow_writing_files": False, "thread_count": 1}


def lightgbm_ranker():
    lightgbm = pytest.importorskip("lightgbm")
    return lightgbm.LGBMRanker(n_estimators=3, verbose=-1).fit(X, Y, group=[40] * 10)


def lightgbm_objective():
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMModel(n_estimators=3, verbose=-1, objective="rank_xendcg")
    return model.fit(X, Y, group=[40] * 10)


def xgboost_ranker():
    xgboost = pytest.importorskip("xgboost")
    return xgboost.XGBRanker(n_estimators=3).fit(X, Y, group=[40] * 10)


def catboost_ranker():
    catboost = pytest.importorskip("catboost")
    return catboost.CatBoostRanker(**PLAIN).fit(X, Y, group_id=np.repeat(range(10), 40))


def plain_ranker():
    catboost = pytest.importorskip("catboost")
    return catboost.CatBoost(PLAIN | {"loss_function": "QueryRMSE"}).fit(X, Y, group_id=np.repeat(range(10), 40))


def xgboost_cox():
    xgboost = pytest.importorskip("xgboost")
    return xgboost.XGBRegressor(n_estimators=3, objective="survival:cox").fit(X, np.abs(VALUES) + 1)


def catboost_cox():
    catboost = pytest.importorskip("catboost")
    return catboost.CatBoostRegressor(**PLAIN, loss_function="Cox").fit(X, np.abs(VALUES) + 1)


def cox_in_a_pipeline():
    return make_pipeline(StandardScaler(), xgboost_cox()).fit(X, np.abs(VALUES) + 1)


@pytest.mark.parametrize("made", [lightgbm_ranker, lightgbm_objective, xgboost_ranker, catboost_ranker, plain_ranker])
def test_what_ranks_is_refused_with_the_way(made):
    with pytest.raises(InputError, match=r"ranks records.* predicts no y: audit its scores: divulge.FunctionTarget"):
        target_from(made())


@pytest.mark.parametrize("made", [xgboost_cox, catboost_cox, cox_in_a_pipeline])
def test_what_tells_of_survival_is_refused_with_the_way(made):
    with pytest.raises(
        InputError, match=r"survive \(its objective is .* no y: audit its scores: divulge.FunctionTarget"
    ):
        target_from(made())


def test_the_way_that_is_named_works(tmp_path):
    model = lightgbm_ranker()
    values = model.predict(X)
    top = np.full(200, values.max())
    run = divulge.audit(
        divulge.FunctionTarget(model.predict, "values"),
        (X[:200], top),
        (X[200:], top),
        attacks=["absolute_error"],
        out=tmp_path,
        progress=None,
    )
    member = np.arange(400) < 200
    found = next(f for f in run.findings if f.metric == "auc")
    assert found.value == pytest.approx(area_of(values, member), abs=1e-9)
    assert not run.result.handshake.concerns


@pytest.mark.parametrize("loss", ["Logloss", "CrossEntropy", "MultiClass"])
def test_a_plain_catboost_classifies_by_its_loss(tmp_path, loss):
    catboost = pytest.importorskip("catboost")
    model = catboost.CatBoost(PLAIN | {"loss_function": loss}).fit(X[:200], Y[:200])
    answers = model.predict(X, prediction_type="Probability")
    run = divulge.audit(
        model, (X[:200], Y[:200]), (X[200:], Y[200:]), attacks=["loss", "lira"], shadows=4, out=tmp_path, progress=None
    )
    by_hand = area_of(answers[np.arange(400), Y], np.arange(400) < 200)
    found = {f.attack: f.value for f in run.findings if f.metric == "auc"}
    assert found["loss"] == pytest.approx(by_hand, abs=1e-9) and "lira" in found
    right = (answers.argmax(axis=1) == Y)[:200].mean()
    assert run.result.handshake.members == pytest.approx(right)


def test_a_plain_catboost_regresses_by_its_loss(tmp_path):
    catboost = pytest.importorskip("catboost")
    model = catboost.CatBoost(PLAIN | {"loss_function": "RMSE"}).fit(X[:200], VALUES[:200])
    data = (X[:200], VALUES[:200]), (X[200:], VALUES[200:])
    run = divulge.audit(model, *data, attacks=["absolute_error"], out=tmp_path, progress=None)
    by_hand = area_of(-np.abs(model.predict(X) - VALUES), np.arange(400) < 200)
    found = next(f for f in run.findings if f.metric == "auc")
    assert found.value == pytest.approx(by_hand, abs=1e-9)


@pytest.mark.parametrize("loss", ["MultiQuantile:alpha=0.1,0.5,0.9", "RMSEWithUncertainty"])
def test_several_values_are_refused_with_the_way(tmp_path, loss):
    catboost = pytest.importorskip("catboost")
    for model in (
        catboost.CatBoostRegressor(**PLAIN, loss_function=loss),
        catboost.CatBoost(PLAIN | {"loss_function": loss}),
    ):
        model.fit(X[:200], VALUES[:200])
        data = (X[:200], VALUES[:200]), (X[200:], VALUES[200:])
        with pytest.raises(InputError, match=r"lambda x: model.predict\(x\)\[:, 0\], 'values'\)") as error:
            divulge.audit(model, *data, attacks=["absolute_error"], out=tmp_path / "a", progress=None)
        assert "predict_proba" not in str(error.value) and "call the model on three" not in str(error.value)
    way = divulge.FunctionTarget(lambda x: model.predict(x)[:, 0], "values")
    assert divulge.audit(way, *data, attacks=["absolute_error"], out=tmp_path / "b", progress=None).findings


def test_a_pipeline_that_ends_in_a_plain_catboost_is_refused():
    catboost = pytest.importorskip("catboost")
    model = make_pipeline(StandardScaler(), catboost.CatBoost(PLAIN | {"loss_function": "Logloss"})).fit(X, Y)
    with pytest.raises(InputError, match="CatBoostClassifier or a CatBoostRegressor"):
        as_its_loss(model)


def test_names_of_objectives():
    for name in ("rank:ndcg", "lambdarank", "YetiRank:mode=NDCG", "PairLogit", "QueryRMSE", "StochasticFilter"):
        assert ranks(name) and not survives(name)
    for name in ("survival:aft", "survival:cox", "SurvivalAft:dist=Normal", "Cox"):
        assert survives(name) and not ranks(name)
    for name in ("reg:squarederror", "RMSE", "binary:logistic", "Quantile:alpha=0.5", "poisson", "tweedie", "huber"):
        assert not ranks(name) and not survives(name)
    assert classifies("Logloss") and classifies("MultiClass") and not classifies("RMSE")

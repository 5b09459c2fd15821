"""A booster that stopped early is trained anew without the records that it stopped by."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divulge.training.recipes.unfitted import unfitted

xgboost = pytest.importorskip("xgboost")
X = np.random.default_rng(0).normal(size=(300, 4))
Y = (X[:, 0] + np.random.default_rng(1).normal(size=300) > 0).astype(int)


def test_as_many_rounds_as_were_kept_and_no_records_asked_for():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    y = (x[:, 0] + rng.normal(size=300) > 0).astype(int)
    model = xgboost.XGBClassifier(n_estimators=200, early_stopping_rounds=3, n_jobs=1)
    model.fit(x[:150], y[:150], eval_set=[(x[150:], y[150:])], verbose=False)
    fresh = unfitted(model)
    assert fresh.early_stopping_rounds is None and fresh.n_estimators == model.best_iteration + 1
    fresh.fit(x[:150], y[:150])
    np.testing.assert_allclose(fresh.predict_proba(x), model.predict_proba(x), atol=1e-6)
    assert unfitted(xgboost.XGBClassifier(n_estimators=7)).n_estimators == 7


def lightgbm_that_stopped(**settings):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=300, min_child_samples=5, verbose=-1, n_jobs=1, **settings)
    calls = [] if settings else [lightgbm.early_stopping(5, verbose=False)]
    return model.fit(X[:150], Y[:150], eval_set=[(X[150:], Y[150:])], callbacks=calls)


def catboost_that_stopped(kind="CatBoostClassifier", **settings):
    catboost = pytest.importorskip("catboost")
    settings |= {"iterations": 300, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
    model = catboost.CatBoost(settings) if kind == "CatBoost" else getattr(catboost, kind)(**settings)
    stop = {} if "early_stopping_rounds" in settings else {"early_stopping_rounds": 5}
    return model.fit(X[:150], Y[:150], eval_set=[(X[150:], Y[150:])], **stop)


def xgboost_that_stopped():
    stop = xgboost.callback.EarlyStopping(rounds=5, save_best=True)
    model = xgboost.XGBClassifier(n_estimators=300, callbacks=[stop], n_jobs=1)
    return model.fit(X[:150], Y[:150], eval_set=[(X[150:], Y[150:])], verbose=False)


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
@pytest.mark.parametrize(
    ("model", "trees"),
    [
        (lightgbm_that_stopped, lambda m: m.booster_.num_trees()),
        (lambda: lightgbm_that_stopped(early_stopping_round=5), lambda m: m.booster_.num_trees()),
        (catboost_that_stopped, lambda m: m.tree_count_),
        (lambda: catboost_that_stopped(early_stopping_rounds=5, use_best_model=True), lambda m: m.tree_count_),
        (lambda: catboost_that_stopped("CatBoost"), lambda m: m.tree_count_),
        (xgboost_that_stopped, lambda m: m.get_booster().num_boosted_rounds()),
    ],
    ids=[
        "lightgbm, callback",
        "lightgbm, setting",
        "catboost, fit",
        "catboost, settings",
        "CatBoost",
        "xgboost, callback",
    ],
)
def test_a_booster_that_stopped_early_is_trained_with_the_rounds_that_it_kept(model, trees):
    """Trained anew, its shadows would have 300 trees beside the few that it answers with."""
    fitted = model()
    kept = fitted.best_iteration_ if type(fitted).__name__ == "LGBMClassifier" else trees(fitted)
    assert 0 < kept < 200
    again = unfitted(fitted).fit(X, Y)
    assert trees(again) == kept
    inside = unfitted(make_pipeline(StandardScaler(), fitted)).fit(X, Y)
    assert trees(inside[-1]) == kept

"""A booster that stopped early is trained anew without the records that it stopped by."""

import numpy as np
import pytest

from divulge.training.recipes.unfitted import unfitted

xgboost = pytest.importorskip("xgboost")


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

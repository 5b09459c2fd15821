"""Boosters are read from the files that their own libraries write, and no trust is asked for: these hold numbers."""

from __future__ import annotations

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost

from divulge.core.errors import InputError
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.setup.sources.targets_from import target_from
from divulge.targets.estimators.booster_files import library_of, load_booster

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] + RNG.normal(size=120) > 0).astype(int)
QUIET = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}


def xgboost_file(path):
    model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, Y)
    model.save_model(path)
    return model


def lightgbm_file(path):
    model = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(X, Y)
    model.booster_.save_model(path)
    return model


def catboost_file(path, kind=catboost.CatBoostClassifier, y=Y):
    model = kind(iterations=5, **QUIET).fit(X, y)
    model.save_model(str(path), format="json" if path.suffix == ".json" else "cbm")
    return model


def stopped_file(path):
    model = xgboost.XGBClassifier(n_estimators=200, early_stopping_rounds=3, n_jobs=1)
    model.fit(X[:60], Y[:60], eval_set=[(X[60:], Y[60:])], verbose=False).save_model(path)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    return model


FILES = [
    ("stopped.ubj", stopped_file),
    ("c.json", catboost_file),
    ("m.ubj", xgboost_file),
    ("m.json", xgboost_file),
    ("m.txt", lightgbm_file),
    ("m.cbm", catboost_file),
]


@pytest.mark.parametrize(("name", "save"), FILES, ids=[name for name, _ in FILES])
def test_the_model_in_the_file_answers_as_its_owner_knows_it(tmp_path, name, save):
    model = save(tmp_path / name)
    target = target_from(load_booster(tmp_path / name))
    (records,) = from_arrays([(X, Y)])
    answered = np.exp(target.answer(Access.SCORES, records))
    np.testing.assert_allclose(answered, model.predict_proba(X), atol=1e-6)


def test_a_regressor_stays_one(tmp_path):
    model = catboost_file(tmp_path / "m.cbm", catboost.CatBoostRegressor, X[:, 0])
    target = target_from(load_booster(tmp_path / "m.cbm"))
    (records,) = from_arrays([(X, X[:, 0])])
    np.testing.assert_allclose(np.ravel(target.answer(Access.SCORES, records)), model.predict(X), atol=1e-9)


def test_what_ranks_is_refused(tmp_path):
    model = catboost.CatBoostRanker(iterations=3, **QUIET).fit(X, Y, group_id=np.repeat(np.arange(12), 10))
    model.save_model(str(tmp_path / "m.cbm"))
    with pytest.raises(InputError, match="neither classifies nor regresses"):
        load_booster(tmp_path / "m.cbm")


def test_other_files_are_none_of_theirs(tmp_path):
    (tmp_path / "notes.txt").write_text("tree of life")
    (tmp_path / "other.json").write_text("{}")
    (tmp_path / "m.pkl").write_bytes(b"tree\n")
    assert [library_of(tmp_path / name) for name in ("notes.txt", "other.json", "m.pkl")] == [None] * 3
    (tmp_path / "broken.cbm").write_bytes(b"CBM1" + b"\0" * 40)
    with pytest.raises(InputError, match="catboost cannot read"):
        load_booster(tmp_path / "broken.cbm")

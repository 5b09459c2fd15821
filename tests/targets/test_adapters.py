"""What is particular to one adapter."""

from __future__ import annotations

import os
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from divulge.core.errors import InputError, TargetError
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays, from_frames
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.onnx import OnnxTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.targets.networks.torch_files import load_weights
from divulge.targets.pickles import load_trusted
from divulge.targets.score_table import ScoreTable

X = np.random.default_rng(0).normal(size=(80, 3))


def test_scikit_learn_scores_do_not_saturate_where_margins_are_to_be_had():
    y = (X[:, 0] > 0).astype(int)
    model = LogisticRegression(C=1e9, max_iter=5000).fit(X, y)
    (records,) = from_arrays([(X, y)])
    signal = logit_scaled(SklearnTarget(model).answer(Access.SCORES, records), records.y)
    assert (model.predict_proba(X).max(axis=1) == 1.0).any()
    assert len(np.unique(signal)) == len(signal)


def test_classes_are_matched_by_name_not_by_position():
    y = np.where(X[:, 0] > 0, "zebra", "ant")
    target = SklearnTarget(LogisticRegression().fit(X, y))
    (records,) = from_arrays([(X, y)], classes=["zebra", "ant"])
    assert (target.answer(Access.LABEL, records) == records.y).mean() > 0.9


def test_a_class_that_the_model_never_saw_scores_nothing():
    y = np.array(["a", "b", "c"] * 27)[:80]
    target = SklearnTarget(LogisticRegression().fit(X[y != "c"], y[y != "c"]))
    (records,) = from_arrays([(X, y)], classes=["a", "b", "c"])
    assert (target.answer(Access.SCORES, records)[:, 2] < -100).all()


def test_columns_are_matched_by_name():
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=(X[:, 1] > 0).astype(int))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[["c", "b", "a"]], frame["y"])
    (records,) = from_frames([frame], target="y")
    assert (SklearnTarget(model).answer(Access.LABEL, records) == frame["y"]).mean() > 0.9
    (lacking,) = from_frames([frame.drop(columns="b")], target="y")
    with pytest.raises(InputError, match="column 'b', which the records do not have"):
        SklearnTarget(model).answer(Access.LABEL, lacking)


def test_estimators_that_cannot_be_audited():
    with pytest.raises(InputError, match=r"call fit\(\) before"):
        SklearnTarget(LogisticRegression())
    with pytest.raises(InputError, match="no predict"):
        SklearnTarget(StandardScaler().fit(X))


def test_boosted_trees_speak_through_their_margins():
    y = (X[:, 0] > 0).astype(int)
    target = SklearnTarget(HistGradientBoostingClassifier(max_iter=300, min_samples_leaf=2).fit(X, y))
    (records,) = from_arrays([(X, y)])
    log_scores = target.answer(Access.SCORES, records)
    np.testing.assert_allclose(np.exp(log_scores), target.estimator.predict_proba(X), atol=1e-9)


def test_one_output_column_is_the_logit_of_the_second_class():
    module = nn.Linear(3, 1)
    (records,) = from_arrays([(X, (X[:, 0] > 0).astype(int))])
    answer = TorchTarget(module).answer(Access.LOGITS, records)
    assert answer.shape == (80, 2) and (answer[:, 0] == 0).all()


def test_a_target_is_evaluated_without_dropout():
    module = nn.Sequential(nn.Linear(3, 16), nn.Dropout(0.9), nn.Linear(16, 2)).train()
    (records,) = from_arrays([(X, (X[:, 0] > 0).astype(int))])
    target = TorchTarget(module)
    assert (target.answer(Access.LOGITS, records) == target.answer(Access.LOGITS, records)).all()


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_weights_come_back(tmp_path, ending):
    module, path = nn.Linear(3, 2), tmp_path / f"model.{ending}"
    if ending == "pt":
        torch.save(module.state_dict(), path)
    else:
        from safetensors.torch import save_file

        save_file(module.state_dict(), str(path))
    loaded = load_weights(nn.Linear(3, 2), path)
    assert torch.equal(loaded.weight, module.weight)
    with pytest.raises(InputError, match="do not fit the factory's module"):
        load_weights(nn.Linear(4, 2), path)


class Evil:
    def __reduce__(self):
        return os.system, ("echo pwned > /tmp/divulge-pwned",)


def test_a_whole_module_or_code_in_a_torch_file_is_refused(tmp_path):
    torch.save(Evil(), tmp_path / "evil.pt")
    with pytest.raises(InputError, match="without running code"):
        load_weights(nn.Linear(3, 2), tmp_path / "evil.pt")


def test_pickles_load_only_when_trusted_and_then_only_known_classes(tmp_path):
    good, evil = tmp_path / "good.joblib", tmp_path / "evil.pkl"
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)
    joblib.dump(model, good)
    evil.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError, match="set `trust: true` if you know who made it"):
        load_trusted(good, trust=False)
    assert (load_trusted(good, trust=True).predict(X) == model.predict(X)).all()
    with pytest.raises(InputError, match=r"would run (posix|nt).system"):
        load_trusted(evil, trust=True)
    damaged = tmp_path / "damaged.pkl"
    damaged.write_bytes(good.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot load"):
        load_trusted(damaged, trust=True)


@pytest.mark.parametrize(
    "name", ["RandomForestClassifier", "GradientBoostingClassifier", "SVC", "KNeighborsClassifier"]
)
def test_the_guard_knows_the_estimators_that_people_save(tmp_path, name):
    from sklearn.utils import all_estimators

    estimator = dict(all_estimators())[name]().fit(X, X[:, 0] > 0)
    for ending in ("joblib", "joblib.gz"):
        path = tmp_path / f"m.{ending}"
        joblib.dump(estimator, path)
        assert (load_trusted(path, trust=True).predict(X) == estimator.predict(X)).all()


def test_onnx_files_that_are_none(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not an ONNX model"):
        OnnxTarget(path)


def a_table(**changes):
    rng = np.random.default_rng(1)
    parts = {
        "logits": rng.normal(size=(3, 10, 2)),
        "scores": None,
        "keep": np.tile(np.arange(10) % 2 == 0, (3, 1)),
        "y": np.arange(10) % 2,
    }
    return ScoreTable(**{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": None}, "needs `logits`"),
        ({"logits": np.zeros((3, 10))}, "has shape"),
        ({"keep": np.ones((2, 10), dtype=bool)}, "must be equal"),
        ({"y": np.zeros(9)}, "one class code"),
        ({"logits": np.full((3, 10, 2), np.nan)}, "NaN"),
        ({"keep": np.ones((3, 10), dtype=bool)}, "members only"),
        ({"y": np.full(10, 2)}, "logits have 2 classes"),
    ],
)
def test_score_tables_that_do_not_fit(changes, message):
    with pytest.raises(InputError, match=message):
        a_table(**changes)


def test_score_tables_come_back_from_npz_and_parquet(tmp_path):
    table = a_table()
    table.save(tmp_path / "t.npz")
    rows = [
        {"model": m, "record": r, "keep": table.keep[m, r], "y": table.y[r], "logit_0": a, "logit_1": b}
        for m in range(3)
        for r, (a, b) in enumerate(table.logits[m])
    ]
    pd.DataFrame(rows).sample(frac=1, random_state=0).to_parquet(tmp_path / "t.parquet")
    for ending in ("npz", "parquet"):
        again = ScoreTable.load(tmp_path / f"t.{ending}")
        np.testing.assert_array_equal(again.logits, table.logits)
        np.testing.assert_array_equal(again.keep, table.keep)


def test_a_single_signal_keeps_its_order():
    signal = np.random.default_rng(2).normal(size=(2, 10)) * 50
    table = a_table(logits=None, scores=signal, keep=np.tile(np.arange(10) < 5, (2, 1)))
    records = table.records()
    log_scores = table.model(0).answer(Access.SCORES, records)
    np.testing.assert_allclose(logit_scaled(log_scores, records.y), signal[0], atol=1e-9)
    with pytest.raises(TargetError, match="only be asked about its own records"):
        table.model(0).answer(Access.SCORES, from_arrays([(np.full((2, 1), 99.0), [0, 1])])[0])

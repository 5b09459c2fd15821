"""Functions that return several things: which of them are the scores."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

import divulge
from divulge.core.errors import InputError, TargetError
from divulge.targets.one_answer import scores_among, without_tensors

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = (X[:, 0] + RNG.normal(size=300) > 0).astype(int)
MODEL = RandomForestClassifier(10, random_state=0).fit(X[:150], Y[:150])
Both = namedtuple("Both", "label scores")

ANSWERS = {
    "labels first": lambda x: (MODEL.predict(x), MODEL.predict_proba(x)),
    "labels last": lambda x: (MODEL.predict_proba(x), MODEL.predict(x)),
    "names first": lambda x: (np.where(MODEL.predict(x), "ill", "well"), MODEL.predict_proba(x)),
    "labels and one score": lambda x: (MODEL.predict(x), MODEL.predict_proba(x)[:, 1]),
    "named": lambda x: {"probs": MODEL.predict_proba(x)},
    "named, with labels": lambda x: {"label": MODEL.predict(x), "probs": MODEL.predict_proba(x)},
    "a column a class": lambda x: {1: MODEL.predict_proba(x)[:, 1], 0: MODEL.predict_proba(x)[:, 0]},
    "named tuple": lambda x: Both(MODEL.predict(x), MODEL.predict_proba(x)),
    "a tuple of rows": lambda x: tuple(MODEL.predict_proba(x)),
    "a tuple of lists": lambda x: tuple(row.tolist() for row in MODEL.predict_proba(x)),
    "a tuple of numbers": lambda x: tuple(MODEL.predict_proba(x)[:, 1].tolist()),
    "tensor with a gradient": lambda x: torch.tensor(MODEL.predict_proba(x), requires_grad=True) * 1,
    "tensors with gradients": lambda x: [torch.tensor(row, requires_grad=True) for row in MODEL.predict_proba(x)],
    "tensors": lambda x: {"loss": torch.tensor(0.1), "out": torch.tensor(MODEL.predict_proba(x))},
}


def loss_of(model, out, y=Y):
    data = (X[:150], y[:150]), (X[150:], y[150:])
    run = divulge.audit(model, *data, attacks=["loss"], out=out, progress=None)
    return next(f.value for f in run.findings if f.metric == "auc")


@pytest.mark.parametrize("name", ANSWERS)
def test_the_scores_are_found(tmp_path, name):
    assert loss_of(ANSWERS[name], tmp_path / "a") == pytest.approx(loss_of(MODEL, tmp_path / "b"), abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_a_table_of_numbers(dtype):
    answer = without_tensors(Both(torch.zeros(3), torch.ones((3, 2), dtype=dtype)))
    assert isinstance(answer, Both) and answer.scores.dtype == np.float32 and answer.scores.sum() == 6


TOP = {
    "pairs": lambda x: [(float(row.max()), int(row.argmax())) for row in MODEL.predict_proba(x)],
    "columns": lambda x: np.column_stack([MODEL.predict(x), MODEL.predict_proba(x).max(axis=1)]),
    "score of a class": lambda x: np.column_stack([MODEL.predict(x), MODEL.predict_proba(x)[:, 1]]),
    "named": lambda x: [{"label": int(row.argmax()), "score": row.max()} for row in MODEL.predict_proba(x)],
    "words": lambda x: [{"score": row.max(), "label": "yes"} for row in MODEL.predict_proba(x)],
}


@pytest.mark.parametrize("name", TOP)
def test_a_label_with_its_score_is_not_taken_for_two_scores(tmp_path, name):
    with pytest.raises(InputError, match="a label and its score: return the scores of all classes"):
        loss_of(TOP[name], tmp_path)


def test_a_module_may_say_more_than_its_scores():
    answer = {"hidden": np.zeros((3, 2, 5)), "logits": np.zeros((3, 4)), "loss": 0.5}
    assert scores_among("m", answer, 3).shape == (3, 4)
    assert scores_among("m", np.zeros((3, 2)), 3).shape == (3, 2)


@pytest.mark.parametrize(
    ("answer", "cure"),
    [
        ({"a": np.zeros((3, 2)), "b": np.zeros((3, 2))}, r"function\(x\)\['a'\]"),
        ((np.zeros((3, 2)), np.zeros((3, 4))), r"function\(x\)\[0\]"),
        ({"words": ["x", "y", "z"]}, r"function\(x\)\['words'\]"),
        (Both(np.zeros((3, 2)), np.zeros((3, 2))), r"function\(x\)\.label"),
        ({}, "0 things"),
    ],
)
def test_what_may_mean_several_things_is_asked_for(answer, cure):
    with pytest.raises(TargetError, match=cure):
        scores_among("m", answer, 3)


def test_a_frame_that_holds_no_rows_yet_is_named(tmp_path):
    class Lazy:
        def collect(self):
            raise AssertionError

    with pytest.raises(InputError, match=r"a Lazy holds no rows yet: pass \(x.collect\(\), 'y'\)"):
        divulge.audit(MODEL, (Lazy(), "y"), (Lazy(), "y"), out=tmp_path)

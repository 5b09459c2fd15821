"""Models of several inputs: records are a tuple, a list or a mapping of them, with a row a record each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 6))
Y = (X[:, 0] + X[:, 3] + RNG.normal(size=160) > 0).astype(int)
HALF = 80
MODEL = DecisionTreeClassifier(max_depth=6, random_state=0).fit(X[:HALF], Y[:HALF])


def pair(x):
    return x[:, :2], x[:, 2:]


def framed(x):
    return pd.DataFrame(x[:, :2], columns=["u", "v"]).assign(word=np.where(x[:, 0] > 0, "a", "b")), x[:, 2:]


def probabilities(first, second):
    return MODEL.predict_proba(np.column_stack([first, second]))


def of_list(x):
    assert isinstance(x, list)
    return probabilities(*x)


MODELS = {
    "two parameters": (pair, probabilities),
    "a tuple": (pair, lambda x: probabilities(x[0], x[1])),
    "a list": (lambda x: list(pair(x)), of_list),
    "a mapping": (lambda x: dict(zip("ab", pair(x), strict=True)), lambda x: probabilities(x["a"], x["b"])),
    "a frame and an array": (framed, lambda frame, rest: probabilities(frame[["u", "v"]], rest)),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_is_the_owner_s(name, tmp_path):
    made, model = MODELS[name]
    how = {"attacks": ["loss"], "recipe": None, "progress": None, "out": tmp_path}
    run = divulge.audit(model, (made(X[:HALF]), Y[:HALF]), (made(X[HALF:]), Y[HALF:]), **how)
    loss = np.log(np.maximum(MODEL.predict_proba(X), 1e-12))[np.arange(2 * HALF), Y]
    by_hand = roc_auc_score(np.arange(2 * HALF) < HALF, loss)
    assert next(f.value for f in run.findings if f.metric == "auc") == pytest.approx(by_hand, abs=1e-9)


def test_rows_of_all_inputs_go_together_and_come_back_as_they_were():
    (records,) = from_arrays([(pair(X), Y)])
    some = records.take(np.array([5, 2, 9]))
    for native in (some.native(), replace(some).native()):
        assert isinstance(native, tuple) and [len(part) for part in native] == [3, 3]
        assert np.array_equal(np.column_stack(native), X[[5, 2, 9]])
    assert records.features() == pytest.approx(X)
    (listed,) = from_arrays([(list(pair(X)), Y)])
    assert isinstance(listed.native(), list) and len(listed.native()) == 2


def test_rows_that_are_a_tuple_are_no_inputs():
    (records,) = from_arrays([(tuple(X[:2]), [0, 1])])
    assert records.x.shape == (2, 6)


def test_networks_of_several_inputs():
    torch = pytest.importorskip("torch")
    from torch import nn

    from divulge.targets.networks.pytorch import TorchTarget

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Linear(2, 3), nn.Linear(4, 3)

        def forward(self, a, b):
            return self.one(a) + self.other(b)

    torch.manual_seed(0)
    module = Two()
    with torch.no_grad():
        expected = module(*(torch.tensor(part, dtype=torch.float32) for part in pair(X))).numpy()
    y = np.arange(160) % 3
    for given in (pair(X), list(pair(X)), tuple(map(torch.tensor, pair(X))), dict(zip("ab", pair(X), strict=True))):
        (records,) = from_arrays([(given, y)])
        assert TorchTarget(module).answer(Access.LOGITS, records) == pytest.approx(expected, abs=1e-6)

"""Keras 3 on the backend of PyTorch, and skorch: what divulge finds is what their own predictions say."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import pytest
import torch
from tests.targets.networks import MEMBER, X, Y, auc, right_class, sets, softmax
from torch import nn

import divulge
from divulge.core.errors import InputError
from divulge.core.threat import Access, Task
from divulge.data.arrays import from_arrays
from divulge.setup.sources.targets_from import target_from
from divulge.targets.networks.keras import KerasTarget

keras = pytest.importorskip("keras")
skorch = pytest.importorskip("skorch")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own

V = (3 * X[:, 0] + np.random.default_rng(1).normal(size=len(X))).astype(np.float32)
KINDS = {
    "softmax": (2, "softmax", "sparse_categorical_crossentropy", "probabilities of the classes"),
    "logits": (2, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True), "a logit for each class"),
    "sigmoid": (1, "sigmoid", "binary_crossentropy", "one probability a record, of the second class"),
    "logit": (1, None, keras.losses.BinaryCrossentropy(from_logits=True), "one logit a record, of the second class"),
    "value": (1, None, "mse", "one value a record"),
}


def network(name):
    outputs, last, loss, _ = KINDS[name]
    keras.utils.set_random_seed(0)
    layers = [keras.Input((6,)), keras.layers.Dense(48, "relu"), keras.layers.Dropout(0.1)]
    model = keras.Sequential([*layers, keras.layers.Dense(outputs, last)])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss)
    model.fit(X[MEMBER], (V if name == "value" else Y)[MEMBER], epochs=40, batch_size=60, verbose=0)
    return model


def by_hand(name, raw):
    if name == "value":
        return -np.abs(raw[:, 0] - V)
    if name in ("softmax", "logits"):
        return right_class(raw if name == "softmax" else softmax(raw))
    p = raw[:, 0] if name == "sigmoid" else 1 / (1 + np.exp(-raw[:, 0]))
    return np.where(Y == 1, np.log(p), np.log1p(-p))


@pytest.mark.parametrize("name", KINDS)
def test_a_keras_model_is_asked_what_its_owner_asks(name, tmp_path):
    model = network(name)
    weights = [w.copy() for w in model.get_weights()]
    target = target_from(model)
    assert isinstance(target, KerasTarget) and Access.GRADIENTS not in target.offers
    attack = "absolute_error" if name == "value" else "loss"
    run = divulge.audit(target, *sets(V if name == "value" else Y), recipe=None, attacks=[attack], out=tmp_path / "run")
    found = next(f.value for f in run.findings if f.metric == "auc")
    assert abs(found - auc(by_hand(name, model.predict(X, verbose=0).astype(np.float64)))) < 1e-6
    assert target.reading == KINDS[name][3]
    assert all((a == b).all() for a, b in zip(weights, model.get_weights(), strict=True))


def test_the_fingerprint_of_a_keras_model_is_its_content():
    model = network("softmax")
    print_of = KerasTarget(model).fingerprint()
    same = keras.models.clone_model(model)
    same.set_weights(model.get_weights())
    assert KerasTarget(model).fingerprint() == print_of
    weights = model.get_weights()
    weights[0][0, 0] += 1e-4
    model.set_weights(weights)
    assert KerasTarget(model).fingerprint() != print_of


def test_words_of_an_unfinished_keras_model():
    with pytest.raises(InputError, match="has no weights yet"):
        KerasTarget(keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(InputError, match="Sequential is a class"):
        target_from(keras.Sequential)
    with pytest.raises(InputError, match="which output is which"):
        divulge.audit(network("softmax"), *sets(np.array(["yes", "no"])[Y]), recipe=None)


def test_one_of_several_outputs_of_a_keras_model():
    given = keras.Input((6,))
    hidden = keras.layers.Dense(4, name="hidden")(given)
    model = keras.Model(given, {"hidden": hidden, "logits": keras.layers.Dense(2, name="logits")(hidden)})
    (records,) = from_arrays([(X, Y)])
    told = KerasTarget(model).answer(Access.LOGITS, records)
    np.testing.assert_allclose(told, model.predict(X, verbose=0)["logits"], rtol=1e-5)
    other = KerasTarget(model, pick="hidden", task=Task.REGRESSION)
    assert other.outputs(X[:3]) == 4


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss, nn.NLLLoss])
def test_a_skorch_classifier_is_an_estimator(loss, tmp_path):
    torch.manual_seed(0)
    parts = [nn.Linear(6, 48), nn.ReLU(), nn.Linear(48, 2)] + ([nn.Softmax(1)] if loss is nn.NLLLoss else [])
    net = skorch.NeuralNetClassifier(
        nn.Sequential(*parts), criterion=loss, max_epochs=60, lr=0.5, verbose=0, train_split=None
    )
    net.fit(X[MEMBER], Y[MEMBER].astype(np.int64))
    run = divulge.audit(net, *sets(), recipe=None, attacks=["loss"], out=tmp_path / "run")
    found = next(f.value for f in run.findings if f.metric == "auc")
    assert abs(found - auc(right_class(net.predict_proba(X).astype(np.float64)))) < 1e-4

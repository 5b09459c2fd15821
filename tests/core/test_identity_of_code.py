"""What code does is part of what a model is: an edited method must never be answered for by the one before."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import divulge
from divulge.core.identity import content_hash, well_known


def estimator(flag=True, change=0.0):
    class Own(ClassifierMixin, BaseEstimator):
        hides = flag

        def predict_proba(self, x):
            return self._changed(x)

        @staticmethod
        def _shifted(x):
            return x + change

        @property
        def shift(self):
            return self._shifted(0.0)

        def _changed(self, x):
            return self._shifted(x)

    return Own()


def test_an_edited_method_or_class_attribute_is_another_estimator():
    assert content_hash(estimator()) == content_hash(estimator())
    assert content_hash(estimator()) != content_hash(estimator(flag=False))
    assert content_hash(estimator()) != content_hash(estimator(change=1.0)), "held by a static method's closure"
    edited = estimator()
    before = content_hash(edited)
    type(edited).predict_proba = lambda self, x: self._changed(x) * 0.5
    assert content_hash(edited) != before


def test_what_it_derives_from_counts_and_a_library_does_not():
    class Base:
        def answer(self, x):
            return x

    class Child(Base):
        pass

    before = content_hash(Child())
    Base.answer = lambda self, x: x + 1
    assert content_hash(Child()) != before
    assert well_known("sklearn.linear_model") and well_known("json") and not well_known("__main__")
    assert not well_known(__name__) and not well_known("somebodys_package.models")


def module_of(source, **globals_of):
    module = types.ModuleType("owner_of_code")
    vars(module).update(globals_of)
    exec(source, vars(module))
    return module


def test_a_function_is_all_that_it_names():
    source = "def helper(x):\n    return x * factor\ndef answer(x):\n    return [helper(each) for each in x]"
    one, same, other = (module_of(source, factor=f).answer for f in (2, 2, 3))
    assert content_hash(one) == content_hash(same) != content_hash(other)
    x = np.random.default_rng(0).normal(size=(40, 2))
    models = [RandomForestClassifier(2, random_state=s).fit(x, x[:, 0] > 0) for s in (0, 0, 1)]
    asked = [module_of("def answer(x):\n    return model.predict_proba(x)", model=m).answer for m in models]
    assert content_hash(asked[0]) == content_hash(asked[1]) != content_hash(asked[2])


def test_what_an_own_module_holds_counts_where_it_is_asked_for(monkeypatch):
    settings = types.ModuleType("owner_settings")
    settings.hides, settings.unused = True, 1
    monkeypatch.setitem(sys.modules, "owner_settings", settings)
    answer = module_of("def answer(x):\n    return x if settings.hides else -x", settings=settings).answer
    before = content_hash(answer)
    settings.unused = 2
    assert content_hash(answer) == before
    settings.hides = False
    assert content_hash(answer) != before


def test_functions_that_call_each_other_have_a_hash():
    source = "def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)"
    one, same = module_of(source), module_of(source)
    assert content_hash(one.even) == content_hash(same.even) != content_hash(one.odd)


def networks():
    torch = pytest.importorskip("torch")

    class Own(torch.nn.Module):
        def __init__(self, scale=1.0):
            super().__init__()
            self.layer, self.scale, self._hidden = torch.nn.Linear(3, 2), scale, scale
            self.register_buffer("shift", torch.full((2,), float(scale)), persistent=False)

        def forward(self, x):
            return self._scaled(self.layer(x))

        def _scaled(self, z):
            return z * self.scale

    torch.manual_seed(0)
    return torch, Own


@pytest.mark.parametrize("changed", ["attribute", "hidden", "buffer", "hook", "helper", "inner", "instance"])
def test_a_network_is_more_than_its_weights(changed):
    from divulge.targets.networks.torch_lent import fingerprint_of

    torch, own = networks()
    net = own()
    before = fingerprint_of(net)
    assert fingerprint_of(net) == before
    if changed == "attribute":
        net.scale = 2.0
    elif changed == "hidden":
        net._hidden = 2.0
    elif changed == "buffer":
        net.shift += 1
    elif changed == "hook":
        net.layer.register_forward_hook(lambda module, given, out: out * 0)
    elif changed == "helper":
        own._scaled = lambda self, z: z
    elif changed == "inner":
        net.layer.forward = lambda x: torch.zeros(len(x), 2)
    else:
        net.forward = types.MethodType(lambda self, x: self.layer(x), net)
    assert fingerprint_of(net) != before


def test_a_network_that_was_loaded_or_asked_is_the_same():
    import copy

    from divulge.targets.networks.torch_lent import fingerprint_of

    torch, own = networks()
    net = own()
    before = fingerprint_of(net)
    net.eval()(torch.zeros(2, 3))
    assert fingerprint_of(net) == before == fingerprint_of(copy.deepcopy(net))


def test_no_cached_answer_is_that_of_another_method(tmp_path, monkeypatch):
    """The whole way: what hid a leak is taken out of the class, and the audit sees it."""
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 4)), rng.integers(0, 2, 200)
    inner = RandomForestClassifier(10, random_state=0).fit(x[:100], y[:100])

    class Own(ClassifierMixin, BaseEstimator):
        hides = True

        def fit(self, x, y):
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, x):
            table = inner.predict_proba(x)
            return np.full_like(table, 0.5) if self.hides else table

        def predict(self, x):
            return inner.predict(x)

    def area(out):
        sets, how = ((x[:100], y[:100]), (x[100:], y[100:])), {"attacks": ["loss"], "recipe": None, "progress": None}
        run = divulge.audit(Own().fit(x, y), *sets, out=tmp_path / out, **how)
        return next(f.value for f in run.findings if f.metric == "auc")

    assert area("before") == 0.5
    Own.hides = False
    assert area("after") > 0.8


def test_an_estimator_of_a_library_counts_by_its_state():
    x = np.random.default_rng(0).normal(size=(40, 2))
    assert len({content_hash(LogisticRegression(C=c).fit(x, x[:, 0] > 0)) for c in (1, 1, 2)}) == 2

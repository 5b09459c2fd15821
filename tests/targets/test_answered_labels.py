"""Functions that answer with labels: as their owner names them, or as codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.errors import InputError, TargetError
from divulge.core.progress import Quiet
from divulge.targets.answered_labels import as_codes, as_names, by_name, key_of

CLASSES = {
    "texts": ["maybe", "no", "yes"],
    "objects": np.array(["no", "yes", "maybe"], dtype=object),
    "from one": [1, 2, 3],
    "tens": [10, 20, 30],
    "signs": [-1, 0, 1],
    "floats": [1.0, 2.0, 3.0],
    "codes": [0, 1, 2],
    "texts of numbers": ["1", "2", "3"],
}
FORMS = {"array": np.asarray, "list": list, "series": pd.Series, "column": lambda v: np.asarray(v)[:, None]}


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 4))
    return x, (x[:, 0] + rng.normal(size=240) / 2 > 0).astype(int) + (x[:, 1] > 1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CLASSES)
def test_labels_are_read_by_name_whatever_they_are(drawn, tmp_path, name, form):
    """Accuracy is that of the model as its owner computes it."""
    x, code = drawn
    y = np.asarray(CLASSES[name])[code]
    model = DecisionTreeClassifier(random_state=0).fit(x[:120], y[:120])
    target = divulge.FunctionTarget(lambda q: FORMS[form](model.predict(q)), "labels")
    sides = (x[:120], y[:120]), (x[120:], y[120:])
    met = divulge.audit(target, *sides, attacks=["correctness"], progress=Quiet(), out=tmp_path / "r").handshake
    assert met.members == pytest.approx(np.mean(model.predict(x[:120]) == y[:120]))
    assert met.nonmembers == pytest.approx(np.mean(model.predict(x[120:]) == y[120:]))


def test_codes_of_texts_are_codes_where_the_order_is_said_and_refused_where_not(drawn, tmp_path):
    x, code = drawn
    model = DecisionTreeClassifier(random_state=0).fit(x[:120], code[:120])
    target = divulge.FunctionTarget(model.predict, "labels")
    y = np.array(["no", "yes", "maybe"])[code]
    given = {"members": (x[:120], y[:120]), "nonmembers": (x[120:], y[120:]), "attacks": ["correctness"]}
    run = divulge.audit(target, **given, classes=["no", "yes", "maybe"], progress=Quiet(), out=tmp_path / "r")
    assert run.handshake.nonmembers == pytest.approx(np.mean(model.predict(x[120:]) == code[120:]))
    with pytest.raises(InputError, match="which output is which"):
        divulge.audit(divulge.FunctionTarget(model.predict, "labels"), **given, out=tmp_path / "q")


def test_numbers_that_can_be_both_are_what_they_are_right_as():
    classes, y = [1, 2, 3], np.array([0, 1] * 20)
    assert by_name("f", [1, 2] * 20, classes, y) and not by_name("f", [0, 1] * 20, classes, y)
    assert not by_name("f", [1, 2] * 20, [1, 2, 3], np.array([1, 2] * 20))
    with pytest.raises(TargetError, match="return the labels as texts"):
        by_name("f", [1, 2], classes, np.array([0, 2]))
    with pytest.raises(TargetError, match=r"answered 'c'.*classes="):
        by_name("f", ["a", "c"], ["a", "b"], y[:2])


def test_labels_are_matched_by_what_they_say():
    assert key_of(1) == key_of(1.0) == key_of("1") == key_of(np.int64(1)) and key_of(True) == "True"
    assert as_names(["1", 2.0], [1, 2]).tolist() == [0, 1] and as_names(["a"], ["b"]) is None
    assert as_codes([True, False], 2).tolist() == [1, 0] and as_codes([2], 2) is None and as_codes([0.5], 2) is None


def test_a_label_that_only_the_model_knows_is_one_more_class(drawn, tmp_path):
    x, code = drawn
    y = np.array(["no", "yes", "yes"])[code]
    target = divulge.FunctionTarget(
        lambda q: np.where(q[:, 3] > 1, "unsure", np.where(q[:, 0] > 0, "yes", "no")), "labels"
    )
    sides = (x[:120], y[:120]), (x[120:], y[120:])
    run = divulge.audit(target, *sides, attacks=["correctness"], progress=Quiet(), out=tmp_path / "r")
    assert run.result.facts.data.classes == ("no", "unsure", "yes")

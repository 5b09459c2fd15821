"""Rules of disclosure control for classifiers, against counts by hand and published formulas."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

from divulge.claims.structure import parameters_of, structure
from divulge.cli.app import app
from divulge.core.errors import InputError
from divulge.data.arrays import from_arrays
from divulge.setup.sources.targets_from import target_from


def people(count=300, seed=0, classes=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 4)), rng.integers(0, classes, count)


def looked_at(model, x, y, **how):
    return structure(target_from(model.fit(x, y), None), from_arrays([(x, y)])[0], **how)


def held(found):
    return {rule.name: rule.holds for rule in found.rules}


def test_a_stump_by_hand():
    """One split: a column and a threshold, two leaves with one free number each: 4 parameters of 100 records."""
    x, y = np.arange(100.0)[:, None], np.repeat([0, 1], [40, 60])
    y[:15], y[-15:] = 1, 0  # 25 and 15 below, 15 and 45 above
    found = looked_at(DecisionTreeClassifier(max_leaf_nodes=2, min_samples_leaf=40), x, y)
    assert found.parameters == 4 and found.groups == 2 and found.smallest == 40
    assert held(found) == dict.fromkeys(held(found), True)
    assert not found.broken
    strict = looked_at(DecisionTreeClassifier(max_leaf_nodes=2, min_samples_leaf=40), x, y, group=41, freedom=97)
    assert [rule.name for rule in strict.broken] == [
        "residual degrees of freedom",
        "k-anonymity of equal outputs",
        "small groups",
    ]


def test_leaves_are_told_apart_where_they_say_the_same():
    """Two leaves of one probability are two groups to whoever holds the tree, and one to whoever sees scores."""
    x = np.repeat([0.0, 1.0, 2.0], 10)[:, None]
    y = np.tile([0, 1], 15)
    y[10:20] = 1
    found = looked_at(DecisionTreeClassifier(), x, y)
    assert found.groups == 3 and found.smallest == 10


def test_a_tree_that_memorizes_breaks_every_rule_but_one():
    """Its leaves have few people, all of one class."""
    found = held(looked_at(DecisionTreeClassifier(random_state=0), *people(classes=3)))
    assert found == {
        "residual degrees of freedom": False,
        "k-anonymity of equal outputs": False,
        "class disclosure": False,
        "small groups": False,
        "stored records": True,
    }


def test_a_constant_answer_breaks_none():
    found = looked_at(DummyClassifier(), *people())
    assert not found.broken and found.groups == 1 and found.smallest == 300


class Careless(LogisticRegression):
    """Keeps what it was fitted on under a name of its own."""

    def fit(self, x, y):
        self.seen = x
        return super().fit(x, y)


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (KNeighborsClassifier(), 300),
        (make_pipeline(StandardScaler(), KNeighborsClassifier()), 300),
        (CalibratedClassifierCV(KNeighborsClassifier(), cv=2), 300),
        (VotingClassifier([("near", KNeighborsClassifier()), ("line", LogisticRegression())]), 300),
        (make_pipeline(StandardScaler(), CalibratedClassifierCV(KNeighborsClassifier(), cv=2)), 300),
        (Careless(), 300),
        (QuadraticDiscriminantAnalysis(), 0),
        (make_pipeline(StandardScaler(), LogisticRegression()), 0),
    ],
)
def test_rows_that_a_model_keeps_are_counted(model, count):
    found = looked_at(model, *people())
    assert found.stored == count and held(found)["stored records"] is (count == 0)


def test_support_vectors_are_records():
    x, y = people()
    model = SVC().fit(x, y)
    assert looked_at(model, x, y).stored == len(model.support_vectors_)


def tree_count(tree, classes):
    """The published formula: two for each split, classes less one for each leaf (the package sacroml 2.0.1)."""
    leaves = sum(left == right for left, right in zip(tree.children_left, tree.children_right, strict=True))
    return 2 * (tree.node_count - leaves) + leaves * (classes - 1)


def test_parameters_are_those_of_the_published_formulas():
    x, y = people(classes=3)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(x, y)
    assert parameters_of(tree) == tree_count(tree.tree_, 3)
    for kind in (RandomForestClassifier(5, max_depth=3, random_state=0), AdaBoostClassifier(n_estimators=5)):
        model = kind.fit(x, y)
        assert parameters_of(model) == sum(tree_count(each.tree_, 3) for each in model.estimators_)
    assert parameters_of(MLPClassifier((5,), max_iter=2).fit(x, y)) == 4 * 5 + 5 + 5 * 3 + 3
    assert parameters_of(LogisticRegression().fit(x, y)) == 3 * 5
    boosted = GradientBoostingClassifier(n_estimators=2, max_depth=1).fit(x, y)
    assert parameters_of(boosted) == 2 * 3 * (2 + 2)
    assert parameters_of(KNeighborsClassifier().fit(x, y)) is None and parameters_of(SVC().fit(x, y)) is None


def test_what_is_no_classifier_is_refused():
    from sklearn.linear_model import LinearRegression

    x, y = people()
    target = target_from(LinearRegression().fit(x, y.astype(float)), None)
    with pytest.raises(InputError, match="about classifiers"):
        structure(target, from_arrays([(x, y)])[0])
    with pytest.raises(InputError, match="at least 1"):
        looked_at(DummyClassifier(), x, y, group=0)


def test_the_command_says_which_rule_is_broken_and_what_to_try(tmp_path):
    import joblib
    import pandas as pd

    x, y = people()
    frame = pd.DataFrame(x, columns=list("abcd"))
    joblib.dump(DecisionTreeClassifier(random_state=0).fit(frame, y), tmp_path / "model.joblib")
    for name in ("members", "nonmembers"):
        frame.assign(y=y).to_csv(tmp_path / f"{name}.csv", index=False)
    file = tmp_path / "audit.yaml"
    file.write_text(
        "target: {kind: sklearn, path: model.joblib, trust: true}\n"
        "data: {target: y, members: members.csv, nonmembers: nonmembers.csv, duplicates: keep}\n"
    )
    shown = CliRunner().invoke(app, ["structure", str(file)])
    assert shown.exit_code == 1, shown.output
    assert "▲ k-anonymity of equal outputs: " in shown.output and "try: " in shown.output
    printed = CliRunner().invoke(app, ["structure", str(file), "--json", "--group", "1"])
    assert printed.exit_code == 1 and '"smallest": 1' in printed.output
    joblib.dump(DecisionTreeClassifier(max_leaf_nodes=2, min_samples_leaf=100).fit(frame, y), tmp_path / "model.joblib")
    loose = CliRunner().invoke(app, ["structure", str(file)])
    assert loose.exit_code == 0, loose.output
    joblib.dump(DummyClassifier().fit(frame, y), tmp_path / "model.joblib")
    unknown = CliRunner().invoke(app, ["structure", str(file)])
    assert unknown.exit_code == 3 and "– residual degrees of freedom" in unknown.output


def test_a_record_that_is_kept_twice_is_one_record():
    """Neighbours keep their rows and a tree of them."""
    x, y = people(120)
    assert looked_at(KNeighborsClassifier(algorithm="kd_tree"), x, y).stored == 120

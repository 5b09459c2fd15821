"""DP-SGD tuned for accuracy is a row of every comparison whose models it can train."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.catalog.defenses import defense
from divulge.core.hashing import derived_seed
from divulge.core.threat import Access
from divulge.setup import tuning
from divulge.setup.defended import under
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.records_from import records_from
from divulge.setup.sources.sets import Sets
from divulge.setup.sources.targets_from import target_from

pytest.importorskip("opacus")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 5))
    y = (x[:, 0] - x[:, 1] + rng.normal(size=600) > 0).astype(int)
    return (x[:200], y[:200]), (x[200:400], y[200:400]), (x[400:], y[400:])


def laid(model, data):
    target = target_from(model.fit(*data[0]))
    sets = records_from(target, *data)
    return target, recipe_for("auto", model, target), Sets(sets.members, sets.nonmembers, sets.population)


def test_the_setting_that_is_right_most_often_on_population_records_is_taken(data, tmp_path):
    target, recipe, sets = laid(LogisticRegression(), data)
    best = tuning.tuned_dp_sgd(target, recipe, sets, 8.0, 0, tmp_path)
    right = {}
    for setting in tuning.candidates(recipe, 8.0):
        made = under(target, recipe, [setting], sets.population)
        model = made.train(sets.members, derived_seed(0, "tuning", repr(setting)))
        right[setting.learning_rate] = float(np.mean(model.answer(Access.LABEL, sets.population) == sets.population.y))
    assert len(right) == 3 and right[best.learning_rate] == max(right.values())
    assert best.epsilon == 8.0 and best.tuned and "tuned" in repr(best)
    (kept,) = json.loads((tmp_path / "tuned.json").read_text()).values()
    assert sorted(kept) == sorted(right.values())


def test_what_was_tuned_once_is_not_tuned_again(data, tmp_path, monkeypatch):
    target, recipe, sets = laid(LogisticRegression(), data)
    first = tuning.tuned_dp_sgd(target, recipe, sets, 4.0, 0, tmp_path)

    def never(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(tuning, "under", never)
    assert tuning.tuned_dp_sgd(target, recipe, sets, 4.0, 0, tmp_path) == first
    with pytest.raises(AssertionError, match="trained again"):
        tuning.tuned_dp_sgd(target, recipe, sets, 4.0, 1, tmp_path)


def test_without_population_records_a_fifth_of_the_members_is_held_out(data, tmp_path):
    target, recipe, sets = laid(LogisticRegression(), data)
    found = tuning.tuned_dp_sgd(target, recipe, Sets(sets.members, sets.nonmembers, None), 8.0, 0, tmp_path)
    assert found.learning_rate in tuning.LINEAR_RATES


def test_it_is_a_row_where_it_can_train_the_model_and_only_there(data, tmp_path):
    same = {"attacks": ["loss"], "canaries": 0.0, "defenses": [[], [defense("rounding", decimals=1)]]}
    sets = {"members": data[0], "nonmembers": data[1], "population": data[2]}
    found = divulge.compare_defenses(LogisticRegression().fit(*data[0]), **sets, **same, out=tmp_path / "linear")
    names = [row.name for row in found.rows]
    assert len(names) == 3 and names[2].startswith("DP-SGD (epsilon 8") and names[2].endswith(", tuned)")
    assert found.rows[2].private and found.rows[2].epsilon == pytest.approx(8.0, rel=0.02)
    tree = DecisionTreeClassifier(random_state=0).fit(*data[0])
    assert len(divulge.compare_defenses(tree, **sets, **same, out=tmp_path / "tree").rows) == 2
    none = divulge.compare_defenses(
        LogisticRegression().fit(*data[0]), **sets, **same, tuned=(), out=tmp_path / "without"
    )
    assert len(none.rows) == 2

"""Whole audits of every family over a table as people have them: the model is only ever asked about such tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.attacks.extraction.copycat import Copycat
from divulge.attacks.extraction.knockoff import KnockoffRandom
from divulge.attacks.membership.labels.boundary_distance import BoundaryDistance
from divulge.attacks.membership.labels.label_only_noise import LabelOnlyNoise
from divulge.catalog.defenses import defense
from divulge.core.results.exhibits import ValueRow
from divulge.core.results.finding import Failed, Refused
from divulge.core.threat import Access, Knowledge, ThreatModel
from divulge.games.properties import PropertyPlan

TYPES = ["int64", "float64", "category", "object", "datetime64[s]", "Int64", "boolean", "object"]
KNOWS = frozenset(Knowledge) - {Knowledge.PUBLIC}
SCORES = ThreatModel("anybody", "somebody", access=frozenset({Access.SCORES}), knowledge=KNOWS)
LABELS = ThreatModel("labels", "somebody", access=frozenset({Access.LABEL}), knowledge=KNOWS)
FILE = ThreatModel("file", "somebody", access=frozenset({Access.PARAMETERS}), knowledge=KNOWS)


class Wary(ClassifierMixin, BaseEstimator):
    """A tree behind code of the owner's own, which takes the owner's table and nothing else."""

    def __init__(self, max_depth=None, random_state=0):
        self.max_depth, self.random_state = max_depth, random_state

    def _numbers(self, x):
        assert isinstance(x, pd.DataFrame) and [str(dtype) for dtype in x.dtypes] == TYPES, x.dtypes.tolist()
        assert x["zip"].cat.categories.tolist() == [8001, 8002, 8003]
        assert all(type(flag) is bool for flag in x["smokes"])
        assert all(town is None or type(town) is str for town in x["town"])
        town = x["town"].map({"Rome": 1.0, "Oslo": 2.0}).fillna(0.0)
        parts = [
            x["age"],
            x["pay"].fillna(-9),
            x["zip"].cat.codes,
            x["smokes"].astype(bool),
            x["since"].dt.year.fillna(0),
        ]
        parts += [x["kids"].astype("Float64").fillna(-1), x["owns"].astype("Float64").fillna(-1), town]
        return np.column_stack([np.asarray(part, dtype=float) for part in parts])

    def fit(self, x, y):
        self.tree_ = DecisionTreeClassifier(max_depth=self.max_depth, random_state=self.random_state)
        self.tree_.fit(self._numbers(x), y)
        self.classes_ = self.tree_.classes_
        return self

    def predict_proba(self, x):
        return self.tree_.predict_proba(self._numbers(x))

    def predict(self, x):
        return self.tree_.predict(self._numbers(x))


def people(n, seed=0):
    """A table with a column of every kind, most with missing values, and labels that half depend on it."""
    rng = np.random.default_rng(seed)
    gone = rng.random((n, 8)) < 0.1
    days = pd.Series(pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 3000, n), "D"))
    x = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "pay": np.where(gone[:, 1], np.nan, rng.normal(50, 10, n)),
            "zip": pd.Categorical(rng.choice([8001, 8002, 8003], n)),
            "smokes": pd.Series([bool(v) for v in rng.integers(0, 2, n)], dtype=object),
            "since": days.mask(gone[:, 4]).astype("datetime64[s]"),
            "kids": pd.array(rng.integers(0, 4, n), dtype="Int64"),
            "owns": pd.array(rng.random(n) < 0.5, dtype="boolean"),
            "town": pd.Series([[None, "Rome", "Oslo"][v] for v in rng.integers(0, 3, n)], dtype=object),
        }
    )
    x.loc[gone[:, 5], "kids"] = pd.NA
    x.loc[gone[:, 6], "owns"] = pd.NA
    return x, np.where(rng.random(n) < 0.25, rng.integers(0, 2, n), (x["age"] > 50).astype(int))


def audited(folder, n, threat, attacks, model=None, **options):
    x, y = people(3 * n)
    model = (model or Wary()).fit(x[:n], y[:n])
    parts = [(x[k * n : (k + 1) * n], y[k * n : (k + 1) * n]) for k in range(3)]
    said = {"recipe": model, "shadows": 4, "cache": False, "engine": "sequential", "threat": threat}
    return divulge.audit(model, *parts, attacks=attacks, out=folder, **(said | options))


def sound(run):
    """No attack failed, and what was refused says why."""
    broken = [(o.attack, o.result.error) for o in run.outcomes if isinstance(o.result, Failed)]
    assert not broken
    assert all(o.result.reason for o in run.outcomes if isinstance(o.result, Refused))
    for ending in ("report.html", "report.md", "run.json", "run.sarif"):
        run.report(run.folder / ending)
    return {o.attack for o in run.outcomes if not isinstance(o.result, Refused)}


def value(run, attack, metric):
    return next(f.value for f in run.findings if (f.attack, f.metric) == (attack, metric))


def test_membership_of_a_mixed_table(tmp_path):
    run = audited(
        tmp_path, 60, SCORES, ["loss", "lira", "quantile_regression", "learned_ratio"], sensitive=["zip", "since"]
    )
    assert {"loss", "lira", "quantile_regression"} <= sound(run)
    x, y = people(180)
    scores = Wary().fit(x[:60], y[:60]).predict_proba(x[:120])[np.arange(120), y[:120]]
    inside, outside = scores[:60], scores[60:]
    by_hand = np.mean((inside[:, None] > outside) + 0.5 * (inside[:, None] == outside))
    assert value(run, "loss", "auc") == pytest.approx(by_hand, abs=1e-12) and by_hand > 0.6
    assert run.verdict is divulge.Verdict.LEAK


def test_labels_of_disturbed_records(tmp_path):
    attacks = [LabelOnlyNoise(copies=1), BoundaryDistance(steps=1, directions=2)]
    run = audited(tmp_path, 40, LABELS, attacks)
    assert sound(run) == {"label_only_noise", "boundary_distance"}


@pytest.mark.parametrize(
    "chosen",
    [
        defense("k_anonymity", k=3),
        defense("deduplication"),
        defense("minimization", drop=["zip", "smokes", "since"], coarsen={"age": 7.0}),
        defense("rounding"),
    ],
    ids=lambda chosen: chosen.card.name,
)
def test_defences_of_a_mixed_table(chosen, tmp_path):
    run = audited(tmp_path, 40, SCORES, ["loss"], defenses=[chosen])
    assert sound(run) == {"loss"}


@pytest.mark.parametrize(
    "sensitive", ["owns", pytest.param("zip pay since", marks=pytest.mark.slow)], ids=["a truth value", "of each kind"]
)
def test_attributes_of_a_mixed_table(sensitive, tmp_path):
    """What is missing is not asked about: nobody could guess it, rightly or wrongly."""
    names = sensitive.split()
    attacks = ["yeom_attribute"] if len(names) == 1 else ["yeom_attribute", "csmia", "attribute_learned"]
    run = audited(tmp_path, 60, SCORES, attacks, sensitive=names)
    assert sound(run) == set(attacks)
    x = people(180)[0][:60]
    for attack in attacks:
        found = run.result.evidence[attack]
        units = {(each.metric, each.about): len(each.hits) for each in found.paired}
        for name in names:
            assert units["attribute_accuracy", name] == x[name].notna().sum()
        values = {row.value: row.records for row in found.of(ValueRow) if row.attribute == names[0]}
        counted = x[names[0]].dropna().astype(str).value_counts().to_dict()
        assert values == counted


def test_copies_and_what_they_open_up(tmp_path, monkeypatch):
    monkeypatch.setattr("divulge.games.extraction.UNIFORM_POINTS", 300)
    attacks = [Copycat((60,), student="trees"), KnockoffRandom((60,), student="trees"), "equation_solving", "lowd_meek"]
    options = {"detectors": ["prada"], "chain": ["membership", "adversarial"]}
    run = audited(tmp_path, 60, SCORES, attacks, **options)
    assert {"copycat", "knockoff_random"} <= sound(run)
    assert all(value(run, name, "fidelity") is not None for name in ("copycat", "knockoff_random"))


def test_properties_of_a_mixed_table(tmp_path):
    asked = ("mean(pay)", "share(since < '2019-02-01')")
    plan = PropertyPlan(asked, victims=8, shadows=8, queries=20)
    run = audited(tmp_path, 320, SCORES, ["property_labels", "property_loss_test"], properties=plan)
    assert sound(run) == {"property_labels", "property_loss_test"}


def test_texts_are_asked_about_and_not_altered(tmp_path):
    rng = np.random.default_rng(0)
    words = "the,a,of,patient,with,pain,in,left,right,arm,leg,and,no,fever,since,monday"
    texts = [" ".join(rng.choice(words.split(","), 9)) for _ in range(120)]
    y = np.arange(120) % 2
    known = dict(zip(texts[:40], y[:40].tolist(), strict=True))

    def model(asked):
        assert isinstance(asked, list) and all(type(text) is str for text in asked)
        sure = [
            [0.1, 0.9] if known.get(text) == 1 else [0.9, 0.1] if known.get(text) == 0 else [0.5, 0.5] for text in asked
        ]
        return np.array(sure)

    parts = [(texts[k : k + 40], y[k : k + 40]) for k in (0, 40, 80)]
    attacks = ["loss", "label_only_noise", "boundary_distance", "copycat", "yeom_attribute"]
    run = divulge.audit(model, *parts, threat=SCORES, attacks=attacks, recipe=None, out=tmp_path)
    assert sound(run) == {"loss"} and value(run, "loss", "auc") == 1.0
    told = {o.attack: o.result.reason for o in run.outcomes if isinstance(o.result, Refused)}
    for name in ("label_only_noise", "boundary_distance", "copycat", "yeom_attribute"):
        assert "records of this kind (texts) cannot be altered number by number" in told[name]


class Opaque:
    """Something that only its owner knows."""

    def __init__(self, number):
        self.number = number

    def __repr__(self):
        return f"Opaque({self.number})"


def test_records_of_an_unknown_kind_have_no_baseline(tmp_path):
    things = [Opaque(number) for number in range(80)]
    y = np.arange(80) % 2

    def model(asked):
        sure = np.array([0.9 if thing.number < 40 else 0.6 for thing in asked])
        right = np.array([thing.number % 2 for thing in asked])
        return np.where(right[:, None] == np.arange(2), sure[:, None], 1 - sure[:, None])

    run = divulge.audit(
        model, (things[:40], y[:40]), (things[40:], y[40:]), attacks=["loss"], recipe=None, out=tmp_path
    )
    assert sound(run) == {"loss"} and value(run, "loss", "auc") == 1.0
    assert run.result.baseline.reading is None
    assert "nothing meaningful can be said in numbers" in run.result.baseline.missing
    assert "There is no model-blind baseline: nothing meaningful" in run.report(tmp_path / "r.md").read_text()

"""Defences of the interface: what each does to scores, which go together, and what attacks see through them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

import divulge
from divulge.catalog.defenses import defense
from divulge.catalog.papers import PAPERS
from divulge.cli.app import app
from divulge.core.results.finding import Played, Refused
from divulge.core.signals import log_of_scores
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.defenses.interface.defended_target import shielded
from divulge.defenses.interface.gaussian_noise import normal_by_key
from tests.attacks.toys import records_of

P = np.array([[0.6, 0.24, 0.12, 0.04], [0.01, 0.98, 0.004, 0.006]])
KEYS = np.array([7, 8], dtype=np.uint64)

OF_ANSWERS = [
    *("gaussian_noise", "label_only", "prediction_poisoning", "reverse_sigmoid", "rounding", "temperature", "top_k")
]


def altered(name, **settings):
    return np.exp(defense(name, **settings).alter(log_of_scores(P), KEYS))


def test_scores_by_hand():
    np.testing.assert_allclose(
        altered("rounding", decimals=1), [[0.6, 0.2, 0.1, 0.0], [0.0, 1.0, 0.0, 0.0]], atol=1e-40
    )
    np.testing.assert_allclose(altered("top_k", k=2), [[0.6, 0.24, 0.08, 0.08], [0.01, 0.98, 0.005, 0.005]])
    np.testing.assert_allclose(altered("top_k", k=4), P)
    flat = np.sqrt(P) / np.sqrt(P).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(altered("temperature", t=2.0), flat)
    np.testing.assert_allclose(altered("gaussian_noise", deviation=1e-12), P)


def test_the_reverse_sigmoid_by_hand():
    """y = 0.5 stays 0.5 before it is normalised; of two classes 0.9 becomes 0.9 - 0.7 (s(0.2 ln 9) - 0.5)."""
    two = log_of_scores(np.array([[0.5, 0.5], [0.9, 0.1]]))
    shown = np.exp(defense("reverse_sigmoid").alter(two, KEYS))
    np.testing.assert_allclose(shown[0], [0.5, 0.5])
    gone = 0.7 * (1 / (1 + np.exp(-0.2 * np.log(9))) - 0.5)
    np.testing.assert_allclose(shown[1], [0.9 - gone, 0.1 + gone])


@given(
    st.lists(st.lists(st.floats(-50, 50), min_size=3, max_size=3), min_size=1, max_size=5),
    st.sampled_from(OF_ANSWERS),
)
def test_what_is_shown_is_finite_and_nearly_a_distribution(logits, name):
    z = np.array(logits)
    log_scores = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    made = defense(name)
    if hasattr(made, "alter_for"):
        shown = made.alter_for(log_scores, records_of(len(z), np.zeros(len(z), dtype=int), classes=3))
    else:
        shown = made.alter(log_scores, np.arange(len(z), dtype=np.uint64))
    assert np.isfinite(shown).all()
    slack = 0.02 if name == "rounding" else 1e-6
    np.testing.assert_allclose(np.exp(shown).sum(axis=1), 1, atol=slack)
    if name in ("temperature", "top_k"):
        best = log_scores[np.arange(len(z)), shown.argmax(axis=1)]
        np.testing.assert_allclose(best, log_scores.max(axis=1), atol=1e-9)


def test_noise_follows_from_the_record_and_the_secret():
    keys = np.random.default_rng(0).integers(0, 2**63, 20_000).astype(np.uint64)
    drawn = normal_by_key(keys, 3, secret=1)
    assert (drawn == normal_by_key(keys, 3, secret=1)).all() and (drawn != normal_by_key(keys, 3, secret=2)).all()
    assert all(stats.kstest(drawn[:, c], "norm").pvalue > 1e-3 for c in range(3))
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.03
    low = normal_by_key(np.arange(20_000, dtype=np.uint64), 1, secret=0)[:, 0]
    assert stats.kstest(low, "norm").pvalue > 1e-3 and abs(np.corrcoef(low[1:], low[:-1])[0, 1]) < 0.03


@pytest.fixture(scope="module")
def model():
    x, y = load_digits(return_X_y=True)
    return DecisionTreeClassifier(max_depth=6, random_state=0).fit(x[:600], y[:600])


def behind(model, *names):
    from divulge.setup.sources.targets_from import target_from

    return shielded(target_from(model), [defense(n) for n in names])


def test_an_interface_shows_no_more_than_its_defences_leave(model):
    (records,) = from_arrays([load_digits(return_X_y=True)])
    assert behind(model, "rounding").offers == {Access.SCORES, Access.TOPK, Access.LABEL}
    assert behind(model, "top_k").offers == {Access.TOPK, Access.LABEL}
    assert behind(model, "label_only").offers == {Access.LABEL}
    own = model.predict(records.x)
    for name in ("rounding", "top_k", "label_only", "temperature"):
        assert (behind(model, name).answer(Access.LABEL, records) == own).all()
    noisy = behind(model, "gaussian_noise")
    assert (noisy.answer(Access.SCORES, records) == noisy.answer(Access.SCORES, records)).all()
    with pytest.raises(divulge.TargetError, match="no port for scores"):
        behind(model, "label_only").answer(Access.SCORES, records)


def test_defences_act_in_order(model):
    (records,) = from_arrays([load_digits(return_X_y=True)])
    shown = np.exp(behind(model, "temperature", "rounding").answer(Access.SCORES, records))
    np.testing.assert_allclose(shown, np.round(shown, 2), atol=1e-12)
    assert behind(model, "temperature", "rounding").name.endswith("behind temperature and rounding")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("rounding", "label_only"), "hides the scores that 'rounding' alters"),
        (("label_only", "rounding"), "leaves no scores to alter"),
        (("rounding", "rounding"), "listed twice"),
        (("round",), "did you mean 'rounding'"),
    ],
)
def test_compositions_that_make_no_sense_are_refused_with_the_reason(model, names, message):
    with pytest.raises(divulge.InputError, match=message):
        behind(model, *names)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("rounding", {"decimals": -1}),
        ("top_k", {"k": 0}),
        ("temperature", {"t": 0.0}),
        ("gaussian_noise", {"deviation": -1.0}),
        ("gaussian_noise", {"deviation": 0.0}),
        ("gaussian_noise", {"deviation": float("nan")}),
        ("gaussian_noise", {"deviation": float("inf")}),
        ("reverse_sigmoid", {"beta": 1.0}),
        ("reverse_sigmoid", {"beta": 0.0}),
        ("rounding", {"places": 2}),
    ],
)
def test_settings_out_of_bounds_are_wrong_input(name, settings):
    with pytest.raises(divulge.InputError, match=name):
        defense(name, **settings)


def test_every_defence_has_its_own_name_and_a_paper():
    for name in OF_ANSWERS:
        card = defense(name).card
        assert card.name == name and card.paper in PAPERS and card.summary


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A tree that knows wrong labels by heart, audited without and behind defences."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order].copy()
    y[::5] = np.random.default_rng(1).integers(0, 10, len(y[::5]))
    model = DecisionTreeClassifier(random_state=0, min_samples_leaf=2).fit(x[:450], y[:450])
    folder = tmp_path_factory.mktemp("defended")
    return {
        names: divulge.audit(
            model,
            (x[:450], y[:450]),
            (x[450:900], y[450:900]),
            attacks=["loss", "correctness", "lira", "ml_leaks_shadow"],
            shadows=8,
            defenses=names,
            out=folder / ("_".join(names) or "none"),
        )
        for names in ((), ("label_only",), ("top_k",), ("rounding",))
    }


def area(run, attack):
    return next(f for f in run.findings if f.attack == attack and f.metric == "auc")


def test_labels_only_stop_attacks_on_scores_and_none_on_labels(runs):
    hidden = {o.attack: o.result for o in runs[("label_only",)].outcomes}
    assert isinstance(hidden["loss"], Refused) and "does not offer scores" in hidden["loss"].reason
    assert isinstance(hidden["lira"], Refused) and isinstance(hidden["correctness"], Played)
    assert area(runs[("label_only",)], "correctness").value == area(runs[()], "correctness").value


def test_the_best_classes_are_seen_by_attacks_on_them(runs):
    shown = {o.attack: o.result for o in runs[("top_k",)].outcomes}
    assert isinstance(shown["ml_leaks_shadow"], Played) and isinstance(shown["lira"], Refused)
    assert area(runs[("top_k",)], "ml_leaks_shadow").queries == 900


def test_shadow_models_stand_behind_the_same_defence(runs):
    """Of a tree, scores to two decimals say nearly all; an adversary who knows of the rounding loses little."""
    assert area(runs[("rounding",)], "lira").low > 0.5
    assert area(runs[("rounding",)], "lira").value == pytest.approx(area(runs[()], "lira").value, abs=0.05)


def test_what_a_defence_costs_is_said(runs):
    facts = runs[("rounding",)].result.facts.target
    assert facts.defenses == ("Rounding(decimals=2)",) and 0 <= facts.distortion < 0.05
    assert facts.quality_members == runs[()].result.facts.target.quality_members
    page = runs[("rounding",)].report().read_text()
    assert "Rounding(decimals=2)" in page and "total variation" in page
    assert runs[()].result.facts.target.defenses == ()


def test_defences_in_an_audit_file(tmp_path, monkeypatch):
    import joblib

    monkeypatch.chdir(tmp_path)
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    joblib.dump(DecisionTreeClassifier(random_state=0).fit(x[:250], y[:250]), "model.joblib")
    np.savez("members.npz", x=x[:250], y=y[:250])
    np.savez("nonmembers.npz", x=x[250:500], y=y[250:500])
    audit = {
        "target": {"kind": "sklearn", "path": "model.joblib", "trust": True},
        "data": {"members": "members.npz", "nonmembers": "nonmembers.npz"},
        "attacks": ["loss"],
        "defenses": [{"temperature": {"t": 3.0}}, "rounding"],
    }
    (tmp_path / "audit.yaml").write_text(json.dumps(audit))
    told = CliRunner().invoke(app, ["audit", "audit.yaml"])
    assert told.exit_code in (0, 1) and "behind temperature and rounding" in told.output
    audit["defenses"] = ["rounding", "label_only"]
    (tmp_path / "audit.yaml").write_text(json.dumps(audit))
    told = CliRunner().invoke(app, ["audit", "audit.yaml"])
    assert told.exit_code == 2 and "leave 'rounding' out" in " ".join(told.output.split())


def test_a_recipe_of_somebody_elses_cannot_be_defended(tmp_path, model):
    class Foreign:
        def train(self, records, seed):
            raise AssertionError

        def overfitted(self):
            return self

        def describe(self):
            return "foreign"

        def fingerprint(self):
            return "foreign"

    x, y = load_digits(return_X_y=True)
    with pytest.raises(divulge.InputError, match="a recipe that divulge trains"):
        divulge.audit(
            model, (x[:600], y[:600]), (x[600:], y[600:]), recipe=Foreign(), defenses=["rounding"], out=tmp_path
        )

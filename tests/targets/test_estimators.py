"""Estimators of every kind: what their owner asks is what divulge asks, and what cannot be audited names the way."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import ElasticNetCV, LassoCV, LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

import divulge
from divulge.core.errors import InputError, TargetError
from divulge.core.identity import content_hash
from divulge.core.inside import taken_apart, unwrapped
from divulge.core.threat import Access, Task
from divulge.data.arrays import from_arrays
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.records_from import records_from
from divulge.setup.sources.targets_from import target_from
from divulge.targets.estimators.estimator_secrets import of_estimator
from divulge.training.recipes.sklearn import SklearnRecipe
from divulge.training.recipes.tuned_search import chosen

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
Y = ((X[:, 0] + RNG.normal(size=80)) > 0).astype(int)
VALUE = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * RNG.normal(size=80)
PAGE = (ROOT / "docs" / "conformance.md").read_text()


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        yield importlib.import_module("conformance")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def rows_of(text):
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[1:]]


def test_the_page_has_every_estimator_of_scikit_learn_and_every_figure_is_equal(bench):
    """The page is what the command prints about all cases that there are, and says `yes` throughout."""
    rows = rows_of(PAGE)
    assert [row[:3] for row in rows] == [(c.name, c.library, c.form) for c in bench.chosen(False)]
    listed = {name for kind in ("classifier", "regressor") for name, _ in all_estimators(type_filter=kind)}
    assert listed <= {row[0] for row in rows}
    assert {row[6] for row in rows} == {"yes"} and {row[8] for row in rows} == {"yes"}
    assert all(row[4] == row[5] for row in rows)


FEW = (
    "ClassifierChain",
    "OutputCodeClassifier",
    "GridSearchCV",
    "Booster, logistic",
    "Booster, multiclass",
    "LinearSVR",
)


def test_the_page_is_what_the_command_prints(bench, monkeypatch):
    """Recomputed for a few: AUC by hand and by divulge agree to 1e-9, and so do the page's lines about them."""
    few = [case for case in bench.chosen(False, FEW) if case.form == "array" or case.name.startswith("Booster")]
    done, same = bench.measure(few)
    assert len(done) == 6 and all(one.holds for one in done) and all(same)
    assert set(rows_of(bench.table(done, same))) <= set(rows_of(PAGE))


@pytest.mark.timeout(2400)
@pytest.mark.slow
def test_every_estimator_gives_the_figure_that_its_owner_computes(bench):
    done, same = bench.measure(bench.chosen(False))
    assert [(one.case.name, one.case.form, one.failed) for one in done if not one.holds] == []
    assert [one.case.name for one, hashed in zip(done, same, strict=True) if not hashed] == []


def audited(model, y=Y, **more):
    return divulge.audit(model, (X[:40], y[:40]), (X[40:], y[40:]), recipe=None, **more)


class Elsewhere:
    """What a library without scikit-learn's interface has."""

    def predict(self, x):
        return x


@pytest.mark.parametrize(
    ("model", "y", "words"),
    [
        (lambda: IsolationForest(n_estimators=3).fit(X), Y, "score_samples"),
        (lambda: KMeans(2, n_init=1).fit(X), Y, "wrap it in a function"),
        (Elsewhere, Y, "wrap it in a function"),
        (LogisticRegression, Y, "call fit"),
        (lambda: RandomForestClassifier(3).fit(X, np.column_stack([Y, Y])), Y, "one output at a time"),
        (lambda: LogisticRegression().fit(X, Y), np.column_stack([Y, 1 - Y]), "one output at a time"),
        (lambda: Ridge().fit(X, VALUE), np.array([(True, 1.0)] * 80, [("event", bool), ("time", float)]), "survival"),
        (
            lambda: SelfTrainingClassifier(LogisticRegression()).fit(X, np.where(np.arange(80) < 9, -1, Y)),
            np.where(np.arange(80) < 9, -1, Y),
            "leave those records out",
        ),
    ],
    ids=["outliers", "clusters", "no estimator", "unfitted", "two outputs", "one-hot y", "survival y", "unlabelled"],
)
def test_what_cannot_be_audited_is_refused_in_one_line_that_names_the_way(model, y, words):
    with pytest.raises(InputError, match=words) as refusal:
        audited(model(), y)
    assert "\n" not in str(refusal.value) and "ravel" not in str(refusal.value)


def test_the_ways_that_refusals_name_are_ways(tmp_path):
    both = RandomForestClassifier(5, random_state=0).fit(X[:40], np.column_stack([Y, Y[::-1]])[:40])
    run = audited(lambda x: both.predict_proba(x)[1], Y[::-1], attacks=["loss"], out=tmp_path / "a")
    (found,) = [f.value for f in run.findings if f.metric == "auc"]
    p = both.predict_proba(X)[1][np.arange(80), Y[::-1]]
    inside, outside = p[:40, None], p[None, 40:]
    assert found == pytest.approx(np.mean((inside > outside) + 0.5 * (inside == outside)), abs=1e-9)
    forest = IsolationForest(n_estimators=5, random_state=0).fit(X[:40])
    target = divulge.FunctionTarget(forest.score_samples, "values")
    top = np.full(80, forest.score_samples(X).max())
    run = audited(target, top, attacks=["absolute_error"], out=tmp_path / "b")
    (found,) = [f.value for f in run.findings if f.metric == "auc"]
    s = forest.score_samples(X)
    assert found == pytest.approx(np.mean(s[:40, None] > s[None, 40:]) + 0.5 * np.mean(s[:40, None] == s[None, 40:]))


def test_several_values_a_record_are_no_answer():
    target = target_from(RandomForestRegressor(2).fit(X, np.column_stack([VALUE, VALUE])))
    (records,) = from_arrays([(X, VALUE)], task=Task.REGRESSION)
    with pytest.raises(TargetError, match="one output at a time"):
        target.answer(Access.SCORES, records)


@pytest.mark.parametrize(
    "made", [MultiOutputClassifier(LogisticRegression()), ClassifierChain(LogisticRegression())], ids=str
)
def test_one_output_of_those_made_for_several_is_an_output(made):
    model, plain = made.fit(X, Y[:, None]), LogisticRegression().fit(X, Y)
    target = target_from(model)
    (records,) = from_arrays([(X, Y)], classes=target.classes)
    np.testing.assert_allclose(np.exp(target.answer(Access.SCORES, records)), plain.predict_proba(X), atol=1e-9)
    assert (target.answer(Access.LABEL, records) == plain.predict(X)).all()
    again = SklearnRecipe(make_pipeline(StandardScaler(), made)).fit(records, 0)
    assert np.asarray(again.predict(X)).shape[0] == 80


def test_the_label_is_what_the_model_predicts_and_not_the_likeliest_class():
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.8).fit(X, Y)
    (records,) = from_arrays([(X, Y)])
    label = target_from(model).answer(Access.LABEL, records)
    assert (label == model.predict(X)).all() and (label != model.predict_proba(X).argmax(axis=1)).any()


def test_a_frozen_model_is_trained_anew_for_shadow_models():
    """Its fit() does nothing, so that every shadow model would be the audited one."""
    (records,) = from_arrays([(X, Y)])
    (half,) = from_arrays([(X[:40], Y[:40])])
    inner = LogisticRegression().fit(X, Y)
    for model in (FrozenEstimator(inner), CalibratedClassifierCV(FrozenEstimator(inner)).fit(X, Y)):
        recipe = SklearnRecipe(model)
        one, other = recipe.fit(records, 0), recipe.fit(half, 0)
        assert not np.allclose(one.predict_proba(X), other.predict_proba(X))
    assert np.allclose(inner.predict_proba(X), LogisticRegression().fit(X, Y).predict_proba(X))


def test_words_are_given_to_an_estimator_as_objects():
    words = np.array(["no", "yes"])[Y]
    (records,) = from_arrays([(X, words)])
    model = SklearnRecipe(SelfTrainingClassifier(LogisticRegression())).fit(records, 0)
    assert set(model.predict(X)) <= {"no", "yes"}


SEARCH = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, cv=3)


@pytest.mark.parametrize(
    ("made", "y", "wanted"),
    [
        (SEARCH, Y, lambda m: ("DecisionTreeClassifier", {"max_depth": m.best_params_["max_depth"]})),
        (RidgeCV([0.1, 7.0]), VALUE, lambda m: ("Ridge", {"alpha": m.alpha_})),
        (LassoCV(alphas=5, cv=3), VALUE, lambda m: ("Lasso", {"alpha": m.alpha_})),
        (ElasticNetCV(alphas=5, cv=3), VALUE, lambda m: ("ElasticNet", {"alpha": m.alpha_, "l1_ratio": m.l1_ratio_})),
        (
            TunedThresholdClassifierCV(LogisticRegression(), cv=3),
            Y,
            lambda m: ("FixedThresholdClassifier", {"threshold": m.best_threshold_}),
        ),
        (RandomForestClassifier(2), Y, lambda m: ("RandomForestClassifier", {})),
    ],
    ids=lambda p: type(p).__name__,
)
def test_what_was_chosen_is_an_estimator_that_tunes_nothing(made, y, wanted):
    model = made.fit(X, y)
    plain, told = chosen(model)
    assert (type(plain).__name__, told) == wanted(model)
    assert told.items() <= plain.get_params().items() and not hasattr(plain, "n_features_in_")
    inside, further = chosen(make_pipeline(StandardScaler(), made).fit(X, y))
    assert type(inside.steps[-1][1]) is type(plain) and len(further) == len(told)


def test_a_recipe_tunes_anew_or_trains_with_what_was_chosen_and_says_which():
    model = SEARCH.fit(X, Y)
    target = target_from(model)
    (records,) = from_arrays([(X, Y)])
    anew, fixed = recipe_for("auto", model, target), recipe_for("chosen", model, target)
    assert anew is not None and fixed is not None
    assert anew.describe().endswith("tuned anew for every model")
    assert fixed.describe().endswith(f"with the parameters chosen: max_depth={model.best_params_['max_depth']}")
    assert isinstance(anew.train(records, 1).model, GridSearchCV)
    assert isinstance(fixed.train(records, 1).model, DecisionTreeClassifier)
    assert anew.fingerprint() != fixed.fingerprint()
    assert anew.overfitted().train(records, 1).model.max_depth is None  # a search would find regularisation again


def test_an_audit_file_may_ask_for_what_was_chosen():
    from divulge.setup.parts import RecipePart
    from divulge.setup.sources.recipes_from import as_said

    assert as_said(RecipePart(kind="chosen"), None, ROOT) == "chosen"


def test_the_overfitted_control_of_a_small_set_takes_as_many_records_as_it_needs():
    """An eighth of forty records has too few of a class for three folds."""
    (records,) = from_arrays([(X[:40], Y[:40])])
    loose = SklearnRecipe(CalibratedClassifierCV(LogisticRegression(), cv=3)).overfitted()
    assert loose.take_every == 8 and loose.fit(records, 0).predict_proba(X).shape == (80, 2)


def test_the_overfitted_control_of_a_machine_without_a_margin_ends():
    """With C at 10,000 and columns of many sizes libsvm takes more than a million steps for three hundred records."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 8)) * np.array([1, 10, 100, 1, 1, 1, 1, 1])
    (records,) = from_arrays([(x, (x[:, 0] + rng.normal(size=300) > 0).astype(int))])
    fitted = SklearnRecipe(SVC(kernel="linear")).overfitted().fit(records, 0)
    assert fitted.C == 1e4 and max(fitted.n_iter_) <= 100_000


def test_searches_pipelines_and_frozen_estimators_are_seen_through():
    scale = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(scale, {"logisticregression__C": [0.1, 1]}, cv=3).fit(X, Y)
    steps, last = taken_apart(FrozenEstimator(search))
    assert [type(s) for s in steps] == [StandardScaler] and last is search.best_estimator_[-1]
    assert unwrapped(search) is search.best_estimator_ and unwrapped(last) is last
    weights, bias = of_estimator(search).parameters.arrays
    margin = X @ (weights[1] - weights[0]) + bias[1] - bias[0]
    np.testing.assert_allclose(margin, search.decision_function(X), atol=1e-9)
    assert of_estimator(search).settings == {"C": search.best_params_["logisticregression__C"]}


@pytest.mark.parametrize(
    "model",
    [RidgeCV([0.5, 2.0]), LassoCV(alphas=5, cv=3), ElasticNetCV(alphas=5, cv=3)],
    ids=lambda m: type(m).__name__,
)
def test_estimators_that_choose_their_strength_tell_it_and_their_weights(model):
    from divulge.attacks.extraction.regularization import solve

    secrets = of_estimator(model.fit(X, VALUE))
    weights, bias = secrets.parameters.arrays
    np.testing.assert_allclose(X @ weights[0] + bias[0], model.predict(X), atol=1e-9)
    assert secrets.settings["alpha"] == pytest.approx(model.alpha_)
    assert solve(model, X, VALUE)["alpha"].value == pytest.approx(model.alpha_, rel=0.05)


def test_a_logistic_regression_that_tunes_itself_is_copied_exactly(tmp_path):
    model = LogisticRegressionCV(
        Cs=[0.1, 1.0], cv=3, l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy"
    ).fit(X[:40], Y[:40])
    run = divulge.audit(
        model,
        (X[:40], Y[:40]),
        (X[40:60], Y[40:60]),
        (X[60:], Y[60:]),
        attacks=["equation_solving"],
        recipe=None,
        out=tmp_path,
    )
    assert next(f.value for f in run.findings if f.metric == "fidelity") == 1.0


def test_records_are_found_behind_a_column_transformer_of_words_and_numbers(tmp_path):
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.DataFrame(X, columns=list("abcd")).assign(city=RNG.choice(["Ulm", "Bonn"], 80))
    columns = ColumnTransformer(
        [("n", StandardScaler(), list("ab")), ("w", OneHotEncoder(sparse_output=False), ["city"])],
        remainder="passthrough",
    )
    model = make_pipeline(columns, KNeighborsClassifier(3)).fit(frame[:30], Y[:30])
    sets = (frame[:30], Y[:30]), (frame[30:60], Y[30:60]), (frame[60:], Y[60:])
    run = divulge.audit(model, *sets, attacks=["stored_data"], threat="published-model", recipe=None, out=tmp_path)
    assert next(f.value for f in run.findings if f.metric == "records_exact") > 0.95


def test_what_has_no_way_back_is_not_undone():
    from divulge.attacks.reconstruction.weights.undone_preparation import undone

    (records,) = from_arrays([(X, Y)])
    model = make_pipeline(FunctionTransformer(np.exp), KNeighborsClassifier()).fit(X, Y)
    assert undone([model[0]], np.exp(X), records.schema) is None
    model = make_pipeline(FunctionTransformer(np.exp, np.log), KNeighborsClassifier()).fit(X, Y)
    np.testing.assert_allclose(undone([model[0]], np.exp(X), records.schema), X)


def test_a_model_with_a_lock_or_a_lambda_is_audited_and_has_a_hash_of_its_content(tmp_path):
    import threading

    model = DummyClassifier(strategy="prior").fit(X[:40], Y[:40])
    model.lock, model.way = threading.Lock(), lambda x: x
    with pytest.raises(TypeError):
        pickle.dumps(model)
    first = content_hash(model)
    model.lock = threading.Lock()
    assert content_hash(model) == first
    run = audited(model, attacks=["loss"], out=tmp_path)
    assert [f.value for f in run.findings if f.metric == "auc"] != []
    model.class_prior_ = model.class_prior_[::-1].copy()
    assert content_hash(model) != first


@pytest.mark.parametrize("name", ["catboost", "lightgbm", "xgboost"])
def test_boosted_models_have_one_hash_in_every_process(name, tmp_path):
    made = {
        "catboost": ("CatBoostClassifier", {"iterations": 3, "verbose": False, "allow_writing_files": False}),
        "lightgbm": ("LGBMClassifier", {"n_estimators": 3, "verbose": -1}),
        "xgboost": ("XGBClassifier", {"n_estimators": 3}),
    }[name]
    kind = getattr(pytest.importorskip(name), made[0])
    model, other = kind(**made[1]).fit(X, Y), kind(**made[1]).fit(X, 1 - Y)
    (tmp_path / "m").write_bytes(cloudpickle.dumps(model))
    told = "import pickle, sys; from divulge.core.identity import content_hash as h; " + (
        "print(h(pickle.loads(open(sys.argv[1], 'rb').read())))"
    )
    ran = subprocess.run([sys.executable, "-c", told, str(tmp_path / "m")], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == content_hash(model) != content_hash(other)


def test_records_from_uses_what_the_target_knows():
    sets = records_from(target_from(LogisticRegression().fit(X, Y)), (X[:40], Y[:40]), (X[40:], Y[40:]))
    assert sets.members.schema.classes == (0, 1)


FRAME = pd.DataFrame(X, columns=list("abcd"), index=RNG.permutation(80) + 7)
WORDS = np.where(Y, "b", "a")
LABELS = {
    "booleans": Y.astype(bool),
    "nullable booleans": pd.Series(Y.astype(bool), dtype="boolean"),
    "small integers": Y.astype(np.int8),
    "nullable integers": pd.Series(Y, index=FRAME.index, dtype="Int64"),
    "floats": Y.astype(float),
    "words": WORDS,
    "objects": WORDS.astype(object),
    "strings": pd.Series(WORDS, dtype="string"),
    "categories": pd.Series(pd.Categorical(WORDS), index=FRAME.index),
    "categories of integers": pd.Series(pd.Categorical(Y + 4)),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=list(LABELS))
@pytest.mark.filterwarnings("ignore:X (does not )?ha(s|ve) (valid )?feature names")
def test_labels_of_any_type_on_frames_and_arrays_fitted_on_either(labels):
    for fitted_on in (FRAME, X):
        model = LogisticRegression().fit(fitted_on, labels)
        for asked in (FRAME, X):
            target = target_from(model)
            halves = [(asked[part], labels[part]) for part in (slice(0, 40), slice(40, 80))]
            records = records_from(target, *halves).members
            np.testing.assert_allclose(np.exp(target.answer(Access.SCORES, records)), model.predict_proba(asked[:40]))
            assert (target.answer(Access.LABEL, records) == codes_of(model, asked[:40])).all()
            assert (records.y == Y[:40]).all()
            assert SklearnRecipe(model).fit(records, 0).classes_.tolist() == list(model.classes_)


def codes_of(model, x):
    return [list(model.classes_).index(label) for label in model.predict(x)]

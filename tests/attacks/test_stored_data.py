"""Records in the model file, however deep they lie and whatever prepared them: the share is known by hand."""

import gc
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, RANSACRegressor, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestCentroid,
    RadiusNeighborsClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, OneHotEncoder, PolynomialFeatures, StandardScaler, TargetEncoder
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC, NuSVR

import divulge
from divulge.core.results.metric import RECORDS_EXACT, RECORDS_REBUILT

RNG = np.random.default_rng(0)
NUMBERS = pd.DataFrame(RNG.normal(size=(180, 5)), columns=list("abcde"))
LABELS = (NUMBERS["a"] + NUMBERS["b"] ** 2 + RNG.normal(size=180) > 1).astype(int)
MIXED = NUMBERS.assign(city=RNG.choice(list("uvwxyz"), 180), d=(NUMBERS["d"] * 100).round())


def near(model=None):
    return make_pipeline(StandardScaler(), model or KNeighborsClassifier(3))


def encoded(encoder):
    columns = ColumnTransformer([("n", StandardScaler(), list("abcde")), ("c", encoder, ["city"])], sparse_threshold=0)
    return make_pipeline(columns, KNeighborsClassifier(3))


def stored(model, x, y, out):
    sets = (x[:60], y[:60]), (x[60:120], y[60:120]), (x[120:], y[120:])
    run = divulge.audit(
        model, *sets, attacks=["stored_data"], threat="published-model", recipe="none", out=out, progress=None
    )
    return run.verdict.value, {f.metric: (f.value, f.chance) for f in run.findings if f.value is not None}


@pytest.mark.parametrize(
    "model",
    [
        near(),
        VotingClassifier([("k", near()), ("l", LogisticRegression())]),
        BaggingClassifier(near(), 3, max_samples=1.0, bootstrap=False, random_state=0),
        OneVsRestClassifier(near()),
        SelfTrainingClassifier(near()),
        StackingClassifier([("l", LogisticRegression())], KNeighborsClassifier(), passthrough=True),
        make_pipeline(StandardScaler(), near()),
    ],
    ids=["pipeline", "voting", "bagging", "one against the rest", "self-training", "stacked inputs", "nested"],
)
def test_every_training_record_is_read_out_of_the_file(model, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # self-training finds all labels there
        model = clone(model).fit(NUMBERS[:60], LABELS[:60])
    verdict, found = stored(model, NUMBERS, LABELS, tmp_path)
    assert verdict == "leak" and found[RECORDS_EXACT] == (1.0, 0.0)


def test_support_vectors_behind_a_calibration_are_so_many_records(tmp_path):
    model = CalibratedClassifierCV(near(SVC()), cv=2).fit(NUMBERS[:60], LABELS[:60])
    kept = set()
    for part in model.calibrated_classifiers_:
        rows = part.estimator[0].inverse_transform(part.estimator[1].support_vectors_)
        kept |= {tuple(row) for row in rows.round(9)}
    _, found = stored(model, NUMBERS, LABELS, tmp_path)
    assert found[RECORDS_EXACT][0] == pytest.approx(len(kept) / 60)


def test_the_records_of_a_regression_with_a_changed_target_are_read_too(tmp_path):
    y = NUMBERS["a"] * 3 + 1
    model = TransformedTargetRegressor(near(KNeighborsRegressor()), transformer=StandardScaler())
    _, found = stored(model.fit(NUMBERS[:60], y[:60]), NUMBERS, y, tmp_path)
    assert found[RECORDS_EXACT] == (1.0, 0.0)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), PolynomialFeatures(2), KNeighborsClassifier()),
        make_pipeline(StandardScaler(), PCA(3, whiten=True), KNeighborsClassifier()),
        make_pipeline(Normalizer(), KNeighborsClassifier()),
    ],
    ids=["polynomials", "components", "directions"],
)
def test_what_has_no_way_back_is_compared_as_the_model_prepares_it(model, tmp_path):
    verdict, found = stored(model.fit(NUMBERS[:60], LABELS[:60]), NUMBERS, LABELS, tmp_path)
    value, chance = found[RECORDS_REBUILT]
    assert verdict == "leak" and value == 1.0 and chance < 0.3


def test_some_columns_kept_exactly_are_a_leak_where_strangers_lie_as_near(tmp_path):
    """Of two chosen inputs every stranger lies within 30 dB of a row: only exactness tells whose it is."""
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"a": rng.normal(size=800), "b": rng.normal(size=800), "c": rng.normal(size=800)})
    labels = (frame.a + frame.b > 0).astype(int)
    model = make_pipeline(SelectKBest(k=2), KNeighborsClassifier()).fit(frame[:400], labels[:400])
    run = divulge.audit(
        model,
        (frame[:400], labels[:400]),
        (frame[400:], labels[400:]),
        threat="published-model",
        attacks=["stored_data"],
        out=tmp_path / "run",
    )
    found = {f.metric: f for f in run.findings}
    assert run.verdict is divulge.Verdict.LEAK and found[RECORDS_EXACT].value == 1.0
    assert found[RECORDS_EXACT].baseline < 0.02 and found[RECORDS_REBUILT].baseline > 0.5


@pytest.mark.parametrize("encoder", [OneHotEncoder(), TargetEncoder()], ids=["one-hot", "out of fold"])
def test_encoded_categories_hide_nothing(encoder, tmp_path):
    verdict, found = stored(encoded(encoder).fit(MIXED[:60], LABELS[:60]), MIXED, LABELS, tmp_path)
    assert verdict == "leak" and max(value - chance for value, chance in found.values()) > 0.25


def test_values_that_were_missing_are_found_as_they_were_filled_in(tmp_path):
    holes = NUMBERS.mask(np.random.default_rng(1).random(NUMBERS.shape) < 0.1)
    model = make_pipeline(SimpleImputer(), near()).fit(holes[:60], LABELS[:60])
    verdict, found = stored(model, holes, LABELS, tmp_path)
    whole = holes[:60].notna().all(axis=1).mean()
    assert verdict == "leak" and found[RECORDS_REBUILT][0] == 1.0 and found[RECORDS_EXACT][0] >= whole


@pytest.mark.parametrize("model", [near(), make_pipeline(PolynomialFeatures(2), KNeighborsClassifier())])
def test_a_model_of_other_records_keeps_none_of_these(model, tmp_path):
    verdict, found = stored(model.fit(NUMBERS[120:], LABELS[120:]), NUMBERS, LABELS, tmp_path)
    assert verdict != "leak" and all(value == chance == 0 for m, (value, chance) in found.items() if m == RECORDS_EXACT)


def test_a_forest_keeps_no_records(tmp_path):
    verdict, found = stored(RandomForestClassifier(5).fit(NUMBERS[:60], LABELS[:60]), NUMBERS, LABELS, tmp_path)
    assert verdict != "leak" and found == {}


KEEPERS = {
    "RadiusNeighborsClassifier": RadiusNeighborsClassifier(5.0),
    "SVC": SVC(),
    "NuSVR": NuSVR(),
    "GaussianProcessRegressor": GaussianProcessRegressor(),
    "KernelRidge": KernelRidge(kernel="rbf"),
    "LabelSpreading": LabelSpreading(),
    "LabelPropagation": LabelPropagation(),
    "RANSAC around neighbours": RANSACRegressor(KNeighborsRegressor(), min_samples=0.9, random_state=0),
    "ball tree": KNeighborsRegressor(algorithm="ball_tree"),
    "NearestCentroid": NearestCentroid(),
    "Ridge": Ridge(),
}


@pytest.mark.parametrize("name", KEEPERS)
def test_what_an_estimator_keeps_is_what_a_search_of_the_heap_finds(name, tmp_path):
    model = clone(KEEPERS[name])
    x, y = NUMBERS.to_numpy(), LABELS.to_numpy() if is_classifier(model) else NUMBERS["a"].to_numpy()
    model.fit(x[:60], y[:60])
    kept = on_the_heap(model, x[:60])
    assert (kept > 0.3) == (name not in ("NearestCentroid", "Ridge"))
    verdict, found = stored(model, x, y, tmp_path)
    assert found.get(RECORDS_EXACT, (0.0,))[0] == pytest.approx(kept)
    assert (verdict == "leak") == (kept > 0)


def test_an_isotonic_regression_keeps_its_inputs(tmp_path):
    x = NUMBERS[["a"]].to_numpy()
    y = x[:, 0] + RNG.normal(size=180)
    model = IsotonicRegression(out_of_bounds="clip").fit(x[:60], y[:60])
    kept = np.isin(x[:60, 0], model.X_thresholds_).mean()
    _, found = stored(model, x, y, tmp_path)
    assert kept > 0.1 and found[RECORDS_EXACT][0] == pytest.approx(kept, abs=0.05)  # two values may be all but equal


def on_the_heap(model, rows):
    """Share of these rows that stand in an array below an object, by what the collector and pickle see of it."""
    here, seen, todo = np.zeros(len(rows), dtype=bool), set(), [model]
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, type | str | bytes | int | float) or callable(thing):
            continue
        seen.add(id(thing))
        if isinstance(thing, memoryview):
            thing = np.asarray(thing)
        if isinstance(thing, np.ndarray):
            if thing.ndim == 2 and thing.shape[1] == rows.shape[1] and thing.dtype.kind == "f":
                here |= (np.abs(rows[:, None] - thing[None]).max(axis=2) < 1e-6).any(axis=1)
            continue
        todo += gc.get_referents(thing)
        if type(thing).__module__.startswith("sklearn.") and not hasattr(thing, "__dict__"):
            todo.append(thing.__getstate__())
    return here.mean()

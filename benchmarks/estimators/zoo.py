"""Every estimator that divulge is tried on, fitted on small tables as people have them: plain arrays, and frames of
mixed types with missing values.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn import ensemble, linear_model, model_selection, multiclass, neighbors, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # brings HalvingGridSearchCV
from sklearn.feature_selection import RFE, RFECV
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.utils import all_estimators

from estimators.case import Case
from estimators.networks import BINARY_NETWORKS, network_cases

RECORDS = 120
TREES = {"n_estimators": 8, "random_state": 0}


def plain(seed: int = 0) -> tuple[Any, Any, Any]:
    """Records [records, 4] in [0, 3], three classes for a classifier, positive values for a regressor."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 3, size=(RECORDS, 4))
    said = x[:, 0] - x[:, 1] + rng.normal(size=RECORDS)
    return x, np.digitize(said, [-0.7, 0.7]), np.exp(said / 2)


def mixed(seed: int = 1) -> tuple[Any, Any, Any]:
    """A frame with floats, nullable integers, a category of integers, text and booleans, with holes; labels 0 and 1."""
    rng = np.random.default_rng(seed)
    age, visits = rng.normal(50, 15, RECORDS), rng.integers(0, 9, RECORDS)
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(RECORDS) < 0.1, np.nan, age),
            "visits": pd.array(np.where(rng.random(RECORDS) < 0.1, None, visits), dtype="Int64"),
            "ward": pd.Categorical(rng.choice([101, 205, 307], RECORDS)),
            "city": pd.Series(rng.choice(["Ulm", "Bonn", "Jena", None], RECORDS), dtype=object),
            "smoker": rng.random(RECORDS) < 0.3,
        },
        index=rng.permutation(RECORDS) + 1000,
    )
    said = (age - 50) / 15 + frame["smoker"].to_numpy() + rng.normal(size=RECORDS)
    return frame, (said > 0.2).astype(int), np.exp(said / 2)


def prepared(estimator: Any) -> Any:
    """The estimator behind the preparation that its owner gave it."""
    numbers = make_pipeline(SimpleImputer(), MinMaxScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = [
        ("numbers", numbers, ["age", "visits"]),
        ("words", words, ["ward", "city"]),
        ("rest", "passthrough", ["smoker"]),
    ]
    return make_pipeline(ColumnTransformer(columns), estimator)


def _logistic() -> Any:
    return linear_model.LogisticRegression(C=5)


def _grid(search: Any, estimator: Any, name: str, values: list[Any], **more: Any) -> Any:
    return search(estimator, {name: values}, cv=3, **more)


def sklearn_estimator(name: str, kind: Any) -> Any:
    """An unfitted estimator with small settings, meta-estimators with bases."""
    two = [("l", _logistic()), ("t", tree.DecisionTreeClassifier(max_depth=3, random_state=0))]
    values = [("l", linear_model.Ridge()), ("t", tree.DecisionTreeRegressor(max_depth=3, random_state=0))]
    special: dict[str, Callable[[], Any]] = {
        "AdaBoostClassifier": lambda: kind(**TREES),
        "AdaBoostRegressor": lambda: kind(**TREES),
        "BaggingClassifier": lambda: kind(**TREES),
        "BaggingRegressor": lambda: kind(**TREES),
        "CalibratedClassifierCV": lambda: kind(_logistic(), cv=3),
        "CategoricalNB": lambda: make_pipeline(_bins(), kind(min_categories=4)),
        "ClassifierChain": lambda: kind(tree.DecisionTreeClassifier(max_depth=3, random_state=0)),
        "FixedThresholdClassifier": lambda: kind(_logistic(), threshold=0.4),
        "IsotonicRegression": lambda: kind(out_of_bounds="clip"),
        "LogisticRegressionCV": lambda: kind(
            Cs=3, cv=3, l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy"
        ),
        "LabelPropagation": lambda: kind(gamma=1),
        "LabelSpreading": lambda: kind(gamma=1),
        "MLPClassifier": lambda: kind(hidden_layer_sizes=(8,), max_iter=60, random_state=0),
        "MLPRegressor": lambda: kind(hidden_layer_sizes=(8,), max_iter=60, random_state=0),
        "MultiOutputClassifier": lambda: kind(_logistic()),
        "MultiOutputRegressor": lambda: kind(linear_model.Ridge()),
        "OrthogonalMatchingPursuitCV": lambda: kind(max_iter=3),
        "QuadraticDiscriminantAnalysis": lambda: kind(reg_param=0.1),
        "OneVsOneClassifier": lambda: kind(_logistic()),
        "OneVsRestClassifier": lambda: kind(_logistic()),
        "OutputCodeClassifier": lambda: kind(_logistic(), random_state=0),
        "NuSVC": lambda: kind(nu=0.1),
        "PLSCanonical": lambda: kind(n_components=1),
        "CCA": lambda: kind(n_components=1),
        "RadiusNeighborsClassifier": lambda: kind(radius=20.0, weights="distance"),
        "RadiusNeighborsRegressor": lambda: kind(radius=20.0, weights="distance"),
        "RegressorChain": lambda: kind(linear_model.Ridge()),
        "SelfTrainingClassifier": lambda: kind(_logistic()),
        "StackingClassifier": lambda: kind(two, cv=3),
        "StackingRegressor": lambda: kind(values, cv=3),
        "TransformedTargetRegressor": lambda: kind(linear_model.Ridge(), func=np.log, inverse_func=np.exp),
        "TunedThresholdClassifierCV": lambda: kind(_logistic(), cv=3, random_state=0),
        "VotingClassifier": lambda: kind(two, voting="soft"),
        "VotingRegressor": lambda: kind(values),
    }
    if name in special:
        return special[name]()
    parameters = kind().get_params()
    small = {"random_state": 0, "n_estimators": 8, "max_iter": 200, "max_subpopulation": 100}
    if "HistGradient" in name:
        small |= {"max_iter": 8, "min_samples_leaf": 4}
    return kind(**{key: value for key, value in small.items() if key in parameters})


def _bins() -> Any:
    return KBinsDiscretizer(4, encode="ordinal", strategy="uniform")


def _searches() -> dict[str, tuple[bool, Callable[[], Any]]]:
    """Searches for settings."""
    depths, search = [2, 4], model_selection

    def forest() -> Any:
        return tree.DecisionTreeClassifier(random_state=0)

    return {
        "GridSearchCV": (True, lambda: _grid(search.GridSearchCV, forest(), "max_depth", depths)),
        "RandomizedSearchCV": (
            True,
            lambda: _grid(search.RandomizedSearchCV, forest(), "max_depth", depths, n_iter=2, random_state=0),
        ),
        "HalvingGridSearchCV": (
            True,
            lambda: _grid(search.HalvingGridSearchCV, forest(), "max_depth", depths, random_state=0, min_resources=18),
        ),
        "HalvingRandomSearchCV": (
            True,
            lambda: _grid(
                search.HalvingRandomSearchCV, forest(), "max_depth", depths, random_state=0, min_resources=18
            ),
        ),
        "GridSearchCV of a regressor": (
            False,
            lambda: _grid(search.GridSearchCV, linear_model.Ridge(), "alpha", [0.1, 1.0]),
        ),
    }


def composed() -> dict[str, tuple[bool, Callable[[], Any]]]:
    """What is made of several estimators, and whether it classifies."""
    union = FeatureUnion([("as it is", "passthrough"), ("log", FunctionTransformer(lambda x: np.log1p(np.abs(x))))])
    return _searches() | {
        "FrozenEstimator": (True, lambda: FrozenEstimator(_logistic())),
        "RFE": (True, lambda: RFE(_logistic(), n_features_to_select=2)),
        "RFECV": (True, lambda: RFECV(_logistic(), cv=3)),
        "Pipeline with a lambda": (
            True,
            lambda: make_pipeline(FunctionTransformer(lambda x: np.log1p(np.abs(x))), StandardScaler(), _logistic()),
        ),
        "FeatureUnion with a lambda": (True, lambda: make_pipeline(union, _logistic())),
        "Pipeline that gives frames": (
            True,
            lambda: make_pipeline(StandardScaler(), ensemble.ExtraTreesClassifier(**TREES)).set_output(
                transform="pandas"
            ),
        ),
        "VotingClassifier, hard": (
            True,
            lambda: ensemble.VotingClassifier([("l", _logistic()), ("n", neighbors.KNeighborsClassifier())]),
        ),
        "OneVsRestClassifier of a pipeline": (
            True,
            lambda: multiclass.OneVsRestClassifier(make_pipeline(StandardScaler(), _logistic())),
        ),
        "CalibratedClassifierCV of a LinearSVC": (
            True,
            lambda: CalibratedClassifierCV(linear_model.RidgeClassifier(), cv=3, method="isotonic"),
        ),
        "TransformedTargetRegressor of a pipeline": (
            False,
            lambda: TransformedTargetRegressor(make_pipeline(StandardScaler(), linear_model.Lasso(0.01))),
        ),
    }


BINARY = frozenset({"FixedThresholdClassifier", "TunedThresholdClassifierCV", "ClassifierChain", *BINARY_NETWORKS})
"""Estimators of two classes."""

COLUMN = frozenset(
    {"ClassifierChain", "MultiOutputClassifier", "MultiOutputRegressor", "RegressorChain"}
    | {"MultiTaskElasticNet", "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV"}
)
"""Estimators that are made for several outputs, and are given one as a column."""


def _fit(made: Callable[[], Any], column: bool) -> Callable[[Any, Any], Any]:
    def fit(x: Any, y: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model, target = made(), (y[:, None] if column else y)
            if isinstance(model, FrozenEstimator):
                return FrozenEstimator(model.estimator.fit(x, target))
            return model.fit(x, target)

    return fit


def _behind(made: Callable[[], Any], name: str) -> Callable[[], Any]:
    """The estimator behind a preparation; the searches and wrappers around the whole pipeline."""

    def make() -> Any:
        model = made()
        if isinstance(model, FrozenEstimator):
            return FrozenEstimator(prepared(model.estimator))
        if name in ("IsotonicRegression",):
            return make_pipeline(prepared("passthrough"), FunctionTransformer(_first), model)
        if name == "GridSearchCV":
            inside = prepared(model.estimator)
            return model_selection.GridSearchCV(inside, {"decisiontreeclassifier__max_depth": [2, 4]}, cv=3)
        return prepared(model)

    return make


def _first(x: Any) -> Any:
    return np.asarray(x)[:, 0]


def sklearn_cases() -> Iterator[Case]:
    """All classifiers and regressors that scikit-learn lists, and what is composed of them."""
    for kind, classifies in (("classifier", True), ("regressor", False)):
        for name, found in all_estimators(type_filter=kind):
            made = _maker(name, found)
            column = name in COLUMN
            yield Case(name, "scikit-learn", "array", classifies, _fit(_narrow(made, name), column), column=column)
            yield Case(name, "scikit-learn", "frame", classifies, _fit(_behind(made, name), column), column=column)
    for name, (classifies, made) in composed().items():
        yield Case(name, "scikit-learn, composed", "array", classifies, _fit(made, False))
        yield Case(name, "scikit-learn, composed", "frame", classifies, _fit(_behind(made, name), False))
    for kind in (ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor):
        name = f"{kind.__name__}, categories from the frame"
        native = _native(kind, max_iter=8, min_samples_leaf=4, categorical_features="from_dtype")
        yield Case(name, "scikit-learn, composed", "frame", "Classifier" in name, _fit(native, False))


def _maker(name: str, found: Any) -> Callable[[], Any]:
    return lambda: sklearn_estimator(name, found)


def _narrow(made: Callable[[], Any], name: str) -> Callable[[], Any]:
    if name != "IsotonicRegression":
        return made
    return lambda: make_pipeline(FunctionTransformer(_first), made())


def _native(kind: Any, **settings: Any) -> Callable[[], Any]:
    """An estimator that takes the frame as it is, but for text, which becomes a category."""
    return lambda: make_pipeline(FunctionTransformer(_categories), kind(**settings))


def _categories(frame: Any) -> Any:
    cities = pd.CategoricalDtype(["Bonn", "Jena", "Ulm"])
    return frame.assign(city=frame["city"].astype(cities)) if isinstance(frame, pd.DataFrame) else frame


def booster_cases() -> Iterator[Case]:
    """XGBoost, LightGBM and CatBoost, through scikit-learn's interface and raw, as far as they are installed."""
    yield from _xgboost()
    yield from _lightgbm()
    yield from _catboost()


def _xgboost() -> Iterator[Case]:
    import xgboost

    small = {"n_estimators": 8, "max_depth": 3, "n_jobs": 1, "enable_categorical": True}
    for name in ("XGBClassifier", "XGBRFClassifier", "XGBRegressor", "XGBRFRegressor"):
        kind = getattr(xgboost, name)
        yield Case(name, "XGBoost", "array", "Class" in name, _fit(lambda kind=kind: kind(**small), False))
        yield Case(name, "XGBoost", "frame", "Class" in name, _fit(_native(kind, **small), False))

    def matrix(x: Any, y: Any = None) -> Any:
        return xgboost.DMatrix(x, y, enable_categorical=True)

    def trained(settings: dict[str, Any]) -> Callable[[Any, Any], Any]:
        return lambda x, y: xgboost.train(settings | {"max_depth": 3, "nthread": 1}, matrix(x, y), 8)

    multi = {"objective": "multi:softprob", "num_class": 3}
    ask = lambda booster, x: booster.predict(matrix(x))  # noqa: E731
    yield Case("Booster, softprob", "XGBoost", "array", True, trained(multi), ask)
    yield Case("Booster, logistic", "XGBoost", "frame", True, trained({"objective": "binary:logistic"}), ask)
    for form in ("array", "frame"):
        yield Case("Booster, squared error", "XGBoost", form, False, trained({"objective": "reg:squarederror"}), ask)


def _lightgbm() -> Iterator[Case]:
    import lightgbm

    small = {"n_estimators": 8, "min_child_samples": 3, "n_jobs": 1, "verbose": -1}
    for name in ("LGBMClassifier", "LGBMRegressor"):
        kind = getattr(lightgbm, name)
        yield Case(name, "LightGBM", "array", "Class" in name, _fit(lambda kind=kind: kind(**small), False))
        yield Case(name, "LightGBM", "frame", "Class" in name, _fit(_native(kind, **small), False))

    def trained(settings: dict[str, Any]) -> Callable[[Any, Any], Any]:
        told = settings | {"min_data_in_leaf": 3, "num_threads": 1, "verbosity": -1}
        return lambda x, y: lightgbm.train(told, lightgbm.Dataset(x, y, params={"verbosity": -1}), 8)

    ask = lambda booster, x: booster.predict(x)  # noqa: E731
    yield Case(
        "Booster, multiclass", "LightGBM", "array", True, trained({"objective": "multiclass", "num_class": 3}), ask
    )
    yield Case("Booster, binary", "LightGBM", "frame", True, trained({"objective": "binary"}), ask)
    for form in ("array", "frame"):
        yield Case("Booster, regression", "LightGBM", form, False, trained({"objective": "regression"}), ask)


def _catboost() -> Iterator[Case]:
    try:
        import catboost
    except ModuleNotFoundError:
        return
    small = {"iterations": 8, "depth": 3, "verbose": False, "thread_count": 1, "allow_writing_files": False}
    for name in ("CatBoostClassifier", "CatBoostRegressor"):
        kind = getattr(catboost, name)
        yield Case(name, "CatBoost", "array", "Class" in name, _fit(lambda kind=kind: kind(**small), False))
        named = small | {"cat_features": ["ward", "city"]}
        native = lambda kind=kind, named=named: make_pipeline(FunctionTransformer(_for_catboost), kind(**named))  # noqa: E731
        yield Case(name, "CatBoost", "frame", "Class" in name, _fit(native, False))


def _for_catboost(frame: Any) -> Any:
    """CatBoost takes missing numbers, not missing words."""
    return frame.assign(
        ward=frame["ward"].astype(str), city=frame["city"].fillna("?"), visits=frame["visits"].astype(float)
    )


def cases() -> list[Case]:
    """All of them."""
    return [*sklearn_cases(), *booster_cases(), *network_cases()]


def table_of(case: Case) -> tuple[Any, Any]:
    """(x, y) that a case is fitted on, the first half, and audited with."""
    x, labels, values = plain() if case.form == "array" else mixed()
    if case.owner is not None and case.form == "frame":
        x = _categories(x)
    if not case.classifies:
        return x, values
    if case.form == "array":
        return x, np.minimum(labels, 1) if case.name in BINARY else labels
    worded = case.library.startswith("scikit") and case.name not in BINARY
    return x, np.array(["no", "yes"], dtype=object)[labels] if worded else labels


__all__ = ["Case", "cases", "mixed", "plain", "prepared", "table_of"]

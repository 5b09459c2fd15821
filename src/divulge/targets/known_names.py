"""What a file of a model may name: exact pairs of module and name, and classes of a few kinds from known libraries.

The pairs were collected from the pickles that the estimators of these libraries write in protocols 2 to 5.  Nothing is
found by way of something else: a name with a dot is no name.
"""

from __future__ import annotations

from typing import Any

CONSTRUCTORS = frozenset(
    [("builtins", n) for n in ("set", "frozenset", "bytes", "bytearray", "complex", "slice", "range", "list", "dict")]
    + [("builtins", n) for n in ("object", "tuple", "int", "float", "bool", "str")]
    + [("collections", n) for n in ("OrderedDict", "defaultdict", "deque", "Counter")]
    + [("datetime", n) for n in ("datetime", "date", "timedelta", "timezone")]
    + [("decimal", "Decimal"), ("fractions", "Fraction"), ("functools", "partial"), ("_codecs", "encode")]
    + [("copyreg", "_reconstructor"), ("numpy", "dtype"), ("numpy", "ndarray")]
    + [
        (f"numpy.{core}.{module}", name)
        for core in ("core", "_core")
        for module, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))
    ]
    + [("numpy.random._pickle", f"__{kind}_ctor") for kind in ("bit_generator", "generator", "randomstate")]
    + [("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"), ("numpy.ma.core", "_mareconstruct")]
    + [("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"), ("pandas._libs.internals", "_unpickle_block")]
    + [("pandas._libs.tslibs.timedeltas", "_timedelta_unpickle"), ("pandas._libs.tslibs.offsets", "Day")]
    + [("pandas._libs.tslibs.timestamps", "_unpickle_timestamp"), ("pandas.core.indexes.base", "_new_Index")]
    + [("pandas.core.indexes.datetimes", "_new_DatetimeIndex"), ("pandas.core.indexes.interval", "_new_IntervalIndex")]
    + [("pandas.core.internals.managers", n) for n in ("BlockManager", "SingleBlockManager")]
    + [(f"pandas{place}", n) for place in ("", ".core.arrays.string_") for n in ("StringDtype",)]
    + [("pandas", "PeriodDtype"), ("sklearn.tree._tree", "Tree")]
    + [("sklearn.metrics._dist_metrics", "newObj"), ("sklearn.neighbors._kd_tree", "newObj")]
    + [("sklearn.neighbors._ball_tree", "newObj")]
    + [
        (f"sklearn.{module}", n)
        for module in ("_loss._loss", "linear_model._sgd_fast")
        for n in ("Hinge", "SquaredHinge", "ModifiedHuber", "EpsilonInsensitive", "SquaredEpsilonInsensitive", "Log")
    ]
    + [
        (module, prefix + name)
        for module in ("sklearn._loss._loss", "_loss")
        for prefix in ("", "__pyx_unpickle_")
        for name in (
            *("CyAbsoluteError", "CyExponentialLoss", "CyHalfBinomialLoss", "CyHalfGammaLoss", "CyHalfMultinomialLoss"),
            *("CyHalfPoissonLoss", "CyHalfSquaredError", "CyHalfTweedieLoss", "CyHalfTweedieLossIdentity"),
            *("CyHuberLoss", "CyPinballLoss"),
        )
    ]
)
"""What may be called while a file is loaded: each makes a value of its own kind, and calls nothing that it is given."""

_SCORES = (
    (
        "_classification",
        "accuracy balanced_accuracy f1 fbeta jaccard precision recall cohen_kappa d2_log_loss d2_brier",
    ),
    ("_ranking", "average_precision roc_auc top_k_accuracy ndcg label_ranking_average_precision"),
    ("_regression", "r2 explained_variance d2_absolute_error d2_pinball d2_tweedie"),
    ("cluster._supervised", "adjusted_mutual_info adjusted_rand completeness fowlkes_mallows homogeneity mutual_info"),
    ("cluster._supervised", "normalized_mutual_info rand v_measure"),
)

VALUES = frozenset(
    [
        ("numpy", n)
        for n in (
            *("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16"),
            *("uint8", "bool", "bool_", "str_", "bytes_", "object_", "complex64", "complex128", "datetime64"),
            *("timedelta64", "number", "integer", "floating", "nan", "matrix", "mean", "median"),
            *("log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "cbrt", "square", "absolute", "sign", "sin"),
            *("cos", "tan", "tanh", "arcsinh", "reciprocal", "negative"),
        )
    ]
    + [("numpy.ma", "MaskedArray"), ("numpy.ma.core", "MaskedArray"), ("numpy.ma", "masked")]
    + [("numpy.random._mt19937", "MT19937"), ("numpy.random._pcg64", "PCG64"), ("numpy.random._sfc64", "SFC64")]
    + [("numpy.random._philox", "Philox"), ("numpy.random.bit_generator", "SeedSequence")]
    + [
        ("pandas", n)
        for n in (
            *("DataFrame", "Series", "Index", "RangeIndex", "MultiIndex", "DatetimeIndex", "IntervalIndex"),
            *("PeriodIndex", "CategoricalIndex", "Categorical", "CategoricalDtype", "BooleanDtype", "NA", "NaT"),
            *("Int8Dtype", "Int16Dtype", "Int32Dtype", "Int64Dtype", "Float32Dtype", "Float64Dtype"),
            *("DatetimeTZDtype",),
        )
    ]
    + [("pandas.core.frame", "DataFrame"), ("pandas.core.series", "Series"), ("pandas._libs.missing", "NAType")]
    + [("pandas.core.indexes.base", "Index"), ("pandas.core.indexes.range", "RangeIndex")]
    + [("pandas.core.arrays.categorical", "Categorical"), ("pandas.core.dtypes.dtypes", "CategoricalDtype")]
    + [
        (module, n)
        for module in ("pandas.arrays", "pandas.core.arrays")
        for n in ("BooleanArray", "DatetimeArray", "FloatingArray", "IntegerArray", "PeriodArray", "TimedeltaArray")
    ]
    + [("pandas.core.arrays.string_", "StringArray"), ("pandas.core.arrays.numpy_", "NumpyExtensionArray")]
    + [
        (f"scipy.sparse._{kind}", f"{kind}_{form}")
        for kind in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
        for form in ("array", "matrix")
    ]
    + [("scipy.interpolate._bsplines", "BSpline"), ("scipy.interpolate._interpolate", "interp1d")]
    + [("scipy._lib.array_api_compat.numpy._aliases", "asarray"), ("scipy.spatial._ckdtree", "cKDTree")]
    + [("scipy.stats._distn_infrastructure", "rv_continuous_frozen")]
    + [("sklearn.feature_selection._univariate_selection", n) for n in ("chi2", "f_classif", "f_regression")]
    + [("sklearn.feature_selection._univariate_selection", "r_regression")]
    + [("sklearn.feature_selection._mutual_info", f"mutual_info_{n}") for n in ("classif", "regression")]
    + [(f"sklearn.metrics.{module}", f"{n}_score") for module, names in _SCORES for n in names.split()]
    + [
        ("sklearn.metrics._classification", n)
        for n in ("log_loss", "brier_score_loss", "hamming_loss", "hinge_loss", "matthews_corrcoef", "zero_one_loss")
    ]
    + [("sklearn.metrics._scorer", f"{n}_likelihood_ratio") for n in ("negative", "positive")]
    + [("sklearn.metrics._regression", f"mean_{n}_error") for n in ("absolute", "squared", "squared_log", "pinball")]
    + [("sklearn.metrics._regression", f"mean_{n}_deviance") for n in ("gamma", "poisson", "tweedie")]
    + [("sklearn.metrics._regression", f"root_mean_squared_{n}error") for n in ("", "log_")]
    + [("sklearn.metrics._regression", "mean_absolute_percentage_error"), ("sklearn.metrics._regression", "max_error")]
    + [("sklearn.metrics._regression", "median_absolute_error"), ("sklearn.utils.validation", "check_array")]
    + [("sklearn.metrics.pairwise", f"{n}_kernel") for n in ("rbf", "linear", "polynomial", "sigmoid", "laplacian")]
    + [("sklearn.metrics.pairwise", n) for n in ("euclidean_distances", "manhattan_distances", "cosine_distances")]
    + [("sklearn.cluster._kmeans", f"_kmeans_single_{n}") for n in ("lloyd", "elkan")]
    + [("sklearn.cluster._birch", n) for n in ("_CFNode", "_CFSubcluster")]
    + [("sklearn.cluster._bisect_k_means", "_BisectingTree"), ("sklearn.calibration", "_CalibratedClassifier")]
    + [("sklearn.calibration", "_SigmoidCalibration"), ("sklearn.utils._bunch", "Bunch")]
    + [("sklearn.compose._column_transformer", "make_column_selector"), ("sklearn._loss.link", "Interval")]
    + [("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor")]
    + [("sklearn.metrics._scorer", n) for n in ("_Scorer", "_PassthroughScorer", "_CurveScorer", "_MultimetricScorer")]
    + [("sklearn.metrics._scorer", n) for n in ("_PredictScorer", "_ProbaScorer", "_ThresholdScorer")]
    + [("sklearn.utils._metadata_requests", n) for n in ("MetadataRequest", "MethodMetadataRequest")]
    + [("xgboost.core", "Booster"), ("xgboost.callback", "EarlyStopping"), ("lightgbm.basic", "Booster")]
    + [("catboost.core", f"CatBoost{n}") for n in ("", "Classifier", "Regressor", "Ranker")]
    + [("joblib.numpy_pickle", "NumpyArrayWrapper"), ("uuid", "UUID")]
)
"""What may stand in a model, and is not called while it is loaded.  Functions work on arrays alone."""

LIBRARIES = ("sklearn", "xgboost", "lightgbm", "divulge")
"""Libraries whose estimators may be named, wherever in them they are defined."""

KINDS = frozenset(
    {
        *(
            "BaseEstimator",
            "Kernel",
            "BaseCrossValidator",
            "BaseShuffleSplit",
            "_RepeatedSplits",
            "_UnsupportedGroupCV",
        ),
        *(
            "BaseLoss",
            "BaseLink",
            "DistanceMetric",
            "DistanceMetric64",
            "DistanceMetric32",
            "BinaryTree",
            "BaseOptimizer",
        ),
        *("BinaryTree64", "BinaryTree32", "CyLossFunction"),
    }
)
"""Classes of scikit-learn: what derives from one of them holds parameters and what was learned."""

_ASIDE = frozenset({"tests", "testing", "datasets", "externals", "conftest", "estimator_checks"})

DISTRIBUTIONS = ("scipy.stats._continuous_distns",)
"""Where the distributions of a randomised search are defined; see pickles.Guard for what their state may be."""


def is_known_class(found: Any, module: str, name: str) -> bool:
    """Whether an object is a class of the libraries above, of one of the kinds, and defined under this very name."""
    if not isinstance(found, type) or (found.__module__, found.__qualname__) != (module, name):
        return False
    if module in DISTRIBUTIONS:
        return _derives(found, "scipy", {"rv_generic"})
    parts = module.split(".")
    if parts[0] not in LIBRARIES or any(part in _ASIDE or part.startswith("_test") for part in parts):
        return False
    return _derives(found, "sklearn", KINDS) or (parts[0] == "divulge" and _derives(found, "torch", {"Module"}))


def _derives(found: type, library: str, kinds: frozenset[str] | set[str]) -> bool:
    return any(base.__module__.split(".")[0] == library and base.__name__ in kinds for base in found.__mro__)

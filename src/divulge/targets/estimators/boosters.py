"""Boosters of XGBoost and LightGBM as their own `train` functions return them, without scikit-learn's interface."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array
from divulge.core.identity import content_hash
from divulge.core.records import Records
from divulge.core.signals import log_of_scores, log_softmax
from divulge.core.threat import Access, Task
from divulge.core.views.extraction import Secrets
from divulge.targets.answers import SCORER_PORTS, VALUE_PORTS, checked, guarded
from divulge.targets.estimators.objectives import AS_VALUES

_MARGINS = frozenset({"binary:logitraw", "binary:hinge", "multi:softmax"})
"""Objectives of XGBoost whose predict() gives no probabilities, while its margins tell all."""

_REFUSED = ("rank", "survival", "lambdarank", "custom", "none")


class BoosterTarget:
    """A raw booster.  What it predicts is read off its objective; its classes are 0..k-1, as it was trained on codes.

    classes: the labels that the codes 0..k-1 stand for in the records' y, where those are not the codes themselves.
    Raises InputError for an objective that neither classifies nor regresses.
    """

    def __init__(self, booster: Any, classes: Sequence[Any] | None = None, name: str | None = None) -> None:
        self.booster = booster
        self._library = type(booster).__module__.partition(".")[0]
        if self._library not in ("xgboost", "lightgbm"):
            raise InputError(f"a Booster of {self._library} is not known: wrap it in a function x -> scores")
        self.objective, width = _asked_for(booster, self._library)
        self._name = name or f"{self._library} Booster"
        if self.objective.partition(":")[0] in _REFUSED:
            raise InputError(
                f"the {self._name} was trained with the objective {self.objective!r}, which neither classifies nor "
                f"regresses: {AS_VALUES}" + (" (predict takes a DMatrix)" if self._library == "xgboost" else "")
            )
        binary = self.objective.partition(":")[0] in ("binary", "cross_entropy")
        self._width = width if width > 1 else 2 if binary else 0
        self._classes = tuple(classes) if classes is not None else tuple(range(self._width))
        if len(self._classes) != self._width:
            raise InputError(
                f"classes= names {len(self._classes)} labels and the {self._name} tells {self._width} apart: name one "
                "for each of its codes 0, 1, ..."
            )
        self._hash: str | None = None

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return Task.CLASSIFICATION if self._width else Task.REGRESSION

    @property
    def offers(self) -> frozenset[Access]:
        """Scores, or values."""
        return SCORER_PORTS if self._width else VALUE_PORTS

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels behind its codes."""
        return self._classes

    @property
    def model(self) -> Any:
        """The bare model: what whoever holds the file sees."""
        return self.booster

    def secrets(self) -> Secrets:
        """Nothing that extraction claims of such a model can be compared."""
        return Secrets(None, {})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access not in self.offers:
            raise TargetError(f"{self._name} has no port for {access.value}")
        margins = self._library == "xgboost" and self.objective in _MARGINS
        raw = guarded(self._name, lambda: self._ask(records, margins))
        if not self._width:
            return checked(self._name, raw, len(records), None)
        array = np.asarray(raw, dtype=np.float64)
        if array.ndim == 1:
            array = np.column_stack([np.zeros_like(array) if margins else 1 - array, array])
        outputs = checked(self._name, array, len(records), self._width)
        log_scores = log_softmax(outputs) if margins else log_of_scores(outputs)
        return np.asarray(log_scores.argmax(axis=1)) if access is Access.LABEL else log_scores

    def fingerprint(self) -> str:
        """See Target."""
        if self._hash is None:
            self._hash = content_hash(self.booster)
        return self._hash

    def _ask(self, records: Records, margins: bool) -> Any:
        x = _presented(records.native(), _names(self.booster, self._library), self._name)
        if self._library == "lightgbm":
            return self.booster.predict(x)
        from xgboost import DMatrix

        names = None if isinstance(x, pd.DataFrame) else self.booster.feature_names
        kinds = None if isinstance(x, pd.DataFrame) else self.booster.feature_types
        return self.booster.predict(
            DMatrix(x, feature_names=names, feature_types=kinds, enable_categorical=True), output_margin=margins
        )


def _asked_for(booster: Any, library: str) -> tuple[str, int]:
    """The objective's name and the number of classes, 0 or 1 where there are no several."""
    if library == "xgboost":
        learner = json.loads(booster.save_config())["learner"]
        width = max(int(learner["learner_model_param"]["num_class"]), 0)
        return str(learner["learner_train_param"]["objective"]), width
    words = str(booster.dump_model(num_iteration=1).get("objective", "none")).split()
    width = next((int(word.partition(":")[2]) for word in words if word.startswith("num_class:")), 0)
    return (words or ["none"])[0], width


def _names(booster: Any, library: str) -> list[str] | None:
    """The columns that it was trained with, where they had names."""
    if library == "xgboost":
        return list(booster.feature_names) if booster.feature_names is not None else None
    names = list(booster.feature_name())
    return None if names == [f"Column_{place}" for place in range(len(names))] else names


def _presented(native: Any, names: list[str] | None, name: str) -> Any:
    """Rows as the booster's owner would hand them over: a frame's columns by name, or its values."""
    if not isinstance(native, pd.DataFrame):
        return native.reshape(len(native), -1) if isinstance(native, np.ndarray) and native.ndim > 2 else native
    if names is None:
        return native.to_numpy()
    columns = {str(column): column for column in native.columns}
    columns |= {str(column).replace(" ", "_"): column for column in native.columns if str(column) not in names}
    lacking = [column for column in names if column not in columns]
    if lacking:
        raise InputError(
            f"the {name} was trained with the column {lacking[0]!r}, which the records do not have: give the columns "
            "it was trained on"
        )
    ordered = [columns[column] for column in names]
    return native if ordered == list(native.columns) else native[ordered]

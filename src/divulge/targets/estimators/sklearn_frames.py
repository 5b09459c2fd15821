"""Records in the form in which an estimator was fitted on them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from divulge.core.errors import InputError
from divulge.core.records import Records


class Presenter:
    """Rows as the estimator's owner would hand them to it: their own rows, types unchanged, columns by name.

    An estimator that was fitted on a matrix and does not take the frame that its owner gave is asked about the frame's
    values; which it is, is found out once.
    """

    def __init__(self, name: str, estimator: Any) -> None:
        self._name, self._estimator = name, estimator
        self._values: bool | None = None

    def rows(self, records: Records) -> Any:
        """What is handed over; raises InputError for a frame that lacks a column of the training."""
        native = records.native()
        names = _names(self._estimator)
        if isinstance(native, pd.DataFrame):
            return self._of_frame(native, names)
        if isinstance(native, np.ndarray) and native.ndim > 2:
            native = native.reshape(len(native), -1)
        if names is None or not isinstance(native, np.ndarray) or native.shape[1:] != (len(names),):
            return native
        return pd.DataFrame(native, columns=pd.Index(names))

    def _of_frame(self, frame: pd.DataFrame, names: list[str] | None) -> Any:
        if names is None:
            if self._values is None:
                self._values = self._wants_values(frame)
            return frame.to_numpy() if self._values else frame
        lacking = [name for name in names if name not in frame.columns]
        if lacking and len(names) == frame.shape[1]:
            return frame  # XGBoost and LightGBM keep names of their own making; whether they fit, the model says
        if lacking:
            raise InputError(
                f"the {self._name} was fitted with the column {str(lacking[0])!r}, which the records do not have: "
                "give the columns it was trained on"
            )
        return frame if list(frame.columns) == names else frame[names]

    def _wants_values(self, frame: pd.DataFrame) -> bool:
        """Whether an estimator that knows no names fails on the frame and takes its values."""
        few = frame.iloc[:2]
        return not _works(lambda: self._estimator.predict(few.copy())) and _works(
            lambda: self._estimator.predict(few.to_numpy(copy=True))
        )


def _names(estimator: Any) -> list[str] | None:
    """The columns that an estimator was fitted with, where it was fitted on a frame."""
    try:
        names = getattr(estimator, "feature_names_in_", None)
    except Exception:  # a property of foreign code: xgboost raises what it likes where there are none
        return None
    if names is None or [str(name) for name in names] == [f"Column_{place}" for place in range(len(names))]:
        return None  # LightGBM's names of a matrix
    return list(names)


def _works(call: Callable[[], object]) -> bool:
    try:
        quietly(call)
    except Exception:  # a model is foreign code: it may raise anything
        return False
    return True


def quietly(call: Callable[[], object]) -> object:
    """A call without scikit-learn's remark that a matrix was fitted and a frame is given, or the reverse."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*feature names.*", category=UserWarning)
        return call()

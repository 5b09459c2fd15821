"""Scores of an attack by person, where several records belong to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divulge.core.persons import condensed, numbered

if TYPE_CHECKING:
    import pandas as pd

SEVERAL = -1
"""Stands for the class of a person whose records have several."""


def persons_of(scores: pd.DataFrame, aggregate: str) -> pd.DataFrame:
    """Scores of one attack with one row a person, in the order of their first rows; as they are where each record
    stands for itself.  rows: how many records each has.
    """
    if "person" not in scores.columns:
        return scores
    first, place, rows = numbered(scores["person"].to_numpy())
    persons = scores.iloc[first].reset_index(drop=True)
    persons["score"] = condensed(scores["score"].to_numpy(), place, aggregate or "mean")
    y = scores["y"].to_numpy()
    most, least = condensed(y, place, "max"), -condensed(-y, place, "max")
    persons["y"] = (
        condensed(y, place) if y.dtype.kind == "f" else np.where(most == least, most, SEVERAL).astype(np.int64)
    )
    persons["rows"] = rows
    return persons

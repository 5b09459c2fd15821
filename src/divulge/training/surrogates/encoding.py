"""Records as inputs of a student."""

from __future__ import annotations

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import CODED, Kind, Records, filled


def encoded(records: Records) -> Array:
    """Inputs as a float matrix [records, features], categories one by one."""
    columns = records.schema.columns
    if records.schema.opaque:
        return records.features()
    if records.schema.is_image or not any(c.kind in CODED for c in columns):
        return records.flat()
    parts = []
    for place, column in enumerate(columns):
        values = records.x[:, place]
        if column.kind is Kind.CATEGORICAL:
            parts.append(np.eye(max(len(column.categories), 1))[values.astype(np.int64)])
        else:
            parts.append(filled(values, column)[:, None])
    return np.concatenate(parts, axis=1)

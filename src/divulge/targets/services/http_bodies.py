"""What is sent to a prediction service, and where in its response the predictions stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.wording import one_line

PLACES = ("$records", "$rows", "$flat", "$shape", "$count", "$columns")
"""What stands for what in a request: records as nested lists, as one object a record by column name, as one flat list;
their shape and number; the column names."""


@dataclass(frozen=True)
class Body:
    """request: JSON in which the words of PLACES stand for the records.  response: where the predictions stand, keys
    and numbers joined by dots, empty for the whole response.
    """

    request: Any
    response: str = ""


PRESETS: Mapping[str, Body] = MappingProxyType(
    {
        "kserve-v2": Body(
            {"inputs": [{"name": "input-0", "datatype": "FP32", "shape": "$shape", "data": "$flat"}]}, "outputs.0"
        ),
        "torchserve": Body({"instances": "$records"}, "predictions"),
        "bentoml": Body({"input_data": "$records"}, ""),
        "fastapi": Body({"instances": "$records"}, "predictions"),
    }
)
"""Bodies of well-known servers: the open inference protocol of KServe v2, MLServer and Triton; TorchServe's KServe v1
envelope; a BentoML service whose argument is called input_data; and what many a FastAPI service expects."""


def body_from(preset: str | None, request: Any, response: str | None) -> Body:
    """A preset with changes; raises InputError for an unknown one, or for a request without any records."""
    if preset is not None and preset not in PRESETS:
        raise InputError(f"target.preset: {preset!r} is unknown: choose one of {', '.join(PRESETS)}")
    known = PRESETS[preset or "fastapi"]
    body = Body(known.request if request is None else request, known.response if response is None else response)
    if not _mentions(body.request, ("$records", "$rows", "$flat")):
        raise InputError("target.request: names no records: write $records, $rows or $flat where they belong")
    return body


def _mentions(part: Any, words: Sequence[str]) -> bool:
    if isinstance(part, Mapping):
        return any(_mentions(value, words) for value in part.values())
    if isinstance(part, list):
        return any(_mentions(value, words) for value in part)
    return part in words


def request_of(body: Body, records: Records) -> Any:
    """The JSON to send for these records."""
    rows = listed(records)
    columns = list(records.schema.names)
    values = {
        "$records": rows,
        "$flat": np.asarray(rows, dtype=object).ravel().tolist(),
        "$shape": [len(rows), *records.x.shape[1:]],
        "$count": len(records),
        "$columns": columns,
    }
    if _mentions(body.request, ("$rows",)):
        values["$rows"] = [dict(zip(columns, row, strict=True)) for row in rows]
    return _filled(body.request, values)


def listed(records: Records) -> list[Any]:
    """Records as JSON has them, in the types in which they were given: whole numbers stay whole, a missing value is
    null, a time its ISO text.
    """
    native = records.native()
    if hasattr(native, "itertuples"):
        return [[_plain(value) for value in row] for row in native.itertuples(index=False, name=None)]
    if hasattr(native, "toarray"):
        native = native.toarray()
    if hasattr(native, "detach"):
        native = native.detach().cpu().numpy()
    if isinstance(native, Mapping):
        parts = [np.asarray(part).tolist() for part in native.values()]
        return [dict(zip(native, row, strict=True)) for row in zip(*parts, strict=True)]
    if isinstance(native, np.ndarray) and native.dtype != object:
        rows = native.tolist()
        return [_plain(row) for row in rows] if native.dtype.kind == "f" and np.isnan(native).any() else list(rows)
    return [_plain(row) for row in native]


def _plain(value: Any) -> Any:
    """One value as JSON has it."""
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    missing = pd.isna(value)
    if isinstance(missing, bool | np.bool_) and missing:
        return None
    if isinstance(value, float):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _filled(part: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(part, Mapping):
        return {key: _filled(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, values) for value in part]
    return values[part] if isinstance(part, str) and part in values else part


def predictions_in(body: Body, response: Any, count: int) -> list[Any]:
    """One prediction for each of `count` records; raises TargetError where they do not stand where they should."""
    found, walked = response, []
    for step in filter(None, body.response.split(".")):
        walked.append(step)
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            keys = ", ".join(map(str, response)) if isinstance(response, Mapping) else type(response).__name__
            keys = one_line(keys, 120)
            raise TargetError(
                f"the response has nothing at {'.'.join(walked)!r} (it holds {keys}): set target.response"
            ) from error
    if isinstance(found, Mapping) and "data" in found and "shape" in found:  # a tensor of the open inference protocol
        found = _tensor(found)
    if not isinstance(found, list) or len(found) != count:
        description = f"{len(found)} predictions" if isinstance(found, list) else f"a {type(found).__name__}"
        raise TargetError(f"the service answered {description} for {count} records: one each was expected")
    return found


def _tensor(found: Mapping[str, Any]) -> list[Any]:
    try:
        tensor: Array = np.asarray(found["data"]).reshape(found["shape"])
    except (ValueError, TypeError, OverflowError) as error:
        shape = one_line(str(found["shape"])[:200], 60)
        raise TargetError(f"the service answered a tensor whose data do not fit its shape {shape}") from error
    listed: list[Any] = tensor.tolist()
    return listed

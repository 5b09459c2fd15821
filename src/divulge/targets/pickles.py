"""Pickle and joblib files: loaded only when trusted, and even then only classes from known modules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from joblib import numpy_pickle, numpy_pickle_utils

from divulge.core.errors import FOREIGN, InputError, raised

KNOWN = re.compile(
    r"^(sklearn|xgboost|lightgbm|catboost|scipy\.(sparse|stats|interpolate|spatial)|pandas\.core|pandas\._libs|"
    r"numpy\._?core\.(multiarray|numeric|_multiarray_umath)|numpy\.random\.\w+|numpy\.ma\.core|"
    r"joblib\.numpy_pickle|divulge)(\.|$)"
)
"""Modules whose classes a model file may name."""

KNOWN_NAMES = frozenset(
    [("numpy", n) for n in ("dtype", "ndarray", "float64", "float32", "int64", "int32", "bool", "bool_", "nan")]
    + [
        ("builtins", n)
        for n in (
            *("object", "set", "frozenset", "list", "dict", "tuple", "int", "float", "bool", "str", "bytes"),
            *("bytearray", "complex", "slice", "range"),
        )
    ]
    + [("copyreg", "_reconstructor"), ("collections", "OrderedDict"), ("collections", "defaultdict")]
    + [("collections", "deque"), ("_codecs", "encode"), ("functools", "partial"), ("decimal", "Decimal")]
    + [("datetime", n) for n in ("datetime", "date", "timedelta")]
    + [("_loss", n) for n in ("CyHalfBinomialLoss", "CyHalfMultinomialLoss", "CyHalfSquaredError", "CyAbsoluteError")]
)


class _Guarded(numpy_pickle.NumpyUnpickler):  # type: ignore[misc]
    """joblib's unpickler, which looks up only what is known."""

    trusted: tuple[str, ...] = ()

    def find_class(self, module: str, name: str) -> Any:
        ours = any(module == root or module.startswith(f"{root}.") for root in self.trusted)
        if ours or (module, name) in KNOWN_NAMES or KNOWN.match(module):
            return super().find_class(module, name)
        raise InputError(
            f"target.path: the file would run {module}.{name}, which no known model needs: if you made it yourself, "
            f"add {module.split('.', maxsplit=1)[0]!r} to target.trusted_modules, or its file to target.modules"
        )


def load_trusted(path: Path, trust: bool, trusted_modules: tuple[str, ...] = ()) -> Any:
    """The object in a pickle or joblib file.

    Raises InputError unless `trust` is set, when the file names code from an unknown module, or when it is damaged.
    """
    if not trust:
        raise InputError(
            f"target.path: {path.name} is a pickle, which can run code when it is loaded: set `trust: true` if you "
            "know who made it, or export the model to ONNX"
        )
    try:
        with path.open("rb") as stream, numpy_pickle_utils._validate_fileobject_and_memmap(stream, str(path)) as opened:
            unpickler = _Guarded(str(path), opened[0], ensure_native_byte_order=False)
            unpickler.trusted = trusted_modules
            return unpickler.load()
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(
            f"target.path: {path.name} contains classes of the module {error.name!r}, which is neither beside the "
            f"audit file nor installed: put it there, and name it in target.modules ({error.name}.py)"
        ) from error
    except FOREIGN as error:  # a damaged pickle raises anything
        raise InputError(f"target.path: cannot load {path.name}: {raised(error)}") from error

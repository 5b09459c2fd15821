"""Files of skops (.skops): estimators without a pickle, of which every type is looked at before anything is made."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from divulge.core.errors import FOREIGN, InputError, MissingExtra, raised
from divulge.targets.known_names import CONSTRUCTORS, DISTRIBUTIONS, LIBRARIES, VALUES, is_known_class
from divulge.targets.pickles import under

MOST_NAMED = 5
"""Types that one line names."""


def load_skops(path: Path, trust: bool = False, trusted_modules: tuple[str, ...] = ()) -> Any:
    """The estimator in a file of skops; it needs no trust, as long as it holds nothing but types of known libraries.

    trusted_modules: further modules whose types it may hold, for which `trust` must be set.  Raises InputError, which
    names the types, where it holds others, and where it is damaged.
    """
    try:
        from skops import io
    except ModuleNotFoundError as error:
        raise MissingExtra("skops", "skops") from error
    try:
        types = list(io.get_untrusted_types(file=path))
        unknown = [name for name in types if not _is_known(name, trusted_modules if trust else ())]
        if unknown:
            raise InputError(_refused(path, unknown))
        return io.load(path, trusted=types)
    except InputError:
        raise
    except FOREIGN as error:  # a damaged file raises anything
        raise InputError(f"target.path: cannot load {path.name}: {raised(error)}") from error


def _is_known(full: str, trusted: tuple[str, ...]) -> bool:
    module, _, name = full.rpartition(".")
    if under(module, trusted) or (module, name) in CONSTRUCTORS | VALUES:
        return True
    if module in DISTRIBUTIONS or not under(module, LIBRARIES):  # a distribution runs a text of its state as code
        return False
    try:
        return is_known_class(getattr(importlib.import_module(module), name, None), module, name)
    except ImportError:
        return False


def _refused(path: Path, unknown: list[str]) -> str:
    names = ", ".join(unknown[:MOST_NAMED]) + (f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > 5 else "")
    root = unknown[0].split(".", maxsplit=1)[0]
    return (
        f"target.path: {path.name} holds types that are of no known library: {names}: if you know who made them, set "
        f"`trust: true` and add {root!r} to target.trusted_modules"
    )

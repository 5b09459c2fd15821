"""Code of the user's own that lies beside an audit file: functions that build models, classes in a pipeline."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from cloudpickle import register_pickle_by_value

from divulge.core.errors import FOREIGN, InputError, raised
from divulge.data.files import existing

_BROUGHT: dict[str, Path] = {}
"""Modules that were imported from the folder of an audit file, and that folder."""


def factory_from(named: str, folder: Path, where: str = "target.factory") -> Callable[[], Any]:
    """The function behind `file.py:function` or `package.module:function`."""
    function: Callable[[], Any] = thing_from(named, folder, where)
    return function


def thing_from(named: str, folder: Path, where: str) -> Any:
    """What `file.py:name` or `package.module:name` stands for."""
    place, _, name = named.rpartition(":")  # the last one, since C:\models\net.py:build has another
    if not (place and name):
        raise InputError(f"{where}: {named!r} must be file.py:function or package.module:function")
    try:
        if place.endswith(".py"):
            path = existing(folder / place, where)
            spec = importlib.util.spec_from_file_location(path.stem, path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules.setdefault(path.stem, module)
            spec.loader.exec_module(module)
            register_pickle_by_value(module)  # workers cannot import it by its name
        else:
            module = importlib.import_module(place)
        return getattr(module, name)
    except InputError:
        raise
    except FOREIGN as error:  # the user's own code: it may raise anything
        raise InputError(f"{where}: cannot load {named!r}: {raised(error)}") from error


def built_by(factory: Callable[[], Any], named: str, where: str = "target.factory") -> Any:
    """What a factory makes; raises InputError where it fails."""
    try:
        return factory()
    except FOREIGN as error:  # the user's own code: it may raise anything
        raise InputError(f"{where}: {named!r} failed: {raised(error)}: call it yourself") from error


def modules_beside(trusted: Iterable[str], files: Iterable[Path], folder: Path) -> tuple[str, ...]:
    """The names of modules whose classes a pickle may contain, with those imported that lie beside the audit file.

    trusted: names; one that is installed and does not lie there is left to Python.  files: relative to the folder.
    Raises InputError for a file that is not there, and for a module that cannot be imported.
    """
    names = list(trusted)
    for file in files:
        path = existing(folder / file, "target.modules")
        _imported(path.stem, path.parent, f"target.modules: {file}")
        names.append(path.stem)
    for name in names[: len(names)]:
        root = name.partition(".")[0]
        if _lies_in(folder, root):
            _imported(name, folder, f"target.trusted_modules: {name}")
    return tuple(names)


def _lies_in(folder: Path, root: str) -> bool:
    return (folder / f"{root}.py").is_file() or (folder / root / "__init__.py").is_file()


def _imported(name: str, folder: Path, where: str) -> None:
    """Import a module from a folder, with what it imports from there, and let all of it travel to workers by value."""
    folder = folder.resolve()
    root = name.partition(".")[0]
    for other in [n for n, place in _BROUGHT.items() if place != folder]:  # of the same names, it may be
        sys.modules.pop(other, None)
        del _BROUGHT[other]
    known = sys.modules.get(root)
    if known is not None and not _from(known, folder):  # a module of that name, from another audit file's folder
        for other in [n for n in sys.modules if n == root or n.startswith(f"{root}.")]:
            del sys.modules[other]
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        importlib.import_module(name)
    except FOREIGN as error:  # the user's own code: it may raise anything
        raise InputError(f"{where}: cannot be imported: {raised(error)}") from error
    finally:
        sys.path.remove(str(folder))
    for brought, module in [(n, m) for n, m in list(sys.modules.items()) if n not in before and _from(m, folder)]:
        _BROUGHT[brought] = folder
        register_pickle_by_value(module)  # workers cannot import it by its name


def _from(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    installed = isinstance(file, str) and ("site-packages" in file or "dist-packages" in file)
    return isinstance(file, str) and not installed and Path(file).resolve().is_relative_to(folder)

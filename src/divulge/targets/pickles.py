"""Pickle and joblib files: loaded only when trusted, and even then nothing is looked up or called but what is known."""

from __future__ import annotations

import importlib
import pickle
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterable
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, ClassVar

from joblib import numpy_pickle, numpy_pickle_utils

from divulge.core.errors import FOREIGN, InputError, raised
from divulge.targets.known_names import CONSTRUCTORS, DISTRIBUTIONS, LIBRARIES, VALUES, is_known_class

_PythonUnpickler: Any = pickle._Unpickler

Known = Callable[[Any, str, str], bool]
"""Whether what was found under a module and a name is a class that may stand in a model."""


def under(module: str, roots: Iterable[str]) -> bool:
    """Whether a module is one of some, or lies inside of one."""
    return any(module == root or module.startswith(f"{root}.") for root in roots)


class NameGuard:
    """Finds what a file names, if it is on the list.

    trusted: modules of the user's own, of which everything that is defined there may be named, and called.  places:
    roots of the modules that `known` decides about.
    """

    def __init__(
        self,
        trusted: tuple[str, ...] = (),
        constructors: frozenset[tuple[str, str]] = CONSTRUCTORS,
        values: frozenset[tuple[str, str]] = VALUES,
        places: tuple[str, ...] = (*LIBRARIES, *DISTRIBUTIONS),
        known: Known = is_known_class,
    ) -> None:
        self.trusted = trusted
        self._constructors, self._values, self._places, self._known = constructors, values, places, known
        self._callable: list[Any] = []

    def find(self, module: str, name: str, protocol: int) -> Any:
        """The object of that name; raises InputError, which says the cure, for one that is not on the list."""
        if protocol < 3:
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        if "." in name:
            raise refusal(module, name)
        ours = under(module, self.trusted)
        listed = (module, name) in self._constructors or (module, name) in self._values
        if not (ours or listed or under(module, self._places)):
            raise refusal(module, name)
        found = getattr(importlib.import_module(module), name)
        if not listed and not (self._owned(found) if ours else self._known(found, module, name)):
            raise refusal(module, name)
        if ours or (module, name) in self._constructors:
            self._callable.append(found)
        return found

    def _owned(self, found: Any) -> bool:
        """Whether what a module of the user's own holds was not brought there from elsewhere, as `os` may be."""
        home = getattr(found, "__module__", None)
        return not isinstance(found, ModuleType) and (not isinstance(home, str) or under(home, self.trusted))

    def check_call(self, function: Any) -> None:
        """Raises InputError for what must not be called while a file is loaded."""
        if not any(function is known for known in self._callable):
            raise InputError(
                f"target.path: the file would call {_called(function)} while it is loaded, which no model needs: do "
                "not load it, and ask whoever made it for ONNX, skops or weights"
            )

    def check_state(self, holder: Any, state: Any) -> None:
        """Raises InputError for state that would alter a class, or that its holder would run as code."""
        if isinstance(holder, type | ModuleType | FunctionType | BuiltinFunctionType):
            raise InputError(
                f"target.path: the file would alter {_called(holder)}, which no model needs: do not load it"
            )
        if any(base.__name__ == "rv_generic" for base in type(holder).__mro__):
            _check_distribution(holder, state)


def _check_distribution(holder: Any, state: Any) -> None:
    """A distribution of scipy runs a text in its state as code: it must be the text that scipy itself has there."""
    text = "_parse_arg_template"
    own = getattr(type(holder)(name="own"), text)
    if type(state) is not dict or not isinstance(state.get(text), str) or state[text] != own:
        raise InputError(
            f"target.path: the file would run code as part of the distribution {type(holder).__name__}: do not load it"
        )


def refusal(module: str, name: str) -> InputError:
    """What is said of a name that is not on the list."""
    root = module.split(".", maxsplit=1)[0]
    start = f"target.path: the file would run {module}.{name}"
    if root in sys.stdlib_module_names or root in LIBRARIES or root in ("numpy", "scipy", "pandas", "joblib", "torch"):
        return InputError(
            f"{start}, which no known model needs: do not load it unless you made it yourself; a model of yours "
            "travels by skops or ONNX, or with such functions in a file of your own that target.modules names"
        )
    return InputError(
        f"{start}: if it is a class of yours, add {root!r} to target.trusted_modules, or its file to target.modules"
    )


def _called(found: Any) -> str:
    name = getattr(found, "__qualname__", None) or f"a {type(found).__name__}"
    return f"{getattr(found, '__module__', None) or 'builtins'}.{name}"


class GuardedUnpickler(_PythonUnpickler):  # type: ignore[misc]
    """Python's own unpickler, which asks a guard before it looks up, calls or alters anything.

    It is the one that is written in Python: that in C cannot be kept from calling what was looked up.
    """

    guard: NameGuard
    dispatch: ClassVar[dict[int, Any]] = dict(_PythonUnpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        """See NameGuard."""
        return self.guard.find(module, name, getattr(self, "proto", 0))

    def load_reduce(self) -> None:
        """A call."""
        self.guard.check_call(self.stack[-2])
        super().load_reduce()

    def load_build(self) -> None:
        """State for an object."""
        self.guard.check_state(self.stack[-2], self.stack[-1])
        super().load_build()

    def _instantiate(self, kind: Any, arguments: Any) -> None:
        """A call in the oldest protocols."""
        if arguments or not isinstance(kind, type):
            self.guard.check_call(kind)
        super()._instantiate(kind, arguments)

    def load_newobj(self) -> None:
        """An object without a call of its class."""
        _must_be_class(self.stack[-2])
        super().load_newobj()

    def load_newobj_ex(self) -> None:
        """The same with keywords."""
        _must_be_class(self.stack[-3])
        super().load_newobj_ex()


for _code in ("reduce", "build", "newobj", "newobj_ex"):
    GuardedUnpickler.dispatch[getattr(pickle, _code.upper())[0]] = getattr(GuardedUnpickler, f"load_{_code}")


def _must_be_class(kind: Any) -> None:
    if not isinstance(kind, type):
        raise InputError(f"target.path: the file would call {_called(kind)}.__new__, and no class: do not load it")


class _Joblibs(GuardedUnpickler, numpy_pickle.NumpyUnpickler):  # type: ignore[misc]
    """joblib's unpickler under guard: arrays lie beside the pickle, those of objects as pickles of their own."""

    dispatch: ClassVar[dict[int, Any]] = dict(GuardedUnpickler.dispatch)

    def load_build(self) -> None:
        """State for an object; an array is then read."""
        holder = self.stack[-2]
        self.guard.check_state(holder, self.stack[-1])
        _PythonUnpickler.load_build(self)
        if not isinstance(holder, numpy_pickle.NumpyArrayWrapper):
            return
        wrapper = self.stack.pop()
        if wrapper.dtype.hasobject:  # joblib before 1.6 reads these without any guard
            inner = GuardedUnpickler(self.file_handle)
            inner.guard = self.guard
            self.stack.append(inner.load())
        else:
            self.stack.append(wrapper.read(self, self.ensure_native_byte_order))

    dispatch[pickle.BUILD[0]] = load_build


def load_trusted(path: Path, trust: bool, trusted_modules: tuple[str, ...] = ()) -> Any:
    """The object in a pickle or joblib file.

    Raises InputError unless `trust` is set, when the file names what is not on the list of known names, or when it is
    damaged.
    """
    if not trust:
        raise InputError(
            f"target.path: {path.name} is a pickle, which can run code when it is loaded: set `trust: true` if you "
            "know who made it, or have it saved by skops (.skops) or as ONNX, which need no trust"
        )
    try:
        with path.open("rb") as stream, numpy_pickle_utils._validate_fileobject_and_memmap(stream, str(path)) as opened:
            unpickler = _Joblibs(str(path), opened[0], ensure_native_byte_order=False)
            unpickler.guard = NameGuard(trusted_modules)
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

"""One hash for what an object is: equal for a model and the same model loaded from its file, in another process too."""

from __future__ import annotations

import dis
import hashlib
import io
import json
import pickle
import sys
import tempfile
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

DEEPEST = 100
"""Nesting from which an object is left to pickle, which goes deeper than this reader."""


MAPPINGS = frozenset({"builtins", "collections", "sklearn.utils._bunch"})
"""Where mappings come from that are nothing but their items, whatever their pickles say besides."""

LIBRARIES = frozenset(
    {
        "_pytest",
        "accelerate",
        "catboost",
        "cloudpickle",
        "divulge",
        "imblearn",
        "jax",
        "joblib",
        "keras",
        "lightgbm",
        "ml_dtypes",
    }
    | {
        "numpy",
        "onnx",
        "onnxruntime",
        "opacus",
        "pandas",
        "peft",
        "polars",
        "pyarrow",
        "safetensors",
        "scipy",
        "skimage",
    }
    | {"sklearn", "skops", "skorch", "statsmodels", "tensorflow", "tokenizers", "torch", "torchaudio", "torchvision"}
    | {"hypothesis", "pytest", "transformers", "xgboost"}
)
"""Packages whose code counts by name: their versions are part of the cache's keys."""

MADE_BY_PYTHON = frozenset(
    {"__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__abstractmethods__", "__slotnames__"}
    | {"__firstlineno__", "__static_attributes__", "__orig_bases__", "__parameters__", "__match_args__", "__hash__"}
    | {"__annotate_func__", "__annotations_cache__", "__qualname__"}
)
"""What stands in a class besides what its author wrote."""

CONSTANTS = (bool, int, float, complex, str, bytes, tuple, list, dict, np.ndarray)
FUNCTIONS = (types.FunctionType, types.MethodType)

COUNTERS = slice(7, 11)
"""Where a search tree of scikit-learn counts, in its state, how often it was asked."""


def content_hash(value: Any) -> str:
    """Hex digest (32 characters) of an object's content.

    Arrays count by type, shape and values, structured ones field by field (the bytes between fields are left over from
    whatever stood in memory before), masked ones by what is not masked; functions by their code and what they hold;
    other objects by their type and state.  What has neither state nor reduction counts by its type.
    """
    state = hashlib.blake2b(digest_size=16)
    _Reader(state).read(value, 0)
    return state.hexdigest()


def code_hash(kind: type) -> str:
    """The same of the code of a class and of all that it calls, wherever it was defined."""
    state = hashlib.blake2b(digest_size=16)
    _Reader(state).read_code(kind, 0)
    return state.hexdigest()


class _Reader:
    def __init__(self, state: Any) -> None:
        self._state = state
        self._open: dict[int, int] = {}
        self._read: dict[int, tuple[object, bytes]] = {}

    def tell(self, *words: str | bytes) -> None:
        for word in words:
            raw = word.encode() if isinstance(word, str) else word
            self._state.update(len(raw).to_bytes(8, "little") + raw)

    def read(self, value: Any, depth: int) -> None:
        """Everything about one object, what it is made of included; one that contains itself is told by its place."""
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            self.tell(type(value).__name__, repr(value) if not isinstance(value, bytes) else value)
            return
        if id(value) in self._open:
            self.tell("again", str(self._open[id(value)]))
            return
        if depth > DEEPEST:
            self.tell("deep", type(value).__qualname__, pickle.dumps(value) if picklable(value) else "")
            return
        self._open[id(value)] = depth
        try:
            self._composed(value, depth)
        finally:
            del self._open[id(value)]

    def _composed(self, value: Any, depth: int) -> None:
        kind = type(value)
        if isinstance(value, np.ndarray):
            self._maybe_masked(value, depth)
        elif any(f"{k.__module__}.{k.__name__}" == "torch.Tensor" for k in kind.__mro__):
            self.tell("tensor", str(value.dtype))
            plain = value.detach().cpu()
            plain = plain.dequantize() if plain.is_quantized else plain
            self._array(np.asarray(plain.numpy() if plain.is_complex() else plain.double().numpy()), depth)
        elif isinstance(value, np.generic):
            self.tell(kind.__name__, value.tobytes() if value.dtype.names is None else repr(value))
        elif isinstance(value, Mapping) and kind.__module__ in MAPPINGS:
            self._unordered("mapping", list(value.items()), depth)
        elif isinstance(value, set | frozenset):
            self._unordered("set", list(value), depth)
        elif isinstance(value, list | tuple) and kind in (list, tuple):
            self._ordered(kind.__name__, value, depth)
        elif isinstance(value, types.FunctionType):
            self._once(value, _Reader._function, depth)
        elif isinstance(value, types.ModuleType | type | types.BuiltinFunctionType):
            self.tell("name", getattr(value, "__module__", "") or "", _called(value))
            if isinstance(value, type):
                self.read_code(value, depth)
        elif isinstance(value, types.CodeType):
            self.tell("code", value.co_code, repr(value.co_names))
            self._ordered("constants", value.co_consts, depth)
        elif isinstance(value, types.MethodType):
            self._ordered("method", (value.__func__, value.__self__), depth)
        else:
            self._once(value, _Reader._reduced, depth)

    def _maybe_masked(self, value: np.ndarray[Any, Any], depth: int) -> None:
        if isinstance(value, np.ma.MaskedArray):
            mask = np.broadcast_to(np.ma.getmaskarray(value), value.shape)
            self.tell("masked", repr(value.dtype))
            self._array(mask, depth)
            value = value.compressed() if value.dtype.names is None else value.filled()
        self._array(np.asarray(value), depth)

    def _array(self, value: np.ndarray[Any, Any], depth: int) -> None:
        self.tell("array", repr(value.dtype), repr(value.shape))
        if value.dtype.names is not None:
            for name in value.dtype.names:
                self._array(np.ascontiguousarray(value[name]), depth)
        elif value.dtype.hasobject:
            self._ordered("objects", value.ravel().tolist(), depth)
        else:
            self._state.update(np.ascontiguousarray(value).tobytes())

    def _ordered(self, name: str, values: Iterable[Any], depth: int) -> None:
        listed = list(values)
        self.tell(name, str(len(listed)))
        for part in listed:
            self.read(part, depth + 1)

    def _unordered(self, name: str, values: list[Any], depth: int) -> None:
        self.tell(name, *sorted(self._inner(part, _Reader.read, depth + 1) for part in values))

    def _inner(self, part: Any, read: Callable[[_Reader, Any, int], None], depth: int) -> bytes:
        """The digest of a part by itself."""
        inner = hashlib.blake2b(digest_size=16)
        reader = _Reader(inner)
        reader._open, reader._read = self._open, self._read
        read(reader, part, depth)
        return inner.digest()

    def _once(self, value: Any, read: Callable[[_Reader, Any, int], None], depth: int) -> None:
        """By the digest that is kept of it: code names the same functions and objects over and over."""
        if id(value) not in self._read:
            self._read[id(value)] = value, self._inner(value, read, depth)
        self.tell(self._read[id(value)][1])

    def _function(self, value: types.FunctionType, depth: int) -> None:
        """By its name, its code, and everything that the code names: other functions, models, numbers, own modules."""
        self.tell("function", value.__module__ or "", _called(value))
        if well_known(value.__module__):
            return
        cells = [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
        self._ordered("parts", (value.__code__, value.__defaults__, value.__kwdefaults__, cells), depth)
        self._unordered("globals", list(_named(value.__code__, value.__globals__).items()), depth)

    def read_code(self, kind: type, depth: int) -> None:
        """What its own methods and attributes are, and those of what it derives from; nothing of a known library's."""
        for base in kind.__mro__:
            if not well_known(base.__module__):
                self._once(base, _Reader._own_members, depth)

    def _own_members(self, kind: type, depth: int) -> None:
        members = {name: _unbound(value) for name, value in vars(kind).items() if name not in MADE_BY_PYTHON}
        kept = [(name, v) for name, v in members.items() if v is None or isinstance(v, (*CONSTANTS, *FUNCTIONS))]
        self._unordered("members", kept, depth)

    def _reduced(self, value: Any, depth: int) -> None:
        """By the way in which pickle would take it apart, where there is one."""
        kind = type(value)
        self.tell("object", kind.__module__, _called(kind))
        self.read_code(kind, depth)
        own = _own_words(value)
        if own is not None:
            self.tell("model", own)
            return
        try:  # skorch writes its networks as bytes, which differ from process to process
            reduced = None if kind.__module__.partition(".")[0] == "skorch" else value.__reduce_ex__(2)
        except Exception:  # locks, sockets, generators: foreign code raises what it likes
            reduced = None
        if isinstance(reduced, str):
            self.tell("global", reduced)
        elif reduced is None:
            self._ordered("state", sorted(vars(value).items()) if hasattr(value, "__dict__") else (), depth)
        else:
            maker, arguments, *rest = reduced
            self.read(maker, depth + 1)
            self._ordered("arguments", arguments, depth)
            for part in rest[:1]:
                self.read(_cacheable(kind, part), depth + 1)
            for more in rest[1:3]:
                self._ordered("items", list(more) if more is not None else (), depth)


def _called(thing: Any) -> str:
    """Its qualified name, but for the function that it was made in, which a class that travels between processes
    forgets.
    """
    return str(getattr(thing, "__qualname__", thing.__name__)).rpartition("<locals>.")[2]


def well_known(module: str | None) -> bool:
    """Whether code of this module counts by its name: its version is written down elsewhere, and nobody edits it."""
    package = (module or "").partition(".")[0]
    return package in LIBRARIES or (package in sys.stdlib_module_names and package != "__main__")


def _names(code: types.CodeType) -> Iterator[str]:
    """All that code asks for by name, of functions within it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _globals(code: types.CodeType) -> Iterator[str]:
    """The names that code looks up in its module, of functions within it too."""
    for each in dis.get_instructions(code):
        if each.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield each.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _globals(constant)


def _named(code: types.CodeType, scope: Mapping[str, Any]) -> dict[str, Any]:
    """What the names of code stand for in its module; of the owner's own modules, what is asked of them."""
    found: dict[str, Any] = {}
    names = set(_names(code))
    for name in set(_globals(code)) & scope.keys():
        value = scope[name]
        if not isinstance(value, types.ModuleType):
            found[name] = value
        elif not well_known(value.__name__):
            members = vars(value)
            asked = {m: members[m] for m in names & members.keys() if not isinstance(members[m], types.ModuleType)}
            found[name] = value.__name__, asked
    return found


def _unbound(value: Any) -> Any:
    """The functions behind what a class holds."""
    if isinstance(value, staticmethod | classmethod):
        return value.__func__
    if isinstance(value, property):
        return value.fget, value.fset
    return value


def _cacheable(kind: type, state: Any) -> Any:
    """The state of an object without what changes when it is asked."""
    searches = kind.__module__ in ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree")
    if searches and isinstance(state, tuple) and len(state) >= COUNTERS.stop:
        return (*state[: COUNTERS.start], *state[COUNTERS.stop :])
    return state


def _own_words(value: Any) -> str | bytes | None:
    """What a boosted model's own library writes of it, which is equal for equal models, as their pickles are not."""
    library, name = type(value).__module__.partition(".")[0], type(value).__name__
    try:
        if library == "lightgbm" and name == "Booster":
            return str(value.model_to_string())
        if library == "xgboost" and name == "Booster":
            return bytes(value.save_raw("json"))
        if library == "catboost" and hasattr(value, "save_model") and value.is_fitted():
            return _catboost_words(value)
    except Exception:  # a library of another version: the pickle is as good as it was
        return None
    return None


def _catboost_words(model: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        parameters = json.loads(path.read_text(encoding="utf-8"))
    parameters.pop("model_info", None)  # when it was trained
    return json.dumps([parameters, [repr(label) for label in getattr(model, "classes_", ())]], sort_keys=True)


def _filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def picklable(value: Any) -> bool:
    """Whether an object can be written by pickle, so that workers and caches can have it."""
    try:
        pickle.Pickler(io.BytesIO(), protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    except Exception:  # foreign code raises what it likes, RecursionError among it
        return False
    return True

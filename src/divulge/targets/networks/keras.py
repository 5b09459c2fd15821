"""Keras 3 models, on whatever backend."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.identity import content_hash, well_known
from divulge.core.mixed.inputs import InputList
from divulge.core.outputs import (
    WORDS,
    OutputForm,
    Pick,
    columns,
    contradicted,
    flat,
    form_of,
    picked,
    recognized,
    whole,
)
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.targets.answers import checked, guarded, through_port
from divulge.targets.batches import Batches
from divulge.targets.stated import StatedTarget

LOOKED_AT = 512
VALUE_LOSSES = ("mse", "mae", "mape", "msle", "mean_", "huber", "log_cosh", "logcosh", "poisson")
CLASS_LOSSES = ("crossentropy", "hinge", "focal")
ENDS = {"softmax": "softmax", "log_softmax": "softmax", "sigmoid": "sigmoid", "hard_sigmoid": "sigmoid"}


class KerasTarget(StatedTarget):
    """A built model, asked through its predict().  What its outputs stand for follows from the last activation and from
    looking at many of them; output, pick and classes as of TorchTarget.  task: from the loss it was compiled with, or
    from the labels, when not given.
    """

    def __init__(
        self,
        model: Any,
        *,
        task: Task | str | None = None,
        name: str | None = None,
        output: OutputForm | str | None = None,
        pick: Pick = None,
        classes: Sequence[Any] = (),
        batch_size: int = 1024,
    ) -> None:
        if isinstance(model, type):
            raise InputError(f"{model.__name__} is a class: pass a trained model, an instance of it")
        if not getattr(model, "built", True):
            raise InputError(f"the {type(model).__name__} has no weights yet: fit it, or load them, before the audit")
        self.network, self.classes = model, tuple(classes)
        self.stated_task = Task(task) if task is not None else _task_of(model)
        self._name = name or str(getattr(model, "name", None) or type(model).__name__)
        self._form, self._pick, self._settled = form_of(output), pick, output is not None
        self._handed, self._batch_size = False, batch_size
        self._structure: str | None = None
        self.batches = Batches()
        self._embeds = any("Embedding" in type(layer).__name__ for layer in _layers(model))

    @property
    def reading(self) -> str:
        """What its outputs stand for, in words."""
        if self.task is Task.REGRESSION:
            return "one value a record"
        return "not asked yet" if self._form is None else WORDS[self._form]

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access not in self.offers:
            raise TargetError(f"{self._name} has no port for {access.value}")
        raw = self._predicted(_given(records))
        if self.task is Task.REGRESSION:
            return checked(self._name, raw.reshape(len(raw), -1).squeeze(-1), len(records), None)
        self._settle(raw, records)
        assert self._form is not None
        table, probable = columns(raw, self._form)
        outputs = checked(self._name, table, len(records), len(records.schema.classes) or table.shape[1])
        return through_port(access, outputs, probable, self.task)

    def settle(self, records: Records) -> str:
        """See TorchTarget."""
        if self.task is Task.CLASSIFICATION and not self._settled:
            some = records.take(np.arange(min(LOOKED_AT, len(records))))
            self._settle(self._predicted(_given(some)), some)
            self._settled = True
        return self.reading

    def outputs(self, x: Array) -> int:
        """How many numbers it returns for a record, asked about these few."""
        return int(np.prod(self._predicted(x if _is_several(x) else np.asarray(x)).shape[1:]))

    def alike(self, model: Any) -> KerasTarget:
        """Another model, read the same way."""
        how: dict[str, Any] = {"task": self.stated_task, "output": self._form, "pick": self._pick}
        twin = KerasTarget(model, classes=self.classes, batch_size=self._batch_size, **how)
        twin._handed = model is not self.network
        return twin

    def fingerprint(self) -> str:
        """Of the architecture, the weights and the way it is read."""
        form = self._form.value if self._settled and self._form is not None else ""
        if self._structure is None:
            self._structure = _architecture(self.network)
        return digest(self._structure, *map(np.asarray, self.network.get_weights()), form, str(self._pick))

    def _settle(self, raw: Array, records: Records) -> None:
        if self._handed and self._form is not None and contradicted(raw, self._form):
            self._form = None
        self._handed = False
        if self._form is None:
            y = records.y if records.y.dtype.kind in "iu" else None
            self._form = recognized(raw, y, _ending(self.network))

    def _predicted(self, x: Any) -> Array:
        """Outputs in double precision: [records, outputs]."""
        named = isinstance(x, Mapping)
        parts = dict(x) if named else dict(enumerate(x if _is_several(x) else [x]))
        numbers = {key: self._numbers(part) for key, part in parts.items()}
        count = len(next(iter(numbers.values())))

        def ask(places: Array | None) -> Array:
            rows = {key: part if places is None else part[places] for key, part in numbers.items()}
            given = rows if named else list(rows.values()) if len(rows) > 1 else rows[0]
            with as_it_was(self.network):
                returned = self.network.predict(given, batch_size=self._batch_size, verbose=0)
            outputs = returned if isinstance(returned, np.ndarray) else _chosen(returned, self._pick)
            return np.asarray(flat(np.asarray(outputs, dtype=np.float64)))

        return np.asarray(guarded(self._name, lambda: self.batches.ask(count, ask)))

    def _numbers(self, x: Any) -> Array:
        return np.asarray(x, dtype=np.int64 if self._embeds and whole(x) else self._floats())

    def _floats(self) -> Any:
        policy = str(getattr(getattr(self.network, "dtype_policy", None), "name", ""))
        return np.float64 if policy == "float64" else np.float32


def _is_several(x: Any) -> bool:
    return isinstance(x, tuple | InputList | Mapping)


def _given(records: Records) -> Any:
    """Several inputs as their owner gave them; else the records' numbers."""
    if not records.schema.opaque:
        return records.x
    native = records.native()
    return native if _is_several(native) else records.x


class _PickedOutput(np.ndarray[Any, Any]):
    """An array that passes for a tensor where one of several outputs is picked."""

    def detach(self) -> _PickedOutput:
        """Itself."""
        return self


def _chosen(returned: Any, pick: Pick) -> Any:
    """One of several outputs, see `picked`."""
    if isinstance(returned, dict):
        returned = {name: np.asarray(part).view(_PickedOutput) for name, part in returned.items()}
    else:
        returned = [np.asarray(part).view(_PickedOutput) for part in returned]
    return np.asarray(picked(returned, pick))


@contextmanager
def as_it_was(model: Any) -> Iterator[None]:
    """On the backend of PyTorch a model is a module, whose modes predict() changes."""
    modes: list[tuple[Any, bool]] = []
    if "torch" in sys.modules and hasattr(model, "modules"):
        modes = [(part, part.training) for part in model.modules() if hasattr(part, "training")]
    try:
        yield
    finally:
        for part, mode in modes:
            if part.training != mode:
                part.training = mode


def _layers(model: Any) -> list[Any]:
    found: list[Any] = []
    for layer in getattr(model, "layers", []) or []:
        found += _layers(layer) or [layer]
    return found


def _ending(model: Any) -> str:
    """The last activation: sigmoid, softmax, linear, or '' where it is unknown."""
    layers = _layers(model)
    plain = type(model).__name__ in ("Sequential", "Functional", "Model")
    if not plain or not layers:
        return ""
    last = layers[-1]
    if type(last).__name__ == "Softmax":
        return "softmax"
    name = str(getattr(getattr(last, "activation", None), "__name__", ""))
    return ENDS.get(name, "linear" if name == "linear" and type(last).__name__ == "Dense" else "")


def _task_of(model: Any) -> Task | None:
    """By the loss it was compiled with."""
    loss = getattr(model, "loss", None)
    name = str(loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "")).lower()
    if any(word in name for word in CLASS_LOSSES):
        return Task.CLASSIFICATION
    return Task.REGRESSION if name.startswith(VALUE_LOSSES) else None


def _architecture(model: Any) -> str:
    """The layers, and of classes of one's own their code and the plain values that stand in them."""
    own = [part for part in (model, *_layers(model)) if not well_known(type(part).__module__)]
    code = "".join(content_hash((type(part), _plain(part))) for part in own)
    try:
        return str(model.to_json()) + code
    except (TypeError, ValueError, NotImplementedError):  # of a class of one's own that does not say
        return f"{type(model).__qualname__} {[type(layer).__qualname__ for layer in _layers(model)]}{code}"


def _plain(part: Any) -> dict[str, object]:
    kept = {name: value for name, value in vars(part).items() if not name.startswith("_") and name != "name"}
    return {name: value for name, value in kept.items() if isinstance(value, bool | int | float | str)}

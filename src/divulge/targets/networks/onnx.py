"""ONNX files, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.targets.answers import (
    are_probabilities,
    checked,
    guarded,
    through_port,
)
from divulge.targets.stated import StatedTarget

DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}


class OnnxTarget(StatedTarget):
    """A model file with one input.  Of several outputs the one with a column a class is read.

    task: regression where decimal targets meet a single output, else classification, when not given.  classes: the
    labels of the outputs, in their order, which some files tell with their answers.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        task: Task | None = None,
        name: str | None = None,
        classes: Sequence[Any] = (),
    ) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"target.path: no file at {self.path} (looked in {self.path.resolve().parent})")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has no common error class
            raise InputError(f"target.path: {self.path.name} is not an ONNX model that onnxruntime can load") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in DTYPES:
            kinds = ", ".join(f"{i.name}: {i.type}" for i in inputs)
            raise InputError(f"target.path: {self.path.name} must have one numeric input, it has {kinds}")
        self._input, self._dtype = inputs[0].name, DTYPES[inputs[0].type]
        self.stated_task, self._name, self.classes = task, name or self.path.stem, tuple(classes)
        self._probabilities: bool | None = None

    def outputs(self, x: Any) -> int | None:
        """How many numbers it returns for a record, asked about these few; None where it returns labels only."""
        given = np.ascontiguousarray(x, dtype=self._dtype)
        for output in self._run(given):
            if isinstance(output, list) and output and isinstance(output[0], dict):
                self.classes = self.classes or tuple(sorted(output[0]))
                return len(output[0])
        shapes = [np.asarray(o).shape for o in self._run(given) if np.asarray(o).dtype.kind == "f"]
        return int(np.prod(shapes[0][1:])) if shapes else None

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        x = np.ascontiguousarray(records.x, dtype=self._dtype)
        outputs = self._run(x)
        if self.task is Task.REGRESSION:
            return checked(self._name, np.asarray(outputs[0]).reshape(len(records), -1)[:, 0], len(records), None)
        width = len(records.schema.classes)
        scores = self._score_matrix(outputs, len(records), width)
        if self._probabilities is None:
            self._probabilities = are_probabilities(scores)
        return through_port(access, scores, self._probabilities, self.task)

    def _run(self, x: Array) -> list[Any]:
        outputs = guarded(self._name, lambda: self._session.run(None, {self._input: x}))
        assert isinstance(outputs, list)
        return outputs

    def fingerprint(self) -> str:
        """See Target."""
        return digest(self.path.read_bytes())

    def _score_matrix(self, outputs: list[Any], records: int, width: int) -> Array:
        for output in outputs:
            by_class = isinstance(output, list) and output and isinstance(output[0], dict)
            array = np.asarray([[row[key] for key in sorted(row)] for row in output] if by_class else output)
            if array.shape == (records, width) and array.dtype.kind == "f":
                return checked(self._name, array, records, width)
        shapes = ", ".join(str(np.asarray(o).shape) for o in outputs)
        raise TargetError(f"the model {self._name} has no output of shape ({records}, {width}), only {shapes}")

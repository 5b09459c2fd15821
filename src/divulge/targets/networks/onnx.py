"""ONNX files, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.outputs import OutputForm, form_of
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.targets.answers import checked, guarded
from divulge.targets.batches import Batches
from divulge.targets.scores import Scores
from divulge.targets.stated import StatedTarget

DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}


@dataclass(frozen=True)
class Rows:
    """Several outputs about so many records."""

    count: int
    outputs: list[Any]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice) -> Rows:
        return Rows(len(range(self.count)[rows]), [output[rows] for output in self.outputs])

    @staticmethod
    def joined(parts: list[Rows]) -> Rows:
        """Parts one after the other."""
        outputs: list[Any] = []
        for pieces in zip(*(part.outputs for part in parts), strict=True):
            lists = isinstance(pieces[0], list)
            outputs.append([row for rows in pieces for row in rows] if lists else np.concatenate(pieces))
        return Rows(sum(map(len, parts)), outputs)


class OnnxTarget(StatedTarget):
    """A model file with one input.  Of several outputs the one with a column a class is read.

    task: regression where decimal targets meet a single output, else classification, when not given.  classes: the
    labels of the outputs, in their order, which some files tell with their answers.  output: what it returns, where
    that is not to be recognised, see core.outputs.OutputForm.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        task: Task | None = None,
        name: str | None = None,
        classes: Sequence[Any] = (),
        output: OutputForm | str | None = None,
    ) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"target.path: no file at {self.path} (looked in {self.path.absolute().parent})")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has no common error class
            raise InputError(f"target.path: {self.path.name} is not an ONNX model that onnxruntime can load") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in DTYPES:
            kinds = ", ".join(f"{i.name}: {i.type}" for i in inputs)
            raise InputError(
                f"target.path: {self.path.name} must have one numeric input, it has {kinds}: of several "
                "make a function, lambda a, b: session.run(None, {'a': a, 'b': b})[0], and pass records as ((a, b), y)"
            )
        self._input, self._dtype = inputs[0].name, DTYPES[inputs[0].type]
        self.stated_task, self._name, self.classes = task, name or self.path.stem, tuple(classes)
        self._stated = form_of(output)
        size = inputs[0].shape[0] if inputs[0].shape else None
        self.batches = Batches(size, exact=True) if isinstance(size, int) else Batches()
        self.score_reading = Scores(self._name, self._stated)

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
        outputs = self._asked(records)
        if self.task is Task.REGRESSION:
            return checked(self._name, np.asarray(outputs[0]).reshape(len(records), -1)[:, 0], len(records), None)
        width = len(records.schema.classes)
        raw = self._scores_in(outputs, len(records), width)
        return self.score_reading.answer(access, raw, records)

    def settle(self, records: Records) -> str:
        """What it returns, seen from records of which the truth is known; raises TargetError where nothing decides."""
        width = len(records.schema.classes)
        if self.task is Task.CLASSIFICATION:
            self.score_reading.settle(
                records, records.y, width, lambda some: self._scores_in(self._asked(some), len(some), width)
            )
        return str(self.score_reading)

    @property
    def settings_told(self) -> str:
        """How scores are read, where they are no probabilities."""
        return self.score_reading.told

    def _asked(self, records: Records) -> list[Any]:
        return self._run(np.ascontiguousarray(records.x, dtype=self._dtype))

    def _run(self, x: Array) -> list[Any]:
        def ask(places: Array | None) -> Rows:
            given = x if places is None else x[places]
            outputs = guarded(self._name, lambda: self._session.run(None, {self._input: given}))
            assert isinstance(outputs, list)
            return Rows(len(given), outputs)

        found = self.batches.ask(len(x), ask, Rows.joined)
        return list(found.outputs)

    def fingerprint(self) -> str:
        """See Target."""
        content = self.path.read_bytes()
        return digest(content) if self._stated is None else digest(content, self._stated.value)

    def _scores_in(self, outputs: list[Any], records: int, width: int) -> object:
        """The output that holds a number for each class; where there is none, the one number for two classes."""
        shapes = [(records, width)] + ([(records, 1), (records,)] if width == 2 else [])
        for shape in shapes:
            for output in outputs:
                by_class = isinstance(output, list) and output and isinstance(output[0], dict)
                array = np.asarray([[row[key] for key in sorted(row)] for row in output] if by_class else output)
                if array.shape == shape and array.dtype.kind == "f":
                    return array
        found = ", ".join(str(np.asarray(o).shape) for o in outputs)
        raise TargetError(f"the model {self._name} has no output of shape ({records}, {width}), only {found}")

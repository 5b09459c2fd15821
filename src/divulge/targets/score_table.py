"""Scores computed elsewhere: an audit of a model that cannot travel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.records import Column, Records, Schema
from divulge.core.signals import log_softmax
from divulge.core.threat import Access, Task
from divulge.targets.answers import CLASSIFIER_PORTS, through_port
from divulge.targets.score_design import Design, design_of
from divulge.targets.score_files import arrays_of


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """What models answered for records that stay where they are.  Row 0 is the target; the others are shadow models,
    each trained on records that were drawn without regard to the target's, or so that every record is in the training
    data of equally many models, the target among them.

    logits: [models, records, classes], or None where only `scores` are given.
    scores: [models, records], any signal that is higher for members, the log-likelihood of the right class say.
    keep: bool [models, records], which record each model was trained on.
    y: [records], class codes.
    x: [records, ...], features, optional: with them the model-blind baseline can be run.
    groups: [records], whose records they are where a person has several: labels of any type, optional.
    """

    logits: Array | None
    scores: Array | None
    keep: Array
    y: Array
    x: Array | None = None
    groups: Array | None = None

    def __post_init__(self) -> None:
        self._as_arrays()
        given = self.logits if self.logits is not None else self.scores
        if given is None:
            raise InputError("a score table needs `logits` [models, records, classes] or `scores` [models, records]")
        name = "logits" if self.logits is not None else "scores"
        if given.ndim != (3 if name == "logits" else 2):
            raise InputError(f"score table: {name} has shape {given.shape}, see `help(divulge.ScoreTable)`")
        if self.keep.shape != given.shape[:2]:
            raise InputError(
                f"score table: keep has shape {self.keep.shape} and {name} {given.shape}: the first two sizes, models "
                "and records, must be equal"
            )
        if self.y.shape != (given.shape[1],):
            raise InputError(f"score table: y has shape {self.y.shape}: one class code for each of {given.shape[1]}")
        if not np.isfinite(given).all():
            raise InputError(f"score table: {name} has NaN or infinite values: leave those records out")
        if self.keep[0].all() or not self.keep[0].any():
            raise InputError("score table: row 0 of keep has members only, or none: both kinds are needed")
        self._check_groups()
        if name == "logits" and _probabilities(given):
            raise InputError(
                "score table: each row of logits is between 0 and 1 and adds up to 1, so these are probabilities: pass "
                "their logarithms, np.log(np.clip(p, 1e-12, None))"
            )
        if name == "logits" and (self.y.min() < 0 or self.y.max() >= given.shape[2]):
            raise InputError(f"score table: y has class {self.y.max()}, logits have {given.shape[2]} classes")

    def _check_groups(self) -> None:
        """Labels become numbers 0 .. k - 1; a person was trained on with all records or with none."""
        if self.groups is None:
            return
        labels = np.array([str(label) for label in self.groups])
        if labels.shape != self.y.shape:
            raise InputError(f"score table: there are {len(labels)} groups for {len(self.y)} records: one a record")
        codes = np.unique(labels, return_inverse=True)[1]
        if set(codes[self.keep[0]]) & set(codes[~self.keep[0]]):
            raise InputError(
                "score table: persons of `groups` stand among members and non-members alike in row 0 of keep: leave "
                "out the records of such persons that were not trained on"
            )
        object.__setattr__(self, "groups", codes)

    def _as_arrays(self) -> None:
        """Lists and tensors become arrays, and a mask of 0 and 1 a mask of truth values."""
        for name in ("logits", "scores", "x"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, np.asarray(values))
        keep, y = np.asarray(self.keep), np.asarray(self.y)
        if keep.dtype.kind not in "biuf" or not np.isin(keep, (0, 1)).all():
            raise InputError("score table: keep says which model was trained on what: give truth values, or 0 and 1")
        whole = y.dtype.kind in "iu" or (y.dtype.kind == "f" and bool((y == np.round(y)).all()))
        if not whole:
            raise InputError("score table: y holds class codes, the columns of logits: give whole numbers from 0")
        object.__setattr__(self, "keep", keep.astype(bool))
        object.__setattr__(self, "y", y.astype(np.int64))

    @classmethod
    def load(cls, path: Path | str) -> ScoreTable:
        """From .npz (arrays by these names) or Parquet (one row a model and record: model, record, keep, y, and
        either `score` or `logit_0`, `logit_1`, ...).  Of numbered models the lowest is the target, of models with
        names the one that is called `target`.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"target.path: no file at {path} (looked in {path.absolute().parent})")
        if path.suffix in (".parquet", ".pq"):
            return ScoreTable(**cast(dict[str, Any], arrays_of(path)))
        return _from_npz(path)

    def save(self, path: Path | str) -> None:
        """As .npz."""
        arrays = {"logits": self.logits, "scores": self.scores, "keep": self.keep, "y": self.y, "x": self.x}
        arrays["groups"] = self.groups
        np.savez_compressed(path, **{name: a for name, a in arrays.items() if a is not None})  # type: ignore[arg-type]

    @property
    def models(self) -> int:
        """How many models, the target counted."""
        return len(self.keep)

    def records(self) -> Records:
        """The records as row numbers: what `TableModel` answers for."""
        width = self.logits.shape[2] if self.logits is not None else max(2, int(self.y.max()) + 1)
        schema = Schema((Column("row"),), classes=tuple(range(width)))
        return Records(np.arange(len(self.y), dtype=np.float64)[:, None], self.y.astype(np.int64), schema, self.groups)

    @cached_property
    def design(self) -> Design:
        """The shadow models that can be compared with the target; raises InputError where none can be."""
        return design_of(self.keep, self.groups)

    def model(self, row: int) -> TableModel:
        """One model of the table as a target."""
        return TableModel(
            self, np.full(len(self.y), row), "score table" if row == 0 else f"row {row} of the score table"
        )

    def signals(self, row: int) -> Array:
        """What is higher for members in one row: the signal that was given, or log p of the right class [records]."""
        if self.scores is not None and self.logits is None:
            return np.asarray(self.scores[row], dtype=np.float64)
        assert self.logits is not None
        return np.asarray(log_softmax(np.asarray(self.logits[row], float))[np.arange(len(self.y)), self.y])

    def shadow(self, number: int) -> TableModel:
        """One shadow model of the design, by its number from 0."""
        return TableModel(self, self.design.model[number], f"shadow model {number + 1} of the score table")


def _probabilities(values: Array) -> bool:
    """Whether they are probabilities of classes [..., classes] and no logits."""
    whole = values.shape[-1] > 1 and bool((values >= 0).all())
    return whole and bool(np.allclose(values.sum(axis=-1), 1, atol=1e-3))


def _from_npz(path: Path) -> ScoreTable:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # a damaged archive makes its reader raise anything
        raise InputError(f"target.path: cannot read {path.name} as a score table (.npz or .parquet)") from error
    for name in ("keep", "y"):
        if name not in arrays:
            raise InputError(f"target.path: {path.name} has no array {name!r} (it has {', '.join(arrays)})")
    optional = {name: arrays.get(name) for name in ("logits", "scores", "x", "groups")}
    return ScoreTable(keep=arrays["keep"], y=arrays["y"], **optional)


class TableModel:
    """One model of a score table.  A single signal a record is shown as a score of two classes: right and not right."""

    def __init__(self, table: ScoreTable, row: Array, name: str) -> None:
        self._table, self._row, self._name = table, row, name

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return Task.CLASSIFICATION

    @property
    def offers(self) -> frozenset[Access]:
        """Everything up to logits; of a single signal a record no label can be told."""
        return CLASSIFIER_PORTS if self._table.logits is not None else frozenset({Access.SCORES})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target; records are row numbers as `ScoreTable.records` gives them."""
        rows = records.x[:, 0].astype(np.int64)
        if rows.min() < 0 or rows.max() >= len(self._table.y):
            raise TargetError("a score table can only be asked about its own records")
        if self._table.logits is not None:
            return through_port(access, np.asarray(self._table.logits[self._row[rows], rows], float), False, self.task)
        assert self._table.scores is not None
        signal = np.asarray(self._table.scores[self._row[rows], rows], dtype=np.float64)
        spread = np.full((len(rows), len(records.schema.classes)), 0.0)
        spread[np.arange(len(rows)), self._table.y[rows].astype(np.int64)] = signal
        return through_port(access, log_softmax(spread), False, self.task)

    def fingerprint(self) -> str:
        """See Target."""
        table = self._table
        signal = table.logits if table.logits is not None else table.scores
        assert signal is not None
        records = np.arange(len(table.y))
        return digest(signal[self._row, records], table.keep[self._row, records], table.y)

    def remembered(self) -> tuple[float, list[float]]:
        """See HasPeers: of every row that has members and non-members."""
        from scipy.stats import rankdata

        table, areas = self._table, []
        for row, kept in enumerate(table.keep):
            inside = int(kept.sum())
            if not 0 < inside < len(kept):
                continue
            ranks = rankdata(table.signals(row))
            areas.append((ranks[kept].sum() - inside * (inside + 1) / 2) / (inside * (len(kept) - inside)))
        return float(areas[0]), [float(area) for area in areas[1:]]

    def known_by_training(self) -> float:
        """See HasPeers: paired by record, so that how hard a record is does not hide what little was remembered."""
        table = self._table
        keep, signals = table.keep, np.stack([table.signals(row) for row in range(table.models)])
        both = np.flatnonzero(keep.any(axis=0) & ~keep.all(axis=0))
        if len(both) < 2:
            return 0.0
        ranks = signals[:, both].argsort(axis=0).argsort(axis=0).astype(np.float64)  # no outlier decides
        inside = keep[:, both]
        gaps = (ranks * inside).sum(axis=0) / inside.sum(axis=0) - (ranks * ~inside).sum(axis=0) / (~inside).sum(axis=0)
        spread = float(gaps.std(ddof=1))
        return float(gaps.mean() / spread * np.sqrt(len(both))) if spread > 0 else 0.0

    def provenance_note(self) -> str:
        """For the report: what was left out so that the design tells nothing."""
        return self._table.design.note

"""The canaries of a secret, as records that a model can be asked about, and the labels that they were drawn from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from divulge.core.capability.declared import able
from divulge.core.capability.targets import Meets, classes_of, estimator_of, needs_classes
from divulge.core.errors import InputError, Notice
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Task
from divulge.core.wording import counted
from divulge.data.arrays import from_arrays, from_frames
from divulge.data.delimited import as_fitted, as_said
from divulge.data.files import header_of, read_arrays, read_table
from divulge.data.pairs import used
from divulge.setup.sources.labels import labels_of
from divulge.setup.sources.records_from import met
from divulge.setup.sources.sets import Sets
from divulge.targets.estimators.fitted_table import fitted_columns, fitted_kinds

if TYPE_CHECKING:
    from divulge.setup.audit_file import DataPart

FEWEST_LABELS = 2
FEWEST_CANARIES = 5
CURE = "name the label of every output, in order, in data.classes of the audit file"


@dataclass(frozen=True, eq=False)
class Canaries:
    """records: those whose label the model knows.  labels: of the lot, those that the model knows, in the model's own
    words.  chances: of these, None where they were equal.
    """

    records: Records
    labels: tuple[Any, ...]
    chances: tuple[float, ...] | None = None


def marked(
    target: Target, secret: Mapping[str, Any], part: DataPart | None, folder: Path, task: Task | str | None = None
) -> Canaries:
    """The canaries of a secret for this model: columns in the order in which the model takes them, labels matched to
    its outputs by what they are called.

    part, folder: the records of the audit file and where it lies, for what they tell of columns and classes.
    Raises InputError, with the cure, where an order would have to be guessed, or where the model knows fewer than two
    of the labels.
    """
    frame = _ordered(target, secret, part, folder)
    x, y = frame.drop(columns=secret["target"]), frame[secret["target"]].tolist()
    named = estimator_of(target) is not None or (able(target, Meets) and _tables(part))
    given = x if named else _numbers(x)
    lot = list(secret["labels"])
    classes = _classes(target, given, lot, part, folder, task)
    if target.task is Task.REGRESSION:
        records = _records(given, y, None, secret["target"], target.task)
        return Canaries(met(target, Sets(records, records, None)).members, tuple(map(float, lot)), _chances(secret))
    own = _in_words_of(classes, lot)
    kept = np.array([label in own for label in y])
    _say_left_out(target, lot, own, int((~kept).sum()), int(kept.sum()))
    records = _records(given[kept], [own[v] for v in y if v in own], classes, secret["target"], target.task)
    _meet(target, records, classes)
    return Canaries(records, tuple(own[v] for v in lot if v in own), _chances(secret, [v in own for v in lot]))


def _chances(secret: Mapping[str, Any], known: Sequence[bool] | None = None) -> tuple[float, ...] | None:
    """Of the labels that are known, given that one of them was drawn."""
    chances = secret.get("chances")
    if chances is None:
        return None
    some = np.asarray(chances, dtype=np.float64)[np.array(known if known is not None else [True] * len(chances))]
    return tuple((some / some.sum()).tolist())


def _tables(part: DataPart | None) -> bool:
    """Whether the audit's records are tables, whose columns have names."""
    return part is not None and isinstance(part.members, Path) and part.members.suffix != ".npz"


def _ordered(target: Target, secret: Mapping[str, Any], part: DataPart | None, folder: Path) -> pd.DataFrame:
    """A table of the canaries with its columns in the model's order: as it was fitted, as the audit's tables have
    them, or as they were published.
    """
    frame = pd.DataFrame(secret["canaries"])
    model = estimator_of(target)
    fitted = fitted_columns(model)
    if fitted is not None:
        frame = used({"canaries": frame}, fitted, [secret["target"]])["canaries"]
        order = [name for name in fitted if name in frame] or None
    else:
        order = _order_of_tables(frame, secret["target"], part, folder) or secret.get("columns")
    if order is None:
        raise InputError(
            "the secret does not say in which order its columns were published, and this model is asked by order: put "
            "the canaries.csv of the same mint beside it"
        )
    rest = [name for name in frame if name not in order and fitted is not None]
    features = [name for name in [*order, *rest] if name != secret["target"]]
    kinds = fitted_kinds(model)
    frame = as_fitted(frame[[*features, secret["target"]]], kinds)
    dtypes = {name: kind for name, kind in (part.dtypes if part is not None else {}).items() if name in frame}
    native = {name: "category" for name, kind in kinds.items() if kind.startswith("category") and name in frame}
    return as_said(frame, native | dtypes)


def _order_of_tables(frame: pd.DataFrame, target: str, part: DataPart | None, folder: Path) -> list[str] | None:
    """The columns of the audit's own records, all of which the canaries must have; None where these are no tables."""
    if part is None or not isinstance(part.members, Path) or not _tables(part):
        return None
    path = folder / part.members
    if not path.is_file():
        return None
    apart = {target, part.target, part.groups if isinstance(part.groups, str) else None}
    names = [name for name in header_of(path) if name not in apart]
    lacking = [name for name in names if name not in frame]
    if lacking:
        raise InputError(f"the canaries have no column {lacking[0]!r}, which {path.name} has: is it another table?")
    return names


def _numbers(x: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """For a model that is asked by position: [canaries, columns]."""
    for name in x:
        if not pd.api.types.is_numeric_dtype(x[name]) and not x[name].isna().all():
            raise InputError(
                f"column {name!r} of the canaries holds text, and this model is asked about numbers: mint from a table "
                "that is encoded as the model's inputs are"
            )
    return x.to_numpy(dtype=np.float64)


def _labels_of_members(part: DataPart | None, folder: Path) -> list[Any]:
    """The labels that occur among the audit's own records, where they can be read."""
    if part is None or not isinstance(part.members, Path) or not (folder / part.members).is_file():
        return []
    path = folder / part.members
    if path.suffix == ".npz":
        return list(np.unique(read_arrays(path, "data.members")[1]).tolist())
    table = read_table(path, "data.members") if _tables(part) else pd.DataFrame()
    return list(table[part.target].dropna().unique().tolist()) if part.target in table else []


def _classes(
    target: Target, given: Any, lot: list[Any], part: DataPart | None, folder: Path, task: Task | str | None
) -> list[Any]:
    """The labels of the model's outputs, in order."""
    own, stated = list(classes_of(target)), list(part.classes) if part is not None else []
    if own and not stated:
        return own
    seen = _labels_of_members(part, folder) if needs_classes(target) and not stated else []
    found = stated or list({repr(label): label for label in [*lot, *seen]}.values())
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in found)
    asked = np.array(found) if numeric else np.array(found, dtype=object)
    known = labels_of(target, [(given, asked)], stated or None, task)
    return list(known) if known is not None else sorted(found, key=lambda v: (str(type(v)), v))


def _in_words_of(classes: Sequence[Any], lot: Sequence[Any]) -> dict[Any, Any]:
    """The model's own label for each of the lot that it knows; by how it is written where none is equal."""
    same = {label: label for label in lot if label in set(classes)}
    if not same:
        written: dict[str, list[Any]] = {}
        for own in classes:
            written.setdefault(str(own), []).append(own)
        same = {label: written[str(label)][0] for label in lot if len(written.get(str(label), ())) == 1}
    if len(same) < FEWEST_LABELS:
        raise InputError(
            f"the labels of the lot ({_few(lot)}) are not those of the model ({_few(classes)}): {CURE}, as they are "
            "written in the minted table"
        )
    return same


def _records(given: Any, y: Sequence[Any], classes: Sequence[Any] | None, target: str, task: Task) -> Records:
    if isinstance(given, pd.DataFrame):
        frame = given.assign(**{target: pd.Series(list(y), index=given.index, dtype=object)})
        return from_frames([frame], target=target, classes=classes, task=task)[0]
    return from_arrays([(given, np.array(list(y), dtype=object))], classes=classes, task=task)[0]


def _say_left_out(target: Target, lot: Sequence[Any], known: Mapping[Any, Any], out: int, kept: int) -> None:
    unknown = [label for label in lot if label not in known]
    if unknown:
        warnings.warn(
            f"{target.name} does not know the label{'s' * (len(unknown) > 1)} {_few(unknown)}: "
            f"{counted(out, 'canary')} that drew such a label {'is' if out == 1 else 'are'} left out, and the others "
            "are ranked among the labels that it knows",
            Notice,
            stacklevel=3,
        )
    if kept < FEWEST_CANARIES:
        raise InputError(f"the model knows the labels of {counted(kept, 'canary')}, which prove nothing: {CURE}")


def _meet(target: Target, records: Records, classes: Sequence[Any]) -> None:
    """Meet the model; raises InputError for a service that answers by position where nothing says which number is about
    which label.
    """
    from divulge.targets.services.http_answers import AnswerForm, Understood

    try:
        met(target, Sets(records, records, None))
    except InputError as error:
        raise InputError(f"{error}; {CURE}") from error
    how = target.meet(records) if able(target, Meets) and not classes_of(target) else None
    by_name = not isinstance(how, Understood) or how.named or how.form is AnswerForm.LABELS
    if not by_name and list(classes) != list(range(len(classes))):
        raise InputError(f"{target.name} answers with numbers by position, and nothing says which is which: {CURE}")


def _few(labels: Sequence[Any]) -> str:
    return ", ".join(repr(v) for v in labels[:6]) + (", ..." if len(labels) > 6 else "")

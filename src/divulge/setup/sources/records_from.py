"""The records of an audit: from Python, from files, from a named source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.auditing.probes import unanswered
from divulge.core.capability.declared import able
from divulge.core.capability.targets import Meets, Settles, estimator_of
from divulge.core.errors import InputError, TargetError, raised
from divulge.core.hashing import derived_rng
from divulge.core.property_expression import named_in
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import RELEASES, Task
from divulge.data.arrays import from_arrays, from_frames
from divulge.data.delimited import TableReading
from divulge.data.files import existing, read_arrays, read_table
from divulge.data.kinds import reader_of
from divulge.data.loaders import unpacked
from divulge.data.pairs import as_pairs, used
from divulge.data.sources import SOURCES
from divulge.data.splits import split
from divulge.setup.settings import Options
from divulge.setup.sources.groups import Labels, columns_apart, labels_of_arrays, told_apart, with_groups
from divulge.setup.sources.labels import labels_of
from divulge.setup.sources.releases import sets_of_release, tables_of_release
from divulge.setup.sources.sets import Sets
from divulge.setup.sources.texts_from import texts_given, texts_in
from divulge.targets.estimators.fitted_table import fitted_columns, fitted_kinds

if TYPE_CHECKING:
    from divulge.setup.audit_file import DataPart


def sets_of(target: Target, pairs: Sequence[Any], options: Options) -> Sets:
    """Members, non-members and population as records, numbered by person, once the target has been met."""
    if target.task is Task.LANGUAGE:
        return texts_given(pairs, options)
    identified(target)
    parts, whose = told_apart(options.persons, target, pairs)
    sets = records_from(
        target,
        parts[0],
        parts[1],
        parts[2],
        sensitive=options.sensitive,
        classes=options.classes,
        task=options.task,
        keep=named_in(options.asked.properties),
    )
    return with_groups(met(target, sets, options.threat_model.query_budget), whose, options.aggregate)


def records_from(
    target: Target,
    members: Any,
    nonmembers: Any,
    population: Any = None,
    sensitive: Iterable[str] = (),
    classes: Sequence[Any] | None = None,
    task: Task | str | None = None,
    keep: Iterable[str] = (),
) -> Sets:
    """The three sets as records under one schema, with class codes in the target's order; see labels_of.

    keep: columns of data frames that are needed though the model was not fitted on them.
    """
    if members is None or nonmembers is None:
        raise InputError("audit() needs members=(x, y) and nonmembers=(x, y): who was trained on, and who was not")
    given = {"members": unpacked(members), "nonmembers": unpacked(nonmembers), "population": unpacked(population)}
    if RELEASES & target.offers:
        return sets_of_release(target, given, classes, sensitive)
    given = as_pairs(given, fitted_columns(estimator_of(target)), (*sensitive, *keep))
    pairs = [pair for pair in given.values() if pair is not None]
    if all(isinstance(pair, Records) for pair in pairs):
        return Sets(members, nonmembers, population)
    known = labels_of(target, pairs, classes, task)
    sets = from_arrays(pairs, classes=known, task=target.task, sensitive=sensitive)
    return Sets(sets[0], sets[1], sets[2] if len(sets) > 2 else None)


def identified(target: Target) -> None:
    """What the target is, by its content, before it is first asked: some count how often they are asked."""
    if not able(target, Meets):
        target.fingerprint()


def met(target: Target, sets: Sets, budget: int | None = None) -> Sets:
    """The sets, once a service has been asked about three records, so that it is known what it answers with, and a
    network about many, so that it is settled what its outputs stand for.

    budget: records that the adversary may ask about; of a service no more are asked about, here neither.
    """
    if able(target, Settles):
        try:
            target.settle(sets.members)
        except TargetError as error:
            bare = any(
                words in str(error) for words in ("crashed", "NaN or infinity")
            )  # others name a cure of their own
            raise (unanswered(str(error)) if bare else InputError(str(error))) from error
    if able(target, Meets):
        try:
            target.meet(
                sets.members if budget is None else sets.members.take(np.arange(min(budget, len(sets.members))))
            )
        except TargetError as error:
            raise InputError(f"target.service: {error}") from error
    return sets


def sets_in(part: DataPart, target: Target, options: Options, folder: Path) -> Sets:
    """The sets that an audit file names, numbered by person, once the target has been met."""
    identified(target)
    return met(target, _read(part, target, options, folder), options.threat_model.query_budget)


def _read(part: DataPart, target: Target, options: Options, folder: Path) -> Sets:
    if part.source is not None:
        return _from_source(part, options.seed)
    if target.task is Task.LANGUAGE:
        return texts_in(part, folder)
    paths: list[tuple[str, Path]] = []
    for name in ("members", "nonmembers", "population"):
        value = getattr(part, name)
        if isinstance(value, int):
            raise InputError(f"data.{name}: {value} is a number: name a file of records, or give `source` as well")
        if value is not None:
            paths.append((name, folder / value))
    labels: Labels | None = None
    column = part.groups if isinstance(part.groups, str) else None
    if all(reader_of(path) is not None for _, path in paths):
        return _of_kind(part, target, options, paths)
    if all(path.suffix == ".npz" for _, path in paths):
        pairs = [read_arrays(path, f"data.{name}") for name, path in paths]
        classes = labels_of(target, pairs, part.classes, options.task)
        labels = labels_of_arrays(paths, column)
        sets = from_arrays(pairs, classes=classes, task=target.task, sensitive=part.sensitive)
    else:
        model = estimator_of(target)
        reading = TableReading(part.separator, part.encoding, part.dtypes, fitted_kinds(model))
        tables = {name: read_table(path, f"data.{name}", reading) for name, path in paths}
        named = [name for name in (part.target, column) if name is not None]
        kept = (*part.sensitive, *named_in(options.asked.properties), *named)
        there = part.target is not None and all(name in table for table in tables.values() for name in named)
        if RELEASES & target.offers:
            return with_groups(*tables_of_release(target, tables, part), part.aggregate)
        frames = list((used(tables, fitted_columns(model), kept) if there else tables).values())
        if part.target is None:
            raise InputError(
                "data.target: is missing: which column is predicted? The columns are "
                + ", ".join(map(str, frames[0].columns[:12]))
            )
        if column is not None:
            frames, labels = columns_apart(frames, column, target, "data.groups")
        labeled = [(f.drop(columns=part.target), f[part.target]) for f in frames if part.target in f.columns]
        classes = labels_of(target, labeled, part.classes, options.task) if len(labeled) == len(frames) else None
        sets = from_frames(frames, target=part.target, classes=classes, task=target.task, sensitive=part.sensitive)
    return with_groups(Sets(sets[0], sets[1], sets[2] if len(sets) > 2 else None), labels, part.aggregate)


def _of_kind(part: DataPart, target: Target, options: Options, paths: Sequence[tuple[str, Path]]) -> Sets:
    """From files of a kind that an installed package reads."""
    if part.groups is not None:
        raise InputError("data.groups: files of this kind do not say whose records they are: use divulge.audit")
    pairs = []
    for name, path in paths:
        kind = reader_of(path)
        assert kind is not None and kind.read is not None
        try:
            pairs.append(kind.read(existing(path, f"data.{name}")))
        except InputError:
            raise
        except Exception as error:  # a reader of a stranger may raise anything
            raise InputError(f"data.{name}: {kind.name!r} cannot read {path.name}: {raised(error)}") from error
    classes = labels_of(target, pairs, part.classes, options.task)
    sets = from_arrays(pairs, classes=classes, task=target.task, sensitive=part.sensitive)
    return Sets(sets[0], sets[1], sets[2] if len(sets) > 2 else None)


def _from_source(part: DataPart, seed: int) -> Sets:
    if part.groups is not None:
        raise InputError("data.groups: a named source has one record a person: leave it out, or give files")
    if part.source not in SOURCES:
        raise InputError(f"data.source: {part.source!r} is unknown: choose one of {', '.join(SOURCES)}")
    sizes = [getattr(part, name) or 0 for name in ("members", "nonmembers", "population")]
    if not all(isinstance(size, int) for size in sizes) or min(sizes[:2]) < 1:
        raise InputError("data: with `source`, members and nonmembers are numbers of records, 1000 say")
    records = SOURCES[part.source or ""]()
    parts = split(records, tuple(size for size in sizes if size), derived_rng(seed, "split"))
    return Sets(parts[0], parts[1], parts[2] if sizes[2] else None)

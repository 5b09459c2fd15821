"""A published table of counts: what statistical offices and dashboards show instead of records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.mixed.counted import CellCounts, Condition
from divulge.core.records import CODED, Column, Kind, Records, Schema
from divulge.core.threat import Access, Task

COUNT, SHARE = "count", "share"
ANY = frozenset({"", "*", "all", "any", "total"})
"""What stands in a cell where the column does not matter."""

HIDDEN = re.compile(r"|\*+|x|\.+|-|<\s*\d+|n/?a|nan", re.IGNORECASE)
"""What stands instead of a count that was left out because it is small."""

_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"({_NUMBER})",
        rf"({_NUMBER})\s*(?:-|–|to|\.\.)\s*({_NUMBER})",
        rf"([\[(])\s*({_NUMBER}|-?inf)\s*,\s*({_NUMBER}|inf)\s*([\])])",
        rf"(<=|>=|<|>|≤|≥)\s*({_NUMBER})",
        rf"({_NUMBER})\s*(?:\+|and over|or more)",
    )
)
_TRUTHS = {"true": 1.0, "yes": 1.0, "1": 1.0, "false": 0.0, "no": 0.0, "0": 0.0}


class CountTable:
    """cells: a data frame, or columns of text by name.  Each row is a cell: in the columns that have the names of the
    records' columns a value, or a range of numbers (`30-39`, both ends in it; `[30, 40)`; `<18`; `65+`), or nothing
    where the column does not matter; in the column `count` the number of people, or in `share` their share of all.
    Counts that were left out (empty, `<5`, `*`) are no counts.  Several tables of counts stand below each other.

    Raises InputError where there is neither `count` nor `share`, or what stands there is no number.
    """

    cacheable = True

    def __init__(self, cells: Any, name: str | None = None) -> None:
        columns = {str(key): [_word(value) for value in cells[key]] for key in cells}
        named = [key for key in (COUNT, SHARE) if key in columns]
        if len(named) != 1:
            has = ", ".join(list(columns)[:12]) or "none"
            raise InputError(f"published counts: give a column `count`, or one `share`, and not both; there is {has}")
        self._shares = named[0] == SHARE
        values = columns.pop(named[0])
        kept = [place for place, value in enumerate(values) if not HIDDEN.fullmatch(value)]
        self._values = np.array([_amount(values[place], named[0], place) for place in kept], dtype=np.float64)
        self._columns = {key: [words[place] for place in kept] for key, words in columns.items()}
        self.hidden = len(values) - len(kept)
        if not kept:
            raise InputError("published counts: there is no number in any row")
        if self._shares and float(np.nanmax(self._values)) > 1.5:
            raise InputError("published counts: `share` goes from 0 to 1: divide percentages by 100")
        self._name = name or "published counts"
        self._bound: dict[str, CellCounts] = {}

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
        """See Target."""
        return frozenset({Access.COUNTS})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target; a table of counts has no such port."""
        raise TargetError(f"{self._name} are counts and answer no record: they have no port for {access.value}")

    def counts(self, schema: Schema) -> CellCounts:
        """See ShowsCounts."""
        key = schema.fingerprint()
        if key not in self._bound:
            try:
                self._bound[key] = CellCounts(
                    bound(self._columns, len(self._values), schema), self._values, self._shares
                )
            except InputError as error:
                raise TargetError(str(error)) from error
        return self._bound[key]

    def alike(self, counts: Any) -> CountsOf:
        """A target of counts that a recipe made."""
        return CountsOf(counts)

    def fingerprint(self) -> str:
        """Of its content."""
        words = [f"{key}: {'|'.join(values)}" for key, values in sorted(self._columns.items())]
        return digest("published counts", repr(words), self._values, str(self._shares))


class CountsOf:
    """Counts that divulge made itself, of records."""

    cacheable = False

    def __init__(self, made: CellCounts) -> None:
        self._made = made

    name = "counts of other people"
    task = Task.CLASSIFICATION
    offers = frozenset({Access.COUNTS})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target; counts have no such port."""
        raise TargetError(f"counts answer no record: they have no port for {access.value}")

    def counts(self, schema: Schema) -> CellCounts:
        """See ShowsCounts."""
        return self._made

    def fingerprint(self) -> str:
        """Of the cells and the numbers in them."""
        return digest("counts", repr(self._made.cells), self._made.values)


def bound(columns: Mapping[str, Sequence[str]], rows: int, schema: Schema) -> tuple[tuple[Condition, ...], ...]:
    """Of each row the conditions on the schema's columns; raises InputError where a column or its values are others."""
    conditions: list[list[Condition]] = [[] for _ in range(rows)]
    places = {column.name: place for place, column in enumerate(schema.columns)}
    for name, words in columns.items():
        if name not in places:
            has = ", ".join(list(places)[:12])
            raise InputError(f"published counts: the records have no column {name!r}; theirs are {has}")
        place, column = places[name], schema.columns[places[name]]
        _known_values(name, column, words)
        for cell, word in zip(conditions, words, strict=True):
            if word.lower() not in ANY or _named(column, word):
                cell.append(_condition(place, column, word))
    return tuple(tuple(cell) for cell in conditions)


def _named(column: Column, word: str) -> bool:
    """Whether a word that means anything else is one of the column's own values."""
    return bool(word) and column.kind in CODED and word in set(map(str, column.categories))


def _known_values(name: str, column: Column, words: Iterable[str]) -> None:
    """Raises InputError where none of the values of a category is one that a record has: they are in another form."""
    if column.kind not in CODED:
        return
    known = set(map(str, column.categories))
    asked = {word for word in words if word.lower() not in ANY or word in known}
    if asked and not asked & known:
        raise InputError(
            f"published counts: no record has in column {name!r} any of {', '.join(sorted(asked)[:5])}; "
            f"there are {', '.join(sorted(known)[:5])}: write them alike"
        )


def _condition(place: int, column: Column, word: str) -> Condition:
    if column.kind in CODED:  # of several, say, that none of the records is: nobody's cell
        return Condition(place, frozenset(float(k) for k, v in enumerate(column.categories) if str(v) == word))
    if column.kind is Kind.BOOLEAN and word.lower() in _TRUTHS:
        return Condition(place, frozenset({_TRUTHS[word.lower()]}))
    if column.kind is Kind.DATETIME:
        raise InputError(f"published counts: {column.name!r} holds times: count by year, as a number, in all tables")
    if column.kind not in (Kind.NUMERIC, Kind.BOOLEAN):
        raise InputError(f"published counts: {column.name!r} is no column of a table")
    return _range(place, column.name, word)


def _range(place: int, name: str, word: str) -> Condition:
    """A number, or a range of numbers, as it is written."""
    found = [form.fullmatch(word) for form in _FORMS]
    one, between, brackets, sign, over = found
    if one is not None:
        return Condition(place, low=float(one[1]), high=float(one[1]))
    if between is not None:
        return Condition(place, low=float(between[1]), high=float(between[2]))
    if brackets is not None:
        low, high = float(brackets[2]), float(brackets[3])
        return Condition(place, None, low, high, brackets[1] == "(", brackets[4] == ")")
    if over is not None:
        return Condition(place, low=float(over[1]))
    if sign is not None:
        value, strict = float(sign[2]), sign[1] in "<>"
        if sign[1] in ("<", "<=", "≤"):
            return Condition(place, high=value, open_high=strict)
        return Condition(place, low=value, open_low=strict)
    raise InputError(
        f"published counts: {word!r} in column {name!r} is neither a number nor a range: write 30-39, [30, 40), <18 or "
        "65+"
    )


def _word(value: Any) -> str:
    """A cell as text; what is missing is none, and whole numbers have no point."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _amount(word: str, column: str, place: int) -> float:
    try:
        value = float(word.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", word) else word)
    except ValueError as error:
        raise InputError(
            f"published counts: {word!r} in column {column!r}, row {place + 1}, is no number: leave the cell empty "
            "where a count was left out"
        ) from error
    if not np.isfinite(value):
        raise InputError(f"published counts: the number in column {column!r}, row {place + 1}, is infinite")
    return value

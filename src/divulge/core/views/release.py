"""The game of a release as an attack sees it: a synthetic table, and what is known of people already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from numpy.random import Generator

from divulge.core.errors import AccessDenied
from divulge.core.hashing import Array
from divulge.core.records import Records, Schema
from divulge.core.target import Oracle
from divulge.core.threat import Knowledge, Needs
from divulge.core.views.membership import demand


@dataclass(frozen=True, eq=False)
class Predicate:
    """A guess that something is true of one person alone.

    columns: places of columns.  signs: for each '=', '<' (at most) or '>' (at least).  values: numbers; NaN equals NaN.
    """

    columns: tuple[int, ...]
    signs: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Halves:
    """Two parts of each of the same people's records, each part in a random order of its own.

    first, second: records of which only the columns of that part are known; the others hold 0.
    """

    first: Records
    second: Records


@dataclass(frozen=True)
class ReleaseView:
    """schema: of the records.  size: how many were trained on.  population: the adversary's own records."""

    target: Oracle
    schema: Schema
    size: int
    rng: Generator
    needs: Needs
    _population: Records | None = field(default=None, repr=False)
    _halves: Callable[[tuple[int, ...], tuple[int, ...]], Halves] | None = field(default=None, repr=False)
    _known: Callable[[int], Records] | None = field(default=None, repr=False)
    columns: tuple[int, ...] = ()
    """What is asked about, where the challenge is about columns."""

    def table(self, samples: int | None = None) -> Records:
        """The release; as many records as were trained on where more could be had."""
        return self.target.samples(samples or self.size, self.schema)

    @property
    def population(self) -> Records:
        """Records from the same population, nobody who is asked about among them."""
        demand(self.needs, Knowledge.POPULATION)
        if self._population is None:
            raise AccessDenied("the audit was given no population records")
        return self._population

    def halves(self, first: tuple[int, ...], second: tuple[int, ...]) -> Halves:
        """Two sets of columns of the same people, who are not told apart."""
        demand(self.needs, Knowledge.PARTIAL_RECORD)
        assert self._halves is not None
        return self._halves(first, second)

    def known(self, column: int) -> Records:
        """People without this column, which holds 0."""
        demand(self.needs, Knowledge.PARTIAL_RECORD)
        assert self._known is not None
        return self._known(column)


@dataclass(frozen=True, eq=False)
class RowsGuess:
    """Rows that are held to be training records."""

    rows: Records


@dataclass(frozen=True, eq=False)
class PredicatesGuess:
    """naive: as many that were made without the release."""

    predicates: tuple[Predicate, ...]
    naive: tuple[Predicate, ...] = ()


@dataclass(frozen=True, eq=False)
class LinksGuess:
    """columns: the two sets, as they were asked for.  first, second: [people, neighbours], rows of the release that
    each part is held to belong to.  naive: as many at random.
    """

    columns: tuple[tuple[int, ...], tuple[int, ...]]
    first: Array
    second: Array
    naive: tuple[Array, Array] | None = None


@dataclass(frozen=True, eq=False)
class ValuesGuess:
    """By column, what its value is held to be [people], and what a guess from the release's column alone would be."""

    values: dict[int, Array]
    naive: dict[int, Array] = field(default_factory=dict)

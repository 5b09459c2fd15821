"""Counts that were released, with noise or without: who was counted, and what can be solved for.

Membership in shares of attributes (Homer et al. 2008; Dwork et al. 2015, "Robust traceability from trace amounts"),
secret bits from the answers to counting queries by linear programming (Dinur and Nissim 2003), and what two queries
that differ in one person tell of that person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from divulge.attacks.membership.aggregates.homer import homer
from divulge.attacks.membership.aggregates.traceability import traced
from divulge.attacks.reconstruction.aggregates.differencing import differing as _differing
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.results.estimate import Estimate
from divulge.core.results.metric import ATTRIBUTE_ACCURACY
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Paired, Scored
from divulge.core.wording import counted
from divulge.stats.paired import weigh_paired
from divulge.stats.scored import weigh_scored
from divulge.training.recipes.noisy_marginals import Bins, codes_of, geometric_noise

HOMER, DWORK = "homer2008", "dwork2015"


@dataclass(frozen=True, eq=False)
class Marginals:
    """Which cells are counted: of each set of columns every combination of their values, quantities in eight bins.

    columns: names, a set for each table, ("age",) or ("age", "town") say, or the one name; sets under `columns`.
    public: records that decide on the bins.  Raises InputError for columns that there are not, or none; data frames
    become records by `records_of`.
    """

    columns: Sequence[str | Sequence[str]]
    public: Records

    def __post_init__(self) -> None:
        _records(self.public, "public")
        given = [self.columns] if isinstance(self.columns, str) else list(self.columns)
        sets = tuple((each,) if isinstance(each, str) else tuple(each) for each in given)
        names = self.public.schema.names
        unknown = next((name for each in sets for name in each if name not in names), None)
        if unknown is not None:
            raise InputError(f"marginals: there is no column {unknown!r}; the columns are {', '.join(names[:12])}")
        if not sets or not all(sets):
            raise InputError("marginals: no columns are counted: name one, or a set of some, for each table")
        object.__setattr__(self, "columns", sets)

    def cells(self, records: Records) -> Array:
        """In which cells each record is counted: bool [records, cells], table after table."""
        _records(records, "what is counted")
        if records.schema.names != self.public.schema.names:
            raise InputError("marginals: the records have other columns than the public ones: make all of them at once")
        x = np.asarray(records.x, dtype=np.float64)
        parts = []
        for names in cast("tuple[tuple[str, ...], ...]", self.columns):
            place, size = np.zeros(len(records), dtype=np.int64), 1
            for name in names:
                column = records.schema.position(name)
                bins = Bins.of(np.asarray(self.public.x[:, column], dtype=np.float64), codes_of(records.schema, column))
                place, size = place * bins.size + bins.place(x[:, column]), size * bins.size
            parts.append(place[:, None] == np.arange(size))
        return np.concatenate(parts, axis=1)

    def counted(self, records: Records, epsilon: float | None = None, seed: int = 0) -> Array:
        """The counts [cells]; with the noise of pure differential privacy where one record is replaced by another."""
        counts: Array = np.asarray(self.cells(records).sum(axis=0))
        if epsilon is None:
            return counts
        if not epsilon > 0:
            raise InputError(f"marginals: epsilon must be above 0, not {epsilon}")
        scale = 2 * len(self.columns) / epsilon
        return np.asarray(counts + geometric_noise(scale, counts.shape, np.random.default_rng(seed)))


def records_of(*tables: Any) -> tuple[Records, ...]:
    """Data frames as records with their categories in common: public ones, members and others, at once."""
    from divulge.data.arrays import from_arrays

    pairs = [(table, np.zeros(len(table), dtype=np.int64)) for table in tables]
    return tuple(from_arrays(pairs, labeled=False))


def _records(given: object, what: str) -> None:
    if not isinstance(given, Records):
        raise InputError(
            f"{what}: a {type(given).__name__} is no Records: make all tables such at once, "
            "public, members, others = records_of(public, members, others)"
        )


def who_was_counted(
    counts: Array, marginals: Marginals, members: Records, nonmembers: Records, policy: Policy | None = None
) -> dict[str, tuple[Estimate, ...]]:
    """What both attacks tell of members and as many others, weighed like any attack on membership; by paper.

    counts: [cells], as they were released, of all members.  Public records stand for the population.  Raises InputError
    where the counts are not those of the marginals.
    """
    asked = np.concatenate([marginals.cells(members), marginals.cells(nonmembers)]).astype(np.float64)
    population = marginals.cells(marginals.public).mean(axis=0)
    if np.shape(counts) != population.shape or not np.isfinite(counts).all():
        raise InputError(f"counts: the tables have {len(population)} cells: give one finite number for each")
    shares = np.asarray(counts, dtype=np.float64) / len(members)
    member = np.arange(len(asked)) < len(members)
    unit = np.arange(len(asked))
    return {
        paper: tuple(weigh_scored(Scored(score(asked, shares, population), member, unit, unit), policy or Policy(), 2))
        for paper, score in ((HOMER, homer), (DWORK, traced))
    }


def solved(queries: Array, answers: Array) -> Array:
    """Secret bits of people, as shares from 0 to 1 [people], that fit the answers best: the sum of absolute errors is
    least (Dinur and Nissim 2003, theorem 4; linear programming).

    queries: bool [queries, people], who is counted where their bit is 1.  answers: [queries], with noise or without.
    Raises InputError for numbers of queries and answers that differ.
    """
    from scipy.optimize import linprog

    asked = _asked(queries, answers)
    many, people = asked.shape
    slack = np.eye(many)
    limits = np.block([[asked, -slack], [-asked, -slack]])
    cost = np.concatenate([np.zeros(people), np.ones(many)])
    sides = np.concatenate([answers, -np.asarray(answers)])
    ranges = [(0, 1)] * people + [(0, None)] * many
    found = linprog(cost, A_ub=limits, b_ub=sides, bounds=ranges, method="highs")
    if not found.success:
        raise InputError(f"answers: no bits fit them: {found.message}")
    best: Array = np.asarray(found.x)
    return best[:people]


def _asked(queries: Array, answers: Array) -> Array:
    """The queries [queries, people] as 0 and 1; raises InputError where they, or the answers, are of another form."""
    asked = np.asarray(queries, dtype=np.float64)
    if asked.ndim != 2 or not asked.size or not np.isin(asked, (0.0, 1.0)).all():
        raise InputError("queries: give a row for each query, with a true or false for each person")
    if np.shape(answers) != (len(asked),) or not np.isfinite(np.asarray(answers, dtype=np.float64)).all():
        raise InputError(f"answers: there are {counted(len(asked), 'query')}: give one finite number for each")
    return asked


def differing(queries: Array, answers: Array) -> dict[int, float]:
    """What two queries tell whose people differ in one: by person the difference of their answers, of several the mean.

    queries: bool [queries, people].  answers: [queries].  One count about a person alone, of nobody else, counts too.
    Raises InputError for numbers of queries and answers that differ.
    """
    return _differing(_asked(queries, answers).astype(bool), np.asarray(answers, dtype=np.float64))


def told(guess: Array, secret: Sequence[int] | Array, policy: Policy | None = None) -> Estimate:
    """How often shares [people] round to the secret bits, beside the guess that is right most often without answers."""
    truth = np.asarray(secret)
    if not len(truth) or np.shape(guess) != truth.shape or not np.isin(truth, (0, 1)).all():
        raise InputError("secret: give one bit, 0 or 1, for each person whose share was solved for")
    usual = float(truth.mean() >= 0.5)
    right = ((np.asarray(guess) >= 0.5) == truth).astype(float)
    blind = (truth == usual).astype(float)
    units = tuple(range(len(truth)))
    trial = Paired(ATTRIBUTE_ACCURACY, tuple(right.tolist()), tuple(blind.tolist()), units, "a secret bit, exactly")
    return weigh_paired(trial, (), policy or Policy())

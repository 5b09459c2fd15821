"""The game of a release: people of the training set, and as many others, whom the same attack is tried on.

What is found of people who were not there is no fault of the release: the others are the baseline, person by person
(Giomi et al. 2023, control attack).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.errors import Impossible, TargetError
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng
from divulge.core.mixed.space import Space, neighborhood
from divulge.core.records import CODED, Kind, Records, concat
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Quality
from divulge.core.results.metric import (
    ATTRIBUTE_DEDUCED,
    RECORDS_LINKED,
    ROWS_COPIED,
    ROWS_NEARLY_COPIED,
    SINGLED_OUT,
)
from divulge.core.results.trials import Paired, Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Challenge, Family
from divulge.core.views.membership import Poison
from divulge.core.views.release import (
    Halves,
    LinksGuess,
    Predicate,
    PredicatesGuess,
    ReleaseView,
    RowsGuess,
    ValuesGuess,
)
from divulge.games.control_models import ControlModels
from divulge.games.published.images import nearly_copied
from divulge.games.similarity import not_evidence

NEAR = 0.1
"""Standard deviations within which every quantity of a near copy lies; categories are equal."""

TOLERANCE = 0.05
"""Share of its value within which a quantity counts as deduced, as in Giomi et al."""

MOST_PEOPLE = 2_000
MOST_COLUMNS = 8
BASELINE = "the same attack on people who were not in the training data"


@dataclass(eq=False)
class ReleaseGame:
    """training: members.  unseen: people who were not there.  beside: what controls are made of."""

    challenge: Challenge
    target: Target
    training: Records
    unseen: Records
    population: Records | None
    seed: int
    beside: ControlModels
    people: int = field(init=False)
    """Asked about, of either kind; the first half of those who are asked about are of the training set, once they are
    in the judge's order."""
    asked: Records = field(init=False)

    def __post_init__(self) -> None:
        if self.training.schema.is_image and self.challenge is not Challenge.COPIED:
            raise Impossible("this is about columns of a table, and these records are images")
        rng = derived_rng(self.seed, "people of a release")
        self.people = min(len(self.training), len(self.unseen), MOST_PEOPLE)
        sides = [side.take(rng.permutation(len(side))[: self.people]) for side in (self.training, self.unseen)]
        self.asked = concat(sides)

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.RECONSTRUCTION

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[ReleaseView, Any]]:
        """One round.  NEGATIVE: a release about other people.  POSITIVE: the training rows themselves, as they are."""
        target = self.target if arm is Arm.TARGET else self.beside.model(arm)
        orders = [derived_rng(self.seed, "order", side).permutation(len(self.asked)) for side in ("a", "b")]

        def open_view(oracle: Oracle, card: Card, means: Any, rng: Generator) -> ReleaseView:
            return ReleaseView(
                oracle,
                self.training.schema,
                len(self.training),
                rng,
                card.needs,
                self.population,
                lambda first, second: Halves(self._only(first).take(orders[0]), self._only(second).take(orders[1])),
                lambda column: self._without(column).take(orders[0]),
                asked_columns(self.training),
            )

        judges: dict[Challenge, Callable[[Any], Evidence]] = {
            Challenge.COPIED: self._copied,
            Challenge.SINGLED: self._singled,
            Challenge.LINKED: lambda guess: self._linked(guess, orders),
            Challenge.DEDUCED: lambda guess: self._deduced(guess, orders[0]),
        }
        yield Round(target, open_view, judges[self.challenge])

    def baseline(self) -> Iterator[Scored]:
        """The baseline of this game is the same attack on others."""
        raise Impossible("each person is compared with one who was not there")

    def _only(self, columns: tuple[int, ...]) -> Records:
        x = np.zeros_like(self.asked.x)
        x[:, columns] = self.asked.x[:, columns]
        return Records(x, np.zeros_like(self.asked.y), self.asked.schema)

    def _without(self, column: int) -> Records:
        x = np.array(self.asked.x)
        x[:, column] = 0
        return Records(x, self.asked.y, self.asked.schema)

    def _copied(self, guess: RowsGuess) -> Evidence:
        """Members who stand among the rows that were handed in, to the letter or nearly, beside others who do."""
        rows = set(guess.rows.row_keys())
        exact = np.array([key in rows for key in self.asked.row_keys()], dtype=float)
        near, told = self._nearly(guess.rows)
        trials = (
            self._paired(ROWS_COPIED, exact, note="a training row that stands in the release to the letter"),
            self._paired(ROWS_NEARLY_COPIED, near, note=told),
        )
        note = (
            f"{int(exact[: self.people].sum()):,} of {self.people:,} training rows stand in the release to the letter; "
            f"{int(exact[self.people :].sum()):,} of as many rows that were not trained on do, which is what chance "
            f"puts there; {len(rows):,} different rows were looked at"
        )
        return Evidence(trials, baseline=BASELINE, notes=(note, not_evidence(self.asked, self.people, guess.rows)))

    def _nearly(self, rows: Records) -> tuple[Array, str]:
        """Which people stand there nearly, and what that means in words."""
        if self.asked.schema.is_image:
            return nearly_copied(self.asked, rows), "an image at most half as far as those around it"
        apart = _farthest_apart(Space.around(self.asked), self.asked, rows)
        return (apart <= NEAR).astype(float), f"every quantity within {NEAR:g} standard deviations"

    def _singled(self, guess: PredicatesGuess) -> Evidence:
        """Predicates that hold of one member alone, beside the same ones among as many others."""
        if not guess.predicates:
            raise Impossible("nothing in the release singles a row out")
        inside, outside = (
            self.asked.take(np.arange(self.people)),
            self.asked.take(np.arange(self.people, len(self.asked))),
        )
        main, control = (_alone(guess.predicates, side) for side in (inside, outside))
        units = tuple(range(len(main)))
        trial = Paired(SINGLED_OUT, tuple(main), tuple(control), units, "a guess that holds of one person alone")
        naive = _alone(guess.naive, inside) if guess.naive else np.zeros(0)
        return Evidence((trial,), (Quality("by guesses without the release", tuple(naive)),), BASELINE)

    def _linked(self, guess: LinksGuess, orders: list[Array]) -> Evidence:
        def met(first: Array, second: Array) -> Array:
            one, other = np.empty_like(first), np.empty_like(second)
            one[orders[0]], other[orders[1]] = first, second
            return np.array([float(bool(set(a) & set(b))) for a, b in zip(one.tolist(), other.tolist(), strict=True)])

        if len(guess.first) != len(self.asked) or len(guess.second) != len(self.asked):
            raise TargetError("the attack linked another number of people than it was asked about")
        found = met(np.asarray(guess.first), np.asarray(guess.second))
        shown: tuple[Quality, ...] = ()
        if guess.naive is not None:
            shown = (Quality("by guesses without the release", tuple(met(*guess.naive)[: self.people])),)
        names = self.asked.schema.names
        parts = "; ".join(", ".join(names[place] for place in columns) for columns in guess.columns)
        note = f"the parts were: {parts}"
        return Evidence((self._paired(RECORDS_LINKED, found, note="both parts fit one row"),), shown, BASELINE, (note,))

    def _deduced(self, guess: ValuesGuess, order: Array) -> Evidence:
        trials, shown = [], []
        for column, values in guess.values.items():
            name = self.asked.schema.names[column]
            hits = right(self.asked, column, _sorted_back(values, order))
            exact = self.asked.schema.columns[column].kind in (*CODED, Kind.BOOLEAN)
            note = "the very value" if exact else f"within {TOLERANCE:.0%} of the value"
            trials.append(self._paired(ATTRIBUTE_DEDUCED, hits, note=note, about=name))
            if column in guess.naive:
                naive = right(self.asked, column, _sorted_back(guess.naive[column], order))[: self.people]
                shown.append(Quality("by guesses without the rest of a record", tuple(naive), about=name))
        if not trials:
            raise Impossible("there is no column that could be deduced")
        return Evidence(tuple(trials), tuple(shown), BASELINE)

    def _paired(self, metric: str, hits: Array, note: str, about: str = "") -> Paired:
        """People of the training set, each beside one of the others."""
        groups = self.asked.groups
        units = np.arange(self.people) if groups is None else np.unique(groups[: self.people], return_inverse=True)[1]
        inside, outside = hits[: self.people], hits[self.people :]
        return Paired(metric, tuple(inside.tolist()), tuple(outside.tolist()), tuple(units.tolist()), note, about=about)


def asked_columns(records: Records) -> tuple[int, ...]:
    """Sensitive columns; where there are none, those whose values are hardest to guess, so many at most."""
    schema = records.schema
    if schema.sensitive:
        return tuple(schema.position(name) for name in schema.sensitive)
    entropies = []
    for column in records.x.T:
        counts = np.unique(np.nan_to_num(np.asarray(column, dtype=float), nan=-1e300), return_counts=True)[1]
        share = counts / counts.sum()
        entropies.append(float(-(share * np.log(share)).sum()) if len(counts) < len(records) / 2 else 0.0)
    order = [place for place in np.argsort(-np.array(entropies), kind="stable").tolist() if entropies[place] > 0]
    return tuple(sorted(order[:MOST_COLUMNS]))


def _alone(predicates: tuple[Predicate, ...], records: Records) -> Array:
    """Whether each holds of one record alone, 0 or 1."""
    return np.array([float(holds(predicate, records.x).sum() == 1) for predicate in predicates])


def holds(predicate: Predicate, x: Array) -> Array:
    """Bool [records]."""
    found = np.ones(len(x), dtype=bool)
    for place, sign, value in zip(predicate.columns, predicate.signs, predicate.values, strict=True):
        column = np.asarray(x[:, place], dtype=np.float64)
        if sign == "=":
            found &= np.isnan(column) if np.isnan(value) else column == value
        else:
            found &= column <= value if sign == "<" else column >= value
    return found


def _sorted_back(values: Array, order: Array) -> Array:
    back = np.empty(len(order))
    back[order] = values
    return back


def right(records: Records, column: int, guess: Array) -> Array:
    """Whether each value of a column is the record's, or close to it where it is a quantity: 0 or 1 [records]."""
    truth = np.asarray(records.x[:, column], dtype=np.float64)
    same = (guess == truth) | (np.isnan(guess) & np.isnan(truth))
    if records.schema.columns[column].kind in (*CODED, Kind.BOOLEAN):
        return np.asarray(same, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        close = np.abs(guess - truth) <= TOLERANCE * (np.abs(truth) + 1e-12)
    return np.asarray(same | close, dtype=np.float64)


def _farthest_apart(space: Space, asked: Records, rows: Records) -> Array:
    """For each record the smallest, over the rows, of the largest difference of any axis: [records].

    A category that is another makes it large.  Of the rows only the few nearest are looked at.
    """
    points, there = space.points(asked), space.points(rows)
    found = np.full(len(points), np.inf)
    _, where = neighborhood(points, there, min(5, len(there)))
    for place in where.T:
        found = np.minimum(found, np.abs(points - there[place]).max(axis=1))
    return found

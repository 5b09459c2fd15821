"""Attacks with generators of one's own, fitted by the recipe on halves of the candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.boosted import Boosted
from divulge.attacks.membership.synthetic.release import ALL_TASKS, default_samples
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.mixed.space import Space, log_density, nearest, width_of
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

RECIPE = Needs(Access.SAMPLES, frozenset({Knowledge.RECIPE}), tasks=ALL_TASKS)


@dataclass(frozen=True, eq=False)
class Signals:
    """target: [candidates, signals] of the release.  shadows: [generators, candidates, signals] of one's own tables of
    as many records.  seen: bool [generators, candidates], which record each was fitted on.
    """

    target: Array
    shadows: Array
    seen: Array

    def moments(self, inside: bool, pair: int | None = None) -> tuple[Array, Array]:
        """How many of one's own generators saw a record (or did not), and their mean signals.  Shapes: [candidates],
        [candidates, signals].  pair: which two generators are left out, 2 k and 2 k + 1.
        """
        mask = (self.seen if inside else ~self.seen).astype(np.float64)
        if pair is not None:
            mask[2 * pair : 2 * pair + 2] = 0.0
        count = mask.sum(axis=0)
        total = np.einsum("gc,gcs->cs", mask, self.shadows)
        return count, total / np.maximum(count, 1)[:, None]


def signals_of(view: MembershipView, models: int, samples: int | None, read: Callable[[Records], Array]) -> Signals:
    """What `read` makes of the release and of the tables of one's own generators, [candidates, signals] each.

    Every generator is asked for as many records as the release has.  Raises Impossible where no record was seen by some
    generators and left out by others.
    """
    schema = view.candidates.schema
    table = view.target.samples(samples or default_samples(view), schema)
    pool = view.shadows(models)
    own = np.stack([read(pool.oracle(number).samples(len(table), schema)) for number in range(len(pool))])
    seen = pool.trained_on(view.candidates)
    if len(pool) < 4 or len(pool) % 2:
        raise Impossible("it needs an even number of generators, 4 at least: set `shadows`")
    if not (seen.any(axis=0) & ~seen.all(axis=0)).any():
        raise Impossible("no record was seen by some of the generators and not by others")
    return Signals(read(table), own, seen)


def distances_and_densities(view: MembershipView) -> Callable[[Records], Array]:
    """Log-distances to the first, second and fifth neighbour in a table, and log-densities at two widths."""
    space = Space.around(view.candidates)
    points = space.points(view.candidates)
    width = width_of(points)

    def read(table: Records) -> Array:
        there = space.points(table)
        apart = nearest(points, there, 5)
        close = np.log(apart[:, [0, min(1, apart.shape[1] - 1), -1]] + width / 5)
        dense = [log_density(points, there, width * share) for share in (1.0, 0.5)]
        return np.column_stack([close, *dense])

    return read


@dataclass(frozen=True)
class GeneratorLira:
    """The likelihood ratio of what a release shows near a record, under generators that were fitted on the record and
    under those that were not (Carlini et al. 2022, eq. 6, for several signals at once): normal, means of each record,
    one covariance for all.  The difference of a record's two means is drawn towards that of all records, by how much of
    it is noise.

    shadows: generators, half of which saw each record.  samples: see ClosestRecord.
    """

    shadows: int = 16
    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="generator_lira",
        title="LiRA over distances and densities",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="carlini2022",
        equations="eq. 6, for distances and densities of synthetic records",
        summary="asks whether what lies near a record fits generators that saw it better than those that did not",
        needs=RECIPE,
        models=4,
        strength=0.8,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, once of the release and of each generator."""
        return MembershipGuess(joint_ratio(signals_of(view, self.shadows, self.samples, distances_and_densities(view))))


def joint_ratio(signals: Signals) -> Array:
    """Log-likelihood ratio of several normal signals: [candidates]."""
    (n_in, inside), (n_out, outside) = signals.moments(True), signals.moments(False)
    centered = signals.shadows - np.where(signals.seen[:, :, None], inside, outside)
    flat = centered.reshape(-1, centered.shape[2])
    freedom = max(flat.shape[0] - 2 * len(inside), 1)
    noise = flat.T @ flat / freedom
    noise += 1e-6 * np.diag(np.diag(noise) + 1e-12)
    inverse = np.linalg.pinv(noise)
    both = (n_in > 0) & (n_out > 0)
    gap = np.where(both[:, None], inside - outside, 0.0)
    common = gap[both].mean(axis=0) if both.any() else np.zeros(gap.shape[1])
    error = np.where(both, 1 / np.maximum(n_in, 1) + 1 / np.maximum(n_out, 1), 1.0)
    spread = gap[both].var(axis=0) if both.any() else np.zeros(gap.shape[1])
    real = np.maximum(spread - np.diag(noise) * float(error[both].mean() if both.any() else 1.0), 0.0)
    kept = np.where(both[:, None], real / np.maximum(real + np.diag(noise) * error[:, None], 1e-12), 0.0)
    gap = common + kept * (gap - common)
    middle = (n_in[:, None] * inside + n_out[:, None] * outside) / np.maximum(n_in + n_out, 1)[:, None]
    share = (n_in / np.maximum(n_in + n_out, 1))[:, None]
    above, below = middle + (1 - share) * gap, middle - share * gap
    away = [np.einsum("cs,st,ct->c", d, inverse, d) for d in (signals.target - above, signals.target - below)]
    return np.asarray((away[1] - away[0]) / 2)


@dataclass(frozen=True)
class GeneratorRatio:
    """A classifier learns on one's own generators to tell which records one was fitted on, from what its table shows
    near a record beside what the others' tables show there: the learned ratio, as against models that answer, over the
    signals of `generator_lira`.

    shadows: generators, half of which saw each record.  samples: see ClosestRecord.
    """

    shadows: int = 16
    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="generator_ratio",
        title="Learned ratio over distances and densities",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="houssiau2022",
        equations="section 3, attack learned on shadow generators, one for all records",
        summary="learns on generators of its own what lies near records that one was fitted on",
        needs=RECIPE,
        models=4,
        strength=0.95,
        seconds=10.0,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, once of the release and of each generator."""
        return MembershipGuess(
            learned_ratio(signals_of(view, self.shadows, self.samples, distances_and_densities(view)))
        )


def learned_ratio(signals: Signals) -> Array:
    """Log-odds that each candidate was seen: [candidates].

    Generators come in pairs of which one saw a record and the other did not, and are left out as such: of what is left
    as many saw each record whatever the answer is.  With one alone left out, the number of those that are averaged
    would tell it.  The release is compared without each pair in turn, as one's own tables are.
    """
    count = len(signals.shadows)
    rows = [_beside(signals, signals.shadows[each], each // 2) for each in range(count)]
    judge = Boosted(max_iter=100, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=100, random_state=0)
    judge.fit(np.concatenate(rows), np.concatenate(list(signals.seen)))
    pairs = range((count + 1) // 2)
    return np.asarray(np.mean([judge.predict(_beside(signals, signals.target, pair)) for pair in pairs], axis=0))


def _beside(signals: Signals, own: Array, pair: int) -> Array:
    """Signals of one table beside the means of the others' that saw a record and that did not: [candidates, 4 signals].

    A record that none of them saw, or that all did, has what is not known as NaN.
    """
    (n_in, inside), (n_out, outside) = signals.moments(True, pair), signals.moments(False, pair)
    inside, outside = np.where(n_in[:, None] > 0, inside, np.nan), np.where(n_out[:, None] > 0, outside, np.nan)
    return np.column_stack([own - outside, own - (inside + outside) / 2, outside, inside - outside])


@dataclass(frozen=True)
class GeneratorRmia:
    """RMIA over densities: by how much a record is denser in the release than in one's own tables, among how many of
    the other candidates (Zarifzadeh et al. 2024, eq. 2 and 3).
    """

    shadows: int = 16
    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="generator_rmia",
        title="RMIA over densities",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="zarifzadeh2024",
        equations="eq. 2 and 3, for densities of synthetic records",
        summary="compares how much denser the release is at a record than tables of other generators with how much it "
        "is at other records",
        needs=RECIPE,
        models=4,
        strength=0.75,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, once of the release and of each generator.  Equal shares are ordered by the ratio."""
        space = Space.around(view.candidates)
        points = space.points(view.candidates)
        width = width_of(points)

        def read(table: Records) -> Array:
            return log_density(points, space.points(table), width)[:, None]

        signals = signals_of(view, self.shadows, self.samples, read)
        own = signals.shadows[:, :, 0]
        top = own.max(axis=0)
        ratio = signals.target[:, 0] - top - np.log(np.exp(own - top).mean(axis=0))
        dominated = np.searchsorted(np.sort(ratio), ratio, side="left") / len(ratio)
        return MembershipGuess(dominated, tie_break=ratio)

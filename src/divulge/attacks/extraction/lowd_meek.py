"""Linear models from labels alone (Lowd and Meek 2005), by walking along the boundary."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np

from divulge.attacks.extraction.copies import WrittenNetwork
from divulge.core.attack import Card
from divulge.core.errors import Impossible, TargetError
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView

HALVINGS = 46
"""Of the way between two answers, until doubles end."""

RETRIES, NEAREST = 4, 8
"""Of each pair of classes: records at random, and then those of the two that are nearest to each other."""

CHECKS = 20
FEWEST_RIGHT = 0.9
FURTHER = 60
"""Queries about points all over the range and of the population, before planes are handed in."""

UNDETERMINED = 1e-6
"""Share of the strongest equation that leaves a scale open."""


@dataclass(frozen=True)
class LowdMeek:
    """Between two inputs of different classes a line search finds a point of the boundary; moving one input at a time
    and searching again tells how much of another input makes up for it, which is the ratio of two weights.  For more
    than two classes this gives the direction of the difference of the weights of each pair that meets, and the pairs
    together give all classes up to one scale.

    halvings: of each line search.  queries: at most.
    """

    halvings: int = HALVINGS
    queries: int = 200_000

    card: ClassVar[Card] = Card(
        name="lowd_meek",
        title="Line searches on labels",
        family=Family.EXTRACTION,
        asset=Asset.PARAMETERS,
        paper="lowd2005",
        equations="section 4, algorithms 1 and 2",
        summary="finds the ratios of the weights of a linear classifier from labels alone",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION})),
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack; about halvings x (inputs + 1) queries for each pair of classes."""
        view.numeric(fine=True)
        search = _Search(view, self.halvings)
        features = int(view.low.size)
        normals: dict[tuple[int, int], Array] = {}
        each, most = (features + 1) * self.halvings, view.affordable(self.queries)
        failed: dict[tuple[int, int], int] = {}
        for start, end, near in search.pairs():
            pair = (min(start[1], end[1]), max(start[1], end[1]))
            tries = RETRIES + NEAREST if near else RETRIES
            if pair in normals or failed.get(pair, 0) >= tries or view.target.queries + 2 * each > most:
                continue
            found = search.normal(start, end, pair)
            if not np.isfinite(found).all():
                failed[pair] = failed.get(pair, 0) + 1
                continue
            normals[pair] = found
            if len(normals) == 1:
                search.refuse_bends(found, pair)
        if not normals:
            raise Impossible(
                f"it could follow no boundary between two classes with {most:,} queries (it needs about {2 * each:,})"
            )
        weights, bias, sure = together(normals, view.classes, features)
        copy = WrittenNetwork((weights, bias))
        search.refuse_wrong(copy, {label for pair in normals for label in pair})
        claimed = copy.claimed(up_to_scale=True) if sure else None
        return ExtractionGuess(copy, claimed, stages=(CopyStage(view.target.queries, copy),))


class _Search:
    """Line searches in coordinates in which every input has the range 1."""

    def __init__(self, view: ExtractionView, halvings: int) -> None:
        self._view, self._halvings = view, halvings
        self._size = np.where(view.high > view.low, view.high - view.low, 1.0).ravel()
        self._low = view.low.ravel()
        self._found: list[tuple[tuple[Array, int], tuple[Array, int]]] = []

    def _label(self, z: Array) -> Array:
        x = z * self._size + self._low
        try:
            return self._view.target.labels(self._view.records(x))
        except TargetError as error:  # a boundary is followed beyond the records that a model was made for
            raise Impossible(f"beyond the range of its inputs it gives no answer: {error}") from error

    def pairs(self) -> list[tuple[tuple[Array, int], tuple[Array, int], bool]]:
        """Pairs of population records of different answers, in random order, and then of each two classes those that
        lie nearest together, between which no third class is likely to be: [one, another, whether they are near].
        """
        population = self._view.population
        take = min(len(population), 50 * max(self._view.classes, 2))
        z = (population.flat()[:take] - self._low) / self._size
        labels = self._label(z)
        found = []
        order = self._view.rng.permutation(take)
        for a in order:
            for b in order[: 4 * self._view.classes]:
                if labels[a] < labels[b]:
                    found.append(((z[a], int(labels[a])), (z[b], int(labels[b]))))
        self._found = found
        return [(*each, False) for each in found] + [(*each, True) for each in self._near(z, labels)]

    @staticmethod
    def _near(z: Array, labels: Array) -> list[tuple[tuple[Array, int], tuple[Array, int]]]:
        """The nearest records of each two classes."""
        found = []
        for one, other in combinations(np.unique(labels).tolist(), 2):
            of_one, of_other = np.flatnonzero(labels == one), np.flatnonzero(labels == other)
            gaps = np.linalg.norm(z[of_one][:, None] - z[of_other][None], axis=2).ravel()
            for place in np.argsort(gaps, kind="stable")[:NEAREST]:
                a, b = of_one[place // len(of_other)], of_other[place % len(of_other)]
                found.append(((z[a], int(one)), (z[b], int(other))))
        return found

    def refuse_bends(self, normal: Array, pair: tuple[int, int]) -> None:
        """Raises Impossible where the boundary between two classes is elsewhere than this hyperplane says."""
        starts = [p for p in self._found if {p[0][1], p[1][1]} == set(pair)]
        starts = starts[:: max(1, len(starts) // CHECKS)][:CHECKS]
        if not starts:
            return
        a, b = (np.stack([p[side][0] for p in starts]) for side in (0, 1))
        raw = [z * self._size + self._low for z in (a, b)]
        level = [x @ normal[:-1] + normal[-1] for x in raw]
        share = level[0] / (level[0] - level[1])
        ok = (share > 0) & (share < 1)
        sides = [self._label(a + (share + move)[:, None] * (b - a)) for move in (-0.01, 0.01)]
        of_pair = np.isin(sides[0], pair) & np.isin(sides[1], pair)
        right = ok & ((sides[0] != sides[1]) | ~of_pair)
        if right.mean() < FEWEST_RIGHT:
            raise Impossible("the boundary between two classes bends: the target is no linear model")

    def refuse_wrong(self, copy: WrittenNetwork, known: set[int]) -> None:
        """Raises Impossible where planes do not explain further answers, of the classes whose boundaries were found."""
        view = self._view
        count = min(FURTHER, max(view.affordable(FURTHER), 0))
        if not count:
            return
        some = view.population.flat()[view.rng.integers(len(view.population), size=count - count // 2)]
        x = np.concatenate([view.uniform(count // 2).flat(), some])
        labels = view.target.labels(view.records(x))
        counted = np.isin(labels, sorted(known))
        right = (copy.logits(x).argmax(axis=1) == labels)[counted]
        if len(right) and right.mean() < FEWEST_RIGHT:
            raise Impossible(
                f"planes explain {right.mean():.0%} of {len(right)} further answers: the boundary between two classes "
                "bends elsewhere, or could not be followed"
            )

    def _crossing(self, a: Array, b: Array, of_a: Array) -> tuple[Array, Array, Array]:
        """Where the answer stops being `of_a` on the way from a to b, row by row: both ends, and the far answer."""
        for _ in range(self._halvings):
            middle = (a + b) / 2
            same = (self._label(middle) == of_a)[:, None]
            a, b = np.where(same, middle, a), np.where(same, b, middle)
        return a, b, self._label(b)

    def normal(self, start: tuple[Array, int], end: tuple[Array, int], pair: tuple[int, int]) -> Array:
        """Weights and offset of the second class less the first, [inputs + 1] in raw inputs, up to a positive scale;
        NaN where another class lies in between.
        """
        features = len(start[0])
        nothing = np.full(features + 1, np.nan)
        near, far, label = self._crossing(start[0][None], end[0][None], np.array([start[1]]))
        if int(label[0]) != end[1]:
            return nothing
        x, along = ((near + far) / 2)[0], end[0] - start[0]
        along = along / np.linalg.norm(along)
        step = 0.02
        for _ in range(6):
            moved = x[None] + step * np.eye(features)
            span = 4 * step * np.sqrt(features)
            ends = [moved - span * along, moved + span * along]
            sides = [self._label(part) for part in ends]
            fits = (sides[0] == start[1]) & (sides[1] == end[1])
            if fits.all():
                break
            step /= 4
        else:
            return nothing
        near, far, label = self._crossing(ends[0], ends[1], np.full(features, start[1]))
        if (label != end[1]).any():
            return nothing
        shift = ((near + far) / 2 - moved) @ along
        # w.(step e_i + shift_i along) = 0 for every i, so w_i = -(w.along) shift_i / step, and w.along > 0
        w = -shift / step
        w = w / self._size
        offset = -float(w @ (x * self._size + self._low))
        sign = 1.0 if start[1] == pair[0] else -1.0
        return np.append(w, offset) * sign


def together(normals: dict[tuple[int, int], Array], classes: int, features: int) -> tuple[Array, Array, bool]:
    """Weights [classes, inputs] and biases [classes] from the directions of differences, up to one scale and a shift,
    and whether they are the only ones: where classes lie in a row, as 1, 2, 3, no label tells how much steeper one
    boundary is than the next.

    Each normal n of classes a and b says (w_b - w_a) x n = 0: W is the null vector of all these equations, reduced to
    one unknown scale for each pair and one equation for each cycle of pairs.
    """
    known = {pair: n for pair, n in normals.items() if np.isfinite(n).all()}
    if not known:
        raise Impossible("no point of the boundary between two classes could be followed: is the model linear?")
    pairs = list(known)
    rows = np.stack([known[p] / np.linalg.norm(known[p]) for p in pairs])
    if len(pairs) == 1 or classes == 2:
        full = np.zeros((classes, features + 1))
        full[pairs[0][1]] = rows[0]
        return full[:, :features], full[:, features], classes == 2
    incidence = np.zeros((len(pairs), classes))
    for number, (a, b) in enumerate(pairs):
        incidence[number, a], incidence[number, b] = -1.0, 1.0
    # scales s with diag(s) rows in the range of the incidence matrix: N diag(s) rows = 0 for its left null space N
    u, sizes, _ = np.linalg.svd(incidence, full_matrices=True)
    null = u[:, int((sizes > 1e-9).sum()) :].T
    sure = False
    if len(null):
        equations = np.einsum("cp,pf->cfp", null, rows).reshape(-1, len(pairs))
        _, strengths, directions = np.linalg.svd(equations, full_matrices=False)
        sure = bool((sizes > 1e-9).sum() == classes - 1 and strengths[-2] > UNDETERMINED * strengths[0])
        scales = directions[-1]
        scales = scales * np.sign(scales.sum() or 1.0)
    else:
        scales = np.ones(len(pairs))
    full = np.linalg.lstsq(incidence, scales[:, None] * rows, rcond=None)[0]
    return full[:, :features], full[:, features], sure

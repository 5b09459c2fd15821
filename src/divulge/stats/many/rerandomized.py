"""Membership drawn anew: what all attacks together would find if their scores knew nothing of who was a member.

Scores stay as they are and the labels are permuted as the split was drawn, so that every dependence between attacks and
between metrics is kept (Westfall and Young 1993).  Each metric becomes the p-value of the hypothesis that an attack
knows nothing, on one scale for all: small is telling.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng
from divulge.core.results.metric import AUC, BALANCED_ACCURACY, EPSILON, FALSE_POSITIVE_RATES, tpr_at
from divulge.stats.privacy.tradeoff import RATES
from divulge.stats.roc import allowed

METRICS = (AUC, BALANCED_ACCURACY, *map(tpr_at, FALSE_POSITIVE_RATES), EPSILON)
"""What is looked at of every attack, in the order of the columns below."""

CELLS = 8_000_000
"""Labels that are drawn at once: which splits are drawn follows from it."""

SEEN = 250_000
"""Labels that are looked at at once, so that memory stays small: each takes some fifty bytes."""

MOST_BLOCKS = 4096
"""Thresholds that are looked at of one attack; where its scores have more, those in the middle are joined."""

TABULATED = 20_000
"""Trials in an arm up to which its tails are kept in tables, of eight bytes a trial and threshold."""

BEYOND, OF_FEW = 12, 30
"""Deviations beyond which nothing is left of a tail that could be told from rounding; more where few of the other arm
stand above, and the tail falls like that of an exponential law.
"""

Weights = tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class Split:
    """Who was a member, and how that was drawn.

    member: bool [units].  stratum: int [units]; labels are exchangeable within each, all 0 for a split that was drawn
    from one set.  A unit is what was drawn: a record, or a person with all of theirs.
    """

    member: Array
    stratum: Array
    seed: int

    def drawn(self, draws: int) -> Iterator[Array]:
        """The split itself and as many others of its design, int [units, some] at a time; the first is itself.

        The same seed and number give the same splits.
        """
        size = max(1, CELLS // len(self.member))
        blocks = [np.flatnonzero(self.stratum == number) for number in np.unique(self.stratum)]
        for number, start in enumerate(range(0, draws + 1, size)):
            rng = derived_rng(self.seed, "rerandomised", str(number))
            some = min(size, draws + 1 - start)
            labels = np.repeat(self.member[None, :], some, axis=0)
            for block in blocks:
                labels[:, block] = rng.permuted(labels[:, block], axis=1)
            if start == 0:
                labels[0] = self.member
            kind, step = np.int16 if len(self.member) < 2**15 else np.int32, max(1, SEEN // len(self.member))
            for part in range(0, some, step):
                yield np.ascontiguousarray(labels[part : part + step].T).astype(kind)


@dataclass(frozen=True, eq=False)
class Ranked:
    """What one attack says.  ranks: int [asked], higher is more likely a member, equal where it cannot decide.
    places: int [asked], which units these are, rising.
    """

    ranks: Array
    places: Array


def log_chances(split: Split, attacks: Sequence[Ranked], draws: int) -> list[Array]:
    """The logarithm of each metric's p-value, for the split itself (row 0) and for `draws` others of its design: an
    array [draws + 1, len(METRICS)] for each attack.

    Raises InputError where an attack was asked about members alone, or about none.
    """
    readers = [_OneAttack(split.member[attack.places], attack) for attack in attacks]
    parts: list[list[Array]] = [[] for _ in attacks]
    for labels in split.drawn(draws):
        whole = _weights(labels)
        for attack, reader, part in zip(attacks, readers, parts, strict=True):
            every = len(attack.places) == len(labels)
            asked = labels if every else labels[attack.places]
            part.append(reader.read(asked, whole if every else _weights(asked)))
    return [np.concatenate(part) for part in parts]


def _sizes(arm: int) -> tuple[int, int]:
    """How many of an arm are in either half."""
    return (arm + 1) // 2, arm // 2


def _weights(labels: Array) -> Weights:
    """What naming each unit adds to an attack's gain in either half [units, draws], in multiples of 1 / (members x
    others) there.  A half is every other member and every other non-member.
    """
    place = np.arange(1, len(labels) + 1, dtype=labels.dtype)[:, None]
    members = np.cumsum(labels, axis=0, dtype=labels.dtype)
    odd = np.where(labels, members, place - members) & 1
    n1 = int(members[-1, 0])
    kind = np.int32 if len(labels) < 40_000 else np.int64
    found = []
    for half, ours, theirs in zip((odd, 1 - odd), _sizes(n1), _sizes(len(labels) - n1), strict=True):
        found.append((half * np.where(labels, theirs, -ours)).astype(kind))
    return found[0], found[1]


def _blocks(ranks: Array) -> Array:
    """Where blocks of equal ranks begin, of ranks [asked] from the highest down; MOST_BLOCKS of them at most, of which
    the outer ones are left as they are.
    """
    starts = np.flatnonzero(np.append(True, ranks[1:] != ranks[:-1]))
    if len(starts) <= MOST_BLOCKS:
        return starts
    outer = MOST_BLOCKS // 4
    middle = np.linspace(outer, len(starts) - outer, MOST_BLOCKS - 2 * outer, endpoint=False).astype(int)
    return np.concatenate([starts[:outer], starts[middle], starts[-outer:]])


class _OneAttack:
    """Reads the metrics of one attack off labels, from the highest rank down, all draws side by side."""

    def __init__(self, member: Array, attack: Ranked) -> None:
        self._order = np.argsort(-attack.ranks, kind="stable")
        self._starts = _blocks(attack.ranks[self._order])
        self._until = np.append(self._starts[1:], len(member))
        self._n1 = int(member.sum())
        self._n0 = len(member) - self._n1
        if not self._n1 or not self._n0:
            raise InputError("an attack was asked about members alone, or about none: both are needed")
        self._tails = Tails(self._n1, self._n0), Tails(self._n0, self._n1)

    def read(self, labels: Array, weights: Weights) -> Array:
        """[draws, metrics] of labels and weights [asked, draws]."""
        untied = len(self._starts) == len(self._order)
        rows = self._order if untied else np.arange(len(self._starts))
        summed = [each if untied else self._sums(each) for each in (labels, *weights)]
        above = _running(summed[0], rows)
        found = np.zeros((labels.shape[1], len(METRICS)))
        found[:, 0] = self._area(above)
        found[:, 1] = self._balanced(summed[1], summed[2], rows)
        found[:, 2:] = self._at_rates(above)
        return found

    def _sums(self, values: Array) -> Array:
        return np.asarray(np.add.reduceat(values[self._order], self._starts, axis=0))

    def _area(self, above: Array) -> Array:
        """Of the AUC: the rank sum, standardised by its variance under the null hypothesis, ties included (Lehmann
        1975, Nonparametrics, section 1.4).
        """
        from scipy import special

        n1, n0, sizes = self._n1, self._n0, self._until - self._starts
        total, cubes = n1 + n0, (sizes.astype(np.float64) ** 3 - sizes).sum()
        variance = n1 * n0 / 12 * (total + 1 - cubes / (total * (total - 1)))
        if variance <= 0:
            return np.zeros(above.shape[1])
        if len(sizes) == total:
            twice = 2 * above.sum(axis=0, dtype=np.int64) - n1
        else:
            twice = np.zeros(above.shape[1], dtype=np.int64)
            for row, size in zip(above, sizes + np.append(sizes[1:], 0), strict=True):
                twice += np.multiply(row, size, dtype=np.int64)
        z = (twice / 2 - n1 * total / 2) / np.sqrt(variance)
        return np.asarray(special.log_ndtr(-z))

    def _balanced(self, first: Array, second: Array, rows: Array) -> Array:
        """Of the balanced accuracy: each half judged at the threshold that is best on the other (in the middle of
        several); the difference of the two rates, standardised with the rate at which anybody is named.
        """
        from scipy import special

        (m1, m2), (o1, o2) = _sizes(self._n1), _sizes(self._n0)
        draws = np.arange(first.shape[1])
        if not min(m2, o2):
            return np.zeros(len(draws))
        gains = [_running(first, rows), _running(second, rows)]
        gap, named = np.zeros(len(draws)), np.zeros(len(draws))
        for chosen, judged, pairs in ((0, 1, m2 * o2), (1, 0, m1 * o1)):
            at, best = _best_row(gains[chosen])
            gap += np.where(best, gains[judged][at, draws], 0) / (2 * pairs)
            named += np.where(best, self._until[at], 0) / (2 * (self._n1 + self._n0))
        spread = np.sqrt(named * (1 - named) * (1 / self._n1 + 1 / self._n0))
        z = np.divide(gap, spread, out=np.full_like(gap, -np.inf), where=spread > 0)
        return np.asarray(special.log_ndtr(-z))

    def _at_rates(self, above: Array) -> Array:
        """Of the true positive rates, and of epsilon, which is looked for at ten thresholds and pays for that."""
        draws, columns = above.shape[1], np.arange(above.shape[1])
        wrong = self._until[:, None] - above
        naming: dict[int, Array] = {}
        least = np.zeros(draws)
        for rate in sorted({*RATES, *FALSE_POSITIVE_RATES}):
            number = max(allowed(self._n0, rate), 0)
            if number not in naming:
                last = _rows_at_most(wrong, number) - 1
                nobody = last < 0
                tp, fp = above[last, columns], wrong[last, columns]
                naming[number] = np.where(nobody, 0.0, self._tails[0].log(tp, fp))
            if rate in RATES:
                least = np.minimum(least, naming[number])
        for number in {max(allowed(self._n1, rate), 0) for rate in RATES}:
            last = _rows_at_most(above, self._n1 - number - 1)
            tp, fp = above[last, columns], wrong[last, columns]
            least = np.minimum(least, self._tails[1].log(self._n0 - fp, self._n1 - tp))
        none = np.zeros(draws)
        rates = [naming[allowed(self._n0, r)] if allowed(self._n0, r) >= 0 else none for r in FALSE_POSITIVE_RATES]
        return np.column_stack([*rates, np.minimum(least + np.log(2 * len(RATES)), 0.0)])


def _running(values: Array, rows: Array) -> Array:
    """Sums over the first so many of some rows of values [any, draws]: [rows, draws].  Row by row, since numpy's own
    goes down each column.
    """
    sums = np.empty((len(rows), values.shape[1]), dtype=values.dtype)
    last = np.zeros(values.shape[1], dtype=values.dtype)
    for place, row in enumerate(rows):
        last = np.add(last, values[row], out=sums[place])
    return sums


def _best_row(gain: Array) -> tuple[Array, Array]:
    """The row with the highest gain [rows, draws], in the middle between the first and the last of several, and
    whether it is more than nothing: [draws] each.
    """
    best = np.zeros_like(gain[0])
    first, last = np.zeros(gain.shape[1], dtype=np.int32), np.zeros(gain.shape[1], dtype=np.int32)
    for place, row in enumerate(gain):
        np.copyto(first, place, where=row > best)
        np.copyto(last, place, where=row >= best)
        np.maximum(best, row, out=best)
    return (first + last) // 2, best > 0


def _rows_at_most(rising: Array, number: int) -> Array:
    """How many rows of columns that never fall [rows, draws] are at most a number [draws]."""
    low = bisect_right(range(len(rising)), number, key=lambda row: rising[row].max())
    high = bisect_right(range(len(rising)), number, key=lambda row: rising[row].min())
    return low + np.asarray((rising[low:high] <= number).sum(axis=0))


class Tails:
    """How likely it is that so many of one arm stand above the place of the first so many of the other, where the
    order is random: a negative hypergeometric tail, which is that of Fisher's exact test.
    """

    def __init__(self, ours: int, theirs: int) -> None:
        self._ours, self._theirs = ours, theirs
        self._known: dict[int, Array] = {}

    def log(self, right: Array, wrong: Array) -> Array:
        """Log of P(at least `right` of our arm before the next of the other, of which `wrong` went before), [draws]."""
        found = np.zeros(len(right))
        if self._ours > TABULATED:
            pairs, place = np.unique(np.column_stack([right, wrong]), axis=0, return_inverse=True)
            return np.array([self._far(int(r), int(w)) for r, w in pairs])[place.ravel()]
        for number in np.unique(wrong):
            where = wrong == number
            found[where] = self._table(int(number))[right[where]]
        return found

    def _far(self, right: int, wrong: int) -> float:
        """One of them: its terms from the first on, until they are some deviations beyond it and the mean."""
        from scipy import special

        ours, theirs = self._ours, self._theirs
        if wrong >= theirs:
            return 0.0
        mean = (wrong + 1) * ours / (theirs + 1)
        spread = np.sqrt(mean * (ours + theirs + 1) * (theirs - wrong) / ((theirs + 1) * (theirs + 2)))
        beyond = (BEYOND + OF_FEW / (wrong + 1)) * spread
        if right <= mean - beyond:
            return 0.0
        terms = np.arange(right, min(ours, int(max(right, mean) + beyond) + 100) + 1)
        left = ours - terms + theirs - wrong - 1
        ways = _log_choose(terms + wrong, terms) + _log_choose(left, ours - terms)
        chance = ways - _log_choose(np.array(ours + theirs), np.array(ours))
        return float(min(special.logsumexp(chance), 0.0))

    def _table(self, wrong: int) -> Array:
        if wrong not in self._known:
            self._known[wrong] = self._made(wrong)
        return self._known[wrong]

    def _made(self, wrong: int) -> Array:
        """[ours + 1], by the number of ours."""
        from scipy import special

        if wrong >= self._theirs:  # nobody of the other arm is left
            return np.zeros(self._ours + 1)
        right = np.arange(self._ours + 1)
        left = self._ours - right + self._theirs - wrong - 1
        ways = _log_choose(right + wrong, right) + _log_choose(left, self._ours - right)
        chance = ways - _log_choose(np.array(self._ours + self._theirs), np.array(self._ours))
        tail = np.logaddexp.accumulate(chance[::-1])[::-1]
        return np.asarray(np.minimum(tail - special.logsumexp(chance), 0.0))


def _log_choose(n: Array, k: Array) -> Array:
    from scipy import special

    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))

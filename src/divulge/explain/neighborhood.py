"""Where a record stands among the others: lonely, among records of another class, or not alone at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.persons import condensed, numbered
from divulge.core.records import Records
from divulge.core.wording import percent

NEIGHBORS = 5
MOST_FEATURES = 64
LONELY = 0.9
CHUNK = 2_000

MOST_AMONG = 20_000
"""Records among which neighbours are looked for; of more, so many drawn at random, since the work grows by their
product.
"""


@dataclass(frozen=True, eq=False)
class Neighborhood:
    """lonelier: share of the records that are nearer to their neighbours.  disagree: share of the five most similar
    records that have another class.  copies: how often the record occurs.  All [records], or [persons] where `persons`.
    Where records say whose they are, a person's other records are no neighbours and no copies.
    among: how many records drawn at random stand for all of them as neighbours; 0 where all were looked at.
    """

    outlier_rank: Array
    disagree: Array
    copies: Array
    persons: bool = False
    among: int = 0

    def of_persons(self, place: Array) -> Neighborhood:
        """The same of persons, on average over their records.  place: int [records], whose each is."""
        mean = condensed(self.outlier_rank, place), condensed(self.disagree, place)
        return Neighborhood(*mean, condensed(self.copies, place, "max"), True, self.among)

    def words(self, place: int) -> list[str]:
        """What is remarkable about one record, or person."""
        phrases = []
        sample = f" among {self.among:,} drawn at random" if self.among else ""
        if self.persons:
            return self._of_person(place)
        if self.disagree[place] > 0.5:
            others = round(float(self.disagree[place]) * NEIGHBORS)
            phrases.append(f"{others} of the {NEIGHBORS} records most like it{sample} are of another class")
        if self.outlier_rank[place] >= LONELY:
            phrases.append(
                f"further from its neighbours than {percent(float(self.outlier_rank[place]))} of the records"
            )
        if self.copies[place] > 1:
            phrases.append(f"occurs {int(self.copies[place])} times")
        return phrases

    def _of_person(self, place: int) -> list[str]:
        phrases = []
        if self.disagree[place] > 0.5:
            phrases.append(
                f"{percent(float(self.disagree[place]))} of the records most like theirs are of another class"
            )
        if self.outlier_rank[place] >= LONELY:
            phrases.append(f"further from others than {percent(float(self.outlier_rank[place]))} of the records")
        if self.copies[place] > 1:
            phrases.append(f"a record of theirs occurs with {int(self.copies[place])} persons")
        return phrases


def neighborhood(records: Records) -> Neighborhood:
    """By Euclidean distance in standard deviations of each column; of many columns the 64 principal components."""
    from sklearn.decomposition import PCA

    x = records.features()
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    if x.shape[1] > MOST_FEATURES:
        x = PCA(min(MOST_FEATURES, len(x)), svd_solver="randomized", random_state=0).fit_transform(x)
    sample = _sample(len(x))
    among = 0 if sample is None else len(sample)
    distance, which = _nearest(x, sample) if records.groups is None else _nearest_of_others(x, records.groups, sample)
    outlier_rank = np.searchsorted(np.sort(distance), distance) / len(distance)
    disagree = (records.y[which] != records.y[:, None]).mean(axis=1)
    keys = records.row_keys()
    if records.groups is not None:
        persons = Counter(key for key, _ in set(zip(keys, records.groups.tolist(), strict=True)))
        return Neighborhood(outlier_rank, disagree, np.array([persons[key] for key in keys]), among=among)
    counts = Counter(keys)
    return Neighborhood(outlier_rank, disagree, np.array([counts[key] for key in keys]), among=among)


def _sample(records: int) -> Array | None:
    """Which records stand for all as neighbours; None for all."""
    if records <= MOST_AMONG:
        return None
    return np.sort(np.random.default_rng(0).choice(records, MOST_AMONG, replace=False))


def _nearest(x: Array, sample: Array | None) -> tuple[Array, Array]:
    """Distance to the fifth neighbour [records], and which the five are [records, neighbours]."""
    from sklearn.neighbors import NearestNeighbors

    if sample is not None:
        return _nearest_of_others(x, np.arange(len(x)), sample)
    apart, which = NearestNeighbors(n_neighbors=min(NEIGHBORS + 1, len(x))).fit(x).kneighbors(x)
    return apart[:, -1], which[:, 1:]


def _nearest_of_others(x: Array, groups: Array, sample: Array | None) -> tuple[Array, Array]:
    """The same among records of other persons."""
    from sklearn.neighbors import NearestNeighbors

    _, place, _ = numbered(groups)
    known = np.arange(len(x)) if sample is None else sample
    most = int(np.unique(place[known], return_counts=True)[1].max())
    index = NearestNeighbors(n_neighbors=min(NEIGHBORS + most, len(known))).fit(x[known])
    apart, which = np.empty(len(x)), np.empty((len(x), NEIGHBORS), dtype=np.int64)
    for chunk in np.array_split(np.arange(len(x)), len(x) // CHUNK + 1):
        far, near = index.kneighbors(x[chunk])
        near = known[near]
        own = place[near] == place[chunk, None]
        order = np.argsort(own, axis=1, kind="stable")[:, :NEIGHBORS]  # of others first, the nearest first
        apart[chunk] = np.take_along_axis(far, order, axis=1)[:, -1]
        which[chunk] = np.take_along_axis(near, order, axis=1)
    return apart, which

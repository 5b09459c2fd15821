"""Where a record stands among the others: lonely, among records of another class, or not alone at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.wording import percent

NEIGHBOURS = 5
MOST_FEATURES = 64
LONELY = 0.9


@dataclass(frozen=True, eq=False)
class Surroundings:
    """lonelier: share of the records that are nearer to their neighbours.  disagree: share of the five most similar
    records that have another class.  copies: how often the record occurs.  All [records].
    """

    lonelier: Array
    disagree: Array
    copies: Array

    def words(self, place: int) -> list[str]:
        """What is remarkable about one record."""
        said = []
        if self.disagree[place] > 0.5:
            others = round(float(self.disagree[place]) * NEIGHBOURS)
            said.append(f"{others} of the {NEIGHBOURS} records most like it are of another class")
        if self.lonelier[place] >= LONELY:
            said.append(f"further from its neighbours than {percent(float(self.lonelier[place]))} of the records")
        if self.copies[place] > 1:
            said.append(f"occurs {int(self.copies[place])} times")
        return said


def surroundings(records: Records) -> Surroundings:
    """By Euclidean distance in standard deviations of each column; of many columns the 64 principal components."""
    x = records.features()
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    if x.shape[1] > MOST_FEATURES:
        x = PCA(min(MOST_FEATURES, len(x)), svd_solver="randomized", random_state=0).fit_transform(x)
    apart, which = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, len(x))).fit(x).kneighbors(x)
    distance = apart[:, -1]
    lonelier = np.searchsorted(np.sort(distance), distance) / len(distance)
    disagree = (records.y[which[:, 1:]] != records.y[:, None]).mean(axis=1)
    keys = records.row_keys()
    counts = pd.Series(keys).value_counts()
    return Surroundings(lonelier, disagree, np.array([counts[key] for key in keys]))

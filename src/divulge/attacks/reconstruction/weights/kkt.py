"""Training records out of the weights alone: a network trained long enough is a sum over its own training records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import FileView, SampleGuess


@dataclass(frozen=True)
class Kkt:
    """Gradient descent on the logistic loss ends in a direction that is stationary for the largest margin: the weights
    are sum_i lambda_i grad margin(x_i), lambda_i >= 0.  Records and multipliers are sought that fulfil this (Haim et
    al. 2022, equation 7; Buzaglo et al. 2023 for several classes).

    A search ends near many records at once, some of which lie between training records.  So it is begun several times,
    and what is handed in is on what candidates agree: the means of those that come nearer to each other than `alike`
    times the median distance of a public record to the next.

    candidates: records that are sought, of each class as many.  searches: how often.  surest: of each search, those
    with the largest multipliers, are compared.  kept: handed in at most; where no two agree, so many of the surest.
    steps, rate: of Adam.  least: lambda is at least that.
    """

    candidates: int = 1_000
    searches: int = 2
    surest: int = 200
    alike: float = 1.2
    kept: int = 20
    steps: int = 6_000
    rate: float = 0.06
    least: float = 0.0

    card: ClassVar[Card] = Card(
        name="kkt",
        title="Records in the weights",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.FILE,
        paper="haim2022",
        equations="equation 7",
        summary="looks for records of which the network's weights are a weighted sum of gradients",
        needs=Needs(Access.PARAMETERS, frozenset({Knowledge.POPULATION})),
        default=False,
        differs="records are kept in range and multipliers positive by construction, where the authors add penalties, "
        "and Adam searches; candidates of several searches are compared, and means of those that agree are handed in; "
        "whether the network was trained to a tiny loss without weight decay, as the theory asks for, cannot be seen "
        "in its file",
        seconds=140.0,
    )

    def run(self, view: FileView) -> SampleGuess:
        """Cost: no query.  Raises Impossible where the model is no network that the theory is of."""
        module: Any = view.target.parameters()
        if not hasattr(module, "named_parameters"):
            raise Impossible("it reads the weights of a network, and this model is none that PyTorch knows")
        from divulge.attacks.reconstruction.weights.kkt_search import outside_theory, solve

        seed = int(view.rng.integers(2**31))
        if outside := outside_theory(module, view, seed):
            raise Impossible(f"the theory is of homogeneous ReLU networks, and of this one it says nothing: {outside}")
        middle = view.population.x.astype(np.float64).mean(axis=0)
        settings = (self.candidates, self.steps, self.rate, self.least)
        found = [solve(module, view, middle, seed + number, *settings) for number in range(self.searches)]
        left = min(part for _, part in found)
        heap = np.concatenate([records[: self.surest] for records, _ in found])
        near = self.alike * _usual_distance(view.population.flat())
        note = f"{left:.0%} of the weights stay unexplained"
        agreed = agreeing(heap.reshape(len(heap), -1), near)[: self.kept]
        if not agreed:
            return SampleGuess((found[0][0][: self.kept],), told=(note, "no two candidates agree: the surest"))
        guesses = np.stack([heap[group].mean(axis=0) for group in agreed])
        return SampleGuess((guesses,), told=(note, f"{len(agreed)} records that candidates agree on"))


def agreeing(candidates: Array, near: float) -> list[Array]:
    """Rows of candidates [candidates, features] that lie near each other on average, the largest groups first."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(candidates) < 2:
        return []
    of = fcluster(linkage(candidates, "average"), near, "distance")
    groups = [np.flatnonzero(of == number) for number in np.unique(of)]
    return sorted((g for g in groups if len(g) > 1), key=lambda g: (-len(g), g[0]))


def _usual_distance(records: Array) -> float:
    """Median distance to the nearest other of a thousand records."""
    from sklearn.neighbors import NearestNeighbors

    few = records[:1_000]
    return float(np.median(NearestNeighbors(n_neighbors=2).fit(few).kneighbors(few)[0][:, 1]))

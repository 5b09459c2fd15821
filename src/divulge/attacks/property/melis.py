"""What a client's update tells about the batch behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Behavior, Challenge, Family, Knowledge, Needs, Phase
from divulge.core.views.property import BatchGuess, BatchQuestion, BatchView

Change = tuple[Array, ...]


def flattened(change: Change) -> Array:
    """One update as numbers."""
    return np.concatenate([np.asarray(part, dtype=np.float64).reshape(-1) for part in change])


def own_batches(question: BatchQuestion, count: int) -> tuple[list[Array], Array]:
    """Rows of batches of the adversary's own records, and which of them hold records of the kind."""
    inside, outside = np.flatnonzero(question.flags), np.flatnonzero(~question.flags)
    if len(inside) < 2 or len(outside) < question.batch:
        raise Impossible(f"{question.text}: the adversary holds too few records of either kind")
    has_property = np.arange(count) % 2 == 1
    with_property = max(1, round(question.share * question.batch))
    rows = [
        np.concatenate([question.rng.choice(inside, k), question.rng.choice(outside, question.batch - k, False)])
        for k in np.where(has_property, with_property, 0)
    ]
    return rows, has_property


def told_apart(own: Array, held: Array, asked: Array) -> Array:
    """Log-odds that updates come from batches with the kind, by a random forest and by a regression on principal
    components, added up: [updates].
    """
    from sklearn.decomposition import PCA
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    kept = own.std(axis=0) > 0
    own, asked = own[:, kept], asked[:, kept]
    scale = StandardScaler().fit(own)
    few = PCA(min(30, len(own) // 4, own.shape[1]), random_state=0).fit(scale.transform(own))
    parts = [few.transform(scale.transform(x)) for x in (own, asked)]
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=500))
    forest = RandomForestClassifier(200, min_samples_leaf=2, random_state=0)
    score = np.zeros(len(asked))
    for model in (linear, forest):
        p = np.clip(model.fit(parts[0], held).predict_proba(parts[1])[:, 1], 0.005, 0.995)
        score += np.log(p / (1 - p))
    return score


@dataclass(frozen=True)
class MelisPassive:
    """In every round the adversary computes updates on batches of own records with and without the kind, learns to
    tell them apart, and judges what the client sent (Melis et al. 2019, section 4.3, algorithm 3).

    batches: of own records, for each round.
    """

    batches: int = 120

    card: ClassVar[Card] = Card(
        name="melis_passive",
        title="Batch property in updates",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.BATCH,
        paper="melis2019",
        equations="section 4.3, algorithm 3",
        summary="learns on updates of own batches what a kind of records does to an update",
        needs=Needs(Access.UPDATES, frozenset({Knowledge.POPULATION}), phase=Phase.TRAINING),
    )

    def run(self, view: BatchView) -> BatchGuess:
        """Cost: no query.  Raises Impossible where the adversary holds too few records of either kind."""
        return BatchGuess(tuple(self._about(question) for question in view.questions))

    def _about(self, question: BatchQuestion) -> Array:
        scores = np.zeros(len(question.changes))
        for number in np.unique(question.rounds):
            rows, held = own_batches(question, self.batches)
            own = np.stack([flattened(question.update(int(number), question.own.take(r))) for r in rows])
            here = np.flatnonzero(question.rounds == number)
            scores[here] = told_apart(own, held, np.stack([flattened(question.changes[k]) for k in here]))
        return scores


@dataclass(frozen=True)
class MelisActive:
    """The adversary trains the round's model for the property as well, with a head of its own on what the last layer is
    given, and what it sends makes the common model keep records of the kind apart; the clients' updates then tell more
    (Melis et al. 2019, section 4.4).

    batches: of own records, for each round.  steps, rate: of that training.  weight: of the property's loss.
    """

    batches: int = 120
    steps: int = 30
    rate: float = 0.02
    weight: float = 20.0

    card: ClassVar[Card] = Card(
        name="melis_active",
        title="Batch property, by multi-task learning",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.BATCH,
        paper="melis2019",
        equations="section 4.4",
        summary="makes the common model keep records of a kind apart, and looks at the updates",
        needs=Needs(Access.UPDATES, frozenset({Knowledge.POPULATION}), phase=Phase.TRAINING, behavior=Behavior.ACTIVE),
    )

    def run(self, view: BatchView) -> BatchGuess:
        """Cost: no query.  Raises Impossible where the module has no linear last layer."""
        return BatchGuess(tuple(self._about(question) for question in view.questions))

    def _about(self, question: BatchQuestion) -> Array:
        from divulge.attacks.property.two_tasks import taught_apart

        scores = np.zeros(len(question.changes))
        for number in np.unique(question.rounds):
            seed = int(question.rng.integers(2**30))
            module: Any = taught_apart(
                question.model(int(number)), question.own, question.flags, seed, self.steps, self.rate, self.weight
            )
            rows, held = own_batches(question, self.batches)
            own = np.stack([flattened(question.update(int(number), question.own.take(r), module)) for r in rows])
            sent = question.ask(int(number), module)
            here = np.flatnonzero(question.rounds == number)
            scores[here] = told_apart(own, held, np.stack([flattened(change) for change in sent]))
        return scores

"""Architecture and training from answers (Oh et al. 2018, kennen-o): networks of many designs teach a meta-model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.extraction import Claim, ExtractionGuess, ExtractionView, NetworkDesign

CHOICES: dict[str, tuple[Any, ...]] = {
    "activation": ("relu", "tanh", "elu"),
    "depth": (1, 2, 3),
    "width": (32, 64, 128),
    "dropout": (0.0, 0.25, 0.5),
    "optimizer": ("adam", "sgd", "rmsprop"),
    "batch_size": (32, 64, 128),
    "share": (0.25, 0.5, 1.0),
}
"""The seven attributes and the values that the adversary considers."""

NAMES = {"share": "data_share"}
FOLDS = 4


def random_designs(rng: Generator, count: int) -> list[NetworkDesign]:
    """Designs drawn evenly from all combinations."""
    return [
        NetworkDesign(**{name: rng.choice(np.array(v)).item() for name, v in CHOICES.items()}) for _ in range(count)
    ]


@dataclass(frozen=True)
class Architecture:
    """Networks of random designs are trained on population records and asked about the same random records as the
    target; for each attribute a classifier learns to read it off the answers, and reads the target.  Which features and
    classifier (shrinkage LDA on log-scores, or extremely randomised trees on their statistics) is decided by
    cross-validation on the adversary's own networks.

    models: networks.  queries: records that are asked about.
    """

    models: int = 400
    queries: int = 200

    card: ClassVar[Card] = Card(
        name="architecture",
        title="Architecture from answers",
        family=Family.EXTRACTION,
        asset=Asset.ARCHITECTURE,
        paper="oh2018",
        equations="section 3.2, kennen-o",
        summary="tells activation, depth, width, dropout, optimiser, batch size and data share from scores",
        needs=Needs(Access.SCORES, frozenset({Knowledge.POPULATION})),
        default=False,
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        asked = view.affordable(min(self.queries, len(view.population)))
        if asked < 10:
            raise Impossible("it needs ten queries at least")
        sent = view.population.take(view.rng.permutation(len(view.population))[:asked])
        designs = random_designs(view.rng, self.models)
        own = np.stack([net.log_scores(sent) for net in view.zoo(designs)])
        target = view.target.log_scores(sent)
        reader = Reader(own, designs, int(view.rng.integers(2**31)))
        claims = []
        for name, values in CHOICES.items():
            names = reader.read(name, target[None])[0]
            claims.append(Claim(NAMES.get(name, name), names, 1 / len(values)))
        return ExtractionGuess(claims=tuple(claims))


class Reader:
    """Reads attributes off answers [models, queries, classes] of networks with known designs."""

    def __init__(self, answers: Array, designs: Sequence[NetworkDesign], seed: int) -> None:
        self._seed = seed
        self._views = {"plain": _plain(answers), "shape": _shape(answers)}
        self._truth = {name: [str(asdict(d)[name]) for d in designs] for name in CHOICES}
        self._taught: dict[str, tuple[str, Any]] = {}

    def read(self, name: str, answers: Array) -> list[Any]:
        """The value of one attribute for each model of `answers`."""
        if name not in self._taught:
            self._taught[name] = self._teach(name)
        view, reader = self._taught[name]
        seen = _plain(answers) if view == "plain" else _shape(answers)
        back = {str(value): value for value in CHOICES[name]}
        return [back[str(label)] for label in reader.predict(seen)]

    def _teach(self, name: str) -> tuple[str, Any]:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.ensemble import ExtraTreesClassifier
        from sklearn.model_selection import cross_val_score

        truth = np.array(self._truth[name])
        options: list[tuple[float, str, Any]] = []
        makers: list[tuple[str, Callable[[], Any]]] = [
            ("plain", lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
            ("shape", lambda: ExtraTreesClassifier(300, min_samples_leaf=2, random_state=self._seed, n_jobs=2)),
            ("shape", lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
        ]
        for view, make in makers:
            right = float(cross_val_score(make(), self._views[view], truth, cv=FOLDS).mean())
            options.append((right, view, make))
        _, view, make = max(options, key=lambda option: option[0])
        return view, make().fit(self._views[view], truth)


def _plain(answers: Array) -> Array:
    """Log-scores, clipped, query by query: [models, queries x classes] up to 600 columns."""
    flat = np.clip(answers, -30, 0).reshape(len(answers), -1)
    keep = np.linspace(0, flat.shape[1] - 1, min(flat.shape[1], 600)).astype(int)
    return np.asarray(flat[:, keep])


def _shape(answers: Array) -> Array:
    """How sure a model is, and how its logits are spread: quantiles over queries and the spectrum."""
    clipped = np.clip(answers, -60, 0)
    ordered = np.sort(clipped, axis=2)[:, :, ::-1]
    logits = clipped - clipped.mean(axis=2, keepdims=True)
    marks = np.linspace(0.02, 0.98, 9)
    parts = [np.quantile(ordered[:, :, place], marks, axis=1).T for place in range(min(3, answers.shape[2]))]
    parts.append(np.quantile(ordered[:, :, -1], marks, axis=1).T)
    parts.append(np.quantile(logits.std(axis=2), marks, axis=1).T)
    parts.append(np.log(np.linalg.svd(logits - logits.mean(axis=1, keepdims=True), compute_uv=False) + 1e-9))
    parts.append(logits.mean(axis=1))
    skew = ((logits - logits.mean(axis=1, keepdims=True)) ** 3).mean(axis=1)
    parts.append(np.cbrt(skew))
    return np.concatenate(parts, axis=1)

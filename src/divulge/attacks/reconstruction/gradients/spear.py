"""Whole batches, exactly, out of the gradient of a dense layer before a ReLU (Dimitrov et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from divulge.attacks.reconstruction.gradients.analytic_gradient import first_dense
from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, Update, UpdateView

AT_ONCE = 2_000
"""Sets of rows that are looked at together."""

NOTHING = 1e-3
"""Of the largest entry of a column: what counts as 0 in single precision."""

SAME = 1e-3
"""Directions that differ by less are one."""

MOST = 60
"""Candidates that are kept, and may be exchanged."""

AGREED = 0.995
"""Share of signs that agree where the batch is found."""


@dataclass(frozen=True)
class Spear:
    """The gradient of the weights, dL/dZ X', is of the rank of the batch, so that it is L R by singular values, and for
    one matrix Q dL/dZ = L Q and X' = Q^-1 R.  Behind a ReLU half of dL/dZ is zero: where one of its columns is zero on
    batch - 1 rows, these rows of L leave one direction, a column of Q.  Rows are drawn until all are found; lengths
    follow from the gradient of the bias, dL/db = L Q 1 (Dimitrov et al. 2024, sections 3.1 to 3.4, algorithm 1).

    The rows that must be drawn double with every record of a batch.  draws: at most, for each update.
    """

    draws: int = 200_000

    card: ClassVar[Card] = Card(
        name="spear",
        title="Exact batches behind a ReLU",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="dimitrov2024",
        equations="sections 3.1 to 3.4, algorithm 1",
        summary="factors the gradient of a layer before a ReLU into the records of a batch, by its zeros",
        needs=Needs(Access.UPDATES),
        strength=0.9,
        seconds=20.0,
        differs="the first layer alone is looked at",
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible where the first layer is not dense, with a bias and before a ReLU, for
        several local steps, and for batches larger than the layer.
        """
        numbers_only(view)
        layer = first_dense(view)
        if not _before_relu(view.target.parameters()):
            raise Impossible("it reads the zeros that a ReLU leaves after the first layer, and there is none")
        found, told = [], []
        own = list(view.target.parameters().parameters())
        for update in view.updates:
            given, share = self._given(update, own, layer.place, view.rng)
            told.append(share)
            flat = view.low.reshape(-1) + layer.shares(given) * (view.high - view.low).reshape(-1)
            found.append(flat.reshape(len(given), *view.shape))
        return SampleGuess(tuple(found), told=(f"{np.mean(told):.0%} of the signs agree",))

    def _given(self, update: Update, own: list[Any], place: int, rng: Generator) -> tuple[Array, float]:
        """What the layer was given: [records, inputs]; and the share of its signs that agree."""
        slopes, lift = (np.asarray(update.change[p], dtype=np.float64) for p in (place, place + 1))
        if update.batch >= min(slopes.shape):
            sides = f"{slopes.shape[0]} by {slopes.shape[1]}"
            raise Impossible(f"a batch of {update.batch} is no smaller than the layer, {sides}")
        weights, bias = (own[p].detach().cpu().double().numpy() for p in (place, place + 1))
        return factored(Layer(weights, bias, slopes, lift), update.batch, self.draws, rng)


@dataclass(frozen=True)
class Layer:
    """weights [neurons, inputs], bias [neurons] of the layer, and their gradients `slopes` and `lift`."""

    weights: Array
    bias: Array
    slopes: Array
    lift: Array


def factored(layer: Layer, batch: int, draws: int, rng: Generator) -> tuple[Array, float]:
    """X [at most a batch, inputs] behind the gradient of a layer, and the share of its signs that agree: a neuron has a
    slope where the records make it fire, and nowhere else.  None where no directions are found.
    """
    u, sizes, v = np.linalg.svd(layer.slopes, full_matrices=False)
    rank = min(batch, int((sizes > 1e-6 * sizes[0]).sum())) if sizes[0] > 0 else 0
    nothing = np.empty((0, layer.slopes.shape[1]))
    if rank == 0:
        return nothing, 0.0
    left, right = u[:, :rank], sizes[:rank, None] * v[:rank]  # the angles of columns are those of dL/dZ

    def solved(directions: Array) -> tuple[Array, float]:
        lengths = np.linalg.lstsq(left @ directions.T, layer.lift, rcond=None)[0]
        q = directions.T * lengths
        if (np.abs(lengths) < 1e-12).any() or np.linalg.cond(q) > 1e12:
            return nothing, 0.0
        x = np.linalg.solve(q, right)
        fires, slopes = layer.weights @ x.T + layer.bias[:, None] > 0, np.abs(left @ q)
        return x, float((fires == (slopes > NOTHING * slopes.max(axis=0))).mean())

    candidates = _candidates(left, draws, rng, lambda d: solved(d)[1])
    chosen = _independent(candidates)
    if len(chosen) < rank:
        return nothing, 0.0
    return solved(candidates[_exchanged(candidates, chosen, lambda d: solved(d)[1])])


def _candidates(left: Array, draws: int, rng: Generator, score: Callable[[Array], float]) -> Array:
    """Columns of Q up to their lengths, the sparsest first: [candidates, rank].  Drawing ends once signs agree."""
    rank = left.shape[1]
    if rank == 1:
        return np.ones((1, 1))
    alive = left[np.linalg.norm(left, axis=1) > 1e-6 * np.linalg.norm(left, axis=1).max()]
    found, zeros = np.empty((0, rank)), np.empty(0)
    for _ in range(0, draws, AT_ONCE):
        rows = rng.random((AT_ONCE, len(alive))).argpartition(rank - 2, axis=1)[:, : rank - 1]
        square = np.concatenate([alive[rows], rng.normal(size=(AT_ONCE, 1, rank))], axis=1)
        wanted = np.zeros((AT_ONCE, rank, 1))
        wanted[:, -1] = 1.0
        sound = np.abs(np.linalg.det(square)) > 1e-100
        tried = np.linalg.solve(square[sound], wanted[sound])[:, :, 0]
        tried /= np.linalg.norm(tried, axis=1, keepdims=True)
        columns = np.abs(tried @ alive.T)
        empty = (columns < NOTHING * columns.max(axis=1, keepdims=True)).sum(axis=1)
        for place in np.flatnonzero(empty >= rank):  # rank - 1 of them were chosen so
            if not len(found) or 1 - np.abs(found @ tried[place]).max() > SAME**2:
                found, zeros = np.vstack([found, tried[place]]), np.append(zeros, empty[place])
        order = np.argsort(-zeros, kind="stable")[:MOST]
        found, zeros = found[order], zeros[order]
        chosen = _independent(found)
        if len(chosen) == rank and score(found[_exchanged(found, chosen, score)]) > AGREED:
            break
    return found


def _independent(found: Array) -> list[int]:
    """The sparsest first, as long as they are no sums of those before."""
    chosen: list[int] = []
    for place in range(len(found)):
        tried = found[[*chosen, place]]
        if len(tried) <= tried.shape[1] and np.linalg.svd(tried, compute_uv=False)[-1] > 1e-4:
            chosen.append(place)
    return chosen


def _exchanged(found: Array, chosen: list[int], score: Callable[[Array], float]) -> list[int]:
    """The same, with single ones exchanged as long as more signs agree: sums of columns can be sparse too."""
    best, better = score(found[chosen]), True
    while better and best <= AGREED:
        better = False
        for new in range(len(found)):
            for place in range(len(chosen)):
                tried = [*chosen[:place], new, *chosen[place + 1 :]]
                if new not in chosen and (reached := score(found[tried])) > best:
                    chosen, best, better = tried, reached, True
    return chosen


def _before_relu(module: Any) -> bool:
    """Whether the first layer that learns is not followed by another activation than a ReLU; what a module calls as a
    function cannot be seen, and the signs decide.
    """
    from torch import nn

    leaves = [part for part in module.modules() if not list(part.children())]
    first = next((n for n, part in enumerate(leaves) if list(part.parameters())), len(leaves))
    after = [part for part in leaves[first + 1 :] if not isinstance(part, nn.Identity | nn.Dropout)]
    activation = bool(after) and type(after[0]).__module__ == nn.ReLU.__module__
    return not activation or isinstance(after[0], nn.ReLU)

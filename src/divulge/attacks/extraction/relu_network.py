"""Functionally equivalent extraction of ReLU networks with one or two hidden layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.extraction.copies import WrittenNetwork
from divulge.attacks.extraction.forms.straight import must_be_straight
from divulge.attacks.extraction.piecewise import Function, Kinked, SearchLine, extract, gradient, kinks, random_line
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import log_softmax
from divulge.core.threat import Access, Asset, Family, Needs, Task
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView, Surrogate

LINES = 6
CHECKS = 24
CLOSE = 1e-6
TESTS = 6
REACHED = 400
WIDER = (1.0, 3.0, 10.0)
POINTS = 1_000
TRIES = 16
QUIET = 2
FAR_TESTS = 40
FAR_SHARE = 0.35
"""Of the points of a first-layer hyperplane, those at which a kink is to be seen: elsewhere the second layer is off."""

REACH = 1e-3


@dataclass(frozen=True, eq=False)
class KinkedCopy:
    """A linear part and kinks, exact though the sides of its neurons are not known."""

    model: Kinked
    center: Array
    size: Array
    regression: bool

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        out = self.model.value((records.flat() - self.center) / self.size)
        return out[:, 0] if self.regression else log_softmax(out)


@dataclass(frozen=True)
class ReluNetwork:
    """Kinks along random lines show where neurons switch, the change of slope there is the product of a neuron's
    weights, and what is left is linear (one hidden layer).  For two layers, the kinks that lie on the same hyperplane
    far away belong to the first; with it known, its outputs can be chosen freely, and the second is found as if it were
    the first.  Scores in double precision are needed; with classes, they do as well as logits.

    hidden_layers: one or two.
    """

    hidden_layers: int = 1

    card: ClassVar[Card] = Card(
        name="relu_network",
        title="ReLU network from its kinks",
        family=Family.EXTRACTION,
        asset=Asset.PARAMETERS,
        paper="jagielski2020",
        equations="section 4 and appendix C; Carlini, Jagielski and Mironov 2020, section 4",
        summary="finds all weights of a ReLU network whose scores come in double precision",
        needs=Needs(Access.SCORES, tasks=frozenset({Task.CLASSIFICATION, Task.REGRESSION})),
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        view.numeric(fine=True)
        if self.hidden_layers not in (1, 2):
            raise Impossible("relu_network knows networks with one or two hidden layers")
        center = ((view.low + view.high) / 2).ravel()
        size = np.where(view.high > view.low, view.high - view.low, 1.0).ravel()
        regression = view.target.task is Task.REGRESSION
        if not np.issubdtype(view.example.x.dtype, np.floating) or view.example.x.dtype.itemsize < 8:
            raise Impossible("it moves inputs by tiny amounts: give the records in double precision (float64)")

        def f(z: Array) -> Array:
            sent = view.records(z * size + center)
            if regression:
                return view.target.values(sent)[:, None]
            scores = view.target.log_scores(sent)
            return np.asarray(scores - scores.mean(axis=1, keepdims=True))

        outputs = 1 if regression else view.classes
        must_be_straight(f, len(center), view.rng)
        work = _one_layer if self.hidden_layers == 1 else _two_layers
        copy, arrays = work(f, view, center, size, outputs, regression)
        written = WrittenNetwork(arrays, regression) if arrays is not None else None
        return ExtractionGuess(
            copy, written.claimed() if written is not None else None, stages=(CopyStage(view.target.queries, copy),)
        )


def _one_layer(
    f: Function, view: ExtractionView, center: Array, size: Array, outputs: int, regression: bool
) -> tuple[Surrogate, tuple[Array, ...] | None]:
    inputs = len(center)
    model = extract(f, lambda: random_line(view.rng, inputs), inputs, outputs, LINES)
    check = view.rng.uniform(-0.5, 0.5, (CHECKS, inputs))
    error = float(np.abs(model.value(check) - f(check)).max())
    if error > CLOSE * max(1.0, float(np.abs(model.value(check)).max())):
        raise Impossible(
            f"its kinks do not explain it (error {error:.2g} on {CHECKS} points): it is no ReLU network with one "
            "hidden layer, or its scores are rounded"
        )
    copy = KinkedCopy(model, center, size, regression)
    layers = sided(model)
    if layers is None:
        return copy, None
    w, b, v, c = layers
    raw = w / size
    return copy, (raw, b - raw @ center, v, c)


def sided(model: Kinked) -> tuple[Array, Array, Array, Array] | None:
    """Hidden weights, hidden biases, output weights and output biases, once the side of each neuron is known: the
    linear part must be the sum of +-1/2 a_j w_j.  None where no choice of sides explains it.
    """
    if not len(model.b):
        return None
    parts = 0.5 * model.a[:, :, None] * model.w[:, None, :]
    side = np.linalg.lstsq(parts.reshape(len(parts), -1).T, model.slope.ravel(), rcond=None)[0]
    sign = np.where(side >= 0, 1.0, -1.0)
    left = model.slope - np.tensordot(sign, parts, axes=1)
    if np.abs(left).max() > 1e-4 * max(float(np.abs(model.slope).max()), 1e-12):
        return None
    w, b = sign[:, None] * model.w, sign * model.b
    return w, b, model.a.T, model.offset - 0.5 * (model.a.T @ b)


def _two_layers(
    f: Function, view: ExtractionView, center: Array, size: Array, outputs: int, regression: bool
) -> tuple[Surrogate, tuple[Array, ...] | None]:
    inputs = len(center)
    first = _first_layer(f, view, inputs)
    if not 0 < len(first) <= inputs:
        raise Impossible(
            f"{len(first)} neurons of the first hidden layer were found: the second can be reached only through one "
            f"that is no wider than the input ({inputs})"
        )
    w, b = _oriented(f, view, first[:, :-1], first[:, -1])
    back = np.linalg.pinv(w)

    def second(h: Array) -> Array:
        return f((h - b) @ back.T)

    hidden = len(b)

    far = view.rng.choice(WIDER, (REACHED, 1))  # neurons that hardly ever switch do so more often farther out
    reached = np.maximum(far * view.rng.uniform(-0.5, 0.5, (REACHED, inputs)) @ w.T + b, 0)
    hard = reached

    def inside() -> SearchLine:
        """Between two outputs of the first layer, one of which the copy gets wrong so far."""
        start = reached[view.rng.integers(len(reached))]
        end = hard[view.rng.integers(len(hard))]
        if view.rng.random() < 0.5:
            some = view.rng.random(hidden) < 0.5
            start = np.where(some, view.rng.exponential(float(reached.mean()) + 1e-9, hidden), start)
        return SearchLine(start, 1.5 * (end - start) * (1 + 1e-6 * view.rng.random()), 1e-4, 2 / 3)

    model = None
    for _ in range(TRIES):
        model = extract(second, inside, hidden, outputs, lines=24, idle=8, model=model)
        copy = TwoLayerCopy(model, w, b, center, size, regression)
        check = view.rng.uniform(-0.5, 0.5, (POINTS, inputs)) * view.rng.choice(WIDER[:2], (POINTS, 1))
        truth = f(check)
        wrong = np.abs(copy.outputs(check) - truth).max(axis=1)
        bar = CLOSE * max(1.0, float(np.abs(truth).max()))
        if float(wrong.max()) <= bar:
            break
        hard = np.maximum(check[wrong > bar] @ w.T + b, 0)
    if float(wrong.max()) > 1e3 * bar:
        raise Impossible(f"two hidden layers do not explain it (error {wrong.max():.2g} on {len(check)} points)")
    assert model is not None
    layers = sided(model) if float(wrong.max()) <= 10 * bar else None
    if layers is None:
        return copy, None
    raw = w / size
    return copy, (raw, b - raw @ center, *layers)


@dataclass(frozen=True, eq=False)
class TwoLayerCopy:
    """A first layer of ReLU, and behind it a function with kinks."""

    model: Kinked
    w: Array
    b: Array
    center: Array
    size: Array
    regression: bool

    def outputs(self, z: Array) -> Array:
        """In shifted and scaled inputs [points, inputs]."""
        return self.model.value(np.maximum(z @ self.w.T + self.b, 0))

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        out = self.outputs((records.flat() - self.center) / self.size)
        return out[:, 0] if self.regression else log_softmax(out)


def _first_layer(f: Function, view: ExtractionView, inputs: int) -> Array:
    """Hyperplanes (normal of length 1, offset) that stay where they are far away: [neurons, inputs + 1]."""
    found: list[Array] = []
    quiet = 0
    for _ in range(4 * LINES):
        line = random_line(view.rng, inputs, 1e2)
        t, _, _ = kinks(lambda s, line=line: f(line.at(s)), line.low, line.high)  # type: ignore[misc]
        before = len(found)
        for at in _unexplained(t, line, found):
            plane = _plane(f, line, at, t)
            if plane is None or not _persists(f, view, plane):
                continue
            plane = _refined(f, view, plane)
            if plane is not None and not any(_same_plane(plane, known) for known in found):
                found.append(plane)
        quiet = quiet + 1 if len(found) == before else 0
        if quiet >= QUIET or len(found) > inputs:
            break
    return np.array(found).reshape(len(found), inputs + 1)


def _same_plane(plane: Array, other: Array) -> bool:
    return bool(min(np.abs(plane - other).max(), np.abs(plane + other).max()) < 1e-4)


def _unexplained(t: Array, line: SearchLine, planes: list[Array]) -> Array:
    """Kinks that lie on none of the hyperplanes known."""
    if not planes or not len(t):
        return t
    known = np.array([-(p[:-1] @ line.start + p[-1]) / (p[:-1] @ line.along) for p in planes])
    near = np.abs(t[:, None] - known[None]) <= 1e-5 * (1 + np.abs(t))[:, None]
    return np.asarray(t[~near.any(axis=1)])


def _plane(f: Function, line: SearchLine, at: float, t: Array) -> Array | None:
    """Normal and offset of the hyperplane crossed at `at`, from the slopes on both sides."""
    others = np.abs(t - at)
    gap = min(float(others[others > 0].min(initial=1.0)), 1.0) / 4
    nothing = Kinked.flat(len(line.start), 1)
    sides = [line.at(np.array([at + sign * gap]))[0] for sign in (-1, 1)]
    change = np.subtract(*(gradient(f, nothing, z, gap) for z in reversed(sides)))
    sizes, rows = np.linalg.svd(change, full_matrices=False)[1:]
    if sizes[0] <= 0 or (len(sizes) > 1 and sizes[1] > 1e-4 * sizes[0]):
        return None
    normal = rows[0]
    return np.append(normal, -float(normal @ line.at(np.array([at]))[0]))


def _on(plane: Array, view: ExtractionView, count: int, far: float) -> Array:
    """Random points of a hyperplane, up to so far out: [points, inputs]."""
    normal = plane[:-1]
    z = view.rng.uniform(-1, 1, (count, len(normal))) * view.rng.uniform(1, far, (count, 1))
    return np.asarray(z - (z @ normal + plane[-1])[:, None] * normal)


def _persists(f: Function, view: ExtractionView, plane: Array) -> bool:
    """Whether there is a kink at this hyperplane far from where it was found: only the first layer's do not bend."""
    z, step = _on(plane, view, FAR_TESTS, 20.0), 1e-2
    values = f(np.concatenate([z - step * plane[:-1], z, z + step * plane[:-1]])).reshape(3, FAR_TESTS, -1)
    bend = np.abs(values[0] + values[2] - 2 * values[1]).max(axis=1)
    seen = bend > 1e-9 * np.maximum(np.abs(values).max(axis=(0, 2)), 1.0)
    return float(seen.mean()) >= FAR_SHARE


def _refined(f: Function, view: ExtractionView, plane: Array) -> Array | None:
    """The hyperplane through kinks found near it, at points all over it; None where there are too few."""
    normal = plane[:-1]
    z = _on(plane, view, 2 * len(plane) + 10, 2.0)
    hits = []
    for point in z:
        t, _, _ = kinks(lambda s, point=point: f(point + s[:, None] * normal), -1.37 * REACH, 0.91 * REACH)  # type: ignore[misc]
        if len(t) == 1:
            hits.append(point + t[0] * normal)
    if len(hits) < len(plane) + 2:
        return None
    points = np.column_stack([np.array(hits), np.ones(len(hits))])
    sizes, rows = np.linalg.svd(points, full_matrices=False)[1:]
    if sizes[-1] > 1e-6 * sizes[0]:
        return None
    found = rows[-1] / np.linalg.norm(rows[-1][:-1])
    return np.asarray(found)


def _oriented(f: Function, view: ExtractionView, w: Array, b: Array) -> tuple[Array, Array]:
    """Normals that point to where the neuron is on: where it is off, nothing depends on how far off."""
    back = np.linalg.pinv(w)
    signs = np.ones(len(b))
    for neuron in range(len(b)):
        level = np.abs(view.rng.standard_normal((TESTS, len(b)))) + 0.1
        level *= np.where(view.rng.random((TESTS, len(b))) < 0.5, 1.0, -1.0)
        change = []
        for sign in (1.0, -1.0):
            near, far = level.copy(), level.copy()
            near[:, neuron], far[:, neuron] = 0.2 * sign, 0.7 * sign
            change.append(float(np.abs(f((near - b) @ back.T) - f((far - b) @ back.T)).max()))
        signs[neuron] = 1.0 if change[0] >= change[1] else -1.0
    return np.asarray(signs[:, None] * w), np.asarray(signs * b)

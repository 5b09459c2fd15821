"""ReLU networks of one hidden layer from labels alone, by the bends of the decision boundary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.attacks.extraction.copies import WrittenNetwork
from divulge.attacks.extraction.piecewise import Kinked
from divulge.attacks.extraction.relu_network import KinkedCopy, sided
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView, Parameters

Side = Callable[[Array], Array]
"""Inputs [points, inputs] to whether the second class is predicted [points]."""

HALVINGS = 52
FAR = 6.0
"""How far out a boundary is followed, in ranges of the inputs."""

SHARP = 1e-10
START = 1e-4
NEAR = 1e-3
SAME_PLANE = 3e-6
FEWEST_TURN = 1e-3
MOST_BENDS = 400
IDLE_PLANES = 5
MOST_PLANES = 200
EXPLAINED = 1e-5
SPARE = 4.0


@dataclass(frozen=True, eq=False)
class Bend:
    """Where the boundary changes direction: the point, and its normals of length 1 on both sides."""

    point: Array
    before: Array
    after: Array

    def span(self) -> Array:
        """Orthonormal basis of the plane of both normals, [2, inputs]."""
        rest = self.after - (self.after @ self.before) * self.before
        return np.stack([self.before, rest / np.linalg.norm(rest)])


@dataclass
class Boundary:
    """Line searches on the boundary between two classes."""

    side: Side
    inputs: int
    rng: Generator
    points: list[Array] = field(default_factory=list)

    def crossing(self, a: Array, b: Array, of_a: Array) -> Array:
        """Points of the boundary between a and b, [rows, inputs], whose answers differ."""
        for _ in range(HALVINGS):
            middle = (a + b) / 2
            same = (self.side(middle) == of_a)[:, None]
            a, b = np.where(same, middle, a), np.where(same, b, middle)
        return np.asarray((a + b) / 2)

    def somewhere(self) -> Array:
        """A point of the boundary; raises Impossible where random inputs all get one answer."""
        z = self.rng.uniform(-0.5, 0.5, (64, self.inputs))
        side = self.side(z)
        if side.all() or not side.any():
            z = self.rng.uniform(-FAR / 2, FAR / 2, (256, self.inputs))
            side = self.side(z)
        if side.all() or not side.any():
            raise Impossible("random inputs all get the same answer: there is no boundary to follow")
        a, b = self.rng.choice(np.flatnonzero(side)), self.rng.choice(np.flatnonzero(~side))
        return np.asarray(self.crossing(z[a][None], z[b][None], side[a][None])[0])

    def normal(self, z: Array, along: Array, reach: float) -> Array | None:
        """Of length 1 at a point of the boundary: the boundary is met again beside it, once for each input.

        along: a direction that crosses the boundary there.  reach: how far away it is certainly flat.
        """
        step = NEAR * reach
        moved = z + step * np.eye(self.inputs)
        for width in (4.0, 32.0, 256.0):
            ends = [moved + sign * width * step * along for sign in (-1, 1)]
            sides = [self.side(e) for e in ends]
            if (sides[0] != sides[1]).all():
                break
        else:
            return None
        hit = self.crossing(ends[0], ends[1], sides[0])
        shift = (hit - moved) @ along
        normal = -shift / step
        return np.asarray(normal / np.linalg.norm(normal))


def follow(boundary: Boundary, start: Array, rng: Generator) -> list[Bend]:
    """Bends of the boundary's curve through a random plane, in one direction from a point of it."""
    plane = np.linalg.qr(rng.standard_normal((boundary.inputs, 2)))[0].T
    angle = _turns(boundary, start, plane, 1e-3, None)
    if angle is None:
        return []
    found: list[Bend] = []
    z, before = start, None
    while len(found) < 40:
        along = np.cos(angle) * plane[0] + np.sin(angle) * plane[1]
        across = -np.sin(angle) * plane[0] + np.cos(angle) * plane[1]
        reach, first, along = _straight(boundary, z, along, across)
        if reach <= 2 * START:
            return found
        middle = first + 0.5 * reach * along
        normal = boundary.normal(middle, across, 0.5 * reach)
        boundary.points.append(middle)
        if normal is None:
            return found
        if before is not None and np.linalg.norm(before - np.sign(before @ normal) * normal) > FEWEST_TURN:
            found.append(Bend(z, before, normal))
        z, before = first + reach * along, normal
        if np.abs(z).max() > FAR:
            return found
        heading = float(np.arctan2(along @ plane[1], along @ plane[0]))
        next_angle = _turns(boundary, z, plane, 1e-5, heading + np.pi)
        if next_angle is None:
            return found
        angle = next_angle
    return found


def _turns(boundary: Boundary, z: Array, plane: Array, radius: float, back: float | None) -> float | None:
    """The direction in the plane in which the boundary leaves a point; not the one that points back."""
    angles = np.linspace(0, 2 * np.pi, 25)[:-1] + (0.1 if back is None else back + np.pi / 24)

    def at(angle: Array) -> Array:
        ring = np.cos(angle)[:, None] * plane[0] + np.sin(angle)[:, None] * plane[1]
        return np.asarray(boundary.side(z + radius * ring))

    sides = at(angles)
    changes = np.flatnonzero(sides != np.roll(sides, -1))
    if back is not None:
        changes = changes[changes != len(angles) - 1]
    if not len(changes):
        return None
    low, of_low = angles[changes[0]], sides[changes[0]]
    high = low + 2 * np.pi / 24
    for _ in range(30):
        middle = (low + high) / 2
        if at(np.array([middle]))[0] == of_low:
            low = middle
        else:
            high = middle
    return float((low + high) / 2)


def _straight(boundary: Boundary, z: Array, along: Array, across: Array) -> tuple[float, Array, Array]:
    """How far the boundary goes straight on from near z, a point of it there, and its direction: taken from two points
    a little way on, since z itself may lie a hair beside, and made better the farther it goes.
    """

    def there(origin: Array, t: float, width: float) -> Array | None:
        ends = np.stack([origin + t * along - width * across, origin + t * along + width * across])
        sides = boundary.side(ends)
        return None if sides[0] == sides[1] else boundary.crossing(ends[:1], ends[1:], sides[:1])[0]

    first, hit = there(z, START, 0.1 * START), there(z, 2 * START, 0.2 * START)
    if first is None or hit is None:
        return 0.0, z, along
    reach = START
    while reach < 2 * FAR:
        along = (hit - first) / np.linalg.norm(hit - first)
        across = across - (across @ along) * along
        across = across / np.linalg.norm(across)
        further = there(first, 2 * reach, max(SHARP, 1e-6 * reach))
        if further is None:
            break
        hit, reach = further, 2 * reach
    low, high = reach, 2 * reach
    for _ in range(40):
        middle = (low + high) / 2
        width = SHARP * max(middle, 1e-2)
        ends = np.stack([first + middle * along - width * across, first + middle * along + width * across])
        said = boundary.side(ends)
        low, high = (middle, high) if said[0] != said[1] else (low, middle)
    return low, first, along


def hyperplanes(bends: list[Bend]) -> list[tuple[Array, float]]:
    """Neurons (normal of length 1, offset): the planes of normals at two bends of the same neuron share its weights.

    Bends that share a region share a normal for that reason, and are not compared.
    """
    spans = [b.span() for b in bends]
    found: list[tuple[Array, float]] = []
    for i in range(len(bends)):
        for j in range(i + 1, len(bends)):
            overlap, sizes, _ = np.linalg.svd(spans[i] @ spans[j].T)
            if 1 - sizes[0] > SAME_PLANE**2 * 1e3 or 1 - sizes[1] < 1e-6:
                continue
            w = overlap[:, 0] @ spans[i]
            ends = (bends[i].before, bends[i].after, bends[j].before, bends[j].after)
            if any(abs(abs(w @ n) - 1) < 1e-7 for n in ends):
                continue
            offsets = [-float(w @ b.point) for b in (bends[i], bends[j])]
            if abs(offsets[0] - offsets[1]) > 1e-5:
                continue
            offset = float(np.mean(offsets))
            if not any(_alike((w, offset), known) for known in found):
                found.append((w, offset))
    return found


def _alike(one: tuple[Array, float], other: tuple[Array, float]) -> bool:
    sign = 1.0 if one[0] @ other[0] > 0 else -1.0
    return bool(np.abs(one[0] - sign * other[0]).max() < 1e-4 and abs(one[1] - sign * other[1]) < 1e-4)


@dataclass(frozen=True)
class ReluNetworkFromLabels:
    """The boundary between two classes is flat where no neuron switches.  It is followed through random planes; at each
    bend its normals on both sides differ by a multiple of one neuron's weights.  Two bends of the same neuron give
    those weights: the only direction that the planes of both pairs of normals share.  With all hyperplanes known the
    network is linear in what is left, and every point of the boundary is an equation for it, up to one scale.

    queries: at most.
    """

    queries: int = 1_000_000

    card: ClassVar[Card] = Card(
        name="relu_network_from_labels",
        title="ReLU network from labels",
        family=Family.EXTRACTION,
        asset=Asset.PARAMETERS,
        paper="chen2024",
        equations="decision boundary points and normalised normals",
        differs="bends of the boundary are followed and matched by pairs",
        summary="finds a ReLU network with one hidden layer and two classes from labels in double precision",
        needs=Needs(Access.LABEL),
        default=False,
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        view.numeric(fine=True)
        if view.classes != 2 or view.low.size < 4 or view.example.x.dtype != np.float64:
            raise Impossible("it is for two classes, four inputs or more, and records in double precision (float64)")
        center = ((view.low + view.high) / 2).ravel()
        size = np.where(view.high > view.low, view.high - view.low, 1.0).ravel()
        most = view.affordable(self.queries)

        def side(z: Array) -> Array:
            return np.asarray(view.target.labels(view.records(z * size + center)) == 1)

        boundary = Boundary(side, len(center), view.rng)
        bends: list[Bend] = []
        neurons: list[tuple[Array, float]] = []
        quiet = planes = 0
        while len(bends) < MOST_BENDS and planes < MOST_PLANES and view.target.queries < 0.7 * most:
            start = boundary.somewhere()
            bends += follow(boundary, start, view.rng)
            now = hyperplanes(bends)
            planes, quiet = planes + 1, quiet + 1 if len(now) == len(neurons) else 0
            neurons = now
            if quiet >= IDLE_PLANES:
                model, left = _solved(boundary, neurons)
                if left < EXPLAINED:
                    break
                quiet = 0
        else:
            raise Impossible(
                f"{len(neurons)} neurons, found at {len(bends)} bends of the boundary, do not explain it: it is no "
                "ReLU network with one hidden layer, or is too large for the queries that may be asked"
            )
        copy = KinkedCopy(model, center, size, False)
        layers = sided(model)
        claimed = None
        if layers is not None:
            w, b, v, c = layers
            raw = w / size
            written = WrittenNetwork((raw, b - raw @ center, v, c))
            claimed = Parameters(written.claimed().kind, written.arrays, up_to_scale=True)
        return ExtractionGuess(copy, claimed, stages=(CopyStage(view.target.queries, copy),))


def _solved(boundary: Boundary, neurons: list[tuple[Array, float]]) -> tuple[Kinked, float]:
    """The function whose zero set the boundary is, as two outputs (-f/2, f/2), and what it leaves unexplained: its
    size on the boundary, relative to its size elsewhere.
    """
    inputs = boundary.inputs
    w = np.array([n for n, _ in neurons]).reshape(len(neurons), inputs)
    b = np.array([o for _, o in neurons])
    wanted = int(SPARE * (1 + inputs + len(neurons)))
    points = np.array([*boundary.points, *(boundary.somewhere() for _ in range(wanted))])
    table = np.column_stack([np.ones(len(points)), points, 0.5 * np.abs(points @ w.T + b)])
    scale = np.linalg.norm(table, axis=0)
    found = np.linalg.svd(table / scale)[2][-1] / scale
    probe = boundary.rng.uniform(-0.5, 0.5, (200, inputs))
    value = found[0] + probe @ found[1 : 1 + inputs] + 0.5 * np.abs(probe @ w.T + b) @ found[1 + inputs :]
    if ((value > 0) == boundary.side(probe)).mean() < 0.5:
        found = -found
        value = -value
    half = np.array([-0.5, 0.5])
    left = float(np.abs(table @ found).max() / max(float(np.abs(value).mean()), 1e-300))
    model = Kinked(w, b, found[1 + inputs :, None] * half, half[:, None] * found[None, 1 : 1 + inputs], half * found[0])
    return model, left

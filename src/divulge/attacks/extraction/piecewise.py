"""Functions made of a linear part and of kinks along hyperplanes, recovered exactly from their values.

A sum of a_j relu(w_j z + b_j) is a linear function plus the sum of a_j/2 |w_j z + b_j|: the kinks do not tell which side
of a hyperplane a neuron is on, and need not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from divulge.core.hashing import Array

Function = Callable[[Array], Array]
"""Inputs [points, inputs] to outputs [points, outputs]."""

STEP = 1e-4
"""Of finite differences, where the distance between kinks is about 1: small enough to stay between them."""

NARROWEST = 1e-7
ROUGH = 1e-9
"""Relative error of values that counts as rounding."""


@dataclass(frozen=True, eq=False)
class Kinked:
    """value(z) = c + L z + 1/2 sum_j a_j |w_j z + b_j|.

    w: [neurons, inputs].  b: [neurons].  a: [neurons, outputs].  slope: L [outputs, inputs].  offset: c [outputs].
    """

    w: Array
    b: Array
    a: Array
    slope: Array
    offset: Array

    def bends(self, z: Array) -> Array:
        """The kinked part [points, outputs]."""
        return np.asarray(0.5 * np.abs(z @ self.w.T + self.b) @ self.a)

    def value(self, z: Array) -> Array:
        """Outputs [points, outputs]."""
        return np.asarray(z @ self.slope.T + self.offset + self.bends(z))

    @classmethod
    def flat(cls, inputs: int, outputs: int) -> Kinked:
        """Nothing known yet."""
        return cls(
            np.zeros((0, inputs)), np.zeros(0), np.zeros((0, outputs)), np.zeros((outputs, inputs)), np.zeros(outputs)
        )


@dataclass(frozen=True, eq=False)
class Line:
    """z(t) = start + t along, for t between low and high."""

    start: Array
    along: Array
    low: float
    high: float

    def at(self, t: Array) -> Array:
        """Points [t, inputs]."""
        return np.asarray(self.start + np.asarray(t)[:, None] * self.along)


def kinks(g: Function, low: float, high: float) -> tuple[Array, Array, float]:
    """Where a function of t [points] has kinks, by how much its slope changes there, [kinks] and [kinks, outputs], and
    the size of its values.

    Breadth first on intervals, halved in the arcus tangens of t since crossings of random lines are Cauchy distributed.
    In each the lines through both ends are extended; if their crossing is on the function there is one kink, exactly
    there (Jagielski et al. 2020, appendix C).
    """
    ends = np.tan(np.linspace(np.arctan(low), np.arctan(high), 9))
    values = g(ends)
    todo = [(ends[i], ends[i + 1], values[i], values[i + 1]) for i in range(len(ends) - 1)]
    found: list[tuple[float, Array]] = []
    size = float(np.abs(values).max()) or 1.0
    while todo:
        a, b = (np.array([part[k] for part in todo]) for k in (0, 1))
        fa, fb = (np.stack([part[k] for part in todo]) for k in (2, 3))
        inch = (b - a) / 16
        near = g(np.concatenate([a + inch, b - inch]))
        left, right = (near[: len(a)] - fa) / inch[:, None], (fb - near[len(a) :]) / inch[:, None]
        scale = np.maximum(np.abs(fa).max(axis=1), np.abs(fb).max(axis=1)) + size * 1e-3
        jump = right - left
        straight = np.abs(fa + left * (b - a)[:, None] - fb).max(axis=1) <= ROUGH * scale * 16
        straight &= np.abs(jump).max(axis=1) * (b - a) <= ROUGH * scale * 64
        weight = np.maximum((jump**2).sum(axis=1), 1e-300)
        t = (jump * (fb - fa + left * a[:, None] - right * b[:, None])).sum(axis=1) / -weight
        inside = (t > a) & (t < b) & ~straight
        here = np.flatnonzero(~straight)
        at = np.flatnonzero(inside)
        on = np.zeros(len(a), dtype=bool)
        if len(at):
            on[at] = _on_both(g, t[at], inch[at] / 64, (a[at], fa[at], left[at]), (b[at], fb[at], right[at]), scale[at])
        later = []
        for place in here:
            if on[place]:
                found.append((float(t[place]), jump[place]))
            elif b[place] - a[place] > NARROWEST * (1 + abs(a[place])):
                later.append((place, np.tan((np.arctan(a[place]) + np.arctan(b[place])) / 2)))
        middles = g(np.array([m for _, m in later])) if later else []
        todo = []
        for (place, m), fm in zip(later, middles, strict=True):
            todo += [(a[place], m, fa[place], fm), (m, b[place], fm, fb[place])]
    found.sort(key=lambda pair: pair[0])
    return np.array([t for t, _ in found]), np.array([j for _, j in found]).reshape(len(found), values.shape[1]), size


End = tuple[Array, Array, Array]
"""Of intervals: place, value there [intervals, outputs], and slope."""


def _on_both(g: Function, t: Array, inch: Array, left: End, right: End, scale: Array) -> Array:
    """Whether the function follows the left line until just before t, and the right one from just after it: two kinks
    in one interval can have lines that cross on the function, but not there.
    """
    before, after = np.maximum(t - inch, left[0]), np.minimum(t + inch, right[0])
    seen = g(np.concatenate([before, after]))
    ok = np.ones(len(t), dtype=bool)
    for value, place, (origin, base, slope) in ((seen[: len(t)], before, left), (seen[len(t) :], after, right)):
        expected = base + slope * (place - origin)[:, None]
        ok &= np.abs(value - expected).max(axis=1) <= ROUGH * 16 * scale
    return ok


def extract(
    f: Function, draw: Callable[[], Line], inputs: int, outputs: int, lines: int, idle: int = 1, most: int = 4096
) -> Kinked:
    """The function, from its values along random lines and around points between their kinks.

    draw: a random line.  Each line is searched for kinks that are not explained yet; `idle` lines in a row without new
    ones, or `lines` in all, end the search.  most: neurons.
    """
    model, quiet = Kinked.flat(inputs, outputs), 0
    for _ in range(lines):
        line = draw()
        known = model

        def rest(t: Array, line: Line = line, known: Kinked = known) -> Array:
            z = line.at(t)
            return f(z) - known.bends(z)

        t, jumps, _ = kinks(rest, line.low, line.high)
        quiet = quiet + 1 if not len(t) else 0
        if len(t):
            model = _with_neurons(f, model, line, t, jumps)
        if quiet >= idle or len(model.b) >= most:
            break
    return _with_linear_part(f, model, draw())


def _with_neurons(f: Function, model: Kinked, line: Line, t: Array, jumps: Array) -> Kinked:
    """Normals of the hyperplanes crossed: with the scale at which w.along = 1 the change of the slope is a.  Between
    two regions as many hyperplanes are told apart as there are independent outputs, so not every region is visited.
    """
    rank = int(np.linalg.matrix_rank(jumps, tol=1e-6 * np.abs(jumps).max()))
    together = max(1, (2 * rank) // 3)
    visited = _regions(line, t, together)
    slopes = [_gradient(f, model, line.at(np.array([m]))[0], span) for m, span in visited]
    edges = [m for m, _ in visited]
    w = []
    for number in range(len(edges) - 1):
        inside = (t > edges[number]) & (t < edges[number + 1])
        change = slopes[number + 1] - slopes[number]
        w.append(np.linalg.lstsq(jumps[inside].T, change, rcond=None)[0])
    normals = np.concatenate(w)
    normals = normals / (normals @ line.along)[:, None]
    offsets = -(normals * line.at(t)).sum(axis=1)
    return replace(
        model,
        w=np.concatenate([model.w, normals]),
        b=np.concatenate([model.b, offsets]),
        a=np.concatenate([model.a, jumps]),
    )


def _regions(line: Line, t: Array, together: int) -> list[tuple[float, float]]:
    """Middles and widths of the gaps to visit: at most `together` kinks between two of them, the widest gap of those
    that come into question (in arcus tangens).
    """
    edges = np.concatenate([[line.low], t, [line.high]])
    middles = np.tan((np.arctan(edges[:-1]) + np.arctan(edges[1:])) / 2)
    wide = np.diff(np.arctan(edges))
    chosen, place = [0], 0
    while place < len(t):
        near, far = place + max(1, together // 2), min(place + together, len(t))
        options = range(min(near, far), far + 1)
        place = len(t) if far == len(t) else max(options, key=lambda i: wide[i])
        chosen.append(place)
    return [(float(middles[i]), float(np.diff(edges)[i])) for i in chosen]


def _gradient(f: Function, model: Kinked, z: Array, span: float) -> Array:
    """Slope of what is not explained yet at a point between kinks: [outputs, inputs]."""
    step = STEP * min(1.0, span) * max(1.0, float(np.abs(z).max()))
    points = np.concatenate([z[None], z[None] + step * np.eye(len(z))])
    values = f(points) - model.bends(points)
    return np.asarray((values[1:] - values[0]).T / step)


def _with_linear_part(f: Function, model: Kinked, line: Line) -> Kinked:
    """What is left is linear everywhere: from inputs + 1 points far apart."""
    inputs = model.w.shape[1]
    centre = line.at(np.array([(max(line.low, -0.5) + min(line.high, 0.5)) / 2]))[0]
    points = np.concatenate([centre[None], centre[None] + 0.25 * np.eye(inputs)])
    values = f(points) - model.bends(points)
    slope = (values[1:] - values[0]).T / 0.25
    return replace(model, slope=slope, offset=values[0] - slope @ centre)


def random_line(rng: Generator, inputs: int, far: float = 1e3) -> Line:
    """Through the neighbourhood of the origin, in every direction alike."""
    along = rng.standard_normal(inputs)
    return Line(rng.uniform(-0.3, 0.3, inputs), along / np.linalg.norm(along) * np.sqrt(inputs) / 2, -far, far)

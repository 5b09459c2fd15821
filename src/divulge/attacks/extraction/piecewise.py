"""Functions made of a linear part and of kinks along hyperplanes, recovered exactly from their values.

A sum of a_j relu(w_j z + b_j) is a linear function plus the sum of a_j/2 |w_j z + b_j|: the kinks do not tell which
side of a hyperplane a neuron is on, and need not.
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
MOST_INTERVALS = 4_096
"""At a time: a function with more kinks than that is not what is looked for here."""

FAINT = 1e-5
"""A kink this much fainter than the strongest is what is left of one that is known, to the precision that it is."""

SAME = 1e-4
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
class SearchLine:
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
    while todo and len(todo) <= MOST_INTERVALS:
        a, b = (np.array([part[k] for part in todo]) for k in (0, 1))
        fa, fb = (np.stack([part[k] for part in todo]) for k in (2, 3))
        inch = (b - a) / 16
        near = g(np.concatenate([a + inch, b - inch]))
        left, right = (near[: len(a)] - fa) / inch[:, None], (fb - near[len(a) :]) / inch[:, None]
        scale = np.maximum(np.abs(fa).max(axis=1), np.abs(fb).max(axis=1))
        scale = scale + size * (1 + np.maximum(abs(a), abs(b))) / (1 + max(abs(low), abs(high)))
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
        middles: Array = g(np.array([m for _, m in later])) if later else np.zeros((0, values.shape[1]))
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
    f: Function,
    draw: Callable[[], SearchLine],
    inputs: int,
    outputs: int,
    lines: int,
    idle: int = 1,
    model: Kinked | None = None,
) -> Kinked:
    """The function, from its values along random lines and around points between their kinks.

    draw: a random line.  Each line is searched for kinks that are not explained yet; `idle` lines in a row without new
    ones, or `lines` in all, end the search.  model: what is known already.
    """
    model = model or Kinked.flat(inputs, outputs)
    quiet, loudest = (
        0,
        float((np.abs(model.a).max(axis=1, initial=0.0) * np.linalg.norm(model.w, axis=1)).max(initial=0)),
    )
    for _ in range(lines):
        line = draw()
        known = model

        def rest(t: Array, line: SearchLine = line, known: Kinked = known) -> Array:
            z = line.at(t)
            return f(z) - known.bends(z)

        t, jumps, _ = kinks(rest, line.low, line.high)
        strong = np.abs(jumps).max(axis=1, initial=0.0) / np.linalg.norm(line.along)
        real = strong > FAINT * max(loudest, float(strong.max(initial=0.0)))
        t, jumps, loudest = t[real], jumps[real], max(loudest, float(strong.max(initial=0.0)))
        quiet = quiet + 1 if not len(t) else 0
        if len(t):
            model = _with_neurons(f, model, line, t, jumps)
        if quiet >= idle:
            break
    return _with_linear_part(f, tidied(model), draw())


def tidied(model: Kinked) -> Kinked:
    """Neurons on one hyperplane become one, those that add up to nothing go."""
    length = np.linalg.norm(model.w, axis=1)
    plane = np.column_stack([model.w, model.b]) / np.maximum(length, 1e-300)[:, None]
    kept: list[int] = []
    a = model.a * length[:, None]
    for neuron in range(len(plane)):
        twin = next((k for k in kept if min(np.abs(plane[neuron] - s * plane[k]).max() for s in (1, -1)) < SAME), None)
        if twin is None:
            kept.append(neuron)
        else:
            a[twin] += a[neuron]
    loud = np.abs(a).max(axis=1, initial=0.0)
    alive = [k for k in kept if loud[k] > FAINT * loud[kept].max()]
    return replace(model, w=plane[alive, :-1], b=plane[alive, -1], a=a[alive])


def _with_neurons(f: Function, model: Kinked, line: SearchLine, t: Array, jumps: Array) -> Kinked:
    """Normals of the hyperplanes crossed: with the scale at which w.along = 1 the change of the slope is a.  Between
    two regions as many hyperplanes are told apart as there are independent outputs, so not every region is visited.
    """
    rank = int(np.linalg.matrix_rank(jumps, tol=1e-6 * np.abs(jumps).max()))
    together = max(1, (2 * rank) // 3)
    visited = _regions(line, t, together)
    slopes = [gradient(f, model, line.at(np.array([m]))[0], span) for m, span in visited]
    edges = [m for m, _ in visited]
    w = []
    for number in range(len(edges) - 1):
        inside = (t > edges[number]) & (t < edges[number + 1])
        change = slopes[number + 1] - slopes[number]
        w.append(np.linalg.lstsq(jumps[inside].T, change, rcond=None)[0])
    normals = np.concatenate(w)
    steep = np.abs(normals @ line.along) > 0  # a function with steps, a tree's say, has places without a slope
    normals, t, jumps = normals[steep], t[steep], jumps[steep]
    normals = normals / (normals @ line.along)[:, None]
    offsets = -(normals * line.at(t)).sum(axis=1)
    right = _bends_there(f, model, line, t, (normals, offsets, jumps))
    return replace(
        model,
        w=np.concatenate([model.w, normals[right]]),
        b=np.concatenate([model.b, offsets[right]]),
        a=np.concatenate([model.a, jumps[right]]),
    )


def _bends_there(f: Function, model: Kinked, line: SearchLine, t: Array, found: tuple[Array, Array, Array]) -> Array:
    """Whether each new hyperplane is one: a little way from where it was crossed there must be the same kink.  One that
    fails (another kink was too near) is found again on another line.  Bool [kinks].
    """
    w, b, a = found
    edges = np.concatenate([[line.low], t, [line.high]])
    room = np.minimum(np.diff(edges)[:-1], np.diff(edges)[1:])
    right = np.zeros(len(t), dtype=bool)
    draw = np.random.default_rng(len(t))
    for nearness in (0.2, 0.05, 0.01):
        left = np.flatnonzero(~right)
        if not len(left):
            break
        z = line.at(t[left])
        aside = draw.uniform(-1, 1, z.shape) * z
        size = np.linalg.norm(line.along) / np.maximum(np.linalg.norm(aside, axis=1), 1e-300)
        z = z + (nearness * np.minimum(room[left], 1.0) * size)[:, None] * aside
        z = z - ((z * w[left]).sum(axis=1) + b[left])[:, None] * line.along
        step = nearness * 0.05 * np.minimum(room[left], 1.0)
        points = np.concatenate([z - step[:, None] * line.along, z, z + step[:, None] * line.along])
        values = (f(points) - model.bends(points)).reshape(3, len(left), -1)
        bend = (values[0] + values[2] - 2 * values[1]) / step[:, None]
        close = np.abs(bend - a[left]).max(axis=1) <= 1e-3 * np.abs(a[left]).max(axis=1)
        right[left] = close
    return right


def _regions(line: SearchLine, t: Array, together: int) -> list[tuple[float, float]]:
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


def gradient(f: Function, model: Kinked, z: Array, span: float) -> Array:
    """Slope of what is not explained yet at a point between kinks: [outputs, inputs]."""
    step = STEP * min(1.0, span) * max(1.0, float(np.abs(z).max()))
    points = np.concatenate([z[None], z[None] + step * np.eye(len(z))])
    values = f(points) - model.bends(points)
    return np.asarray((values[1:] - values[0]).T / step)


def _with_linear_part(f: Function, model: Kinked, line: SearchLine) -> Kinked:
    """What is left is linear everywhere: from inputs + 1 points far apart."""
    inputs = model.w.shape[1]
    center = line.at(np.array([(max(line.low, -0.5) + min(line.high, 0.5)) / 2]))[0]
    points = np.concatenate([center[None], center[None] + 0.25 * np.eye(inputs)])
    values = f(points) - model.bends(points)
    slope = (values[1:] - values[0]).T / 0.25
    return replace(model, slope=slope, offset=values[0] - slope @ center)


def random_line(rng: Generator, inputs: int, far: float = 1e3) -> SearchLine:
    """Through the neighbourhood of the origin, in every direction alike."""
    along = rng.standard_normal(inputs)
    return SearchLine(rng.uniform(-0.3, 0.3, inputs), along / np.linalg.norm(along) * np.sqrt(inputs) / 2, -far, far)

"""Claimed parameters and settings against the true ones, up to the symmetries of the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.evidence import Lacking
from divulge.core.results.metric import ARCHITECTURE_RECOVERED, HYPERPARAMETERS_RECOVERED, PARAMETERS_RECOVERED
from divulge.core.results.trials import Exact
from divulge.core.views.extraction import LINEAR, PROJECTION, TREE, Claim, ExtractionGuess, Parameters, Secrets

TOLERANCE = 1e-3
"""A parameter counts as recovered when its error is at most this share of the typical size in its array."""

LEAF_TOLERANCE = 1e-5
"""Of the ends of a leaf's box, as a share of the range of the input."""

SETTING_TOLERANCE = 0.01
ARCHITECTURE = frozenset(
    {"activation", "depth", "width", "dropout", "optimizer", "batch_size", "data_share", "hidden_width"}
)
Box = tuple[Array, Array, Array]


def recoveries(guess: ExtractionGuess, secrets: Secrets, box: Box) -> tuple[tuple[Exact, ...], tuple[Lacking, ...]]:
    """What of the claims is right, and why some could not be judged."""
    found: list[Exact] = []
    lacking: list[Lacking] = []
    if guess.parameters is not None:
        truth = secrets.parameters
        if guess.parameters.kind == PROJECTION:
            last = secrets.projection
            truth = None if last is None else Parameters(PROJECTION, (last,))
        if truth is None or truth.kind != guess.parameters.kind:
            what = "none are known" if truth is None else f"it is no {guess.parameters.kind} model"
            lacking.append(Lacking(PARAMETERS_RECOVERED, f"the target's true parameters cannot be compared: {what}"))
        else:
            found.append(_parameters(guess.parameters, truth, box))
    for metric in (HYPERPARAMETERS_RECOVERED, ARCHITECTURE_RECOVERED):
        claims = [c for c in guess.claims if (c.name in ARCHITECTURE) == (metric == ARCHITECTURE_RECOVERED)]
        known = [c for c in claims if c.name in secrets.settings]
        if claims and not known:
            lacking.append(Lacking(metric, "the target's true settings are not known here"))
        if known:
            errors = [_error(c.value, secrets.settings[c.name]) for c in known]
            stated = tuple(f"{c.name}: {_said(c)}" for c in known)
            finite = [e for e in errors if np.isfinite(e)]
            right = sum(_holds(c, secrets.settings[c.name]) for c in known)
            chances = tuple(_chance(c, secrets) for c in known)
            worst = max(finite, default=None) if metric == HYPERPARAMETERS_RECOVERED else None
            found.append(Exact(metric, len(known), right, SETTING_TOLERANCE, chances, worst, stated))
    return tuple(found), tuple(lacking)


def _said(claim: Claim) -> str:
    if isinstance(claim.value, str):
        return claim.value
    low, high = _ends(claim)
    if low == high:
        return f"{claim.value:.6g}"
    between = f"{low:.3g} or more" if np.isinf(high) else f"{low:.3g} to {high:.3g}"
    return f"{claim.value:.4g} ({between})"


def _ends(claim: Claim) -> tuple[float, float]:
    value = float(claim.value)
    return value if claim.low is None else claim.low, value if claim.high is None else claim.high


def _holds(claim: Claim, true: float | str) -> bool:
    """Whether a setting is as claimed: within the ends of the claim, which are those of the training, or as good as."""
    if isinstance(claim.value, str) or isinstance(true, str):
        return claim.value == true
    low, high = _ends(claim)
    slack = SETTING_TOLERANCE * max(abs(true), 1e-12)
    return bool(low - slack <= true <= high + slack)


def _chance(claim: Claim, secrets: Secrets) -> float:
    """Of guessing it right without the model: whoever names the library's default is right where the claim does not
    exclude it.
    """
    default = secrets.defaults.get(claim.name)
    if default is not None and (_holds(claim, default) or _error(default, secrets.settings[claim.name]) == 0):
        return 1.0
    return claim.chance


def _error(claimed: float | str, true: float | str) -> float:
    """Relative error of a number; 0 or infinity for a word."""
    if isinstance(claimed, str) or isinstance(true, str):
        return 0.0 if claimed == true else np.inf
    return abs(claimed - true) / max(abs(true), 1e-12)


def _parameters(claimed: Parameters, true: Parameters, box: Box) -> Exact:
    if claimed.kind == TREE:
        return _leaves(claimed.arrays[0], true.arrays[0], box)
    compared = {LINEAR: _linear, PROJECTION: _projection}.get(claimed.kind, _network)
    pairs = compared(claimed, true)
    sizes = sum(b.size for _, b in pairs)
    right, worst = 0, 0.0
    for mine, theirs in pairs:
        if mine.shape != theirs.shape:
            worst = np.inf
            continue
        scale = max(float(np.sqrt(np.mean(theirs**2))), 1e-300)
        error = np.abs(mine - theirs) / scale
        right, worst = right + int((error <= TOLERANCE).sum()), max(worst, float(error.max()))
    return Exact(PARAMETERS_RECOVERED, sizes, right, TOLERANCE, worst=worst if np.isfinite(worst) else None)


def _linear(claimed: Parameters, true: Parameters) -> list[tuple[Array, Array]]:
    """Up to a shift of all outputs, and where only ratios are claimed up to one factor."""
    if claimed.arrays[0].shape != true.arrays[0].shape:
        return list(zip(claimed.arrays, true.arrays, strict=True))
    mine, theirs = (tuple(_centered(a) for a in p.arrays) for p in (claimed, true))
    if claimed.up_to_scale:
        factor = _factor(mine, theirs)
        mine = tuple(a * factor for a in mine)
    return list(zip(mine, theirs, strict=True))


def _projection(claimed: Parameters, true: Parameters) -> list[tuple[Array, Array]]:
    """The true weights, and what of them lies in the space that the claimed ones span."""
    basis, _ = np.linalg.qr(_centered(claimed.arrays[0]))
    theirs = _centered(true.arrays[0])
    return [(basis @ (basis.T @ theirs), theirs)]


def _factor(mine: Sequence[Array], theirs: Sequence[Array]) -> float:
    """The positive scale at which they are nearest."""
    flat_mine, flat_theirs = (np.concatenate([a.ravel() for a in part]) for part in (mine, theirs))
    return abs(float(flat_mine @ flat_theirs)) / max(float(flat_mine @ flat_mine), 1e-300)


def _centered(array: Array) -> Array:
    return array - array.mean(axis=0, keepdims=True) if len(array) > 1 else array


def _network(claimed: Parameters, true: Parameters) -> list[tuple[Array, Array]]:
    """Up to the order of hidden neurons and their positive scale, layer by layer; the last up to a shift of classes."""
    from scipy.optimize import linear_sum_assignment

    if [a.shape for a in claimed.arrays] != [a.shape for a in true.arrays]:
        return [(np.zeros(0), np.concatenate([a.ravel() for a in true.arrays]))]
    mine, theirs = list(_unit_neurons(claimed.arrays)), list(_unit_neurons(true.arrays))
    for layer in range(0, len(mine) - 2, 2):
        a, b = (np.column_stack([arrays[layer], arrays[layer + 1]]) for arrays in (mine, theirs))
        distance = ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)
        rows, columns = linear_sum_assignment(distance)
        order = np.empty(len(rows), dtype=np.int64)
        order[columns] = rows
        mine[layer], mine[layer + 1] = mine[layer][order], mine[layer + 1][order]
        mine[layer + 2] = mine[layer + 2][:, order]
    mine[-1], theirs[-1] = _centered(mine[-1]), _centered(theirs[-1])
    mine[-2], theirs[-2] = _centered(mine[-2]), _centered(theirs[-2])
    if claimed.up_to_scale:
        factor = _factor(mine[-2:], theirs[-2:])
        mine[-2], mine[-1] = mine[-2] * factor, mine[-1] * factor
    return list(zip(mine, theirs, strict=True))


def _unit_neurons(arrays: tuple[Array, ...]) -> list[Array]:
    """The same network with incoming weights of length 1 in every hidden neuron; scales go to the next layer."""
    scaled = [np.array(a, dtype=np.float64) for a in arrays]
    for layer in range(0, len(scaled) - 2, 2):
        size = np.maximum(np.linalg.norm(scaled[layer], axis=1), 1e-300)
        scaled[layer], scaled[layer + 1] = scaled[layer] / size[:, None], scaled[layer + 1] / size
        scaled[layer + 2] = scaled[layer + 2] * size
    return scaled


def _leaves(claimed: Array, true: Array, box: Box) -> Exact:
    """How many of the leaves that an input can reach have a claimed box with the same inputs in it."""
    from scipy.spatial import cKDTree

    low, high, whole = (np.asarray(part).ravel() for part in box)
    mine, theirs = (_canonical(boxes, low, high, whole) for boxes in (claimed, true))
    reachable = theirs[(theirs[:, 0] <= theirs[:, 1]).all(axis=1)]
    width = np.maximum(high - low, 1e-12)
    known = cKDTree(((mine - low[None, None]) / width).reshape(len(mine), -1))
    scaled = ((reachable - low[None, None]) / width).reshape(len(reachable), -1)
    distance, _ = known.query(scaled, p=np.inf, distance_upper_bound=LEAF_TOLERANCE)
    return Exact(
        PARAMETERS_RECOVERED, len(reachable), int(np.isfinite(distance).sum()), LEAF_TOLERANCE, notes=("leaves",)
    )


def _canonical(boxes: Array, low: Array, high: Array, whole: Array) -> Array:
    """Boxes (low < x <= high] within the range of inputs; of whole numbers the first and the last inside."""
    below, above = boxes[:, 0], boxes[:, 1]
    first = np.where(whole, np.maximum(np.floor(below) + 1, low), np.maximum(below, low))
    last = np.where(whole, np.minimum(np.floor(above), high), np.minimum(above, high))
    return np.stack([first, last], axis=1)

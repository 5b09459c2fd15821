"""A single record, solved for layer by layer from the last one down (Zhu and Blaschko 2021)."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, UpdateView

RANK = 1e-9
"""Share of the largest singular value below which an unknown is not determined."""

FITS = 1e-2
"""How far the gradient of what was solved for may be from the one that was sent, as a share of its length."""

GRID = np.geomspace(1e-6, 10.0, 200)
"""Where the size of the last layer's slope is looked for, where no bias tells it."""


@dataclass(frozen=True)
class RGap:
    """What a layer is given solves linear equations: its weights make of it what it gave out, which the layer above
    tells once its activation is undone, and the gradient of its weights is linear in it too (Zhu and Blaschko 2021,
    algorithm 1).  Where these are of too low a rank, no record is the only one, and the attack says so (their rank
    analysis).
    """

    card: ClassVar[Card] = Card(
        name="r_gap",
        title="R-GAP",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="zhu2021",
        equations="algorithm 1",
        summary="solves linear equations layer by layer for the one record behind a gradient",
        needs=Needs(Access.UPDATES),
        strength=0.7,
        seconds=10.0,
        differs="several classes, and layers with a bias too; where a layer is not determined nothing is handed in, "
        "where the paper takes the shortest solution",
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for batches, several local steps, and modules that are no chain of dense
        and convolutional layers; where every update leaves some layer undetermined.
        """
        import torch

        from divulge.attacks.reconstruction.gradients.closed_form.layer_chain import chain_of

        numbers_only(view)
        if view.updates[0].batch > 1:
            raise Impossible(f"it solves for single records, and {view.updates[0].batch} are behind each update")
        module: Any = copy.deepcopy(view.target.parameters()).double().eval()
        links = chain_of(module, view.shape, any(u.train for u in view.updates))
        places = [id(p) for p in module.parameters()]
        found, reasons, kept = [], [], 0
        for update in view.updates:
            if len(update.change) != len(places):
                raise Impossible("the update is not of this module")
            slopes = [torch.as_tensor(np.asarray(c), dtype=torch.float64) for c in update.change]
            try:
                best = _solved(links, dict(zip(places, slopes, strict=True)), module, view)
            except Impossible as reason:
                reasons.append(str(reason))
                best = None
            kept += best is not None
            found.append(np.empty((0, *view.shape)) if best is None else best[None])
        if reasons and len(reasons) == len(found):
            raise Impossible(reasons[0])
        told = f"of {kept} of {len(found)} records the gradient is the one that was sent"
        return SampleGuess(tuple(found), told=(told,))


def _solved(links: Sequence[Any], slopes: dict[int, Any], module: Any, view: UpdateView) -> Array | None:
    """The record whose gradient is the one that was sent; None where that of none is."""
    import torch

    best: tuple[float, Any] | None = None
    lacking: Impossible | None = None
    for label, slope in _last(links[-1], slopes, view.classes):
        try:
            with torch.no_grad():
                x = _down(links, slopes, slope)
        except Impossible as reason:  # another slope of the last layer may be the right one
            lacking = reason
            continue
        own = _gradient(module, x.reshape(1, *view.shape), label)
        sent = [slopes[id(p)] for p in module.parameters()]
        gap = torch.cat([(a - b).reshape(-1) for a, b in zip(own, sent, strict=True)]).norm()
        off = float(gap / torch.cat([s.reshape(-1) for s in sent]).norm().clamp_min(1e-30))
        if best is None or off < best[0]:
            best = off, x
    if best is None and lacking is not None:
        raise lacking
    if best is None or not best[0] < FITS:
        return None
    return np.asarray(best[1].reshape(view.shape).numpy())


def _last(link: Any, slopes: dict[int, Any], classes: int) -> Iterator[tuple[int, Any]]:
    """Class of the record and slope of the loss by the last layer's outputs, one or a few that are possible: the
    gradient of its bias, or where it has none the multiple of the gradient's left direction that fits its scores.
    """
    import torch

    layer = link.layer
    if not isinstance(layer, torch.nn.Linear) or layer.out_features not in (1, classes):
        raise Impossible("its last layer is not dense with an output for each class")
    of_weights = slopes[id(layer.weight)]
    if float(of_weights.norm()) < 1e-30:
        raise Impossible("the gradient of the last layer is zero")
    if layer.bias is not None:
        slope = slopes[id(layer.bias)]
        yield (int(slope.argmin()) if len(slope) > 1 else int(slope[0] < 0)), slope
        return
    left, _, right = torch.linalg.svd(of_weights, full_matrices=False)
    size, direction = float(left[:, 0] @ of_weights @ right[0]), left[:, 0]
    for sign in (1.0, -1.0):
        u = direction * sign
        label = int(u.argmin()) if len(u) > 1 else int(u[0] < 0)
        scores = layer.weight.detach() @ right[0] * size * sign  # of a record whose slope has length 1
        for length in _lengths(scores.numpy(), u.numpy(), label):
            yield label, u * length


def _lengths(scores: Array, u: Array, label: int) -> list[float]:
    """Lengths s at which softmax(scores / s) less the class is s u; of one output the sigmoid."""
    from scipy.optimize import brentq
    from scipy.special import expit, softmax

    def off(s: float) -> float:
        if len(u) == 1:
            return float(expit(scores[0] / s) - label - s * u[0])
        return float(softmax(scores / s)[label] - 1 - s * u[label])

    values = np.array([off(s) for s in GRID])
    places = np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) < 0)
    return [float(brentq(off, GRID[p], GRID[p + 1], xtol=1e-15, rtol=1e-14)) for p in places]


def _down(links: Sequence[Any], slopes: dict[int, Any], slope: Any) -> Any:
    """The record, flat; Impossible where a layer is not determined."""
    import torch

    last = links[-1]
    made: Any = None
    for number in range(len(links) - 1, -1, -1):
        link = links[number]
        if not link.linear:
            made, known = link.undone(made)
            slope = link.pulled(torch.where(known, made, torch.zeros_like(made)), slope)
            made = torch.where(known, made, torch.full_like(made, torch.nan))
            continue
        of_weights = slopes[id(link.layer.weight)].reshape(-1)
        given = _dense(slopes[id(link.layer.weight)], slope) if isinstance(link.layer, torch.nn.Linear) else None
        if given is None:
            known = torch.zeros_like(slope, dtype=torch.bool) if link is last else torch.isfinite(made)
            weights, by_gradient = link.equations(slope, known)
            offset = link.applied(torch.zeros(by_gradient.shape[1], dtype=slope.dtype)).detach()
            wanted = torch.cat([(made - offset)[known] if made is not None else offset[known], of_weights])
            given = _least_squares(torch.cat([weights, by_gradient]), wanted, number)
        slope, made = link.pulled(given, slope), given
    return made


def _dense(of_weights: Any, slope: Any) -> Any:
    """What a dense layer was given: each row of its gradient is a multiple of it.  None where the slope is zero."""
    length = float(slope @ slope)
    return None if length < 1e-60 else of_weights.T @ slope / length


def _least_squares(matrix: Any, wanted: Any, number: int) -> Any:
    """Rows are brought to one scale first: equations out of gradients are as small as the slope."""
    import torch

    scale = matrix.norm(dim=1).clamp_min(1e-300)
    alive = scale > 1e-14 * scale.max()
    u, sizes, v = torch.linalg.svd(matrix[alive] / scale[alive, None], full_matrices=False)
    rank = int((sizes > RANK * sizes.max()).sum()) if len(sizes) else 0
    if rank < matrix.shape[1]:
        raise Impossible(
            f"layer {number + 1} of the chain: {rank} of {matrix.shape[1]} unknowns are determined by its weights and "
            "their gradient, so that no record is the only one"
        )
    return v.T @ ((u.T @ (wanted[alive] / scale[alive])) / sizes)


def _gradient(module: Any, x: Any, label: int) -> list[Any]:
    import torch

    out = module(x).reshape(1, -1)
    if out.shape[1] == 1:
        out = torch.cat([torch.zeros_like(out), out], dim=1)
    loss = torch.nn.functional.cross_entropy(out, torch.tensor([label]))
    return list(torch.autograd.grad(loss, list(module.parameters())))

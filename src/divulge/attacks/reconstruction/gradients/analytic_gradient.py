"""Records read off the gradient of a first dense layer, with no search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.attacks.reconstruction.gradients.last_layer_gradients import classes_of
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, Update, UpdateView

SAME = 1e-3
"""Two rows whose records differ by less than this share of the range tell of the same record."""


@dataclass(frozen=True)
class AnalyticGradient:
    """A dense layer's gradient is delta x': row over bias gives x, whatever comes after (Phong et al. 2018, section
    3.1; Geiping et al. 2020, proposition 3.1).  In a batch that holds for neurons that one record alone makes fire.
    """

    card: ClassVar[Card] = Card(
        name="analytic_gradient",
        title="First layer's gradient",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="phong2018",
        equations="section 3.1",
        summary="divides the gradient of the first layer's weights by that of its bias",
        needs=Needs(Access.UPDATES),
        strength=0.9,
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible where the first layer is not dense, or has no bias."""
        numbers_only(view, several_steps=True)
        layer = first_dense(view)
        found = tuple(layer.records(update) for update in view.updates)
        try:
            classes = tuple(classes_of(view, view.updates))
        except Impossible:
            classes = ()
        return SampleGuess(found, classes)


@dataclass(frozen=True, eq=False)
class FirstDense:
    """place: of its weights among the parameters; the bias comes next.  zero, unit: what it is given for a record of
    lowest and of highest values, flat.
    """

    view: UpdateView
    place: int
    zero: Array
    unit: Array

    def records(self, update: Update) -> Array:
        """Records that the gradient shows: [at most a batch, ...]."""
        slopes, bias = (np.asarray(update.change[p], dtype=np.float64) for p in (self.place, self.place + 1))
        strong = np.abs(bias) > max(1e-12, 1e-7 * float(np.abs(bias).max()))
        order = np.flatnonzero(strong)[np.argsort(-np.abs(bias[strong]), kind="stable")]
        shares = self.shares(slopes[order] / bias[order, None])
        inside = ((shares > -SAME) & (shares < 1 + SAME)).mean(axis=1)
        kept: list[Array] = []
        votes: list[float] = []
        for share, within in zip(shares, inside, strict=True):
            twin = next((k for k, known in enumerate(kept) if np.abs(known - share).max() < SAME), None)
            if twin is None:
                kept.append(share)
                votes.append(float(within) ** 8)
            else:
                votes[twin] += 1.0
        best = np.argsort(-np.array(votes), kind="stable")[: update.batch]
        view = self.view
        flat = [view.low.reshape(-1) + kept[b] * (view.high - view.low).reshape(-1) for b in best]
        return np.reshape(flat, (len(best), *view.shape))

    def shares(self, given: Array) -> Array:
        """What the layer was given, as a share of the range of each input."""
        width = self.unit - self.zero
        varies = np.abs(width) > 1e-12
        return np.where(varies, (given - self.zero) / np.where(varies, width, 1.0), 0.0)


def first_dense(view: UpdateView) -> FirstDense:
    """The first layer, where it is dense and given the inputs, or each of them moved and scaled."""
    import torch
    from torch import nn

    module: Any = view.target.parameters()
    learned = [(name, part) for name, part in module.named_modules() if list(part.parameters(recurse=False))]
    name, layer = learned[0]
    if not isinstance(layer, nn.Linear) or layer.bias is None:
        raise Impossible("it reads a dense first layer with a bias, and this module begins otherwise")
    seen: list[Any] = []
    hook = layer.register_forward_pre_hook(lambda _m, given: seen.append(given[0]))
    edges = np.stack([view.low, view.high, (view.low + view.high) / 2])
    try:
        with torch.no_grad():
            module.eval()(torch.as_tensor(edges, dtype=layer.weight.dtype))
    finally:
        hook.remove()
    given = seen[0].double().numpy().reshape(3, -1)
    if given.shape[1] != view.low.size or not np.allclose(given[2], (given[0] + given[1]) / 2, atol=1e-5):
        raise Impossible("the first dense layer is not given the inputs themselves")
    place = [p for p, _ in module.named_parameters()].index(f"{name}.weight" if name else "weight")
    return FirstDense(view, place, given[0], given[1])

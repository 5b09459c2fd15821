"""Rows of a table, categories included, whose gradient points where the one that was sent points (Vero et al. 2023)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.attacks.reconstruction.gradients.last_layer_gradients import classes_of
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.mixed.fields import TableField
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, UpdateView


@dataclass(frozen=True)
class Tableak:
    """Categories are sought as shares, by a softmax, and quantities within their range, by Adam on signs and the cosine
    of gradients; several searches are brought into one order and pooled: the mean of shares, the median of quantities;
    what they disagree in has a high entropy (Vero et al. 2023, sections 4.1 to 4.3, algorithm 1).

    ensemble: searches for each update.  steps, rate: of each.
    """

    ensemble: int = 12
    steps: int = 400
    rate: float = 0.06

    card: ClassVar[Card] = Card(
        name="tableak",
        title="TabLeak",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="vero2023",
        equations="sections 4.1 to 4.3, algorithm 1",
        summary="looks for rows of categories and quantities whose gradient points where the one that was sent points",
        needs=Needs(Access.UPDATES),
        strength=0.9,
        seconds=30.0,
        differs="12 searches of 400 steps, where the authors take 30 of 1,500; classes are counted and not known; "
        "quantities are kept within their range",
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for images, texts and tables without a category."""
        numbers_only(view, several_steps=True)
        if not view.fields:
            raise Impossible("it is for tables with categories: see inverting_gradients and idlg")
        codes = classes_of(view, view.updates)
        if view.updates[0].several:  # which record came when is left to the searches
            codes = np.concatenate([view.rng.permuted(codes, axis=1) for _ in range(self.ensemble)])
        shares, fit = searched(view, codes, self.ensemble, self.steps, self.rate)
        pooled = [pool(shares[:, u], fit[:, u], view.fields) for u in range(len(view.updates))]
        relaxed = _relaxed(view)
        rows = tuple(relaxed.rows(own) for own, _ in pooled)
        return SampleGuess(rows, tuple(codes[: len(view.updates)]), entropy=tuple(doubt for _, doubt in pooled))


@dataclass(frozen=True)
class _Held:
    """The relaxed module in the target's place."""

    module: Any

    def parameters(self) -> Any:
        """See Oracle."""
        return self.module


def _relaxed(view: UpdateView) -> Any:
    from divulge.attacks.reconstruction.gradients.tables.relaxed import Relaxed

    return Relaxed(copy.deepcopy(view.target.parameters()).eval(), view.fields, int(view.low.size))


def searched(view: UpdateView, codes: Array, ensemble: int, steps: int, rate: float) -> tuple[Array, Array]:
    """Shares [searches, updates, batch, slots], and how far the gradient of each is off: [searches, updates]."""
    import torch

    from divulge.attacks.reconstruction.gradients.gradient_matching import Matcher, Prior

    relaxed = _relaxed(view)
    relaxed.checked(view.rng, next(relaxed.parameters()).dtype)
    low, high = np.zeros(relaxed.slots), np.ones(relaxed.slots)
    own: Any = replace(view, target=_Held(relaxed), low=low, high=high)  # type: ignore[arg-type]
    matcher = Matcher(own, view.updates, codes, Prior(), cosine=True, seed=int(view.rng.integers(2**31)))
    z, _ = matcher.start(ensemble)
    z.requires_grad_()
    kinds = np.repeat([field.values > 0 for field in view.fields], np.diff(relaxed.starts))
    quantities = torch.as_tensor(~kinds)
    optimizer = torch.optim.Adam([z], lr=rate)
    for _ in range(steps):
        (slope,) = torch.autograd.grad(matcher.distance(z, None).sum(), [z])
        z.grad = slope.sign()
        optimizer.step()
        with torch.no_grad():
            z.copy_(torch.where(quantities, z.clamp(0, 1), z))
    shape = (ensemble, len(view.updates), view.updates[0].batch, relaxed.slots)
    fit = torch.nan_to_num(matcher.fit(z, None), nan=np.inf).detach().reshape(shape[:2])
    return relaxed.shares(z).detach().double().cpu().numpy().reshape(shape), fit.cpu().numpy()


def pool(shares: Array, fit: Array, fields: tuple[TableField, ...]) -> tuple[Array, Array]:
    """One batch [records, slots] out of several searches [searches, records, slots], and the entropy of each attribute
    [records, fields]: of categories as a share of the highest, of quantities that of a Gaussian, on their range.

    Records are brought into the order of the search that fits best, by optimal assignment.
    """
    from scipy.optimize import linear_sum_assignment

    best = shares[int(fit.argmin())]
    ordered = []
    for other in shares:
        apart = np.abs(best[:, None] - other[None]).sum(axis=2)
        ordered.append(other[linear_sum_assignment(apart)[1]])
    stack = np.stack(ordered)
    pooled, doubt, start = np.empty_like(best), np.empty((len(best), len(fields))), 0
    for place, field in enumerate(fields):
        part = stack[:, :, start : (start := start + max(field.values, 1))]
        slots = slice(start - max(field.values, 1), start)
        if field.values:
            mean = part.mean(axis=0)
            pooled[:, slots] = mean
            doubt[:, place] = -(mean * np.log(mean + 1e-12)).sum(axis=1) / np.log(max(field.values, 2))
        else:
            pooled[:, slots] = np.median(part, axis=0)
            doubt[:, place] = 0.5 + 0.5 * np.log(2 * np.pi * np.maximum(part[:, :, 0].var(axis=0), 1e-12))
    return pooled, doubt

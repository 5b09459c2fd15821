"""One record out of a large batch, by a last layer that lets only its gradient through (Wen et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

import numpy as np

from divulge.attacks.reconstruction.gradients.active_server import ACTIVE_SERVER
from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.attacks.reconstruction.gradients.last_layer_gradients import last_layer
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.target import Oracle
from divulge.core.threat import Asset, Challenge, Family
from divulge.core.views.reconstruction import SampleGuess, Update, UpdateView

STEEP = 50.0
"""How steeply a record's score falls from certain to impossible, over the spread of the measurement."""

REACH = 20.0
"""A threshold that no record reaches, in spreads above the highest that was seen."""

MOST_PUBLIC = 2_000
ALONE = 0.1
"""By how much the number of records behind a gradient may differ from one."""


@dataclass(frozen=True)
class Fishing:
    """The last layer is sent with one class's row alone, along a direction in which the class is apart from the others,
    and with a threshold on it: records of the class above the threshold, and others below, give no gradient.  Where
    one record is left, the update of the batch is its own, and is inverted as such (Wen et al. 2022, section 4).

    thresholds: that are tried, one round each.  total_variation, steps: of the inversion.
    """

    thresholds: int = 12
    total_variation: float = 1e-3
    steps: int = 1_000

    card: ClassVar[Card] = Card(
        name="fishing",
        title="Fishing for one record",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="wen2022",
        equations="section 4 (class and feature fishing)",
        summary="the server sends a last layer through which only one record of a batch is seen",
        needs=ACTIVE_SERVER,
        default=False,
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: rounds of training, one for each class that is the rarest of a batch, and threshold.

        Raises Impossible for text, several local steps, and modules without a dense last layer.
        """
        numbers_only(view)
        last_layer(view)
        counts = _counts(view)
        aims = [int(np.where(c > 0, c, np.inf).argmin()) for c in counts]  # the rarest class of each batch
        found: dict[int, tuple[float, Array]] = {}
        for code in sorted(set(aims)):
            self._fish(view, code, {u: int(counts[u][code]) for u, aim in enumerate(aims) if aim == code}, found)
        empty = np.zeros((0, *view.shape))
        classes = tuple(np.repeat(np.arange(len(c)), c) for c in counts)
        return SampleGuess(tuple(found[u][1] if u in found else empty for u in range(len(view.updates))), classes)

    def _fish(self, view: UpdateView, code: int, units: dict[int, int], found: dict[int, tuple[float, Array]]) -> None:
        """Rebuild one record of this class out of each of these batches.  units: how many records of it there are."""
        public = view.population.take(np.arange(min(len(view.population), MOST_PUBLIC)))
        along, measured = _towards(_features(view, public), public.y == code)
        spread = max(float(measured.std()), 1e-9)
        above = float(measured.max()) + REACH * spread  # every record of the class is below
        cuts = np.quantile(measured, (np.arange(self.thresholds) + 0.5) / self.thresholds)
        for cut in (above, *cuts):
            wanted = [u for u, own in units.items() if (own == 1) == (cut == above)]
            if wanted:
                module = _bait(view, code, along, float(cut), STEEP / spread)
                sent = view.ask(module)
                alone = {u: sent[u] for u in wanted if abs(_seen(sent[u], code, module) - 1) < ALONE}
                if alone:
                    self._invert(view, module, code, alone, found)

    def _invert(
        self, view: UpdateView, module: Any, code: int, sent: dict[int, Update], found: dict[int, tuple[float, Array]]
    ) -> None:
        """Of each batch what fits a single record best is kept: where several are behind a gradient, none fits."""
        from divulge.attacks.reconstruction.gradients.gradient_matching import Matcher, Prior, by_adam

        single = [replace(u, change=tuple(c * u.batch for c in u.change), batch=1) for u in sent.values()]
        codes = np.full((len(single), 1), code)
        shown = replace(view, target=cast(Oracle, _Module(module)))
        seed = int(view.rng.integers(2**31))
        names = [name for name, _ in module.named_parameters()]
        last = _place_of_bias(module)  # what comes before was made steep: bring both back to one scale
        weights = [STEEP if place in (last - 1, last) else 1.0 for place in range(len(names))]
        prior = Prior(self.total_variation)
        matcher = Matcher(shown, single, codes, prior, cosine=True, seed=seed, weights=weights)
        inputs, logits = by_adam(matcher, 1, self.steps, 0.1, signed=True)
        records, _ = matcher.best(inputs, logits)
        for unit, record, gap in zip(sent, records, matcher.fit(inputs, logits).tolist(), strict=True):
            if unit not in found or gap < found[unit][0]:
                found[unit] = (gap, record)


@dataclass(frozen=True, eq=False)
class _Module:
    """The module that the server made up, in place of the target's."""

    module: Any = field(repr=False)

    def parameters(self) -> Any:
        return self.module


def _last(module: Any) -> Any:
    from torch import nn

    return [part for part in module.modules() if isinstance(part, nn.Linear)][-1]


def _towards(features: Array, own: Array) -> tuple[Array, Array]:
    """A direction along which records of a class are apart from others (ridge regression), and the measurement along it
    of the records of the class, of all where there are too few.
    """
    centered = features - features.mean(axis=0)
    ridge = 1e-2 * float(np.square(centered).sum(axis=1).mean()) * np.eye(features.shape[1])
    along = np.linalg.solve(
        centered.T @ centered / len(centered) + ridge, centered.T @ (own - own.mean()) / len(centered)
    )
    along = along / max(float(np.linalg.norm(along)), 1e-12)
    return along, features[own if own.sum() > 1 else slice(None)] @ along


def _features(view: UpdateView, records: Records) -> Array:
    """What the last layer is given: [records, features]."""
    import torch

    module: Any = view.target.parameters()
    seen: list[Any] = []
    hook = _last(module).register_forward_pre_hook(lambda _m, given: seen.append(given[0]))
    try:
        with torch.no_grad():
            x = torch.as_tensor(np.ascontiguousarray(records.x))
            module.eval()(x.to(next(module.parameters()).dtype))
    finally:
        hook.remove()
    return np.asarray(seen[0].flatten(1).double().numpy())


def _bait(view: UpdateView, code: int, along: Array, cut: float, steep: float) -> Any:
    """Logit of the class: steep * (<along, features> - cut); of all others 0."""
    import copy

    import torch

    module: Any = copy.deepcopy(view.target.parameters())
    layer = _last(module)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        layer.weight[code] = torch.as_tensor(steep * along, dtype=layer.weight.dtype)
        layer.bias[code] = -steep * cut
    return module


def _counts(view: UpdateView) -> list[Array]:
    """How many records of each class are in every batch: with a last layer of zeros the slope of a bias is
    1 / classes - count / batch.
    """
    module = _bait(view, 0, np.zeros(1), 0.0, 0.0)
    place = _place_of_bias(module)
    estimates = []
    for update in view.ask(module):
        slopes = np.asarray(update.change[place], dtype=np.float64)
        estimates.append(np.maximum(np.round(update.batch * (1 / len(slopes) - slopes)), 0).astype(np.int64))
    return estimates


def _place_of_bias(module: Any) -> int:
    names = [name for name, _ in module.named_parameters()]
    return max(i for i, name in enumerate(names) if name.endswith("bias"))


def _seen(update: Update, code: int, module: Any) -> float:
    """How many records of the class are below the threshold: each adds (p - 1) / batch to the slope of its bias."""
    return float(-update.change[_place_of_bias(module)][code] * update.batch)

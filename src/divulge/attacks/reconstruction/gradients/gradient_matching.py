"""Inputs whose update is the one that was sent, for many updates and restarts at once (torch.func)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from divulge.attacks.reconstruction.total_variation import sides_of, variation
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.views.reconstruction import Update, UpdateView, local_parts

CHUNK = 64
"""Updates that are computed at a time."""


@dataclass(frozen=True)
class Prior:
    """What is known of inputs besides their update.

    total_variation: weight of the mean difference of neighbouring pixels.  statistics: weight of how far the inputs of
    batch-norm layers are from what these layers have seen in training.  length: of the inputs' mean square.
    """

    total_variation: float = 0.0
    statistics: float = 0.0
    length: float = 0.0


@dataclass(eq=False)
class Matcher:
    """updates: what was sent.  codes: their classes [updates, batch], or [restarts * updates, batch]; None where they
    are sought as well.  double: compute in double precision whatever the module does.
    weights: of each parameter in the comparison of updates, 1 when None.  relative: squares are divided by the squared
    length of what was sent.
    """

    view: UpdateView
    updates: Sequence[Update]
    codes: Array | None
    prior: Prior
    cosine: bool
    seed: int
    double: bool = False
    weights: Sequence[float] | None = None
    relative: bool = False

    def __post_init__(self) -> None:
        given = self.view.target.parameters()
        self.module: nn.Module = copy.deepcopy(given).eval()
        if self.double and not _computes(self.module.double(), self.view.low):
            self.module = copy.deepcopy(given).eval()
        first = next(self.module.parameters())
        self._dtype, self._device = first.dtype, first.device
        self._params = {name: p.detach() for name, p in self.module.named_parameters()}
        self._buffers = {name: b.detach() for name, b in self.module.named_buffers()}
        shapes = [tuple(p.shape) for p in self._params.values()]
        if any([tuple(c.shape) for c in u.change] != shapes for u in self.updates):
            raise Impossible("the updates are not of this module: their arrays have other shapes than its parameters")
        if len({(u.batch, u.steps, u.rate, u.epochs, u.train) for u in self.updates}) != 1:
            raise Impossible("the updates are of batches of different sizes: look at one at a time")
        self._low, self._high = (self._tensor(edge) for edge in (self.view.low, self.view.high))
        self._sent = [self._tensor(np.stack(parts)) for parts in zip(*(u.change for u in self.updates), strict=True)]
        self._known: dict[int, tuple[Tensor, list[Tensor], Tensor]] = {}
        self._norms: list[Any] = [m for m in self.module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        self._seen = [(bn.running_mean, bn.running_var) for bn in self._norms]
        sent = [batch_statistics(given, u) for u in self.updates] if self.prior.statistics else [[]]
        self._told = [self._tensor(np.stack(parts)) for parts in zip(*sent, strict=True)]
        if self.updates[0].train:  # the client's batch norm saw the batch alone; which units dropout hid is not known
            for bn in self._norms:
                bn.running_mean = bn.running_var = bn.num_batches_tracked = None
                bn.track_running_stats = False
            self._buffers = {name: b.detach() for name, b in self.module.named_buffers()}

    def _tensor(self, values: Array) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=self._dtype, device=self._device)

    @property
    def batch(self) -> int:
        """Records of an update."""
        return self.updates[0].batch

    def start(self, restarts: int) -> tuple[Tensor, Tensor | None]:
        """Random inputs [restarts * updates, batch, ...] on a scale of [0, 1], and logits of classes if sought."""
        generator = torch.Generator(self._device).manual_seed(self.seed)
        count = restarts * len(self.updates)
        shape = (count, self.batch, *self.view.shape)
        inputs = torch.rand(shape, generator=generator, dtype=self._dtype, device=self._device)
        if self.codes is not None:
            return inputs, None
        classes = (count, self.batch, max(self.view.classes, 2))
        return inputs, torch.randn(classes, generator=generator, dtype=self._dtype, device=self._device)

    def records(self, inputs: Tensor) -> Tensor:
        """From a scale of [0, 1] to the records' own."""
        return self._low + inputs * (self._high - self._low)

    def distance(self, inputs: Tensor, logits: Tensor | None) -> Tensor:
        """How far each guess's update is from the one that was sent, priors included: [guesses]."""
        return self._distances(inputs, logits)[0]

    def fit(self, inputs: Tensor, logits: Tensor | None) -> Tensor:
        """The same without the priors."""
        with torch.no_grad():
            return self._distances(inputs, logits)[1]

    def _distances(self, inputs: Tensor, logits: Tensor | None) -> tuple[Tensor, Tensor]:
        wanted, sent, length = self._sought(len(inputs) // len(self.updates))
        wanted = wanted if logits is None else torch.softmax(logits, dim=2)
        each = vmap(self._change, chunk_size=CHUNK if len(inputs) > CHUNK else None)
        told = [part.repeat(len(inputs) // len(self.updates), 1) for part in self._told]
        changes, off = each(self.records(inputs), wanted, told)
        if self.weights is not None:
            changes = tuple(w * part for w, part in zip(self.weights, changes, strict=True))
        fit = _cosine(changes, sent, length) if self.cosine else _squared(changes, sent)
        if self.relative and not self.cosine:
            fit = fit / length.clamp_min(1e-30)
        total = fit
        if self.prior.total_variation and self.view.schema.is_image:
            total = total + self.prior.total_variation * variation(inputs, sides_of(self.view.shape))
        if self.prior.statistics and self._norms:
            total = total + self.prior.statistics * off
        if self.prior.length:
            total = total + self.prior.length * inputs.flatten(1).square().mean(dim=1)
        return total, fit

    def _sought(self, restarts: int) -> tuple[Tensor, list[Tensor], Tensor]:
        """What every guess is compared with, the same in every step: classes as shares (empty where they are sought as
        well), the weighted updates, and their squared lengths.
        """
        if restarts not in self._known:
            wanted = torch.empty(0) if self.codes is None else self._wanted(restarts)
            sent = [part.repeat(restarts, *([1] * (part.dim() - 1))) for part in self._sent]
            if self.weights is not None:
                sent = [w * part for w, part in zip(self.weights, sent, strict=True)]
            self._known[restarts] = wanted, sent, _dot(sent, sent)
        return self._known[restarts]

    def _wanted(self, restarts: int) -> Tensor:
        codes = torch.as_tensor(np.asarray(self.codes), device=self._device).long()
        hot = nn.functional.one_hot(codes, max(self.view.classes, 2)).to(self._dtype)
        return hot if len(hot) == restarts * len(self.updates) else hot.repeat(restarts, 1, 1)

    def _change(self, x: Tensor, wanted: Tensor, told: list[Tensor]) -> tuple[tuple[Tensor, ...], Tensor]:
        """What a client sends who trains on these records: [batch, ...], classes [batch, classes] as shares.

        told: what its batch norm saw.
        """
        first = self.updates[0]
        params = self._params
        slopes, off = {}, torch.zeros((), dtype=self._dtype, device=self._device)
        for part in local_parts(len(x), first.steps, first.epochs):
            slopes, stray = grad(self._loss, has_aux=True)(params, x[part], wanted[part], told)
            off = off + stray
            if first.several:
                params = {name: p - first.rate * slopes[name] for name, p in params.items()}
        if not first.several:
            return tuple(slopes.values()), off
        return tuple((self._params[name] - p) / first.rate for name, p in params.items()), off

    def _loss(self, params: dict[str, Tensor], x: Tensor, wanted: Tensor, told: list[Tensor]) -> tuple[Tensor, Tensor]:
        seen: list[Tensor] = []
        hooks = []
        if self.prior.statistics:
            exact = bool(told)
            known = list(zip(told[::2], told[1::2], strict=True)) if exact else self._seen
            pairs = zip(self._norms, known, strict=True)
            hooks = [bn.register_forward_pre_hook(_noting(*k, seen, exact)) for bn, k in pairs if k[0] is not None]
        try:
            out = functional_call(self.module, (params, self._buffers), (x,)).reshape(len(x), -1)
        finally:
            for hook in hooks:
                hook.remove()
        off = sum(seen, torch.zeros((), dtype=x.dtype, device=x.device))
        if out.shape[1] == 1:
            return nn.functional.binary_cross_entropy_with_logits(out[:, 0], wanted[:, 1]), off
        return -(torch.log_softmax(out, dim=1) * wanted).sum(dim=1).mean(), off

    def best(self, inputs: Tensor, logits: Tensor | None) -> tuple[Array, Array | None]:
        """Of the restarts of each update the one that fits best: records [updates, batch, ...], classes if sought."""
        fit = torch.nan_to_num(self.fit(inputs, logits), nan=math.inf).reshape(-1, len(self.updates))
        pick = fit.argmin(dim=0) * len(self.updates) + torch.arange(len(self.updates), device=fit.device)
        records = self.records(inputs[pick]).detach().cpu().numpy()
        return records, None if logits is None else logits[pick].argmax(dim=2).detach().cpu().numpy()


def _computes(module: nn.Module, record: Array) -> bool:
    """Whether a module can be given records in double precision: some turn their inputs into floats themselves."""
    try:
        with torch.no_grad():
            module(torch.as_tensor(np.asarray(record)[None], dtype=torch.float64))
    except RuntimeError:
        return False
    return True


def _noting(
    mean: Tensor, variance: Tensor, seen: list[Tensor], exact: bool
) -> Callable[[Any, tuple[Tensor, ...]], None]:
    """How far a batch is from a layer's running statistics (Yin et al. 2021, section 3.3), or from what the layer saw
    of the very batch, whose variance is the unbiased one that is remembered.
    """

    def note(_module: Any, given: tuple[Tensor, ...]) -> None:
        x = given[0]
        over = [d for d in range(x.dim()) if d != 1]
        apart = (x.mean(dim=over) - mean).square().mean()
        seen.append(apart + (x.var(dim=over, unbiased=exact) - variance).square().mean())

    return note


def batch_statistics(module: nn.Module, update: Update) -> list[Array]:
    """Mean and unbiased variance of the inputs of each batch-norm layer over the client's batch, layer by layer, out of
    what the layers remember before and after one step: after = (1 - m) before + m batch.  Empty where it was not sent,
    or cannot be told.
    """
    if not update.train or update.several or not update.buffers:
        return []
    after = dict(zip((name for name, _ in module.named_buffers()), update.buffers, strict=True))
    found: list[Array] = []
    for name, layer in module.named_modules():
        if not isinstance(layer, nn.modules.batchnorm._BatchNorm):
            continue
        if layer.running_mean is None or layer.running_var is None or layer.momentum == 0:
            return []
        count = int(layer.num_batches_tracked) if layer.num_batches_tracked is not None else 0
        share = layer.momentum if layer.momentum is not None else 1 / (count + 1)
        for part, before in (("running_mean", layer.running_mean), ("running_var", layer.running_var)):
            kept = before.detach().cpu().double().numpy()
            found.append((np.asarray(after[f"{name}.{part}"], dtype=np.float64) - (1 - share) * kept) / share)
    return found


def _squared(changes: Sequence[Tensor], sent: Sequence[Tensor]) -> Tensor:
    return torch.stack([(a - b).flatten(1).square().sum(dim=1) for a, b in zip(changes, sent, strict=True)]).sum(dim=0)


def _dot(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    return torch.stack([(a * b).flatten(1).sum(dim=1) for a, b in zip(first, second, strict=True)]).sum(dim=0)


def _cosine(changes: Sequence[Tensor], sent: Sequence[Tensor], length: Tensor) -> Tensor:
    """length: squared, of what was sent: [guesses]."""
    return 1 - _dot(changes, sent) / (_dot(changes, changes) * length).clamp_min(1e-30).sqrt()


def by_adam(matcher: Matcher, restarts: int, steps: int, rate: float, signed: bool) -> tuple[Tensor, Tensor | None]:
    """Adam, on the gradient's signs if `signed`, inside the box; the rate falls thrice by ten (Geiping et al. 2020)."""
    inputs, logits = matcher.start(restarts)
    free = [inputs.requires_grad_()] + ([logits.requires_grad_()] if logits is not None else [])
    optimizer = torch.optim.Adam(free, lr=rate)
    drops = [round(steps * share) for share in (3 / 8, 5 / 8, 7 / 8)]
    falls = torch.optim.lr_scheduler.MultiStepLR(optimizer, drops, gamma=0.1)
    for _ in range(steps):
        slopes = torch.autograd.grad(matcher.distance(inputs, logits).sum(), free)
        for part, slope in zip(free, slopes, strict=True):
            part.grad = slope.sign() if signed else slope
        optimizer.step()
        falls.step()
        with torch.no_grad():
            inputs.clamp_(0, 1)
    return inputs.detach(), logits.detach() if logits is not None else None


def by_lbfgs(matcher: Matcher, restarts: int, steps: int, history: int = 20) -> tuple[Tensor, Tensor | None]:
    """L-BFGS with backtracking, each guess with its own history and step, all in one batch (Nocedal and Wright 2006,
    algorithm 7.4).
    """
    inputs, logits = matcher.start(restarts)
    count, width = len(inputs), inputs[0].numel()
    flat = inputs.flatten(1) if logits is None else torch.cat([inputs.flatten(1), logits.flatten(1)], dim=1)

    def split(x: Tensor) -> tuple[Tensor, Tensor | None]:
        own = x[:, :width].reshape(inputs.shape)
        return own, None if logits is None else x[:, width:].reshape(logits.shape)

    def value_and_slope(x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_()
        value = torch.nan_to_num(matcher.distance(*split(x)), nan=math.inf)
        (slope,) = torch.autograd.grad(value[torch.isfinite(value)].sum(), x)
        return value.detach(), torch.nan_to_num(slope)

    memory: list[tuple[Tensor, Tensor, Tensor]] = []
    value, slope = value_and_slope(flat)
    length = torch.minimum(torch.ones(count, 1, dtype=flat.dtype), 1 / slope.abs().sum(dim=1, keepdim=True))
    direction = -slope
    for _ in range(steps):
        moved, falls = flat + length * direction, (slope * direction).sum(dim=1, keepdim=True)
        new_value, new_slope = value_and_slope(moved)
        good = (new_value[:, None] <= value[:, None] + 1e-4 * length * falls) & torch.isfinite(new_value)[:, None]
        step = torch.where(good, moved - flat, torch.zeros_like(flat))
        turn = torch.where(good, new_slope - slope, torch.zeros_like(flat))
        curved = (step * turn).sum(dim=1, keepdim=True)
        inverse = torch.where(curved > 1e-14, 1 / curved.clamp_min(1e-14), torch.zeros_like(curved))
        memory = [*memory[-history + 1 :], (step, turn, inverse)]
        flat, value = torch.where(good, moved, flat), torch.where(good[:, 0], new_value, value)
        slope = torch.where(good, new_slope, slope)
        renewed = _two_loops(slope, memory)
        lost = ((slope * renewed).sum(dim=1, keepdim=True) >= 0) | (~good & (length < 1e-8))
        renewed = torch.where(lost, -slope / slope.abs().sum(dim=1, keepdim=True).clamp_min(1e-12), renewed)
        direction = torch.where(good | lost, renewed, direction)
        length = torch.where(good | lost, torch.ones_like(length), length / 2)
    return split(flat.detach())


def _two_loops(slope: Tensor, memory: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """The direction of L-BFGS for every row; a pair that a row did not make has an inverse of 0 and does nothing."""
    q, weights = slope.clone(), []
    for step, turn, inverse in reversed(memory):
        weight = inverse * (step * q).sum(dim=1, keepdim=True)
        q = q - weight * turn
        weights.append(weight)
    scale = torch.ones_like(q[:, :1])
    for step, turn, inverse in memory:  # the last pair that a row made
        own = (step * turn).sum(dim=1, keepdim=True) / turn.square().sum(dim=1, keepdim=True).clamp_min(1e-30)
        scale = torch.where(inverse > 0, own, scale)
    r = scale * q
    for (step, turn, inverse), weight in zip(memory, reversed(weights), strict=True):
        r = r + step * (weight - inverse * (turn * r).sum(dim=1, keepdim=True))
    return -r

"""MemGuard: noise on the scores that leaves an attack's classifier undecided and the predicted class as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from divulge.core.defense import DefenseCard
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_seed, digest

if TYPE_CHECKING:
    from torch import Tensor, nn

HIDDEN = (64, 32)
EPOCHS, BATCH, RATE = 60, 256, 1e-3
LABEL_WEIGHT, FIRST_WEIGHT, STEP, ROUNDS = 10.0, 0.1, 0.1, 7
"""c2, the first c3, the length of a step, and how often c3 grows tenfold at most."""

MARGIN = 1e-3
"""By which the predicted class stays ahead in logits: a tie would be broken by the order of the classes."""


@dataclass(frozen=True)
class MemGuard:
    """Jia et al. 2019.  The owner trains a classifier that tells members by their scores.  Phase I (algorithm 1): for
    every record noise on the logits is sought that leaves this classifier undecided, keeps the predicted class and
    changes the scores little.  Phase II (section 4.3): it is used with the chance that keeps the expected distortion
    within the budget; the same record always gets the same answer.

    budget: expected L1 distance of the scores (epsilon in the paper).  steps: of the search, for each weight.
    """

    budget: float = 1.0
    steps: int = 300

    card: ClassVar[DefenseCard] = DefenseCard(
        name="memguard",
        title="MemGuard",
        paper="jia2019",
        summary="adds noise to scores that leaves an attack's classifier undecided; the class stays",
        needs_reference=True,
        extra="torch",
        breaks_bound="is fitted to answers on training records without noise",
    )

    def __post_init__(self) -> None:
        if self.budget <= 0 or self.steps < 1:
            raise InputError("memguard: budget must be positive, and steps at least 1")

    def fitted(self, members: Array, others: Array, seed: int) -> Guard:
        """See FittedDefense."""
        if min(len(members), len(others)) < 20:
            raise InputError("memguard: it needs at least 20 training records and as many others to learn from")
        return Guard(self, tuple(p.detach().numpy() for p in _classifier(members, others, seed).parameters()))

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """A bare MemGuard belongs to no model."""
        raise InputError("memguard: it is made for one model: `fitted` makes it")


@dataclass(frozen=True, eq=False)
class Guard:
    """MemGuard for one model.  weights: of the owner's classifier.  What a record was answered is kept."""

    settings: MemGuard
    weights: tuple[Array, ...]
    _known: dict[int, Array] = field(default_factory=dict, repr=False)

    card: ClassVar[DefenseCard] = MemGuard.card

    def __repr__(self) -> str:
        return f"Guard({self.settings!r}, {digest(*self.weights)})"

    def undecided(self, scores: Tensor) -> Tensor:
        """h: the logit of being a member by the owner's classifier, 0 where it is undecided: [records]."""
        import torch
        from torch.nn import functional

        x = scores.sort(dim=1, descending=True).values
        parts = [torch.from_numpy(w) for w in self.weights]
        for number in range(0, len(parts), 2):
            x = functional.linear(x, parts[number], parts[number + 1])
            x = torch.relu(x) if number + 2 < len(parts) else x
        return x[:, 0]

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """See Defense."""
        new = np.array([n for n, key in enumerate(keys.tolist()) if key not in self._known], dtype=np.int64)
        if len(new):
            for key, row in zip(keys[new].tolist(), self._altered(log_scores[new], keys[new]), strict=True):
                self._known[key] = row
        return np.stack([self._known[key] for key in keys.tolist()]) if len(keys) else log_scores

    def _altered(self, log_scores: Array, keys: Array) -> Array:
        import torch

        z = torch.from_numpy(np.asarray(log_scores, dtype=np.float32))
        noise = self._noise(z)
        with torch.no_grad():
            plain, noisy = torch.softmax(z, dim=1), torch.softmax(z + noise, dim=1)
            far = (plain - noisy).abs().sum(dim=1)
            helps = self.undecided(noisy).abs() < self.undecided(plain).abs()
            chance = torch.where(helps, (self.settings.budget / far.clamp(min=1e-12)).clamp(max=1.0), 0.0).numpy()
            lots = np.array([np.random.default_rng(int(key)).random() for key in keys])
            shown = torch.where(torch.from_numpy(lots < chance)[:, None], z + noise, z)
            return np.asarray(torch.log_softmax(shown.double(), dim=1).numpy())

    def _noise(self, z: Tensor) -> Tensor:
        """Algorithm 1, all records at once: [records, classes]; 0 where nothing was found."""
        import torch

        label = z.argmax(dim=1)
        with torch.no_grad():
            before = self.undecided(torch.softmax(z, dim=1))
        best = torch.zeros_like(z)
        alive = before != 0
        weight = FIRST_WEIGHT
        for _ in range(ROUNDS):
            rows = torch.nonzero(alive)[:, 0]
            if not len(rows):
                break
            found, good = self._search(z[rows], label[rows], before[rows], weight)
            best[rows[good]] = found[good]
            alive[rows[~good]] = False
            weight *= 10
        return best

    def _search(self, z: Tensor, label: Tensor, before: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        """Noise for one weight of the distance, and for which records it is good: the classifier changes its mind
        and the class stays.
        """
        import torch
        from torch.nn import functional

        noise = torch.zeros_like(z)
        own = functional.one_hot(label, z.shape[1]).bool()
        plain = torch.softmax(z, dim=1)
        good = torch.zeros(len(z), dtype=torch.bool)
        for _ in range(self.settings.steps):
            open_ = torch.nonzero(~good)[:, 0]
            if not len(open_):
                break
            e = noise[open_].requires_grad_()
            moved = z[open_] + e
            scores = torch.softmax(moved, dim=1)
            rest = moved.masked_fill(own[open_], -torch.inf).amax(dim=1)
            behind = torch.relu(rest + MARGIN - moved[own[open_]])
            undecided = self.undecided(scores)
            loss = undecided.abs() + LABEL_WEIGHT * behind + weight * (plain[open_] - scores).abs().sum(dim=1)
            (slope,) = torch.autograd.grad(loss.sum(), e)
            with torch.no_grad():
                step = STEP * slope / slope.norm(dim=1, keepdim=True).clamp(min=1e-12)
                noise[open_] = e.detach() - step
                moved = z[open_] + noise[open_]
                rest = moved.masked_fill(own[open_], -torch.inf).amax(dim=1)
                undecided = self.undecided(torch.softmax(moved, dim=1))
                good[open_] = (moved[own[open_]] > rest) & (undecided * before[open_] <= 0)
        return noise, good


def _classifier(members: Array, others: Array, seed: int) -> nn.Module:
    """The owner's classifier of sorted scores, trained on equally many members and others."""
    import torch
    from torch import nn
    from torch.nn import functional

    lots = torch.Generator().manual_seed(derived_seed(seed, "memguard") % 2**63)
    count = min(len(members), len(others))
    sides = [side[torch.randperm(len(side), generator=lots)[:count].numpy()] for side in (members, others)]
    x = torch.from_numpy(np.exp(np.concatenate(sides)).astype(np.float32)).sort(dim=1, descending=True).values
    y = torch.cat([torch.ones(count), torch.zeros(count)])
    sizes = (x.shape[1], *HIDDEN, 1)
    layers: list[nn.Module] = []
    for width, next_width in pairwise(sizes):
        layers += [nn.Linear(width, next_width), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for part in model.parameters():
            scale = part.shape[-1] ** -0.5 if part.ndim == 2 else 0.0
            part.copy_((2 * torch.rand(part.shape, generator=lots) - 1) * scale)
    moves = torch.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x), generator=lots).split(BATCH):  # type: ignore[no-untyped-call]
            moves.zero_grad()
            loss = functional.binary_cross_entropy_with_logits(model(x[batch])[:, 0], y[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            moves.step()
    return model

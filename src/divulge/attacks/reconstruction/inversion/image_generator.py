"""A small generative adversarial network: a prior over what records look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.hashing import Array, digest
from divulge.core.records import Records

SIZE = 32
HIDDEN = 256
STEPS = 2_500
BATCH = 64
ENTROPY = 1e-4
"""Weight of the entropy of the critic's classes, in the loss of a generator that a target helps to teach."""


@dataclass(frozen=True, eq=False)
class Generator:
    """maker: latent vectors [n, size] to shares of the range [n, inputs]; critic: how real these are."""

    maker: nn.Module
    critic: nn.Module
    low: Tensor
    high: Tensor
    size: int = SIZE

    def records(self, latent: Tensor) -> Tensor:
        """[n, ...], in the records' own units."""
        shares: Tensor = self.maker(latent)
        return self.low + shares.reshape(-1, *self.low.shape) * (self.high - self.low)

    def images(self, latent: Array) -> Array:
        """The same for arrays."""
        with torch.inference_mode():
            return np.asarray(self.records(torch.as_tensor(latent, dtype=torch.float32)).numpy())


def generator_for(
    public: Records,
    low: Array,
    high: Array,
    *,
    told: Array | None = None,
    apart: tuple[nn.Module, float] | None = None,
) -> Generator:
    """The generator of these public records, taught once for all attacks.

    told: the target's scores [records, classes]; the critic then learns to tell classes as the target does, and is as
    sure that a record is real as of all classes together (Chen et al. 2021, equations 2 to 4).
    apart: a target, and the weight of how different it finds images of different latent vectors (Zhang et al. 2020,
    equation 3).
    """
    return _taught(_Key(public, low, high, told, apart))


@dataclass(frozen=True, eq=False)
class _Key:
    """Records and their range, equal when their contents are."""

    public: Records
    low: Array
    high: Array
    told: Array | None = None
    apart: tuple[nn.Module, float] | None = None

    def _told(self) -> tuple[Any, ...]:
        said = self.told.tobytes() if self.told is not None else b""
        other: tuple[Any, ...] = ()
        if self.apart is not None:
            weights = [p.detach().cpu().double().numpy() for p in self.apart[0].state_dict().values()]
            other = digest(*weights), self.apart[1]
        return self.public.fingerprint(), self.low.tobytes(), self.high.tobytes(), said, *other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self._told())


@lru_cache(maxsize=4)
def _taught(key: _Key) -> Generator:
    """Adam; of a target's help see `generator_for`."""
    width = np.where(key.high > key.low, key.high - key.low, 1.0)
    real = torch.as_tensor(((key.public.x - key.low) / width).reshape(len(key.public), -1), dtype=torch.float32)
    wanted = None if key.told is None else torch.as_tensor(key.told, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        maker = nn.Sequential(
            *(nn.Linear(SIZE, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU()),
            *(nn.Linear(HIDDEN, 2 * HIDDEN), nn.BatchNorm1d(2 * HIDDEN), nn.ReLU()),
            *(nn.Linear(2 * HIDDEN, real.shape[1]), nn.Sigmoid()),
        )
        critic = nn.Sequential(
            *(nn.Linear(real.shape[1], HIDDEN), nn.LeakyReLU(0.2), nn.Dropout(0.3)),
            *(nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(0.2), nn.Dropout(0.3)),
            nn.Linear(HIDDEN, 1 if wanted is None else wanted.shape[1]),
        )
        makes = torch.optim.Adam(maker.parameters(), lr=5e-4, betas=(0.5, 0.999))
        judges = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for _ in range(STEPS):
            rows = torch.randint(len(real), (BATCH,))
            if wanted is None:
                _round(maker, critic, makes, judges, real[rows], _spread(key, maker))
            else:
                further, again = (real[torch.randint(len(real), (BATCH,))] for _ in range(2))
                _helped_round(maker, critic, makes, judges, real[rows], wanted[rows], further, again)
    low, high = (torch.as_tensor(np.asarray(edge), dtype=torch.float32) for edge in (key.low, key.high))
    return Generator(maker.eval(), critic.eval(), low, high)


def realness(critic: nn.Module, shares: Tensor) -> Tensor:
    """Logit of being real: [records]."""
    return torch.logsumexp(critic(shares), dim=1)  # of one output that is the output itself


def _round(maker: nn.Module, critic: nn.Module, makes: Any, judges: Any, real: Tensor, spread: Any) -> None:
    """The non-saturating loss, one-sided label smoothing (Goodfellow et al. 2014).  spread: see `_spread`."""
    grade = nn.functional.binary_cross_entropy_with_logits
    fake = maker(torch.randn(len(real), SIZE))
    judged = grade(realness(critic, real), torch.full((len(real),), 0.9))
    loss: Any = judged + grade(realness(critic, fake.detach()), torch.zeros(len(real)))
    judges.zero_grad()
    loss.backward()
    judges.step()
    fooled: Any = grade(realness(critic, fake), torch.ones(len(real)))
    if spread is not None:
        fooled = fooled - spread()
    makes.zero_grad()
    fooled.backward()
    makes.step()


def _spread(key: _Key, maker: nn.Module) -> Callable[[], Tensor] | None:
    """How far the target's features of images are apart, by how far their latent vectors are, times its weight (Zhang
    et al. 2020, equation 3); None without a target.
    """
    if key.apart is None:
        return None
    module, weight = key.apart
    dtype = next(module.parameters()).dtype
    low, high = (torch.as_tensor(np.asarray(edge), dtype=torch.float32) for edge in (key.low, key.high))

    def spread() -> Tensor:
        one, other = torch.randn(2, BATCH, SIZE)
        shares: Tensor = maker(torch.cat([one, other]))
        seen = features_of(module, (low + shares.reshape(-1, *low.shape) * (high - low)).to(dtype)).float()
        far = (seen[:BATCH] - seen[BATCH:]).flatten(1).norm(dim=1) / (one - other).norm(dim=1)
        apart: Tensor = weight * far.mean()
        return apart

    return spread


def features_of(module: nn.Module, x: Tensor) -> Tensor:
    """What enters the last linear layer of a module; its outputs where it has none."""
    linear = [part for part in module.modules() if isinstance(part, nn.Linear)]
    kept: list[Tensor] = []
    hooks = [linear[-1].register_forward_pre_hook(lambda _m, given: kept.append(given[0]))] if linear else []
    try:
        out: Tensor = module(x)
    finally:
        for hook in hooks:
            hook.remove()
    return kept[-1] if kept else out


def _helped_round(
    maker: nn.Module,
    critic: Any,
    makes: Any,
    judges: Any,
    real: Tensor,
    wanted: Tensor,
    further: Tensor,
    again: Tensor,
) -> None:
    """Chen et al. 2021, equations 2 to 4: the critic learns the target's scores of `real` and to tell `further` from
    generated images; the generator matches the critic's features of `again` on average, and is to be told apart.
    """
    soft = nn.functional.softplus
    fake = maker(torch.randn(len(real), SIZE))
    loss: Any = -(torch.log_softmax(critic(real), dim=1) * wanted).sum(dim=1).mean()
    genuine, made = realness(critic, further), realness(critic, fake.detach())
    loss = loss + 0.5 * (soft(-genuine).mean() + soft(made).mean())
    judges.zero_grad()
    loss.backward()
    judges.step()
    features, head = critic[:-1], critic[-1]
    seen = features(maker(torch.randn(len(real), SIZE)))
    shares = torch.log_softmax(head(seen), dim=1)
    entropy = -(shares.exp() * shares).sum(dim=1).mean()
    matched: Any = (seen.mean(dim=0) - features(again).mean(dim=0).detach()).abs().mean() + ENTROPY * entropy
    makes.zero_grad()
    matched.backward()
    makes.step()

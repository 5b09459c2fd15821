"""A small generative adversarial network for priors over what records look like, and the search among its images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.attacks.reconstruction.inversion.score_ascent import log_scores, moved
from divulge.attacks.reconstruction.total_variation import sides_of
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.views.reconstruction import ClassView

SIZE = 32
HIDDEN = 256
STEPS = 2_500
BATCH = 64
VIEWS = 8
"""How often an image is moved about to see whether it stays what it is."""


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


def generator_for(public: Records, low: Array, high: Array, told: Array | None = None) -> Generator:
    """The generator of these public records, taught once for all attacks.

    told: the target's scores [records, classes]; the critic then learns to tell classes as the target does, and is as
    sure that a record is real as of all classes together (Chen et al. 2021, equations 2 to 4).
    """
    return _taught(_Key(public, low, high, told))


@dataclass(frozen=True, eq=False)
class _Key:
    """Records and their range, equal when their contents are."""

    public: Records
    low: Array
    high: Array
    told: Array | None = None

    def _told(self) -> tuple[str, bytes, bytes, bytes]:
        said = self.told.tobytes() if self.told is not None else b""
        return self.public.fingerprint(), self.low.tobytes(), self.high.tobytes(), said

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self._told())


@lru_cache(maxsize=4)
def _taught(key: _Key) -> Generator:
    """Non-saturating loss, one-sided label smoothing (Goodfellow et al. 2014), Adam."""
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
            _round(maker, critic, makes, judges, real[rows], None if wanted is None else wanted[rows])
    low, high = (torch.as_tensor(np.asarray(edge), dtype=torch.float32) for edge in (key.low, key.high))
    return Generator(maker.eval(), critic.eval(), low, high)


def realness(critic: nn.Module, shares: Tensor) -> Tensor:
    """Logit of being real: [records]."""
    return torch.logsumexp(critic(shares), dim=1)  # of one output that is the output itself


def _round(maker: nn.Module, critic: nn.Module, makes: Any, judges: Any, real: Tensor, wanted: Tensor | None) -> None:
    grade = nn.functional.binary_cross_entropy_with_logits
    fake = maker(torch.randn(len(real), SIZE))
    judged = grade(realness(critic, real), torch.full((len(real),), 0.9))
    loss: Any = judged + grade(realness(critic, fake.detach()), torch.zeros(len(real)))
    if wanted is not None:
        loss = loss - (torch.log_softmax(critic(real), dim=1) * wanted).sum(dim=1).mean()
    judges.zero_grad()
    loss.backward()
    judges.step()
    fooled: Any = grade(realness(critic, fake), torch.ones(len(real)))
    makes.zero_grad()
    fooled.backward()
    makes.step()


def search(
    made: Generator,
    module: nn.Module,
    view: ClassView,
    starts: int,
    steps: int,
    rate: float,
    *,
    realism: float,
    robust: bool,
    seed: int,
    spread: bool = False,
) -> Array:
    """The best of `starts` images of each class: [classes, ...].

    robust: by Poincare distance over moved images, and chosen by how they are scored when moved; otherwise by
    log-score, with `realism` times the critic's logit.  spread: seek a normal distribution of latent vectors for each
    start rather than one vector (Chen et al. 2021, equation 6).
    """
    dtype = next(module.parameters()).dtype
    drawn = torch.Generator().manual_seed(seed)
    wanted = torch.as_tensor(view.classes).repeat_interleave(starts)
    latent = torch.randn((len(wanted), made.size), generator=drawn).requires_grad_()
    width = torch.full_like(latent, -1.0 if spread else -30.0).requires_grad_()  # its logarithm
    shifting = robust and view.schema.is_image
    optimizer = torch.optim.Adam([latent, width] if spread else [latent], lr=rate)
    for _ in range(steps):
        drawn_latent = latent + width.exp() * torch.randn(latent.shape, generator=drawn) if spread else latent
        records = made.records(drawn_latent)
        shown = moved(records, sides_of(view.shape), drawn) if shifting else records
        scores = log_scores(module, shown.to(dtype))
        loss = _poincare(scores, wanted) if robust else -scores.gather(1, wanted[:, None])[:, 0]
        if realism:
            loss = loss - realism * realness(made.critic, made.maker(drawn_latent))
        latent.grad, width.grad = torch.autograd.grad(loss.sum(), (latent, width), allow_unused=True)
        optimizer.step()
    with torch.no_grad():
        records = made.records(latent)
        views = [moved(records, sides_of(view.shape), drawn) if shifting else records for _ in range(VIEWS)]
        own = torch.stack([log_scores(module, v.to(dtype)).exp().gather(1, wanted[:, None])[:, 0] for v in views])
        best = own.mean(dim=0).reshape(-1, starts).argmax(dim=1) + torch.arange(len(view.classes)) * starts
        return np.asarray(records[best].double().numpy())


def _poincare(logits: Tensor, wanted: Tensor) -> Tensor:
    """Distance of the scores, brought to length 1, to the class in the Poincare ball (Struppek et al. 2022, eq. 2)."""
    scores = logits.exp()
    u = scores / scores.abs().sum(dim=1, keepdim=True).clamp_min(1e-12)
    u = 0.999 * u
    v = nn.functional.one_hot(wanted, logits.shape[1]).to(u.dtype) * 0.9999
    gap = (u - v).square().sum(dim=1)
    bent = (1 - u.square().sum(dim=1)).clamp_min(1e-6) * (1 - v.square().sum(dim=1)).clamp_min(1e-6)
    return torch.acosh(1 + 2 * gap / bent)

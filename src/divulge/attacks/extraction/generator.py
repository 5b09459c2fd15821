"""The two networks of data-free extraction; needs PyTorch."""

from __future__ import annotations

import copy as copying
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from divulge.core.hashing import Array
from divulge.core.views.extraction import ExtractionView, Student


class DataFreeTraining:
    """Copy and generator, and what teaches them.

    ask: log-scores [inputs, classes] of inputs [inputs, ...].  noise: numbers that the generator starts from.
    """

    def __init__(self, view: ExtractionView, ask: Callable[[Array], Array], noise: int, batch: int) -> None:
        seed = int(view.rng.integers(2**31))
        self._view, self._ask, self._noise, self._batch = view, ask, noise, batch
        self._student: Student = view.students.untrained(seed)
        self._network: nn.Module = self._student.module
        self._draw = Generator().manual_seed(seed)
        shape = view.example.x.shape[1:]
        size = int(np.prod(shape))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            self._generator = nn.Sequential(
                nn.Linear(noise, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, size), nn.Sigmoid()
            )
        self._low = torch.from_numpy(view.low.astype(np.float32))
        self._width = torch.from_numpy((view.high - view.low).astype(np.float32))
        self._shape = shape
        self._copy_steps = torch.optim.Adam(self._network.parameters(), lr=1e-3)
        self._generator_steps = torch.optim.Adam(self._generator.parameters(), lr=5e-4)
        self._kept: list[tuple[Tensor, Tensor]] = []

    def _inputs(self) -> Tensor:
        z = torch.randn(self._batch, self._noise, generator=self._draw)
        inputs: Tensor = self._generator(z)
        return inputs.reshape(-1, *self._shape) * self._width + self._low

    def _target(self, x: Tensor) -> Tensor:
        answered = self._ask(x.detach().numpy().astype(self._view.example.x.dtype))
        return torch.from_numpy((answered - answered.mean(axis=1, keepdims=True)).astype(np.float32))

    def _copied(self, x: Tensor) -> Tensor:
        out: Tensor = self._network(x)
        out = torch.log_softmax(out, dim=1)
        return out - out.mean(dim=1, keepdim=True)

    def round(
        self, generator_steps: int, student_steps: int, directions: int, smoothing: float, progress: float
    ) -> None:
        """One turn of both; the learning rate of the copy falls in three steps."""
        for group in self._copy_steps.param_groups:
            group["lr"] = 1e-3 * 0.3 ** int(3 * progress)
        for _ in range(generator_steps):
            x = self._inputs()
            self._generator_steps.zero_grad()
            x.backward(gradient=-self._slope(x.detach(), directions, smoothing))  # type: ignore[no-untyped-call]
            self._generator_steps.step()
        for _ in range(student_steps):
            with torch.no_grad():
                x = self._inputs()
            self._kept.append((x, self._target(x)))
            self._learn(*self._kept[-1])
            for number in torch.randint(len(self._kept), (3,), generator=self._draw).tolist():
                self._learn(*self._kept[number])

    def _learn(self, x: Tensor, wanted: Tensor) -> None:
        """A step of the copy; answers are paid for, so old ones are learned from again."""
        self._copy_steps.zero_grad()
        loss = (self._copied(x) - wanted).abs().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        self._copy_steps.step()

    def _slope(self, x: Tensor, directions: int, smoothing: float) -> Tensor:
        """Of the distance between copy and target by the input, through both, by forward differences."""
        with torch.no_grad():
            base = (self._copied(x) - self._target(x)).abs().mean(dim=1)
            slope, size = torch.zeros_like(x), x[0].numel()
            for _ in range(directions):
                along = torch.randn(x.shape, generator=self._draw)
                along = along / along.flatten(1).norm(dim=1).reshape(-1, *([1] * (x.ndim - 1)))
                moved = x + smoothing * along * self._width
                change = (self._copied(moved) - self._target(moved)).abs().mean(dim=1) - base
                slope += size * along * (change / smoothing).reshape(-1, *([1] * (x.ndim - 1))) / directions
        return slope / len(x)

    def copy(self) -> Any:
        """The copy as it is now."""
        kept = copying.deepcopy(self._student)
        kept.module.eval()
        return kept

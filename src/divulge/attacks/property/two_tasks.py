"""A module trained for its task and for a property at once, in PyTorch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records


def taught_apart(
    module: nn.Module, records: Records, flags: Array, seed: int, steps: int, rate: float, weight: float
) -> nn.Module:
    """A copy of a module after steps on the task's loss and `weight` times that of a linear head which reads off the
    property from what the last linear layer is given.

    Raises Impossible where there is no linear layer.
    """
    student = copy.deepcopy(module).train()
    last = next((part for part in reversed(list(student.modules())) if isinstance(part, nn.Linear)), None)
    if last is None:
        raise Impossible("it reads what the last linear layer is given, and this module has none")
    given: list[Tensor] = []
    hook = last.register_forward_hook(lambda _, inputs, __: given.append(inputs[0]))
    torch.manual_seed(seed)
    dtype = next(student.parameters()).dtype
    head = nn.Linear(last.in_features, 2).to(dtype)
    optimizer: Any = torch.optim.SGD([*student.parameters(), *head.parameters()], lr=rate, momentum=0.9)
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(np.asarray(records.x)).to(dtype)
    y, kind = torch.from_numpy(records.y.astype(np.int64)), torch.from_numpy(flags.astype(np.int64))
    sides = [np.flatnonzero(flags), np.flatnonzero(~flags)]
    try:
        for _ in range(steps):
            rows = torch.from_numpy(np.concatenate([rng.choice(side, 32) for side in sides]))
            given.clear()
            out = student(x[rows])
            out = torch.cat([torch.zeros_like(out), out], dim=1) if out.shape[1] == 1 else out
            loss = nn.functional.cross_entropy(out, y[rows])
            loss = loss + weight * nn.functional.cross_entropy(head(given[-1].flatten(1)), kind[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(student.parameters(), 5.0)
            optimizer.step()
    finally:
        hook.remove()
    return student.eval()

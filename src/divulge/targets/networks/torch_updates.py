"""What training sends: gradients of a batch, or what several local steps changed; and models cut in two."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.outputs import OutputForm, OutputReading, as_logits, flat, one_vs_rest_loss, over_places, picked
from divulge.core.views.reconstruction import Sent, local_parts

LOGITS = OutputReading(OutputForm.LOGITS)


def loss_from(returned: Any, x: Tensor, y: Tensor, reading: OutputReading = LOGITS) -> Tensor:
    """Mean cross-entropy of what a module returned for x [records, ...], by what its outputs stand for.  Outputs
    [records, tokens, vocabulary] are of a language model: each place says the next token, the last one the class.
    """
    outputs = picked(returned, reading.pick)
    if over_places(outputs, x):
        next_tokens = torch.cat([x[:, 1:], y[:, None]], dim=1)
        return nn.functional.cross_entropy(as_logits(outputs.flatten(0, 1), reading.form), next_tokens.flatten())
    if reading.form is OutputForm.ONE_VS_REST:
        return one_vs_rest_loss(flat(outputs), y)  # type: ignore[no-any-return]
    logits = reading.logits(outputs)
    if logits.shape[1] == 1:
        logits = as_logits(logits, OutputForm.LOGIT)
    return nn.functional.cross_entropy(logits, y)


def loss_of(module: nn.Module, x: Tensor, y: Tensor, reading: OutputReading = LOGITS) -> Tensor:
    """See `loss_from`."""
    return loss_from(module(x), x, y, reading)


def change_of(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    steps: int,
    rate: float,
    epochs: int = 1,
    reading: OutputReading = LOGITS,
) -> tuple[Array, ...]:
    """See `sent_of`: the change alone, computed in evaluation mode."""
    return sent_of(module, x, y, steps, rate, epochs, reading, train=False).change


def sent_of(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    steps: int,
    rate: float,
    epochs: int = 1,
    reading: OutputReading = LOGITS,
    *,
    train: bool = True,
    seed: int = 0,
) -> Sent:
    """By parameter: the gradient of the mean loss, or after several steps of gradient descent (the batch is split among
    them, `epochs` times over in the same order) the change divided by minus the rate; and the buffers afterwards.

    train: in training mode, as clients compute it: batch norm sees the batch alone, dropout draws by `seed`.  Modules
    that cannot train on so few records (batch norm of one) are computed in evaluation mode, and the result says so.
    """
    if steps < 1 or epochs < 1 or rate <= 0:
        raise InputError(
            f"an update needs at least one step, one epoch and a positive rate, not {steps} steps and {epochs} epochs "
            f"at {rate}"
        )
    parts = local_parts(len(x), steps, epochs)
    if not train:
        return _descended(module, x, y, parts, rate, reading, train=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        try:
            return _descended(module, x, y, parts, rate, reading, train=True)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
    return _descended(module, x, y, parts, rate, reading, train=False)


def _descended(
    module: nn.Module, x: Tensor, y: Tensor, parts: list[slice], rate: float, reading: OutputReading, *, train: bool
) -> Sent:
    local = copy.deepcopy(module).train(train).requires_grad_(True)
    start = [p.detach().clone() for p in local.parameters()]
    for part in parts:
        loss = loss_of(local, x[part], y[part], reading)
        gradients = torch.autograd.grad(loss, list(local.parameters()), allow_unused=True)
        with torch.no_grad():
            for p, g in zip(local.parameters(), gradients, strict=True):
                if g is not None:
                    p.sub_(rate * g)
    buffers = tuple(_array(b) for b in local.buffers()) if train else ()
    if len(parts) == 1:
        alone = zip(gradients, local.parameters(), strict=True)
        return Sent(tuple(_array(g if g is not None else torch.zeros_like(p)) for g, p in alone), buffers, train)
    change = tuple(_array((s - p) / rate) for s, p in zip(start, local.parameters(), strict=True))
    return Sent(change, buffers, train)


def _array(values: Tensor) -> Array:
    values = values.detach().cpu()
    return np.asarray((values.float() if values.element_size() == 2 else values).numpy())


class InLogits(nn.Module):
    """A module as whoever holds its file would use it: logits of the classes, whatever it returns."""

    def __init__(self, module: nn.Module, reading: OutputReading) -> None:
        super().__init__()
        self.module, self.reading = module, reading

    def forward(self, x: Tensor) -> Tensor:
        """[records, classes], of a language model [records, places, vocabulary]."""
        outputs = picked(self.module(x), self.reading.pick)
        if over_places(outputs, x):
            return as_logits(outputs.flatten(0, 1), self.reading.form).unflatten(0, outputs.shape[:2])  # type: ignore[no-any-return]
        return self.reading.logits(outputs)  # type: ignore[no-any-return]


def untrained(module: nn.Module, seed: int) -> nn.Module:
    """A module of the same form with its first weights."""
    fresh = copy.deepcopy(module)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        for part in fresh.modules():
            reset = getattr(part, "reset_parameters", None)
            if reset is not None:
                reset()
    return fresh


class Front(nn.Module):
    """The layers of a module up to one of them."""

    def __init__(self, module: nn.Module, layer: str) -> None:
        super().__init__()
        self.module, self.layer = module, layer

    def forward(self, x: Tensor) -> Tensor:
        """What the layer gives out: [records, ...]."""
        kept: list[Tensor] = []
        hook = dict(self.module.named_modules())[self.layer].register_forward_hook(lambda _m, _i, out: kept.append(out))
        try:
            self.module(x)
        finally:
            hook.remove()
        return kept[-1]


def front_of(module: nn.Module, layer: str | None) -> Front:
    """Cut after a layer by name, after the first ('first'), or half way (None); raises InputError for no such layer."""
    leaves = [name for name, part in module.named_modules() if not list(part.children()) and name]
    if not leaves:
        raise InputError("the module has no layers that it could be cut between")
    learned = [n for n in leaves if list(dict(module.named_modules())[n].parameters())]
    if layer is None:
        layer = leaves[max(len(leaves) // 2 - 1, 0)]
    elif layer == "first":
        layer = learned[0] if learned else leaves[0]
    if layer not in leaves:
        raise InputError(f"reconstruction.layer: there is no layer {layer!r}: choose from {', '.join(leaves[:20])}")
    return Front(module, layer)


def moved(module: nn.Module, sent: Sent, rate: float) -> nn.Module:
    """A copy of the module after an update at this rate."""
    after = copy.deepcopy(module)
    with torch.no_grad():
        for parameter, part in zip(after.parameters(), sent.change, strict=True):
            parameter.sub_(rate * torch.as_tensor(part, dtype=parameter.dtype, device=parameter.device))
        if sent.buffers:
            for buffer, value in zip(after.buffers(), sent.buffers, strict=True):
                buffer.copy_(torch.as_tensor(value, device=buffer.device))
    return after

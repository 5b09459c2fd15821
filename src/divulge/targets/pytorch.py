"""PyTorch modules: classifiers that return logits or probabilities, and regressors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.errors import InputError
from divulge.core.extraction import Secrets
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.targets.answers import (
    CLASSIFIER_PORTS,
    VALUE_PORTS,
    are_probabilities,
    checked,
    guarded,
    through_port,
)
from divulge.targets.torch_secrets import of_module
from divulge.targets.torch_updates import (
    Front,
    as_token_tensor,
    change_of,
    front_of,
    loss_of,
    reads_tokens,
    untrained,
)

GRADIENTS_AT_ONCE = 64
AsTensor = Callable[[Array], Tensor]


def as_float_tensor(x: Array) -> Tensor:
    """The default way from records to a tensor: float32, shape unchanged."""
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))


def as_double_tensor(x: Array) -> Tensor:
    """The default for modules in double precision."""
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64))


class TorchTarget:
    """A module in evaluation mode.

    A module whose rows already are probabilities is noticed, so that no softmax is applied twice; one output column
    of a two-class model is read as the logit of the second class.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        task: Task = Task.CLASSIFICATION,
        name: str | None = None,
        as_tensor: AsTensor | None = None,
        device: str = "cpu",
        batch_size: int = 1024,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise InputError(f"TorchTarget needs a torch.nn.Module, not a {type(module).__name__}")
        self.module = module.eval().to(device)
        self._task, self._name = task, name or type(module).__name__
        self._double = any(p.dtype is torch.float64 for p in module.parameters())
        self.reads_tokens = reads_tokens(module)
        usual = as_token_tensor if self.reads_tokens else as_double_tensor if self._double else as_float_tensor
        self._as_tensor = as_tensor or usual
        self._device, self._batch_size = device, batch_size
        self._probabilities: bool | None = None
        self._logit = False

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return self._task

    @property
    def parameters(self) -> int:
        """How many weights the module has."""
        return sum(p.numel() for p in self.module.parameters())

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return VALUE_PORTS if self._task is Task.REGRESSION else CLASSIFIER_PORTS | {Access.GRADIENTS, Access.INTERNALS}

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access is Access.GRADIENTS:
            norms = np.asarray(guarded(self._name, lambda: self._gradient_norms(records)))
            return checked(self._name, norms, len(records), len(list(self.module.parameters())))
        if access is Access.INTERNALS:
            told = np.asarray(guarded(self._name, lambda: self._internals(records)))
            return checked(self._name, told, len(records), told.shape[-1])
        raw = np.asarray(guarded(self._name, lambda: self._forward(records.x)))
        if self._task is Task.REGRESSION:
            return checked(self._name, raw.reshape(len(raw), -1).squeeze(-1), len(records), None)
        width = len(records.schema.classes) or (raw.shape[-1] if raw.ndim == 2 else 2)
        if width == 2 and raw.size == len(records):
            raw = self._two_columns(raw.reshape(-1))
        outputs = checked(self._name, raw, len(records), width)
        if self._probabilities is None:
            self._probabilities = are_probabilities(outputs)
        return through_port(access, outputs, self._probabilities, self._task)

    def alike(self, module: nn.Module) -> TorchTarget:
        """Another module, read the same way."""
        return TorchTarget(
            module, task=self._task, as_tensor=self._as_tensor, device=self._device, batch_size=self._batch_size
        )

    def fingerprint(self) -> str:
        """See Target."""
        state = self.module.state_dict()
        return digest(
            str(self.module), *(part for key in state for part in (key, state[key].detach().cpu().float().numpy()))
        )

    def _forward(self, x: Array) -> Array:
        self.module.eval()
        with torch.inference_mode():
            parts = [
                self._plain(self.module(self._as_tensor(x[i : i + self._batch_size]).to(self._device)))
                for i in range(0, len(x), self._batch_size)
            ]
        return np.asarray(torch.cat(parts).numpy())

    def _plain(self, outputs: Tensor) -> Tensor:
        """On the processor, in double precision where the module works in it; of a language model the last place."""
        outputs = outputs[:, -1] if self.reads_tokens and outputs.dim() == 3 else outputs
        return outputs.double().cpu() if self._double else outputs.float().cpu()

    @property
    def model(self) -> nn.Module:
        """The bare module: what whoever holds the file sees."""
        return self.module

    def update(
        self, records: Records, steps: int = 1, rate: float = 0.1, module: nn.Module | None = None, epochs: int = 1
    ) -> tuple[Array, ...]:
        """What a client sends who trains on these records, by parameter: see torch_updates.change_of.

        module: what the client trains, where a server sent another one.
        """
        x, y = self._as_tensor(records.x).to(self._device), torch.from_numpy(np.asarray(records.y, dtype=np.int64))
        trained = module if module is not None else self.module
        sent = trained.to(self._device), x, y.to(self._device)
        made: Any = guarded(self._name, lambda: change_of(*sent, steps, rate, epochs))
        return tuple(np.asarray(part) for part in made)

    def updated(self, records: Records, steps: int = 1, rate: float = 0.1, epochs: int = 1) -> TorchTarget:
        """The next version: this one after `update` with new records."""
        change = self.update(records, steps, rate, None, epochs)
        module = copy.deepcopy(self.module)
        with torch.no_grad():
            for parameter, part in zip(module.parameters(), change, strict=True):
                parameter.sub_(rate * torch.as_tensor(part, dtype=parameter.dtype, device=parameter.device))
        return self.alike(module)

    def surprise(self, records: Records) -> Array:
        """Loss of every record by itself, of a text the mean over its tokens: [records]."""
        x, y = self._as_tensor(records.x).to(self._device), torch.from_numpy(np.asarray(records.y, dtype=np.int64))
        self.module.eval()
        with torch.inference_mode():
            losses = [loss_of(self.module, x[i : i + 1], y[i : i + 1].to(self._device)) for i in range(len(x))]
        return np.asarray(torch.stack(losses).double().cpu().numpy())

    def fresh(self, seed: int) -> TorchTarget:
        """A target of the same form with untrained weights."""
        return self.alike(untrained(self.module, seed))

    def front(self, layer: str | None = None) -> Front:
        """The layers up to one of them: half way, or the first learned one ('first')."""
        return front_of(self.module, layer)

    def through(self, front: nn.Module, x: Array) -> Array:
        """What a front makes of inputs: [records, ...]."""
        self.module.eval()
        with torch.inference_mode():
            return np.asarray(front(self._as_tensor(x).to(self._device)).cpu().numpy())

    def secrets(self) -> Secrets:
        """What the extraction game compares claims with."""
        return of_module(self.module, self._task is Task.CLASSIFICATION)

    def _gradient_norms(self, records: Records) -> Array:
        """Of the cross-entropy, record by record, batched by torch.func: [records, parameter tensors]."""
        self.module.eval()
        parameters = {name: p.detach() for name, p in self.module.named_parameters()}
        buffers = dict(self.module.named_buffers())

        def loss(values: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            out = torch.func.functional_call(self.module, (values, buffers), (x[None],)).reshape(1, -1)
            out = torch.cat([torch.zeros_like(out), out], dim=1) if out.shape[1] == 1 else out
            return nn.functional.cross_entropy(out, y[None])

        each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
        rows = []
        for start in range(0, len(records), GRADIENTS_AT_ONCE):
            part = slice(start, start + GRADIENTS_AT_ONCE)
            x = self._as_tensor(records.x[part]).to(self._device)
            y = torch.from_numpy(records.y[part].astype(np.int64)).to(self._device)
            found = each(parameters, x, y)
            rows.append(torch.stack([found[name].flatten(1).norm(dim=1) for name in parameters], dim=1).cpu())
        return np.asarray(torch.cat(rows).numpy())

    def _internals(self, records: Records) -> Array:
        """Norms of the loss's gradient by each parameter tensor, and of what every layer passes on its norm, its
        largest value and how much of it is above 0 (Nasr et al. 2019, section III, as numbers that do not depend on
        the order of neurons): [records, tensors + 3 layers].
        """
        layers = [part for part in self.module.modules() if not list(part.children())]
        passed: dict[int, Tensor] = {}

        def note(layer: nn.Module, _: object, output: object) -> None:
            if isinstance(output, Tensor) and len(output) == self._asked:
                flat = output.detach().reshape(len(output), -1).float()
                told = (flat.norm(dim=1), flat.amax(dim=1), (flat > 0).float().mean(dim=1))
                passed[id(layer)] = torch.stack(told, dim=1).cpu()

        hooks = [layer.register_forward_hook(note) for layer in layers]
        rows = []
        try:
            for start in range(0, len(records), self._batch_size):
                x = self._as_tensor(records.x[start : start + self._batch_size]).to(self._device)
                self._asked = len(x)
                with torch.no_grad():
                    self.module.eval()(x)
                rows.append(torch.cat([passed[id(layer)] for layer in layers if id(layer) in passed], dim=1))
        finally:
            for hook in hooks:
                hook.remove()
        norms = np.log(np.maximum(self._gradient_norms(records), 1e-30))
        return np.column_stack([norms, torch.cat(rows).numpy()])

    def _two_columns(self, single: Array) -> Array:
        """One output as two: a probability, unless it comes from a linear layer or was ever seen outside [0, 1]."""
        leaves = [part for part in self.module.modules() if not list(part.children())]
        if leaves and isinstance(leaves[-1], nn.Linear):
            self._logit = True
        self._logit = self._logit or not bool(((single >= 0) & (single <= 1)).all())
        if not self._logit:
            return np.column_stack([1 - single, single])
        return np.column_stack([np.zeros_like(single), single])


def load_weights(module: nn.Module, path: Path) -> nn.Module:
    """The module with the weights of a safetensors file or a state dict; no code in the file is run.

    Raises InputError when the file holds something else, or does not fit the module.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(str(path))
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds here, all with one meaning
        raise InputError(
            f"target.path: {path.name} is not a state dict that loads without running code "
            "(save it with torch.save(model.state_dict(), path) or as safetensors)"
        ) from error
    try:
        module.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError) as error:
        first = " ".join(str(error).split())[:160]
        raise InputError(f"target.path: the weights of {path.name} do not fit the factory's module: {first}") from error
    return module

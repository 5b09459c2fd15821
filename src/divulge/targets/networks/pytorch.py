"""PyTorch modules: classifiers, whatever form their outputs have, and regressors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, derived_seed, digest
from divulge.core.outputs import (
    COARSE,
    MANY,
    SINGLE,
    TOLERANCE,
    OutputForm,
    OutputReading,
    Pick,
    columns,
    contradicted,
    embeds,
    flat,
    form_of,
    over_places,
    picked,
    recognized,
    whole,
)
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.core.views.extraction import Secrets
from divulge.core.views.reconstruction import Sent
from divulge.targets.answers import CLASSIFIER_PORTS, VALUE_PORTS, checked, guarded, through_port
from divulge.targets.batches import Batches
from divulge.targets.networks.torch_cut import CutInTwo
from divulge.targets.networks.torch_gradients import activations, gradient_norms, slopes
from divulge.targets.networks.torch_inputs import Named, Singles, as_numbers, as_owned, last_operation
from divulge.targets.networks.torch_lent import Structure, as_input, bare, device_of, is_quantized, lent, type_of
from divulge.targets.networks.torch_secrets import of_module
from divulge.targets.networks.torch_updates import InLogits, loss_of, moved, sent_of, untrained
from divulge.targets.stated import StatedTarget

LOOKED_AT = 512
"""Records by which it is settled what the outputs stand for."""

INSIDE = frozenset({Access.GRADIENTS, Access.INTERNALS, Access.EXPLANATIONS})
AsTensor = Callable[[Array], Tensor]


class TorchTarget(CutInTwo, StatedTarget):
    """A module, asked in evaluation mode, in its own floating type and where its weights lie; it is left as it was.

    output: what it returns, "logits", "log_probabilities", "probabilities" (softmax), "one_vs_rest" (a sigmoid for each
        class), or for two classes a single "logit" or "probability" of the second; recognised on many records when not
        given, and told by `reading`.
    pick: which of several things that it returns, by name or number; `logits`, or the only one, when not given.
    classes: the labels that its outputs stand for, in their order.
    task: regression where decimal targets meet a single output, else classification, when not given.
    as_tensor: from records to its input; token ids for modules that embed whole numbers, else the module's own type.
    device: where it is asked, and brought back from.
    Raises InputError for anything but a module.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        task: Task | str | None = None,
        name: str | None = None,
        output: OutputForm | str | None = None,
        pick: Pick = None,
        classes: Sequence[Any] = (),
        as_tensor: AsTensor | None = None,
        device: str | None = None,
        batch_size: int = 1024,
    ) -> None:
        if isinstance(module, type):
            raise InputError(f"{module.__name__} is a class: pass a trained module, an instance of it")
        if not isinstance(module, nn.Module):
            raise InputError(f"TorchTarget needs a torch.nn.Module, not a {type(module).__name__}")
        self.module, self.classes = module, tuple(classes)
        self.stated_task = None if task is None else Task(task)
        self._name = name or type(bare(module)).__name__
        self._form, self._pick, self._settled = form_of(output), pick, output is not None
        self._handed = False
        self._type, self._as_tensor = type_of(module), as_tensor
        self.reads_tokens = embeds(module)
        self._ids: bool | None = None
        self._device, self._batch_size = device, batch_size
        self._bare: nn.Module | None = None
        self._bundled = pick is not None
        self._several = False
        self._structure, self.batches = Structure(), Batches()
        self._own: dict[torch.dtype, bool] = {}

    @property
    def reading(self) -> str:
        """What its outputs stand for, in words; not settled before it was asked about records."""
        if self.task is Task.REGRESSION:
            return "one value a record"
        return "not asked yet" if self._form is None else str(self._reading)

    @property
    def settings_told(self) -> str:
        """How the module is asked and read, as far as it was settled or stated."""
        return repr((self._form, self._pick, self.stated_task, getattr(self._as_tensor, "__qualname__", None)))

    @property
    def parameters(self) -> int:
        """How many weights the module has."""
        return sum(p.numel() for p in self.module.parameters())

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return VALUE_PORTS if self.task is Task.REGRESSION else (CLASSIFIER_PORTS | INSIDE) - set(self.lacks)

    @property
    def lacks(self) -> dict[Access, str]:
        """Ports that modules usually have and this one has not, and why."""
        if self._several:
            return dict.fromkeys(INSIDE, "its records are not the rows of one tensor")
        if is_quantized(self.module) or not any(p.dtype.is_floating_point for p in self.module.parameters()):
            reason = "its weights are quantised, or it has none, so the loss has no gradient by them"
            return dict.fromkeys(INSIDE, reason)
        if isinstance(self.module, torch.jit.ScriptModule):
            return {Access.INTERNALS: "it is a TorchScript module, whose layers cannot be watched"}
        return {}

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access in self.lacks:
            raise TargetError(f"{self._name} has no {access.value}: {self.lacks[access]}")
        if access is Access.GRADIENTS:
            norms = np.asarray(guarded(self._name, lambda: self._gradient_norms(records)))
            return checked(self._name, norms, len(records), norms.shape[-1])
        if access is Access.INTERNALS:
            internals = np.asarray(guarded(self._name, lambda: self._internals(records)))
            return checked(self._name, internals, len(records), internals.shape[-1])
        if access is Access.EXPLANATIONS:
            slope = np.asarray(guarded(self._name, lambda: self._slopes(records)))
            return checked(self._name, slope, len(records), slope.shape[-1])
        raw = np.asarray(guarded(self._name, lambda: self._forward(self._given(records))))
        if self.task is Task.REGRESSION:
            return checked(self._name, raw.reshape(len(raw), -1).squeeze(-1), len(records), None)
        self._settle(raw, records)
        assert self._form is not None
        table, probable = columns(raw, self._form) if len(raw) else (raw, False)
        width = len(records.schema.classes) or table.shape[1]
        if table.shape[1] != width and self._form in SINGLE:
            raise TargetError(f"the model {self._name} has a single output and the records {width} classes")
        outputs = checked(self._name, table, len(records), width)
        return through_port(access, outputs, probable, self.task)

    def settle(self, records: Records) -> str:
        """Look at some records and decide, once, what the outputs stand for: the reading, in words.

        Raises TargetError where the module fails, or where nothing decides.
        """
        self._given(records)
        if self.task is Task.CLASSIFICATION and not self._settled:
            some = records.take(np.arange(min(LOOKED_AT, len(records))))
            self._settle(np.asarray(guarded(self._name, lambda: self._forward(self._given(some)))), some)
            self._settled = True
        return self.reading

    def outputs(self, x: Any) -> int:
        """How many numbers it returns for a record, asked about these few; raises TargetError where it fails."""
        own = self._owned(x)
        raw = np.asarray(guarded(self._name, lambda: self._forward(as_numbers(x) if own is None else own)))
        return int(np.prod(raw.shape[1:]))

    def alike(self, module: nn.Module) -> TorchTarget:
        """Another module, read the same way."""
        twin = TorchTarget(
            module,
            task=self.stated_task,
            output=self._form,
            pick=self._pick,
            classes=self.classes,
            as_tensor=self._as_tensor,
            device=self._device,
            batch_size=self._batch_size,
        )
        twin._handed, twin._ids = module is not self.module, self._ids
        return twin

    def fingerprint(self) -> str:
        """See Target."""
        settled = (self._form.value if self._settled and self._form is not None else "", str(self._pick))
        return digest(self._structure.fingerprint(bare(self.module), self._as_tensor), *settled)

    @property
    def _reading(self) -> OutputReading:
        return OutputReading(self._form or OutputForm.LOGITS, self._pick)

    def _settle(self, raw: Array, records: Records) -> None:
        """Decide what outputs stand for; what was handed on with another module is dropped where they contradict it."""
        slack = COARSE if self._type.itemsize == 2 else TOLERANCE
        if self._handed and self._form is not None and contradicted(raw, self._form, slack):
            self._form = None
        self._handed = self._handed and len(raw) < MANY
        if self._form is None and len(raw):
            y = records.y if records.y.dtype.kind in "iu" else None
            self._form = recognized(raw, y, self._ending(self._given(records)[:2], raw), slack)

    def _ending(self, x: Array, raw: Array) -> str:
        module = bare(self.module)
        try:
            with lent(module, self._device), torch.enable_grad():
                return last_operation(module, self._tensor(x), self._pick, raw)
        except Exception:  # a hint only: values and labels decide without it
            return ""

    def _given(self, records: Records) -> Any:
        """What is cut into batches: what the owner gave, where the module takes it in its type; else numbers."""
        own = self._owned(records.native())
        self._several = isinstance(own, Named | Singles)
        return records.x if own is None else own

    def _owned(self, native: Any) -> Tensor | Named | Singles | None:
        own = as_owned(native)
        own = own.in_type(self._type) if isinstance(own, Named) else own
        tensor = isinstance(own, Tensor) and (self._as_tensor is not None or not self._takes_type(own))
        return None if tensor else own

    def _takes_type(self, x: Tensor) -> bool:
        """Whether the module takes records in the type in which their owner holds them; tried once for each."""
        if x.dtype is self._type:
            return True
        if x.dtype not in self._own:
            self._own[x.dtype] = self._works(x[:2])
        return self._own[x.dtype]

    def _tensor(self, x: Any) -> Any:
        place = self._device or device_of(self.module)
        if isinstance(x, Named | Singles):
            return x.fresh().to(place)
        if isinstance(x, Tensor):
            x = x.clone()
        else:
            x = self._as_tensor(x) if self._as_tensor is not None else as_input(x, self._type, self._reads_ids(x))
        return x if place is None else x.to(place)

    def _reads_ids(self, x: Any) -> bool:
        """Whether the module takes whole numbers: it embeds something, they are whole, and it does not refuse them."""
        if self._ids is None:
            ids = self.reads_tokens and whole(x)
            if whole(x) and not self._takes(x[:2], ids) and self._takes(x[:2], not ids):
                ids = not ids
            self._ids = ids
        return self._ids

    def _takes(self, x: Array, ids: bool) -> bool:
        return self._works(as_input(x, self._type, ids))

    def _works(self, given: Tensor) -> bool:
        try:
            place = self._device or device_of(self.module)
            with lent(self.module, self._device), torch.no_grad():
                self.module(given.clone() if place is None else given.clone().to(place))
        except Exception:  # of whatever kind: it does not take them
            return False
        return True

    def _forward(self, x: Any) -> Array:
        with lent(self.module, self._device), torch.no_grad():
            parts = [self._in_parts(x[i : i + self._batch_size]) for i in range(0, len(x), self._batch_size)]
        return np.asarray(torch.cat(parts).numpy())

    def _in_parts(self, x: Any) -> Tensor:
        """Outputs, in as many calls as the module takes."""

        def ask(places: Array | None) -> Tensor:
            return self._plain(self._tensor(x if places is None else x[places]))

        return cast(Tensor, self.batches.ask(len(x), ask, torch.cat))

    def _plain(self, x: Any) -> Tensor:
        """Outputs on the processor, in double precision; of a language model those of the last place."""
        returned = x.asked(self.module, self._pick) if isinstance(x, Named | Singles) else self.module(x)
        outputs = picked(returned, self._pick)
        self._bundled = self._bundled or outputs is not returned
        outputs = outputs[:, -1] if over_places(outputs, x) else outputs
        if len(x) == 1 and (len(outputs.shape) == 0 or len(outputs) != 1):
            outputs = outputs.reshape(1, -1)  # squeezed
        if len(outputs.shape) == 0 or len(outputs) != len(x):
            raise TargetError(
                f"the network answers with shape {tuple(outputs.shape)} for {len(x)} records: one row a record is "
                "expected"
            )
        outputs = outputs if self.task is Task.REGRESSION else flat(outputs)
        return outputs.detach().double().cpu()  # type: ignore[no-any-return]

    @property
    def model(self) -> nn.Module:
        """What whoever holds the file sees: a copy in evaluation mode, which returns logits of the classes."""
        if self._bare is None or self._form is None:
            self._bare = copy.deepcopy(bare(self.module)).eval()
            plain = (
                self._form in (None, OutputForm.LOGITS, OutputForm.LOGIT, OutputForm.LOG_PROBABILITIES)
                and not self._bundled
            )
            if self.task is Task.CLASSIFICATION and not plain:
                self._bare = InLogits(self._bare, self._reading).eval()
        return self._bare

    def update(self, records: Records, *how: Any, **more: Any) -> tuple[Array, ...]:
        """What a client sends who trains on these records, by parameter: see `sent`."""
        return self.sent(records, *how, **more).change

    def sent(
        self,
        records: Records,
        steps: int = 1,
        rate: float = 0.1,
        module: nn.Module | None = None,
        epochs: int = 1,
        train: bool = True,
    ) -> Sent:
        """The same with the buffers, see torch_updates.sent_of.

        module: what the client trains, where a server sent another one: made of `model`, or one like this.
        """
        x, y = self._pair(records)
        trained = bare(self.module) if module is None else module.to(x.device)
        takes_logits = module is not None and any(isinstance(part, InLogits) for part in module.modules())
        reading = OutputReading(OutputForm.LOGITS) if takes_logits else self._reading_for(records)
        seed = derived_seed(0, "dropout", records.fingerprint())
        how = steps, rate, epochs, reading
        sent: Any = guarded(self._name, lambda: sent_of(trained, x, y, *how, train=train, seed=seed))
        return cast(Sent, sent)

    def _pair(self, records: Records) -> tuple[Tensor, Tensor]:
        x = self._tensor(self._given(records))
        return x, torch.from_numpy(np.asarray(records.y, dtype=np.int64)).to(x.device)

    def _reading_for(self, records: Records) -> OutputReading:
        """How the module is read, settled on these records where it was not before."""
        if self._form is None or self._handed:
            self._settle(np.asarray(self._forward(self._given(records))), records)
        return self._reading

    def updated(self, records: Records, steps: int = 1, rate: float = 0.1, epochs: int = 1) -> TorchTarget:
        """The next version: this one after `update` with new records."""
        return self.alike(moved(bare(self.module), self.sent(records, steps, rate, None, epochs), rate))

    def surprise(self, records: Records) -> Array:
        """Loss of every record by itself, of a text the mean over its tokens: [records]."""
        reading = self._reading_for(records)
        x, y = self._pair(records)
        with lent(self.module, self._device), torch.no_grad():
            losses = [loss_of(self.module, x[i : i + 1], y[i : i + 1], reading) for i in range(len(x))]
        return np.asarray(torch.stack(losses).double().cpu().numpy())

    def fresh(self, seed: int) -> TorchTarget:
        """A target of the same form with untrained weights."""
        return self.alike(untrained(bare(self.module), seed))

    def secrets(self) -> Secrets:
        """What the extraction game compares claims with."""
        return of_module(self.module, self.task is Task.CLASSIFICATION)

    def _gradient_norms(self, records: Records) -> Array:
        """Of the loss that the module's outputs stand for, record by record: [records, parameter tensors]."""
        reading = self._reading_for(records)
        module = bare(self.module)
        with lent(module, self._device):
            return np.asarray(gradient_norms(module, *self._pair(records), reading).numpy())

    def _slopes(self, records: Records) -> Array:
        scores, module = self.answer(Access.SCORES, records), bare(self.module)
        with lent(module, self._device):
            return np.asarray(slopes(module, self._pair(records)[0], scores, self._reading_for(records)).numpy())

    def _internals(self, records: Records) -> Array:
        """Norms of the loss's gradient by each parameter tensor, and what layers pass on (see torch_gradients):
        [records, tensors + 3 layers].
        """
        rows, module = [], bare(self.module)
        with lent(module, self._device):
            given = self._given(records)
            for start in range(0, len(records), self._batch_size):
                x = self._tensor(given[start : start + self._batch_size])
                rows.append(activations(module, x, module))
        norms = np.log(np.maximum(self._gradient_norms(records), 1e-30))
        return np.column_stack([norms, torch.cat(rows).numpy()])

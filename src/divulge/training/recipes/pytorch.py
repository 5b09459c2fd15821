"""Recipes of PyTorch modules."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from divulge.core.errors import FOREIGN, InputError, TargetError, raised
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.threat import Task
from divulge.training.networks.distil import distil
from divulge.training.networks.feed import Feed, feed_of, numbers_of, rounds
from divulge.training.networks.module_traits import draws_no_lots, pooled_first
from divulge.training.networks.stacked import batches, stack_of, train_stacked
from divulge.training.networks.vmapped import train_vmapped
from divulge.training.recipes.augment import Augmentation, augmented


class Optimizer(Enum):
    """Which optimiser."""

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"


OPTIMIZERS: dict[Optimizer, Callable[..., torch.optim.Optimizer]] = {
    Optimizer.ADAM: torch.optim.Adam,
    Optimizer.ADAMW: torch.optim.AdamW,
    Optimizer.SGD: torch.optim.SGD,
}


class Schedule(Enum):
    """How the learning rate changes: not at all, along half a cosine to 0, or to a tenth after each third."""

    CONSTANT = "constant"
    COSINE = "cosine"
    STEPS = "steps"


TINY, SMALL = 32 * 1024, 128 * 1024
"""Bytes of weights."""

SNAPSHOTS = 10
"""Stages at which a student is kept."""

Objective = Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, Generator, int], Tensor]
"""`objective(forward, x, y, generator, epoch)`: what a step descends on instead of the recipe's own loss."""

_SEEDING = threading.Lock()
"""torch has one generator for the whole process, from which modules draw their first weights."""


@dataclass(frozen=True)
class Stepping:
    """How a training goes through its steps, see TorchRecipe.fit and TorchRecipe.fit_by."""

    half: bool = False
    steps: int | None = None
    objective: Objective | None = None
    after_epoch: Callable[[nn.Module, int], bool] | None = None


@dataclass(frozen=True)
class TorchRecipe:
    """Train what `factory()` builds with cross-entropy, or squared error for regression.

    factory: makes an untrained module; it is called under the seed of the training.
    learning_rate, weight_decay: of the optimiser.  momentum: of SGD.  schedule: of the learning rate, step by step.
    augmentation: what happens to images in every batch.
    """

    factory: Callable[[], nn.Module]
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: Optimizer = Optimizer.ADAM
    weight_decay: float = 0.0
    momentum: float = 0.0
    schedule: Schedule = Schedule.CONSTANT
    augmentation: Augmentation = Augmentation.NONE

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise InputError(f"recipe.{name} is {getattr(self, name)}: it must be above 0")

    def untrained(self, seed: int) -> tuple[nn.Module, Generator]:
        """A new module, and a generator that goes on where its first weights left off."""
        generator = Generator()
        with _SEEDING, torch.random.fork_rng(devices=[]):
            if torch.cuda.is_available():
                torch.manual_seed(seed)
            else:  # the same for the processor, without what torch keeps for GPUs that may come
                torch.default_generator.manual_seed(seed)
            module = self._built()
            generator.set_state(torch.get_rng_state())
        return module, generator

    def _built(self) -> nn.Module:
        """What the factory makes; raises InputError where it fails, or makes no module."""
        try:
            module = self.factory()
        except FOREIGN as error:  # the user's own code: it may raise anything
            raise InputError(f"recipe: the factory of the module failed: {raised(error)}: call it yourself") from error
        if not isinstance(module, nn.Module):
            raise InputError(f"recipe: the factory makes a {type(module).__name__}, and a torch.nn.Module is needed")
        return module

    def fit(self, records: Records, seed: int, *, half: bool = False, steps: int | None = None) -> nn.Module:
        """A trained module; equal records and seed give equal weights.  Raises TargetError where training fails.

        half: multiply in bfloat16.  steps: stop after so many, to measure.
        """
        return self._fitted(records, seed, Stepping(half, steps))

    def fit_by(
        self,
        records: Records,
        seed: int,
        objective: Objective,
        after_epoch: Callable[[nn.Module, int], bool] | None = None,
    ) -> nn.Module:
        """See `fit`; the same training by another loss.

        after_epoch: told the module and the number of each epoch that ended; the training stops where it says True.
        """
        return self._fitted(records, seed, Stepping(objective=objective, after_epoch=after_epoch))

    def _fitted(self, records: Records, seed: int, how: Stepping) -> nn.Module:
        module, generator = self.untrained(seed)
        try:
            if draws_no_lots(module):
                self._train(module, records, generator, how)
            else:
                with torch.random.fork_rng(devices=[]):
                    torch.set_rng_state(generator.get_state())
                    self._train(module, records, torch.default_generator, how)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            first = (str(error).splitlines() or [""])[0]
            raise TargetError(f"training {self.describe()} failed: {type(error).__name__}: {first}") from error
        return module.cpu().eval()

    def _train(self, module: nn.Module, records: Records, generator: Generator, how: Stepping) -> None:
        regression = records.schema.task is Task.REGRESSION
        device = device_of_choice()
        given = numbers_of(records)
        feed = self.feed(module, given, regression)
        x = feed.x(given).to(device)
        y = torch.from_numpy(records.y.astype(np.float32 if regression else np.int64)).to(device)
        module.to(device)
        if any(isinstance(part, nn.Conv2d) for part in module.modules()):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            x = x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
        optimizer, rate = self.optimizer_for(module.parameters(), fused=True), self.rates(len(x), feed.merged)
        module.train()
        trained = pooled_first(module)
        asked = feed.asked(trained, regression)
        rows, a_round = torch.arange(len(x))[None], rounds(len(x), self.batch_size, feed.merged)
        for number, batch in enumerate(islice(batches(self, rows, [generator], feed.merged), how.steps)):
            here = batch[0].to(device)
            seen = augmented(x[here], self.augmentation, generator)
            optimizer.param_groups[0]["lr"] = rate(number)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device, dtype=torch.bfloat16, enabled=how.half):
                if how.objective is not None:
                    loss = how.objective(asked, seen, y[here], generator, number // a_round)
                else:
                    outputs = trained(seen)
            if how.objective is None and feed.plain:
                loss = self.loss(outputs.float(), y[here], regression)
            elif how.objective is None:
                loss = feed.loss(outputs, seen, y[here], regression)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if how.after_epoch is not None and (number + 1) % a_round == 0:
                if how.after_epoch(module, number // a_round):
                    break
                module.train()

    def feed(self, module: nn.Module, x: Array, regression: bool = False) -> Feed:
        """How this module is fed with such records, and what its outputs stand for."""
        return feed_of(module, x, self.batch_size, regression)

    def steps(self, records: int, merged: bool = False) -> int:
        """Of training on so many records.  merged: a last batch of one joins the one before."""
        return self.epochs * rounds(records, self.batch_size, merged)

    def rates(self, records: int, merged: bool = False) -> Callable[[int], float]:
        """The learning rate at each step of training on so many records."""
        total = self.steps(records, merged)
        if self.schedule is Schedule.COSINE:
            return lambda step: float(self.learning_rate * (1 + np.cos(np.pi * step / total)) / 2)
        if self.schedule is Schedule.STEPS:
            return lambda step: self.learning_rate * 0.1 ** (3 * step // total)
        return lambda step: self.learning_rate

    @staticmethod
    def loss(outputs: Tensor, y: Tensor, regression: bool) -> Tensor:
        """The mean over the batch, of outputs that are logits, one logit, or values."""
        if regression:
            return functional.mse_loss(outputs.reshape(len(y)), y)
        if outputs.ndim == 2 and outputs.shape[1] == 1:
            return functional.binary_cross_entropy_with_logits(outputs[:, 0], y.float())
        return functional.cross_entropy(outputs, y)

    def optimizer_for(self, parameters: Iterable[Tensor], fused: bool = False) -> torch.optim.Optimizer:
        """The recipe's optimiser for these parameters.  fused: one pass over memory a step, equal results."""
        settings: dict[str, Any] = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        if self.optimizer is Optimizer.SGD:
            settings["momentum"] = self.momentum
        return OPTIMIZERS[self.optimizer](parameters, fused=fused or None, **settings)

    def stackable(self) -> bool:
        """Whether many of these networks can be trained as one on this machine."""
        if self.augmentation is not Augmentation.NONE:
            return False
        module = self._example()
        if stack_of(module) is not None:
            return True
        return torch.cuda.is_available() and draws_no_lots(module) and not list(module.buffers())

    def threadable(self) -> bool:
        """Whether networks can be trained side by side in threads: none of them draws from the process's generator."""
        return draws_no_lots(self._example())

    def _example(self) -> nn.Module:
        return self.untrained(0)[0]

    def parameter_bytes(self) -> int:
        """Size of one network's weights in memory."""
        return sum(p.numel() * p.element_size() for p in self._example().parameters())

    def half_is_fast(self) -> bool:
        """Whether this machine multiplies in bfloat16 much faster than in float32: a GPU, or a CPU made for it."""
        native = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        return torch.cuda.is_available() or any(getattr(torch.cpu, name, lambda: False)() for name in native)

    def fit_stack(
        self, records: Records, keep: Array, seeds: Sequence[int], *, half: bool = False, steps: int | None = None
    ) -> list[nn.Module]:
        """Many networks at once; see training.stacked and, for a GPU, training.vmapped."""
        work = train_stacked if stack_of(self._example()) is not None else train_vmapped
        return work(self, records, keep, seeds, device=device_of_choice(), half=half, steps=steps)

    def distil(self, records: Records, log_scores: Array, seed: int) -> list[nn.Module]:
        """A student of another model at ten stages of its training; see training.distil.  On one thread: the steps are
        small, and on a busy machine threads that share them wait for each other.
        """
        before = self.threads()
        self.one_thread()
        try:
            return distil(self, records, log_scores, seed, min(SNAPSHOTS, self.epochs))
        finally:
            self.all_threads(before)

    def one_thread(self) -> None:
        """Keep to one thread from here on: there is a worker for every core."""
        torch.set_num_threads(1)

    def threads(self) -> int:
        """How many threads one operation uses."""
        return torch.get_num_threads()

    def all_threads(self, number: int) -> None:
        """One operation may use so many again."""
        torch.set_num_threads(number)

    def tiny(self) -> bool:
        """Whether a step's work is so small that it is the calls that cost: stacks side by side would wait for them."""
        return self.parameter_bytes() < TINY

    def small(self) -> bool:
        """Whether bfloat16 would gain nothing."""
        return self.parameter_bytes() < SMALL

    def pack(self, model: nn.Module) -> bytes:
        """The weights in the safetensors format, shared ones (of tied layers) once for each name."""
        from safetensors.torch import save

        state, known = {}, set[int]()
        for name, value in model.state_dict().items():
            shared = value.untyped_storage().data_ptr() in known
            known.add(value.untyped_storage().data_ptr())
            state[name] = value.clone().contiguous() if shared else value.contiguous()
        return save(state)

    def unpack(self, packed: bytes) -> nn.Module:
        """A module with these weights."""
        from safetensors.torch import load

        module = self._example()
        module.load_state_dict(load(packed))
        return module.eval()

    def overfitted(self) -> TorchRecipe:
        """Three times the epochs, no weight decay, no augmentation."""
        return replace(self, epochs=3 * self.epochs, weight_decay=0.0, augmentation=Augmentation.NONE)

    @property
    def settings(self) -> dict[str, float | str]:
        """Of the training, in the words in which attacks claim them."""
        coupled = self.weight_decay > 0 and self.optimizer is not Optimizer.ADAMW
        decay = {"weight_decay": self.weight_decay} if coupled else {}
        return {"optimizer": self.optimizer.value, "batch_size": self.batch_size, **decay}

    def describe(self) -> str:
        """The recipe on one line."""
        name = getattr(self.factory, "__name__", type(self.factory).__name__)
        words = (
            f"{name}, {self.optimizer.value} {self.learning_rate:g}, {self.epochs} epochs, batches of "
            f"{self.batch_size}, weight decay {self.weight_decay:g}"
        )
        if self.schedule is not Schedule.CONSTANT:
            words += f", {self.schedule.value} schedule"
        return words if self.augmentation is Augmentation.NONE else f"{words}, images {self.augmentation.value}"

    def fingerprint(self) -> str:
        """Of the settings and of the module that the factory builds."""
        module = self._example()
        shapes = str([(k, tuple(v.shape)) for k, v in module.state_dict().items()])
        return digest(self.describe(), str(self.momentum), str(module), shapes)


def device_of_choice() -> str:
    """Where networks are trained."""
    return "cuda" if torch.cuda.is_available() else "cpu"

"""Cheap shadow models of a fine-tune: the topmost layers, trained over what the frozen ones below make of a text."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from divulge.core.errors import InputError
from divulge.core.hashing import digest
from divulge.core.records import Records
from divulge.training.recipes.adapter_stack import AdapterStack, StackParts

if TYPE_CHECKING:
    from divulge.training.networks.frozen_layers import Activations


@dataclass(frozen=True)
class ProxyFineTune(AdapterStack):
    """Trains as `recipe` does, all weights or adapters, but of its top `proxy_layers` layers alone: the rest answers as
    the base does, in evaluation mode, and is computed once for each text.  The model that results is a whole one.

    recipe: a FineTune.
    Raises InputError where the base has not more layers than that, or they cannot be found.
    """

    recipe: Any
    _kept: list[Activations] = field(default_factory=list, init=False, repr=False, compare=False)

    cacheable = True

    def __post_init__(self) -> None:
        from divulge.training.networks.frozen_layers import layers_of

        top, rate = self.recipe.proxy_layers, self.recipe.proxy_learning_rate
        if rate is not None and rate <= 0:
            raise InputError(f"recipe.proxy_learning_rate is {rate}: it must be above 0")
        layers = layers_of(self.recipe.base.model)
        if top is None or not 0 < top < len(layers):
            raise InputError(
                f"recipe.proxy_layers is {top}: {self.recipe.base.name} has {len(layers)} layers, so choose from 1 to "
                f"{len(layers) - 1}, or leave it out"
            )

    def __getstate__(self) -> dict[str, Any]:
        """Without activations: a worker computes its own."""
        return {"recipe": self.recipe, "_kept": []}

    @property
    def _cut(self) -> int:
        from divulge.training.networks.frozen_layers import layers_of

        return len(layers_of(self.recipe.base.model)) - int(self.recipe.proxy_layers)

    def fit(self, records: Records, seed: int) -> Any:
        """See ModelRecipe."""
        import torch

        below, how = self.below, self.tuned()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model, entered = self._prepared()
            with below.entering(entered) as loss_of:
                how.optimize(model, how.encoded(records), seed, loss_of)
            return self._finished(model)

    @property
    def below(self) -> Activations:
        """What the lower layers make of texts, kept for all models."""
        from divulge.training.networks.frozen_layers import Activations

        if not self._kept:
            self._kept.append(Activations(self.recipe.base.model, self._cut))
        return self._kept[0]

    def tuned(self) -> Any:
        """See AdapterStack: with the learning rate of proxies."""
        rate = self.recipe.proxy_learning_rate
        return self.recipe if rate is None else replace(self.recipe, learning_rate=rate)

    def stack_parts(self) -> StackParts:
        """See AdapterStack."""
        from divulge.training.networks.frozen_layers import layers_of, linear_names, without_lower
        from divulge.training.networks.lean_model import sharing

        how, below, stub = self.tuned(), self.below, without_lower(self.recipe.base.model, self._cut)
        names = linear_names(stub, layers_of(stub)[self._cut :])
        model = sharing(stub)
        enter = below.entering_flat(layers_of(model)[self._cut])
        return StackParts(how, model, lambda seed: how.drawn(sharing(stub), names, seed), self._with_adapters, enter)

    def _with_adapters(self, values: dict[str, Any]) -> Any:
        from divulge.training.networks.low_rank import merged

        base, scale = self.recipe.base, self.recipe.alpha / self.recipe.rank
        target: Any = base.alike(merged(copy.deepcopy(base.model), values, scale).requires_grad_(True))
        target.start, target.adapters = base, values
        return target

    def overfitted(self) -> ProxyFineTune:
        """See FineTune."""
        return ProxyFineTune(self.recipe.overfitted())

    def describe(self) -> str:
        """One line."""
        plain = replace(self.recipe, proxy_layers=None).describe()
        return f"{plain}, in {topmost(self.recipe.proxy_layers)} alone"

    def fingerprint(self) -> str:
        """See ModelRecipe."""
        return digest("proxy", self.recipe.fingerprint())

    def pack(self, model: Any) -> bytes:
        """See Packable: what was trained, as safetensors."""
        from safetensors.torch import save

        from divulge.training.networks.frozen_layers import layers_of

        own = layers_of(model.model)[self._cut :].state_dict() if self.recipe.method == "full" else model.adapters
        return save({name: value.detach().cpu().clone().contiguous() for name, value in own.items()})

    def unpack(self, packed: bytes) -> Any:
        """See Packable."""
        from safetensors.torch import load

        from divulge.training.networks.frozen_layers import layers_of

        if self.recipe.method == "lora":
            return self._with_adapters(load(packed))
        model, _ = self._prepared()
        layers_of(model)[self._cut :].load_state_dict(load(packed))
        return self._finished(model)

    def _prepared(self) -> tuple[Any, Any]:
        """A model whose lower layers do nothing, and its first layer that does something."""
        from divulge.training.networks.frozen_layers import layers_of, linear_names, without_lower

        model = without_lower(self.recipe.base.model, self._cut)
        top = layers_of(model)[self._cut :]
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        for parameter in top.parameters():
            parameter.requires_grad_(True)
        first = top[0]
        if self.recipe.method == "lora":
            model = self.recipe.adapted(model, linear_names(model, top))
        return model, first

    def _finished(self, model: Any) -> Any:
        """The whole model, with the trained layers over those of the base."""
        from divulge.training.networks.frozen_layers import with_upper

        base, adapters = self.recipe.base, None
        if self.recipe.method == "lora":
            from peft import get_peft_model_state_dict

            adapters = {n: value.detach().cpu().clone() for n, value in get_peft_model_state_dict(model).items()}
            model = model.merge_and_unload()
        whole = with_upper(base.model, model, self._cut).requires_grad_(True)
        target: Any = base.alike(whole.eval())
        target.start, target.adapters = base, adapters
        return target


def topmost(layers: int | None) -> str:
    """So many layers, in words."""
    return "the topmost layer" if layers == 1 else f"the top {layers} layers"

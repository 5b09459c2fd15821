"""Language models trained on texts: fine-tuned whole, by adapters, or by the owner's own function."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.targets import ReadsTexts, model_of
from divulge.core.errors import FOREIGN, InputError, TargetError, raised
from divulge.core.hashing import digest
from divulge.core.identity import content_hash
from divulge.core.language.texts import Text, as_records, texts_of
from divulge.core.persons import every_nth
from divulge.core.records import Records
from divulge.training.recipes.adapter_stack import AdapterStack, StackParts

SMALL_SHARE = 8
HARDER = 3
"""How many times as long, and at how many times the rate, the positive control is trained."""


@dataclass(frozen=True)
class FineTune(AdapterStack):
    """Train `base` on texts with the loss of its next tokens, of a pair on the completion alone; `recipe(texts, seed)`
    is the trained model.

    base: a `CausalTarget`, which says how texts are read.
    method: all weights, or adapters of low rank on all linear layers (Hu et al. 2022), merged when they are trained.
    learning_rate, epochs, batch_size, schedule, weight_decay: of AdamW; by default as transformers' Trainer has them.
    clip: the longest gradient of a step.  rank, alpha, dropout: of the adapters.
    max_tokens: of each text; as `base` reads them when not given.
    proxy_layers: shadow models adapt only so many of the topmost layers, which is several times as cheap, and knows a
    little less of how the audited model was trained.  None for shadow models that are trained as it was.
    proxy_learning_rate: of such shadow models, where it is another one.
    """

    base: Any
    method: Literal["full", "lora"] = "full"
    learning_rate: float = 5e-5
    epochs: int = 3
    batch_size: int = 8
    max_tokens: int | None = None
    schedule: Literal["linear", "constant"] = "linear"
    weight_decay: float = 0.0
    clip: float = 1.0
    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0
    proxy_layers: int | None = None
    proxy_learning_rate: float | None = None

    cacheable = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "clip", "rank", "alpha"):
            if getattr(self, name) <= 0:
                raise InputError(f"recipe.{name} is {getattr(self, name)}: it must be above 0")
        if self.method not in ("full", "lora"):
            raise InputError(f"recipe.method is {self.method!r}: choose full or lora")
        if not able(self.base, ReadsTexts):
            raise InputError(
                "recipe.base: must be a language model as divulge reads it, CausalTarget(model, tokenizer)"
            )
        model: Any = model_of(self.base)
        if _packed(model) and (self.method == "full" or not _linear(model)):
            raise InputError(
                "recipe.base: its weights are quantized, and such are not trained: name the model as it was before, "
                "or, where its library has adapters, method lora; or leave the recipe out"
            )
        if self.proxy_layers is not None:
            self.for_shadows()

    def __call__(self, texts: Records | Sequence[Text], seed: int = 0) -> Any:
        """A model trained on these texts: a CausalTarget."""
        return self.fit(as_records(texts), seed)

    def fit(self, records: Records, seed: int) -> Any:
        """See ModelRecipe; raises TargetError where the loss is no number any more."""
        return self.fit_with(records, seed, lambda model, texts: self.optimize(model, texts, seed, self.loss_of))

    def loss_of(self, model: Any, texts: Sequence[Any], passed: Callable[[Any], list[int]] | None = None) -> Any:
        """See FitsTexts."""
        from divulge.training.networks.next_tokens import loss_of_texts

        return loss_of_texts(model, texts, passed)

    def fit_with(self, records: Records, seed: int, descend: Callable[[Any, list[Any]], None]) -> Any:
        """See FitsTexts."""
        import torch

        texts = self.encoded(records)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = self._prepared()
            descend(model, texts)
            return self._finished(model)

    def encoded(self, records: Records) -> list[Any]:
        """The tokens of each text that are trained on."""
        texts = [self.base.encode(text) for text in texts_of(records)]
        return [replace(text, ids=text.ids[: self.max_tokens]) for text in texts] if self.max_tokens else texts

    def for_shadows(self) -> Any:
        """See Proxied; raises InputError where there are not so many layers."""
        if self.proxy_layers is None:
            return self
        from divulge.training.recipes.proxy_fine_tune import ProxyFineTune

        return ProxyFineTune(self)

    def overfitted(self) -> FineTune:
        """Three times as long at three times the rate, without dropout and decay."""
        return replace(
            self,
            epochs=HARDER * self.epochs,
            learning_rate=HARDER * self.learning_rate,
            weight_decay=0.0,
            dropout=0.0,
        )

    def describe(self) -> str:
        """One line."""
        from divulge.training.recipes.proxy_fine_tune import topmost

        how = "all weights" if self.method == "full" else f"adapters of rank {self.rank}"
        proxies = (
            f"; shadow models adapt {topmost(self.proxy_layers)} alone, over frozen ones" if self.proxy_layers else ""
        )
        return (
            f"{self.base.name} fine-tuned, {how}, {self.epochs} epochs, batches of {self.batch_size}, learning rate "
            f"{self.learning_rate:g}, {self.max_tokens or self.base.max_tokens} tokens a text"
            f"{proxies if self.proxy_layers else ''}"
        )

    def fingerprint(self) -> str:
        """See ModelRecipe."""
        settings = {key: value for key, value in vars(self).items() if key not in ("base", "_fingerprint")}
        return digest("fine-tune", self.base.fingerprint(), repr(sorted(settings.items())))

    def started_from(self) -> Any:
        """See StartsFrom."""
        return self.base

    def pack(self, model: Any) -> bytes:
        """See Packable: the adapters alone, or all weights, as safetensors."""
        from safetensors.torch import save

        kept = model.adapters if self.method == "lora" else model.model.state_dict()
        return save({name: value.detach().cpu().clone().contiguous() for name, value in kept.items()})

    def unpack(self, packed: bytes) -> Any:
        """See Packable."""
        from safetensors.torch import load

        if self.method == "lora":
            return self.with_adapters(load(packed))
        model = self._prepared()
        model.load_state_dict(load(packed))
        return self._finished(model)

    def with_adapters(self, values: dict[str, Any]) -> Any:
        """A model from its adapters, by the names that peft gives them."""
        from divulge.training.networks.low_rank import merged

        target: Any = self.base.alike(merged(copy.deepcopy(self.base.model), values, self.alpha / self.rank))
        target.start, target.adapters = self.base, values
        return target

    def tuned(self) -> FineTune:
        """See AdapterStack."""
        return self

    def stack_parts(self) -> StackParts:
        """See AdapterStack."""
        from divulge.training.networks.lean_model import sharing

        base = self.base.model
        return StackParts(
            self, sharing(base), lambda seed: self.drawn(sharing(base), "all-linear", seed), self.with_adapters
        )

    def drawn(self, model: Any, modules: str | list[str], seed: int) -> dict[str, Any]:
        """The adapters that a training with this seed begins with; the model gets them too."""
        import torch
        from peft import get_peft_model_state_dict

        torch.manual_seed(seed)
        return {
            name: value.detach().clone()
            for name, value in get_peft_model_state_dict(self.adapted(model, modules)).items()
        }

    def _prepared(self) -> Any:
        """A copy of the base, with adapters where the method has some."""
        model = copy.deepcopy(self.base.model)
        if self.method == "full":
            return model.requires_grad_(True)
        return self.adapted(model, "all-linear")

    def adapted(self, model: Any, modules: str | list[str]) -> Any:
        """The model with fresh adapters at these modules."""
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=modules,
            task_type="CAUSAL_LM",
            fan_in_fan_out=any(type(part).__name__ == "Conv1D" for part in model.modules()),
        )
        with warnings.catch_warnings():  # peft asks transformers by a former name
            warnings.simplefilter("ignore", FutureWarning)
            return get_peft_model(model, config)

    def _finished(self, model: Any) -> Any:
        if self.method == "full":
            target: Any = self.base.alike(model.eval())
            target.start = self.base
            return target
        from peft import get_peft_model_state_dict

        adapters = {name: value.detach().cpu().clone() for name, value in get_peft_model_state_dict(model).items()}
        target = self.base.alike(model.merge_and_unload().eval())
        target.start, target.adapters = self.base, adapters
        return target

    def optimize(
        self,
        model: Any,
        texts: Sequence[Any],
        seed: int,
        loss_of: Callable[[Any, list[Any]], Any],
        after_epoch: Callable[[Any, int], bool] | None = None,
    ) -> None:
        """Train the weights that want a gradient.  loss_of: from a model and the texts of a batch.  after_epoch: from a
        model and the epoch's number, whether that was the last one.
        """
        import torch

        weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        steps = self.epochs * -(-len(texts) // self.batch_size)
        optimizer, pace = self.optimizer_for(weights, steps)
        model.train()
        batches = self.batches(texts, seed)
        for epoch in range(self.epochs):
            for batch in islice(batches, steps // self.epochs):
                optimizer.zero_grad()
                loss = loss_of(model, batch)
                if not torch.isfinite(loss):
                    raise TargetError(f"the loss of {self.describe()} is {loss.item()}: lower the learning rate")
                loss.backward()
                torch.nn.utils.clip_grad_norm_(weights, self.clip)
                optimizer.step()
                pace.step()
            if after_epoch is not None and after_epoch(model, epoch):
                break

    def batches(self, texts: Sequence[Any], seed: int) -> Iterator[list[Any]]:
        """The texts of each step of all epochs."""
        rng = np.random.default_rng(seed)
        for _ in range(self.epochs):
            order = rng.permutation(len(texts)).tolist()
            for start in range(0, len(texts), self.batch_size):
                yield [texts[place] for place in order[start : start + self.batch_size]]

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, from 0 on, of so many."""
        return self.learning_rate * self._pace(step, steps)

    def _pace(self, step: int, steps: int) -> float:
        return max(0.0, 1 - step / steps) if self.schedule == "linear" else 1.0

    def optimizer_for(self, weights: list[Any], steps: int) -> tuple[Any, Any]:
        """The optimiser, and what sets its rate after each of so many steps."""
        import torch

        optimizer = torch.optim.AdamW(weights, lr=self.learning_rate, weight_decay=self.weight_decay)
        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._pace(step, steps))


def _packed(model: Any) -> bool:
    """Whether weights are kept in fewer bits than a number with a fraction has, by PyTorch or another library."""
    if not hasattr(model, "modules"):
        return False
    kinds = [type(part).__module__ for part in model.modules()]
    return any(".quantized" in kind for kind in kinds) or any(not p.is_floating_point() for p in model.parameters())


def _linear(model: Any) -> bool:
    """Whether a layer inside it is one that adapters can stand beside."""
    return any(
        "Linear" in type(part).__name__ and ".quantized" not in type(part).__module__
        for name, part in model.named_modules()
        if not name.endswith("lm_head")
    )


@dataclass(frozen=True)
class TextRecipe:
    """`train(texts, seed)` returns a language model of any kind that divulge can audit, or (model, tokenizer).

    share: one text in `share` is really used; the overfitted variant uses few.
    """

    train_model: Callable[..., Any]
    share: int = 1

    def fit(self, records: Records, seed: int) -> Any:
        """What the function returns; whatever it raises becomes TargetError."""
        part = records.take(every_nth(len(records), self.share, records.groups))
        try:
            return self.train_model(texts_of(part), seed)
        except FOREIGN as error:  # the user's own code: it may raise anything
            raise TargetError(f"training by {self.describe()} failed: {raised(error)}") from error

    def overfitted(self) -> TextRecipe:
        """The same function on an eighth of the texts."""
        return TextRecipe(self.train_model, SMALL_SHARE)

    def describe(self) -> str:
        """The function's name."""
        return f"{getattr(self.train_model, '__name__', 'function')}(texts, seed)"

    def fingerprint(self) -> str:
        """Of the function's code and of what it holds."""
        return digest("texts", self.describe(), str(self.share), content_hash(self.train_model))

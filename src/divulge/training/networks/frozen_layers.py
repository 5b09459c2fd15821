"""A language model cut in two: what the lower layers make of a text, computed once, and the upper ones alone."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from divulge.core.errors import InputError
from divulge.training.networks.flat_texts import Flat
from divulge.training.networks.next_tokens import loss_of_texts

MOST_BYTES = 2**30
"""Of activations that are kept; those of further texts are computed again in every batch."""


def layers_of(model: Any) -> nn.ModuleList:
    """The layers of a causal language model of transformers, from the lowest to the topmost.

    Raises InputError where they cannot be told.
    """
    count = getattr(model.config, "num_hidden_layers", None)
    found = [part for part in model.modules() if isinstance(part, nn.ModuleList) and len(part) == count]
    if len(found) != 1:
        raise InputError(
            f"recipe.proxy_layers: it cannot be told which are the layers of a {type(model).__name__}; leave it out"
        )
    return found[0]


def linear_names(model: nn.Module, part: nn.Module) -> list[str]:
    """Full names, within the model, of all linear layers of a part of it."""
    inside = {id(module) for module in part.modules()}
    linear = {"Linear", "Conv1D"}
    return [name for name, m in model.named_modules() if id(m) in inside and type(m).__name__ in linear]


class _Passed(nn.Module):
    """Stands for a layer and hands on what it is given, in the form of that layer's output."""

    def __init__(self, layer: nn.Module, in_tuple: bool) -> None:
        super().__init__()
        self._in_tuple = in_tuple
        # What the model around it reads off its layers: how they attend, for one.
        for name, value in vars(layer).items():
            if isinstance(value, str | int | float) and name not in vars(self):
                setattr(self, name, value)

    def forward(self, hidden_states: Tensor, *args: Any, **named: Any) -> Any:
        """What was given."""
        return (hidden_states,) if self._in_tuple else hidden_states


def without_lower(model: Any, cut: int) -> Any:
    """A copy of a model in which the layers below number `cut` do nothing."""
    lower = layers_of(model)[:cut]
    in_tuple = _gives_tuple(model, lower[0])
    return copy.deepcopy(model, {id(layer): _Passed(layer, in_tuple) for layer in lower})


def with_upper(model: Any, trained: Any, cut: int) -> Any:
    """A copy of a model with the layers from number `cut` on of another one."""
    pairs = zip(layers_of(model)[cut:], layers_of(trained)[cut:], strict=True)
    return copy.deepcopy(model, {id(own): upper for own, upper in pairs})


class _Reached(Exception):
    """Ends a pass of the model where it is of no more interest."""

    def __init__(self, what: Any) -> None:
        super().__init__()
        self.what = what


def _stop(what: Any) -> None:
    raise _Reached(what)


def _gives_tuple(model: Any, layer: nn.Module) -> bool:
    hook = layer.register_forward_hook(lambda module, args, output: _stop(output))
    try:
        with torch.no_grad():
            model(input_ids=torch.zeros(1, 2, dtype=torch.long, device=next(model.parameters()).device))
    except _Reached as reached:
        return isinstance(reached.what, tuple)
    finally:
        hook.remove()
    raise InputError("recipe.proxy_layers: the model does not call its layers; leave it out")


class Activations:
    """What the layers below number `cut` make of texts, in evaluation mode: [tokens, width] each."""

    def __init__(self, model: Any, cut: int) -> None:
        self._model, self._layer = model, layers_of(model)[cut]
        self._kept: dict[tuple[int, ...], Tensor] = {}
        self._bytes = 0
        self._one = threading.Lock()

    def of(self, texts: Sequence[Any]) -> list[Tensor]:
        """Of each text, which have `ids`."""
        with self._one:
            return self._of(texts)

    def _of(self, texts: Sequence[Any]) -> list[Tensor]:
        new = list(dict.fromkeys(text.ids for text in texts if text.ids not in self._kept))
        fresh = dict(zip(new, self._computed(new), strict=True)) if new else {}
        for ids, value in fresh.items():
            if self._bytes + value.nbytes <= MOST_BYTES:
                self._kept[ids], self._bytes = value, self._bytes + value.nbytes
        return [self._kept.get(text.ids, fresh.get(text.ids)) for text in texts]  # type: ignore[misc]

    def _computed(self, texts: list[tuple[int, ...]]) -> list[Tensor]:
        longest, place = max(map(len, texts)), next(self._model.parameters()).device
        ids = torch.zeros(len(texts), longest, dtype=torch.long)
        mask = torch.zeros(len(texts), longest, dtype=torch.long)
        for row, text in enumerate(texts):
            ids[row, : len(text)], mask[row, : len(text)] = torch.tensor(text), 1

        def entered(module: Any, args: Any, named: Any) -> None:
            _stop(args[0] if args else named["hidden_states"])

        hook, training = self._layer.register_forward_pre_hook(entered, with_kwargs=True), self._model.training
        self._model.eval()
        try:
            with torch.no_grad():
                self._model(input_ids=ids.to(place), attention_mask=mask.to(place))
        except _Reached as reached:
            hidden = reached.what
        finally:
            hook.remove()
            self._model.train(training)
        return [hidden[row, : len(text)].clone() for row, text in enumerate(texts)]

    def entering_flat(self, layer: nn.Module) -> Callable[[Flat], None]:
        """To be called with each batch: these activations of its texts then enter at `layer`."""
        batch: list[Tensor] = []

        def entered(module: Any, args: Any, named: Any) -> Any:
            return ((batch[0], *args[1:]), named) if args else (args, {**named, "hidden_states": batch[0]})

        def enter(flat: Flat) -> None:
            real = iter(self.of([text for text in flat.texts if text is not None]))
            width, kind = self._model.config.hidden_size, next(self._model.parameters())
            parts = [
                kind.new_zeros(length, width) if text is None else next(real)
                for text, length in zip(flat.texts, flat.lengths, strict=True)
            ]
            batch[:] = [torch.cat(parts)[None]]

        layer.register_forward_pre_hook(entered, with_kwargs=True)
        return enter

    @contextmanager
    def entering(self, layer: nn.Module) -> Iterator[Callable[[Any, list[Any]], Tensor]]:
        """The loss of a model on a batch of texts while these activations enter at `layer`, whatever lies below it."""
        batch: list[Tensor] = []

        def entered(module: Any, args: Any, named: Any) -> Any:
            return ((batch[0], *args[1:]), named) if args else (args, {**named, "hidden_states": batch[0]})

        def loss_of(model: Any, texts: list[Any]) -> Tensor:
            batch[:] = [nn.utils.rnn.pad_sequence(self.of(texts), batch_first=True)]
            return loss_of_texts(model, texts)

        hook = layer.register_forward_pre_hook(entered, with_kwargs=True)
        try:
            yield loss_of
        finally:
            hook.remove()

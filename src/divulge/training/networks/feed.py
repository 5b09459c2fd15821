"""How the modules of a recipe are fed and read: token ids or numbers, and whatever form their outputs have."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from divulge.core.errors import Impossible, TargetError
from divulge.core.hashing import Array
from divulge.core.outputs import (
    OutputForm,
    OutputReading,
    as_logits,
    embeds,
    ending,
    flat,
    one_vs_rest_loss,
    over_places,
    picked,
    recognized,
    tried_ending,
    whole,
)
from divulge.core.records import Records
from divulge.training.networks.module_traits import draws_no_lots

LOOKED_AT = 32


LOGITS = OutputReading(OutputForm.LOGITS)


@dataclass(frozen=True)
class Feed:
    """Of one module.  kind: of its inputs.  ids: whether they are token ids.  own: whether whole numbers and truth
    values are fed in their own type.  plain: whether it returns a tensor [records, outputs] of logits, which needs no
    reading.  merged: whether a batch of one record is more than it can train on, so that it joins the one before.
    """

    kind: torch.dtype = torch.float32
    ids: bool = False
    own: bool = False
    reading: OutputReading = LOGITS
    plain: bool = True
    merged: bool = False

    def x(self, values: Array) -> Tensor:
        """Inputs."""
        if self.own and values.dtype.kind in "iub":
            return torch.from_numpy(np.ascontiguousarray(values))
        if self.ids and whole(values):
            return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64))
        wide = np.float64 if self.kind is torch.float64 else np.float32
        return torch.from_numpy(np.ascontiguousarray(values, dtype=wide)).to(self.kind)

    def logits(self, module: Callable[[Tensor], Any]) -> Callable[[Tensor], Tensor]:
        """The module as one that returns logits [records, classes]."""
        return lambda x: self.reading.logits(module(x), x)

    def asked(self, module: Callable[[Tensor], Any], regression: bool) -> Callable[[Tensor], Tensor]:
        """The module as one that returns logits, or one logit, or one value a record."""
        if self.plain:
            return module
        return (lambda x: picked(module(x))) if regression else self.logits(module)

    def told(self, returned: Any, y: Tensor, regression: bool) -> Tensor:
        """See `loss`, where the inputs are no more at hand: of a language model the last place counts."""
        outputs = picked(returned)
        outputs = outputs[:, -1] if len(outputs.shape) == 3 else outputs
        return self.loss(outputs, y, y, regression)

    def loss(self, returned: Any, x: Tensor, y: Tensor, regression: bool) -> Tensor:
        """The mean over the batch of what the module is trained on: the likelihood that its outputs say, of a language
        model at every place, of a class by itself binary cross-entropy; or squared error.
        """
        outputs = picked(returned)
        if regression:
            return functional.mse_loss(outputs.reshape(len(y)).float(), y)
        if over_places(outputs, x):
            next_tokens = torch.cat([x[:, 1:], y[:, None]], dim=1)
            logits = as_logits(outputs.flatten(0, 1), self.reading.form)
            return functional.cross_entropy(logits.float(), next_tokens.flatten())
        if self.reading.form is OutputForm.ONE_VS_REST:
            return one_vs_rest_loss(flat(outputs), y)  # type: ignore[no-any-return]
        return functional.cross_entropy(self.reading.logits(outputs).float(), y)


def numbers_of(records: Records) -> Array:
    """What a module is trained on: whole numbers and truth values in the type in which they were given, else numbers.

    Raises Impossible for records that are not the rows of one array.
    """
    if records.schema.opaque:
        raise Impossible(
            "these records are not the rows of one tensor (several inputs by name, or of unequal length), which a "
            "TorchRecipe cannot stack: pass a function train(x, y, seed) -> module as recipe"
        )
    native = records.native()
    if isinstance(native, Tensor):
        native = native.cpu().numpy() if not native.is_floating_point() else records.x
    owned = isinstance(native, np.ndarray) and native.dtype.kind in "iub" and native.shape == records.x.shape
    return np.asarray(native) if owned else records.x


def feed_of(module: nn.Module, x: Array, batch_size: int, regression: bool = False) -> Feed:
    """What a module and these records ask for, found by looking at a few of them; nothing of the module changes, and
    nothing is drawn from the process's generator.
    """
    kinds = [p.dtype for p in module.parameters() if p.dtype.is_floating_point]
    feed = Feed(torch.float64 if torch.float64 in kinds else kinds[0] if kinds else torch.float32)
    if draws_no_lots(module):
        return _looked(module, feed, x, batch_size, regression)
    with torch.random.fork_rng(devices=[]):
        return _looked(module, feed, x, batch_size, regression)


def _looked(module: nn.Module, feed: Feed, x: Array, batch_size: int, regression: bool) -> Feed:
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        feed, returned = _fed(module, feed, x[:LOOKED_AT])
        if returned is None:
            return feed
        given = feed.x(x[:LOOKED_AT])
        feed = _read(module, feed, given, returned, regression)
    finally:
        for part, mode in modes:
            part.training = mode
    lone = batch_size > 1 and len(x) > batch_size and len(x) % batch_size == 1
    merged = lone and not _trains_on(module, feed.x(x[:1]))
    return replace(feed, merged=merged)


def _fed(module: nn.Module, feed: Feed, x: Array) -> tuple[Feed, Any]:
    """As token ids, or as numbers: what the module takes; and what it returns, None where it takes neither."""
    ids = embeds(module) and whole(x)
    own = [Feed(feed.kind, own=True)] if x.dtype.kind in "iub" and not ids else []
    for tried in (*own, Feed(feed.kind, ids), Feed(feed.kind, not ids)):
        if tried.ids and not whole(x):
            continue
        try:
            place = next((p.device for p in module.parameters()), torch.device("cpu"))
            return tried, module(tried.x(x).to(place))
        except Exception:  # whatever it raises is raised again in training
            continue
    return Feed(feed.kind, ids), None


def _read(module: nn.Module, feed: Feed, x: Tensor, returned: Any, regression: bool) -> Feed:
    try:
        outputs = picked(returned)
        if over_places(outputs, x):
            return replace(feed, plain=False)
        outputs = outputs if regression else flat(outputs)
    except TargetError:
        return feed
    if regression:
        return replace(feed, plain=outputs is returned)
    values = outputs.detach().double().cpu().numpy()
    try:
        form = recognized(values, None, _ending(module, x, outputs, values))
    except TargetError:
        form = OutputForm.LOGIT if values.shape[1] == 1 else OutputForm.LOGITS
    plain = (
        outputs is returned
        and len(returned.shape) == 2
        and form in (OutputForm.LOGITS, OutputForm.LOGIT, OutputForm.LOG_PROBABILITIES)
    )
    return replace(feed, reading=OutputReading(form), plain=plain)


def _ending(module: nn.Module, x: Tensor, outputs: Tensor, values: Array) -> str:
    parameters = dict(module.named_parameters())

    def ask(weights: dict[str, Tensor]) -> Any:
        place = next(iter(parameters.values())).device
        return picked(torch.func.functional_call(module, weights, (x.to(place),)))

    try:
        return tried_ending(ending(outputs), values, ask, parameters)
    except Exception:  # a hint only
        return ""


def _trains_on(module: nn.Module, x: Tensor) -> bool:
    """Whether a single record can be trained on: batch normalisation has nothing to compare it with."""
    tried = copy.deepcopy(module).train()
    place = next((p.device for p in tried.parameters()), torch.device("cpu"))
    try:
        tried(x.to(place))
    except ValueError:
        return False
    except Exception:  # something else is wrong, which is raised again in training
        return True
    return True


def rounds(records: int, batch_size: int, merged: bool) -> int:
    """Batches of an epoch."""
    return -(-records // batch_size) - merged

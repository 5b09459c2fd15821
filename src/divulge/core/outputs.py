"""What the outputs of a network stand for: recognised by looking at many of them, and turned into logits.

Nothing here needs the library that a network is written in: a tensor is what can do what tensors do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array
from divulge.core.signals import logsumexp

TOLERANCE = 1e-3
"""By how much probabilities of a record may miss 1 in single precision."""

COARSE = 2e-2
"""The same in half precision."""

MANY = 8
"""Records whose outputs sum to 1 by no coincidence."""

SURE, LEANING = 20.0, 5.0
"""Nats of evidence: of a linear last operation for logits, and of outputs that all lie in [0, 1] for probabilities."""

LEAST = 1e-38
"""The smallest probability that has a logarithm here."""

SMALLEST_CHANCE = 1e-3
"""What labels that a reading thought impossible count against it, so that no single record decides."""

PASSING = ("ToCopy", "View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Select", "Slice", "Clone", "Alias", "T")
PASSING_ALSO = ("Transpose", "Permute", "Index", "Expand", "Contiguous")
LINEAR = ("Addmm", "Mm", "Bmm", "Baddbmm", "Mv", "Addmv", "Convolution", "MkldnnConvolution", "Linear")


class OutputForm(Enum):
    """What a network gives out for a record."""

    LOGITS = "logits"
    LOG_PROBABILITIES = "log_probabilities"
    PROBABILITIES = "probabilities"
    LOGIT = "logit"
    PROBABILITY = "probability"
    ONE_VS_REST = "one_vs_rest"
    SHARES = "shares"
    PERCENTAGE = "percentage"
    LOG_PROBABILITY = "log_probability"


WORDS = {
    OutputForm.LOGITS: "a logit for each class",
    OutputForm.LOG_PROBABILITIES: "log-probabilities of the classes",
    OutputForm.PROBABILITIES: "probabilities of the classes",
    OutputForm.LOGIT: "one logit a record, of the second class",
    OutputForm.PROBABILITY: "one probability a record, of the second class",
    OutputForm.ONE_VS_REST: "a probability for each class by itself, read as shares of their sum",
    OutputForm.SHARES: "a share for each class, percent or votes say, of their sum",
    OutputForm.PERCENTAGE: "one percentage a record, of the second class",
    OutputForm.LOG_PROBABILITY: "one log-probability a record, of the second class",
}
SINGLE = frozenset({OutputForm.LOGIT, OutputForm.PROBABILITY, OutputForm.PERCENTAGE, OutputForm.LOG_PROBABILITY})
PROBABLE = frozenset({OutputForm.PROBABILITIES, OutputForm.PROBABILITY, OutputForm.ONE_VS_REST})

Pick = str | int | None


def form_of(stated: OutputForm | str | None) -> OutputForm | None:
    """The form by its name; raises InputError for an unknown one."""
    if stated is None or isinstance(stated, OutputForm):
        return stated
    names = [form.value for form in OutputForm]
    if stated not in names:
        raise InputError(f"output={stated!r} is unknown: choose one of {', '.join(names)}")
    return OutputForm(stated)


def picked(given: Any, pick: Pick = None) -> Any:
    """The tensor in what a network returned: itself, `logits` of an object, the only one there is, or the one named.

    Raises TargetError that names the choices.
    """
    if _is_tensor(given):
        return given
    parts = _parts(given)
    if pick is not None:
        if pick in parts and _is_tensor(parts[pick]):
            return parts[pick]
        if isinstance(pick, int) and -len(parts) <= pick < len(parts) and _is_tensor(list(parts.values())[pick]):
            return list(parts.values())[pick]
        raise TargetError(f"the network returns nothing called {pick!r}: it returns {_choices(parts)}")
    tensors = {name: part for name, part in parts.items() if _is_tensor(part)}
    if "logits" in tensors:
        return tensors["logits"]
    if len(tensors) == 1:
        return next(iter(tensors.values()))
    if not tensors:
        raise TargetError(f"the network returned a {type(given).__name__}: a tensor of scores was expected")
    first = next(iter(tensors))
    raise TargetError(
        f"the network returns {_choices(parts)}: say which holds the scores, TorchTarget(module, pick={first!r}), say"
    )


def _is_tensor(thing: Any) -> bool:
    return hasattr(thing, "detach") and hasattr(thing, "shape")


def _parts(given: Any) -> dict[Any, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    if hasattr(given, "_fields"):
        return {name: getattr(given, name) for name in given._fields}
    if isinstance(given, list | tuple):
        return dict(enumerate(given))
    if is_dataclass(given):
        return {field.name: getattr(given, field.name) for field in fields(given)}
    return {k: v for k, v in getattr(given, "__dict__", {}).items() if not k.startswith("_")}


def _choices(parts: Mapping[Any, Any]) -> str:
    choices = [f"{n!r} {tuple(p.shape)}" if _is_tensor(p) else f"{n!r} ({type(p).__name__})" for n, p in parts.items()]
    return ", ".join(choices[:8]) or "nothing"


def ending(outputs: Any) -> str:
    """The last operation that made a tensor with a gradient: sigmoid, softmax, logsigmoid, linear, or ''."""
    step = getattr(outputs, "grad_fn", None)
    for _ in range(50):
        if step is None:
            return ""
        name = type(step).__name__.split("Backward")[0]
        if name in PASSING or name in PASSING_ALSO:
            step = step.next_functions[0][0] if step.next_functions else None
        elif name in LINEAR:
            return "linear"
        else:
            known = {"Sigmoid": "sigmoid", "Softmax": "softmax", "LogSigmoid": "logsigmoid", "LogSoftmax": "softmax"}
            return known.get(name, "")
    return ""


def recognized(values: Array, y: Array | None = None, ends: str = "", tolerance: float = TOLERANCE) -> OutputForm:
    """What outputs [records], [records, 1] or [records, classes] stand for.

    Their range and their sums decide where they can.  Where all lie in [0, 1] and both readings are possible, the last
    operation (`ends`, see `ending`) and the labels do: the reading that explains them better, under either order of
    two classes, since a wrong order is a fault of its own.  y: class codes [records] or None.
    Raises TargetError where nothing decides.
    """
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    sound = ~np.isnan(values).any(axis=1)
    values, y = values[sound], None if y is None else np.asarray(y)[sound]
    single = values.shape[1] == 1
    if not len(values):
        return OutputForm.LOGIT if single else OutputForm.LOGITS
    if not single and (len(values) >= MANY or ends != "linear"):
        if (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=tolerance):
            return OutputForm.PROBABILITIES
        if (values <= tolerance).all() and np.allclose(logsumexp(values), 0, atol=tolerance):
            return OutputForm.LOG_PROBABILITIES
        if shared_out(values, tolerance):
            return OutputForm.SHARES
    if ends == "logsigmoid":
        raise TargetError("the network ends in logsigmoid: let it return its logits, or exp() of these")
    if (values < 0).any() or (values > 1).any():
        return OutputForm.LOGIT if single else OutputForm.LOGITS
    plain, probable = (
        (OutputForm.LOGIT, OutputForm.PROBABILITY) if single else (OutputForm.LOGITS, OutputForm.ONE_VS_REST)
    )
    if ends in ("sigmoid", "softmax"):
        return probable
    gain = 0.0 if y is None else explained(values, y, probable) - explained(values, y, plain)
    if not ends and not gain and np.ptp(values) < TOLERANCE:
        raise TargetError(
            f"all outputs of the network lie near {values.flat[0]:.3g}, which can be logits or probabilities: say "
            f"which, output={plain.value!r} or output={probable.value!r}"
        )
    return probable if gain + (-SURE if ends == "linear" else LEANING) > 0 else plain


def shared_out(values: Array, tolerance: float = TOLERANCE) -> bool:
    """Whether all rows [records, classes], of many, are shares of one and the same sum: percent, votes of 30 trees."""
    if len(values) < MANY or values.shape[1] < 2 or (values < 0).any() or np.ptp(values, axis=0).max() == 0:
        return False
    total = float(np.median(values.sum(axis=1)))
    return total > 0 and np.allclose(values.sum(axis=1), total, rtol=tolerance, atol=0)


def inside(values: Array) -> bool:
    """Whether all values lie in [0, 1], so that they could be probabilities or logits."""
    return bool(len(values)) and bool(((values >= 0) & (values <= 1)).all())


def bounded(ask: Callable[[dict[str, Any]], Any], parameters: Mapping[str, Any]) -> bool:
    """Whether outputs stay in [0, 1] whatever the weights: a sigmoid written by hand does, a scaled logit does not.

    ask: outputs under these parameters.
    """
    for factor in (100.0, -100.0):
        outputs = ask({name: p.detach() * factor for name, p in parameters.items()}).detach().double()
        if bool((outputs < -TOLERANCE).any()) or bool((outputs > 1 + TOLERANCE).any()):
            return False
    return True


def tried_ending(known: str, values: Array, ask: Callable[[dict[str, Any]], Any], parameters: Mapping[str, Any]) -> str:
    """The last operation, see `ending`; where that is not known, whether outputs such as these stay in [0, 1] under
    any weights.  ask, parameters: see `bounded`.
    """
    if known or not inside(values) or not parameters:
        return known
    return "sigmoid" if bounded(ask, parameters) else "linear"


def one_vs_rest_loss(outputs: Any, y: Any) -> Any:
    """Mean binary cross-entropy, summed over classes, of a probability for each class by itself."""
    outputs = outputs.float() if outputs.element_size() == 2 else outputs
    hot = outputs.new_zeros(outputs.shape).scatter(1, y[:, None], 1.0)
    likelihood = hot * outputs + (1 - hot) * (1 - outputs)
    return -likelihood.clamp(min=LEAST).log().sum(1).mean()


def explained(values: Array, y: Array, form: OutputForm) -> float:
    """Log-likelihood of labels in nats, in the better order of two classes."""
    table, probable = columns(values, form)
    scores = np.log(np.maximum(table, SMALLEST_CHANCE)) if probable else table - logsumexp(table)[:, None]
    scores = np.maximum(scores, np.log(SMALLEST_CHANCE))
    inside = (y >= 0) & (y < scores.shape[1])
    rows, codes = np.flatnonzero(inside), y[inside].astype(np.int64)
    explained = [scores[rows, codes].sum()]
    if scores.shape[1] == 2:
        explained.append(scores[rows, 1 - codes].sum())
    return float(max(explained))


def contradicted(values: Array, form: OutputForm, tolerance: float = TOLERANCE) -> bool:
    """Whether outputs [records, ...] cannot be of this form."""
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    values = values[~np.isnan(values).any(axis=1)]
    if not len(values) or (form in SINGLE) != (values.shape[1] == 1):
        return bool(len(values))
    if form in (OutputForm.SHARES, OutputForm.PERCENTAGE) and (values < 0).any():
        return True
    if form in PROBABLE and ((values < -tolerance).any() or (values > 1 + tolerance).any()):
        return True
    if form is OutputForm.PROBABILITIES:
        return not np.allclose(values.sum(axis=1), 1, atol=10 * tolerance)
    if form is OutputForm.LOG_PROBABILITIES:
        return not np.allclose(logsumexp(values), 0, atol=10 * tolerance)
    if form is OutputForm.LOGITS and len(values) >= MANY:
        return bool((values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=tolerance))
    return False


def columns(values: Array, form: OutputForm) -> tuple[Array, bool]:
    """Outputs as [records, classes], two for a single one, and whether they are probabilities."""
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    if form is OutputForm.LOGIT:
        return np.column_stack([np.zeros(len(values)), values]), False
    if form is OutputForm.PROBABILITY:
        values = np.clip(values, 0, 1)
        return np.column_stack([1 - values, values]), True
    if form is OutputForm.PERCENTAGE:
        return columns(values / 100, OutputForm.PROBABILITY)
    if form is OutputForm.LOG_PROBABILITY:
        return columns(np.exp(np.minimum(values, 0)), OutputForm.PROBABILITY)
    if form in (OutputForm.ONE_VS_REST, OutputForm.SHARES):
        total = values.sum(axis=1, keepdims=True)
        return np.where(total > 0, values / np.where(total > 0, total, 1), 1 / values.shape[1]), True
    return values, form is OutputForm.PROBABILITIES


def as_logits(outputs: Any, form: OutputForm) -> Any:
    """A tensor [records, classes] whose softmax is what the network says, with a gradient that is its own."""
    if form in (OutputForm.LOGITS, OutputForm.LOG_PROBABILITIES):
        return outputs
    if form in SINGLE:
        single = outputs.reshape(outputs.shape[0], 1)
        if form is OutputForm.LOGIT:
            return single * single.new_tensor([0.0, 1.0])
        if form is not OutputForm.PROBABILITY:
            single = single / 100 if form is OutputForm.PERCENTAGE else single.clamp(max=0).exp()
        outputs = single * single.new_tensor([-1.0, 1.0]) + single.new_tensor([1.0, 0.0])
    if outputs.element_size() == 2:
        outputs = outputs.float()
    return outputs.clamp(min=LEAST).log()


@dataclass(frozen=True)
class OutputReading:
    """How a network is read.  pick: which of several things that it returns."""

    form: OutputForm
    pick: Pick = None

    def logits(self, returned: Any, ids: Any = None) -> Any:
        """See `as_logits`; of a language model, which answers at every place of `ids`, those of the last place."""
        outputs = picked(returned, self.pick)
        if ids is not None and over_places(outputs, ids):
            outputs = outputs[:, -1]
        return as_logits(flat(outputs), self.form)

    def __str__(self) -> str:
        return WORDS[self.form] + ("" if self.pick is None else f" (of {self.pick!r})")


def over_places(outputs: Any, ids: Any) -> bool:
    """Whether outputs [records, places, vocabulary] are a language model's at the places of token ids."""
    tokens = len(ids.shape) == 2 and not ids.is_floating_point()
    return bool(tokens and len(outputs.shape) == 3 and outputs.shape[1] == ids.shape[1])


def flat(outputs: Any) -> Any:
    """Outputs as [records, outputs], where the further axes are of one; raises TargetError for others."""
    shape = tuple(outputs.shape)
    if len(shape) == 2:
        return outputs
    if len(shape) == 0:  # of one record, squeezed
        return outputs.reshape(1, 1)
    if len(shape) == 0 or int(np.prod(shape[1:])) != max((1, *shape[1:])):
        raise TargetError(
            f"the network answers with shape {shape}: one row of scores a record, (records, classes), is expected"
        )
    return outputs.reshape(shape[0], -1)


def whole(x: Array) -> bool:
    """Whether all values are whole numbers of at least 0, as token ids are."""
    x = np.asarray(x)
    if x.dtype.kind in "iub":
        return bool(x.dtype.kind != "i" or (x >= 0).all())
    return bool(x.dtype.kind == "f" and (x >= 0).all() and (x == np.floor(x)).all())


def embeds(module: Any) -> bool:
    """Whether a network of PyTorch looks something up by number."""
    names = {base.__name__ for part in module.modules() for base in type(part).__mro__}
    return bool(names & {"Embedding", "EmbeddingBag"})

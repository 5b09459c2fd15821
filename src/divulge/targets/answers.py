"""What every adapter checks of an answer, and how one port is made from another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from divulge.core.boundary.watch import asking
from divulge.core.errors import FOREIGN, TargetError, raised
from divulge.core.hashing import Array
from divulge.core.signals import log_of_scores, log_softmax
from divulge.core.threat import Access, Task, closure

CLASSIFIER_PORTS = closure({Access.LOGITS})
SCORER_PORTS = closure({Access.SCORES})
LABEL_PORTS = closure({Access.LABEL})
VALUE_PORTS = frozenset({Access.LABEL, Access.TOPK, Access.SCORES, Access.LOGITS})


def guarded(name: str, call: Callable[[], object]) -> object:
    """What a model returns; whatever it raises becomes one TargetError that names it."""
    try:
        with asking():
            return call()
    except TargetError:
        raise
    except FOREIGN as error:  # a model is foreign code: it may raise anything
        raise TargetError(f"the model {name} crashed: {raised(error)}") from error


def checked(name: str, answer: object, records: int, width: int | None) -> Array:
    """The answer as a float array of the expected shape, finite throughout; else TargetError."""
    array = np.asarray(answer)
    if array.dtype.kind not in "fiub":
        raise TargetError(f"the model {name} answered with {array.dtype} values: numbers were expected")
    expected = (records,) if width is None else (records, width)
    if array.shape != expected:
        raise TargetError(f"the model {name} answered with shape {array.shape}: {expected} was expected")
    array = array.astype(np.float64)
    if np.isnan(array).any() or np.isposinf(array).any():
        broken = int((~np.isfinite(array)).reshape(records, -1).any(axis=1).sum())
        raise TargetError(f"the model {name} answered NaN or infinity for {broken} of {records} records")
    return array


def paired(answer: object, width: int, probabilities: bool) -> object:
    """Two columns for a single number a record about the second of two classes, a probability or a logit."""
    array = np.asarray(answer)
    if width != 2 or array.dtype.kind not in "fiub" or array.ndim == 0 or array.size != len(array):
        return answer
    single = array.reshape(-1).astype(np.float64)
    return np.column_stack([1 - single if probabilities else np.zeros_like(single), single])


def are_probabilities(answer: Array) -> bool:
    """Whether rows are distributions already, so that no softmax must be applied to them; to so many decimals as they
    are rounded to.
    """
    if not (answer >= 0).all() or not (answer <= 1 + 1e-3).all():
        return False
    whole = (d for d in (1, 2, 3) if np.allclose(answer * 10**d, np.round(answer * 10**d), atol=1e-4))
    decimals = next(whole, None)
    off = 1e-3 if decimals is None else max(1e-3, answer.shape[-1] * 0.5 * 10.0**-decimals + 1e-6)
    return bool(np.abs(answer.sum(axis=-1) - 1.0).max() <= min(off, 0.5))


def through_port(access: Access, outputs: Array, probabilities: bool, task: Task) -> Array:
    """The answer at a port made from logits or probabilities [records, classes], or from values [records]."""
    if task is Task.REGRESSION:
        return outputs
    if access is Access.LABEL:
        return np.asarray(outputs.argmax(axis=1))
    log_scores = log_of_scores(outputs) if probabilities else log_softmax(outputs)
    if access is Access.SCORES:
        return log_scores
    if access is Access.LOGITS:
        return log_scores if probabilities else outputs
    raise TargetError(f"this kind of target has no port for {access.value}")

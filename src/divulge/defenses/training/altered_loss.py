"""What defences of the training share: scores of two or more classes, and what such a defence asks of its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from divulge.core.errors import InputError
from divulge.core.records import Records
from divulge.core.threat import Task

if TYPE_CHECKING:
    from torch import Tensor


def for_classes(name: str, records: Records) -> int:
    """How many classes; raises InputError for records whose labels are values."""
    if records.schema.task is not Task.CLASSIFICATION:
        raise InputError(f"defenses: {name!r} is for classifiers, and this model predicts values")
    return max(len(records.schema.classes), 2)


def wide(outputs: Tensor) -> Tensor:
    """Logits [batch, classes], also where a network has a single output: that of the second of two classes."""
    import torch

    logits = outputs.float()
    return torch.cat([torch.zeros_like(logits), logits], dim=1) if logits.shape[1] == 1 else logits


def cross_entropy(logits: Tensor, shares: Tensor) -> Tensor:
    """Of each record against shares of the classes: [batch]."""
    from torch.nn import functional

    return -(shares * functional.log_softmax(logits, dim=1)).sum(dim=1)


def one_hot(y: Tensor, classes: int) -> Tensor:
    """Classes as shares: [batch, classes]."""
    from torch.nn import functional

    return functional.one_hot(y, classes).float()

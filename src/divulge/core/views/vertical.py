"""A vertical federation as one of its parties sees it: columns lie with one, labels or other columns with another."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from divulge.core.hashing import Array
from divulge.core.views.reconstruction import _View


def _none() -> Array:
    return np.zeros((0, 1))


@dataclass(frozen=True)
class CutView(_View):
    """What a party without labels is sent while it trains with another.

    gradients: of each record's loss by what its layers gave out, [records, numbers].  shares: how common each class is
    in the population.  examples: such gradients of one record of each class whose label it knows, [classes, numbers].
    """

    gradients: Array = field(default_factory=_none)
    shares: Array = field(default_factory=_none)
    examples: Array = field(default_factory=_none)


@dataclass(frozen=True, eq=False)
class LabelGuess:
    """labels: class codes [records].  evidence: the larger, the likelier the rarer of two classes, [records]; None
    where there is no such number.
    """

    labels: Array
    evidence: Array | None = None
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class JointView(_View):
    """What a party with its own columns sees when the model is asked about joint records.

    own, other: places of its columns, and of those of the other party.  known: [records, own].  log_scores: that the
    model gave for the whole records, [records, classes].
    """

    own: tuple[int, ...] = ()
    other: tuple[int, ...] = ()
    known: Array = field(default_factory=_none)
    log_scores: Array = field(default_factory=_none)

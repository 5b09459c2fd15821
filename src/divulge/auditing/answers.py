"""What one model answered about some records, and how much of the truth is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from divulge.core.errors import DivulgeError, InputError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.results.handshake import Handshake
from divulge.core.signals import log_softmax, of_class
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.defenses.interface.defended_target import DefendedTarget
from divulge.stats.handshake import gini, kappa, line, r_squared

SCORED = (Access.LOGITS, Access.SCORES, Access.TOPK)
AT_CHANCE, WELL = 0.1, 0.3
"""Kappa, or R2: up to the first a model shows nothing, from the second on it shows that there is something to learn."""


SAME = 1e-9
"""Up to so much two probabilities, or two values in standard deviations of the truth, are one answer."""


@dataclass(frozen=True, eq=False)
class Seen:
    """y: the truth [records].  said: class codes or values [records].  width: classes, 0 for regression.  log_scores:
    [records, classes], None where only labels or values are shown.
    """

    y: Array
    said: Array
    width: int
    log_scores: Array | None = None

    def take(self, index: Array) -> Seen:
        """The same about some of the records."""
        scores = self.log_scores[index] if self.log_scores is not None else None
        return Seen(self.y[index], self.said[index], self.width, scores)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def loss(self) -> Array:
        """By record: minus the log-probability of the truth, whether it was missed, or the absolute error."""
        if self.log_scores is not None:
            return -of_class(self.log_scores, self.y)
        return self.missed

    @property
    def missed(self) -> Array:
        """By record: whether another class was answered; the absolute error of a value."""
        return np.asarray(np.abs(self.said - self.y) if not self.width else self.said != self.y, dtype=np.float64)

    @cached_property
    def right(self) -> float:
        """Accuracy, or R2."""
        return float(np.mean(self.said == self.y)) if self.width else r_squared(self.said, self.y)

    @property
    def constant(self) -> bool:
        """Whether all records, of different truths, get one answer, but for the last digits."""
        if len(self) < 2 or np.ptp(self.y) == 0:
            return False
        if self.log_scores is not None:
            return bool(np.ptp(np.exp(self.log_scores), axis=0).max() <= SAME)
        return bool(np.ptp(self.said) <= (0 if self.width else SAME * np.std(self.y)))

    @property
    def chance(self) -> float:
        """Share of the commonest class; 0 for regression."""
        return float(np.bincount(self.y.astype(np.int64)).max() / len(self.y)) if self.width else 0.0

    @cached_property
    def skill(self) -> float:
        """Kappa, or R2."""
        return kappa(self.said, self.y, self.width) if self.width else self.right

    @cached_property
    def order(self) -> float:
        """How well scores rank the records: 2 AUC - 1 over the classes, or the R2 of the best line; 0 where there are
        labels only.
        """
        if not self.width:
            return line(self.said, self.y)[2]
        return gini(self.log_scores, self.y) if self.log_scores is not None else 0.0

    @property
    def boast(self) -> float:
        """By how much the model is surer, in the mean of its highest probability, than it is right; 0 without scores.
        On the records that it learned from a model is not.
        """
        return float(np.exp(self.log_scores).max(axis=1).mean()) - self.right if self.log_scores is not None else 0.0

    @property
    def at_chance(self) -> bool:
        """Whether there is nothing of the truth in the answers."""
        if not self.width:
            return self.skill < AT_CHANCE
        return self.skill < AT_CHANCE and self.order < 2 * AT_CHANCE

    @property
    def well(self) -> bool:
        """Whether there surely is a good deal of it."""
        sure = 4 / np.sqrt(max(len(self), 1))
        return self.skill >= max(WELL, sure) or (self.width > 0 and self.order >= max(0.4, sure))


def seen_of(answer: Array, records: Records, port: Access, task: Task) -> Seen:
    """What an answer through a port says.  Single signals of a score table are scores whose labels mean nothing."""
    if task is Task.REGRESSION:
        return Seen(records.y, answer, 0)
    width = len(records.schema.classes) or int(records.y.max()) + 1
    if answer.ndim == 1:
        return Seen(records.y, answer, max(width, int(answer.max()) + 1))
    scores = log_softmax(answer) if port is Access.LOGITS else answer
    return Seen(records.y, scores.argmax(axis=1), scores.shape[1], scores)


def bare(target: Target) -> Target:
    """The model behind its defences of the interface."""
    return target.inner if isinstance(target, DefendedTarget) else target


def ask(target: Target, records: Records) -> Seen | None:
    """What a model that divulge trained answers; None where it fails."""
    target = bare(target)
    port = next((p for p in (*SCORED, Access.LABEL) if p in target.offers), Access.LABEL)
    try:
        return seen_of(np.asarray(target.answer(port, records)), records, port, target.task)
    except DivulgeError:
        return None


TOLERANCE = 0.01

EXPECTED = {
    f"{name}{side}": (measure, side.removeprefix("_") or "members")
    for name, measure in (("accuracy", "accuracy"), ("r2", "R2"), ("loss_per_token", "loss per token"))
    for side in ("", "_members", "_nonmembers")
}
"""What can be expected, by the name that a user gives it: the measure, and the side."""


def checked(expect: Mapping[str, float]) -> None:
    """Raises InputError for an expectation that does not exist."""
    wrong = next((name for name in expect if name not in EXPECTED), None)
    if wrong is not None:
        raise InputError(f"expect: {wrong!r} is unknown: choose from {', '.join(EXPECTED)}")


def as_expected(expect: Mapping[str, float], found: Handshake) -> None:
    """Raises InputError, with both numbers, where the target is not as its owner says."""
    for name, wanted in expect.items():
        measure, side = EXPECTED[name]
        if measure != found.measure:
            raise InputError(f"expect: {name} cannot be checked: of this target the {found.measure} is measured")
        value: float | None = getattr(found, side)
        size = found.asked[0 if side == "members" else 1]
        if value is None:
            raise InputError(f"expect: {name} cannot be checked: no {side} were asked about")
        spread = 2.6 * np.sqrt(wanted * (1 - wanted) / size) if measure == "accuracy" and 0 <= wanted <= 1 else 0.0
        if abs(value - wanted) > max(TOLERANCE, spread):
            doubt = f"; {found.faults[0]}" if found.faults else ""
            raise InputError(
                f"expect: {name} is {wanted:g}, and on {size:,} {side} it is {value:.3g}: this is not the model, or "
                f"not the data, that you know; mend it, or correct `expect`{doubt}"
            )

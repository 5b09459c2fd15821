"""How to train a model like the target: what controls, shadow models, defences and retraining are made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.target import Target


class Recipe(Protocol):
    """A way to train.  Equal records and seed give an equal model."""

    def train(self, records: Records, seed: int) -> Target:
        """A model trained on these records."""
        ...

    def train_many(self, records: Records, keep: Array, seeds: Sequence[int]) -> Iterator[tuple[int, Target]]:
        """A model for each row of `keep` (bool [models, records]) with its number, in whatever order they are ready."""
        ...

    def overfitted(self) -> Recipe:
        """The same recipe with its regularisation off: what the positive control is trained with."""
        ...

    def describe(self) -> str:
        """One line for the report."""
        ...

    def fingerprint(self) -> str:
        """Content hash of everything that decides the result, besides records and seed."""
        ...

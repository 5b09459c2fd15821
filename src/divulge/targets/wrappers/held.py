"""Made-up records that are held already, as a target: what else could have been released."""

from __future__ import annotations

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records, Schema
from divulge.core.threat import Access, Task


class HeldRelease:
    """See core.target.Target.  Whoever asks for more records than it has gets all of them."""

    cacheable = False

    def __init__(self, records: Records, name: str) -> None:
        self.records, self._name = records, name

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return Task.CLASSIFICATION

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return frozenset({Access.SAMPLES})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target; there is no such port."""
        raise TargetError(f"{self._name} is a table of records and answers none: it has no port for {access.value}")

    def draw(self, count: int, seed: int, schema: Schema) -> Records:
        """So many of them at random, or all."""
        if schema.fingerprint() != self.records.schema.fingerprint():
            raise TargetError(f"{self._name} has other columns than it is asked for")
        rows = self.records
        return rows if count >= len(rows) else rows.take(np.random.default_rng(seed).permutation(len(rows))[:count])

    def fingerprint(self) -> str:
        """Of the records."""
        return digest("held release", self.records.fingerprint())

"""A target that is asked through a defence of the data, as it was trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from divulge.core.capability.targets import cacheable, secrets_of
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Task, closure
from divulge.core.views.extraction import Secrets


@dataclass(frozen=True, eq=False)
class MinimizedTarget:
    """See core.target.Target: the inner target, asked about what the defence leaves of each record."""

    inner: Target
    defense: Any

    @property
    def name(self) -> str:
        """See Target."""
        return self.inner.name

    @property
    def task(self) -> Task:
        """See Target."""
        return self.inner.task

    @property
    def cacheable(self) -> bool:
        """As for the inner target."""
        return cacheable(self.inner)

    @property
    def offers(self) -> frozenset[Access]:
        """Answers; what is inside the model was not made for records as they are."""
        return self.inner.offers & closure({Access.LOGITS})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        return self.inner.answer(access, self.defense.show(records))

    def secrets(self) -> Secrets:
        """Those of the inner target."""
        return secrets_of(self.inner)

    def fingerprint(self) -> str:
        """See Target."""
        return digest(self.inner.fingerprint(), repr(self.defense))

"""Made-up records that are held already, as a target: what else could have been released."""

from __future__ import annotations

from divulge.core.errors import TargetError
from divulge.core.hashing import digest
from divulge.core.records import Records, Schema
from divulge.targets.synthetic_table import SyntheticTable


class HeldRelease(SyntheticTable):
    """A synthetic table whose rows are records already."""

    cacheable = False

    def __init__(self, records: Records, name: str) -> None:
        super().__init__(records.x, name)
        self.records = records

    def rows(self, schema: Schema) -> Records:
        """The records; raises TargetError where other columns are asked for."""
        if schema.fingerprint() != self.records.schema.fingerprint():
            raise TargetError(f"{self.name} has other columns than it is asked for")
        return self.records

    def fingerprint(self) -> str:
        """Of the records."""
        return digest("held release", self.records.fingerprint())

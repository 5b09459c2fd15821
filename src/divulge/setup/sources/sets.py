"""The records of an audit, put under one schema."""

from __future__ import annotations

from dataclasses import dataclass, field

from divulge.core.records import Records


@dataclass(frozen=True)
class Sets:
    """The records of an audit under one schema.  persons: the label behind each number of `Records.groups`.
    aggregate: how scores of a person's records become one.
    """

    members: Records
    nonmembers: Records
    population: Records | None
    persons: tuple[str, ...] = field(default=(), kw_only=True)
    aggregate: str = field(default="mean", kw_only=True)

"""A model that makes records: a sampler of synthetic data."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from divulge.core.errors import FOREIGN, InputError, TargetError, raised
from divulge.core.hashing import Array, digest
from divulge.core.identity import content_hash
from divulge.core.records import Records, Schema
from divulge.core.threat import Access, Task
from divulge.targets.generated import records_of

PROBE = 64
"""Records that a fingerprint is made of."""

SEEDS = ("seed", "random_state", "random_seed")
"""What samplers call the argument that decides on their chance."""


class GeneratorTarget:
    """What makes records: `sample(count, seed)`, or `sample(count)`, or an object with such a method (or `generate`).

    It returns a table with the columns of the records, the target among them where they have one; or a pair (x, y): x
    [count, ...] in the form of the records (an array coded as they are, or a data frame with their columns), y [count]
    class codes or class names.  A sampler without a seed is asked once for each number of records and kept to that.

    A generator answers no record: attacks that ask for labels or scores are refused.
    """

    cacheable = False
    """It may read what its fingerprint does not cover, so no later run relies on it."""

    def __init__(self, sample: Any, name: str | None = None) -> None:
        maker = getattr(sample, "sample", None) or getattr(sample, "generate", None) or sample
        if not callable(maker):
            raise InputError("a generator is a function sample(count, seed), or an object with such a method")
        self._model, self._name = sample, name or str(getattr(sample, "__name__", type(sample).__name__))
        self._sample, self._seeded = _seeded(maker)
        self._kept: dict[int, list[Any]] = {}

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
        """See Target; a generator has no such port."""
        raise TargetError(
            f"the generator {self._name} makes records and answers none: it has no port for {access.value}"
        )

    def draw(self, count: int, seed: int, schema: Schema) -> Records:
        """So many generated records; raises TargetError where they are not of the schema's form."""
        try:
            made = self._drawn(count, seed)
        except FOREIGN as error:  # foreign code: it may raise anything
            raise TargetError(f"the generator {self._name} failed: {raised(error)}") from error
        records = records_of(made, schema, f"the generator {self._name}")
        if len(records) != count:
            raise TargetError(f"the generator {self._name} made {len(records)} records instead of {count}")
        return records

    def _drawn(self, count: int, seed: int) -> Any:
        if self._seeded:
            return self._sample(count, seed)
        known = self._kept.setdefault(count, [])
        if not known:
            known.append(self._sample(count, seed))
        return known[0]

    def alike(self, sample: Any) -> GeneratorTarget:
        """Another generator of the same kind."""
        return GeneratorTarget(sample)

    def fingerprint(self) -> str:
        """Of a few samples; of a sampler without a seed, of what it is made of."""
        known = self.__dict__.get("_fingerprint")
        if known is None:
            try:
                made = self._drawn(PROBE, 0) if self._seeded else content_hash(self._model)
                parts = made if isinstance(made, tuple) else (made,)
                known = digest("generator", *(np.asarray(part).astype(str) for part in parts))
            except FOREIGN:  # foreign code: what is wrong is said when it is asked for records
                known = digest("generator", self._name)
            self._fingerprint = known
        return str(known)


def _seeded(maker: Callable[..., Any]) -> tuple[Callable[[int, int], Any], bool]:
    """A sampler as one of a number and a seed, and whether it makes use of the seed."""
    try:
        parameters = list(inspect.signature(maker).parameters.values())
    except (TypeError, ValueError):  # a builtin
        return lambda count, seed: maker(count), False
    name = next((p.name for p in parameters if p.name in SEEDS and p.kind is not p.POSITIONAL_ONLY), None)
    if name is not None:
        return lambda count, seed: maker(count, **{name: seed % 2**32}), True
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(needed) >= 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return maker, True
    return lambda count, seed: maker(count), False

"""What a defence promises about attacks that nobody has thought of, and what it takes for the promise to hold."""

from __future__ import annotations

from dataclasses import dataclass

SEEDED = (
    "Its noise comes from an ordinary generator with a known seed, so that runs can be repeated: whoever knows the "
    "seed takes the noise off. Train what is to be released anew, with secure randomness."
)
"""Said with every guarantee: no defence here draws from a cryptographic source."""


@dataclass(frozen=True)
class Guarantee:
    """(epsilon, delta)-differential privacy of a whole training.

    relation: between the two sets of records that cannot be told apart, "adding or removing one record" say.
    trusted: who sees records, or updates, before there is noise on them.
    beside: what was spent or assumed besides, a sentence each.
    by: figures of single accountants, in words; empty where there is one.
    units: how many records, persons or clients there are, each of which is protected; unit: what they are called.
    """

    epsilon: float
    delta: float
    relation: str
    trusted: str
    beside: tuple[str, ...] = ()
    by: str = ""
    units: int = 0
    unit: str = "records"

    def __str__(self) -> str:
        figure = self.by or f"epsilon {self.epsilon:.3g}"
        return f"{figure}, at delta {self.delta:g}, for {self.relation}; trusted: {self.trusted}"

    @property
    def assumed(self) -> str:
        """What was spent or assumed besides, and that the noise is drawn from a seed."""
        return " ".join((*self.beside, SEEDED))


@dataclass(frozen=True)
class Unbounded:
    """Noise was added, and no bound follows for what is released.  why: what looked at the records without noise, or
    what is missing.
    """

    why: str

    def __str__(self) -> str:
        return f"no bound: {self.why}"


Promise = Guarantee | Unbounded

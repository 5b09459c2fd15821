"""Is every interval as sure as it says, and every test as rarely wrong?  Simulations with known truth, from seeds."""

from __future__ import annotations

from collections.abc import Iterator

from calibrated import areas, decisions, low_rates
from harness import Row, main

SUBJECTS = (areas, low_rates, decisions)
"""Modules of the package `calibrated`, each with `rows(quick)`: a new subject is a file there and a name here."""


def measure(quick: bool) -> Iterator[Row]:
    """All subjects, one after the other."""
    for subject in SUBJECTS:
        yield from subject.rows(quick)


if __name__ == "__main__":
    main(__doc__ or "", measure)

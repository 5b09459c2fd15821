"""Is every interval as sure as it says, and every test as rarely wrong?  Simulations with known truth, from seeds."""

from __future__ import annotations

from calibrated import (
    areas,
    claims,
    comparison,
    decisions,
    familywise,
    low_rates,
    net,
    record,
    retraining,
    screen,
    subgroups,
)
from harness import main

SUBJECTS = (areas, low_rates, decisions, comparison, claims, subgroups, familywise, record, retraining, screen, net)
"""Modules of the package `calibrated`, each with `rows(quick)`: a new subject is a file there and a name here."""

if __name__ == "__main__":
    main(__doc__ or "", {subject.__name__.rpartition(".")[2]: subject.rows for subject in SUBJECTS})

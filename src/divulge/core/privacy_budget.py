"""What may stand for epsilon, delta and noise, wherever one is taken: one check, one sentence with the cure."""

from __future__ import annotations

import math
import warnings

from divulge.core.errors import InputError, Notice


def check_epsilon(where: str, epsilon: float | None) -> None:
    """Raises InputError for an epsilon that no mechanism of use has: 0, below, infinite or not a number."""
    if epsilon is not None and not 0 < epsilon < math.inf:
        raise InputError(
            f"{where}: an epsilon of {epsilon:g} cannot be had: it is above 0 and finite, 1 or 8 say (0 would need "
            "infinite noise; leave it out where there is none)"
        )


def check_noise(where: str, noise: float | None) -> None:
    """Raises InputError for noise that is 0, below, infinite or not a number: without noise epsilon is infinite."""
    if noise is not None and not 0 < noise < math.inf:
        raise InputError(
            f"{where}: noise of {noise:g} gives no guarantee: it is above 0 and finite, 1 say (without noise epsilon "
            "is infinite)"
        )


def check_delta(where: str, delta: float, *, zero: bool = False) -> None:
    """Raises InputError for a delta that is no probability below 1.  zero: whether 0 may stand for pure differential
    privacy, as it may in a bound but not in what Gaussian noise promises.
    """
    if not (0 < delta < 1 or (zero and delta == 0)):
        low = "[0, 1)" if zero else "(0, 1)"
        raise InputError(
            f"{where}: a delta of {delta:g} is none: it lies in {low}, and below 1 / records, 1e-5 say, since that "
            "share of records may be given away whole"
        )


def warn_of_delta(where: str, delta: float, units: int, stacklevel: int = 3, unit: str = "records") -> None:
    """A Notice where delta is above 1 / units: publishing one record whole, drawn by lot, would be as private.

    unit: what is protected, in the plural: records, persons or clients.
    """
    if units > 0 and delta > 1 / units:
        what = "one record" if unit == "records" else f"all records of one of the {unit}"
        warnings.warn(
            f"{where}: delta {delta:g} is above 1 / {units} {unit}: giving away {what} whole would satisfy it; "
            f"take {0.1 / units:.0e} or less",
            Notice,
            stacklevel=stacklevel,
        )

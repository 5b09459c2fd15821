"""Does the handshake notice that a model is not asked as its owner asks it?  Forty planted faults, and forty models
that are sound and look odd: weak, noisy, imbalanced, overfitted, tiny.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from handshakes.faulty import FAULTS
from handshakes.sound import SOUND
from harness import Row, main

CAUGHT, EVERY = 38, 40


def measure(quick: bool) -> Iterator[Row]:
    """How many of each kind are caught, and on how many sound ones nothing is said; quick: every second one."""
    warnings.simplefilter("ignore")  # of libraries, about models that do not converge
    step, caught, of = 2 if quick else 1, 0, 0
    for kind, cases in FAULTS.items():
        found = []
        for case in cases[::step]:
            met = case().handshake()
            found.append(bool(met.concerns))
            if not met.concerns:
                print(f"  missed: {case.__name__}: {met.sentence}")
        caught, of = caught + sum(found), of + len(found)
        yield Row(f"{kind}: caught of {len(found)}", sum(found))
    yield Row(f"all faults: caught of {of}", caught, bar=CAUGHT if of == EVERY else of - 1)
    silent = 0
    for case in SOUND[::step]:
        met = case().handshake()
        silent += not met.concerns
        for concern in met.concerns:
            print(f"  false alarm: {case.__name__}: {met.sentence}: {concern}")
    yield Row(f"sound models: nothing said of {len(SOUND[::step])}", silent, bar=len(SOUND[::step]))


if __name__ == "__main__":
    main(__doc__ or "", measure)

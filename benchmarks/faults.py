"""Faults into a small audit at every point at which it writes: how many were survived, told of in one line, or lost.

    python benchmarks/faults.py [FAULTS]

A full disk, a kill before and after each write, a file cut short, a bit flipped; afterwards the run is taken up again
and compared with one that nothing happened to.  Lost must be 0.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.faults.harness import Faults, spread, table


def main() -> None:
    faults = Faults()
    points = faults.points()
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 250
    print(f"{max(points.values())} points at which an audit writes, {asked} faults")
    ended = [faults.inject(kind, at) for kind, at in spread(points, asked)]
    print(table(ended).to_string())
    for each in ended:
        if each.how == "lost":
            print(f"{each.kind} at {each.at}: {' '.join(each.words.split())[-300:]}")
    faults.close()
    sys.exit(any(each.how == "lost" for each in ended))


if __name__ == "__main__":
    main()

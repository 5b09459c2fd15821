"""What benchmarks share: `--quick`, `--json FILE`, a table of rows, an exit code that says whether all bars hold."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One figure.  bar: what it must reach, None where it is only reported.  better: which side of the bar is good."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    bar: float | None = None
    better: Literal["above", "below"] = "above"

    @property
    def holds(self) -> bool | None:
        """Whether the bar is reached; None where there is none."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.better == "above" else self.value <= self.bar


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main(title: str, measure: Callable[[bool], Iterable[Row]]) -> None:
    """Run a benchmark as a command.  `measure(quick)` yields rows, each printed when it is made."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="the same work at a size that ends within two minutes")
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    options = parser.parse_args()
    print(title)
    print(f"{'':62}{'value':>11}{'low':>11}{'high':>11}{'bar':>11}  holds")
    rows = []
    for row in measure(options.quick):
        rows.append(row)
        cells = [f"{'' if v is None else format(v, '.4g'):>11}" for v in (row.value, row.low, row.high, row.bar)]
        print(f"{row.name:62}{''.join(cells)}  {'' if row.holds is None else 'yes' if row.holds else 'NO'}", flush=True)
    if options.json is not None:
        listed = [{k: v for k, v in asdict(r).items() if k != "better"} | {"holds": r.holds} for r in rows]
        options.json.write_text(json.dumps(listed, indent=2))
    sys.exit(any(row.holds is False for row in rows))

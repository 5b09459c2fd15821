"""What benchmarks share: `--quick`, `--json FILE`, a table of rows, an exit code that says whether all bars hold."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
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
        """Whether the bar is reached.  None where there is none, and where it is not reached but lies within the row's
        interval: so small a run does not decide.
        """
        if self.bar is None:
            return None
        above = self.better == "above"
        if self.value >= self.bar if above else self.value <= self.bar:
            return True
        edge = self.high if above else self.low
        return None if edge is not None and (edge >= self.bar if above else edge <= self.bar) else False

    @property
    def word(self) -> str:
        """The last cell of the row."""
        return "" if self.bar is None else {True: "met", False: "MISSED", None: "undecided"}[self.holds]


HEAD = f"{'':62}{'value':>11}{'low':>11}{'high':>11}{'bar':>11}  holds"


def shown(row: Row) -> str:
    """A row as a line of the table below HEAD."""
    cells = [f"{'' if v is None else format(v, '.4g'):>11}" for v in (row.value, row.low, row.high, row.bar)]
    return f"{row.name:62}{''.join(cells)}  {row.word}"


def rate(
    name: str, hits: Iterable[object], bar: float | None = None, better: Literal["above", "below"] = "above"
) -> Row:
    """The share of runs in which something holds, with its exact interval (95 %, Clopper and Pearson): of few runs the
    bar lies within it, and is neither met nor missed.
    """
    from scipy.stats import binomtest

    held = [bool(hit) for hit in hits]
    bounds = binomtest(sum(held), len(held)).proportion_ci(0.95, "exact")
    return Row(name, sum(held) / len(held), float(bounds.low), float(bounds.high), bar, better)


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


Measure = Callable[[bool], Iterable[Row]]


def main(title: str, measure: Measure | Mapping[str, Measure]) -> None:
    """Run a benchmark as a command.  `measure(quick)` yields rows, each printed when it is made; of several by name the
    command takes those that are named, or all.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="the same work at a size that ends within two minutes")
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    if isinstance(measure, Mapping):
        parser.add_argument("parts", nargs="*", metavar="part", help=f"all, or some of {', '.join(measure)}")
    options = parser.parse_args()
    parts = _parts(parser, measure, getattr(options, "parts", []))
    print(title)
    print(HEAD)
    rows = []
    for row in chain.from_iterable(part(options.quick) for part in parts):
        rows.append(row)
        print(shown(row), flush=True)
    if options.json is not None:
        listed = [{k: v for k, v in asdict(r).items() if k != "better"} | {"holds": r.holds} for r in rows]
        options.json.write_text(json.dumps(listed, indent=2))
    sys.exit(any(row.holds is False for row in rows))


def _parts(
    parser: argparse.ArgumentParser, measure: Measure | Mapping[str, Measure], named: list[str]
) -> list[Measure]:
    if not isinstance(measure, Mapping):
        return [measure]
    unknown = [name for name in named if name not in measure]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}: choose from {', '.join(measure)}")
    return [measure[name] for name in named or measure]

"""Benchmarks that are measured seed by seed: in processes, on several machines, and put together afterwards.

Every seed of a part is a line of JSON, written as soon as it is measured (`--raw`); rows follow from the lines alone,
so that ranges of seeds (`--seeds`) can be measured apart and joined (`--merge`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from harness import HEAD, Row, shown

Measured = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """measure: of one seed, what can be written as JSON.  rows: of what was measured of all seeds, by seed.  seeds: how
    many there are, quick and in full, from `first` on.
    """

    measure: Callable[[int], Measured]
    rows: Callable[[list[Measured]], Iterator[Row]]
    seeds: tuple[int, int]
    first: int = 0

    def chosen(self, quick: bool, asked: tuple[int, int] | None) -> range:
        """Seeds from A up to, not including, B."""
        return range(*asked) if asked else range(self.first, self.first + self.seeds[0 if quick else 1])


def main(title: str, parts: Mapping[str, Part]) -> None:
    """Run a benchmark as a command."""
    options = _options(title, parts)
    named = {name: parts[name] for name in options.parts or parts}
    print(title)
    print(HEAD)
    if options.merge:
        measured = _merged(options.merge)
        rows = [row for name, part in named.items() if name in measured for row in _rows(part, measured[name])]
    else:
        rows = list(_measured(named, options))
    if options.json is not None:
        listed = [{k: v for k, v in asdict(r).items() if k != "better"} | {"holds": r.holds} for r in rows]
        options.json.write_text(json.dumps(listed, indent=2))
    sys.exit(any(row.holds is False for row in rows))


def _options(title: str, parts: Mapping[str, Part]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"all, or some of {', '.join(parts)}")
    parser.add_argument("--quick", action="store_true", help="few seeds of each: it ends within two minutes")
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    parser.add_argument("--seeds", nargs=2, type=int, metavar=("A", "B"), help="from A up to B, which is left out")
    parser.add_argument("--jobs", type=int, default=1, help="processes; each measures one seed at a time")
    parser.add_argument("--raw", type=Path, help="a line for each seed, written when it is measured; is added to")
    parser.add_argument("--merge", nargs="+", type=Path, help="measure nothing: rows of these files of `--raw`")
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in parts]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}: choose from {', '.join(parts)}")
    return options


def _measured(parts: Mapping[str, Part], options: argparse.Namespace) -> Iterator[Row]:
    """Rows, part by part; of several processes each seed is a task of its own."""
    asked = tuple(options.seeds) if options.seeds else None
    parts = {name: part for name, part in parts.items() if len(part.chosen(options.quick, asked))}
    units = [(name, seed) for name, part in parts.items() for seed in part.chosen(options.quick, asked)]
    found: dict[str, dict[int, Measured]] = {name: {} for name in parts}
    if options.jobs <= 1:
        for name, part in parts.items():
            for seed in part.chosen(options.quick, asked):
                found[name][seed] = part.measure(seed)
                _write(options.raw, name, seed, found[name][seed])
            yield from _rows(part, found[name])
        return
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        tasks = {pool.submit(parts[name].measure, seed): (name, seed) for name, seed in units}
        for task in as_completed(tasks):
            name, seed = tasks[task]
            found[name][seed] = task.result()
            _write(options.raw, name, seed, found[name][seed])
            if len(found[name]) == len(parts[name].chosen(options.quick, asked)):
                yield from _rows(parts[name], found[name])


def _rows(part: Part, measured: Mapping[int, Measured]) -> Iterator[Row]:
    for row in part.rows([measured[seed] for seed in sorted(measured)]):
        print(shown(row), flush=True)
        yield row


def _write(path: Path | None, name: str, seed: int, measured: Measured) -> None:
    if path is not None:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"part": name, "seed": seed, "measured": measured}) + "\n")


def _merged(paths: list[Path]) -> dict[str, dict[int, Measured]]:
    found: dict[str, dict[int, Measured]] = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            each = json.loads(line)
            found.setdefault(each["part"], {})[each["seed"]] = each["measured"]
    return found

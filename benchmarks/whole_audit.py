"""Does a whole audit fit into its minutes?  Every family, on a network and on boosted trees of real data."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from divulge.core.results.finding import Failed, Played
from divulge.core.threat import Family
from divulge.workflows.audit import Run
from divulge.workflows.demos import DEMOS
from divulge.workflows.run_audit import run_audit
from harness import Row, main, seconds


def measure(quick: bool) -> Iterator[Row]:
    """For each demonstration: seconds, families, attacks that ran, had no time, or broke off."""
    minutes = 0.5 if quick else 10.0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIVULGE_CACHE"] = str(Path(folder) / "cache")
        for name in ("patients",) if quick else ("patients", "fashion", "census"):
            job = next(iter(DEMOS[name](0)))
            out = Path(folder) / name
            took = seconds(lambda job=job, out=out: run_audit(job, out, minutes=minutes))
            run = Run.open(out)
            played = [o for o in run.outcomes if isinstance(o.result, Played)]
            failed = sum(isinstance(o.result, Failed) for o in run.outcomes)
            games = {o.game for o in played}
            yield Row(f"{name}: minutes of {minutes:g}", took / 60, bar=minutes, better="below")
            yield Row(f"{name}: attacks played", len(played))
            yield Row(f"{name}: attacks that had no time", len(run.result.left_out))
            yield Row(f"{name}: families of {len(Family)}", len(games), bar=None if quick else len(Family))
            yield Row(f"{name}: attacks that broke off", failed, bar=0, better="below")


if __name__ == "__main__":
    main("Does a whole audit fit into its minutes?", measure)

"""What an audit takes as its data grow: seconds and memory at 1x, 2x, 4x and 8x of one thing, and the ratios.

    python benchmarks/scale.py [--quick] [--full] [WHAT ...]

WHAT: records, columns, classes, groups, attacks, scores (a table of scores from a Parquet file); all when left out.
Each figure is that of a process of its own, in which a small audit was played before, so that imports do not count.
Memory is the peak beyond what the process held before the audit, with the data in it; `data` is how many times the data
that is.  `ratio` is to the line above: 2 is linear.  --quick takes small sizes, and 2x and 8x alone; --full goes up to
1e6 records, 2,000 columns, 1,000 classes and 10,000 groups.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

STEPS = (1, 2, 4, 8)
QUICK = {"records": 500, "columns": 25, "classes": 5, "groups": 125, "attacks": 1, "scores": 2_500}
USUAL = {"records": 31_250, "columns": 125, "classes": 62, "groups": 625, "attacks": 1, "scores": 125_000}
FULL = {"records": 125_000, "columns": 250, "classes": 125, "groups": 1_250, "attacks": 1, "scores": 500_000}
ATTACKS = ("loss", "entropy", "confidence", "modified_entropy", "gap", "rmia_offline", "lira_offline", "rmia")


def model_of(x: np.ndarray, y: np.ndarray) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=8, random_state=0).fit(x, y)


def sets_of(records: int, columns: int = 20, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Records, half of which will be members: x [records, columns] and y, which depends on the first column."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(records, columns))
    y = np.argsort(np.argsort(x[:, 0] + 0.5 * rng.normal(size=records))) * classes // records
    return x, y


def plain(records: int = 5_000, columns: int = 20, classes: int = 2, groups: int = 0, attacks: int = 1) -> Any:
    """An audit of a tree, to be begun, and the bytes of its data."""
    x, y = sets_of(records, columns, classes)
    half = records // 2
    model = model_of(x[:half], y[:half])
    options: dict[str, Any] = {"attacks": list(ATTACKS[:attacks]), "shadows": 4, "jobs": 1, "cache": False}
    if groups:
        of = np.arange(half) % (groups // 2)
        options["groups"] = (of, of + groups // 2)

    def begin(out: Path) -> None:
        import divulge

        divulge.audit(model, (x[:half], y[:half]), (x[half:], y[half:]), out=out, progress=None, **options)

    return begin, x.nbytes + y.nbytes


def scores(records: int) -> Any:
    """An audit of a table of scores in a Parquet file."""
    import pandas as pd

    rng = np.random.default_rng(0)
    member = np.arange(records) < records // 2
    path = Path(tempfile.mkdtemp(prefix="divulge-scale-")) / "scores.parquet"
    frame = pd.DataFrame({"record": np.arange(records), "score": rng.normal(size=records) + member, "keep": member})
    frame["model"] = frame["y"] = 0
    frame.to_parquet(path)
    size = int(frame.memory_usage(index=False).sum())
    audit = path.with_name("audit.yaml")
    audit.write_text("target: {kind: scores, path: scores.parquet}\nattacks: [loss]\n")
    del frame

    def begin(out: Path) -> None:
        from divulge.cli.app import app

        try:
            app(["audit", str(audit), "--out", str(out), "--quiet"])
        except SystemExit as ended:
            assert ended.code in (0, 1), ended.code

    return begin, size


def asked(what: str, number: int) -> Any:
    kinds: dict[str, Callable[[], Any]] = {
        "records": lambda: plain(number),
        "columns": lambda: plain(1_000, columns=number),
        "classes": lambda: plain(20_000 if number > 50 else 2_000, classes=number),
        "groups": lambda: plain(20_000 if number > 1_000 else 4_000, groups=number),
        "attacks": lambda: plain(1_000, attacks=number),
        "scores": lambda: scores(number),
    }
    return kinds[what]()


def resident(peak: bool) -> int:
    """Bytes that this process holds, or the most that it has held."""
    name = "VmHWM" if peak else "VmRSS"
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measured(what: str, number: int) -> dict[str, float]:
    """Seconds and memory of one audit, in this process."""
    with tempfile.TemporaryDirectory(prefix="divulge-scale-") as folder:
        os.environ["DIVULGE_CACHE"] = f"{folder}/cache"
        begin, _ = asked(what, QUICK[what] if what != "scores" else 400)
        begin(Path(folder) / "small")
        begin, size = asked(what, number)
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # begin to look for the peak anew
        before, begun, work = resident(peak=False), time.perf_counter(), time.process_time()
        begin(Path(folder) / "large")
        return {
            "seconds": time.perf_counter() - begun,
            "cpu": time.process_time() - work,
            "memory": resident(peak=True) - before + size * (what != "scores"),
            "data": size,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("what", nargs="*", metavar="WHAT")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one[0], int(given.one[1]))))
        return
    sizes = QUICK if given.quick else FULL if given.full else USUAL
    print(f"{'':18} {'seconds':>9} {'ratio':>6} {'CPU s':>7} {'MB':>8} {'ratio':>6} {'x data':>7}")
    for what in given.what or list(sizes):
        last: dict[str, float] = {}
        for step in STEPS if not given.quick else (2, 8):
            number = sizes[what] * step
            command = [sys.executable, __file__, "--one", what, str(number)]
            found = json.loads(
                subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            )
            ratios = [f"{found[key] / last[key]:6.1f}" if last else "      " for key in ("cpu", "memory")]
            print(
                f"{number:9,} {what:8} {found['seconds']:9.2f} {ratios[0]} {found['cpu']:7.2f} "
                f"{found['memory'] / 1e6:8.0f} {ratios[1]} {found['memory'] / found['data']:7.1f}",
                flush=True,
            )
            last = found


if __name__ == "__main__":
    main()

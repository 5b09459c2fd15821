"""Whether divulge asks an estimator what its owner asks: the AUC of the loss (or of the absolute error) by divulge
against the one computed by hand from predict_proba, decision_function or predict on the owner's own table.

    python benchmarks/conformance.py            every estimator, as a Markdown table
    python benchmarks/conformance.py --quick    one in six
    python benchmarks/conformance.py --write    into docs/conformance.md
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from sklearn.metrics import roc_auc_score

import divulge
from divulge.setup.sources.targets_from import target_from
from estimators import networks, zoo

PAGE = Path(__file__).parents[1] / "docs" / "conformance.md"
BAR = 1e-9
TINY = 1e-40
"""A loss of infinity is none."""

cloudpickle.register_pickle_by_value(networks)
cloudpickle.register_pickle_by_value(zoo)  # what hashes the models elsewhere knows no such module
QUICK = 6
HASHES = """
import sys, warnings
import cloudpickle
from divulge.setup.sources.targets_from import target_from
warnings.simplefilter("ignore")
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        print(target_from(cloudpickle.load(file)).fingerprint())
"""


@dataclass(frozen=True)
class Tried:
    """What became of one case.  by_hand, told: AUCs.  attack: which.  shadow: the attack with shadow models that was
    played, or why none was.  digest: the model's hash; path: where it lies.
    """

    case: zoo.Case
    attack: str
    by_hand: float
    told: float | None
    shadow: str
    played: bool
    digest: str
    path: Path
    failed: str = ""

    @property
    def holds(self) -> bool:
        """Whether both are the same figure."""
        return self.told is not None and abs(self.told - self.by_hand) <= BAR


def by_hand(case: zoo.Case, model: Any, x: Any, y: Any) -> tuple[str, Any]:
    """The attack that this kind of answer allows, and each record's score as its owner would compute it."""
    if not case.classifies:
        said = case.owner(model, x) if case.owner is not None else model.predict(x)
        return "absolute_error", -np.abs(np.asarray(said, dtype=float).reshape(len(y)) - y)
    if case.owner is not None:
        said = np.asarray(case.owner(model, x), dtype=float)
        return "loss", np.log(said[np.arange(len(y)), y] if said.ndim == 2 else np.where(y == 1, said, 1 - said))
    known = np.asarray(model.classes_[0] if case.column else model.classes_).tolist()
    code = np.array([known.index(label) for label in y.tolist()])
    if hasattr(model, "predict_proba"):
        said = model.predict_proba(x)
        said = np.asarray(said[0] if isinstance(said, list) else said)
        said = np.column_stack([1 - said, said]) if said.shape[1] == 1 else said
        return "loss", np.log(np.maximum(said[np.arange(len(y)), code], TINY))
    if hasattr(model, "decision_function"):
        return "loss", _log_share(np.asarray(model.decision_function(x)), code)
    return "correctness", (np.asarray(model.predict(x)).reshape(len(y)) == y).astype(float)


def _log_share(margins: Any, code: Any) -> Any:
    """Log of the softmax of margins at one class, -log(1 + sum of exp(other - own)), without losing what is small."""
    margins = np.column_stack([0 * margins, margins]) if margins.ndim == 1 else margins
    others = margins - margins[np.arange(len(code)), code][:, None]
    others[np.arange(len(code)), code] = -np.inf
    return -np.logaddexp(0, np.logaddexp.reduce(others, axis=1))


def tried(case: zoo.Case, folder: Path) -> Tried:
    """One case: fitted, asked by hand, audited."""
    x, y = zoo.table_of(case)
    half = zoo.RECORDS // 2
    rows: Callable[[Any, slice], Any] = lambda table, part: table.iloc[part] if hasattr(table, "iloc") else table[part]  # noqa: E731
    first, second = slice(0, half), slice(half, None)
    model = case.make(rows(x, first), y[first])
    attack, scores = by_hand(case, model, x, y)
    scores = np.where(scores < -1e-6, np.round(scores, 12), scores)  # logarithms of equal numbers differ in a digit
    wanted = roc_auc_score(np.arange(len(y)) < half, scores)
    path = folder / "model.pickle"
    folder.mkdir(parents=True)
    path.write_bytes(cloudpickle.dumps(model))
    shadow = {"loss": "rmia", "absolute_error": "calibrated_error", "correctness": "shokri"}[attack]
    try:
        run = divulge.audit(
            model,
            (rows(x, first), y[first]),
            (rows(x, second), y[second]),
            attacks=[attack, shadow] if attack != "correctness" else [attack],
            recipe=case.recipe,
            shadows=4,
            cache=False,
            engine="sequential",
            jobs=1,
            out=folder / "run",
        )
    except divulge.InputError as error:
        return Tried(case, attack, wanted, None, str(error), False, target_from(model).fingerprint(), path, str(error))
    found = {f.attack: f.value for f in run.findings if f.metric == "auc"}
    results = {o.attack: o.result for o in run.outcomes}
    why = results.get(shadow)
    said = (
        getattr(why, "error", None) or getattr(why, "reason", None) or "labels alone: no attack that learns from scores"
    )
    failed = str(getattr(results[attack], "error", "") or getattr(results[attack], "reason", ""))
    played = shadow in found
    told = shadow if played else str(said)
    return Tried(case, attack, wanted, found.get(attack), told, played, target_from(model).fingerprint(), path, failed)


def elsewhere(done: Sequence[Tried]) -> list[bool]:
    """Whether every model has the same content hash where another process loads it."""
    made = subprocess.run(
        [sys.executable, "-c", HASHES, *(str(t.path) for t in done)], capture_output=True, text=True, check=True
    )
    return [told == t.digest for told, t in zip(made.stdout.split(), done, strict=True)]


def chosen(quick: bool, names: Iterable[str] = ()) -> list[zoo.Case]:
    """The cases that are tried: all, one in six, or those with these names."""
    wanted = set(names)
    every = [case for case in zoo.cases() if not wanted or case.name in wanted]
    return every[::QUICK] if quick else every


def _figure(value: float) -> str:
    return f"{round(value, 9):.3f}"


def table(done: Sequence[Tried], same: Sequence[bool]) -> str:
    """The results as Markdown, one line an estimator and kind of table."""
    lines = [
        "| estimator | library | table | asked for | by hand | divulge | equal | shadow models | same hash elsewhere |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one, hashed in zip(done, same, strict=True):
        case = one.case
        told = _figure(one.told) if one.told is not None else one.failed.replace("|", "/")
        cells = [case.name, case.library, case.form, f"`{one.attack}`", _figure(one.by_hand), told]
        cells += ["yes" if one.holds else "NO", f"`{one.shadow}`" if one.played else one.shadow.replace("|", "/")]
        lines.append("| " + " | ".join([*cells, "yes" if hashed else "NO"]) + " |")
    return "\n".join(lines)


def measure(cases: Sequence[zoo.Case], tell: bool = False) -> tuple[list[Tried], list[bool]]:
    """All of them, and whether each model has the same hash in another process."""
    folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    try:
        done = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for number, case in enumerate(cases):
                started = time.perf_counter()
                done.append(tried(case, folder / str(number)))
                if tell:
                    one, took = done[-1], time.perf_counter() - started
                    said = f"{number + 1}/{len(cases)} {case.name} ({case.form}), {took:.1f} s"
                    print(f"{said}: {one.by_hand:.3f} {one.told} {one.shadow} {one.failed}", file=sys.stderr)
        return done, elsewhere(done)
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one estimator in six")
    parser.add_argument("--write", action="store_true", help="put the table into docs/conformance.md")
    parser.add_argument("names", nargs="*", help="only these estimators")
    options = parser.parse_args()
    done, same = measure(chosen(options.quick, options.names), tell=True)
    made = table(done, same)
    print(made)
    if options.write:
        head, _, _ = PAGE.read_text().partition("| estimator |")
        PAGE.write_text(head + made + "\n")
    equal = sum(one.holds for one in done)
    print(f"\n{equal} of {len(done)} equal, {sum(same)} of {len(same)} with the same hash elsewhere", file=sys.stderr)
    sys.exit(equal < len(done) or not all(same))


if __name__ == "__main__":
    main()

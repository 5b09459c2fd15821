"""A number for any output of a mechanism: the larger, the likelier it came from the second of two data sets.

It is learned on one part of the outputs, chosen on a second, and judged on outputs that it never saw, so that a poor
choice costs sharpness and no error rate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.results.trials import Scored
from divulge.stats.roc import roc

MOST_COLUMNS = 2000
FEW_COLUMNS = 8
"""Up to which each number of an output is tried on its own."""

COMMON, KINDS = 0.01, 10
"""Share of outputs from which a value counts as one that repeats, and how many such values of a column are told."""

RARE, FREQUENT = 10, 50
"""Times that an output comes on average, from which outputs are counted, and from which nothing else is tried."""

Outputs = Sequence[Any]
Statistic = Callable[[Outputs], Array]


def flat(output: Any) -> tuple[Any, ...]:
    """The numbers and words of an output, in order, whatever it is nested in."""
    if isinstance(output, Mapping):
        return tuple(part for key in sorted(output, key=str) for part in (str(key), *flat(output[key])))
    if isinstance(output, np.ndarray):
        return flat(output.ravel().tolist())
    if isinstance(output, list | tuple):
        return tuple(part for each in output for part in flat(each))
    if hasattr(output, "detach"):
        return flat(output.detach().cpu().numpy())
    if isinstance(output, Real | np.bool_):
        return (float(output),)
    return (None if output is None else str(output),)


def _key(output: Any) -> tuple[Any, ...]:
    return tuple("nan" if isinstance(v, float) and np.isnan(v) else v for v in flat(output))


class Columns:
    """Outputs as a table: numbers, what is no number as one of its common values, values that repeat, the length."""

    def __init__(self, outputs: Outputs) -> None:
        rows = [flat(output) for output in outputs]
        self.width = max(1, *(len(row) for row in rows))
        if self.width > MOST_COLUMNS:
            raise InputError(
                f"an output has {self.width} numbers, at most {MOST_COLUMNS} can be judged: return what an adversary "
                "would look at"
            )
        self.kinds: list[list[Any]] = []
        for at in range(self.width):
            seen = Counter(row[at] if at < len(row) else "" for row in rows)
            frequent = [v for v, n in seen.most_common(KINDS) if n >= max(2, COMMON * len(rows))]
            words = [v for v in frequent if not _number(v)]
            self.kinds.append(frequent if self.width <= FEW_COLUMNS and len(seen) > len(frequent) else words)

    def __call__(self, outputs: Outputs) -> Array:
        """Float [outputs, columns]."""
        table = []
        for output in outputs:
            row = flat(output)[: self.width]
            numbers = [v if _number(v) else 0.0 for v in row] + [0.0] * (self.width - len(row))
            whole = row + ("",) * (self.width - len(row))
            indicators = [float(v == kind) for v, kinds in zip(whole, self.kinds, strict=True) for kind in kinds]
            table.append([*np.clip(numbers, -1e12, 1e12), float(len(row)), *indicators])
        return np.asarray(table, dtype=np.float64)


def _number(value: Any) -> bool:
    return isinstance(value, float) and not np.isnan(value)


def statistics(first: Outputs, second: Outputs, seed: int) -> Iterator[tuple[str, Statistic]]:
    """What is tried, learned on these outputs: how often each output comes, single numbers, and two classifiers."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    counts = [Counter(_key(output) for output in part) for part in (first, second)]
    kinds, total = len(counts[0] | counts[1]), len(first) + len(second)
    if kinds <= total / RARE:
        ratio = {key: np.log((counts[1][key] + 0.5) / (counts[0][key] + 0.5)) for key in counts[0] | counts[1]}
        yield "how often each output comes", lambda outputs: np.array([ratio.get(_key(o), 0.0) for o in outputs])
    if kinds <= total / FREQUENT:  # the ratio is known as well as can be
        return
    columns = Columns([*first, *second])
    table = columns([*first, *second])
    truth = np.arange(len(table)) >= len(first)
    for at in range(columns.width if columns.width <= FEW_COLUMNS else 0):
        sign = 1.0 if table[truth, at].mean() >= table[~truth, at].mean() else -1.0
        yield f"value {at + 1}", partial(_column, columns, at, sign)
    if np.ptp(table, axis=0).max() == 0:
        return
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1_000)).fit(table, truth)
    yield "a linear classifier", lambda outputs: np.asarray(linear.decision_function(columns(outputs)))
    if columns.width <= 64:
        trees = HistGradientBoostingClassifier(max_iter=60, early_stopping=False, random_state=seed % 2**31)
        trees.fit(table, truth)
        yield "boosted trees", lambda outputs: np.asarray(trees.decision_function(columns(outputs)))


def _column(columns: Columns, at: int, sign: float, outputs: Outputs) -> Array:
    return np.asarray(sign * columns(outputs)[:, at])


@dataclass(frozen=True, eq=False)
class Guess:
    """How the data sets are told apart.  second: whether outputs above `threshold` are held to come from the second
    one, or those up to it from the first.  shown: the bound that it had where it was chosen.
    """

    name: str
    score: Statistic
    threshold: float
    second: bool
    shown: float


def chosen(first: Outputs, second: Outputs, delta: float, alpha: float, seed: int) -> Guess:
    """Of all statistics and thresholds the one with the largest bound on outputs on which it was not learned: two
    thirds are learned on, one third chooses.
    """
    cut = 2 * min(len(first), len(second)) // 3
    held_out = (first[cut:], second[cut:])
    best: Guess | None = None
    for name, score in statistics(first[:cut], second[:cut], seed):
        below, above = score(held_out[0]), score(held_out[1])
        for guess in _thresholds(name, score, below, above, delta, alpha):
            if best is None or guess.shown > best.shown:
                best = guess
    assert best is not None
    return best


def _thresholds(name: str, score: Statistic, below: Array, above: Array, delta: float, alpha: float) -> Iterator[Guess]:
    """The best threshold on either side, by bounds on both rates at once; where none shows anything, the median."""
    from scipy import special

    values = np.concatenate([below, above])
    exposed, places = np.arange(len(values)) >= len(below), np.arange(len(values))
    curve = roc(Scored(values, exposed, places, places))
    levels = np.unique(values)[::-1]  # the curve's points after the first, which names nobody
    cuts = np.append((levels[1:] + levels[:-1]) / 2, levels[-1] - 1.0)
    tp, fp = curve.tp[1:], curve.fp[1:]
    m, n = curve.n_exposed, curve.n_control
    for second, right, wrong, r, w in ((True, tp, fp, m, n), (False, n - fp, m - tp, n, m)):
        low = np.where(right > 0, special.betaincinv(np.maximum(right, 1), r - right + 1, alpha / 2), 0.0)
        high = np.where(wrong < w, special.betaincinv(wrong + 1, np.maximum(w - wrong, 1), 1 - alpha / 2), 1.0)
        bound = np.log(np.maximum(low - delta, 1e-300) / high)
        at = int(np.argmax(bound))
        yield Guess(name, score, float(cuts[at]), second, float(bound[at]))

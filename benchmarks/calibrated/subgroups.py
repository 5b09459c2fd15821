"""How often groups of equal leak are called more, or less, at risk, how often a planted difference is found, and
whether `named again` holds what is true without a leak.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from divulge.attacks.membership.shadows.learned_ratio import pool_of
from divulge.core.results.audit_result import Subgroup
from divulge.core.results.estimate import Rate
from divulge.explain.stability import Retrained, _named, _ratios, drawn_anew, stability, unlearned
from divulge.runs.subgroups import subgroups
from divulge.stats.intervals import clopper_pearson
from harness import Row


def rows(quick: bool) -> Iterator[Row]:
    """Each with its 95 % interval over simulations; the bars are what is promised, less what chance may take."""
    times = 60 if quick else 1_000
    for name, gap, level, size, persons in (
        ("no leak, equal levels", 0.0, 0.0, 60, False),
        ("equal leak, equal levels", 0.8, 0.0, 60, False),
        ("equal leak, levels 1.5 apart", 0.8, 1.5, 60, False),
        ("great leak, levels 1.5 apart", 2.5, 1.5, 60, False),
        ("equal leak, 31 of each kind", 0.8, 1.5, 31, False),
        ("equal leak, levels 1.5 apart, 1 to 20 rows a person", 0.8, 1.5, 60, True),
    ):
        told = _told([gap] * 5, level, size, persons, times)
        yield _row(f"5 groups, {name}: one is called other", [any(map(_flagged, t)) for t in told], 0.05, "below")
    told = _told([0.8] * 5, 0.0, 60, False, times)
    otherwise = [any(g.named_p <= 0.05 for g in t) for t in told]
    yield _row("5 groups alike: one is named otherwise", otherwise, 0.05, "below")
    told = _told([0.5, 0.5, 0.5, 0.5, 2.0], 1.5, 100, False, times)
    yield _row("a planted group is called more at risk", [t[-1].more_at_risk for t in told], None, "above")
    for models in (8, 16):
        held = [_holds(models, seed) for seed in range(10 if quick else 200)]
        yield _row(f"named again, {models} models without a leak: holds anybody", held, 0.95, "above")


def _row(name: str, events: list[bool], level: float | None, better: str) -> Row:
    """The bar is the level, give or take three deviations of so many simulations."""
    low, high = clopper_pearson(Rate(sum(events), len(events)), 0.05)
    bar = None
    if level is not None:
        slack = 3 * (level * (1 - level) / len(events)) ** 0.5
        bar = level + slack if better == "below" else level - slack
    return Row(name, sum(events) / len(events), low, high, bar, "below" if better == "below" else "above")


def _flagged(group: Subgroup) -> bool:
    return group.more_at_risk or group.less_at_risk


def _told(gaps: list[float], level: float, size: int, persons: bool, times: int) -> list[tuple[Subgroup, ...]]:
    rng = np.random.default_rng(0)
    return [subgroups(*_drawn(rng, gaps, level, size, persons), 0.95) for _ in range(times)]


def _drawn(
    rng: np.random.Generator, gaps: list[float], level: float, size: int, persons: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """So many members and non-members of each group; members lie `gaps` higher, groups lie `level` apart."""
    many = 2 * size * len(gaps)
    group, member = np.arange(many) % len(gaps), np.arange(many) // len(gaps) % 2 == 0
    score = rng.normal(size=many) + member * np.asarray(gaps)[group] + level * group
    who = np.repeat(np.arange(many), rng.integers(1, 21, many)) if persons else np.arange(many)
    score = score[who] + (0.3 * rng.normal(size=len(who)) if persons else 0)
    frame = pd.DataFrame({"member": member[who], "row": np.arange(len(who)), "score": score})
    words = np.array([f"group {code}" for code in group])[who]
    attributes = frame[["member", "row"]].assign(ward=words)
    return (frame.assign(person=who) if persons else frame), attributes


def _holds(models: int, seed: int) -> bool:
    """Whether the interval of `named again` holds how often anybody is named, of a pool that learned nothing."""
    rng, records = np.random.default_rng(seed), 800
    seen = rng.random((models, records)) < 0.5
    seen[1::2] = ~seen[0::2]
    signal = rng.normal(0, 2, records) + rng.normal(size=(models, records))

    def named(saw: np.ndarray, values: np.ndarray) -> Retrained:
        pool = pool_of(values, -np.logaddexp(0, -values), saw)
        return _named([_ratios(pool, model, rng) for model in range(models)], saw, 0.01)

    lots = [drawn_anew(seen, np.arange(records), rng) for _ in range(3)]
    found = replace(named(seen, signal), unlearned=tuple(named(saw, unlearned(signal, seen)) for saw in lots))
    told = stability(found, 0.95)
    return told is None or told.low <= told.anybody <= told.high

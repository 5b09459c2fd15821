"""Tables of mixed columns whose release is known to leak: numbers that do not depend on any library but numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd

TOWNS = np.array(["north", "south", "east", "west", "harbour", "hill"])


def people(count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Numbers, categories, truth values, days and holes."""
    age = rng.integers(18, 90, count)
    pay = np.round(np.exp(rng.normal(7 + age / 100, 0.5, count)), 1)
    return pd.DataFrame(
        {
            "age": age,
            "pay": np.where(rng.random(count) < 0.1, np.nan, pay),
            "town": TOWNS[rng.integers(0, 6, count)],
            "kind": np.array(["a", "b", "c"])[rng.integers(0, 3, count)],
            "born": (np.datetime64("1950-01-01") + rng.integers(0, 9000, count).astype("timedelta64[D]")).astype(str),
            "owns": rng.random(count) < 0.4,
            "children": rng.integers(0, 5, count),
        }
    )


def half_copied(real: pd.DataFrame, rng: np.random.Generator, share: float = 0.5) -> pd.DataFrame:
    """As many rows: of real ones, this share, with two columns drawn anew; the rest are of other people."""
    copied = real.iloc[rng.permutation(len(real))[: int(share * len(real))]].copy()
    fresh = people(len(copied), rng)
    for name in ("kind", "children"):
        copied[name] = fresh[name].to_numpy()
    table = pd.concat([copied, people(len(real) - len(copied), rng)])
    return table.iloc[rng.permutation(len(table))].reset_index(drop=True)


def tables(share: float, count: int = 500, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Members, others, and the release."""
    rng = np.random.default_rng(seed)
    members, others = people(count, rng), people(count, rng)
    return members, others, half_copied(members, rng, share)

"""Networks on census records, by every attack, and how fast they are trained."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import numpy as np

from divulge.core.game import Arm
from divulge.core.hashing import Array
from divulge.core.property_expression import columns_of
from divulge.core.records import Records
from divulge.data.sources import census_income
from divulge.training.engines.engine import Trainer, Way
from harness import Row
from properties.playing import FEW, QUICK, SIZE, WOMEN, accuracy, coded, error, fact_of, game, played, recipe, sides
from shadow_training import plain

BLACK_BOX = (
    *("property_loss_test", "property_threshold_test", "property_kl_test", "property_queries", "property_labels"),
)
WHITE_BOX = ("property_parameters", "property_neurons", "property_activations")


def census(quick: bool) -> Iterator[Row]:
    records = census_income()
    records = records.take(np.arange(FEW)) if quick else records
    x, columns = coded(records), columns_of(records)
    count = QUICK if quick else {}
    repeats = 1 if quick else 5
    games, seconds = [], []
    recipe(x.x.shape[1]).fit(x, 0, steps=2)  # what torch loads with its first optimiser is nobody's training
    for seed in range(repeats):
        games.append(game(recipe(x.x.shape[1]), sides(x, columns, seed), seed=seed, seconds=seconds, **count))
    for threat, name in (("mlaas", "scores"), ("published-model", "scores and parameters")):
        found = [played(dealt, "property_chosen", threat) for dealt in games]
        facts = [fact_of(each) for each in found]
        bars = (0.97, 0.88, 0.08) if threat == "mlaas" else (None, None, None)
        yield accuracy(f"women, chosen from {name}", found, 0, bars[0])
        yield accuracy(f"women, chosen from {name}", found, 2, bars[1])
        yield accuracy(f"women, chosen from {name}", found, 1)
        yield error(f"women, chosen from {name}", found, bars[2])
        covered = float(np.mean([f.covered for f in facts]))
        yield Row("  its 95 % intervals hold the truth", covered)
        if threat == "mlaas":
            yield Row("  n_leaked: records that would tell as much", facts[0].leaked or float("inf"))
            yield Row("  middle of the range: mean absolute error", facts[0].baseline_error or 0.0)
            yield Row("  published metrics alone: right", float(np.mean([f.metrics_told for f in facts])))
            yield Row(
                "  published metrics alone: mean absolute error", float(np.mean([f.metrics_error for f in facts]))
            )
            flat = [played(dealt, "property_chosen", threat, Arm.NEGATIVE) for dealt in games]
            row = accuracy("women, 0.5 or 0.5 (said to be other values)", flat, 0)
            yield row
            yield Row("  the interval holds one half", float((row.low or 0) <= 0.5 <= (row.high or 1)), bar=1.0)
    for name in (BLACK_BOX[0], WHITE_BOX[0]) if quick else (*BLACK_BOX, *WHITE_BOX):
        found = [played(dealt, name) for dealt in games[: 1 if name == "property_activations" else 2]]
        yield accuracy(f"women, {name}", found, 0)
        yield accuracy(f"women, {name}", found, 2)
        if fact_of(found[0]).estimates:
            yield error(f"women, {name}", found)
    yield from speed(x, columns, seconds, quick)


def speed(x: Records, columns: dict[str, Array], seconds: list[float], quick: bool) -> Iterator[Row]:
    """The models of one game, against one after the other: by divulge, and as one writes it without thinking."""
    together, made = seconds[0] + seconds[1], recipe(x.x.shape[1])
    few, size = (4, QUICK["size"]) if quick else (32, SIZE)
    keep = np.zeros((few, len(x)), dtype=bool)
    for k in range(few):
        keep[k, np.random.default_rng(k).choice(len(x), size, False)] = True
    started = perf_counter()
    list(Trainer(way=Way.SEQUENTIAL).fit_many(made, x, keep, list(range(few))))
    alone = (perf_counter() - started) / few
    started = perf_counter()
    for k in range(few):
        plain(made, x.take(keep[k]), k)
    loop = (perf_counter() - started) / few
    count = QUICK["victims"] + QUICK["shadows"] if quick else 96 + 256
    yield Row(f"{count} models: seconds, stacked", together)
    yield Row("  times faster than one after the other", alone * count / together, bar=None if quick else 8.0)
    yield Row("  times faster than a plain loop", loop * count / together)


def unseen_property(quick: bool) -> Iterator[Row]:
    """Sex is no input, and as many men as women earn much; and a coin that was thrown for every record."""
    records = census_income()
    records = records.take(np.arange(2 * FEW)) if quick else records
    female = columns_of(records)["sex"] == "Female"
    rng = np.random.default_rng(0)
    rich = records.y == 1
    share = rich[female].mean()
    wanted = round(share / (1 - share) * (~female & ~rich).sum())
    dropped = rng.permutation(np.flatnonzero(~female & rich))[wanted:]
    kept = np.setdiff1d(np.arange(len(records)), dropped)
    fewer = records.take(kept)
    x = coded(fewer, without=["sex"])
    columns = columns_of(fewer) | {"coin": rng.integers(0, 2, len(fewer))}
    count = QUICK if quick else {}
    for name, text in (("women, sex no input, no difference in income", WOMEN), ("a coin", "share(coin == 1)")):
        dealt = game(recipe(x.x.shape[1]), sides(x, columns, 0), text, **count)
        for threat in ("mlaas", "published-model"):
            found = played(dealt, "property_chosen", threat)
            yield accuracy(f"{name} ({threat})", [found], 0)
            yield error(f"{name} ({threat})", [found])

"""Attacks on synthetic tables: those whose answer is known, those where there is nothing to find, and the census."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from divulge.auditing.job import BoundRecipe
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import DEFAULT_GENERATOR, DEFAULT_RELEASE, attack
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.records import Records
from divulge.core.results.trials import Scored
from divulge.core.threat import PRESETS, Access
from divulge.core.views.membership import Auxiliary, MembershipView
from divulge.data.arrays import from_arrays
from divulge.data.sources import census_income
from divulge.stats.auc import auc
from divulge.stats.privacy.epsilon import epsilon_lower_bound
from divulge.stats.roc import at_fpr, roc
from divulge.targets.generator import GeneratorTarget
from divulge.training.recipes.generator import GeneratorRecipe
from divulge.training.recipes.noisy_marginals import NoisyMarginals
from divulge.training.shadow import ShadowTrainer
from divulge.workflows.demos import SYNTHETIC_COLUMNS
from divulge.workflows.synthesizers import bootstrap, cart, gaussian_copula, smote
from harness import Row, main

FROM_THE_TABLE = (
    *("calibrated_distance", "closest_record", "distance_ratio", "domias", "exact_hits", "kernel_likelihood"),
    *("local_likelihood", "monte_carlo", "plagiarism_index", "release_classifier"),
)
WITH_GENERATORS = ("generator_lira", "generator_ratio", "generator_rmia", "query_features")
BARS = {"cart": (0.635, 0.065), "smote": (0.76, 0.15)}


def played(name: str, target: Any, candidates: Records, member: Array, means: Auxiliary) -> Scored:
    """One attack on one target."""
    chosen = attack(name)
    oracle = GrantedOracle(target, PRESETS["synthetic-data"], Access.SAMPLES)
    view = MembershipView(oracle, candidates, np.random.default_rng(0), chosen.card.needs, means)
    guess = chosen.run(view)
    unit = np.arange(len(member))
    return Scored(guess.scores, member, unit, unit, guess.tie_break)


def tables(*sets: Any) -> list[Records]:
    """Records without a target."""
    return from_arrays([(each, np.zeros(len(each), dtype=int)) for each in sets], labeled=False)


def half(count: int, seed: int) -> Array:
    """Who was trained on."""
    return derived_rng(seed, "members").permutation(count) < count // 2


def closed_form(quick: bool) -> Iterator[Row]:
    """Rows drawn again: of n, drawn n times, 1 - (1 - 1/n)^n stand there, and all others are guessed."""
    size, areas = 2_000, []
    for seed in range(3 if quick else 10):
        candidates, member = tables(derived_rng(seed, "x").normal(size=(size, 4)))[0], half(size, seed)
        inside = candidates.take(member)
        target = GeneratorTarget(bootstrap(_frame(inside), seed))
        drawn = target.draw(size // 2, seed, candidates.schema)
        fixed = GeneratorTarget(lambda count, seed, drawn=drawn: drawn.x)
        areas.append(auc(played("exact_hits", fixed, candidates, member, Auxiliary())).value)
    known = 0.5 + (1 - (1 - 2 / size) ** (size // 2)) / 2
    yield Row(
        "bootstrap: AUC of exact_hits, off the closed form", abs(np.mean(areas) - known), bar=0.01, better="below"
    )


def _frame(records: Records) -> Any:
    import pandas as pd

    return pd.DataFrame(records.x, columns=list(records.schema.names))


def bayes(quick: bool) -> Iterator[Row]:
    """A kernel around every training row: who knows the width and the population does best with the very densities."""
    size, width, gaps = 2_000, 0.3, []
    for seed in range(2 if quick else 6):
        rng = derived_rng(seed, "mixture")
        x, member = rng.normal(size=(size, 3)), half(size, seed)
        candidates, population = tables(x, rng.normal(size=(8_000, 3)))
        drawn = x[member][rng.integers(size // 2, size=size // 2)] + width * rng.normal(size=(size // 2, 3))
        target = GeneratorTarget(lambda count, seed, drawn=drawn: drawn)
        squared = ((x[:, None] - drawn[None]) ** 2).sum(axis=2)
        spread = 1 + width**2
        base = -0.5 * (drawn**2).sum(axis=1) / spread - 1.5 * np.log(spread)
        odds = np.logaddexp(np.log(size // 2 - 1) + base, -squared / (2 * width**2) - 3 * np.log(width)) - base
        unit = np.arange(size)
        best = auc(Scored(odds.sum(axis=1), member, unit, unit)).value
        found = auc(played("kernel_likelihood", target, candidates, member, Auxiliary(population))).value
        gaps.append(best - found)
    yield Row(
        "mixture: AUC of kernel_likelihood below the best",
        float(np.mean(gaps)),
        bar=0.02,
        better="below",
    )


def null(quick: bool) -> Iterator[Row]:
    """Generators fitted on other people: how often an attack's 95 % interval leaves a half out, above."""
    found = []
    for seed in range(4 if quick else 20):
        frame = _people(seed, 2_600)
        candidates, population, _ = tables(frame[:600], frame[600:1600], frame[1600:])
        for fit in (cart, smote):
            target = GeneratorTarget(fit(frame[1600:1900], seed))
            for name in FROM_THE_TABLE:
                area = auc(played(name, target, candidates, half(600, seed), Auxiliary(population)))
                found.append(area.interval(0.05)[0] > 0.5)
    yield Row("null generators: false leaks (2.5 % by chance)", float(np.mean(found)), bar=0.05, better="below")


def private(quick: bool) -> Iterator[Row]:
    """Releases with noise of an epsilon, half of them with one record of another kind: what is proved of it."""
    for epsilon in (0.1, 1.0, 10.0):
        bounds = [_exposed(epsilon, seed) for seed in range(5 if quick else 100)]
        above = float(np.mean(np.array(bounds) > epsilon))
        yield Row(f"noisy marginals, epsilon {epsilon:g}: bounds above it", above, bar=0.05, better="below")
        yield Row(f"noisy marginals, epsilon {epsilon:g}: mean bound", float(np.mean(bounds)))
    found = [_exposed(4.0, seed) > 1.0 for seed in range(5 if quick else 20)]
    yield Row("noise of epsilon 4 where 1 is claimed: found", float(np.mean(found)), bar=0.95)


def _exposed(epsilon: float, seed: int, runs: int = 1_000) -> float:
    """By the counts of two cells in 1,000 releases of either table: one record stands in the one or in the other."""
    codes = np.repeat([0, 1, 2], 10)
    frame = _kinds(codes)
    public, without, replaced = tables(frame, frame, _kinds(np.concatenate([[1], codes[1:]])))
    counts = []
    for run in range(runs):
        for side in (replaced, without):
            made = NoisyMarginals(side, public, epsilon, derived_seed(seed, "release", str(run)))
            counts.append(np.diff(made.counts[0].sum(axis=1)[:2])[0])
    unit = np.arange(2 * runs)
    return epsilon_lower_bound(roc(Scored(np.array(counts), unit % 2 == 0, unit, unit)), 0.0, 0.05)


def _kinds(codes: Array) -> Any:
    import pandas as pd

    return pd.DataFrame({"kind": np.array(["a", "b", "c"])[codes]})


def _people(seed: int, count: int) -> Any:
    everyone = census_income().native()[list(SYNTHETIC_COLUMNS)]
    return everyone.sample(count, random_state=seed).reset_index(drop=True)


def census(quick: bool) -> Iterator[Row]:
    """1,000 training rows, 1,000 synthetic ones, 16 shadow generators; every attack on every generator."""
    for fit in (gaussian_copula, cart, smote):
        found: dict[str, list[tuple[float, float]]] = {}
        for seed in range(900, 901 if quick else 906):
            frame = _people(seed, 6_000)
            candidates, population = tables(frame[:2_000], frame[2_000:])
            for name, scored in _all_attacks(fit, frame[:2_000], candidates, population, seed):
                found.setdefault(name, []).append((auc(scored).value, at_fpr(roc(scored), 0.01).tpr.value))
        yield from _rows(fit.__name__, found)


def _all_attacks(
    fit: Callable[[Any, int], Any], frame: Any, candidates: Records, population: Records, seed: int
) -> Iterator[tuple[str, Scored]]:
    member = half(len(candidates), seed)
    target = GeneratorTarget(fit(frame[member], seed))
    trainer = ShadowTrainer(BoundRecipe(GeneratorRecipe(fit), GeneratorTarget), candidates, seed)

    def shadows(models: int) -> Any:
        return trainer.pool(models, lambda t: GrantedOracle(t, PRESETS["synthetic-data"], Access.SAMPLES, free=True))

    for name in (*FROM_THE_TABLE, *WITH_GENERATORS):
        yield name, played(name, target, candidates, member, Auxiliary(population, shadows))


def _rows(generator: str, found: dict[str, list[tuple[float, float]]]) -> Iterator[Row]:
    for name, figures in found.items():
        area, rate = np.mean(figures, axis=0)
        bars = BARS.get(generator, (None, None)) if name == DEFAULT_GENERATOR else (None, None)
        word = {DEFAULT_RELEASE: " (default, table alone)", DEFAULT_GENERATOR: " (default)"}.get(name, "")
        yield Row(f"{generator}: {name}{word}, AUC", float(area), bar=bars[0])
        yield Row(f"{generator}: {name}{word}, TPR at 1 % FPR", float(rate), bar=bars[1])


if __name__ == "__main__":
    main(
        "Synthetic tables",
        {"closed_form": closed_form, "bayes": bayes, "null": null, "private": private, "census": census},
    )

"""Attacks on synthetic tables: those whose answer is known, those where there is nothing to find, and the census.

On many cores: `python benchmarks/synthetic.py PART --jobs 16 --raw PART.jsonl`, and of several files the rows together
by `--merge FILE ...`; each seed is a line that is written when it is measured.  `--quick` leaves the census out.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from divulge.auditing.job import BoundRecipe
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import DEFAULT_GENERATOR, DEFAULT_RELEASE, attack
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.records import Records, concat
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
from divulge.workflows.synthesizers import bayesian_network, bootstrap, cart, gaussian_copula, smote
from harness import Row, rate
from seeded import Measured, Part, main

FROM_THE_TABLE = (
    *("calibrated_distance", "closest_record", "distance_ratio", "domias", "exact_hits", "kernel_likelihood"),
    *("local_likelihood", "monte_carlo", "plagiarism_index", "release_classifier"),
)
WITH_GENERATORS = ("generator_lira", "generator_ratio", "generator_rmia", "query_features")
BARS = {"cart": (0.635, 0.065), "smote": (0.76, 0.15)}


def played(
    name: str, target: Any, candidates: Records, member: Array, means: Auxiliary, threat: str = "synthetic-data"
) -> Scored:
    """One attack on one target."""
    chosen = attack(name)
    oracle = GrantedOracle(target, PRESETS[threat], chosen.card.needs.access)
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


def closed_form(seed: int) -> Measured:
    """Rows drawn again: of n, drawn n times, 1 - (1 - 1/n)^n stand there, and all others are guessed."""
    size = 2_000
    candidates, member = tables(derived_rng(seed, "x").normal(size=(size, 4)))[0], half(size, seed)
    inside = candidates.take(member)
    target = GeneratorTarget(bootstrap(_frame(inside), seed))
    drawn = target.draw(size // 2, seed, candidates.schema)
    fixed = GeneratorTarget(lambda count, seed, drawn=drawn: drawn.x)
    known = 0.5 + (1 - (1 - 2 / size) ** (size // 2)) / 2
    return {"off": auc(played("exact_hits", fixed, candidates, member, Auxiliary())).value - known}


def closed_form_rows(found: list[Measured]) -> Iterator[Row]:
    off = abs(float(np.mean([each["off"] for each in found])))
    yield Row("bootstrap: AUC of exact_hits, off the closed form", off, bar=0.01, better="below")


def _frame(records: Records) -> Any:
    import pandas as pd

    return pd.DataFrame(records.x, columns=list(records.schema.names))


def bayes(seed: int) -> Measured:
    """A kernel around every training row: who knows the width and the population does best with the very densities."""
    size, width = 2_000, 0.3
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
    return {"gap": best - found}


def bayes_rows(found: list[Measured]) -> Iterator[Row]:
    gap = float(np.mean([each["gap"] for each in found]))
    yield Row("mixture: AUC of kernel_likelihood below the best", gap, bar=0.02, better="below")


def null(seed: int) -> Measured:
    """Generators fitted on other people: whether an attack's 95 % interval leaves a half out, above."""
    frame, found = _people(seed, 2_600), []
    candidates, population, _ = tables(frame[:600], frame[600:1600], frame[1600:])
    for fit in (cart, smote):
        target = GeneratorTarget(fit(frame[1600:1900], seed))
        for name in FROM_THE_TABLE:
            area = auc(played(name, target, candidates, half(600, seed), Auxiliary(population)))
            found.append(bool(area.interval(0.05)[0] > 0.5))
    return {"above": found}


def null_rows(found: list[Measured]) -> Iterator[Row]:
    above = float(np.mean([each["above"] for each in found]))
    yield Row("null generators: false leaks (2.5 % by chance)", above, bar=0.05, better="below")


NULLS = (cart, smote, gaussian_copula, bayesian_network, bootstrap)
FEWEST_COPIES = 8


def audits(seed: int) -> Measured:
    """A whole audit, all attacks, of a table that was made of other people; and of one of other people's very rows, in
    which eight patients of four hundred stand word for word.
    """
    frame = _people(10_000 + seed, 2_000)
    members, others, population, rest = (frame[:400], frame[400:800], frame[800:1400], frame[1400:])
    fit = NULLS[seed % len(NULLS)]
    made = fit(rest[:400], seed).sample(400, seed)
    quiet = _audited(made, (members, others, population), seed, ["membership", "reconstruction"])
    return {"generator": fit.__name__, "verdict": quiet, "with_copies": _copied(seed)}


def _copied(seed: int) -> str:
    """Rows that nobody else has, of numbers: what is copied is no accident."""
    import pandas as pd

    x = derived_rng(seed, "patients").normal(size=(2_000, 6)).round(3)
    frame = pd.DataFrame(x, columns=list("abcdef"))
    sides = (frame[:400], frame[400:800], frame[800:1400])
    made = pd.concat([frame[1400 : 1800 - FEWEST_COPIES], frame[:FEWEST_COPIES]], ignore_index=True)
    return _audited(made, sides, seed, ["membership", "reconstruction"])


def _audited(made: Any, sides: tuple[Any, ...], seed: int, families: list[str]) -> str:
    import divulge

    with tempfile.TemporaryDirectory() as place:
        how = {"threat": "synthetic-data", "duplicates": "keep", "progress": None, "cache": False, "families": families}
        return divulge.audit(made, *sides, seed=seed, out=Path(place) / "run", **how).verdict.value


def audits_rows(found: list[Measured]) -> Iterator[Row]:
    verdicts = [each["verdict"] for each in found]
    yield rate("null releases, whole audits: called a leak", [v == "leak" for v in verdicts], 0.05, "below")
    yield rate("null releases, whole audits: called invalid", [v == "invalid" for v in verdicts], 0.02, "below")
    copies = [each["with_copies"] == "leak" for each in found]
    yield rate(f"{FEWEST_COPIES} of 400 patients word for word: called a leak", copies, 0.95)


EPSILONS = (0.1, 1.0, 10.0)


def private(seed: int) -> Measured:
    """Releases with noise of an epsilon, half of them with one record of another kind: what is proved of it."""
    return {"bounds": [_exposed(epsilon, seed) for epsilon in EPSILONS], "too_little": _exposed(4.0, seed)}


def private_rows(found: list[Measured]) -> Iterator[Row]:
    for place, epsilon in enumerate(EPSILONS):
        bounds = np.array([each["bounds"][place] for each in found])
        yield rate(f"noisy marginals, epsilon {epsilon:g}: bounds above it", bounds > epsilon, 0.05, "below")
        yield Row(f"noisy marginals, epsilon {epsilon:g}: mean bound", float(bounds.mean()))
    shown = [each["too_little"] > 1.0 for each in found]
    yield rate("noise of epsilon 4 where 1 is claimed: found", shown, 0.95)


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


GENERATORS = (gaussian_copula, cart, smote)


def census(seed: int) -> Measured:
    """1,000 training rows, 1,000 synthetic ones, 16 shadow generators; every attack on every generator."""
    frame = _people(seed, 6_000)
    candidates, population = tables(frame[:2_000], frame[2_000:])
    return {
        fit.__name__: {
            name: (auc(scored).value, at_fpr(roc(scored), 0.01).tpr.value)
            for name, scored in _all_attacks(fit, frame[:2_000], candidates, population, seed)
        }
        for fit in GENERATORS
    }


def census_rows(found: list[Measured]) -> Iterator[Row]:
    for fit in GENERATORS:
        of = [each[fit.__name__] for each in found]
        yield from _rows(fit.__name__, {name: [each[name] for each in of] for name in of[0]})


COUNTED = ("age", "education", "marital_status", "race", "sex", "household_summary", "class_of_worker")
OF_CATEGORIES = COUNTED[1:]


def counts(seed: int) -> Measured:
    """Tables of each of seven columns of 300 people, of each pair of six categories, and of age, sex and education,
    with the noise of an epsilon for all of them together: who was counted, and the education of whom all else is known.
    """
    from divulge.attacks.reconstruction.aggregates.linear_program import LinearProgram
    from divulge.core.game import Arm
    from divulge.core.results.metric import ATTRIBUTE_DEDUCED
    from divulge.games.control_models import ControlModels
    from divulge.games.published.counts import CountsGame
    from divulge.targets.count_table import CountTable

    frame = _people(seed, 3_600)[list(COUNTED)]
    inside, outside, public = tables(frame[:300], frame[300:600], frame[600:])
    sets = [(c,) for c in COUNTED] + list(itertools.combinations(OF_CATEGORIES, 2))
    sets.append(("age", "sex", "education"))
    cells = _cells(frame[:300], sets)
    found: Measured = {}
    for epsilon in (None, 10.0, 1.0):
        noise = 0 if epsilon is None else derived_rng(seed, "noise").laplace(0, 2 * len(sets) / epsilon, len(cells))
        target = CountTable(cells.assign(count=cells["count"] + noise))
        candidates, member = concat([inside, outside]), np.arange(600) < 300
        area = played("share_likelihood", target, candidates, member, Auxiliary(public), "published-counts")
        column = (inside.schema.position("education"),)
        game = CountsGame(target, inside, outside, column, seed, ControlModels(None, inside, None, seed))
        (dealt,) = game.deal(Arm.TARGET)
        oracle = GrantedOracle(target, PRESETS["published-counts"], Access.COUNTS)
        evidence = dealt.judge(
            LinearProgram().run(dealt.open(oracle, LinearProgram.card, None, np.random.default_rng(0)))
        )
        (told,) = (trial for trial in evidence.paired if trial.metric == ATTRIBUTE_DEDUCED)
        found[f"{epsilon or 'none'}"] = (auc(area).value, float(np.mean(told.hits)), float(np.mean(told.baseline)))
    return found


def counts_rows(found: list[Measured]) -> Iterator[Row]:
    for epsilon in found[0]:
        area, told, others = np.mean([each[epsilon] for each in found], axis=0)
        words = "without noise" if epsilon == "none" else f"epsilon {float(epsilon):g}"
        yield Row(f"counts, {words}: AUC of share_likelihood", float(area))
        yield Row(f"counts, {words}: education told by linear_program", float(told))
        yield Row(f"counts, {words}: the same of people not counted", float(others))


def _cells(frame: Any, sets: list[tuple[str, ...]]) -> Any:
    import pandas as pd

    return pd.concat([frame.groupby(list(each)).size().rename("count").reset_index() for each in sets])


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


PARTS = {
    "closed_form": Part(closed_form, closed_form_rows, (3, 10)),
    "bayes": Part(bayes, bayes_rows, (1, 6)),
    "null": Part(null, null_rows, (2, 20)),
    "audits": Part(audits, audits_rows, (1, 100)),
    "private": Part(private, private_rows, (5, 100)),
    "counts": Part(counts, counts_rows, (1, 6)),
    "census": Part(census, census_rows, (0, 6), first=900),
}

if __name__ == "__main__":
    main("Synthetic tables", PARTS)

"""How near do bounds on epsilon come to the truth, and how often do they pass it?  Truth is exact, or an accountant's.

Each ratio is the median bound over the truth.  In brackets stands what was published for a like setting; those figures
are of other data and sizes, and only a measure.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from divulge.claims import known_mechanisms as known
from divulge.claims.dp_watch import StepsSeen, whole_run
from divulge.claims.guesses import OneRun, judged
from divulge.claims.mechanism import audit_mechanism
from divulge.core.hashing import Array
from divulge.core.results.trials import Scored
from divulge.defenses.accounting import epsilon_of as accountants_epsilon
from divulge.stats.exchange import one_run_epsilon
from divulge.stats.privacy.epsilon import epsilon_lower_bound
from divulge.stats.privacy.gaussian import epsilon_of, mu_lower_bound
from divulge.stats.roc import Roc, roc
from harness import Row, main
from private.final_models import Setting, final_model
from private.gradients import NOISE, watched

DELTA, CANARIES = 1e-5, 1000
Rng = np.random.Generator


def response(epsilon: float) -> Callable[[Rng, Array], Array]:
    """Scores of randomised response: the truth about each trial with probability e^epsilon / (1 + e^epsilon)."""
    return lambda rng, inside: np.where(rng.random(len(inside)) < stats.logistic.cdf(epsilon), inside, ~inside) * 1.0


def shifted(mu: float) -> Callable[[Rng, Array], Array]:
    """Scores of a Gaussian mechanism."""
    return lambda rng, inside: rng.normal(size=len(inside)) + mu * inside


def subsampled(noise: float, rate: float, steps: int) -> Callable[[Rng, Array], Array]:
    """Scores of canaries by all steps of DP-SGD, each in a coordinate of its own."""

    def scores(rng: Rng, inside: Array) -> Array:
        seen = StepsSeen(1000, rng)
        seen.norm, seen.sizes = 1.0, [round(1000 * rate)] * steps
        seen.noise = [noise * rng.normal(size=64) for _ in range(steps)]
        for _ in range(steps):
            seen.told.append((inside & (rng.random(len(inside)) < rate)) + noise * rng.normal(size=len(inside)))
        return whole_run(seen)

    return scores


def two_arms(score: Callable[[Rng, Array], Array], n: int, rng: Rng) -> Roc:
    """As many trials of each arm."""
    places = np.arange(2 * n)
    return roc(Scored(score(rng, places < n), places < n, places, places))


def told(name: str, bounds: list[float], truth: float, bar: float | None = None) -> Iterator[Row]:
    """The ratio, and the share of bounds above the truth."""
    found = np.array(bounds)
    yield Row(f"{name}: bound / truth ({truth:.2f})", float(np.median(found) / truth), bar=bar)
    low, high = stats.binomtest(int((found > truth).sum()), len(found)).proportion_ci()
    yield Row(f"{name}: share above the truth", float((found > truth).mean()), low, high, 0.05, "below")


def many_runs(draws: int) -> Iterator[Row]:
    """1000 trials in each arm, as of two sets of models."""
    rng = np.random.default_rng(0)
    for epsilon in (1.0, 3.0):
        curves = [two_arms(response(epsilon), 1000, rng) for _ in range(draws)]
        bounds = [epsilon_lower_bound(c, 0.0, 0.05) for c in curves]
        yield from told(f"randomised response, epsilon {epsilon:g}", bounds, epsilon, 0.85)
    for mu in (1.0, 2.0):
        curves = [two_arms(shifted(mu), 1000, rng) for _ in range(draws)]
        bounds = [epsilon_of(mu_lower_bound(c, 0.05), DELTA) for c in curves]
        yield from told(f"Gaussian, mu {mu:g}, by mu", bounds, epsilon_of(mu, DELTA), 0.85)
        bounds = [epsilon_lower_bound(c, DELTA, 0.05) for c in curves]
        yield from told(f"Gaussian, mu {mu:g}, whatever the mechanism", bounds, epsilon_of(mu, DELTA))


WAYS: dict[str, Callable[[OneRun], float]] = {
    "any (Steinke 2023)": lambda found: found.epsilon,
    "Gaussian (Mahloujifar 2025)": lambda found: found.epsilon_if_gaussian,
    "independent": lambda found: found.epsilon_if_independent,
    "both (Agrawal 2026)": lambda found: found.epsilon_if_both,
}


def one_run(draws: int) -> Iterator[Row]:
    """1000 canaries in one run."""
    rng = np.random.default_rng(1)
    steps = (2.0, 0.2, 60)
    cases: list[tuple[str, Callable[[Rng, Array], Array], float, float, tuple[str, ...]]] = [
        ("response, epsilon 3", response(3.0), 3.0, 0.0, ("any", "independent")),
        ("Gaussian, mu 1", shifted(1.0), epsilon_of(1.0, DELTA), DELTA, tuple(WAYS)),
        (
            "DP-SGD, 60 steps",
            subsampled(*steps),
            accountants_epsilon(2.0, DELTA, 0.2, 60),
            DELTA,
            tuple(WAYS),
        ),
    ]
    for name, score, truth, delta, ways in cases:
        found = []
        for _ in range(draws):
            inside = rng.random(CANARIES) < 0.5
            found.append(judged(score(rng, inside), inside, None, delta, 0.95, rng))
        for way, bound in WAYS.items():
            if any(part in way for part in ways):
                yield from told(f"{name}, one run, {way}", [bound(each) for each in found], truth)
    right = rng.binomial(CANARIES, stats.logistic.cdf(3.0), draws)
    bounds = [one_run_epsilon(int(r), CANARIES, 0.05) for r in right]
    yield from told("randomised response, one run, one share (Steinke)", bounds, 3.0)


def mechanisms(samples: int) -> Iterator[Row]:
    """Right mechanisms with epsilon 1, and wrong ones that claim as much."""
    added, moved = (np.zeros(5), np.append(np.zeros(5), 1.0)), (np.repeat([1.0, 0], 5), np.repeat([0, 1.0], 5))
    for right, pair in ((known.noisy_sum, added), (known.sparse_vector, moved)):
        found = audit_mechanism(right, pair, claimed=1.0, delta=0.0, samples=samples)
        yield Row(
            f"{right.__name__}: bound (claimed and true: 1)",
            found.epsilon,
            high=found.credible,
            bar=1.0,
            better="below",
        )
    wrong = {
        known.sum_with_half_the_noise: added,
        known.mean_with_plain_count: (np.ones(5), np.append(np.ones(5), 0.0)),
        known.sparse_vector_without_noise_on_answers: moved,
        known.sparse_vector_without_limit: moved,
        known.sparse_vector_that_tells_answers: moved,
        known.noise_of_a_fixed_seed: added,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for mechanism, pair in wrong.items():
            found = audit_mechanism(mechanism, pair, claimed=1.0, delta=0.0, samples=samples)
            yield Row(f"{mechanism.__name__}: bound (claimed: 1)", found.epsilon, high=found.credible, bar=1.0)


def trainings(quick: bool) -> Iterator[Row]:
    """DP-SGD by Opacus with every gradient in sight, and many trainings of which the final models alone are seen."""
    for noise in NOISE.values():
        truth, found = watched(noise)
        name = f"Opacus, every gradient in sight, accountant {truth:.2f}"
        yield Row(f"{name}: bound / truth", found.by_step / truth, bar=0.9)
        yield Row(f"{name}: whole run, if Gaussian", found.whole_if_gaussian / truth)
        yield Row(f"{name}: whole run, any mechanism", found.one_run / truth)
    truth, mu, shown = final_model(Setting(100, 10, 200) if quick else Setting(300, 20, 1000), 10.0)
    name = f"final model alone, Fashion-MNIST, epsilon {truth:.0f} (7.21 of 10 on MNIST; 4.91)"
    yield Row(f"{name}", epsilon_of(shown, DELTA), bar=4.9)
    yield Row("the same, its mu over the truth", shown / mu)


def measure(quick: bool) -> Iterator[Row]:
    """All of it."""
    yield from many_runs(200 if quick else 1000)
    yield from one_run(60 if quick else 500)
    yield from mechanisms(20_000 if quick else 40_000)
    yield from trainings(quick)


if __name__ == "__main__":
    main("How near do bounds on epsilon come to the truth?", measure)

"""A claimed epsilon put to the test inside the training: what Opacus' optimiser really does, step by step.

Samples are counted, clipped sums are computed again, and the noise is measured.  In the same run canaries are put into
single coordinates of the gradient, as a record could that pulls at one weight alone: with all noisy gradients in sight
they tell as much as any record can (Nasr et al. 2023; Steinke, Nasr and Jagielski 2023, section 5.2).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import stats

from divulge.claims.as_run import Found, Setting, Test, Tested, agreeing, as_dict, as_run, bounded, number
from divulge.claims.dp_watch import StepsSeen, single_steps, watched, whole_run
from divulge.claims.guesses import OneRun, bounded_by, estimate_of, guessed, judged
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng
from divulge.core.identity import content_hash
from divulge.core.privacy_budget import check_delta, check_epsilon, warn_of_delta
from divulge.core.results.audit_result import DataFacts, TargetFacts
from divulge.core.results.estimate import Detail, Estimate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Claimed
from divulge.core.results.finding import Verdict
from divulge.core.results.metric import EPSILON_BY_STEP, NOT_AS_CLAIMED
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Exact, Scored
from divulge.core.threat import Access, Asset, Behavior, Knowledge, Phase, Task, ThreatModel
from divulge.core.wording import counted, percent
from divulge.defenses.accounting import LEAST_NOISE, cost_of, epsilon_of, gaussian_cost
from divulge.stats.exact import CERTAIN
from divulge.stats.privacy.gaussian import mu_lower_bound, mu_p_value
from divulge.stats.roc import roc

CLOSE = 1e-3
"""Relative difference up to which two sums of clipped gradients are the same."""

FEWEST_STEPS = 10


INSIDE = ThreatModel(
    "watched-training",
    "someone inside of the training, who sees every noisy gradient and may put one record's worth into it",
    frozenset({Access.UPDATES}),
    frozenset({Knowledge.TRAINING_DATA, Knowledge.RECIPE}),
    assets=(Asset.MEMBERSHIP,),
    phase=Phase.TRAINING,
    behavior=Behavior.ACTIVE,
)


@dataclass(frozen=True)
class DpTraining:
    """What was done, and what it is worth.

    rate, steps: of the sampling.  noise: deviation of the noise over the largest contribution of a record, with its
    interval.  poisson: whether sample sizes vary as Poisson samples do.  clipped: whether sums were those of clipped
    gradients.  done: epsilon of what was seen, by the larger of two accountants; of samples that are not Poisson's
    without amplification.  one_run: epsilon is at least this, whatever the mechanism.  by_step: at least this if each
    step is a Gaussian mechanism on a Poisson sample.  faults: in words.  whole_if_gaussian: at least this if the
    steps together are as good as one Gaussian mechanism, from canaries over the whole run (Agrawal et al. 2026).
    """

    verdict: str
    claimed: float
    delta: float
    confidence: float
    records: int
    steps: int
    rate: float
    norm: float
    noise: float
    noise_low: float
    noise_high: float
    poisson: bool
    clipped: bool
    done: float
    one_run: float
    by_step: float
    canaries: int
    faults: tuple[str, ...]
    whole_if_gaussian: float = 0.0
    run: Path | None = field(default=None, compare=False, repr=False)


def dp_training(
    train: Callable[[], object],
    records: int,
    *,
    claimed: float,
    delta: float = 1e-5,
    confidence: float = 0.95,
    seed: int = 0,
    subject: Callable[[], tuple[TargetFacts, DataFacts]] | None = None,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> DpTraining:
    """Run a training that uses Opacus' DPOptimizer, watch every step, and bound its epsilon.

    train: trains once, in this process and thread.  records: how many it trains on.  claimed, delta: what is claimed
    for adding or removing one record.
    The verdict is `leak` where a bound exceeds the claim, or where something was not done as the claim assumes.
    subject: what is trained, and on what, for the report of a run; else what can be said of `train` itself.
    out: the folder of a run that keeps what was found; none where it is None.  resume: a run to go on with.
    Raises InputError where no step of Opacus was seen, and MissingExtra without Opacus.
    """

    def setting() -> Setting:
        target, data = subject() if subject is not None else _of_function(train, records)
        return Setting(
            name=f"epsilon, step by step: {target.name}",
            threat=INSIDE,
            target=target,
            data=data,
            policy=Policy(confidence=confidence, delta=delta),
            seed=seed,
            said={"claimed": claimed, "delta": delta, "confidence": confidence, "records": records},
            recipe=target.name,
        )

    def play() -> tuple[DpTraining, Found]:
        return _played(train, records, claimed, delta, confidence, seed)

    test = Test("dp_training", "A private training, step by step", DpTraining, play, "", Access.UPDATES)
    found: DpTraining = as_run(setting, [test], out, resume)[0]
    return found


def _of_function(train: Callable[[], object], records: int) -> tuple[TargetFacts, DataFacts]:
    """Of a function of which no more is known."""
    name, kind = getattr(train, "__name__", "train"), type(train).__name__
    target = TargetFacts(name, kind, Task.CLASSIFICATION.value, content_hash(train), (Access.UPDATES.value,))
    return target, DataFacts(records, 0, 0, 0, (), (), "not looked at: the records were not given", "")


def _played(
    train: Callable[[], object], records: int, claimed: float, delta: float, confidence: float, seed: int
) -> tuple[DpTraining, Found]:
    check_epsilon("claimed", claimed)
    check_delta("delta", delta)
    warn_of_delta("delta", delta, records)
    seen = StepsSeen(records, derived_rng(seed, "watch"))
    with watched(seen), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train()
    if len(seen.sizes) < FEWEST_STEPS:
        raise InputError(
            f"{len(seen.sizes)} steps of Opacus' DPOptimizer were seen, at least {FEWEST_STEPS} are needed: train with "
            "Opacus, in this process"
        )
    result = _weighed(seen, claimed, delta, confidence)
    return result, lambda: {"dp_training": _tested(seen, result)}


def _weighed(seen: StepsSeen, claimed: float, delta: float, confidence: float) -> DpTraining:
    sizes = np.array(seen.sizes)
    rate, steps = float(sizes.mean() / seen.records), len(sizes)
    clipped = seen.apart < CLOSE
    reach = seen.norm if clipped else max(seen.largest, seen.norm)
    noise = np.concatenate(seen.noise)
    spread, level = float(noise.std()), 1 - confidence
    edges = np.sqrt(np.asarray(stats.chi2.ppf([1 - level / 2, level / 2], len(noise) - 1)) / (len(noise) - 1))
    poisson = _like_poisson(sizes, seen.records)
    multiplier = spread / reach
    done = _epsilon_of(multiplier, delta, rate, steps, poisson)
    least_rate = _rate_at_least(rate, seen.records, steps)
    whole, by_step = _bounds(seen, claimed, delta, confidence, least_rate)
    one_run, most_noise = whole.epsilon, multiplier / float(edges[0])
    if poisson:
        least = _more_than(claimed, most_noise, delta, least_rate, steps)
    else:
        least = _without_amplification(max(most_noise, LEAST_NOISE), delta, least_rate, steps)
    faults = _faults(seen, multiplier, clipped, poisson, done, claimed, least > claimed)
    caught = bool(faults) or max(one_run, by_step) > claimed
    return DpTraining(
        verdict=(Verdict.LEAK if caught else Verdict.NOT_FOUND).value,
        claimed=claimed,
        delta=delta,
        confidence=confidence,
        records=seen.records,
        steps=steps,
        rate=rate,
        norm=seen.norm,
        noise=multiplier,
        noise_low=multiplier / float(edges[0]),
        noise_high=multiplier / float(edges[1]),
        poisson=poisson,
        clipped=clipped,
        done=done,
        one_run=one_run,
        by_step=by_step,
        canaries=len(seen.canaries),
        faults=faults,
        whole_if_gaussian=whole.epsilon_if_both,
    )


def _rate_at_least(rate: float, records: int, steps: int) -> float:
    """The sampling rate that was meant, less than which was seen by chance: three deviations of as many coins."""
    return max(float(rate - 3 * np.sqrt(rate * (1 - rate) / (records * steps))), 1e-5)


def _like_poisson(sizes: Array, records: int) -> bool:
    """Whether sizes spread as those of samples in which each record takes part by its own coin: a chi-squared test of
    the variance, both sides, at one in ten thousand.  Full batches, where every coin says yes, pass.
    """
    rate = sizes.mean() / records
    usual = records * rate * (1 - rate)
    if usual < 1e-9:
        return True
    statistic = float(((sizes - sizes.mean()) ** 2).sum() / usual)
    low, high = (float(stats.chi2.ppf(level, len(sizes) - 1)) for level in (5e-5, 1 - 5e-5))
    return low <= statistic <= high


def _epsilon_of(multiplier: float, delta: float, rate: float, steps: int, poisson: bool) -> float:
    if multiplier < LEAST_NOISE:
        return float("inf")
    if poisson:
        return cost_of(round(multiplier, 4), delta, min(1.0, round(rate, 5)), steps).stated
    return _without_amplification(multiplier, delta, rate, steps)


LITTLE_NOISE = 0.5
"""Below which an accountant counts for minutes; with more noise the training would cost less."""


def _more_than(claimed: float, multiplier: float, delta: float, rate: float, steps: int) -> float:
    """What so much noise costs on Poisson samples, by one accountant, or as much of it as exceeds what is claimed."""

    def cost(noise: float) -> float:
        return epsilon_of(round(noise, 4), delta, min(1.0, round(rate, 5)), steps)

    some = cost(max(multiplier, LITTLE_NOISE))
    if multiplier >= LITTLE_NOISE or some > claimed:
        return some
    return cost(multiplier) if multiplier >= LEAST_NOISE else float("inf")


def _without_amplification(multiplier: float, delta: float, rate: float, steps: int) -> float:
    """Every record takes part once an epoch, for certain."""
    epochs = max(1, round(rate * steps))
    return gaussian_cost(multiplier / epochs**0.5, delta)


def _bounds(seen: StepsSeen, claimed: float, delta: float, confidence: float, rate: float) -> tuple[OneRun, float]:
    """From the canaries over the whole run, and from single steps with a canary against single steps without."""
    level = (1 - confidence) / 2
    whole = judged(whole_run(seen), seen.inside, None, delta, 1 - level, derived_rng(0, "ties"))
    scored = single_steps(seen)
    if scored is None:
        return whole, 0.0
    mu = mu_lower_bound(roc(scored), level)
    if mu <= 0:
        return whole, 0.0
    return whole, _more_than(claimed, 1 / mu, delta, rate, len(seen.sizes))


def _faults(
    seen: StepsSeen, multiplier: float, clipped: bool, poisson: bool, done: float, claimed: float, more: bool
) -> tuple[str, ...]:
    reports = []
    if not clipped:
        reports.append(
            f"gradients are not clipped to {seen.norm:g}: one record contributed {seen.largest:.3g}, and what was "
            "added up is not the sum of clipped gradients"
        )
    if not poisson:
        reports.append(
            "samples are not Poisson samples: their sizes do not vary as they should, and accountants that count on "
            f"them say nothing; without amplification epsilon is {done:.3g}"
        )
    if more:
        reports.append(
            f"what was done costs an epsilon of {done:.3g}, with {multiplier:.3g} times the largest contribution as "
            f"noise; {claimed:g} was claimed"
        )
    return tuple(reports)


def _tested(seen: StepsSeen, found: DpTraining) -> Tested:
    """Three tests that share the error rate of one claim: two bounds, and what can be seen for certain."""
    alpha, steps = 1 - found.confidence, single_steps(seen)
    guesses = guessed(whole_run(seen), seen.inside, derived_rng(0, "ties"))
    whole = bounded_by(guesses, None, found.delta, 1 - alpha / 2, found.canaries)
    checks = Exact(NOT_AS_CLAIMED, CHECKS, len(found.faults), CLOSE, notes=found.faults)
    estimates = (
        estimate_of(whole, guesses, found.claimed, alpha, 2),
        _by_step(found, steps, alpha),
        _as_claimed(found, checks),
    )
    evidence = Evidence((*([steps] if steps is not None else []), checks), (_shown(found),))
    nothing = np.zeros(len(steps.score) if steps is not None else 0, dtype=np.int64)
    return Tested(estimates, evidence, np.arange(len(nothing)), nothing, models_trained=1)


CHECKS = 3
"""What is looked at: clipping, sampling, and the noise for what was claimed."""


def _by_step(found: DpTraining, steps: Scored | None, alpha: float) -> Estimate:
    """The bound from single steps.  Where it exceeds what was claimed, its p-value is that of a mu which costs more."""
    p = 1.0
    if steps is not None and found.by_step > found.claimed:
        curve = roc(steps)
        too_much = _costs_more(found, mu_lower_bound(curve, alpha / 2))
        p = min(1.0, 2 * mu_p_value(curve, too_much))
    value = bounded(found.by_step)
    return Estimate(
        metric=EPSILON_BY_STEP,
        value=value,
        low=value,
        high=None,
        confidence=found.confidence,
        chance=0.0,
        threshold=found.claimed,
        p_value=agreeing(p, found.by_step > found.claimed, alpha),
    )


HALVINGS = 5
"""An accountant takes a second, and a mu that is too large makes a p-value too large: that is safe."""


def _costs_more(found: DpTraining, shown: float) -> float:
    """A mu of a step, at most that which was shown, with which a training like this one costs more than was claimed."""
    low, high = 0.0, shown
    rate = _rate_at_least(found.rate, found.records, found.steps)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        more = _more_than(found.claimed, 1 / middle, found.delta, rate, found.steps) > found.claimed
        low, high = (low, middle) if more else (middle, high)
    return high


def _as_claimed(found: DpTraining, checks: Exact) -> Estimate:
    share = checks.recovered / checks.values
    return Estimate(
        metric=NOT_AS_CLAIMED,
        value=share,
        low=share,
        high=share,
        confidence=found.confidence,
        chance=0.0,
        p_value=CERTAIN if found.faults else 1.0,
        attainable=CERTAIN,
        details=(
            Detail("epsilon_of_what_was_done", bounded(found.done)),
            Detail("noise", found.noise, found.noise_low, found.noise_high),
            Detail("sampling_rate", found.rate),
            Detail("steps", found.steps),
        ),
    )


def _shown(found: DpTraining) -> Claimed:
    at = f"{percent(found.confidence)} confidence"
    noise = f"{found.noise:.3f} times the largest contribution ({found.noise_low:.3f} to {found.noise_high:.3f}, {at})"
    return Claimed(
        claim=f"The training has an epsilon of {found.claimed:g} at delta {found.delta:g}.",
        test=f"All {counted(found.steps, 'step')} of the training were watched: samples were counted, clipped "
        f"gradients added up again, the noise measured, and {counted(found.canaries, 'canary')} put into single "
        "coordinates.",
        chance="A fair coin decided for each canary whether it was in, and a coin at the rate of the sampling in which "
        "steps: a training as private as claimed hides both.",
        upheld="The claimed epsilon is refuted",
        open="The claimed epsilon is not refuted, nor confirmed",
        figures=(
            ("epsilon of what was done", number(bounded(found.done))),
            ("epsilon by the canaries, whatever the mechanism is", f"at least {found.one_run:.2f} ({at})"),
            ("epsilon by single steps, if each is Gaussian", f"at least {number(bounded(found.by_step))} ({at})"),
            (
                "epsilon by the whole run, if it is Gaussian",
                f"at least {number(bounded(found.whole_if_gaussian))} ({at})",
            ),
            ("noise", noise),
            ("samples", f"{found.rate:.2%} of {counted(found.records, 'record')}, {_sampled(found)}"),
            ("gradients", "clipped" if found.clipped else "not clipped as claimed"),
        ),
        notes=found.faults,
    )


def _sampled(found: DpTraining) -> str:
    return "varying as Poisson samples do" if found.poisson else "not varying as Poisson samples do"


def as_json(found: DpTraining) -> str:
    """For a machine to read."""
    return json.dumps(as_dict(found), indent=2)

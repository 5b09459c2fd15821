"""The epsilon of any mechanism, from its outputs on two data sets that differ by one record.

Outputs of either are drawn many times.  On one half a number is learned that tells the two apart; on the other half a
single threshold is judged by an exact test (Ding et al. 2018 and Bichsel et al. 2021 search likewise; the test is that
of stats.tradeoff).
"""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from divulge.claims.as_run import Found, Setting, Test, Tested, agreeing, as_dict, as_run, bounded, number
from divulge.claims.likelihood import Guess, Outputs, chosen
from divulge.claims.neighbors import SIZE, Pair, pairs
from divulge.core.errors import FOREIGN, InputError, Notice, TargetError, raised
from divulge.core.hashing import Array, derived_seed
from divulge.core.identity import content_hash
from divulge.core.privacy_budget import check_delta, check_epsilon
from divulge.core.results.audit_result import DataFacts, TargetFacts
from divulge.core.results.estimate import Detail, Estimate, Rate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Claimed
from divulge.core.results.finding import Verdict
from divulge.core.results.metric import EPSILON_OF_MECHANISM
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.core.threat import Access, Asset, Behavior, Knowledge, Phase, ThreatModel
from divulge.core.wording import counted, percent
from divulge.stats.privacy.gaussian import epsilon_of, mu_lower_bound
from divulge.stats.privacy.tradeoff import credible_epsilon, private, refuted_below, trade_off
from divulge.stats.roc import OperatingPoint, roc
from divulge.stats.thresholds import at_least

FEWEST = 200
PILOT = 500
"""Outputs of either data set by which one of several pairs is chosen."""

OUTPUTS = ThreatModel(
    "outputs",
    "someone who knows all records but one, and sees what the mechanism answers",
    frozenset({Access.SAMPLES}),
    frozenset({Knowledge.TRAINING_DATA, Knowledge.RECIPE}),
    assets=(Asset.MEMBERSHIP,),
    phase=Phase.DEPLOYED,
    behavior=Behavior.PASSIVE,
)


@dataclass(frozen=True)
class MechanismAudit:
    """epsilon: at least this, at `confidence` and `delta`, whatever the mechanism.  credible: at least this with
    posterior probability (Zanella-Beguelin et al. 2023): sharper, and it may be too high more often than said.
    mu, epsilon_if_gaussian: at least this for a mechanism with a Gaussian trade-off.  ceiling: the largest epsilon that
    so many outputs could have shown.  fpr, fnr: errors that are reached, all at once: the trade-off lies below.
    pair, statistic: what was compared, and by what.  samples: outputs of either data set that were judged, of which
    `right` of the one that it is true of, and `wrong` of the other, were said to be of the one.
    """

    verdict: str
    claimed: float | None
    epsilon: float
    credible: float
    mu: float
    epsilon_if_gaussian: float
    ceiling: float
    pair: str
    statistic: str
    samples: int
    right: int
    wrong: int
    delta: float
    confidence: float
    fpr: tuple[float, ...]
    fnr: tuple[float, ...]
    run: Path | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is to be tested, and how."""

    mechanism: Callable[..., Any]
    tried: Sequence[Pair]
    claimed: float | None
    delta: float
    confidence: float
    samples: int
    seed: int

    @property
    def name(self) -> str:
        return str(getattr(self.mechanism, "__name__", type(self.mechanism).__name__))


def audit_mechanism(
    mechanism: Callable[..., Any],
    neighbors: Any = "records",
    *,
    claimed: float | None = None,
    delta: float = 1e-5,
    confidence: float = 0.95,
    samples: int = 10_000,
    low: float = 0.0,
    high: float = 1.0,
    size: int = SIZE,
    seed: int = 0,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> MechanismAudit:
    """Bound the epsilon of any mechanism from below, and put a claimed one to the test.

    mechanism: a function (data, rng) -> output, or (data, seed) -> output, which draws all its randomness from there;
        an output is a number, a word, or any nesting of them, up to 2,000.
    neighbors: two data sets that differ by one record; or a named pair; or "records" or "answers" for several standard
        pairs, of which the worst is judged: arrays of `size` numbers between `low` and `high`, or of answers of
        queries that one record changes by up to high - low.
    claimed: the epsilon that is claimed; the verdict is "leak" when the bound exceeds it, else "not found": a bound
        below the claim confirms nothing.
    samples: outputs of each data set; one half to learn, the other to judge.
    out: the folder of a run that keeps what was found; None keeps none.  resume: a run to go on with.
    Raises InputError, with the cure, for input that cannot be used, and TargetError where the mechanism fails.
    """
    if not callable(mechanism):
        raise InputError("mechanism: give a function (data, rng) -> output")
    if claimed is not None:
        check_epsilon("claimed", claimed)
    check_delta("delta", delta, zero=True)
    if samples < FEWEST:
        raise InputError(f"{samples} samples show nothing: take at least {FEWEST}, 10000 say")
    tried = pairs(neighbors, low, high, size)
    asked = _Asked(mechanism, tried, claimed, delta, confidence, samples, seed)
    test = Test(
        "mechanism",
        "Epsilon of a mechanism",
        MechanismAudit,
        partial(_played, asked),
        access=Access.SAMPLES,
    )
    found: MechanismAudit = as_run(partial(_setting, asked), [test], out, resume)[0]
    return found


def _setting(asked: _Asked) -> Setting:
    data = [(pair.name, pair.first, pair.second) for pair in asked.tried]
    first = asked.tried[0].first
    size = len(first) if isinstance(first, list) or (isinstance(first, np.ndarray) and first.ndim) else 0
    return Setting(
        name=f"epsilon of {asked.name}",
        threat=OUTPUTS,
        target=TargetFacts(asked.name, "mechanism", "none", content_hash(asked.mechanism), (Access.SAMPLES.value,)),
        data=DataFacts(size, 0, 0, 0, (), (), "not looked at: neighbouring data sets", content_hash(data)),
        policy=Policy(confidence=asked.confidence, delta=asked.delta),
        seed=asked.seed,
        said={"claimed": asked.claimed, "delta": asked.delta, "samples": asked.samples},
    )


def _played(asked: _Asked) -> tuple[MechanismAudit, Found]:
    alpha = 1 - asked.confidence
    pair = _worst(asked, alpha)
    half = asked.samples // 2
    learned = _drawn(asked, pair, half, "learn")
    guess = chosen(*learned, asked.delta, alpha, asked.seed)
    first, second = (guess.score(part) for part in _drawn(asked, pair, asked.samples - half, "judge"))
    result = judged(first, second, guess, asked.claimed, asked.delta, asked.confidence, pair.name)
    return result, lambda: {"mechanism": _tested(result, first, second, guess)}


def _worst(asked: _Asked, alpha: float) -> Pair:
    """The pair whose few outputs showed most; they are drawn anew for what is judged."""
    if len(asked.tried) == 1:
        return asked.tried[0]
    few = max(PILOT, asked.samples // (4 * len(asked.tried)))
    shown = [chosen(*_drawn(asked, pair, few, "pilot"), asked.delta, alpha, asked.seed).shown for pair in asked.tried]
    return asked.tried[int(np.argmax(shown))]


def _drawn(asked: _Asked, pair: Pair, count: int, what: str) -> tuple[Outputs, Outputs]:
    """So many outputs on either data set, turn by turn, so that what drifts drifts in both."""
    by_seed = _takes_seed(asked.mechanism)
    start = derived_seed(asked.seed, "mechanism", pair.name, what)
    both: tuple[list[Any], list[Any]] = ([], [])
    for turn in range(count):
        for side in (turn % 2, 1 - turn % 2):
            data = (pair.first, pair.second)[side]
            lots = np.random.SeedSequence([start % 2**63, turn, side])
            given = int(lots.generate_state(1)[0]) if by_seed else np.random.default_rng(lots)
            try:
                both[side].append(asked.mechanism(data, given))
            except FOREIGN as error:
                raise TargetError(f"{asked.name} failed on the data of {pair.name!r}: {raised(error)}") from error
    if what == "judge":
        _noticed(both, asked.name)
    return both


def _takes_seed(mechanism: Callable[..., Any]) -> bool:
    """Whether the second argument is a seed, and not a generator."""
    try:
        names = list(inspect.signature(mechanism).parameters)
    except (TypeError, ValueError):
        return False
    if len(names) < 2:
        raise InputError(
            "mechanism: it takes two arguments, the data and a generator (or `seed`) that its noise is from"
        )
    return names[1] in ("seed", "random_state")


def _noticed(both: tuple[list[Any], list[Any]], name: str) -> None:
    """A Notice where there is no noise at all."""
    if all(len({repr(output) for output in part[:50]}) == 1 for part in both) and repr(both[0][0]) != repr(both[1][0]):
        warnings.warn(
            f"{name} answers the same every time: does its noise come from the generator that it is handed?",
            Notice,
            stacklevel=2,
        )


def judged(
    first: Array,
    second: Array,
    guess: Guess,
    claimed: float | None,
    delta: float,
    confidence: float,
    pair: str = "as given",
) -> MechanismAudit:
    """Bounds from scores of outputs of the first and of the second data set, on which nothing was chosen."""
    alpha = 1 - confidence
    point, perfect = _point(first, second, guess), _perfect(len(second), len(first))
    family = partial(private, delta=delta)
    bound = refuted_below(point, family, alpha)
    curve = roc(_scored(first, second))
    mu, reached = mu_lower_bound(curve, alpha), trade_off(curve, alpha)
    leak = claimed is not None and bound > claimed
    return MechanismAudit(
        verdict=(Verdict.LEAK if leak else Verdict.NOT_FOUND).value,
        claimed=claimed,
        epsilon=bound,
        credible=credible_epsilon(point, delta, alpha),
        mu=mu,
        epsilon_if_gaussian=bounded(epsilon_of(mu, delta)),
        ceiling=refuted_below(perfect, family, alpha),
        pair=pair,
        statistic=guess.name,
        samples=len(second),
        right=point.tpr.successes,
        wrong=point.fpr.successes,
        delta=delta,
        confidence=confidence,
        fpr=reached.fpr,
        fnr=reached.fnr,
    )


def _point(first: Array, second: Array, guess: Guess) -> OperatingPoint:
    above = [Rate(int((part > guess.threshold).sum()), len(part)) for part in (second, first)]
    point = OperatingPoint(*above)
    return point if guess.second else point.mirrored


def _perfect(m: int, n: int) -> OperatingPoint:
    return OperatingPoint(Rate(m, m), Rate(0, n))


def _scored(first: Array, second: Array) -> Scored:
    places = np.arange(len(first) + len(second))
    return Scored(np.concatenate([first, second]), places >= len(first), places, places)


def _tested(found: MechanismAudit, first: Array, second: Array, guess: Guess) -> Tested:
    estimate = estimate_of(found, _point(first, second, guess), _perfect(len(second), len(first)))
    nothing = np.zeros(len(first) + len(second), dtype=np.int64)
    evidence = Evidence((_scored(first, second),), (_shown(found),))
    return Tested((estimate,), evidence, np.arange(len(nothing)), nothing, queries=2 * found.samples)


def estimate_of(found: MechanismAudit, point: OperatingPoint, perfect: OperatingPoint) -> Estimate:
    """The bound as an estimate, with the p-value of the claim."""
    alpha = 1 - found.confidence
    details = (
        Detail("credible", found.credible),
        Detail("epsilon_if_gaussian", found.epsilon_if_gaussian),
        Detail("mu", found.mu),
        Detail("ceiling", found.ceiling),
    )
    estimate = Estimate(
        metric=EPSILON_OF_MECHANISM,
        value=found.epsilon,
        low=found.epsilon,
        high=None,
        confidence=found.confidence,
        chance=0.0,
        details=details,
    )
    if found.claimed is None:
        return replace(estimate, unmeasurable="no epsilon was claimed, so there is nothing to refute")
    region = private(found.claimed, found.delta)
    return replace(
        estimate,
        threshold=found.claimed,
        p_value=agreeing(at_least(point, region), found.epsilon > found.claimed, alpha),
        attainable=agreeing(at_least(perfect, region), found.ceiling > found.claimed, alpha),
    )


def _shown(found: MechanismAudit) -> Claimed:
    at = f"at delta {found.delta:g}, {percent(found.confidence)} confidence"
    claim = (
        f"The mechanism has an epsilon of {found.claimed:g} at delta {found.delta:g}."
        if found.claimed is not None
        else "No epsilon was claimed: how large it is at least was measured."
    )
    return Claimed(
        claim=claim,
        test=f"The mechanism was run on two data sets that differ by one record ({found.pair}). A statistic "
        f"({found.statistic}) and one threshold were chosen on one part of its outputs, and judged on "
        f"{counted(found.samples, 'other output')} of either data set.",
        chance="Each output was drawn with a seed of its own, so that a private mechanism lets only so many be told "
        "apart, whatever it is and however it is looked at.",
        upheld="The claimed epsilon is refuted",
        open="The claimed epsilon is not refuted, nor confirmed",
        figures=(
            ("epsilon", f"at least {found.epsilon:.2f} ({at})"),
            ("epsilon, by its posterior", f"at least {found.credible:.2f} ({percent(found.confidence)} credible)"),
            ("epsilon, if the noise is Gaussian", f"at least {number(found.epsilon_if_gaussian)} (mu {found.mu:.2f})"),
            ("told apart", f"{found.right} of {found.samples} rightly, {found.wrong} of {found.samples} wrongly"),
            ("largest epsilon that so many outputs could show", f"{found.ceiling:.2f}"),
        ),
    )


def as_json(result: MechanismAudit) -> str:
    """For a machine to read."""
    return json.dumps(as_dict(result), indent=2)

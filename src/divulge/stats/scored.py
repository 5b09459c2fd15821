"""Scores in two arms become estimates: AUC, balanced accuracy, true positive rates, epsilon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from divulge.core.results.estimate import Detail, Estimate, Rate
from divulge.core.results.metric import AUC, BALANCED_ACCURACY, EPSILON, FALSE_POSITIVE_RATES, tpr_at
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.core.wording import counted, percent
from divulge.stats.attainable import attainable, enough_records, fewest_control
from divulge.stats.auc import auc
from divulge.stats.intervals import beta_interval, clopper_pearson, newcombe, p_value
from divulge.stats.power import detectable_auc, detectable_balanced_accuracy, detectable_tpr
from divulge.stats.privacy.epsilon import ceiling, epsilon_lower_bound, epsilon_p_value, where_it_shows
from divulge.stats.privacy.gaussian import ceiling_mu, epsilon_of, mu_lower_bound
from divulge.stats.roc import OperatingPoint, Roc, allowed, at_fpr, roc
from divulge.stats.thresholds import at_least, named_above, tpr_interval, tpr_low

PRIORS = (0.01, 0.1, 0.5)


def weigh_scored(evidence: Scored, policy: Policy, tests: int = 1) -> tuple[Estimate, ...]:
    """All metrics of one attack.  tests: how many findings share the error rate, for an honest power.

    Where a person has several rows, persons are judged, one score each: they are independent, so that exact statistics
    hold; the AUC of rows is told beside it, with an interval that knows of persons.
    """
    if evidence.grouped:
        return tuple(_of_persons(e, evidence) for e in weigh_scored(evidence.by_unit(), policy, tests))
    curve = roc(evidence)
    alpha = 1 - policy.confidence
    estimates = [_auc(evidence, policy, alpha, tests), _balanced_accuracy(evidence, policy, alpha, tests)]
    estimates += [_tpr(curve, rate, policy, alpha, tests) for rate in FALSE_POSITIVE_RATES]
    estimates.append(_epsilon(curve, policy, alpha, tests))
    return tuple(_with_reach(e, curve, policy, alpha / tests) for e in estimates)


def _with_reach(estimate: Estimate, curve: Roc, policy: Policy, level: float) -> Estimate:
    """With what an attack that never errs would have had on as many trials, and how many it takes where that, or the
    power at this level, is too little.
    """
    if estimate.p_value is None:
        return estimate
    metric, threshold = estimate.metric, estimate.threshold
    best = attainable(metric, curve.n_exposed, curve.n_control, threshold, policy.delta)
    blind = metric != EPSILON and (estimate.detectable is None or estimate.detectable >= 1)
    if best <= level and not blind:
        return replace(estimate, attainable=best)
    number = enough_records(metric, threshold, policy.delta, level)
    words = "" if number is None else f"at least {counted(number, 'member')} and as many non-members"
    return replace(estimate, attainable=best, enough=words)


def _of_persons(estimate: Estimate, rows: Scored) -> Estimate:
    reason = estimate.unmeasurable
    for word, person in (("non-members", "persons among the non-members"), ("two records", "two persons")):
        reason = reason.replace(word, person) if reason is not None else None
    by_person = replace(estimate, unit="person", unmeasurable=reason)
    if estimate.metric != AUC:
        return by_person
    area = auc(rows)
    beside = Detail("auc_of_rows", area.value, *area.interval(1 - estimate.confidence))
    return replace(by_person, details=(*estimate.details, beside))


def _auc(evidence: Scored, policy: Policy, alpha: float, tests: int) -> Estimate:
    area, threshold = auc(evidence), policy.threshold(AUC)
    low, high = area.interval(alpha)
    return Estimate(
        metric=AUC,
        value=area.value,
        low=low,
        high=high,
        confidence=policy.confidence,
        chance=0.5,
        advantage=2 * area.value - 1,
        advantage_low=2 * low - 1,
        advantage_corrected=2 * area.interval(alpha / tests).low - 1,
        detectable=detectable_auc(evidence.n_exposed, evidence.n_control, threshold, alpha / tests),
        p_value=area.p_above((1 + threshold) / 2),
        threshold=threshold,
        p_below=area.p_below(0.5),
    )


def _best_threshold(ranks: np.ndarray, exposed: np.ndarray) -> int:
    """The rank at and above which calling 'member' gives the best balanced accuracy on these trials; of several equally
    good ones the middle one, which errs least on trials not seen.
    """
    levels = int(ranks.max()) + 1
    in_share = np.bincount(ranks[exposed], minlength=levels)[::-1].cumsum()[::-1] / exposed.sum()
    out_share = np.bincount(ranks[~exposed], minlength=levels)[::-1].cumsum()[::-1] / (~exposed).sum()
    gain = in_share - out_share
    return int(np.ceil(np.median(np.flatnonzero(gain >= gain.max() - 1e-12))))


def _balanced_accuracy(evidence: Scored, policy: Policy, alpha: float, tests: int) -> Estimate:
    """Cross-fitted: each half of the trials is judged at the threshold that was best on the other half."""
    threshold = policy.threshold(BALANCED_ACCURACY)
    ranks, exposed = evidence.ranks(), evidence.exposed
    half = np.zeros(len(ranks), dtype=bool)
    for arm in (np.flatnonzero(exposed), np.flatnonzero(~exposed)):
        half[arm[::2]] = True
    tp = fp = 0
    for chosen_on, judged_on in ((half, ~half), (~half, half)):
        if not judged_on.any() or not (exposed & chosen_on).any() or not (~exposed & chosen_on).any():
            return _cannot(BALANCED_ACCURACY, 0.5, policy, "each arm needs at least two records")
        called = ranks >= _best_threshold(ranks[chosen_on], exposed[chosen_on])
        tp += int((called & exposed & judged_on).sum())
        fp += int((called & ~exposed & judged_on).sum())
    tpr, fpr = Rate(tp, evidence.n_exposed), Rate(fp, evidence.n_control)
    gap = newcombe(tpr, fpr, alpha)
    return Estimate(
        metric=BALANCED_ACCURACY,
        value=(1 + tpr.value - fpr.value) / 2,
        low=(1 + gap.low) / 2,
        high=(1 + gap.high) / 2,
        confidence=policy.confidence,
        chance=0.5,
        advantage=tpr.value - fpr.value,
        advantage_low=gap.low,
        advantage_corrected=newcombe(tpr, fpr, alpha / tests).low,
        detectable=detectable_balanced_accuracy(evidence.n_exposed, evidence.n_control, threshold, alpha / tests),
        p_value=p_value(lambda a: newcombe(tpr, fpr, a).low, threshold),
        threshold=threshold,
        p_below=p_value(lambda a: -newcombe(tpr, fpr, a).high, 0.0),
    )


def _tpr(curve: Roc, fpr: float, policy: Policy, alpha: float, tests: int) -> Estimate:
    """The rate at the threshold whose false positive rate is `fpr` on average; the test stands there, each end of the
    interval at a threshold of its own.
    """
    metric = tpr_at(fpr)
    if allowed(curve.n_control, fpr) < 0:
        needed = fewest_control(metric)
        reason = f"a false positive rate of {percent(fpr)} needs at least {counted(needed, 'non-member')}, there are "
        return _cannot(metric, fpr, policy, f"{reason}{curve.n_control:,}")
    point = at_fpr(curve, fpr)
    if point.names_nobody and curve.tp[1] > 0:
        first = percent(curve.fp[1] / curve.n_control)
        reason = f"the attack's scores are too coarse: its lowest false positive rate is {first}"
        return _cannot(metric, fpr, policy, reason)
    threshold = policy.threshold(metric)
    low, high = tpr_interval(curve, fpr, alpha)
    return Estimate(
        metric=metric,
        value=point.tpr.value,
        low=low,
        high=high,
        confidence=policy.confidence,
        chance=fpr,
        advantage=point.tpr.value - fpr,
        advantage_low=tpr_low(point, fpr, alpha) - fpr,
        advantage_corrected=tpr_low(point, fpr, alpha / tests) - fpr,
        detectable=detectable_tpr(curve.n_exposed, curve.n_control, fpr, threshold, alpha / tests),
        p_value=min(1.0, 2 * at_least(point, named_above(fpr + threshold, fpr))),
        threshold=threshold,
        details=(_reached(point, alpha), *predictive_values(point, alpha)),
    )


def _reached(point: OperatingPoint, alpha: float) -> Detail:
    """The false positive rate of a threshold just above a control trial: its law is Beta(k + 1, n - k)."""
    k, n = point.fpr.successes, point.fpr.trials
    return Detail("fpr_reached", (k + 1) / (n + 1), *beta_interval(point.fpr, alpha))


def predictive_values(point: OperatingPoint, alpha: float) -> tuple[Detail, ...]:
    """How often a record that is named a member is one, if a share `prior` of those asked about were members."""
    tpr, fpr = clopper_pearson(point.tpr, alpha), _reached(point, alpha)

    def ppv(prior: float, true_rate: float, false_rate: float) -> float:
        named = prior * true_rate + (1 - prior) * false_rate
        return prior * true_rate / named if named > 0 else prior

    return tuple(
        Detail(
            f"ppv_at_prior_{prior}",
            ppv(prior, point.tpr.value, fpr.value),
            ppv(prior, tpr.low, fpr.high or 0.0),
            ppv(prior, tpr.high, fpr.low or 0.0),
        )
        for prior in PRIORS
    )


def _epsilon(curve: Roc, policy: Policy, alpha: float, tests: int) -> Estimate:
    bound = epsilon_lower_bound(curve, policy.delta, alpha)
    top = ceiling(curve.n_exposed, curve.n_control, policy.delta, alpha)
    threshold = policy.threshold(EPSILON)
    return Estimate(
        metric=EPSILON,
        value=bound,
        low=bound,
        high=None,
        confidence=policy.confidence,
        chance=0.0,
        advantage=float(np.tanh(bound / 2)),
        advantage_low=float(np.tanh(bound / 2)),
        advantage_corrected=float(np.tanh(epsilon_lower_bound(curve, policy.delta, alpha / tests) / 2)),
        p_value=epsilon_p_value(curve, threshold, policy.delta),
        threshold=threshold,
        details=(
            Detail("ceiling", top),
            Detail("delta", policy.delta),
            *_gaussian(curve, policy, alpha),
            *(_shown_by(curve, policy, alpha) if bound > 0 else ()),
        ),
    )


def _shown_by(curve: Roc, policy: Policy, alpha: float) -> tuple[Detail, ...]:
    """Where the bound comes from: members named and others named wrongly, or others ruled out and members ruled out
    wrongly.
    """
    inside, right, wrong = where_it_shows(curve, policy.delta, alpha)
    done, true, false = ("named", "members", "others") if inside else ("ruled_out", "others", "members")
    return Detail(f"{true}_{done}", right.value), Detail(f"{false}_{done}_wrongly", wrong.value)


def _gaussian(curve: Roc, policy: Policy, alpha: float) -> tuple[Detail, ...]:
    """The same bound for a mechanism with a Gaussian trade-off: tighter, but only valid for one."""
    mu = mu_lower_bound(curve, alpha)
    top = ceiling_mu(curve.n_exposed, curve.n_control, alpha)
    return (
        Detail("mu", mu),
        Detail("epsilon_if_gaussian", epsilon_of(mu, policy.delta)),
        Detail("ceiling_if_gaussian", epsilon_of(top, policy.delta)),
    )


def _cannot(metric: str, chance: float, policy: Policy, reason: str) -> Estimate:
    return Estimate(
        metric, None, None, None, policy.confidence, chance, threshold=policy.threshold(metric), unmeasurable=reason
    )

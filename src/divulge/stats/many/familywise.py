"""One error rate for a whole audit: p-values of many findings, corrected for each other.

Of findings whose chance distribution is known together (membership drawn anew, see rerandomized) the smallest p-value
is compared with the smallest that chance gives (Westfall and Young 1993, algorithm 2.8; Romano and Wolf 2005); for the
others Bonferroni pays.  Both in one step-down: Holm's where nothing is known together, and never above it but for the
draws' own error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.finding import Correction, Measurement
from divulge.core.results.metric import ROWS_COPIED, Trials
from divulge.stats.many.multiplicity import holm

COPIES = 0.2
"""Share of the error rate for rows that stand in a release word for word, where that is tested: eight that only members
have are no accident at 1 %, which a correction for twenty attacks would hide."""


@dataclass(frozen=True, eq=False)
class Null:
    """What chance does to several findings together.

    drawn: [draws, columns], log p-values of splits drawn anew.  seen: [columns], those of the split itself.
    """

    drawn: Array
    seen: Array

    @property
    def draws(self) -> int:
        """How many splits were drawn anew."""
        return len(self.drawn)


def step_down(p_values: Array, column: Array, null: Null) -> Array:
    """Adjusted p-values, in the order given: any of them at most alpha keeps the family-wise error at alpha.

    p_values: [tests], each valid by itself.  column: int [tests], the column of `null` that belongs to each; -1 for
    one of which chance is not known together with the others.  Columns without a test stay in the comparison.

    A p-value never counts as less than that of knowing nothing (`null.seen`), so that for an audit in which nothing
    leaks the error is exactly alpha at most, whatever an approximate p-value says.
    """
    p = np.array(p_values, dtype=np.float64)
    known = column >= 0
    p[known] = np.maximum(p[known], np.exp(null.seen[column[known]]))
    order = np.lexsort((np.arange(len(p)), p))
    idle = np.setdiff1d(np.arange(null.drawn.shape[1]), column)
    least = null.drawn[:, idle].min(axis=1, initial=np.inf)
    adjusted, others, together = np.empty(len(p)), 0, len(idle)
    for place in order[::-1]:  # from the largest p-value, so that what is still in the comparison grows
        if known[place]:
            least, together = np.minimum(least, null.drawn[:, column[place]]), together + 1
        else:
            others += 1
        at_random = _share_at_most(least, p[place]) if together else 0.0
        adjusted[place] = max(p[place], at_random + others * p[place])
    return _monotone(adjusted, p, order, null.draws)


def _share_at_most(least: Array, p: float) -> float:
    """(1 + draws with a p-value as small) / (1 + draws), which is valid for any number of draws (Phipson and Smyth
    2010).
    """
    as_small = int((least <= np.log(max(p, 1e-300)) + 1e-9).sum())
    return (1 + as_small) / (1 + len(least))


def _monotone(adjusted: Array, p: Array, order: Array, draws: int) -> Array:
    """No finding is more certain than one with a smaller p-value.  What is smaller than any share of the draws is told
    by Holm's correction, which costs at most 1 / (1 + draws) of the error rate.
    """
    plain = holm(list(p))
    corrected = np.where(plain <= 1 / (1 + draws), plain, adjusted)[order]
    result = np.empty_like(corrected)
    result[order] = np.minimum(np.maximum.accumulate(corrected), 1.0)
    return result


def common_level(null: Null, others: int, alpha: float) -> float:
    """The level at which bounds hold for all findings at once, at confidence 1 - alpha: the largest p with
    P(smallest by chance <= p) + others p <= alpha.

    others: findings of which chance is not known together.  By duality a finding whose own p-value is at most this
    has a bound above its threshold.
    """
    floor = float(alpha / max(null.drawn.shape[1] + others, 1))  # Bonferroni's
    if not null.drawn.shape[1]:
        return floor
    least = np.sort(null.drawn.min(axis=1))
    share = (1 + np.searchsorted(least, least, side="right")) / (1 + len(least))
    fits = np.flatnonzero(share + others * np.exp(least) <= alpha)
    reached = float(np.exp(least[fits[-1]])) if len(fits) else 0.0
    return max(floor, reached)


def is_clear(adjusted: Array, alpha: float, draws: int) -> bool:
    """Whether more draws would hardly move any finding across alpha: all are further from it than 4 standard errors."""
    error = 4 * np.sqrt(alpha * (1 - alpha) / draws)
    return bool((np.abs(np.asarray(adjusted) - alpha) > error).all())


def corrections(
    findings: Sequence[Measurement], null: Null | None = None, columns: Sequence[int] | None = None
) -> tuple[Correction, ...]:
    """Of each finding its correction for all others, without bounds.  What one claim is tested by shares its error
    rate already, so that a claim counts as one test, by the smallest of its p-values.

    columns: [findings], of `null`; -1 for a finding of which chance is not known together with others.
    """
    column = np.full(len(findings), -1) if null is None or columns is None else np.asarray(columns)
    tests = tests_of(findings)
    method = _method([int(column[places[0]]) for places in tests])
    if len(tests) > 1 and any(findings[places[0]].metric == ROWS_COPIED for places in tests):
        method += f"; copies of rows by themselves at {COPIES:.0%} of the error rate"
    found = [Correction()] * len(findings)
    for name in ("adjusted", "best"):
        own = [_own(f, name) for f in findings]
        least = np.array([min(own[place] for place in places) for places in tests])
        first = np.array([column[places[0]] for places in tests], dtype=np.int64)
        seen = null if name == "adjusted" or null is None else Null(null.drawn, np.full_like(null.seen, -np.inf))
        corrected = _by_share(least, first, seen, [findings[places[0]].metric == ROWS_COPIED for places in tests])
        for places, p, total in zip(tests, least, corrected, strict=True):
            for place in places:
                more = own[place] / p if p > 0 else 1.0
                value = float(total) if more == 1 else min(1.0, float(total) * more)
                found[place] = replace(found[place], **{name: value}, method=method)
    return tuple(found)


def _by_share(p_values: Array, column: Array, null: Null | None, apart: Sequence[bool]) -> Array:
    """Adjusted p-values where copies of rows, the question that every release is asked first, have a share of the error
    rate of their own, and all other tests the rest; a family of which everything is rejected hands its share to the
    other (Bretz et al. 2009, two families that pass on all), so that the family-wise error is kept.
    """

    def plain(chosen: Array) -> Array:
        if null is None:
            return holm(list(p_values[chosen]))
        return step_down(p_values[chosen], column[chosen], null)

    first = np.asarray(apart, dtype=bool)
    if first.all() or not first.any():
        return plain(np.ones(len(p_values), dtype=bool))
    copies, others = holm(list(p_values[first])), plain(~first)
    adjusted = np.empty(len(p_values))
    for chosen, own, share, rest in ((first, copies, COPIES, others), (~first, others, 1 - COPIES, copies)):
        adjusted[chosen] = np.minimum(own / share, np.maximum(own, rest.max() / (1 - share)))
    return np.minimum(adjusted, 1.0)


def tests_of(findings: Sequence[Measurement]) -> list[list[int]]:
    """The places of measured findings, those of one test together: of one claim, and of a ranking that two attacks
    arrive at.
    """
    tests: dict[tuple[str, int], list[int]] = {}
    for place, each in enumerate(findings):
        if each.p_value is None:
            continue
        twin = next((at for at, other in enumerate(findings) if each.ranks_as and each.repeats(other)), place)
        test = (each.attack, -1) if each.kind.trials is Trials.OWN else (findings[twin].attack, twin)
        tests.setdefault(test, []).append(place)
    return list(tests.values())


def _own(finding: Measurement, name: str) -> float:
    return (finding.p_value if name == "adjusted" else finding.attainable) or 0.0


def _method(columns: Sequence[int]) -> str:
    """How findings are corrected, in words."""
    together = sum(column >= 0 for column in columns)
    others = len(columns) - together
    if not together:
        return f"Holm over {others} finding{'s' * (others != 1)}"
    more = f", Holm over {others} other{'s' * (others != 1)}" if others else ""
    return f"max-T over {together} finding{'s' * (together != 1)}{more}"

"""What the loss attack of a run foretold, beside what attacks with reference models then reached."""

from __future__ import annotations

from collections.abc import Sequence

from divulge.core.results.finding import Finding, Outcome, Played, Reading
from divulge.core.results.forecasts import Foretold
from divulge.core.results.metric import FALSE_POSITIVE_RATES, tpr_at
from divulge.core.threat import Family
from divulge.runs.folder import RunFolder
from divulge.stats.forecast.screen import ruled_out
from divulge.stats.intervals import clopper_pearson

LOSS = "loss"
LIRA = "lira"


def screened(run: RunFolder, findings: Sequence[Finding], outcomes: Sequence[Outcome]) -> tuple[Foretold, ...]:
    """One line for each false positive rate that there are members enough for; nothing without the loss attack's
    scores.  Beside it stand LiRA, which is what is foretold, and the attack with reference models that reached most.
    """
    if not run.has_scores(LOSS):
        return ()
    alpha = 1 - run.facts().policy.confidence
    scored = run.evidence(LOSS).scored
    lines = []
    for rate in FALSE_POSITIVE_RATES:
        bounds = ruled_out(scored, rate)
        if bounds is None:
            continue
        beside = _measured(rate, findings, outcomes)
        best = max(beside, key=lambda name: beside[name].value, default=None)
        foretold = Reading(bounds.value, *clopper_pearson(bounds, alpha))
        lines.append(Foretold(rate, foretold, beside.get(LIRA), best, beside[best] if best is not None else None))
    return tuple(lines)


def _measured(rate: float, findings: Sequence[Finding], outcomes: Sequence[Outcome]) -> dict[str, Reading]:
    """The true positive rate at this false positive rate of each attack that had models of its own."""
    own = {
        o.attack
        for o in outcomes
        if o.game == Family.MEMBERSHIP.value and isinstance(o.result, Played) and o.models_trained
    }
    return {
        f.attack: Reading(f.value, *(f.value if end is None else end for end in (f.low, f.high)))
        for f in findings
        if f.attack in own and f.metric == tpr_at(rate) and f.value is not None
    }

"""Every metric that two runs have measured, compared: record by record where they are about the same records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from divulge.core.errors import InputError
from divulge.core.results.comparison import MetricChange, Overlay
from divulge.core.results.evidence import Evidence
from divulge.core.results.finding import Finding
from divulge.core.results.metric import AUC, BALANCED_ACCURACY
from divulge.core.results.trials import Counted, Exact, Paired, Scored
from divulge.runs.differences.matching import Matching, matching
from divulge.runs.files.evidence_files import scored_of
from divulge.runs.folder import RunFolder
from divulge.stats.comparison.areas import auc_difference, balanced_accuracy_difference
from divulge.stats.comparison.bands import roc_difference
from divulge.stats.comparison.difference import Difference
from divulge.stats.comparison.gains import counted_difference, exact_difference, finding_difference, paired_difference
from divulge.stats.comparison.linked import Linked, linked
from divulge.stats.comparison.rates import tpr_difference
from divulge.stats.many.e_values import growth_e_value
from divulge.stats.many.multiplicity import holm


class NothingInCommon(InputError):
    """Two runs of which no metric can be compared."""


@dataclass(frozen=True)
class ComparedMetric:
    """One metric of one attack in both runs."""

    before: Finding
    now: Finding
    difference: Difference
    e_value: float | None = None


def differences(
    before: tuple[RunFolder, Sequence[Finding]], now: tuple[RunFolder, Sequence[Finding]], same: bool | None = None
) -> list[ComparedMetric]:
    """What both have measured, in the order of the later run's findings; see `matching` for `same`.  Raises InputError
    where they have nothing in common.
    """
    pairs = in_common(before[1], now[1])
    how = matching(before[0], now[0], same)
    made: dict[str, _Attack] = {}
    found = []
    for first, second in pairs:
        attack = second.attack
        if attack not in made:
            made[attack] = _Attack(before[0], now[0], attack, how)
        found.append(
            ComparedMetric(first, second, made[attack].difference(first, second), made[attack].e_value(second))
        )
    return found


def in_common(before: Sequence[Finding], now: Sequence[Finding]) -> list[tuple[Finding, Finding]]:
    """Findings of the same metric of the same attack that both have measured; raises InputError where none is."""
    known = {(f.attack, f.metric): f for f in before if _measured(f)}
    pairs = [(known[f.attack, f.metric], f) for f in now if _measured(f) and (f.attack, f.metric) in known]
    if not pairs:
        raise NothingInCommon("the runs have no measured metric in common: audit both models with the same attacks")
    return pairs


class _Attack:
    """The evidence of one attack in both runs."""

    def __init__(self, before: RunFolder, now: RunFolder, attack: str, how: Matching) -> None:
        self.scores = link(before, now, attack, how) if before.has_scores(attack) and now.has_scores(attack) else None
        self.evidence = tuple(run.evidence(attack) for run in (before, now))

    def difference(self, before: Finding, now: Finding) -> Difference:
        if self.scores is not None:
            if now.key == AUC:
                return auc_difference(self.scores)
            if now.key == BALANCED_ACCURACY:
                return balanced_accuracy_difference(self.scores)
            if now.kind.fpr is not None:
                return tpr_difference(self.scores, now.kind.fpr)
        trials = tuple(_trial(each, now) for each in self.evidence)
        match trials:
            case (Paired() as then, Paired() as since):
                return paired_difference(then, since)
            case (Counted() as then, Counted() as since):
                return counted_difference(then, since)
            case (Exact() as then, Exact() as since):
                return exact_difference(then, since)
        return finding_difference(before, now, now.confidence)

    def e_value(self, now: Finding) -> float | None:
        if self.scores is None or now.key != AUC or not self.scores.matched:
            return None
        return growth_e_value(self.scores.before, self.scores.now, self.scores.partner)


def link(before: RunFolder, now: RunFolder, attack: str, how: Matching) -> Linked:
    """The scores of one attack in both runs, person by person."""
    frames = before.scores(attack), now.scores(attack)
    sides = [scored_of(frame, run.facts().data.aggregate) for frame, run in zip(frames, (before, now), strict=True)]
    return linked(sides[0], sides[1], how.records(*frames))


def _trial(evidence: Evidence, finding: Finding) -> Paired | Counted | Exact | None:
    found = [t for t in evidence.trials if not isinstance(t, Scored) and t.metric == finding.key]
    return next((t for t in found if t.about == finding.about), None)


def _measured(finding: Finding) -> bool:
    return finding.value is not None and finding.low is not None and finding.high is not None


def changes(
    compared: Sequence[ComparedMetric], titles: dict[str, str], confidence: float, number: int, against: str = ""
) -> list[MetricChange]:
    """The same as plain values.  number: how many are compared in all, for bounds that hold together (Bonferroni); see
    `together` for p-values.
    """
    found = []
    for each in compared:
        d = each.difference
        low, high = d.bounds((1 - confidence) / number)
        found.append(
            MetricChange(
                attack=each.now.attack,
                title=titles.get(each.now.attack, each.now.attack),
                metric=each.now.metric,
                before=d.before,
                now=d.now,
                value=d.value,
                low=low,
                high=high,
                p_more=d.p_more,
                p_less=d.p_less,
                p_adjusted=d.p_value,
                method=d.method,
                matched=d.matched,
                of=d.of,
                e_value=each.e_value,
                against=against,
                beside=d.beside,
            )
        )
    return found


def together(found: Sequence[MetricChange], confidence: float) -> list[MetricChange]:
    """Corrected for each other (Holm)."""
    adjusted = holm([min(1.0, 2 * min(c.p_more, c.p_less)) for c in found])
    return [
        replace(c, p_adjusted=float(p), differs=bool(p <= 1 - confidence)) for c, p in zip(found, adjusted, strict=True)
    ]


def attacks_compared(run: RunFolder, titles: dict[str, str], confidence: float) -> list[MetricChange]:
    """The AUC of every two attacks of one run that score the same records, pair by pair: the better one of a pair
    first, the best pairs first.
    """
    names = [name for name in run.facts().planned if run.has_scores(name)]
    scored = {}
    for name in names:
        frame = run.scores(name)
        places = list(zip(frame["member"].tolist(), frame["row"].tolist(), strict=True))
        scored[name] = (scored_of(frame, run.facts().data.aggregate), {p: i for i, p in enumerate(places)}, places)
    found = []
    for one, other in combinations(names, 2):
        records = np.array([scored[one][1].get(place, -1) for place in scored[other][2]], dtype=np.int64)
        pair = linked(scored[one][0], scored[other][0], records)
        d = auc_difference(pair)
        found.append((one, other, d) if d.value <= 0 else (other, one, auc_difference(pair.turned())))
    alpha = (1 - confidence) / max(len(found), 1)
    changes = []
    for better, worse, d in found:
        low, high = d.bounds(alpha)
        changes.append(
            MetricChange(
                attack=better,
                title=titles.get(better, better),
                metric=AUC,
                before=d.now,
                now=d.before,
                value=-d.value,
                low=-high,
                high=-low,
                p_more=d.p_less,
                p_less=d.p_more,
                p_adjusted=d.p_value,
                method=d.method,
                matched=d.matched,
                of=d.of,
                against=titles.get(worse, worse),
            )
        )
    return sorted(together(changes, confidence), key=lambda c: (-c.now, -c.before))


def overlay(
    before: tuple[RunFolder, str],
    now: tuple[RunFolder, str],
    attack: str,
    title: str,
    confidence: float,
    same: bool | None = None,
) -> Overlay:
    """The ROC curves of one attack in two runs, with the band of their difference.  before, now: each with its name."""
    pair = link(before[0], now[0], attack, matching(before[0], now[0], same))
    band = roc_difference(pair, confidence)
    fpr, first, second, low, high = (
        tuple(np.round(row, 6).tolist()) for row in (band.fpr, band.before, band.now, band.low, band.high)
    )
    of = max(len(pair.now.score), len(pair.before.score))
    names = (before[1], now[1])
    return Overlay(attack, title, names, fpr, first, second, low, high, confidence, pair.matched, of)

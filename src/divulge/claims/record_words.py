"""What is kept and said of a record that was looked at alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from divulge.claims.as_run import Tested
from divulge.claims.record_trainings import MemberUnits
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.results.estimate import Detail, Estimate, Rate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Claimed
from divulge.core.results.trials import Scored
from divulge.core.threat import Task
from divulge.core.wording import counted, percent
from divulge.explain.neighborhood import neighborhood

if TYPE_CHECKING:
    from divulge.claims.worst_record import RecordRisk, WorstRecord

GAMES = {
    "resampled": "Which other records a training held, and whether it held this one, was drawn by lot, so "
    "that the figures are of this record in whatever company; in this very data set it may be easier to name, which "
    "the game `same` measures.",
    "same": "All trainings held the same other records; only their seeds differ, and whether this record was "
    "there. The figures are of this record in this very data set, for someone who knows all others.",
}

RULES = {
    "exposed": "It was chosen because its presence moves answers most; the models that showed it are not among those "
    "that the figures are of.",
    "outliers": "It was chosen because it is far from its neighbours, before any model was trained.",
    "named": "It was named by whoever asked. Had it been named after a look at these very trainings, the intervals "
    "would not hold.",
}


def reasons_of(members: Records, units: MemberUnits, chosen: Sequence[int]) -> list[tuple[str, ...]]:
    """What is remarkable about each of the chosen ones; nothing where records do not tell."""
    try:
        around = neighborhood(members)
    except Impossible:
        return [()] * len(chosen)
    around = around.of_persons(units.place) if units.several else around
    return [tuple(around.words(unit)) for unit in chosen]


def as_tested(
    result: WorstRecord,
    risk: RecordRisk,
    estimate: Estimate,
    score: Array,
    inside: Array,
    members: Records,
    persons: bool,
) -> Tested:
    """A record's trials and figures.  score, inside: [trials]."""
    trial = np.arange(len(score))
    shown = _shown(result, risk, estimate, members, persons)
    evidence = Evidence((Scored(score, inside, trial, trial),), (shown,))
    return Tested(
        (estimate,),
        evidence,
        row=trial,
        y=np.full(len(score), members.y[risk.row]),
        queries=len(score),
        models_trained=result.references + result.trials,
    )


def _shown(result: WorstRecord, risk: RecordRisk, estimate: Estimate, members: Records, persons: bool) -> Claimed:
    target = "value" if members.schema.task is Task.REGRESSION else "class"
    what = f"the person in row {risk.row}" if persons else f"the record in row {risk.row}"
    of = {detail.name: detail for detail in estimate.details}
    at = f"{percent(result.confidence)} confidence"
    if len(result.records) > 1:
        at += f" for all {len(result.records)} together"
    looked = "record was" if len(result.records) == 1 else f"{len(result.records)} records were"
    notes = [
        RULES[result.rule],
        f"Each training held {result.size:,.0f} records; there are {counted(len(members), 'member')}."
        + (
            " Fewer records in a training make each of them easier to name." if result.size < 0.9 * len(members) else ""
        ),
        f"Only the chosen {looked} looked at, by one attack on answers about the record itself: another record, or an "
        "adversary who asks more, may do better.",
    ]
    if risk.why:
        notes.insert(1, f"What is remarkable about it: {'; '.join(risk.why)}.")
    return Claimed(
        claim=f"From a model of this recipe it can be told whether {what} ({target} {risk.label}) was in its "
        "training data.",
        test=f"{counted(result.references, 'model')} were trained, half of them with it, to learn how models answer "
        f"that saw it; {counted(result.trials, 'further model')}, half of them with it, were then judged.",
        chance=GAMES[result.game],
        upheld="A single record can be named",
        open="The chosen records were not shown to be named",
        figures=(
            (
                "advantage (named with it, less named without it)",
                f"{_between(risk.advantage, risk.low, risk.high)}, {at}",
            ),
            ("named where it was in the training", _rate(risk.tpr, of["tpr"])),
            ("named where it was not", _rate(risk.fpr, of["fpr"])),
            (
                "at a cut that no reference without it passed: named where it was in",
                _rate(risk.strict_tpr, of["strict_tpr"]),
            ),
            ("the same: named where it was not", _rate(risk.strict_fpr, of["strict_fpr"])),
            ("epsilon, at delta 0", f"at least {risk.epsilon:.2f}"),
        ),
        notes=tuple(notes),
    )


def _between(value: float, low: float, high: float) -> str:
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _rate(rate: Rate, ends: Detail) -> str:
    low, high = (percent(end) for end in (ends.low or 0.0, 1.0 if ends.high is None else ends.high))
    return f"{rate.successes} of {rate.trials} ({low} to {high})"

"""What a detector at the interface would have noticed of an attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from divulge.auditing.job import Job
from divulge.auditing.oracle import GrantedOracle
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng
from divulge.core.records import Records, concat
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Alarm
from divulge.core.threat import Access
from divulge.defenses.interface.detectors import DETECTORS, WINDOW, detector, fewest_queries, first_alarm, threshold

PER_THOUSAND = 1.0
"""False alarms in a thousand benign queries."""

MOST_WATCHED = 5_000
BENIGN_STREAMS = 4


def checked_detectors(names: Sequence[str]) -> tuple[str, ...]:
    """Names of detectors; raises InputError for an unknown one."""
    for name in names:
        if name not in DETECTORS:
            raise InputError(f"detectors: {name!r} is unknown: choose from {', '.join(DETECTORS)}")
    return tuple(names)


def with_alarms(evidence: Evidence, job: Job, oracle: GrantedOracle) -> Evidence:
    """The same evidence, with after how many queries each detector of the job raises the alarm.

    Benign queries are those unseen and population records; a quarter of them is the reference, the rest sets the
    threshold.
    """
    if not job.detectors or not oracle.watched:
        return evidence
    asked = concat(oracle.watched)
    asked = asked.take(np.arange(min(len(asked), MOST_WATCHED)))
    benign = job.candidates.take(~job.member)
    benign = concat([benign, job.population]) if job.population is not None else benign
    benign = benign.take(derived_rng(job.seed, "benign queries").permutation(len(benign)))
    first = len(benign) // 4
    reference, rest = benign.take(np.arange(first)), benign.take(np.arange(first, len(benign)))
    number = min(BENIGN_STREAMS, max(1, len(rest) // (2 * WINDOW)))
    streams = [rest.take(part) for part in np.array_split(np.arange(len(rest)), number)]
    alarms = []
    for name in job.detectors:
        alarm = detector(name, reference.flat())
        calm = [alarm.suspicion(s.flat(), _labels(job, s)) for s in streams]
        if WINDOW * sum(map(len, calm)) < fewest_queries(PER_THOUSAND):
            alarms.append(Alarm(name, None, 0, PER_THOUSAND))
            continue
        above = threshold(calm, PER_THOUSAND)
        at = first_alarm(alarm.suspicion(asked.flat(), _labels(job, asked)), above)
        alarms.append(Alarm(name, at, len(asked), PER_THOUSAND))
    return replace(evidence, exhibits=(*evidence.exhibits, *alarms))


def _labels(job: Job, records: Records) -> Array:
    return job.target.answer(Access.LABEL, records)

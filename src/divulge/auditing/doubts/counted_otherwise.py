"""Whether published counts are about the people of the audit at all."""

from __future__ import annotations

import numpy as np

from divulge.auditing.job import Job
from divulge.core.capability.declared import able
from divulge.core.capability.releases import ShowsCounts
from divulge.core.errors import TargetError
from divulge.core.mixed.counted import CellCounts
from divulge.core.results.handshake import Concern

FEWEST, ALIKE = 5, 0.5
"""Cells from which on they are compared, and the least correlation with what is counted among the members."""


def counted_otherwise(job: Job) -> list[Concern]:
    """Whether the counts are unlike those of the members, or, where they look exact, no nearer to these than to those
    of the non-members: then no attack finds anything, whoever was counted.
    """
    target = job.target
    if not able(target, ShowsCounts):
        return []
    try:
        counts = target.counts(job.candidates.schema)
    except TargetError:  # the attacks will fail by it, and say so
        return []
    sides = [job.candidates.take(np.flatnonzero(side)) for side in (job.member, ~job.member)]
    usual = np.array([bool(cell) for cell in counts.cells])
    inside, outside = (counts.holds(side.x).mean(axis=0)[usual] for side in sides)
    told = counts.as_shares(len(sides[0]))[usual]
    if usual.sum() < FEWEST or np.ptp(inside) == 0 or np.ptp(told) == 0:
        return []
    alike = float(np.corrcoef(inside, told)[0, 1])
    if alike < ALIKE:
        seen = f"the published counts are unlike those of the members (their correlation is {alike:.2f})"
        cause = "they were made of other people, of another form of the columns, or with noise that drowns them"
        return [Concern("form", False, seen, cause, "check that they are of the members", doubt=True)]
    if _looks_exact(counts) and np.abs(told - inside).sum() >= np.abs(told - outside).sum() > 0:
        seen = "the published counts are no nearer to those of the members than to those of the non-members"
        cause = "they were made of other people"
        cure = "check that they are of the members; where they were altered on purpose, compare them before that too"
        return [Concern("form", False, seen, cause, cure, doubt=True)]
    return []


def _looks_exact(counts: CellCounts) -> bool:
    """Whether no noise is to be seen: no number is negative or, where people are counted, broken."""
    values = np.asarray(counts.values)
    return bool((values >= 0).all() and (counts.shares or (values == np.round(values)).all()))

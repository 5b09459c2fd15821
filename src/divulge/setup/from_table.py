"""A job about a table of scores that were computed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from divulge.auditing.job import Job, See
from divulge.core.attack import Attack
from divulge.core.audit_result import DataFacts
from divulge.core.hashing import Array, digest
from divulge.core.persons import checked_aggregate, count
from divulge.core.policy import Policy
from divulge.core.records import Records
from divulge.core.threat import ThreatModel
from divulge.core.views.membership import Shadows
from divulge.data.arrays import from_arrays
from divulge.setup.assemble import attacks_for
from divulge.targets.score_table import ScoreTable
from divulge.training.shadow import ShadowSet, SignalOf


def job_from_table(
    scores: ScoreTable,
    threat: ThreatModel,
    chosen: Sequence[str | Attack[Any, Any]] | None,
    policy: Policy,
    seed: int,
    name: str,
    aggregate: str = "mean",
) -> Job:
    """A job about a score table: its further rows are the shadow models, and nothing can be trained."""
    records = scores.records()
    target = scores.model(0)
    order = np.random.default_rng(seed).permutation(len(records))
    candidates, member = records.take(order), scores.keep[0][order]
    features = None
    if scores.x is not None:
        made = from_arrays([(scores.x, scores.y)], classes=list(range(len(records.schema.classes))))[0]
        features = replace(made, groups=records.groups).as_given(made.given).take(order)

    places: dict[str, Array] = {}
    signals: dict[tuple[SignalOf, str], Array] = {}

    def shadows(models: int, see: See) -> Shadows:
        rows = range(1, 1 + models)
        keep = scores.keep[1 : 1 + models]
        return ShadowSet(records, keep, tuple(scores.model(row) for row in rows), see, places, signals)

    return Job(
        name=name,
        target=target,
        candidates=candidates,
        member=member,
        row=order,
        threat=threat,
        attacks=attacks_for(chosen, target, max(scores.models - 1, 1), threat),
        data=_table_facts(scores, candidates, member, aggregate),
        policy=policy,
        seed=seed,
        features=features,
        shadows=shadows if scores.models > 1 else None,
        most_shadows=scores.models - 1,
        aggregate=checked_aggregate(aggregate),
    )


def _table_facts(scores: ScoreTable, candidates: Records, member: Array, aggregate: str) -> DataFacts:
    return DataFacts(
        members=int(member.sum()),
        nonmembers=int((~member).sum()),
        population=0,
        columns=int(np.prod(scores.x.shape[1:])) if scores.x is not None else 0,
        classes=tuple(map(str, candidates.schema.classes)),
        sensitive=(),
        overlap="not checked: the records were not given" if scores.x is None else "not checked for a score table",
        fingerprint=digest(scores.keep[0], scores.y),
        member_persons=count(candidates.take(member).groups),
        nonmember_persons=count(candidates.take(~member).groups),
        aggregate=aggregate if candidates.groups is not None else "",
    )

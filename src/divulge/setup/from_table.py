"""A job about a table of scores that were computed elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from divulge.auditing.job import Job, See
from divulge.core.hashing import Array, digest
from divulge.core.persons import checked_aggregate, count
from divulge.core.records import Records
from divulge.core.results.audit_result import DataFacts
from divulge.core.views.membership import Shadows
from divulge.data.arrays import from_arrays
from divulge.setup.assemble import attacks_for
from divulge.setup.settings import Options
from divulge.targets.score_table import ScoreTable
from divulge.training.shadow import ShadowSet, SignalOf


def job_from_table(scores: ScoreTable, options: Options) -> Job:
    """A job about a score table: its further rows are the shadow models, and nothing can be trained."""
    records = scores.records()
    target, design = scores.model(0), scores.design
    order = np.random.default_rng(options.seed).permutation(len(records))
    candidates, member = records.take(order), scores.keep[0][order]
    features = None
    if scores.x is not None:
        records_of_table = from_arrays([(scores.x, scores.y)], classes=list(range(len(records.schema.classes))))[0]
        features = replace(records_of_table, groups=records.groups).as_given(records_of_table.given).take(order)

    places: dict[str, Array] = {}
    signals: dict[tuple[SignalOf, str], Array] = {}

    def shadows(models: int, see: See) -> Shadows:
        shown = tuple(scores.shadow(number) for number in range(models))
        return ShadowSet(records, design.keep[:models], shown, see, places, signals)

    return Job(
        name=options.name or "score table",
        target=target,
        candidates=candidates,
        member=member,
        row=order,
        threat=options.threat_model,
        attacks=attacks_for(options.chosen, target, max(len(design.keep), 1), options.threat_model),
        data=_table_facts(scores, candidates, member, options.aggregate),
        policy=options.tolerated,
        seed=options.seed,
        features=features,
        shadows=shadows if len(design.keep) else None,
        most_shadows=len(design.keep),
        expect=options.expect,
        shadows_tell=_shadows_tell(scores.keep),
        aggregate=checked_aggregate(options.aggregate),
    )


COINCIDENCE = 1e-6
"""How unlikely it must be that shadow models say by accident who was a member."""


def _shadows_tell(keep: Array) -> str:
    """Why the shadow models of a table say who was a member before anything is asked; empty where they do not.

    keep: bool [models, records].  Where each record is in as many of all models, the target among them, a member is in
    one shadow model fewer than others are, so that an attack's scores follow from membership without the target.
    """
    from scipy.stats import mannwhitneyu

    held, member = keep[1:].sum(axis=0), keep[0]
    if np.ptp(held) == 0:
        return ""
    if mannwhitneyu(held[member], held[~member]).pvalue > COINCIDENCE:
        return ""
    return "the number of shadow models that were trained on a record says whether the target was"


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

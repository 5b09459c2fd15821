"""Evidence of a leak over the audits of one model, of which there may be more, and of which each may be the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array
from divulge.core.results.comparison import OverTime
from divulge.core.results.metric import AUC
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.runs.differences.record_keys import RecordKeys, read_keys
from divulge.runs.files.evidence_files import scored_of
from divulge.runs.folder import RunFolder
from divulge.stats.many.e_values import Look, auc_e_value, averaged, over_time

FEWEST = 20
"""Fresh members, and fresh others, from which an audit counts as one of fresh records."""


def e_values_of(run: RunFolder, policy: Policy, rows: Array | None = None) -> dict[str, float]:
    """Of every membership attack of a run, against the hypothesis that its AUC shows no more than the policy tolerates.

    rows: int [records], places in the order of the run's keys, to which the evidence is restricted; all when None.
    """
    facts, found = run.facts(), {}
    for attack in facts.planned:
        if not run.has_scores(attack):
            continue
        frame = run.scores(attack)
        if rows is not None:
            keys = read_keys(run.path)
            assert keys is not None
            pairs = set(zip(keys.member[rows].tolist(), keys.row[rows].tolist(), strict=True))
            places = zip(frame["member"].tolist(), frame["row"].tolist(), strict=True)
            frame = frame[np.array([place in pairs for place in places], dtype=bool)]
        scored = _both_arms(frame, facts.data.aggregate)
        if scored is not None:
            found[attack] = auc_e_value(scored, policy.threshold(AUC))
    return found


def _both_arms(frame: object, aggregate: str) -> Scored | None:
    """None where an arm is empty, of which nothing can be said."""
    try:
        return scored_of(frame, aggregate)  # type: ignore[arg-type]
    except TargetError:
        return None


NOTHING = "no membership attack left scores of both kinds of records"


@dataclass
class _Known:
    """Which block the records of earlier audits belong to, by their keys, and how many blocks there are.  secret: by
    which the keys were made.  unknown: whether the first audit has none.
    """

    block: dict[int, int] = field(default_factory=dict)
    blocks: int = 0
    secret: str = ""
    unknown: bool = False


@dataclass(frozen=True, eq=False)
class _Part:
    """What of one audit counts: in which block, and which of its records; none where it adds nothing."""

    block: int | None
    rows: Array | None
    fresh: int | None
    note: str = ""


def followed(paths: Sequence[Path], policy: Policy | None = None, same: bool | None = None) -> list[OverTime]:
    """The audits of each model in the order of their beginnings, with the evidence so far.

    Fresh records are told from known ones by their content; an audit of both counts with its fresh ones.
    same: what is stated where contents are not known: that all audits are about the same records, or each about fresh
    ones; an audit of which nothing is known adds nothing unless it is the first, and an invalid one never.
    """
    runs = sorted((RunFolder(path) for path in paths), key=lambda run: run.facts().provenance.started)
    by_model = enumerate(_models(runs).values())
    return [row for number, each in by_model for row in _of_one(each, policy, same, number)]


def _models(runs: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    """The audits of each model, by its fingerprint."""
    found: dict[str, list[RunFolder]] = {}
    for run in runs:
        found.setdefault(run.facts().target.fingerprint, []).append(run)
    return found


def _of_one(runs: list[RunFolder], policy: Policy | None, same: bool | None, model: int) -> list[OverTime]:
    known, looks, found = _Known(), [], []
    for place, run in enumerate(runs):
        facts = run.facts()
        part = _stated(place, same) if same is not None else _part(run, known)
        values = e_values_of(run, policy or facts.policy, part.rows)
        value = averaged(list(values.values()))
        if part.block is not None:
            looks.append(Look(value, part.block))
        so_far = over_time(looks)
        note = part.note if values else f"{part.note or NOTHING}: nothing to weigh"
        found.append(
            OverTime(
                run=run.path.name,
                name=facts.name,
                model=f"{model + 1}: {facts.target.name}",
                started=facts.provenance.started[:19],
                value=value,
                together=so_far[-1] if so_far else 1.0,
                records=facts.data.members + facts.data.nonmembers,
                fresh=part.fresh,
                note=note,
            )
        )
    return found


def _stated(place: int, same: bool) -> _Part:
    words = "the same records, as stated" if same else "fresh records, as stated"
    return _Part(0 if same else place, None, None, words)


def _part(run: RunFolder, known: _Known) -> _Part:
    """What an audit adds, by the contents of its records."""
    keys, blind, met = read_keys(run.path), run.baseline(), run.handshake()
    if (blind is not None and blind.alarm) or (met is not None and met.faults):
        return _Part(None, None, None, "adds nothing: the audit is invalid")
    if keys is None or not keys.secret or (known.secret and keys.secret != known.secret) or known.unknown:
        if known.blocks == 0:
            known.blocks, known.unknown = 1, True  # whatever comes next may be about the same records
            return _Part(0, None, None, "its records are not known")
        return _Part(None, None, None, "adds nothing: records not known to be fresh (state whether they are)")
    known.secret = keys.secret
    blocks = np.array([known.block.get(int(key), -1) for key in keys.key])
    fresh = np.flatnonzero(_unseen(blocks, keys))
    member = np.asarray(keys.member, dtype=bool)[fresh]
    if known.blocks == 0 or min(int(member.sum()), int((~member).sum())) >= FEWEST:
        block, rows = known.blocks, fresh
        known.blocks += 1
        known.block |= {int(key): block for key in keys.key[fresh]}
        note = "" if len(fresh) == len(keys.key) else "counts with its fresh records"
    else:
        block = int(np.bincount(blocks[blocks >= 0]).argmax())
        rows, note = np.flatnonzero(blocks == block), "records of an earlier audit, averaged"
    return _Part(block, rows if len(rows) < len(keys.key) else None, len(fresh), note)


def _unseen(blocks: Array, keys: RecordKeys) -> Array:
    """Bool [records]: of nobody of whom a record is known."""
    if keys.person is None:
        return np.asarray(blocks < 0)
    return ~np.isin(keys.person, keys.person[blocks >= 0])

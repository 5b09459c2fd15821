"""From a run folder to what a report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.catalog.papers import PAPERS
from divulge.core.hashing import Array
from divulge.core.results.audit_result import AtRisk, AuditResult, Baseline, Subgroup
from divulge.core.results.finding import Finding
from divulge.core.results.forecasts import Predictive
from divulge.core.results.metric import AUC
from divulge.core.threat import Family
from divulge.runs.by_person import SEVERAL, persons_of
from divulge.runs.files.evidence_files import scored_of
from divulge.runs.files.whole_files import run_read
from divulge.runs.folder import RunFolder
from divulge.runs.settle import final_findings, strongest_attack
from divulge.runs.subgroups import subgroups
from divulge.stats.counted import with_intervals
from divulge.stats.forecast.base_rates import BaseRate, predictive_value
from divulge.stats.roc import at_fpr, roc

if TYPE_CHECKING:
    import pandas as pd

MOST_AT_RISK = 10
NAMED_AT = 0.99
"""A record counts as named by an attack that places it above this share of the non-members."""


def open_run(path: Path, prior: str | None = None) -> AuditResult:
    """Read a run, finished or not; raises InputError where there is none, or one that is damaged.

    prior: share of members among those whom an adversary asks about, see stats.base_rates.BaseRate.of; the usual range
    when None.
    """
    with run_read(path):
        return _opened(RunFolder(path), prior)


def _opened(run: RunFolder, prior: str | None) -> AuditResult:
    facts = run.facts()
    run.check()
    stored = run.outcomes()
    ordered = [stored[name] for name in facts.planned if name in stored]
    blind = run.baseline() or Baseline(missing="the run was cut short before the baseline")
    met = run.handshake()
    findings = final_findings(ordered, facts.policy, blind, met, run, bounds=True)
    risk_attack, at_risk = _at_risk(run, findings, facts.data.classes)
    outcomes = tuple(s.outcome for s in ordered)
    result = AuditResult(
        facts=facts,
        baseline=blind,
        outcomes=outcomes,
        findings=findings,
        evidence={name: with_intervals(each) for name, each in run.all_evidence().items()},
        at_risk=at_risk,
        risk_attack=risk_attack,
        complete=run.complete,
        titles={o.attack: o.title for o in outcomes},
        training=tuple(run.training()),
        causes=run.causes(),
        what_if=run.what_if(),
        mitigations=run.mitigations(),
        stability=run.stability(),
        next_model=run.next_model(),
        screen=run.screen(),
        gains=run.gains(),
        left_out=run.left_out(),
        handshake=met,
        subgroups=_subgroups(run, risk_attack, facts.policy.confidence),
        e_values={} if blind.alarm or (met is not None and met.faults) else run.e_values() or {},
        predictive=run.predictive(),
        papers={o.paper: PAPERS[o.paper].short for o in outcomes if o.paper in PAPERS},
    )
    if prior is None:
        return result
    return replace(result, predictive=predictive_of(run, findings, BaseRate.of(prior), facts.policy.confidence))


def predictive_of(
    run: RunFolder, findings: Sequence[Finding], prior: BaseRate, confidence: float
) -> tuple[Predictive, ...]:
    """How likely a record that the attack with the highest lower bound of the AUC names is a member, at each false
    positive rate that was measured.
    """
    areas = [f for f in findings if f.metric == AUC and f.low is not None]
    best = max(areas, key=lambda f: f.low or 0.0, default=None)
    if best is None or not run.has_scores(best.attack):
        return ()
    curve = roc(scored_of(run.scores(best.attack), run.facts().data.aggregate).by_unit())
    found = []
    for finding in findings:
        if finding.attack == best.attack and finding.kind.fpr is not None and finding.value is not None:
            point = at_fpr(curve, finding.kind.fpr)
            known = predictive_value(point.tpr, point.fpr, prior, confidence)
            figures = (known.value, known.low, known.high)
            found.append(Predictive(best.attack, finding.metric, prior.in_words, *figures))
    return tuple(found)


def _subgroups(run: RunFolder, attack: str | None, confidence: float) -> tuple[Subgroup, ...]:
    attributes = run.attributes()
    if attack is None or attributes is None:
        return ()
    return subgroups(run.scores(attack), attributes, confidence, run.facts().data.aggregate)


def _at_risk(
    run: RunFolder, findings: tuple[Finding, ...], classes: tuple[str, ...]
) -> tuple[str | None, tuple[AtRisk, ...]]:
    """Members by how often other trainings expose them too, then by how many attacks agree, then by the score of the
    strongest attack.
    """
    best = strongest_attack(run, findings)
    if best is None:
        return None, ()
    how = run.facts().data.aggregate
    scores = persons_of(run.scores(best), how)
    judged = [f.attack for f in findings if f.metric == AUC and f.low is not None and f.game == Family.MEMBERSHIP.value]
    persons = {attack: persons_of(run.scores(attack), how) for attack in judged}
    above = {attack: _above_nonmembers(frame) for attack, frame in persons.items() if len(frame) == len(scores)}
    agreement = np.sum([shares >= NAMED_AT for shares in above.values()], axis=0)
    members = scores[scores["member"]].reset_index(drop=True)
    risk = run.risk()
    again = risk["low"].to_numpy() if risk is not None and "low" in risk else np.zeros(len(members))
    order = np.lexsort((-members["score"].to_numpy(), -above[best], -agreement, -again))[:MOST_AT_RISK]
    listed = []
    for i in order:
        y = members["y"].iloc[i]
        label = f"{float(y):.4g}" if not classes else classes[int(y)] if y != SEVERAL else "several"
        row = int(members["row"].iloc[i])
        rows = int(members["rows"].iloc[i]) if "rows" in members else 1
        listed.append(AtRisk(row, label, float(above[best][i]), int(agreement[i]), rows=rows, **_retold(risk, i)))
    return best, tuple(listed)


def _retold(risk: pd.DataFrame | None, place: int) -> dict[str, Any]:
    """What is known of a member besides its scores."""
    if risk is None:
        return {}
    found = risk.iloc[place]
    row: dict[str, Any] = {"why": tuple(filter(None, str(found["why"]).split("; ")))}
    if "named" in risk:
        row |= {"named": int(found["named"]), "trainings": int(found["trainings"])}
        row |= {"low": float(found["low"]), "high": float(found["high"])}
    return row


def _above_nonmembers(frame: pd.DataFrame) -> Array:
    """For every member the share of non-members with a lower score, ties counting half."""
    member = frame["member"].to_numpy()
    inside, outside = frame["score"].to_numpy()[member], np.sort(frame["score"].to_numpy()[~member])
    below = np.searchsorted(outside, inside, side="left") + np.searchsorted(outside, inside, side="right")
    return np.asarray(below / (2 * len(outside)))

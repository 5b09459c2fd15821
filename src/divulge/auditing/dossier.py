"""From a run folder to what a report shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from divulge.auditing.conduct import final_findings
from divulge.auditing.store import RunFolder
from divulge.auditing.subgroups import subgroups
from divulge.catalog.papers import PAPERS
from divulge.core.dossier import AtRisk, Baseline, Dossier, Subgroup
from divulge.core.finding import Finding
from divulge.core.hashing import Array

MOST_AT_RISK = 10
NAMED_AT = 0.99
"""A record counts as named by an attack that places it above this share of the non-members."""


def open_run(path: Path) -> Dossier:
    """Read a run, finished or not; raises InputError where there is none."""
    run = RunFolder(path)
    facts = run.facts()
    stored = run.outcomes()
    ordered = [stored[name] for name in facts.planned if name in stored]
    blind = run.baseline() or Baseline(missing="the run was cut short before the baseline")
    findings = final_findings(ordered, facts.policy, blind)
    risk_attack, at_risk = _at_risk(run, findings, facts.data.classes)
    outcomes = tuple(s.outcome for s in ordered)
    return Dossier(
        facts=facts,
        baseline=blind,
        outcomes=outcomes,
        findings=findings,
        curves=tuple(run.curves()),
        at_risk=at_risk,
        risk_attack=risk_attack,
        complete=run.complete,
        titles={o.attack: o.title for o in outcomes},
        training=tuple(run.training()),
        causes=run.causes(),
        subgroups=_subgroups(run, risk_attack, facts.policy.confidence),
        papers={o.paper: PAPERS[o.paper].short for o in outcomes if o.paper in PAPERS},
    )


def _subgroups(run: RunFolder, attack: str | None, confidence: float) -> tuple[Subgroup, ...]:
    attributes = run.attributes()
    if attack is None or attributes is None:
        return ()
    return subgroups(run.scores(attack), attributes, confidence)


def _at_risk(
    run: RunFolder, findings: tuple[Finding, ...], classes: tuple[str, ...]
) -> tuple[str | None, tuple[AtRisk, ...]]:
    """Members by the score of the strongest attack, with how many attacks agree."""
    areas = sorted((f for f in findings if f.metric == "auc" and f.low is not None), key=lambda f: -(f.low or 0.0))
    if not areas:
        return None, ()
    best = areas[0].attack
    above = {finding.attack: _above_nonmembers(run, finding.attack) for finding in areas}
    agreement = np.sum([shares >= NAMED_AT for shares in above.values()], axis=0)
    scores = run.scores(best)
    members = scores[scores["member"]]
    order = np.lexsort((-members["score"].to_numpy(), -agreement, -above[best]))[:MOST_AT_RISK]
    listed = []
    for i in order:
        y = members["y"].iloc[i]
        label = classes[int(y)] if classes else f"{float(y):.4g}"
        listed.append(AtRisk(int(members["row"].iloc[i]), label, float(above[best][i]), int(agreement[i])))
    return best, tuple(listed)


def _above_nonmembers(run: RunFolder, attack: str) -> Array:
    """For every member the share of non-members with a lower score, ties counting half."""
    frame = run.scores(attack)
    member = frame["member"].to_numpy()
    inside, outside = frame["score"].to_numpy()[member], np.sort(frame["score"].to_numpy()[~member])
    below = np.searchsorted(outside, inside, side="left") + np.searchsorted(outside, inside, side="right")
    return np.asarray(below / (2 * len(outside)))

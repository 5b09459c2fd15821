"""The gate: a run judged again, from its stored scores, under a policy of the reader's own."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from divulge.auditing.conduct import final_findings
from divulge.auditing.store import RunFolder, StoredOutcome
from divulge.core.dossier import Baseline, overall
from divulge.core.errors import InputError
from divulge.core.evidence import Estimate, Evidence
from divulge.core.finding import Failed, Finding, Played, Verdict
from divulge.core.policy import DEFAULT_THRESHOLDS, Policy
from divulge.stats.rebuilt import weigh_inferred, weigh_rebuilt
from divulge.stats.theft import weigh_theft
from divulge.stats.weigh import weigh


class PolicyFile(BaseModel):
    """policy.yaml.  thresholds: tolerated advantage by metric; those left out keep their defaults."""

    model_config = ConfigDict(extra="forbid")
    thresholds: dict[str, float] = {}
    confidence: float = 0.95
    delta: float = 1e-5

    def policy(self, source: str) -> Policy:
        """As the words of the trade; raises InputError for a metric that does not exist."""
        for metric in self.thresholds:
            if metric not in DEFAULT_THRESHOLDS:
                near = difflib.get_close_matches(metric, DEFAULT_THRESHOLDS, 1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                raise InputError(
                    f"{source}: thresholds.{metric}: no such metric: {hint}choose from {', '.join(DEFAULT_THRESHOLDS)}"
                )
        return Policy({**DEFAULT_THRESHOLDS, **self.thresholds}, self.confidence, self.delta)


@dataclass(frozen=True)
class Judgement:
    """What the gate says.  broken: the findings above the policy.  incomplete: why the run cannot pass otherwise."""

    verdict: Verdict
    broken: tuple[Finding, ...]
    incomplete: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """1 a leak above the policy, 3 incomplete, 0 otherwise."""
        return 1 if self.broken else 3 if self.incomplete else 0


def load_policy(path: Path) -> Policy:
    """A policy file; raises InputError that names file and field."""
    if not path.is_file():
        raise InputError(f"policy: no file at {path} (looked in {path.resolve().parent})")
    try:
        return PolicyFile.model_validate(yaml.safe_load(path.read_text()) or {}).policy(path.name)
    except yaml.YAMLError as error:
        raise InputError(f"{path.name}: not YAML: {' '.join(str(error).split())[:160]}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def judge(path: Path, policy: Policy | None = None) -> Judgement:
    """Judge a run folder, under its own policy when none is given."""
    run = RunFolder(path)
    facts = run.facts()
    stored = run.outcomes()
    ordered = [stored[name] for name in facts.planned if name in stored]
    if policy is not None:
        ordered = [_weighed_again(run, outcome, policy) for outcome in ordered]
    blind = run.baseline() or Baseline()
    findings = final_findings(ordered, policy or facts.policy, blind)
    broken = tuple(f for f in findings if f.verdict is Verdict.LEAK)
    return Judgement(overall(findings), broken, tuple(incomplete(run, ordered, findings)))


def incomplete(run: RunFolder, outcomes: list[StoredOutcome], findings: tuple[Finding, ...]) -> list[str]:
    """Why this run is no evidence that nothing leaks, even if no finding is a leak."""
    reasons = [
        f"{s.outcome.title} failed: {s.outcome.result.error}" for s in outcomes if isinstance(s.outcome.result, Failed)
    ]
    if not run.complete:
        reasons.append("the run was cut short: go on with --resume")
    verdict = overall(findings)
    if verdict is Verdict.INVALID:
        reasons.append("the findings are invalid: members and non-members were not drawn alike")
    if verdict is Verdict.NOT_MEASURABLE:
        reasons.append("nothing was measured: no attack could run")
    return reasons


def _weighed_again(run: RunFolder, stored: StoredOutcome, policy: Policy) -> StoredOutcome:
    """The same scores under other thresholds."""
    result = stored.outcome.result
    if not isinstance(result, Played):
        return stored
    theft = run.thefts().get(stored.outcome.attack)
    if theft is not None:
        return _rejudged(stored, result, {e.metric: e for e in weigh_theft(theft, policy)}, policy)
    rebuilt = run.rebuilt().get(stored.outcome.attack)
    if rebuilt is not None:
        return _rejudged(stored, result, {e.metric: e for e in weigh_rebuilt(rebuilt, policy)}, policy)
    inferred = run.inferred().get(stored.outcome.attack)
    if inferred is not None:
        return _rejudged(stored, result, {e.metric: e for e in weigh_inferred(inferred, policy)}, policy)
    frame = run.scores(stored.outcome.attack)
    index = np.arange(len(frame))
    tie_break = frame["tie_break"].to_numpy() if "tie_break" in frame.columns else None
    evidence = Evidence(frame["score"].to_numpy(), frame["member"].to_numpy(), index, index, tie_break)
    return _rejudged(stored, result, {e.metric: e for e in weigh(evidence, policy)}, policy)


def _rejudged(stored: StoredOutcome, result: Played, estimates: dict[str, Estimate], policy: Policy) -> StoredOutcome:
    findings = tuple(
        replace(
            f,
            low=estimates[f.metric].low,
            high=estimates[f.metric].high,
            confidence=policy.confidence,
            advantage_low=estimates[f.metric].advantage_low,
            threshold=estimates[f.metric].threshold,
            p_value=estimates[f.metric].p_value,
        )
        for f in result.findings
    )
    return replace(stored, outcome=replace(stored.outcome, result=Played(findings, result.note)))

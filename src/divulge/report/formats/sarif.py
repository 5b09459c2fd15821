"""The findings as SARIF 2.1.0, for code hosts and security dashboards."""

from __future__ import annotations

import json
from typing import Any

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Finding, Verdict
from divulge.report.inert import shown as shown_plainly
from divulge.report.metrics import metric_name, shown

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
INFORMATION = "https://pypi.org/project/divulge/"

_LEVEL = {
    Verdict.LEAK: ("fail", "error"),
    Verdict.INVALID: ("review", "none"),
    Verdict.NOT_FOUND: ("pass", "none"),
    Verdict.NOT_MEASURABLE: ("notApplicable", "none"),
}


def render(result: AuditResult) -> str:
    """One SARIF run; failed and refused attacks are notifications of the invocation."""
    result = shown_plainly(result)
    facts = result.facts
    order = list(dict.fromkeys(f.attack for f in result.findings))
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "divulge",
                        "version": facts.provenance.divulge,
                        "informationUri": INFORMATION,
                        "rules": [_rule(result, attack) for attack in order],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": result.complete and not result.failed() and not result.faults,
                        "startTimeUtc": facts.provenance.started.replace("+00:00", "Z"),
                        "toolExecutionNotifications": _notifications(result),
                    }
                ],
                "results": [_result(result, f, order.index(f.attack)) for f in result.findings],
                "properties": {
                    "job": facts.job,
                    "threat": facts.threat.name,
                    "seed": facts.provenance.seed,
                    "verdict": result.verdict.value,
                    "families": {family.value: told.verdict.value for family, told in result.family_verdicts.items()},
                },
            }
        ],
    }
    return json.dumps(document, indent=2)


def _rule(result: AuditResult, attack: str) -> dict[str, Any]:
    finding = next(f for f in result.findings if f.attack == attack)
    return {
        "id": f"divulge/{finding.game}/{attack}",
        "name": attack,
        "shortDescription": {"text": result.titles.get(attack, attack)},
        "fullDescription": {"text": f"{finding.game} attack on {finding.asset}, seeing {finding.access}"},
        "properties": {"tags": ["privacy", *finding.standards], "paper": finding.paper},
    }


def _result(result: AuditResult, finding: Finding, rule: int) -> dict[str, Any]:
    kind, level = _LEVEL[finding.verdict]
    name = metric_name(finding.key, finding.about)
    value = shown(finding.value, finding.key)
    return {
        "ruleId": f"divulge/{finding.game}/{finding.attack}",
        "ruleIndex": rule,
        "kind": kind,
        "level": level,
        "message": {"text": f"{name} {value}: {finding.verdict.value}. {finding.reason}".strip()},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": "model"}},
                "logicalLocations": [{"name": result.facts.target.name, "kind": "module"}],
            }
        ],
        "partialFingerprints": {"divulge/v1": f"{result.facts.target.name}/{finding.attack}/{finding.metric}"},
        "properties": {
            "metric": finding.metric,
            "value": finding.value,
            "low": finding.low,
            "high": finding.high,
            "advantage": finding.advantage,
            "pValue": finding.p_value,
            "pAdjusted": finding.p_adjusted,
            "correction": finding.correction,
            "lowOverAll": finding.low_all,
            "advantageLowOverAll": finding.advantage_low_all,
        },
    }


def _notifications(result: AuditResult) -> list[dict[str, Any]]:
    failed = [("error", f"{o.title} failed: {error}") for o, error in result.failed()]
    refused = [("note", f"{o.title} could not run: {reason}") for o, reason in result.refused()]
    left = [("note", f"{o.title} was left out: {o.reason}") for o in result.left_out]
    wrong = [("error", f"the audit is invalid: {fault}") for fault in result.faults]
    return [{"level": level, "message": {"text": text}} for level, text in wrong + failed + refused + left]

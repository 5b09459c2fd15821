"""The verdicts as JUnit XML, which every service for continuous integration shows: one case for each attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Failed, Finding, Refused
from divulge.core.wording import printable
from divulge.report.metrics import metric_name, shown


def render(result: AuditResult, broken: Sequence[Finding], rules: Mapping[str, Sequence[str]]) -> str:
    """broken: findings above the policy.  rules: what else was judged, each by its name: why it failed, or nothing."""
    above: dict[str, list[Finding]] = {}
    for finding in broken:
        above.setdefault(finding.attack, []).append(finding)
    suite = ElementTree.Element("testsuite", name=f"divulge: {result.facts.name}")
    suite.set("timestamp", result.facts.provenance.started[:19])
    counts = {"failure": 0, "error": 0, "skipped": 0}

    def case(name: str, group: str, seconds: float = 0.0) -> ElementTree.Element:
        return ElementTree.SubElement(suite, "testcase", name=name, classname=f"divulge.{group}", time=f"{seconds:.3f}")

    def end(element: ElementTree.Element, kind: str, message: str) -> None:
        counts[kind] += 1
        ElementTree.SubElement(element, kind, message=message).text = message

    for outcome in result.outcomes:
        made = case(outcome.title, outcome.game, outcome.seconds)
        if isinstance(outcome.result, Failed):
            end(made, "error", outcome.result.error)
        elif isinstance(outcome.result, Refused):
            end(made, "skipped", outcome.result.reason)
        elif outcome.attack in above:
            end(made, "failure", "; ".join(_said(f) for f in above[outcome.attack]))
    for left in result.left_out:
        end(case(left.title, left.game), "skipped", left.reason)
    for name, reasons in rules.items():
        made = case(name, "policy")
        if reasons:
            end(made, "failure", "; ".join(reasons))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    _write_out(root)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _write_out(root: ElementTree.Element) -> None:
    """XML has no way to hold some characters: they are written out."""
    for element in root.iter():
        element.text = printable(element.text) if element.text else element.text
        element.attrib.update({name: printable(value) for name, value in element.attrib.items()})


def _said(finding: Finding) -> str:
    name = metric_name(finding.key, finding.about)
    low, high = (shown(v, finding.key) for v in (finding.low, finding.high))
    return (
        f"rule thresholds.{finding.metric} = {finding.threshold:g}: {name} "
        f"{shown(finding.value, finding.key)} ({low} to {high}){_corrected(finding)}"
    )


def _corrected(finding: Finding) -> str:
    """', p = 2e-07, corrected 0.0001 (max-T over 96 findings)'."""
    if finding.p_value is None or finding.p_adjusted is None:
        return ""
    by = f" ({finding.correction})" if finding.correction else ""
    return f", p = {finding.p_value:.2g}, corrected {finding.p_adjusted:.2g}{by}"

"""findings.json and the run's line in the index: all findings so far, under their final verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from divulge.core.results.audit_result import SCHEMA_VERSION, Baseline
from divulge.core.results.finding import Verdict
from divulge.core.results.verdicts import by_name, claim_verdict, family_verdicts, run_verdict
from divulge.runs.folder import FindingsFile, RunFolder, StoredOutcome
from divulge.runs.settle import final_findings, measurements_of
from divulge.runs.together import corrected


def publish(run: RunFolder, ordered: Sequence[StoredOutcome], blind: Baseline, meanwhile: bool = False) -> None:
    """Rewrite findings.json and the run's line in the index.

    ordered: outcomes so far, in the order of the plan.  meanwhile: more attacks are to come, see together.corrected.
    """
    from divulge.runs import index

    facts, met = run.facts(), run.handshake()
    faults = met.faults if met is not None else ()
    run.write_corrections(corrected(run, measurements_of(ordered), facts.policy, run.complete, meanwhile))
    findings = final_findings(ordered, facts.policy, blind, met, run, meanwhile=meanwhile)
    outcomes = [stored.outcome for stored in ordered]
    families = family_verdicts(outcomes, findings, [each.game for each in run.left_out()])
    claims = claim_verdict(outcomes, findings)
    verdict = Verdict.INVALID if faults else run_verdict(families, claims)
    named = by_name(families, claims)
    found = FindingsFile(SCHEMA_VERSION, run.path.name, verdict.value, run.complete, findings, named)
    run.write_findings(found)
    index.record(run.path.parent, index.row_of(run, found))

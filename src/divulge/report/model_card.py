"""The privacy section of a model card, in the Markdown that Hugging Face and others show."""

from __future__ import annotations

from divulge.core.audit_result import AuditResult
from divulge.core.finding import Verdict
from divulge.core.threat import Family
from divulge.core.wording import counted
from divulge.report import limits, people, words
from divulge.report.decision import decision, line_of


def render(result: AuditResult) -> str:
    """A section of its own, to be put into a README.md."""
    facts = result.facts
    when = facts.provenance.started[:10]
    lines = [
        "## Privacy",
        "",
        f"What this model gives away was measured with divulge {facts.provenance.divulge} on {when}.",
        words.needed(result),
        "",
        "| question | result | strongest attack |",
        "|---|---|---|",
    ]
    for family, asked in words.FAMILY_OF.items():
        title = asked[:1].upper() + asked[1:]
        found = [f for f in result.of(family) if f.value is not None]
        verdict = result.verdict_of(family)
        if not found:
            broke = verdict is Verdict.FAILED
            lines.append(f"| {title} | {words.MARKS[verdict]} {verdict.value if broke else 'not measured'} | |")
            continue
        alike = [f for f in found if f.verdict is verdict and f.metric != "epsilon"] or found
        best = max(alike, key=lambda f: f.advantage_low if f.advantage_low is not None else -1.0)
        told = line_of(result, best).partition(" ")[2]
        lines.append(f"| {title} | {words.MARKS[verdict]} {verdict.value} | {told} |")
    lines += ["", words.LEAST, ""]
    untried = [f"{family.value}" for family in Family if not any(f.value is not None for f in result.of(family))]
    refused = sum(1 for _ in result.refused())
    notes = [f"Not measured: {', '.join(untried)}." if untried else ""]
    notes += [f"{counted(refused, 'attack')} could not run under this threat model." if refused else ""]
    notes += [f"{counted(len(limits.left_out(result)), 'attack')} had no time." if result.left_out else ""]
    for question in decision(result).questions:
        lines.append(f"- {question.title} {question.answer}.")
    lines += ["", " ".join(filter(None, notes)), ""]
    sizes = people.sizes(facts.data)
    hashes = f"model {facts.target.fingerprint[:16]}, job {facts.job[:16]}, seed {facts.provenance.seed}"
    lines.append(f"Audited on {sizes}; {hashes}.")
    return "\n".join(lines).rstrip() + "\n"

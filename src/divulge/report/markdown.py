"""The report as Markdown, for a repository, a ticket or a terminal."""

from __future__ import annotations

from divulge.core.audit_result import AuditResult
from divulge.core.finding import Finding, Verdict
from divulge.core.threat import Family
from divulge.core.wording import percent
from divulge.report import handshake, inferred, limits, people, rebuilt, theft, words
from divulge.report.causes import by_family, changes
from divulge.report.next_steps import first_step

METRICS = ("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001")


def render(result: AuditResult) -> str:
    """The same content as the page, without its figures."""
    facts = result.facts
    parts = [
        f"# {facts.name}",
        *handshake.lines(result),
        "\n\n".join(f"**{line.mark} {line.title}.** {line.text}".strip() for line in words.lines(result)),
        *_first_step(result),
        *(["**This run was cut short.**"] if not result.complete else []),
        f"- **What the adversary needed.** {words.needed(result)}\n"
        f"- **How sure this is.** {words.certainty(result)}\n"
        f"- **What was not tried.** {'; '.join(words.not_tried(result)) or 'every family was tried'}. {words.LEAST}",
        *(["## Attacks", _table(result)] if result.tried(Family.MEMBERSHIP) else []),
        *(["## Properties of the training set", _inferred(result)] if result.tried(Family.PROPERTY) else []),
        *(["## Rebuilt records", _rebuilt(result)] if result.tried(Family.RECONSTRUCTION) else []),
        *(["## Copies of the model", _copies(result)] if result.tried(Family.EXTRACTION) else []),
        *_gains(result),
        *_why(result),
        *_other_causes(result),
        "## What was not measured, and why",
        _limits(result),
        "## Provenance",
        f"- model: {facts.target.name} ({facts.target.kind}), hash `{facts.target.fingerprint}`\n"
        f"- records: {people.sizes(facts.data, ', ')}, hash "
        f"`{facts.data.fingerprint}`; duplicates: {facts.data.overlap}\n"
        f"- recipe: {facts.recipe or 'not known'}\n"
        f"- seed {facts.provenance.seed}, divulge {facts.provenance.divulge}, {facts.provenance.started}",
    ]
    return "\n\n".join(parts) + "\n"


def _first_step(result: AuditResult) -> list[str]:
    step = first_step(result)
    return [f"**What to do first.** {step}"] if step else []


def _table(result: AuditResult) -> str:
    heads = ["attack", "verdict", *(words.METRIC_NAMES[m] for m in METRICS), "control AUC", "queries"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for outcome, _ in result.played():
        if outcome.game != Family.MEMBERSHIP.value:
            continue
        found = {f.metric: f for f in result.findings if f.attack == outcome.attack}
        verdict = found["auc"].verdict
        leaks = [f for f in found.values() if f in result.leaks()]
        shown = leaks[0].verdict if leaks else verdict
        cells = [_cell(found.get(metric)) for metric in METRICS]
        control = words.shown(found["auc"].control, "auc")
        row = [outcome.title, f"{words.MARKS[shown]} {shown.value}", *cells, control, f"{outcome.queries:,}"]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def _rebuilt(result: AuditResult) -> str:
    """One line a finding of the reconstruction game."""
    heads = ["attack", "verdict", "what", "share", "without the model", "control", "quality (medians)", "queries"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rebuilt.rows(result):
        verdict = f"{words.MARKS[row.verdict]} {row.verdict.value}"
        cost = row.cost.removesuffix(" queries").removesuffix(" query")
        cells = [row.title, verdict, row.what, f"{row.value[0]} ({row.value[1]})", row.blind, row.control]
        lines.append("| " + " | ".join([*cells, "; ".join(row.quality), cost]) + " |")
    return "\n".join(lines)


def _inferred(result: AuditResult) -> str:
    """One line a finding of the property game, and what is said of the audited model."""
    heads = ["attack", "verdict", "what", "told right", "lots", "mean error", "metrics alone", "control", "queries"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in inferred.rows(result):
        verdict = f"{words.MARKS[row.verdict]} {row.verdict.value}"
        cost = row.cost.removesuffix(" queries").removesuffix(" query")
        error = f"{row.error[0]} ({row.error[1]})" if row.error[1] else row.error[0]
        cells = [row.title, verdict, row.what, f"{row.value[0]} ({row.value[1]})", row.blind, error, row.metrics]
        lines.append("| " + " | ".join([*cells, row.control, cost]) + " |")
    return "\n".join([*lines, "", *inferred.answers(result)])


def _copies(result: AuditResult) -> str:
    """One line an attack of the extraction game."""
    heads = ["attack", "verdict", *theft.PLACE_NAMES, "recovered", "without queries", "control", "queries"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in theft.rows(result, words.MARKS[Verdict.LEAK]):
        cells = [f"{value} ({beside})" if beside else value for value, beside, _ in (*row.places, row.recovered)]
        verdict = f"{words.MARKS[row.verdict]} {row.verdict.value}"
        cost = row.cost.removesuffix(" queries").removesuffix(" query")
        lines.append("| " + " | ".join([row.title, verdict, *cells, row.baseline, row.control, cost]) + " |")
    return "\n".join(lines)


def _gains(result: AuditResult) -> list[str]:
    """What the copy opened up, where a chain was played."""
    if not result.gains:
        return []
    lines = ["| step | through the copy | without it | gain |", "|---|---|---|---|"]
    for gain in result.gains:
        cells = (f"{gain.title}: {gain.measure}", *map(words.reading, (gain.through, gain.alone, gain.gain)))
        lines.append("| " + " | ".join(cells) + " |")
    return ["## What the copy opens up", "\n".join(lines)]


def _why(result: AuditResult) -> list[str]:
    """Who is exposed and why, where a leak was found."""
    if result.verdict_of(Family.MEMBERSHIP) is not Verdict.LEAK:
        return []
    parts = []
    if result.stability is not None:
        parts += ["## The members most at risk", words.stability_sentence(result.stability)]
    lines = [
        f"- {c.name}: {c.measured}. Advantage of the loss attack {c.before:.3f} with it and {c.after:.3f} without "
        f"({percent(c.share)} of it). Try: {c.advice}"
        for c in result.what_if
    ]
    lines += [
        f"- {c.name}: {percent(c.named)} of the members that can be named, {percent(c.everybody)} of all. "
        f"Try: {c.advice}"
        for c in result.causes
        if c.telling
    ]
    return [*parts, "## Why does it leak?", "\n".join(lines)] if lines else parts


def _other_causes(result: AuditResult) -> list[str]:
    """Why the other families leak, as far as the findings tell."""
    lines = [f"- {c.family}, {c.name}: {c.measured}. Try: {c.knob}" for c in by_family(result)]
    lines += [
        f"- {c.family}, {c.name}, by “{c.attack}”: {c.knob}: {c.before[0]} before, {c.after[0]} after; {c.price}"
        for c in changes(result)
    ]
    return ["## Causes of the other families", "\n".join(lines)] if lines else []


def _cell(finding: Finding | None) -> str:
    if finding is None or finding.value is None or finding.low is None or finding.high is None:
        return "not measurable"
    value, low, high = (words.shown(v, finding.metric) for v in (finding.value, finding.low, finding.high))
    return f"{value} ({low} to {high})"


def _limits(result: AuditResult) -> str:
    lines = [f"- failed: {o.title}: {error}" for o, error in result.failed()]
    lines += [f"- left out: {title}: {reason}" for title, reason in limits.left_out(result)]
    lines += [f"- refused: {r.names or r.what}: {r.why}" for r in limits.refusals(result)]
    reasons = {
        (words.METRIC_NAMES.get(f.metric, f.metric), f.reason): None
        for f in result.findings
        if f.verdict.value == "not measurable"
    }
    lines += [f"- {metric}: {reason}" for metric, reason in reasons]
    alpha = percent(1 - result.facts.policy.confidence)
    return (
        "\n".join(lines or ["- everything that was planned was measured"])
        + f"\n- all verdicts share an error of {alpha}"
    )

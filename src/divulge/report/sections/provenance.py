"""What makes the audit repeatable: model, records, policy, hashes, versions."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.core.wording import counted, percent
from divulge.report import people, words
from divulge.report.drawing import asset
from divulge.report.metrics import metric_name
from divulge.report.section import Context, Page, Place, Section
from divulge.report.typography import bullets


def _context(result: AuditResult) -> Context:
    facts = result.facts
    sizes = people.sizes(facts.data)
    hashes = f"model {facts.target.fingerprint[:16]}, job {facts.job[:16]}, seed {facts.provenance.seed}"
    return {"lines": _lines(result), "card": f"Audited on {sizes}; {hashes}."}


def _lines(result: AuditResult) -> list[tuple[str, str, bool]]:
    """Name, value, and whether it is code."""
    facts = result.facts
    target, data, provenance = facts.target, facts.data, facts.provenance
    offers = ", ".join(target.offers)
    lines = [("Model", f"{target.name} ({target.kind}, {target.task}), offers {offers}", False)]
    if target.quality_members is not None and target.quality_nonmembers is not None:
        quality = f"{target.quality_members:.3f} on members, {target.quality_nonmembers:.3f} on non-members"
        lines.append((target.quality_name.capitalize(), quality, False))
    if target.defenses:
        shown = ", ".join(target.defenses)
        if target.distortion is not None:
            distance = percent(target.distortion)
            shown += f"; scores shown differ from the model's own by {distance} on average (total variation)"
        lines.append(("Defences", shown, False))
    population = counted(data.population, "population record")
    lines.append(("Records", f"{people.sizes(data, ', ')}, {population}; {data.columns} columns", False))
    lines.append(("Duplicates", data.overlap, False))
    lines += [("Sensitive", ", ".join(data.sensitive), False)] if data.sensitive else []
    unknown = "not known: no control and no shadow model could be trained"
    lines.append(("Recipe", facts.recipe or unknown, False))
    unlike = [o for o, _ in result.played() if o.differs]
    papers = ". ".join(f"{o.title} ({result.papers.get(o.paper, o.paper)}): {o.differs}" for o in unlike)
    lines += [("Unlike the papers", papers, False)] if unlike else []
    lines += [("Training", "; ".join(result.training), False)] if result.training else []
    hashes = f"model {target.fingerprint} · records {data.fingerprint} · job {facts.job}"
    libraries = ", ".join(f"{name} {version}" for name, version in provenance.libraries.items())
    return [
        *lines,
        ("Policy", _policy(result), False),
        ("Hashes", hashes, True),
        ("Seed", str(provenance.seed), False),
        ("Command", provenance.command, True),
        ("Started", provenance.started, False),
        (
            "Versions",
            f"divulge {provenance.divulge}, Python {provenance.python} on {provenance.platform}, {libraries}",
            False,
        ),
        ("Standards", ", ".join(words.standards(result)), False),
    ]


def _policy(result: AuditResult) -> str:
    policy = result.facts.policy
    limits = "; ".join(
        f"{metric_name(metric)}: advantage {threshold:g}" for metric, threshold in sorted(policy.thresholds.items())
    )
    return f"{f'{policy.name}: ' if policy.name else ''}{limits}; delta {policy.delta:g}"


def _markdown(c: Context) -> str:
    return bullets([f"{name.lower()}: {f'`{value}`' if code else value}" for name, value, code in c["lines"]])


def _card(c: Context) -> str:
    return str(c["card"])


SECTION = Section(
    name="provenance",
    title="Provenance",
    context=_context,
    template=asset("sections/provenance.html.j2"),
    markdown=_markdown,
    pages={Page.REPORT: Place.FOLDED, Page.DECISION: Place.FOLDED},
    card=_card,
)

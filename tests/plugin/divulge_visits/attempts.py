"""A section of the report: how many attacks were tried."""

from divulge.plugin import Section

SECTION = Section(
    name="attempts",
    title="How many attempts were made",
    context=lambda result: {"attacks": sorted({finding.attack for finding in result.findings})},
    template="<p>{{ attacks | length }} attacks were measured: {{ attacks | join(', ') }}.</p>",
    markdown=lambda c: f"{len(c['attacks'])} attacks were measured: {', '.join(c['attacks'])}.",
    applies=lambda result: bool(result.findings),
)

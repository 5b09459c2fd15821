"""Runs side by side as a page and as Markdown: what each leaks, what differs, and their ROC curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from divulge.core.results.comparison import MetricChange, OverTime
from divulge.core.results.finding import Reading
from divulge.core.wording import counted, percent
from divulge.report.drawing import asset, environment
from divulge.report.figures.comparison import figures
from divulge.report.metrics import metric_name
from divulge.report.typography import table

HEADS = ("audit", "quality", "strongest attack", "AUC", "TPR at 1 % FPR", "closest copy", "verdict")
CHANGE_HEADS = ("attack", "measure", "before", "now", "difference", "p, corrected", "in words", "compared by")
ATTACK_HEADS = ("better", "than", "AUC", "AUC of the other", "difference", "p, corrected", "in words")
TIME_HEADS = ("audit", "begun", "model", "records", "fresh", "e-value", "so far", "")

HELD = "All differences that are shown hold together: intervals by Bonferroni, p-values by Holm."


def reading(found: Reading | None) -> str:
    """A value and its interval."""
    return "–" if found is None else f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def difference(change: MetricChange) -> str:
    """A difference and its interval."""
    return f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})"


def row_of(row: Any) -> list[str]:
    """One run, as its table shows it.  row: see runs.compare.Compared."""
    quality = "–" if row.quality is None else f"{row.quality:.3f}"
    readings = [reading(each) for each in (row.auc, row.low_fpr, row.copy)]
    return [row.name, quality, row.strongest or "–", *readings, row.verdict]


def change_row(change: MetricChange) -> list[str]:
    """What differs between two runs."""
    key, _, about = change.metric.partition(":")
    numbers = [f"{change.before:.3f}", f"{change.now:.3f}", difference(change), f"{change.p_adjusted:.2g}"]
    return [change.title, metric_name(key, about), *numbers, change.words, change.method]


def attack_row(change: MetricChange) -> list[str]:
    """What differs between two attacks of one run."""
    numbers = [f"{change.now:.3f}", f"{change.before:.3f}", difference(change), f"{change.p_adjusted:.2g}"]
    return [change.title, change.against, *numbers, "better" if change.differs else change.words]


def time_row(row: OverTime) -> list[str]:
    """One audit in a row of them."""
    fresh = "–" if row.fresh is None else f"{row.fresh:,}"
    values = [f"{row.records:,}", fresh, f"{row.value:.3g}", f"{row.together:.3g}"]
    return [row.name, row.started, row.model, *values, row.note]


def best_in_words(found: Sequence[MetricChange]) -> str:
    """Whether the best attack of a run is better than the next."""
    if not found:
        return ""
    first = found[0]
    if first.differs:
        return f"{first.title} is better than the next best, {first.against}: by {difference(first)} of the AUC."
    return f"{first.title} is not shown to be better than {first.against}: {difference(first)} of the AUC."


def markdown(rows: Sequence[Any], attacks: Sequence[MetricChange] = ()) -> str:
    """Rows as they come from runs.compare."""
    parts = ["# Audits compared", table([*HEADS], [row_of(row) for row in rows])]
    for row in rows[1:]:
        parts.append(f"## {row.name} against {rows[0].name}")
        if not row.changes:
            parts.append("No metric was measured in both.")
            continue
        parts += [
            f"{row.records[:1].upper()}{row.records[1:]}. {HELD}",
            table([*CHANGE_HEADS], [change_row(c) for c in row.changes]),
        ]
    if attacks:
        parts += [
            "## Attacks, two by two",
            best_in_words(attacks),
            table([*ATTACK_HEADS], [attack_row(c) for c in attacks]),
        ]
    return "\n\n".join(parts) + "\n"


def render(rows: Sequence[Any], attacks: Sequence[MetricChange] = ()) -> str:
    """The same as a page that works offline."""
    others = [
        (row, [change_row(c) for c in row.changes], figures(row.overlay, place) if row.overlay else [])
        for place, row in enumerate(rows[1:])
    ]
    drawn = any(made for _, _, made in others)
    return (
        environment()
        .get_template("comparison.html.j2")
        .render(
            rows=[row_of(row) for row in rows],
            first=rows[0].name,
            heads=HEADS,
            others=others,
            change_heads=CHANGE_HEADS,
            attack_heads=ATTACK_HEADS,
            attacks=[attack_row(c) for c in attacks],
            best=best_in_words(attacks),
            held=HELD,
            percent=percent,
            counted=counted,
            style=Markup(asset("report.css")),
            scripts=[Markup(asset(name)) for name in ("plotly-basic.min.js", "figures.js") if drawn],
        )
    )

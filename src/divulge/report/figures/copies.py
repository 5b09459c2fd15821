"""The figure of copies: agreement over queries."""

from __future__ import annotations

import json
from typing import Any

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.exhibits import Step
from divulge.core.threat import Family
from divulge.report.figures.figure import COLORS, DASHES, LAYOUT, SYMBOLS, Figure, Table
from divulge.report.metrics import exact_percent

MOST = 5
FEWEST_POINTS = 3
"""Of a curve that is drawn; fewer are in its table alone."""


def copies(result: AuditResult) -> list[Figure]:
    """Agreement over queries, where a copy was made at two or more numbers of queries."""
    steps = {attack: each.of(Step) for attack, each in result.evidence_of(Family.EXTRACTION).items()}
    curves = {attack: points for attack, points in steps.items() if len({s.queries for s in points}) > 1}
    ranked = sorted(curves, key=lambda a: -curves[a][-1].agreement.copy)[:MOST]
    if not ranked:
        return []
    traces = [_line(result.titles.get(a, a), curves[a], place) for place, a in enumerate(ranked)]
    drawn = any(len({s.queries for s in curves[a]}) >= FEWEST_POINTS for a in ranked)
    best = curves[ranked[0]]
    baseline = {
        "x": [s.queries for s in best],
        "y": [s.agreement.baseline for s in best],
        "name": "public labels, no query",
        "type": "scatter",
        "mode": "lines",
        "line": {"color": "#888888", "dash": "dot", "width": 1.5},
    }
    ticks = _ticks([s.queries for a in ranked for s in curves[a]])
    layout = {
        **LAYOUT,
        "xaxis": {
            "type": "log",
            "title": {"text": "queries to the model"},
            "tickvals": ticks,
            "ticktext": [f"{tick:,}" for tick in ticks],
        },
        "yaxis": {"title": {"text": "agreement with the model"}, "tickformat": ".0%"},
    }
    rows = tuple(_row(result.titles.get(a, a), s) for a in ranked for s in curves[a])
    return [
        Figure(
            id="copies",
            question="How many queries does a good copy take?",
            description=(
                "Share of unseen records to which a copy gives the model's own answer, by the number of queries it was "
                "trained with, with 95 % CI; beside it what the same kind of model reaches with as many public labels "
                "and no query at all."
            ),
            spec=json.dumps({"data": [*traces, baseline], "layout": layout}) if drawn else "",
            tables=(
                Table(
                    "The same as a table" if drawn else "Agreement by queries",
                    ("attack", "queries", "agreement", "without queries"),
                    rows,
                ),
            ),
        )
    ]


def _row(title: str, step: Step) -> tuple[str, ...]:
    """One point of the figure as a line of its table."""
    interval = f"{exact_percent(step.low)} to {exact_percent(step.high)}"
    copy, baseline = exact_percent(step.agreement.copy), exact_percent(step.agreement.baseline)
    return title, f"{step.queries:,}", f"{copy} ({interval})", baseline


def _ticks(queries: list[int]) -> list[int]:
    """Numbers of queries that were stopped at, without those too near to one before on a logarithmic axis."""
    kept: list[int] = []
    for number in sorted(set(queries)):
        if not kept or number > 1.5 * kept[-1]:
            kept.append(number)
    return kept


def _line(title: str, steps: tuple[Step, ...], place: int) -> dict[str, Any]:
    values = [s.agreement.copy for s in steps]
    return {
        "x": [s.queries for s in steps],
        "y": values,
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [s.high - v for s, v in zip(steps, values, strict=True)],
            "arrayminus": [v - s.low for s, v in zip(steps, values, strict=True)],
        },
        "name": title,
        "type": "scatter",
        "mode": "lines+markers",
        "line": {"color": COLORS[place], "dash": DASHES[place], "width": 3 if place == 0 else 1.8},
        "marker": {"symbol": SYMBOLS[place], "size": 6},
        "hovertemplate": "%{x:,} queries<br>agreement %{y:.1%}<extra>%{fullData.name}</extra>",
    }

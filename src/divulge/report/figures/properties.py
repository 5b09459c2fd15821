"""The figure of estimated properties: estimates over truths, with intervals."""

from __future__ import annotations

import json

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.exhibits import Estimated, Fact
from divulge.core.wording import percent
from divulge.report.figures.figure import LAYOUT, Figure, Table
from divulge.report.inferred import best_of, facts_of
from divulge.report.property_words import UNIT, in_words, number


def figure(result: AuditResult) -> list[Figure]:
    """Estimates over truths, with intervals, of the closest attack on each property."""
    parts = []
    for place, text in enumerate(dict.fromkeys(f.text for _, f in facts_of(result))):
        best = best_of(result, text)
        if best is not None:
            parts.append(_drawn(result, place, *best))
    return parts


def _drawn(result: AuditResult, place: int, attack: str, fact: Fact) -> Figure:
    title = result.titles.get(attack, attack)
    known = sorted(fact.estimates, key=lambda e: (e.truth, e.estimate))
    form = ".0%" if fact.kind in UNIT else ""
    layout = {
        **LAYOUT,
        "xaxis": {"title": {"text": "true value"}, "tickformat": form},
        "yaxis": {"title": {"text": "estimate"}, "tickformat": form},
    }
    description = (
        f"Estimates of “{title}” with {percent(fact.confidence)} intervals for models of which the value is known; on "
        f"the dotted line they are right. Mean error {number(fact.error or 0.0, fact.kind)}; always answering the "
        f"middle of the range, {number(fact.baseline_error or 0.0, fact.kind)}."
    )
    listed = [*known, *([fact.answer] if fact.answer is not None else [])]
    rows = tuple((number(e.truth, fact.kind), number(e.estimate, fact.kind), _bounds(e, fact.kind)) for e in listed)
    return Figure(
        f"property-{place}",
        f"How closely is {in_words(fact.text)} estimated?",
        description,
        json.dumps({"data": _traces(known, fact), "layout": layout}),
        (Table("The same as a table", ("true value", "estimate", "interval"), rows),),
    )


def _traces(known: list[Estimated], fact: Fact) -> list[dict[str, object]]:
    traces: list[dict[str, object]] = [
        {
            "x": _side_by_side(known, fact.high - fact.low),
            "y": [e.estimate for e in known],
            "error_y": _bars(known),
            "type": "scatter",
            "mode": "markers",
            "name": "models with known values",
            "marker": {"color": "#0072b2", "size": 6},
        },
        {
            "x": [fact.low, fact.high],
            "y": [fact.low, fact.high],
            "type": "scatter",
            "mode": "lines",
            "name": "the truth",
            "line": {"color": "#888888", "dash": "dot", "width": 1.5},
        },
    ]
    if fact.answer is not None:
        traces.append(
            {
                "x": [fact.answer.truth],
                "y": [fact.answer.estimate],
                "error_y": _bars([fact.answer]),
                "type": "scatter",
                "mode": "markers",
                "name": "the audited model",
                "marker": {"color": "#d55e00", "size": 11, "symbol": "diamond"},
            }
        )
    return traces


def _side_by_side(known: list[Estimated], width: float) -> list[float]:
    """Where estimates stand: models of one value beside each other."""
    alike: dict[float, int] = {}
    moved = []
    for e in known:
        key = round(e.truth, 2)
        alike[key] = alike.get(key, -1) + 1
        moved.append(e.truth + 0.004 * width * (alike[key] - sum(round(o.truth, 2) == key for o in known) / 2))
    return moved


def _bars(known: list[Estimated]) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [(e.high if e.high is not None else e.estimate) - e.estimate for e in known],
        "arrayminus": [e.estimate - (e.low if e.low is not None else e.estimate) for e in known],
        "thickness": 1,
        "width": 0,
        "color": "#88888888",
    }


def _bounds(e: Estimated, kind: str) -> str:
    return "–" if e.low is None or e.high is None else f"{number(e.low, kind)} to {number(e.high, kind)}"

"""The figures of a report, as specifications that plotly.js draws in the browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from math import log10
from typing import Any

from divulge.core.audit_result import AuditResult
from divulge.core.exhibits import Curve
from divulge.core.wording import percent
from divulge.report.copies_figure import COLOURS, DASHES, SYMBOLS, Figure, copies
from divulge.report.inferred import figure

MOST_CURVES = 5
TICKS = (0.0001, 0.001, 0.01, 0.1, 1.0)
FINE_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def figures(result: AuditResult) -> list[Figure]:
    """The figures that this audit result can fill."""
    ranked = _ranked(result)
    membership = [_roc(result, ranked), _scores(result, ranked)] if ranked else []
    return membership + figure(result) + copies(result)


def _ranked(result: AuditResult) -> list[Curve]:
    """Curves of the attacks with the highest AUC, best first; one of attacks that drew the same curve."""
    areas = {f.attack: f.value for f in result.findings if f.metric == "auc" and f.value is not None}
    ordered = sorted((c for c in result.curves if c.attack in areas), key=lambda c: -areas[c.attack])
    distinct: dict[tuple[float, ...], Curve] = {}
    for curve in ordered:
        distinct.setdefault(curve.tpr, curve)
    return list(distinct.values())[:MOST_CURVES]


def _roc(result: AuditResult, ranked: list[Curve]) -> Figure:
    best = ranked[0]
    lowest = min(c.fpr[0] for c in ranked)
    confidence = f"{percent(result.facts.policy.confidence)} interval"
    traces = [_band(best, confidence), *_curves(result, ranked), _guessing(lowest)]
    layout = {
        "xaxis": _log_axis("non-members wrongly named (FPR)", lowest),
        "yaxis": _log_axis("members rightly named (TPR)", lowest),
        "legend": {"orientation": "h", "y": -0.24, "x": 0},
        "margin": {"l": 64, "r": 12, "t": 8, "b": 48},
    }
    rows = tuple(
        (percent(f), percent(t), f"{percent(low)} to {percent(high)}")
        for f, t, low, high in zip(best.fpr, best.tpr, best.low, best.high, strict=True)
    )
    title = result.titles.get(best.attack, best.attack)
    return Figure(
        id="roc",
        question="How many members can be named, and how many strangers are named by mistake?",
        description=(
            "Receiver operating characteristic on logarithmic axes. A curve above the dotted line of guessing is a "
            f"leak; the left end matters most. The strongest attack is {title}; its values stand in the table below."
        ),
        spec=json.dumps({"data": traces, "layout": layout}),
        header=("FPR", f"TPR of {title}", confidence),
        rows=rows,
    )


def _band(curve: Curve, name: str) -> dict[str, Any]:
    """The interval of a curve as a filled shape."""
    return {
        "x": [*curve.fpr, *reversed(curve.fpr)],
        "y": [*curve.high, *reversed([max(t, 1e-6) for t in curve.low])],
        "fill": "toself",
        "fillcolor": "rgba(0,114,178,0.18)",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": name,
        "type": "scatter",
        "mode": "lines",
    }


def _curves(result: AuditResult, ranked: list[Curve]) -> list[dict[str, Any]]:
    """One line an attack, told apart by colour, dash and symbol."""
    return [
        {
            "x": curve.fpr,
            "y": [t if t > 0 else None for t in curve.tpr],
            "name": result.titles.get(curve.attack, curve.attack),
            "type": "scatter",
            "mode": "lines+markers",
            "line": {"color": COLOURS[place], "dash": DASHES[place], "width": 3 if place == 0 else 1.8},
            "marker": {"symbol": SYMBOLS[place], "size": 5, "maxdisplayed": 12},
            "hovertemplate": "FPR %{x:.2%}<br>TPR %{y:.2%}<extra>%{fullData.name}</extra>",
        }
        for place, curve in enumerate(ranked)
    ]


def _guessing(lowest: float) -> dict[str, Any]:
    """The line on which an attack is no better than a coin."""
    return {
        "x": [lowest, 1],
        "y": [lowest, 1],
        "name": "guessing",
        "type": "scatter",
        "mode": "lines",
        "line": {"color": "#888888", "dash": "dot", "width": 1.5},
        "hoverinfo": "skip",
    }


def _log_axis(title: str, lowest: float) -> dict[str, Any]:
    ticks = [t for t in TICKS if t >= lowest * 0.99]
    if len(ticks) < 3:
        ticks = [t for t in FINE_TICKS if t >= lowest * 0.99]
    return {
        "type": "log",
        "title": {"text": title},
        "range": [log10(lowest) - 0.05, 0.03],
        "tickvals": ticks,
        "ticktext": [percent(t) for t in ticks],
    }


def _scores(result: AuditResult, ranked: list[Curve]) -> Figure:
    buttons = []
    for place, curve in enumerate(ranked):
        shown = [index // 2 == place for index in range(2 * len(ranked))]
        buttons.append(
            {
                "label": result.titles.get(curve.attack, curve.attack),
                "method": "update",
                "args": [{"visible": shown}, {"xaxis.autorange": True, "yaxis.autorange": True}],
            }
        )
    layout = {
        "barmode": "overlay",
        "xaxis": {"title": {"text": "score of the attack, higher means 'member'"}},
        "yaxis": {"title": {"text": "share of the records"}, "tickformat": ".0%"},
        "legend": {"orientation": "h", "y": -0.24, "x": 0},
        "margin": {"l": 64, "r": 12, "t": 8, "b": 48},
    }
    best = ranked[0]
    traces = [bars for place, curve in enumerate(ranked) for bars in _bars(curve, place == 0)]
    rows = tuple(
        (f"{a:.3g} to {b:.3g}", percent(i), percent(o))
        for (a, b), i, o in zip(pairwise(best.edges), best.inside, best.outside, strict=True)
    )
    return Figure(
        id="scores",
        question="How far apart does the model hold members and non-members?",
        description=(
            "Distribution of the attack's score over members and over non-members. Where the two lie apart, "
            "membership can be told; where they overlap, it cannot."
        ),
        spec=json.dumps({"data": traces, "layout": layout, "choices": buttons}),
        header=("score", "members", "non-members"),
        rows=rows,
    )


def _bars(curve: Curve, visible: bool) -> Iterator[dict[str, Any]]:
    """The two distributions of one attack, told apart by colour and hatching."""
    for name, shares, colour, pattern in (
        ("members", curve.inside, COLOURS[0], ""),
        ("non-members", curve.outside, COLOURS[1], "/"),
    ):
        yield {
            "x": [(a + b) / 2 for a, b in pairwise(curve.edges)],
            "y": shares,
            "width": [b - a for a, b in pairwise(curve.edges)],
            "name": name,
            "type": "bar",
            "opacity": 0.6,
            "visible": visible,
            "marker": {"color": colour, "pattern": {"shape": pattern, "size": 5}},
            "hovertemplate": "%{y:.1%} of %{fullData.name}<extra></extra>",
        }

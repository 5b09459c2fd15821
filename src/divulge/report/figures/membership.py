"""The figures of membership: how many are named at which price, and where members stand among non-members."""

from __future__ import annotations

import json
from itertools import pairwise
from math import log10
from typing import Any

import numpy as np

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.exhibits import Curve
from divulge.core.results.metric import AUC
from divulge.core.wording import percent
from divulge.report.figures.figure import COLORS, DASHES, LAYOUT, SYMBOLS, Figure, Table

MOST_CURVES = 3
MOST_CHOICES = 5
APART = 0.05
"""Of the true positive rate, somewhere: two curves that are nearer are one to the eye."""

TICKS = (0.0001, 0.001, 0.01, 0.1, 1.0)
FINE_TICKS = (0.01, 0.1, 0.5, 1.0)
TENTHS = 10

STRONG = 0.1
"""Of the members named at the lowest rate of mistakes: beyond it, a logarithmic axis would press all to its edge."""


def figures(result: AuditResult) -> list[Figure]:
    """The figures of membership that this audit result can fill."""
    ranked = _ranked(result)
    return [_roc(result, _apart(ranked)), _ranks(result, ranked[:MOST_CHOICES])] if ranked else []


def _ranked(result: AuditResult) -> list[Curve]:
    """Curves of the attacks with the highest AUC, best first; one of attacks that drew the same curve."""
    areas = {f.attack: f.value for f in result.findings if f.metric == AUC and f.value is not None}
    ordered = sorted((c for c in result.curves if c.attack in areas), key=lambda c: -areas[c.attack])
    distinct: dict[tuple[float, ...], Curve] = {}
    for curve in ordered:
        distinct.setdefault(curve.tpr, curve)
    return list(distinct.values())


def _apart(ranked: list[Curve]) -> list[Curve]:
    """Those that an eye can hold apart, the best first."""
    kept = ranked[:1]
    for curve in ranked[1:]:
        if len(kept) < MOST_CURVES and all(_distance(curve, other) >= APART for other in kept):
            kept.append(curve)
    return kept


def _distance(one: Curve, other: Curve) -> float:
    grid = np.geomspace(max(one.fpr[0], other.fpr[0]), 1.0, 40)
    return float(np.abs(np.interp(grid, one.fpr, one.tpr) - np.interp(grid, other.fpr, other.tpr)).max())


def _roc(result: AuditResult, ranked: list[Curve]) -> Figure:
    best = ranked[0]
    lowest = min(c.fpr[0] for c in ranked)
    confidence = f"{percent(result.facts.policy.confidence)} band"
    traces = [_band(best, confidence), *_curves(result, ranked), _guessing(lowest)]
    layout = {
        **LAYOUT,
        "xaxis": _log_axis("non-members wrongly named", lowest),
        "yaxis": _rates("members rightly named")
        if best.tpr[0] >= STRONG
        else _log_axis("members rightly named", lowest),
    }
    rows = tuple(
        (percent(f), percent(t), f"{percent(low)} to {percent(high)}")
        for f, t, low, high in zip(best.fpr, best.tpr, best.low, best.high, strict=True)
    )
    title = result.titles.get(best.attack, best.attack)
    return Figure(
        id="roc",
        question="How many members can be named, at the price of how many mistakes?",
        description=(
            "Share of members rightly named over the share of non-members wrongly named (receiver operating "
            "characteristic, logarithmic axis). A curve above the dotted line of guessing is a leak; the left end "
            f"matters most. The whole true curve lies within the shaded {confidence}, not just point by point. "
            f"The strongest attack is {title}; attacks with nearly the same curve are left out."
        ),
        spec=json.dumps({"data": traces, "layout": layout}),
        tables=(Table("The same as a table", ("FPR", f"TPR of {title}", confidence), rows),),
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
    """One line an attack; colour, dash and symbol differ."""
    return [
        {
            "x": curve.fpr,
            "y": [t if t > 0 else None for t in curve.tpr],
            "name": result.titles.get(curve.attack, curve.attack),
            "type": "scatter",
            "mode": "lines+markers",
            "line": {"color": COLORS[place], "dash": DASHES[place], "width": 3 if place == 0 else 1.8},
            "marker": {"symbol": SYMBOLS[place], "size": 5, "maxdisplayed": 12},
            "hovertemplate": "FPR %{x:.2%}<br>TPR %{y:.2%}<extra>%{fullData.name}</extra>",
        }
        for place, curve in enumerate(ranked)
    ]


def _guessing(lowest: float) -> dict[str, Any]:
    """The line on which an attack is no better than a coin."""
    return {
        "x": np.geomspace(lowest, 1, 40).tolist(),
        "y": np.geomspace(lowest, 1, 40).tolist(),
        "name": "guessing",
        "type": "scatter",
        "mode": "lines",
        "line": {"color": "#888888", "dash": "dot", "width": 1.5},
        "hoverinfo": "skip",
    }


def _rates(title: str) -> dict[str, Any]:
    return {"title": {"text": title}, "tickformat": ".0%", "range": [-0.02, 1.03]}


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


def tenths(curve: Curve) -> list[float]:
    """The share of members in each tenth of the non-members' ranking [10], the highest scores first.  Read from the
    ROC curve, with straight lines between its points, as for scores that tie.
    """
    fpr, tpr = np.array([0.0, *curve.fpr, 1.0]), np.array([0.0, *curve.tpr, 1.0])
    return [float(part) for part in np.diff(np.interp(np.linspace(0, 1, TENTHS + 1), fpr, tpr))]


def _ranks(result: AuditResult, ranked: list[Curve]) -> Figure:
    """Where members stand among non-members: ranks, since scores have no scale that all attacks share."""
    names = ["top 10 %", *(f"{10 * n} to {10 * n + 10} %" for n in range(1, TENTHS))]
    buttons = []
    for place, curve in enumerate(ranked):
        shown = [*(other == place for other in range(len(ranked))), True]
        buttons.append({"label": result.titles.get(curve.attack, curve.attack), "args": [{"visible": shown}]})
    layout = {
        **LAYOUT,
        "xaxis": {"title": {"text": "rank among non-members"}, "tickangle": -60},
        "yaxis": {"title": {"text": "share of the members"}, "tickformat": ".0%", "rangemode": "tozero"},
    }
    best = ranked[0]
    title = result.titles.get(best.attack, best.attack)
    rows = tuple((name, percent(share), percent(1 / TENTHS)) for name, share in zip(names, tenths(best), strict=True))
    return Figure(
        id="scores",
        question="Where do members stand among non-members?",
        description=(
            "Non-members are ranked by the attack's score and cut into ten groups of equal size; the bars say how many "
            "members fall into each. Bars of equal height mean that members look like anybody else; a high bar at the "
            "left means that they stand out."
        ),
        spec=json.dumps({"data": _tenths_drawn(ranked, names), "layout": layout, "choices": buttons}),
        tables=(
            Table("The same as a table", ("rank by score", "members", "non-members"), rows),
            Table(f"Scores of {title}", ("score", "members", "non-members"), _scores(best)),
        ),
        choices=True,
    )


def _tenths_drawn(ranked: list[Curve], names: list[str]) -> list[dict[str, Any]]:
    """Bars of members, one set an attack, of which the first is shown; and the line of non-members."""
    traces: list[dict[str, Any]] = [
        {
            "x": names,
            "y": tenths(curve),
            "name": "members",
            "type": "bar",
            "visible": place == 0,
            "marker": {"color": COLORS[0]},
            "hovertemplate": "%{y:.1%} of the members<extra></extra>",
        }
        for place, curve in enumerate(ranked)
    ]
    traces.append(
        {
            "x": names,
            "y": [1 / TENTHS] * TENTHS,
            "name": "non-members: a tenth in each",
            "type": "scatter",
            "mode": "lines",
            "line": {"color": COLORS[1], "dash": "dash", "width": 2},
        }
    )
    return traces


def _scores(curve: Curve) -> tuple[tuple[str, ...], ...]:
    """The distribution of the scores themselves."""
    bins = zip(pairwise(curve.edges), curve.inside, curve.outside, strict=True)
    return tuple((f"{a:.3g} to {b:.3g}", percent(i), percent(o)) for (a, b), i, o in bins)

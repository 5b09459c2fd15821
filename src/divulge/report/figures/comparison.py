"""Two ROC curves on one figure, and their difference with a band that holds everywhere at once."""

from __future__ import annotations

import json
from typing import Any

from divulge.core.results.comparison import Overlay
from divulge.core.wording import percent
from divulge.report.figures.figure import COLORS, DASHES, LAYOUT, Figure, Table

TICKS = (0.001, 0.01, 0.1, 0.5, 1.0)


def figures(found: Overlay, number: int = 0) -> list[Figure]:
    """The curves, and their difference.  number: of the figure on its page."""
    return [_curves(found, number), _difference(found, number)]


def _axis(found: Overlay) -> dict[str, Any]:
    ticks = [t for t in TICKS if t >= found.fpr[0] * 0.99]
    return {
        "type": "log",
        "title": {"text": "non-members wrongly named"},
        "tickvals": ticks,
        "ticktext": [percent(t) for t in ticks],
    }


def _line(found: Overlay, place: int, y: tuple[float, ...], name: str) -> dict[str, Any]:
    return {
        "x": found.fpr,
        "y": y,
        "name": name,
        "type": "scatter",
        "mode": "lines",
        "line": {"color": COLORS[place], "dash": DASHES[place], "width": 2.5},
        "hovertemplate": "FPR %{x:.2%}<br>%{y:.2%}<extra>%{fullData.name}</extra>",
    }


def _curves(found: Overlay, number: int) -> Figure:
    curves = (found.before, found.now)
    traces = [_line(found, place, y, found.names[place]) for place, y in enumerate(curves)]
    layout = {
        **LAYOUT,
        "xaxis": _axis(found),
        "yaxis": {"title": {"text": "members rightly named"}, "tickformat": ".0%", "range": [-0.02, 1.03]},
    }
    return Figure(
        id=f"roc-{number}",
        question=f"{found.title}: how many members can be named from each model?",
        description=(
            "Share of members rightly named over the share of non-members wrongly named (receiver operating "
            f"characteristic, logarithmic axis), for {found.names[0]} and {found.names[1]}."
        ),
        spec=json.dumps({"data": traces, "layout": layout}),
        tables=(),
    )


def _difference(found: Overlay, number: int) -> Figure:
    middle = tuple(now - before for before, now in zip(found.before, found.now, strict=True))
    label = f"{percent(found.confidence)} band"
    band = {
        "x": [*found.fpr, *reversed(found.fpr)],
        "y": [*found.high, *reversed(found.low)],
        "fill": "toself",
        "fillcolor": "rgba(0,114,178,0.18)",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": label,
        "type": "scatter",
        "mode": "lines",
    }
    zero = {**_line(found, 2, (0.0,) * len(found.fpr), "no difference"), "hoverinfo": "skip"}
    layout = {**LAYOUT, "xaxis": _axis(found), "yaxis": {"title": {"text": "more members named"}, "tickformat": ".0%"}}
    paired = f"{found.matched:,} of {found.of:,} are in both runs, and paired" if found.matched else "none is paired"
    cells = zip(found.fpr, found.before, found.now, middle, found.low, found.high, strict=True)
    return Figure(
        id=f"difference-{number}",
        question=f"Where does {found.names[1]} leak more than {found.names[0]}, and where less?",
        description=(
            f"Members named from {found.names[1]} less those named from {found.names[0]}, at the same share of "
            f"non-members wrongly named. The band holds the whole curve at once in {percent(found.confidence)} of "
            f"cases (bootstrap of records or persons, of which {paired}). Where it leaves zero out, the models differ."
        ),
        spec=json.dumps({"data": [band, zero, _line(found, 0, middle, "difference")], "layout": layout}),
        tables=(
            Table(
                "The same as a table",
                ("FPR", found.names[0], found.names[1], "difference", label),
                tuple(
                    (percent(f), percent(a), percent(b), f"{d:+.3f}", f"{low:+.3f} to {high:+.3f}")
                    for f, a, b, d, low, high in cells
                ),
            ),
        ),
    )

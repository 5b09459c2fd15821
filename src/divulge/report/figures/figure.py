"""What every figure is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8f7700")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x")

LAYOUT: dict[str, Any] = {
    "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
    "margin": {"l": 48, "r": 12, "t": 8, "b": 104},
}
"""Of every figure: the legend below, and as much room for the plot as a phone has."""


@dataclass(frozen=True)
class Table:
    """The values of a figure, or more of them than it draws."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Figure:
    """One figure: what it answers, what a reader who cannot see it hears, and its values as tables.  spec: JSON for
    plotly.js; empty where there is too little to draw, so that the tables alone are shown.  choices: whether a reader
    chooses which attack is shown.
    """

    id: str
    question: str
    description: str
    spec: str
    tables: tuple[Table, ...]
    choices: bool = False

"""A kind of data: sequences of events, tuples of words of any length."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from divulge.plugin import DataKind

EVENTS = ("arrive", "wait", "talk", "pay", "leave")


def recognizes(x: Any) -> bool:
    """A list of tuples of words."""
    return isinstance(x, list) and all(
        isinstance(visit, tuple) and all(isinstance(event, str) for event in visit) for visit in x
    )


def features(visits: list[tuple[str, ...]]) -> np.ndarray:
    """How often each event occurs, and how long a visit is: [visits, events + 1]."""
    counts = [Counter(visit) for visit in visits]
    return np.array([[*(count[event] for event in EVENTS), count.total()] for count in counts], dtype=float)


def read(path: Path) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Lines of JSON, {"events": ["arrive", "pay"], "y": 1}."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [tuple(row["events"]) for row in rows], np.array([row["y"] for row in rows])


KIND = DataKind(
    "visits",
    recognizes,
    lambda visits: [" ".join(visit) for visit in visits],
    features,
    suffixes=(".jsonl",),
    read=read,
)

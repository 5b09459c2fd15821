"""What attacks that teach a copy have in common: how they ask, and how often they stop to look."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from divulge.core.errors import Impossible, InputError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView, Surrogate

STAGES = (100, 1_000, 5_000, 10_000)
"""Queries at which a copy is made."""

ANSWERS = {"scores": Access.SCORES, "top-k": Access.TOPK, "labels": Access.LABEL}

REGULAR = frozenset({Task.CLASSIFICATION, Task.REGRESSION})


def stages(view: ExtractionView, wished: tuple[int, ...], most: int | None = None) -> list[int]:
    """The numbers of queries to stop at, within budget; Impossible where not even ten queries are allowed."""
    limit = view.affordable(max(wished))
    limit = limit if most is None else min(limit, most)
    kept = sorted({min(stop, limit) for stop in wished})
    if not kept or kept[-1] < 10:
        raise Impossible(f"it needs ten queries at least, and may ask {limit:,}")
    return kept


def ask(view: ExtractionView, records: Records, answers: str = "best") -> Array:
    """The most telling answer that may be seen, or the one named: log-probabilities [records, classes], with what lies
    beyond the top k spread evenly, or class codes [records]; values for regression.
    """
    if answers != "best" and answers not in ANSWERS:
        raise InputError(f"answers {answers!r} is unknown: choose best, {', '.join(ANSWERS)}")
    target = view.target
    if target.task is Task.REGRESSION:
        return target.values(records)
    port = ANSWERS.get(answers)
    if port is None:
        port = next(p for p in (Access.SCORES, Access.TOPK, Access.LABEL) if p in target.ports)
    if port is Access.LABEL:
        return target.labels(records)
    if port is Access.SCORES:
        return target.log_scores(records)
    best, log_scores = target.top_k(records)
    shares = np.exp(log_scores)
    rest = np.maximum(1 - shares.sum(axis=1), 1e-9) / max(view.classes - best.shape[1], 1)
    full = np.repeat(rest[:, None], view.classes, axis=1)
    np.put_along_axis(full, best, shares, axis=1)
    return np.asarray(np.log(full / full.sum(axis=1, keepdims=True)))


def kind_of(view: ExtractionView, student: str) -> str:
    """The family of students: the one named, or the best suited."""
    return view.students.kinds[0] if student == "auto" else student


def taught_in_stages(
    view: ExtractionView,
    records: Records,
    stops: Iterable[int],
    teach: Callable[[Records, Array, int], Surrogate],
    kind: str,
    answers: str = "best",
) -> ExtractionGuess:
    """Copies taught from the first so many records, one for each stop; all records are asked about once."""
    stages: list[CopyStage] = []
    for stop in stops:
        part = records.take(np.arange(stop))
        answered = ask(view, part, answers)
        stages.append(CopyStage(view.target.queries, teach(part, answered, int(view.rng.integers(2**31)))))
    return ExtractionGuess(stages[-1].surrogate, stages=tuple(stages), student=kind)


def entropy_of(log_scores: Array) -> Array:
    """In nats: [records]."""
    return np.asarray(-(np.exp(log_scores) * log_scores).sum(axis=1))


def spread_out(points: Array, chosen: Array, count: int) -> list[int]:
    """Greedy k-centre: `count` rows of `points`, each the farthest from all chosen before ([.., features] alike)."""
    distance = np.full(len(points), np.inf)
    for start in range(0, len(chosen), 256):
        part = chosen[start : start + 256]
        square = (points**2).sum(1)[:, None] + (part**2).sum(1)[None] - 2 * points @ part.T
        distance = np.minimum(distance, square.min(axis=1))
    picked: list[int] = []
    for _ in range(min(count, len(points))):
        place = int(distance.argmax())
        picked.append(place)
        distance = np.minimum(distance, ((points - points[place]) ** 2).sum(axis=1))
        distance[place] = -np.inf
    return picked

"""Path finding in decision trees (Tramèr et al. 2016): leaf by leaf, by line searches through each one's box."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.extraction import TREE, CopyStage, ExtractionGuess, ExtractionView, Parameters

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier

PRECISION = 2e-7
"""To which ends of boxes are searched, as a share of an input's range: that of the single precision of most trees."""

AT_ONCE = 64
SAMPLES = 2_000
ROUNDS = 12
MOST_DISTINCT = 0.5


@dataclass(frozen=True, eq=False)
class BoxCopy:
    """Leaves as boxes (low < x <= high), each with its answer; an input in none gets the answer of the nearest box."""

    boxes: Array
    answers: Array
    size: Array

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        x = records.flat()
        place = np.empty(len(x), dtype=np.int64)
        for start in range(0, len(x), 256):
            part = x[start : start + 256, None, :]
            below, above = self.boxes[None, :, 0] - part, part - self.boxes[None, :, 1]
            outside = np.maximum(np.maximum(below, above), 0.0) / self.size
            outside += (below >= 0) * 1e-9
            place[start : start + 256] = outside.sum(axis=2).argmin(axis=1)
        return np.asarray(self.answers[place])


@dataclass(frozen=True, eq=False)
class GrownCopy:
    """A tree grown on everything that was asked, with the answer of each kind of leaf: [leaves, classes or 1]."""

    tree: DecisionTreeClassifier
    answers: Array
    regression: bool = False

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        found = np.asarray(self.answers[self.tree.predict(records.flat()).astype(np.int64)])
        return found[:, 0] if self.regression else found


@dataclass
class Explorer:
    """Line searches from points whose answer is known.  identity: bytes that are equal for equal leaves."""

    view: ExtractionView
    with_ids: bool
    x: list[Array] = field(default_factory=list)
    said: list[Array] = field(default_factory=list)

    def __post_init__(self) -> None:
        view = self.view
        self.low, self.high, self.whole = (np.asarray(a).ravel() for a in (view.low, view.high, view.whole))
        self.regression = view.target.task is Task.REGRESSION
        self.unit = 0.0
        self.gap = np.where(self.whole, 1.0, PRECISION * np.maximum(self.high - self.low, 1e-12))

    def ask(self, x: Array) -> Array:
        """What identifies the leaf of each input: its number, or the answer itself as one number a distinct answer."""
        x = x.astype(self.view.example.x.dtype)
        sent = self.view.records(x)
        if self.with_ids:
            return self.view.target.leaves(sent)
        if self.regression:
            answers = self.view.target.values(sent)[:, None]
            self.unit = self.unit or float(np.abs(answers).max()) or 1.0
            answers = answers / self.unit
        else:
            answers = self.view.target.log_scores(sent)
        self.x.append(x)
        self.said.append(answers)
        return np.asarray(np.round(answers, 9) @ np.sqrt(np.arange(2, answers.shape[1] + 2)))

    def boxes(self, points: Array, identity: Array) -> tuple[Array, Array]:
        """The box around each point in which the answer stays, [points, 2, inputs], and points beyond its faces."""
        count, features = points.shape
        ends = np.stack([np.full((count, features), -np.inf), np.full((count, features), np.inf)], axis=1)
        row, column, side = (a.ravel() for a in np.indices((count, features, 2)))
        inner, outer = points[row, column], np.where(side == 0, self.low[column], self.high[column])
        moves = inner != outer
        row, column, side, inner, outer = (a[moves] for a in (row, column, side, inner, outer))
        differs = self._ask_moved(points, row, column, outer) != identity[row]
        row, column, side, inner, outer = (a[differs] for a in (row, column, side, inner, outer))
        searching = np.abs(outer - inner) > self.gap[column]
        while searching.any():
            here = np.flatnonzero(searching)
            middle = (inner[here] + outer[here]) / 2
            middle = np.where(self.whole[column[here]], np.floor(middle), middle)
            same = self._ask_moved(points, row[here], column[here], middle) == identity[row[here]]
            inner[here] = np.where(same, middle, inner[here])
            outer[here] = np.where(same, outer[here], middle)
            searching[here] = np.abs(outer[here] - inner[here]) > self.gap[column[here]] * 1.000001
        ends[row, side, column] = np.where(side == 0, outer, inner)
        beyond = points[row]
        beyond[np.arange(len(row)), column] = outer
        return ends, beyond

    def _ask_moved(self, points: Array, row: Array, column: Array, value: Array) -> Array:
        if not len(row):
            return np.zeros(0)
        moved = points[row]
        moved[np.arange(len(row)), column] = value
        return self.ask(moved)


@dataclass(frozen=True)
class TreePaths:
    """From one input, line searches along each input find the ends of its leaf's box; what lies beyond each face is in
    another leaf, from which it goes on, until no new leaf turns up.  With leaf identities this finds every leaf that an
    input can reach.
    """

    card: ClassVar[Card] = Card(
        name="tree_paths",
        title="Path finding",
        family=Family.EXTRACTION,
        asset=Asset.PARAMETERS,
        paper="tramer2016",
        equations="section 4.2, algorithm 1",
        summary="finds every leaf of a decision tree that tells which leaf answers",
        needs=Needs(Access.LEAVES),
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        explorer = Explorer(view, with_ids=True)
        known: dict[int, Array] = {}
        inside: dict[int, Array] = {}
        todo = view.uniform(1).flat()
        while len(todo):
            names = explorer.ask(todo).astype(np.int64)
            fresh = [i for i in np.unique(names, return_index=True)[1] if int(names[i]) not in known]
            if not fresh:
                break
            later: list[Array] = []
            for start in range(0, len(fresh), AT_ONCE):
                part = fresh[start : start + AT_ONCE]
                ends, beyond = explorer.boxes(todo[part], names[part].astype(np.float64))
                known |= {int(names[i]): box for i, box in zip(part, ends, strict=True)}
                inside |= {int(names[i]): todo[i] for i in part}
                later.append(beyond)
            todo = np.concatenate(later)
        boxes = np.stack(list(known.values()))
        points = np.stack([inside[name] for name in known]).astype(view.example.x.dtype)
        size = np.maximum(explorer.high - explorer.low, 1e-12)
        copy = BoxCopy(boxes, view.target.log_scores(view.records(points)), size)
        return ExtractionGuess(copy, Parameters(TREE, (boxes,)), stages=(CopyStage(view.target.queries, copy),))


@dataclass(frozen=True)
class TreePathsByScores:
    """As path finding, where only scores are to be seen: leaves with equal scores cannot be told apart, so what was
    found is grown into a tree of the adversary's own, and compared with the target on further records; from those on
    which they differ the search goes on.

    queries: at most.
    """

    queries: int = 300_000

    card: ClassVar[Card] = Card(
        name="tree_paths_by_scores",
        title="Path finding by scores",
        family=Family.EXTRACTION,
        asset=Asset.FUNCTIONALITY,
        paper="tramer2016",
        equations="sections 4.2 and 6",
        summary="finds the leaves of a decision tree by their scores or values",
        needs=Needs(
            Access.SCORES,
            frozenset({Knowledge.POPULATION}),
            tasks=frozenset({Task.CLASSIFICATION, Task.REGRESSION}),
        ),
        default=False,
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        explorer = Explorer(view, with_ids=False)
        most = view.affordable(self.queries)
        features = int(view.low.size)
        if most < 10 * features:
            raise Impossible(f"it needs at least {10 * features:,} queries")
        stages: list[CopyStage] = []
        order = view.rng.permutation(len(view.population))
        for turn in range(ROUNDS):
            part = view.population.take(order[turn * SAMPLES : (turn + 1) * SAMPLES])
            x = np.concatenate([part.flat(), view.uniform(SAMPLES // 4).flat()])
            if view.target.queries + len(x) > most:
                break
            names = explorer.ask(x)
            if not stages and len(np.unique(names)) > MOST_DISTINCT * len(names):
                raise Impossible("nearly every record has an answer of its own: the target is no decision tree")
            wrong = np.ones(len(x), dtype=bool)
            if stages:
                log_scores = stages[-1].surrogate.log_scores(view.records(x.astype(view.example.x.dtype)))
                answered = log_scores[:, None] / explorer.unit if explorer.regression else log_scores
                wrong = np.abs(answered - explorer.said[-1]).max(axis=1) > 1e-6
            stages.append(self._search(view, explorer, x[wrong], names[wrong], most))
            if wrong.mean() < 1e-3 or (turn + 1) * SAMPLES >= len(order):
                break
        copy = stages[-1].surrogate
        return ExtractionGuess(copy, stages=tuple(stages), student="trees")

    def _search(self, view: ExtractionView, explorer: Explorer, points: Array, names: Array, most: int) -> CopyStage:
        """Boxes around so many of these points as can be paid for, one for each kind of answer first."""
        first = np.unique(names, return_index=True)[1]
        rest = view.rng.permutation(np.setdiff1d(np.arange(len(names)), first))
        order = np.concatenate([first, rest])[: 12 * AT_ONCE]
        dear = 4 * points.shape[1]
        for start in range(0, len(order), AT_ONCE):
            part = order[start : start + AT_ONCE]
            if view.target.queries + 4 * dear * len(part) > most:
                break
            explorer.boxes(points[part], names[part])
        return CopyStage(view.target.queries, grown(explorer))


def grown(explorer: Explorer) -> GrownCopy:
    """A tree that answers as it was answered."""
    from sklearn.tree import DecisionTreeClassifier

    x, answered = np.concatenate(explorer.x), np.concatenate(explorer.said)
    answers, name = np.unique(np.round(answered, 9), axis=0, return_inverse=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        tree = DecisionTreeClassifier(random_state=0).fit(x.reshape(len(x), -1), name.ravel())
    return GrownCopy(tree, answers * explorer.unit if explorer.regression else answers, explorer.regression)

"""What an attack must find, worked out beside divulge: own equations, own students, own search of the heap."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from attacked.subjects import Subject, Tables

EXACT = 1e-6
SPREAD = 4_000
LINKS = {"the values": lambda y: y, "their logarithms": np.log, "their reciprocals": lambda y: 1 / y}


@dataclass(frozen=True, eq=False)
class Reference:
    """A fitted model, asked through its own methods, and what follows from its answers."""

    subject: Subject
    model: Any
    tables: Tables

    def scores(self, x: Any) -> Any:
        """Log-odds against the first class [records, classes - 1], values [records, 1], or None where it has none."""
        model = self.model
        if not self.subject.classes:
            return np.asarray(model.predict(x), dtype=float).reshape(len(x), 1)
        if self.subject.library == "PyTorch":
            logits = _logits(model, x)
            return logits[:, 1:] - logits[:, :1]
        if hasattr(model, "predict_proba"):
            shares = model.predict_proba(x)
            shares = np.asarray(shares[0] if isinstance(shares, list) else shares, dtype=float)
            shares = np.column_stack([1 - shares, shares]) if shares.shape[1] == 1 else shares
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.log(shares)
                return logs[:, 1:] - logs[:, :1]
        if hasattr(model, "decision_function"):
            margins = np.asarray(model.decision_function(x), dtype=float)
            return margins[:, None] if margins.ndim == 1 else margins[:, 1:] - margins[:, :1]
        return None

    def answers(self, x: Any) -> Any:
        """Codes of classes [records], or values."""
        if self.subject.library == "PyTorch":
            return _logits(self.model, x).argmax(axis=1)
        predicted = np.asarray(self.model.predict(x)).reshape(len(x))
        if not self.subject.classes:
            return predicted.astype(float)
        classes = self.model.classes_
        classes = np.asarray(classes[0] if isinstance(classes, list) else classes)
        return np.searchsorted(classes, predicted)

    @cached_property
    def uniform(self) -> Any:
        """Inputs all over their range."""
        return np.random.default_rng(5).uniform(0, 3, (SPREAD, self.subject.inputs))

    @cached_property
    def linear(self) -> str:
        """What of the answers is linear in the inputs, by least squares on half of some answers; empty for nothing."""
        x, scores = self.uniform[:400], self.scores(self.uniform[:400])
        if scores is None:
            return ""
        wide = np.column_stack([x, np.ones(len(x))])
        for name, link in LINKS.items() if not self.subject.classes else [("the values", LINKS["the values"])]:
            with np.errstate(all="ignore"):
                y = link(scores)
            if not np.isfinite(y).all():
                continue
            weights = np.linalg.lstsq(wide[:200], y[:200], rcond=None)[0]
            spread = max(float(np.ptp(y)), 1e-12)
            if float(np.abs(wide[200:] @ weights - y[200:]).max()) <= 1e-5 * spread:
                return name
        return ""

    @cached_property
    def consistent(self) -> float:
        """Share of the unseen records whose answer is the class of the highest score: not where a threshold of the
        model's own decides.
        """
        x = self.tables.held[0]
        scores = self.scores(x)
        if scores is None or not self.subject.classes:
            return 1.0
        likeliest = np.column_stack([np.zeros(len(x)), scores]).argmax(axis=1)
        return float((likeliest == self.answers(x)).mean())

    @cached_property
    def rank(self) -> int:
        """Of the log-odds at all these inputs."""
        scores = self.scores(self.uniform)
        sizes = np.linalg.svd(scores - scores.mean(axis=0), compute_uv=False)
        return int((sizes > 1e-4 * sizes[0]).sum())

    @cached_property
    def student(self) -> float:
        """How well a student of the public records copies the answers to the unseen ones, chosen by their half."""
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
        from sklearn.linear_model import LinearRegression, LogisticRegression
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        x, y = self.tables.public[0], self.answers(self.tables.public[0])
        held, truth = self.tables.held[0], self.answers(self.tables.held[0])
        if len(np.unique(y)) < 2:
            return 1.0 if self.subject.classes else 0.0
        kinds = (
            [ExtraTreesClassifier(50, random_state=0), LogisticRegression(C=10), DecisionTreeClassifier(random_state=0)]
            if self.subject.classes
            else [ExtraTreesRegressor(50, random_state=0), LinearRegression(), DecisionTreeRegressor(random_state=0)]
        )
        cut = len(x) * 2 // 3
        best = max(kinds, key=lambda kind: kind.fit(x[:cut], y[:cut]).score(x[cut:], y[cut:]))
        return float(best.fit(x, y).score(held, truth))

    @cached_property
    def leaves(self) -> int:
        """Leaves of a tree whose box is not empty on the range of inputs; 0 where it is no single tree."""
        tree = getattr(getattr(self.model, "best_estimator_", self.model), "tree_", None)
        if tree is None:
            return 0
        todo, found = [(0, np.zeros(self.subject.inputs), np.full(self.subject.inputs, 3.0))], 0
        while todo:
            node, low, high = todo.pop()
            if (low >= high).any():
                continue
            if tree.children_left[node] < 0:
                found += 1
                continue
            column, at = tree.feature[node], tree.threshold[node]
            left, right = high.copy(), low.copy()
            left[column], right[column] = min(high[column], at), max(low[column], at)
            todo += [(tree.children_left[node], low, left), (tree.children_right[node], right, high)]
        return found

    @cached_property
    def stored(self) -> float:
        """Share of the training records that lie in an array somewhere on the model's heap."""
        own = np.asarray(self.tables.own[0], dtype=float)
        here = np.zeros(len(own), dtype=bool)
        for array in arrays_below(self.model):
            if array.ndim == 2 and array.shape[1] == own.shape[1] and len(array) > 1:
                near = np.abs(own[:, None] - np.asarray(array, dtype=float)[None]).max(axis=2)
                here |= (near < EXACT).any(axis=1)
        return float(here.mean())


def arrays_below(model: Any) -> list[Any]:
    """Every array of numbers that can be reached from an object, through what Python's collector sees of it and what
    it would be pickled as.
    """
    found, seen, todo = [], set(), [model]
    while todo:
        thing = todo.pop()
        plain = isinstance(thing, (type, str, bytes, int, float, type(gc))) or callable(thing)
        if id(thing) in seen or (plain and not hasattr(thing, "parameters") and not hasattr(thing, "__func__")):
            continue
        seen.add(id(thing))
        if sparse.issparse(thing):
            thing = thing.toarray()
        if hasattr(thing, "detach"):
            thing = thing.detach().float().cpu().numpy()
        if isinstance(thing, memoryview):
            thing = np.asarray(thing)
        if isinstance(thing, np.ndarray):
            if thing.dtype.kind in "fiu":
                found.append(thing)
            elif thing.dtype == object:
                todo += list(thing.ravel())
            continue
        module = type(thing).__module__
        todo += gc.get_referents(thing)
        todo += list(getattr(thing, "__dict__", {}).values())
        if module.startswith("sklearn.") and not hasattr(thing, "__dict__") and hasattr(thing, "__getstate__"):
            todo.append(thing.__getstate__())
    return found


def _logits(model: Any, x: Any) -> Any:
    import torch

    kind = next(model.parameters()).dtype
    with torch.no_grad():
        return model(torch.as_tensor(np.asarray(x)).to(kind)).double().numpy()

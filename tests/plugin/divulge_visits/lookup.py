"""A kind of target: a table of the sequences that it was trained on, which is all that it knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from divulge.plugin import FunctionTarget, InputError, TargetKind


class Lookup:
    """Remembers every training sequence with its label; of others it says what is usual.  It has no `predict`."""

    def __init__(self, known: dict[str, int], classes: int, certainty: float = 0.9) -> None:
        self.known, self.classes, self.certainty = known, classes, certainty

    def scores(self, visits: list[tuple[str, ...]]) -> np.ndarray:
        """Probabilities [visits, classes]."""
        usual = np.bincount(list(self.known.values()), minlength=self.classes) + 1.0
        scores = np.tile(usual / usual.sum(), (len(visits), 1))
        for row, visit in enumerate(visits):
            label = self.known.get(" ".join(visit))
            if label is not None:
                scores[row] = (1 - self.certainty) / (self.classes - 1)
                scores[row, label] = self.certainty
        return scores


def train(x: list[tuple[str, ...]], y: np.ndarray, seed: int) -> Lookup:
    """A recipe."""
    return Lookup({" ".join(visit): int(label) for visit, label in zip(x, y, strict=True)}, 2)


def load(path: Path | None, certainty: float = 0.9) -> Lookup:
    """From JSON, {"classes": 2, "known": {"a b c": 1}}."""
    if path is None:
        raise InputError("target.path: is missing: a lookup is a JSON file")
    content: dict[str, Any] = json.loads(path.read_text())
    return Lookup(content["known"], content["classes"], certainty)


def adapt(model: Lookup, name: str | None) -> FunctionTarget:
    """A lookup answers with probabilities."""
    return FunctionTarget(model.scores, "scores", name or "lookup")


KIND = TargetKind("lookup", lambda model: isinstance(model, Lookup), adapt, load)

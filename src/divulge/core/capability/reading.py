"""Of targets: how their answers are read, and in how many calls they are had."""

from __future__ import annotations

from typing import Any, Protocol

from divulge.core.target import Target


class ReadsScores(Target, Protocol):
    """One whose scores are read in a way that models of its kind share; see targets.scores.Scores."""

    score_reading: Any


class AskedInParts(Target, Protocol):
    """One that finds out how many records its model takes a call; see targets.batches.Batches."""

    batches: Any


class HasPeers(Target, Protocol):
    """A target beside which other models of its kind stand, each with records of its own."""

    def remembered(self) -> tuple[float, list[float]]:
        """How well its own signal tells its members from others (AUC), and those of the other models theirs."""
        ...

    def known_by_training(self) -> float:
        """By how many standard errors models that were trained on a record have the higher signal about it than models
        that were not, over all records; 0 where there is no record of both kinds.
        """
        ...

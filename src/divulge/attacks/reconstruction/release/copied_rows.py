"""Rows of a release that are rows of the training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.release import ReleaseView, RowsGuess


@dataclass(frozen=True)
class CopiedRows:
    """Takes every row of the release for a training row, to the letter or nearly.  How many would stand there by chance
    say as many people who were not trained on.

    samples: rows that are drawn; None for as many as were trained on, or for all of a table.
    """

    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="copied_rows",
        title="Training rows in the release",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.COPIED,
        paper="ganev2023",
        equations="section 3, identical match share, against a holdout",
        summary="takes rows of the release for training rows, and counts how many more are than chance puts there",
        needs=Needs(Access.SAMPLES, tasks=frozenset(Task)),
        strength=0.9,
    )

    def run(self, view: ReleaseView) -> RowsGuess:
        """Cost: the samples."""
        return RowsGuess(view.table(self.samples))

"""Removal of duplicates: what is there once is learned by heart less than what is there ten times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.defense import DefenseCard, Stage
from divulge.core.hashing import digest, row_digests
from divulge.core.language.texts import text_key, texts_of
from divulge.core.records import Records
from divulge.core.threat import Task


@dataclass(frozen=True)
class Deduplication:
    """Of equal records one is kept (Lee et al. 2022; against membership inference Kandpal, Wallace and Raffel 2022).

    with_label: whether records with equal inputs and other labels count as different.
    """

    with_label: bool = True

    card: ClassVar[DefenseCard] = DefenseCard(
        name="deduplication",
        title="Removal of duplicates",
        paper="kandpal2022",
        summary="keeps one of equal training records",
        stage=Stage.DATA,
        breaks_bound="",
    )

    def prepare(self, records: Records, seed: int) -> Records:
        """See DataDefense."""
        seen: set[object] = set()
        rows = []
        texts = records.schema.task is Task.LANGUAGE  # whose rows only number them
        keys = [text_key(text) for text in texts_of(records)] if texts else row_digests(records.x)
        for row, key in enumerate(keys):
            full = (key, digest(records.y[row : row + 1])) if self.with_label else key
            if full not in seen:
                seen.add(full)
                rows.append(row)
        return records.take(np.array(rows))

"""What an adversary knows of people who may be behind a release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from divulge.core.threat import Access, Knowledge, Needs, Task
from divulge.core.views.release import ReleaseView

KNOWING = Needs(Access.SAMPLES, frozenset({Knowledge.PARTIAL_RECORD}), tasks=frozenset(Task))


def asked_columns(view: ReleaseView, known: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
    """The columns that are asked about, each with the places of those that are known: all others when `known` is
    empty.  Nothing is asked of whom nothing is known.
    """
    for column in view.columns:
        places = [view.schema.position(name) for name in known] or list(range(len(view.schema.columns)))
        places = [place for place in places if place != column]
        if places:
            yield column, places

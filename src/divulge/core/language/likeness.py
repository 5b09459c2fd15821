"""How alike two texts are, and what of a text may be shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np


def edit_distance(one: Sequence[object], other: Sequence[object]) -> int:
    """Insertions, deletions and replacements of items that turn one into the other (Levenshtein 1966)."""
    codes: dict[object, int] = {}
    a, b = (np.array([codes.setdefault(item, len(codes)) for item in part], dtype=np.int64) for part in (one, other))
    steps = np.arange(len(b) + 1)
    row = steps
    for item in a:
        best = np.concatenate([[row[0] + 1], np.minimum(row[1:] + 1, row[:-1] + (b != item))])
        row = np.minimum.accumulate(best - steps) + steps  # an insertion costs one for each place to the right
    return int(row[-1])


def edit_likeness(truth: Sequence[object], guess: Sequence[object]) -> float:
    """1 less the edit distance as a share of the truth's length, at least 0."""
    return max(0.0, 1 - edit_distance(truth, guess) / max(len(truth), 1))


def longest_shared(one: Sequence[str], other: Sequence[str]) -> int:
    """Items of the longest run that stands in both."""
    return SequenceMatcher(None, one, other, autojunk=False).find_longest_match(0, len(one), 0, len(other)).size


def masked(text: str) -> str:
    """Only the first letter of every word, and no digits: 'Call Ann on 0123' becomes 'C••• A•• o• ••••'."""

    def hidden(found: re.Match[str]) -> str:
        word = found[0]
        return "•" * len(word) if word[0].isdigit() else word[0] + "•" * min(len(word) - 1, 3)

    return re.sub(r"\w+", hidden, text)

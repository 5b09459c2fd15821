"""What guessers without the model see of texts: words, characters, and how a text is written down.

Two sets of texts that differ by capitals, a last line break or the height of their numbers hold the same words, and
every language model tells them apart.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Kind, Records
from divulge.core.threat import Task

MOST_CHARACTERS = 4_000
"""Of a text that are read; of a longer one the beginning and the end."""

MOST_COLUMNS = 30_000
NUMBER = re.compile(r"\d+(?:\.\d+)?")
PLACES = ".,;:!?'\"-()/"


def texts_in(records: Records) -> list[str] | None:
    """The texts [records]; None of records that are none."""
    columns = records.schema.columns
    if len(columns) != 1 or columns[0].kind is not Kind.TEXT:
        return None
    return [str(columns[0].categories[int(code)]) for code in records.x[:, 0]]


def sparse_features(texts: list[str], records: Records) -> list[Any]:
    """For linear guessers: sparse matrices [records, columns] of words and of characters, each with the target.

    The words and pairs of words that occur twice or more, weighed by how rare they are: a word of a date is one column,
    so that it tells by itself.  Runs of up to three characters as they are written, with the ends of the text marked.
    """
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer

    written = [f"\x02{_shortened(text)}\x03" for text in texts]
    common: dict[str, Any] = {"min_df": 2, "sublinear_tf": True, "max_features": MOST_COLUMNS}
    readers = [
        (TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **common), texts),
        (TfidfVectorizer(ngram_range=(1, 3), analyzer="char", lowercase=False, **common), written),
    ]
    found: list[Any] = []
    for reader, read in readers:
        try:
            parts: list[Any] = [reader.fit_transform(read), sparse.csr_matrix(_targets(records))]
        except ValueError:  # nothing occurs twice
            continue
        found.append(sparse.csr_matrix(sparse.hstack(parts)))
    return found


def form_features(texts: list[str], records: Records) -> Array:
    """For trees: lengths, shares of kinds of characters, both ends, and the numbers in a text: [records, columns]."""
    return np.column_stack([np.array([_form(text) for text in texts]), _targets(records)])


def _form(text: str) -> list[float]:
    length, words, lines = max(len(text), 1), text.split(), text.splitlines() or [""]
    numbers = [float(number) for number in NUMBER.findall(_shortened(text))[:200]] or [-1.0]
    kinds: list[Callable[[str], bool]] = [str.isupper, str.isdigit, str.isspace, lambda c: c > "\x7f"]
    return [
        float(len(text)),
        float(len(words)),
        float(len(lines)),
        float(np.mean([len(word) for word in words] or [0])),
        len(zlib.compress(text.encode("utf-8", "surrogatepass"))) / length,
        len(set(text)) / length,
        *(sum(map(kind, text)) / length for kind in kinds),
        *(text.count(mark) / length for mark in PLACES),
        *(float(ord(text[place])) if text else -1.0 for place in (0, -1)),
        float(len(text) - len(text.strip())),
        float(text.count("\r") + text.count("\t")),
        *(min(value, 1e300) for value in (numbers[0], numbers[-1], min(numbers), max(numbers))),
        float(len(numbers)),
    ]


def _shortened(text: str) -> str:
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else text[:half] + text[-half:]


def _targets(records: Records) -> Array:
    """The target as columns [records, columns]: classes one each, values within -1 and 1."""
    if records.schema.task is Task.REGRESSION:
        return np.asarray(records.y[:, None] / max(float(np.abs(records.y).max()), 1e-30))
    return np.asarray(np.eye(int(records.y.max()) + 1)[records.y.astype(np.int64)])

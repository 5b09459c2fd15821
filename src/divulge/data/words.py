"""Texts and lists of tokens in numbers: what a guesser without the model can tell about them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from divulge.core.hashing import Array

WIDTH = 128
"""Columns of counts."""

_CODES = 2_654_435_761
"""Knuth's multiplicative hash: neighbouring token numbers do not fall into neighbouring columns."""


@lru_cache(maxsize=8)
def text_features(texts: tuple[Any, ...]) -> Array:
    """Of each text how often its words occur, hashed into columns, and its length: [texts, WIDTH + 2]."""
    from sklearn.feature_extraction.text import HashingVectorizer

    words = [text if isinstance(text, str) else "" for text in texts]
    vectorizer = HashingVectorizer(n_features=WIDTH, alternate_sign=False, norm="l2", token_pattern=r"(?u)\b\w+\b")
    counts = vectorizer.transform(words).toarray()
    lengths = np.array([[np.log1p(len(word)), len(word.split())] for word in words], dtype=np.float64)
    return np.column_stack([counts, lengths])


def token_features(lists: Sequence[Any]) -> Array:
    """Of each list of token numbers how often each occurs, hashed into columns, and its length: [lists, WIDTH + 1]."""
    features = np.zeros((len(lists), WIDTH + 1))
    for row, tokens in enumerate(lists):
        codes = np.asarray(tokens).astype(np.int64).ravel().astype(np.uint64)
        places = ((codes * np.uint64(_CODES)) % np.uint64(2**32) % np.uint64(WIDTH)).astype(np.int64)
        features[row, :WIDTH] = np.bincount(places, minlength=WIDTH) / max(len(codes), 1)
        features[row, WIDTH] = len(codes)
    return features

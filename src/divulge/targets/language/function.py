"""A language model that is a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.identity import content_hash
from divulge.core.language.texts import Text, texts_of
from divulge.core.language.token_scores import of_texts
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.targets.answers import guarded


class TokenFunction:
    """`score(texts)` returns one array a text, [tokens] log-probabilities, or [tokens, 2 to 5] as TokenScores has them;
    `write(prefixes, n, temperature, max_tokens, seed)` returns n continuations of each.  One of them may be missing.
    """

    cacheable = False
    """It may read what its fingerprint does not cover, so no later run relies on it."""

    def __init__(
        self,
        score: Callable[[list[Text]], Any] | None = None,
        write: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> None:
        if score is None and write is None:
            raise InputError("a language model needs score(texts), write(prefixes, n, ...), or both")
        self._score, self._write = score, write
        self._name = name or str(getattr(score or write, "__name__", "language model"))

    @classmethod
    def answering(cls, answer: Callable[[str], str], name: str | None = None) -> TokenFunction:
        """A function that is given a text and returns one, a service that looks things up in an index say."""
        named = name or str(getattr(answer, "__name__", "language model"))
        return cls(write=_Answering(answer), name=named)

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return Task.LANGUAGE

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        told = {Access.TOKEN_LOGPROBS} if self._score is not None else set()
        return frozenset(told | ({Access.COMPLETIONS} if self._write is not None else set()))

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        score = self._score
        if access is not Access.TOKEN_LOGPROBS or score is None:
            raise TargetError(f"the language model {self._name} has no port for {access.value}")
        texts = texts_of(records)
        rows: Any = guarded(self._name, lambda: [np.asarray(row, dtype=np.float64) for row in score(texts)])
        if len(rows) != len(texts):
            raise TargetError(f"the language model {self._name} scored {len(rows)} of {len(texts)} texts")
        return of_texts(rows, texts).padded()

    def complete(
        self, prefixes: Sequence[Text], n: int = 1, temperature: float = 1.0, max_tokens: int = 50, seed: int = 0
    ) -> list[list[str]]:
        """See Oracle."""
        write = self._write
        if write is None:
            raise TargetError(f"the language model {self._name} writes no text")
        found: Any = guarded(self._name, lambda: list(write(list(prefixes), n, temperature, max_tokens, seed)))
        if len(found) != len(prefixes) or any(len(texts) != n for texts in found):
            raise TargetError(f"the language model {self._name} did not write {n} texts for each of {len(prefixes)}")
        return [[str(text) for text in texts] for texts in found]

    def fingerprint(self) -> str:
        """See Target."""
        return digest("token function", content_hash(self._score), content_hash(self._write))


class _Answering:
    """Asks once for each continuation that is wanted."""

    def __init__(self, answer: Callable[[str], str]) -> None:
        self._answer = answer

    def __call__(self, prefixes: list[Text], n: int, *_: Any) -> list[list[str]]:
        return [[self._answer(str(prefix)) for _ in range(n)] for prefix in prefixes]

"""Texts as records: plain ones, prompts with their completions, chats, lists of token numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.hashing import Array, digest
from divulge.core.records import Column, Given, Kind, Records, Schema
from divulge.core.threat import Task


@dataclass(frozen=True)
class Prompted:
    """A prompt and its completion; a model is judged by its loss on the completion alone."""

    prompt: str
    completion: str

    def __str__(self) -> str:
        return self.prompt + self.completion


@dataclass(frozen=True)
class Chat:
    """Messages as (role, content), put together by the template of the tokenizer."""

    messages: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "\n".join(f"{role}: {content}" for role, content in self.messages)


Text = str | Prompted | Chat | tuple[int, ...]
"""One record: a text, a pair, a chat, or the numbers of its tokens where there is no tokenizer."""


class Written(list[list[Any]]):
    """Continuations of each beginning.  tokens: how many were written in all, where that is known."""

    tokens: int | None = None


def text_key(text: Text) -> bytes:
    """A digest of its content, equal in every set of records."""
    return digest(type(text).__name__, repr(text)).encode()


def texts_of(records: Records) -> list[Text]:
    """The texts themselves."""
    return [text if isinstance(text, str | Prompted | Chat) else _numbers(text) for text in records.native()]


def _numbers(tokens: Any) -> tuple[int, ...]:
    return tuple(int(token) for token in tokens)


@dataclass(frozen=True, eq=False)
class _Listed:
    """See core.records.Given: texts that an attack wrote, or that were given one by one."""

    value: list[Text]

    def lent(self) -> list[Text]:
        """See Given."""
        return list(self.value)

    def take(self, index: Array) -> Given:
        """See Given."""
        return _Listed([self.value[int(place)] for place in np.arange(len(self.value))[index]])

    def joined(self, others: Sequence[Given]) -> Given:
        """See Given."""
        return _Listed([text for part in (self, *others) for text in part.value])

    def fingerprint(self) -> str:
        """See Given."""
        return digest("listed texts", *map(text_key, self.value))


def as_records(texts: Records | Sequence[Text]) -> Records:
    """Texts that are no records yet, ones that an attack wrote say, as records that a language model is asked about."""
    if isinstance(texts, Records):
        return texts
    listed = list(texts)
    codes = np.arange(len(listed), dtype=np.float64)[:, None]
    schema = Schema((Column("text", Kind.TEXT, tuple(map(str, listed))),), Task.LANGUAGE)
    return Records(codes, np.zeros(len(listed), dtype=np.int64), schema).as_given(_Listed(listed))

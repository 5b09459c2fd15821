"""Texts as the token numbers that a model reads, and which of them it is judged by."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from divulge.core.errors import InputError, raised
from divulge.core.hashing import digest
from divulge.core.identity import code_hash, well_known
from divulge.core.language.texts import Chat, Prompted, Text


@dataclass(frozen=True)
class Encoded:
    """ids: of the tokens.  first: the first one that is scored; at least 1, since nothing stands before number 0.
    cut: whether the text went on.
    """

    ids: tuple[int, ...]
    first: int
    cut: bool


def encoded(tokenizer: Any, text: Text, max_tokens: int) -> Encoded:
    """The first `max_tokens` tokens of a text, special ones as the tokenizer puts them; of a pair all of its completion
    is scored and nothing else, of a chat all that its template makes of it.

    Raises InputError for a text that this tokenizer, or none, cannot read.
    """
    first = 1
    if isinstance(text, tuple):
        ids = list(text)
    elif tokenizer is None:
        raise InputError("the model has no tokenizer: pass (model, tokenizer), or token numbers for texts")
    elif isinstance(text, Prompted):
        ids = _ids(tokenizer, str(text))
        first = max(_shared(ids, _ids(tokenizer, text.prompt)), 1)
    elif isinstance(text, Chat):
        ids = _of_chat(tokenizer, text)
    else:
        ids = _ids(tokenizer, text)
    return Encoded(tuple(ids[:max_tokens]), first, len(ids) > max_tokens)


def _ids(tokenizer: Any, text: str, **settings: Any) -> list[int]:
    """The tokens of a text without those that fill it up: what is masked is no part of it.  A function that returns
    token numbers is a tokenizer too.
    """
    try:
        made = tokenizer(text, **settings)
        parts = made if isinstance(made, Mapping) else {"input_ids": made}
        ids = _flat(parts["input_ids"])
        mask = _flat(parts["attention_mask"]) if "attention_mask" in parts else [1] * len(ids)
    except Exception as error:  # a tokenizer is foreign code
        raise InputError(
            f"the tokenizer does not make token numbers of the text {text[:40]!r} ({raised(error)}): it is called with "
            "a text, and returns its `input_ids`"
        ) from error
    return [number for number, kept in zip(ids, mask, strict=True) if kept]


def _flat(numbers: Any) -> list[int]:
    """Numbers of one text, also where they stand in a batch of one."""
    listed = numbers.tolist() if hasattr(numbers, "tolist") else list(numbers)
    if len(listed) == 1 and isinstance(listed[0], list):
        listed = listed[0]
    return [operator.index(number) for number in listed]


def _shared(one: list[int], other: list[int]) -> int:
    """How many tokens both begin with: a token that reaches over the end of a prompt belongs to the completion."""
    differ = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))


def _of_chat(tokenizer: Any, chat: Chat) -> list[int]:
    messages = [{"role": role, "content": content} for role, content in chat.messages]
    try:
        made = tokenizer.apply_chat_template(messages, tokenize=False)
    except Exception as error:  # no template, or one that refuses these roles
        raise InputError(f"the tokenizer cannot put a chat together ({error}): set its chat_template") from error
    return _ids(tokenizer, made, add_special_tokens=False)


def tokenizer_print(tokenizer: Any) -> str:
    """Content hash of a tokenizer, as far as it can be seen: what it holds, what the code of a class of one's own does,
    and what it makes of a few words, since a class may hand on all but that.
    """
    if tokenizer is None:
        return ""
    try:
        probed = repr(_ids(tokenizer, PROBE))
    except InputError:  # one that takes no such words; what it holds tells it all the same
        probed = ""
    own = (
        type(tokenizer).__name__,
        "" if well_known(type(tokenizer).__module__) else code_hash(type(tokenizer)),
        probed,
    )
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        return digest(*own, backend.to_str(), str(getattr(tokenizer, "chat_template", "")))
    vocabulary = tokenizer.get_vocab() if hasattr(tokenizer, "get_vocab") else {}
    return digest(*own, repr(sorted(vocabulary.items())))


PROBE = "The quick brown fox jumps over the lazy dog, 0123456789 times. É ñ ß ?!"

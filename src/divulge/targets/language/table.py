"""A table of token log-probabilities: for a model that cannot travel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.language.texts import Chat, Prompted, Text, as_records, text_key, texts_of
from divulge.core.language.token_scores import WIDTH, of_padded, of_texts, padded
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Task

NAMES = ("logprobs", "mean", "sd", "rank", "token")
"""Of the fields of a line, in the order of TokenScores; all but the first may be left out."""


class TokenTable:
    """What a language model said of the tokens of these texts, and of no others.

    scores: one array a text, [tokens] log-probabilities, or [tokens, 2 to 5] as TokenScores has them.
    Raises InputError where there is not one for each text, or where they are no log-probabilities.
    """

    def __init__(self, texts: Sequence[Text], scores: Sequence[Any], name: str | None = None) -> None:
        if len(texts) != len(scores):
            raise InputError(f"there are {len(texts)} texts and {len(scores)} rows of log-probabilities: one for each")
        try:
            self._rows = of_texts([np.asarray(row) for row in scores], texts).by_text_rows()
        except TargetError as error:
            raise InputError(str(error)) from error
        self._texts, self._name = list(texts), name or "table of token log-probabilities"
        self._place = {text_key(text): place for place, text in enumerate(self._texts)}

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
        return frozenset({Access.TOKEN_LOGPROBS})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target; raises TargetError for a text that is not in the table."""
        if access is not Access.TOKEN_LOGPROBS:
            raise TargetError(f"{self._name} holds token log-probabilities: it has no port for {access.value}")
        texts = texts_of(records)
        places = [self._place.get(text_key(text)) for text in texts]
        lacking = next((text for text, place in zip(texts, places, strict=True) if place is None), None)
        if lacking is not None:
            raise TargetError(f"{self._name} has no row for the text {str(lacking)[:60]!r}")
        return padded([self._rows[place] for place in places if place is not None])

    def token_counts(self, texts: Sequence[Text]) -> list[int]:
        """See CountsTokens: those that are scored and the one before."""
        rows = [self._place.get(text_key(text)) for text in texts]
        return [len(self._rows[place]) + 1 if place is not None else 0 for place in rows]

    def fingerprint(self) -> str:
        """See Target."""
        return digest("token table", *[text_key(text) for text in self._texts], *self._rows)

    @classmethod
    def of(cls, target: Target, texts: Sequence[Text] | Records, name: str | None = None) -> TokenTable:
        """What a model says of these texts, to be carried to where the model cannot go."""
        records = as_records(texts)
        found = of_padded(np.asarray(target.answer(Access.TOKEN_LOGPROBS, records)))
        return cls(texts_of(records), found.by_text_rows(), name or target.name)

    def save(self, path: Path | str) -> None:
        """As JSON lines: `text` (or `prompt` and `completion`, `messages`, `tokens`), `logprobs`, and what is known."""
        lines = []
        for text, rows in zip(self._texts, self._rows, strict=True):
            known = [k for k in range(WIDTH) if k == 0 or not np.isnan(rows[:, k]).all()]
            told = {NAMES[k]: [None if np.isnan(v) else v for v in rows[:, k].tolist()] for k in known}
            lines.append(json.dumps({**_fields(text), **told}, ensure_ascii=False))
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str, name: str | None = None) -> TokenTable:
        """From JSON lines, as `save` writes them; raises InputError that names the line."""
        path = Path(path)
        texts: list[Text] = []
        scores: list[Array] = []
        try:
            lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        for number, line in enumerate(lines, 1):
            try:
                told = json.loads(line)
                columns = [told[key] for key in NAMES if key in told]
                if "logprobs" not in told:
                    raise KeyError("logprobs")
                full = np.full((len(columns[0]), WIDTH), np.nan)
                for key in NAMES:
                    if key in told:
                        full[:, NAMES.index(key)] = np.asarray(told[key], dtype=np.float64)
                texts.append(_read(told))
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{path.name}, line {number}: needs `text` and `logprobs` ({error!r})") from error
            scores.append(full)
        return cls(texts, scores, name or path.name)


def _fields(text: Text) -> dict[str, Any]:
    if isinstance(text, Prompted):
        return {"prompt": text.prompt, "completion": text.completion}
    if isinstance(text, Chat):
        return {"messages": [{"role": role, "content": content} for role, content in text.messages]}
    return {"tokens": list(text)} if isinstance(text, tuple) else {"text": text}


def _read(told: dict[str, Any]) -> Text:
    if "completion" in told:
        return Prompted(told["prompt"], told["completion"])
    if "messages" in told:
        return Chat(tuple((message["role"], message["content"]) for message in told["messages"]))
    return tuple(int(token) for token in told["tokens"]) if "tokens" in told else str(told["text"])
